# islet: timers in ms that saturate: none wraps, and none becomes a boxed integer.
# GPL-3.0-or-later
#
# In viper, because these are the most frequent calls of a step. A kernel does the same in its own
# text, and so does a loop over all rows that counts its microseconds.

from firmware.base.viper import const, micropython

MOST_MS = const(1_000_000_000)  # AGE_MAX_MS of the image; with a step below 2**31


@micropython.viper
def grown(ms: int, dt_ms: int) -> int:
    """dt_ms more, at most MOST_MS."""
    ms += dt_ms
    if ms > MOST_MS:
        return MOST_MS
    return ms


@micropython.viper
def shrunk(ms: int, dt_ms: int) -> int:
    """dt_ms less, at least 0."""
    if ms > dt_ms:
        return ms - dt_ms
    return 0


@micropython.viper
def longer(holds, ms: int, dt_ms: int) -> int:
    """For how long something has held; 0 while it does not."""
    if not holds:
        return 0
    ms += dt_ms
    if ms > MOST_MS:
        return MOST_MS
    return ms


@micropython.viper
def lasting(holds, ms: int, dt_ms: int) -> int:
    """The same from the first time that it was seen: -1 while it does not hold, 0 at first."""
    if not holds:
        return -1
    if ms < 0:
        return 0
    ms += dt_ms
    if ms > MOST_MS:
        return MOST_MS
    return ms
