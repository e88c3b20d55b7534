# islet: which records of a sector may be the newest of their topic, in viper.
# GPL-3.0-or-later
#
# A start looks at some 3,500 records, and control waits for it. The same text runs on CPython.

from firmware.base.viper import micropython, ptr8, ptr32


@micropython.viper
def find(data, size: int, end: int, magic: int, newest) -> int:
    """Where the last record before `end` begins whose topic has no newer one, -1 when there is
    none. `newest`: how many, then of each its topic and sequence."""
    d = ptr8(data)
    known = ptr32(newest)
    last = 2 * known[0]
    at = end - size
    while at >= 0:
        if d[at] == magic:
            topic = d[at + 1] | d[at + 2] << 8 | d[at + 3] << 16
            sequence = d[at + 4] | d[at + 5] << 8 | d[at + 6] << 16 | (d[at + 7] & 63) << 24
            i = 1
            while i < last and known[i] != topic:
                i += 2
            if i > last or known[i + 1] < sequence:
                return at
        at -= size
    return -1
