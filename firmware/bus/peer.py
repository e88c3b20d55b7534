# islet: who is asked on a line, how that went, and what is common to those who ask.
# GPL-3.0-or-later

from array import array

from firmware.base.clock import ticks_add, ticks_diff, ticks_ms
from firmware.bus import pdu
from firmware.bus.registers import signed16, unsigned16

OK, TIMEOUT, CRC, EXCEPTION, FOREIGN, SHAPE, NOISE, BUSY, LINE = range(9)
CODE_NAMES = (
    "ok",
    "timeout",  # nothing of this device was heard
    "crc",  # its answer was damaged
    "exception",  # it refused; Peer.exception says why
    "foreign",  # another device's answer was heard
    "shape",  # its answer had another function, byte count or length
    "noise",  # bytes that are no frame
    "busy",  # the line never fell silent
    "line",  # the UART itself failed, or there is no connection
)

UNHEARD = (TIMEOUT, FOREIGN, SHAPE, NOISE)
_REST_MS = 500  # after one time-out; doubled with each of the next three
_DEAD, _DEAD_MS = 8, 10_000  # who has missed so many, half a minute, is tried so often
_PAUSE_LEAST_MS, _PAUSE_MOST_MS = 10, 1000
_TIMEOUT_MOST_MS = 2000
_MANY = 1_000_000_000
_SPAN = 32  # requests, after which half of what was is forgotten
HEARD = 3  # so often another master or an echo was heard of late: no accident


class Peer:
    """One device on the line: its address, its patience, and how it has behaved."""

    def __init__(self, name, address, timeout_ms):
        self.name = name
        self.address = address
        self.timeout_ms = timeout_ms  # from the request's end to the answer's first byte
        self.counts = array("i", [0] * len(CODE_NAMES))
        self.recent = bytearray(len(CODE_NAMES))  # the same of its last requests (diagnosis)
        self._span = _SPAN
        self.code = OK  # of the last request
        self.exception = 0  # of the last refusal
        self.silences = 0  # time-outs in a row
        self.turnaround_ms = 0  # it usually takes, measured; saves looking too early
        self.pause_ms = 0  # it needs between its answer and the next request, learned
        self.writes = 0  # requests to write; saturates
        self.taken_ms = 0  # of the line, of late (Line)
        self.tries = 0  # time-outs in a row, or since it was woken
        self._rest_until = 0
        self._answered = ticks_ms()

    def note(self, code, now):
        """Remember the outcome of a request."""
        self.code = code
        self.count(code)
        self._span -= 1
        if not self._span:
            self._span = _SPAN
            for i in range(len(self.recent)):
                self.recent[i] >>= 1
        if code in UNHEARD or code == LINE:  # its answer is still to come, or never will
            rest_ms = _REST_MS << min(self.tries, 3) if self.tries < _DEAD else _DEAD_MS
            self._rest_until = ticks_add(now, rest_ms)
            self.tries = min(self.tries + 1, _DEAD)
            self.silences = min(self.silences + 1, 1000)
        elif code < BUSY:
            self.silences = self.tries = 0
            self._answered = now

    def count(self, code):
        if self.counts[code] < _MANY:
            self.counts[code] += 1
        if self.recent[code] < 255:
            self.recent[code] += 1

    def rest_until(self, ms):
        """When it is next spoken to, while it is silent."""
        self._rest_until = ms

    def wake(self, now):
        """There is something it has to hear: its rest ends, and the next ones begin short."""
        self.tries = 0
        self._rest_until = now

    def hurried(self):
        """It answered after a rest and was deaf to what followed: it needs a pause."""
        self.pause_ms = min(max(2 * self.pause_ms, _PAUSE_LEAST_MS), _PAUSE_MOST_MS)

    def late(self):
        """Its answer came when nobody waited any more."""
        self.timeout_ms = max(min(2 * self.timeout_ms, _TIMEOUT_MOST_MS), self.timeout_ms)

    def pausing_ms(self, now):
        """For how long it should not be spoken to after its last answer."""
        return self.pause_ms - ticks_diff(now, self._answered) if self.pause_ms else 0

    def resting(self, now):
        """Whether it should be left alone after time-outs."""
        return self.silences > 0 and ticks_diff(self._rest_until, now) > 0


class Master:
    """What a device is asked by, on a wire or over a connection (tcp.py). Each request returns a
    code; the registers of a good answer are read from `frame`, from `data()` on."""

    sent_ms = 0  # ticks when the last request started
    stray = 0  # bytes that came when nobody waited for them
    frame = b""  # a bytearray of its own
    echo = False  # what is sent comes back
    others = 0  # requests of another master, of late
    trouble = None  # of a connection: what was wrong last
    log = None  # Frames, while somebody wants them

    def fade(self):
        """Now and then: what was heard long ago is forgotten."""

    async def _transact(self, peer, request):
        raise NotImplementedError

    def data(self):
        """Where the registers of the last answer start in `frame`."""
        raise NotImplementedError

    async def read(self, peer, function, register, count):
        return await self._transact(peer, pdu.read(function, register, count))

    async def write(self, peer, register, values):
        peer.writes = min(peer.writes + 1, _MANY)
        return await self._transact(peer, pdu.write(register, values))

    async def write_single(self, peer, register, value):
        peer.writes = min(peer.writes + 1, _MANY)
        return await self._transact(peer, pdu.write_single(register, value))

    def unsigned16(self, i):
        """Register i of the last answer."""
        return unsigned16(self.frame, self.data() + 2 * i)

    def signed16(self, i):
        return signed16(self.frame, self.data() + 2 * i)
