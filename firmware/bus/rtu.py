# islet: Modbus RTU master: one request and its answer, whatever the line does to it.
# GPL-3.0-or-later
#
# Nothing here blocks the loop: a request is written into the UART's buffer, and the task sleeps
# for the time the frames take on the wire, then looks every 2 ms. An answer is taken only if
# address, function, byte count (or the echoed fields of a write), length and CRC all fit; it may
# stand behind noise, an echo or another device's answer. What arrives when nobody waits is
# dropped, and silence of 3.5 characters precedes every request (Modbus over serial line, 2.5.1.1).
#
# A reply to a read names neither its registers nor its request: a late one would be taken for the
# next. So after a time-out we first ask for another number of registers, and believe the device
# again when that is answered: devices answer in order, so nothing older can follow. It also rests
# meanwhile, longer each time, so that a dead device does not eat the line.
#
# How much time a device needs is learned: one that answers when rested and is deaf to what follows
# at once gets a pause after each of its answers; one whose answer comes when nobody waits any more
# is waited for longer. What is configured is where learning begins.

from array import array

from firmware.base.clock import sleep_ms, ticks_add, ticks_diff, ticks_ms
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

_UNHEARD = (TIMEOUT, FOREIGN, SHAPE, NOISE)
_LOOK_MS = 2  # between looks at the UART while an answer is due
_GAP_MS = 20  # silence which ends a broken answer; a computer's pty delivers in lumps
_PATIENCE_MS = 200  # for the line to fall silent
_REST_MS = 500  # after one time-out; doubled with each of the next three
_PAUSE_LEAST_MS, _PAUSE_MOST_MS = 10, 1000
_TIMEOUT_MOST_MS = 2000
_MANY = 1_000_000_000
_FRAME = 256  # longest frame of Modbus RTU
_REQUEST = 24  # a read, a write of a few registers; a longer one makes room for itself
_ROOM = _FRAME + 64  # a frame, and what may precede it


class Peer:
    """One device on the line: its address, its patience, and how it has behaved."""

    def __init__(self, name, address, timeout_ms):
        self.name = name
        self.address = address
        self.timeout_ms = timeout_ms  # from the request's end to the answer's first byte
        self.counts = array("i", [0] * len(CODE_NAMES))
        self.code = OK  # of the last request
        self.exception = 0  # of the last refusal
        self.silences = 0  # time-outs in a row
        self.turnaround_ms = 0  # it usually takes, measured; saves looking too early
        self.pause_ms = 0  # it needs between its answer and the next request, learned
        self.writes = 0  # requests to write; saturates
        self._rest_until = 0
        self._answered = ticks_ms()

    def note(self, code, now):
        """Remember the outcome of a request."""
        self.code = code
        if self.counts[code] < _MANY:
            self.counts[code] += 1
        if code in _UNHEARD or code == LINE:  # its answer is still to come, or never will
            self._rest_until = ticks_add(now, _REST_MS << min(self.silences, 3))
            self.silences = min(self.silences + 1, 1000)
        elif code < BUSY:
            self.silences = 0
            self._answered = now

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


class Rtu(Master):
    """Master on a UART object with write(buf), any() and readinto(buf).

    char_bits counts start, data, parity and stop bits of a character (10 for 8N1, 11 for 8E1).
    echo: the transceiver returns what is sent.
    """

    def __init__(self, uart, baud, char_bits, echo=False):
        self.frame = bytearray(_ROOM)
        self.uart = uart
        self.echo = echo
        self._char_us = char_bits * 1_000_000 // baud + 1
        # 3.5 characters, at least 1.75 ms; one more because the clock counts whole milliseconds
        self._silence_ms = (max(self._char_us * 7 // 2, 1750) + 999) // 1000 + 1
        self._request = bytearray(_REQUEST)
        self._view = memoryview(self.frame)
        self._count = 0  # bytes in _frame
        self._first = 0  # where the accepted answer starts
        self._missing = 0  # bytes of an answer that has begun
        self._heard_ms = 0  # ticks when bytes were last seen
        self._heard_code = TIMEOUT
        self._missed = None  # the device whose answer did not come in time

    async def read(self, peer, function, register, count):
        if peer.silences:
            probe = 2 + 2 * (peer.silences & 3)  # another number each time; floats come in pairs
            probe = probe if probe != count else 10
            silences = peer.silences
            code = await self._transact(peer, pdu.read(function, register, probe))
            if code != OK:
                return code
            peer.silences = silences  # until what follows is answered as well
            code = await self._transact(peer, pdu.read(function, register, count))
            if code in _UNHEARD:
                peer.hurried()
            return code
        return await self._transact(peer, pdu.read(function, register, count))

    def data(self):
        return self._first + 3

    def fingerprint(self):
        """The CRC of the last answer: equal for equal registers."""
        size = 5 + self.frame[self._first + 2]
        return unsigned16(self.frame, self._first + size - 2)

    # --- one transaction ------------------------------------------------------------------

    async def _transact(self, peer, request):
        try:
            pause_ms = peer.pausing_ms(ticks_ms()) if peer.pause_ms else 0
            if pause_ms > 0:
                await sleep_ms(pause_ms)
            if await self._silence():
                size = self._send(peer.address, request)
                code = await self._answer(peer, request, size)
            else:
                code = BUSY
        except OSError:  # the UART is gone: a pty closed, a driver failed
            await sleep_ms(_PATIENCE_MS)
            code = LINE
        peer.note(code, ticks_ms())
        if code in _UNHEARD:
            self._missed = peer
        elif peer is self._missed:
            self._missed = None
        return code

    def _overdue(self, end):
        """Learn from the bytes up to `end` if they are the answer that was missed, or the wreck of
        one that ran into another's."""
        missed = self._missed
        if missed is None or not 5 <= end <= _FRAME:
            return
        whole = pdu.crc16(self.frame, 0, end) == 0
        if not whole or self.frame[0] == missed.address:
            missed.late()
            self._missed = None

    async def _silence(self):
        """Drop what is there and wait for 3.5 characters of silence; False if it never comes."""
        start = ticks_ms()
        while True:
            self._count = 0
            self._take()
            if self._count:
                self._overdue(self._count)
            self.stray = (self.stray + self._count) & 0xFFFFFF
            self._count = 0
            now = ticks_ms()
            idle_ms = ticks_diff(now, self._heard_ms)
            if idle_ms < 0 or idle_ms >= self._silence_ms:
                return True
            if ticks_diff(now, start) > _PATIENCE_MS:
                return False
            await sleep_ms(self._silence_ms - idle_ms)

    def _send(self, address, request):
        """Write the frame; return its size."""
        size = len(request) + 1
        if size + 2 > len(self._request):
            self._request = bytearray(_FRAME)
        frame = self._request
        frame[0] = address
        frame[1:size] = request
        crc = pdu.crc16(frame, 0, size)
        frame[size] = crc & 0xFF
        frame[size + 1] = crc >> 8
        self.sent_ms = ticks_ms()
        self.uart.write(memoryview(frame)[: size + 2])
        return size + 2

    async def _answer(self, peer, request, sent):
        """Wait for the answer to this request; return a code."""
        self._heard_code = TIMEOUT
        wire_ms = self._wire_ms(sent)
        reply_ms = self._wire_ms(pdu.reply_size(request))
        limit_ms = wire_ms + peer.timeout_ms + reply_ms + _LOOK_MS
        wait_ms = wire_ms + reply_ms
        if peer.turnaround_ms > _LOOK_MS:
            wait_ms += peer.turnaround_ms - _LOOK_MS
        while True:
            await sleep_ms(wait_ms)
            self._take()
            code = self._judge(peer, request, sent)
            now = ticks_ms()
            spent_ms = ticks_diff(now, self.sent_ms)
            if code == OK:
                took_ms = max(spent_ms - wire_ms - reply_ms, 0)
                peer.turnaround_ms = min((3 * peer.turnaround_ms + took_ms) // 4, 50)
                self._heard_ms = now
                return OK
            if code == EXCEPTION:
                return EXCEPTION
            if self._count and ticks_diff(now, self._heard_ms) >= _GAP_MS:
                self._overdue(self._count)
                self._heard_code = self._classify(peer.address, sent, self._count)
                if self._heard_code == CRC:  # it has spoken; anything else may still come
                    return CRC
                self._count = 0
            if spent_ms >= limit_ms:
                if self._count:
                    return self._classify(peer.address, sent, self._count)
                return self._heard_code
            wait_ms = max(self._wire_ms(self._missing), _LOOK_MS)

    def _wire_ms(self, chars):
        return (chars * self._char_us + 999) // 1000

    def _take(self):
        """Move what has arrived into the frame; a line that never stops is cut off."""
        count = self.uart.any()
        if not count:
            return
        if count > _ROOM - self._count:
            self._count = 0  # no frame is that long
            count = min(count, _ROOM)
        got = self.uart.readinto(self._view[self._count : self._count + count])
        if got:
            self._count += got
            self._heard_ms = ticks_ms()

    # --- what was heard -------------------------------------------------------------------

    def _judge(self, peer, request, sent):
        """Look for the answer at every place it may start: OK, EXCEPTION, or TIMEOUT if absent."""
        frame, count, size = self.frame, self._count, pdu.reply_size(request)
        self._missing = 0
        for start in range(self._echoed(sent), count - 1):
            if frame[start] != peer.address:
                continue
            there = count - start
            if frame[start + 1] == request[0] | pdu.EXCEPTION:
                if there >= 5 and pdu.crc16(frame, start, start + 5) == 0:
                    peer.exception = frame[start + 2]
                    return EXCEPTION
            elif frame[start + 1] == request[0]:
                if there < size:
                    self._missing = size - there if not self._missing else self._missing
                elif pdu.answers(request, frame, start) and not pdu.crc16(
                    frame, start, start + size
                ):
                    self._precede(peer, start, sent)
                    self._first = start
                    return OK
        return TIMEOUT

    def _echoed(self, sent):
        """Bytes at the start of the frame that are our own request come back."""
        if not self.echo or self._count < sent:
            return 0
        for i in range(sent):
            if self.frame[i] != self._request[i]:
                return 0
        return sent

    def _precede(self, peer, start, sent):
        """Count what stood before a good answer."""
        if start > self._echoed(sent):
            self._overdue(start)
            peer.counts[self._classify(peer.address, sent, start)] += 1

    def _classify(self, address, sent, end):
        """What the bytes up to `end` are, if not the answer: CRC, FOREIGN, SHAPE or NOISE."""
        frame = self.frame
        start = self._echoed(sent)
        if start == end:
            return self._heard_code  # nothing but our own echo
        if 4 <= end - start <= _FRAME and pdu.crc16(frame, start, end) == 0:
            return SHAPE if frame[start] == address else FOREIGN
        if frame[start] == address and end - start >= 4:
            return CRC
        return NOISE
