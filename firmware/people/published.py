# islet: the published state as text, written once for all who want it.
# GPL-3.0-or-later
#
# One buffer holds the whole of it: made when somebody first asks, and kept. The page sends all of
# it, MQTT its parts by topic. It is written in slices, so that others run in between, and is of
# one moment (State.take). A reader copies a kB at a time. A new text waits for those who read, but
# for seconds at most: who is slower is cut off, and never gets half of one and half of another.
#
# What is larger than the buffer may become lacks rows, and says how many.

import json

from firmware.base.clock import sleep_ms, ticks_diff, ticks_ms
from firmware.base.viper import const

OF_TOPICS = ("devices", "limits", "points")  # sections whose rows are also published one by one
MOST_BYTES = 60_000  # a chip's heap ends before
_SPARE = const(64)  # for the ends of what is open
_STEP = const(512)
_CHUNK = const(1024)
_TICK_MS = const(20)
_PATIENCE_MS = const(3_000)  # for all who read
_PAUSE_MS = const(1_000)  # of one who reads
_SAME_MS = const(1_000)  # so old a text is good enough if nothing worth telling has changed


class Reader:
    """A piece of the text, a kB at a time; OSError when it has been written anew meanwhile."""

    def __init__(self, published):
        self._published = published
        self._number = published.number
        self.begin(0, published.size)

    def begin(self, at, end):
        """Go on with these bytes."""
        self._at, self._end = at, end
        self.read_ms = ticks_ms()

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self._at >= self._end:
            raise StopAsyncIteration
        published = self._published
        if self._number != published.number:
            raise OSError("read too slowly")
        at = self._at
        self._at = min(at + _CHUNK, self._end)
        self.read_ms = ticks_ms()
        return published.text[at : self._at]

    async def aclose(self):
        readers = self._published.readers
        if self in readers:
            readers.remove(self)


class Published:
    """The text of `state`, a State."""

    def __init__(self, state):
        self._state = state
        self.text = bytearray()
        self.size = 0
        self.main = 0  # where what is not of OF_TOPICS ends, but for its bracket
        self.places = {}  # (section, row), and section: where it begins and ends
        self.left_out = 0  # rows
        self.number = 0  # of the text that is written, or under way
        self.readers = []
        self._whole = 0  # number of the last that was ended
        self._writing = False
        self._signature = None
        self._taken_ms = 0

    async def read(self, signature=None):
        """A Reader of a text begun from now on; where a State.signature() is given, also
        of one that is there and was written when it was the same."""
        number = self.number + 1
        if (
            signature is not None
            and signature == self._signature
            and ticks_diff(ticks_ms(), self._taken_ms) <= _SAME_MS
        ):
            number -= 1
        while self._whole < number or self._writing:
            if self._writing:
                await sleep_ms(_TICK_MS)
            else:
                await self._write()
        reader = Reader(self)
        self.readers.append(reader)
        return reader

    async def _write(self):
        self._writing = True
        try:
            waited_ms = 0
            while waited_ms < _PATIENCE_MS and self._read():
                await sleep_ms(_TICK_MS)
                waited_ms += _TICK_MS
            self.readers = []
            self.number += 1
            self._signature = self._state.signature()
            self._taken_ms = ticks_ms()
            for _ in self.slices():
                await sleep_ms(0)
            self._whole = self.number
        finally:
            self._writing = False

    def _read(self):
        """Whether somebody is reading."""
        for reader in self.readers:
            if ticks_diff(ticks_ms(), reader.read_ms) < _PAUSE_MS:
                return True
        return False

    def slices(self):
        """Write it; how far, after each slice."""
        state, places = self._state.take(), self.places
        yield 0
        if not self.text:  # in one go, for it lasts
            size = _STEP
            for piece in state.pieces():
                size += len(piece)
                yield 0
            # what it says of an ordinary day, a fault and a lease, varies by less than an eighth
            self.text = bytearray(min(size + size // 8, MOST_BYTES))
        places.clear()
        self.left_out = at = 0
        for piece in state.pieces(OF_TOPICS):
            at = self._put(at, piece)
            yield at
        self.main = at = at - 1
        for section in OF_TOPICS:
            at = self._put(at, ',"' + section + '":{', 0)
            first, lead = at - 1, ""
            for key, row in state.rows_of(section):
                before = at
                try:
                    begin = at = self._put(at, lead + json.dumps(key) + ":")
                    for piece in state.pieces_of(section, row):
                        at = self._put(at, piece)
                        yield at
                except MemoryError:
                    at = before
                    self.left_out += 1
                    continue
                places[section, row] = begin, at
                lead = ","
            at = self._put(at, "}", 0)
            places[section] = first, at
        if self.left_out:
            at = self._put(at, ',"left_out":' + str(self.left_out), 0)
        self.size = self._put(at, "}", 0)

    def _put(self, at, piece, spare=_SPARE):
        """Where it ends; MemoryError where there is no room."""
        data = piece.encode()
        end = at + len(data)
        more = end + spare - len(self.text)
        if end + spare > MOST_BYTES:
            raise MemoryError
        if more > 0:
            self.text.extend(bytes(max(more, _STEP)))
        memoryview(self.text)[at:end][:] = data  # of the text itself all behind it would be moved
        return end
