# islet: the last frames of a line, raw, for a report of a fault; there is none unless asked for.
# GPL-3.0-or-later
#
# Two halves: where the newer one is full the older one is forgotten, so that nothing is moved. No
# secret is on a line: Modbus has none, and what is typed into a device's own page is not here.

from struct import pack_into, unpack_from

from firmware.base.clock import ticks_diff, ticks_ms

MOST_BYTES, LEAST_BYTES = 16_384, 1_024
_HEAD, _SIZE = ">IBH", 7  # ticks, 1 sent or 0 heard, bytes
_MINUTE_MS = 60_000


class Frames:
    """What went over a line, at most `size` bytes of it."""

    def __init__(self, size):
        half = size // 2
        self._older, self._older_end = bytearray(half), 0
        self._newer, self._newer_end = bytearray(half), 0

    def put(self, sent, data, start, end):
        """Bytes start to end of data."""
        at = self._newer_end
        after = at + _SIZE + end - start
        if after > len(self._newer):
            self._older, self._newer = self._newer, self._older
            self._older_end = at
            at, after = 0, _SIZE + end - start
        pack_into(_HEAD, self._newer, at, ticks_ms(), sent, end - start)
        self._newer[at + _SIZE : after] = memoryview(data)[start:end]
        self._newer_end = after

    def rows(self):
        """(age in ms, whether sent, bytes) of the last minute, oldest first."""
        now = ticks_ms()
        halves = (self._older, self._older_end), (self._newer, self._newer_end)
        for half, end in halves:
            at = 0
            while at < end:
                ticks, sent, size = unpack_from(_HEAD, half, at)
                at += _SIZE + size
                age_ms = ticks_diff(now, ticks)
                if 0 <= age_ms <= _MINUTE_MS:
                    yield age_ms, sent, bytes(half[at - size : at])


def made():
    """At most a quarter of what is free of the heap; None where that is too little."""
    size = MOST_BYTES
    try:
        from gc import mem_free  # not on CPython

        size = min(size, mem_free() // 4)
    except ImportError:
        pass
    while size >= LEAST_BYTES:
        try:
            return Frames(size)
        except MemoryError:  # not in one piece
            size //= 2
    return None


def asked(lines, payload):
    """`islet frames`, `islet frames on` and `off`, with a line's name behind it or for all: what
    is said to it, a document a frame."""
    word, _, only = payload.decode().strip().partition(" ")
    only = only.strip()
    if word not in ("", "on", "off") or (only and only not in lines):
        yield {"error": "on or off, and a line: " + ", ".join(lines)}
        return
    for name in lines:
        master = lines[name].rtu
        if only and name != only:
            continue
        if word:
            master.log = None  # before the next is made
            if word == "on":
                master.log = made()
            yield {"line": name, "kept": master.log is not None}
        elif master.log is None:
            yield {"line": name, "kept": False}
        else:
            yield from _shown(name, master)


def _shown(name, master):
    """None is kept meanwhile."""
    log, master.log = master.log, None
    try:
        for age_ms, sent, data in log.rows():
            way = "sent" if sent else "heard"
            yield {"line": name, "age_ms": age_ms, "way": way, "hex": data.hex()}
        yield {"line": name, "kept": True}
    finally:
        master.log = log
