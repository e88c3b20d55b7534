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
# meanwhile, longer each time, up to ten seconds, so that a dead device does not eat the line.
#
# How much time a device needs is learned: one that answers when rested and is deaf to what follows
# at once gets a pause after each of its answers; one whose answer comes when nobody waits any more
# is waited for longer. What is configured is where learning begins. A transceiver that returns
# what is sent is learned too: a request to read is nobody's answer.

from firmware.base.clock import sleep_ms, ticks_diff, ticks_ms
from firmware.bus import pdu
from firmware.bus.peer import (
    BUSY,
    CRC,
    EXCEPTION,
    FOREIGN,
    HEARD,
    LINE,
    NOISE,
    OK,
    SHAPE,
    TIMEOUT,
    UNHEARD,
    Master,
)
from firmware.bus.registers import unsigned16

_LOOK_MS = 2  # between looks at the UART while an answer is due
_GAP_MS = 20  # silence which ends a broken answer; a computer's pty delivers in lumps
_PATIENCE_MS = 200  # for the line to fall silent
_FRAME = 256  # longest frame of Modbus RTU
_REQUEST = 24  # a read, a write of a few registers; a longer one makes room for itself
_ROOM = _FRAME + 64  # a frame, and what may precede it
_READ = 8  # a request to read, as a frame
_SCAN = 48  # bytes of what nobody waited for, in which another master's request is looked for
_HEARD_MOST = 12


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
        self._echoes = 0  # of late

    def fade(self):
        if self.others:
            self.others -= 1
        if self._echoes:
            self._echoes -= 1

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
            if code in UNHEARD:
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
            # quiet for long enough, as nearly always: nothing to wait for
            quiet = not self.uart.any()
            if quiet and ticks_diff(ticks_ms(), self._heard_ms) >= self._silence_ms:
                self._count = 0
            else:
                quiet = await self._silence()
            if quiet:
                size = self._send(peer.address, request)
                code = await self._answer(peer, request, size)
            else:
                code = BUSY
        except OSError:  # the UART is gone: a pty closed, a driver failed
            await sleep_ms(_PATIENCE_MS)
            code = LINE
        peer.note(code, ticks_ms())
        if code in UNHEARD:
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

    def _overhear(self, end):
        """A request to read that is not ours is another master's."""
        frame = self.frame
        for at in range(min(end - _READ + 1, _SCAN)):
            if 0 < frame[at + 1] <= pdu.READ_INPUT and not frame[at + 4]:
                if pdu.crc16(frame, at, at + _READ) == 0:
                    if not self._mirrored(at):
                        self.others = min(self.others + 1, _HEARD_MOST)
                    return

    async def _silence(self):
        """Drop what is there and wait for 3.5 characters of silence; False if it never comes."""
        start = ticks_ms()
        while True:
            self._count = 0
            self._take()
            if self._count:
                self._overdue(self._count)
                self._overhear(self._count)
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
        if self.log is not None:
            self.log.put(True, frame, 0, size + 2)
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
            if self.log is not None:
                self.log.put(False, self.frame, self._count, self._count + got)
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
                    if start or self.echo:
                        self._precede(peer, start, sent)
                    self._first = start
                    return OK
        return TIMEOUT

    def _echoed(self, sent):
        """Bytes at the start of the frame that are our own request come back."""
        return sent if self.echo and self._count >= sent and self._mirrored(0, sent) else 0

    def _mirrored(self, at, size=_READ):
        """Whether our last request stands there."""
        for i in range(size):
            if self.frame[at + i] != self._request[i]:
                return False
        return True

    def _listen(self, end, sent):
        """Learn from what stands before `end` whether what we send comes back: a request to read
        cannot be an answer."""
        if sent != _READ or self._request[1] > pdu.READ_INPUT:
            return
        if end >= sent and self._mirrored(0):
            self._echoes = min(self._echoes + 1, _HEARD_MOST)
            self.echo = self.echo or self._echoes >= HEARD
        elif end == 0:
            self.echo = False

    def _precede(self, peer, start, sent):
        """Count what stood before a good answer."""
        self._listen(start, sent)
        if start > self._echoed(sent):
            self._overdue(start)
            peer.count(self._classify(peer.address, sent, start))

    def _classify(self, address, sent, end):
        """What the bytes up to `end` are, if not the answer: CRC, FOREIGN, SHAPE or NOISE."""
        frame = self.frame
        self._listen(end, sent)
        start = self._echoed(sent)
        if start == end:
            return self._heard_code  # nothing but our own echo
        self._overhear(end)
        if 4 <= end - start <= _FRAME and pdu.crc16(frame, start, end) == 0:
            return SHAPE if frame[start] == address else FOREIGN
        if frame[start] == address and end - start >= 4:
            return CRC
        return NOISE
