# islet: how old control values grow on a line with a dead device, and how long a zero waits.
# GPL-3.0-or-later
"""A converter by SunSpec, two meters and one that is dead on one line, in virtual time:
characters, silences and turnarounds as on the wire. What a value may be old at most is the sum of
a round: all frames of the living with the silences before them, their turnarounds, one time-out,
10 ms. What a meter declares its values to be old before it is asked is not the line's."""

from __future__ import annotations

from collections.abc import Iterator

from tests_host.bus import aged
from tools.bench.table import Figure

LINES = ((9_600, "RS-485 at 9,600 baud"), (115_200, "RS-485 at 115,200 baud"), (0, "Modbus TCP"))


def measure(quick: bool) -> Iterator[Figure]:
    for baud, name in LINES:
        found = aged.measure(baud, 60 if quick else 600, 20 if quick else 200)
        dead_ms = found.sum_ms - found.frames_ms - found.turnarounds_ms - aged.MARGIN_MS
        whole = (
            f"≤ {found.sum_ms:.0f} ms: frames {found.frames_ms:.0f}, turnarounds"
            f" {found.turnarounds_ms:.0f}, a time-out {dead_ms:.0f}, {aged.MARGIN_MS}"
        )
        for value, ages in found.ages_ms.items():
            yield Figure(
                f"{name}: age of the {value}'s values",
                f"99 of 100 within {found.p99(value)} ms, {max(ages)} ms at most",
                whole,
                "",
                f"looked at every {aged.STEP_MS} ms; a device is dead and tried"
                f" {found.tries} times a minute",
            )
        yield Figure(
            f"{name}: a zero, from when the line is free",
            f"{max(found.zeros_ms):.1f} ms at most",
            "≤ 5 ms",
            "",
            f"{len(found.zeros_ms)} zeros asked for amid a transaction, which ends with its answer"
            " or time-out and 3.5 characters, or while the line falls silent for one that is"
            " chosen already, which goes first; on an idle line up to 20 ms more",
        )
