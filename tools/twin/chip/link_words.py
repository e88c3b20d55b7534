# islet: the words of the link: tags, reasons, exit codes, and the message being written.
# GPL-3.0-or-later
#
# Little endian. Chip to twin: u32 length of what follows, u32 ms, u16 us, u8 why, u32 next frame,
# then elements (u8 tag, u16 length, payload).

import json
import struct

import uctypes
from micropython import const

with open(__file__.rsplit("/", 1)[0] + "/../link/messages.json") as _file:
    _table = json.load(_file)
WHY_START, WHY_BLOCK, WHY_OUTPUT, WHY_UART, WHY_NET, WHY_BYE = [
    _table["why"][name] for name in ("start", "block end", "output edge", "uart", "net", "bye")
]
TO_PINS, TO_PWM, TO_UART, TO_NET_OPEN, TO_NET_TX, TO_NET_CLOSE = [
    _table["chip"][kind]["tag"]
    for kind in ("Pins", "Pwm", "UartTx", "NetOpen", "NetTx", "NetClose")
]
TO_IMAGE, TO_LOG, TO_WDT, TO_STEP, TO_SCRATCH, TO_MOMENT = [
    _table["chip"][kind]["tag"]
    for kind in ("Section", "Log", "Watchdog", "Step", "Scratch", "Moment")
]
FROM_SAMPLES, FROM_EDGE, FROM_UART, FROM_NET_RX, FROM_NET_CLOSED = [
    _table["twin"][kind]["tag"] for kind in ("Samples", "Edge", "UartRx", "NetRx", "NetClosed")
]
FROM_RTC, FROM_QUIT, FROM_NET_REFUSED, FROM_NET_ACCEPT, FROM_COPY = [
    _table["twin"][kind]["tag"] for kind in ("Rtc", "Quit", "NetRefused", "NetAccept", "Copy")
]
_table = None

EXIT_LINK = 70  # the twin went away
EXIT_WATCHDOG = 75
EXIT_RESET = 76  # machine.reset()

_HEADER = const(15)
_SIZE = const(65536)
_MOST = const(60_000)  # bytes of one element


class Outbox:
    """The next message to the twin, written as things happen."""

    def __init__(self):
        self._buffer = bytearray(_SIZE)
        self._view = memoryview(self._buffer)
        self._end = self._said = _HEADER

    def moment(self, ms, us):
        """What was added since the last time was said now."""
        if self._end > self._said:
            self.add(TO_MOMENT, struct.pack("<IH", ms, us))
            self._said = self._end

    def room(self, size):
        """An element of `size` bytes fits, and the pins after it."""
        if size > _MOST:
            raise ValueError("link element too long: {} bytes".format(size))
        return self._end + size + 64 <= _SIZE

    def add(self, tag, payload):
        at = self._end
        struct.pack_into("<BH", self._buffer, at, tag, len(payload))
        self._end = at + 3 + len(payload)
        self._view[at + 3 : self._end] = payload

    def add_array(self, tag, section, values):
        """A section of the image: its number, then the raw array('i')."""
        at = self._end
        size = len(values) * 4
        struct.pack_into("<BHB", self._buffer, at, tag, size + 1, section)
        self._end = at + 4 + size
        self._view[at + 4 : self._end] = uctypes.bytearray_at(uctypes.addressof(values), size)

    def close(self, ms, us, why, next_frame):
        """The finished message; the next one begins."""
        end = self._end
        self._end = self._said = _HEADER
        struct.pack_into("<IIHBI", self._buffer, 0, end - 4, ms, us, why, next_frame)
        return self._view[:end]
