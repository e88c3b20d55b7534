# islet: Modbus TCP master: one request and its answer, over a connection.
# GPL-3.0-or-later
#
# An answer bears the number of its request, so a late one is known as such and dropped: no probe
# after silence, as a serial line needs. A frame that breaks off, or a head that is none, leaves
# nothing to go by in the stream: the connection is closed and made anew (Modbus messaging on
# TCP/IP implementation guide V1.0b, 3.1.3). Who is behind a gateway has its unit id as address.

import asyncio

from firmware.base.clock import sleep_ms, ticks_add, ticks_diff, ticks_ms, wait_for_ms
from firmware.base.viper import const
from firmware.bus import pdu
from firmware.bus.peer import EXCEPTION, FOREIGN, LINE, OK, SHAPE, TIMEOUT, Master
from firmware.bus.registers import unsigned16

_CONNECT_MS = const(3_000)
_RETRY_MS, _RETRY_MOST_MS = const(1_000), const(10_000)  # doubled with each failure
_PAUSE_MS = const(200)  # of who asks while there is no connection
_HEAD = const(7)  # transaction, protocol, length of what follows, unit
_FRAME = const(260)  # longest
_ODD = const(2)  # answers in a row to something else: the stream is out of step
_DEAF = const(3)  # time-outs of everybody in a row: the connection is dead, whatever it says


class Tcp(Master):
    """Master on `link`: open(first), send(data), close(), begin(), reader (net/link.py)."""

    def __init__(self, link):
        self.frame = bytearray(_FRAME)
        self.link = link
        self._number = 0  # of the last request
        self._count = 0  # bytes of an answer that is coming
        self._missed = None  # the device whose answer did not come in time
        self._deaf = 0
        self._odd = 0  # answers in a row that were none to what was asked
        self._failures = 0
        self._until = ticks_ms()  # no attempt before

    def data(self):
        return _HEAD + 2

    def fingerprint(self):
        return pdu.crc16(self.frame, _HEAD, _HEAD + 2 + self.frame[_HEAD + 1])

    async def _transact(self, peer, request):
        try:
            pause_ms = peer.pausing_ms(ticks_ms()) if peer.pause_ms else 0
            if pause_ms > 0:
                await sleep_ms(pause_ms)
            if self.link.reader is None and ticks_diff(self._until, ticks_ms()) > 0:
                await sleep_ms(_PAUSE_MS)
                peer.note(LINE, ticks_ms())
                peer.rest_until(self._until)  # not beyond
                return LINE
            else:
                await self._say(peer.address, request)
                code = await self._answer(peer, request)
        except OSError as error:
            self.trouble = error.args[0] if error.args else 0
            await self._lose()
            code = LINE
        peer.note(code, ticks_ms())
        if code == TIMEOUT:
            self._missed = peer
            self._deaf += 1
            if self._count or self._deaf >= _DEAF:  # a frame has broken off, or nobody speaks
                await self._lose()
        elif code != LINE:
            self._deaf = self._failures = 0
            self.trouble = None
            self._odd = self._odd + 1 if code in (FOREIGN, SHAPE) else 0
            if self._odd >= _ODD:
                await self._lose()
        return code

    async def _say(self, address, request):
        """Send the request; connect if need be."""
        self._number = number = (self._number + 1) & 0xFFFF
        size = len(request) + 1
        head = bytes((number >> 8, number & 0xFF, 0, 0, size >> 8, size & 0xFF, address))
        if self.log is not None:
            self.log.put(True, head + request, 0, size + 6)
        if self.link.reader is None:
            self._count = 0
            try:
                await wait_for_ms(self.link.open(head + request), _CONNECT_MS)
            except asyncio.TimeoutError:
                raise OSError("does not answer")
        else:
            self.link.begin()
            await self.link.send(head + request)
        self.sent_ms = ticks_ms()

    async def _lose(self):
        """The next attempt is made later and later."""
        wait_ms = min(_RETRY_MS << min(self._failures, 4), _RETRY_MOST_MS)
        self._until = ticks_add(ticks_ms(), wait_ms)
        self._failures += 1
        self._deaf = self._odd = 0
        self._missed = None
        self.link.doubted = True  # its name may be another's address by now
        await self.link.close()

    async def _answer(self, peer, request):
        """The frame that bears this request's number; what comes before is a late one."""
        frame = self.frame
        end = ticks_add(self.sent_ms, peer.timeout_ms)
        while True:
            if not await self._fill(_HEAD, end):
                return TIMEOUT
            length = unsigned16(frame, 4)
            if unsigned16(frame, 2) or not 3 <= length <= _FRAME - 6:
                raise OSError("speaks no Modbus")
            if not await self._fill(6 + length, end):
                return TIMEOUT
            self._count = 0
            if unsigned16(frame, 0) == self._number:
                break
            self.stray = (self.stray + 6 + length) & 0xFFFFFF
            missed, self._missed = self._missed, None
            if missed is not None and missed.address == frame[6]:
                missed.late()
        if frame[6] != peer.address:
            return FOREIGN
        if frame[7] == request[0] | pdu.EXCEPTION and length == 3:
            peer.exception = frame[8]
            return EXCEPTION
        if length != pdu.reply_size(request) - 2 or not pdu.answers(request, frame, 6):
            return SHAPE
        took_ms = ticks_diff(ticks_ms(), self.sent_ms)
        peer.turnaround_ms = min((3 * peer.turnaround_ms + took_ms) // 4, 50)
        return OK

    async def _fill(self, count, end):
        """Have so many bytes of the frame; False when they are not there in time. OSError when the
        other side has closed."""
        while self._count < count:
            left_ms = ticks_diff(end, ticks_ms())
            if left_ms <= 0:
                return False
            try:
                data = await wait_for_ms(self.link.reader.read(count - self._count), left_ms)
            except asyncio.TimeoutError:
                return False
            if not data:
                raise OSError("has closed the connection")
            self.frame[self._count : self._count + len(data)] = data
            if self.log is not None:
                self.log.put(False, data, 0, len(data))
            self._count += len(data)
        return True
