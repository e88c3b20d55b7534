# islet: what the inverter was granted of late; in viper.
# GPL-3.0-or-later
#
# The loosest grant of each half second, standing still included. The same text runs on CPython.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32

BUCKET_MS = const(500)
BUCKETS = const(32)  # power of two: 16 s of grants, above 8 s response + 2 s age + latency
LONGEST_MS = const(15_000)  # what the buckets hold

# how the array is laid out
G_NOW = const(0)  # the bucket that is being filled
G_NOW_MS = const(1)
G_LOW = const(2)  # W: of the last step; of the last `since`
G_HIGH = const(3)
G_LOWS = const(4)  # [bucket]
G_HIGHS = const(36)
G_SIZE = const(68)


@micropython.viper
def enter(grants, commands, device: int, dt_ms: int):
    """The grant in force during the last step: G_LOW, G_HIGH, and into its bucket. A wish may
    exclude zero; standing still always obeys."""
    g = ptr32(grants)
    c = ptr32(commands)
    low_w = c[im.GRANT_LOW + device]
    high_w = c[im.GRANT_HIGH + device]
    if low_w > 0:
        low_w = 0
    if high_w < 0:
        high_w = 0
    g[G_LOW] = low_w
    g[G_HIGH] = high_w
    i = g[G_NOW]
    now_ms = g[G_NOW_MS] + dt_ms
    if now_ms >= BUCKET_MS:
        now_ms = 0
        i = (i + 1) & (BUCKETS - 1)
        g[G_NOW] = i
        g[G_LOWS + i] = low_w
        g[G_HIGHS + i] = high_w
    g[G_NOW_MS] = now_ms
    if low_w < g[G_LOWS + i]:
        g[G_LOWS + i] = low_w
    if high_w > g[G_HIGHS + i]:
        g[G_HIGHS + i] = high_w


@micropython.viper
def since(grants, ms: int):
    """G_LOW and G_HIGH become the loosest of the last so many ms."""
    g = ptr32(grants)
    i = g[G_NOW]
    if ms > LONGEST_MS:
        ms = LONGEST_MS
    ms -= g[G_NOW_MS]
    low_w = g[G_LOWS + i]
    high_w = g[G_HIGHS + i]
    while ms > 0:
        i = (i - 1) & (BUCKETS - 1)
        if g[G_LOWS + i] < low_w:
            low_w = g[G_LOWS + i]
        if g[G_HIGHS + i] > high_w:
            high_w = g[G_HIGHS + i]
        ms -= BUCKET_MS
    g[G_LOW] = low_w
    g[G_HIGH] = high_w
