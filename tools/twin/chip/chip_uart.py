# islet: the serial port of the simulated chip: true byte timing on virtual time, else a real line.
# GPL-3.0-or-later
#
# Received characters become readable one by one. A waiting program is woken as by the RP2040's
# FIFO: after four characters, or when the line has been idle for 32 bit times.

import io
import os
import termios

import hostlink
import link_words as words
import uselect
from chip_pin import claim, number_of
from micropython import const

_POLL, _CLOSE = const(3), const(4)
_IN, _OUT = const(1), const(4)
_FIFO = const(32)
_FIFO_LEVEL = const(4)
_IDLE_BITS = const(32)
_VTIME, _VMIN = const(5), const(6)
_TX_PINS = {0: (0, 12, 16, 28), 1: (4, 8, 20, 24)}
_RX_PINS = {0: (1, 13, 17, 29), 1: (5, 9, 21, 25)}


class _Sent(hostlink.Alarm):
    """The end of what is on the line, and what starts there."""

    def __init__(self, uart):
        super().__init__(hostlink.RANK_UART)
        self.uart = uart
        self.waiting = b""

    def fire(self):
        self.due = hostlink.NEVER
        if self.waiting:
            data, self.waiting = self.waiting, b""
            self.uart.begin(data)
        elif self.uart.trigger & UART.IRQ_TXIDLE:
            self.uart.interrupt(UART.IRQ_TXIDLE)


class _Burst(hostlink.Alarm):
    """What has gone out since the line was last silent, told to the twin when it is silent again.

    Nobody on a Modbus line acts before 3.5 characters of silence (1750 us above 19 200 baud), so
    one message at that moment says as much as one at the first start bit and one at the end.
    """

    def __init__(self, uart):
        super().__init__(hostlink.RANK_UART)
        self.uart = uart
        self.data = b""

    def add(self, data, end):
        self.data += data
        uart = self.uart
        self.due = end + (1750 if uart.baud > 19200 else uart.char_us * 7 // 2)

    def fire(self):
        data, self.data = self.data, b""
        self.due = hostlink.NEVER
        uart = self.uart
        copy = None if uart.awaits() else hostlink.copy_of(uart.id, data)
        if copy is None:
            hostlink.send(words.TO_UART, bytes((uart.id,)) + data, words.WHY_UART)
        else:
            uart.answer(*copy)


class UART(io.IOBase, hostlink.Alarm):
    stirs = True  # becomes readable with hostlink.stirs alone
    INV_TX, INV_RX, CTS, RTS = 1, 2, 1, 2
    IRQ_TXIDLE, IRQ_RXIDLE, IRQ_BREAK = 32, 64, 512

    def __init__(self, id, *args, **options):
        if id not in (0, 1):
            raise ValueError("UART({}) doesn't exist".format(id))
        hostlink.Alarm.__init__(self, hostlink.RANK_UART)
        old = hostlink.uarts.get(id)
        if old is not None:
            old.remove()
        self.id = id
        self.file = None
        self.trigger = 0
        self._watchers = 0
        self._handler = None
        self._flags = 0
        self._arrivals = []  # (due of the first character, us per character, bytes)
        self._buffer = bytearray()
        self._sent = _Sent(self)
        self._burst = _Burst(self)
        self.baud, self._bits, self._parity, self._stop = 115200, 8, None, 1
        self._tx, self._rx = (0, 1) if id == 0 else (4, 5)
        self._timeout = self._timeout_char = 0
        self._rxbuf = self._txbuf = 256
        self.init(*args, **options)
        hostlink.uarts[id] = self
        hostlink.exchange()  # the prediction we live in was told to nobody

    def init(
        self, baudrate=-1, bits=-1, parity=-1, stop=-1, *, tx=None, rx=None, cts=None, rts=None,
        timeout=-1, timeout_char=-1, invert=-1, flow=-1, txbuf=-1, rxbuf=-1,
    ):  # fmt: skip
        self._format(baudrate, bits, parity, stop)
        if tx is not None:
            self._tx = number_of(tx)
        if rx is not None:
            self._rx = number_of(rx)
        if self._tx not in _TX_PINS[self.id]:
            raise ValueError("bad TX pin")
        if self._rx not in _RX_PINS[self.id]:
            raise ValueError("bad RX pin")
        claim(self._tx, "uart tx")
        claim(self._rx, "uart rx")
        if cts is not None or rts is not None or flow > 0 or invert > 0:
            raise ValueError("cts, rts, flow, invert: not wired on this board")
        if timeout >= 0:
            self._timeout = timeout
        if timeout_char >= 0:
            self._timeout_char = timeout_char
        self._timeout_char = max(self._timeout_char, 13000 // self.baud + 1)
        for name, size in (("txbuf", txbuf), ("rxbuf", rxbuf)):
            if size > 32766:
                raise ValueError(name + " too large")
            if size > 0:
                setattr(self, "_" + name, max(size, 32))
        if not hostlink.is_virtual and self.file is None:
            self._open()

    def _format(self, baudrate, bits, parity, stop):
        for name, value in (("baudrate", baudrate), ("bits", bits), ("stop", stop)):
            if not isinstance(value, int):
                raise TypeError("can't convert {} to int: {}".format(type(value).__name__, name))
        if baudrate > 0:
            self.baud = baudrate
        if bits > 0:
            if not 5 <= bits <= 8:
                raise ValueError("bits: {} is not from 5 to 8".format(bits))
            self._bits = bits
        if parity != -1:
            if parity not in (None, 0, 1):
                raise ValueError("parity: {} is not None, 0 or 1".format(parity))
            self._parity = parity
        if stop > 0:
            if stop > 2:
                raise ValueError("stop: {} is not 1 or 2".format(stop))
            self._stop = stop
        count = 1 + self._bits + self._stop + (self._parity is not None)
        self.char_us = (count * 1_000_000 + self.baud // 2) // self.baud
        self._bit_us = 1_000_000 // self.baud + 1

    def _open(self):
        """The line is a pseudo-terminal; a read shall return at once with what there is."""
        name = os.getenv("ISLET_PTY_{}".format(self.id)) or os.getenv("ISLET_PTY") or ""
        self.file = open(name, "r+b")  # type: ignore[call-overload]
        settings = termios.tcgetattr(self.file.fileno())
        settings[6][_VMIN] = settings[6][_VTIME] = 0
        termios.tcsetattr(self.file.fileno(), termios.TCSANOW, settings)

    # --- sending ---------------------------------------------------------------------------

    def write(self, data):
        """Bytes taken, or None when none fit within the time-out."""
        data = bytes(data)
        room = self._txbuf + _FIFO - self._pending()
        if len(data) > room:
            self._wait_for_room(min(len(data), self._txbuf))
            room = self._txbuf + _FIFO - self._pending()
            if room <= 0:
                return None
            data = data[:room]
        if self._sent.due == hostlink.NEVER:
            self.begin(data)
        else:
            self._sent.waiting += data
        return len(data)

    def begin(self, data):
        """First start bit now."""
        self._sent.due = hostlink.due_after(len(data) * self.char_us)
        if self.file is not None:
            self.file.write(data)
        else:
            self._burst.add(data, self._sent.due)

    def _pending(self):
        if self._sent.due == hostlink.NEVER:
            return 0
        left_us = self._sent.due - hostlink.now_us
        return -(-left_us // self.char_us) + len(self._sent.waiting)

    def _wait_for_room(self, count):
        if self._timeout:
            need_us = (count + self._pending() - self._txbuf) * self.char_us
            hostlink.run(hostlink.due_after(min(self._timeout * 1000, max(0, need_us))))

    def txdone(self):
        return self._sent.due == hostlink.NEVER

    def flush(self):
        while not self.txdone():
            hostlink.run(self._sent.due)

    def sendbreak(self):
        raise ValueError("sendbreak: not simulated")

    # --- receiving ---------------------------------------------------------------------------

    def expect(self, due, char_us, data):
        """The twin announces characters; the first is complete at `due`."""
        if self._arrivals:
            first, before_us, before = self._arrivals[-1]
            if before_us == char_us and first + len(before) * char_us == due:
                self._arrivals.pop()  # the same frame goes on
                due, data = first, before + data
        self._arrivals.append((due, char_us, data))
        self._arm()

    def awaits(self):
        """Something is on its way."""
        self._take()
        return len(self._arrivals) > 0

    def answer(self, delay_us, char_us, frame):
        """A device answers, as the twin lets us know beforehand: no prediction takes it back."""
        self._certain = True
        self._arrivals = [(hostlink.now_us + delay_us + char_us, char_us, frame)]
        self._arm()

    def discard(self):
        """A new prediction comes: forget what has not arrived."""
        self._take()
        if not self._certain:
            self._arrivals.clear()
        self._arm()

    def rebase(self, us):
        """The moving origin has moved by `us`."""
        self._arrivals = [(row[0] - us,) + row[1:] for row in self._arrivals]
        self._idle_due -= us

    def _take(self):
        """Characters complete by now move to the buffer; beyond its size they are lost."""
        if self.file is not None:
            self._buffer.extend(self.file.read(self._rxbuf) or b"")
            return
        now = hostlink.now_us
        kept = []
        for due, char_us, data in self._arrivals:
            count = min(len(data), (now - due) // char_us + 1) if now >= due else 0
            if count:
                room = self._rxbuf - len(self._buffer)
                self._buffer.extend(data[: min(count, room)])
                self._idle_due = due + (count - 1) * char_us + _IDLE_BITS * self._bit_us
                self._fifo += count
                hostlink.stirs += 1
            if count < len(data):
                kept.append((due + count * char_us, char_us, data[count:]))
        self._arrivals = kept
        if not kept:
            self._certain = False

    _fifo = 0  # characters since the last interrupt
    _idle_due = 0
    _certain = False  # what is on its way comes whatever the twin foresees

    def watch(self, more):
        """A poll began or ceased to wait for us; without one, nobody feels the interrupts."""
        self._watchers += more
        self._take()
        self._arm()

    def _arm(self):
        """When the next interrupt of the receiver comes: FIFO at its level, or line idle."""
        self.due = due = hostlink.NEVER
        if not self._watchers and not self.trigger & self.IRQ_RXIDLE:
            return
        if self._arrivals:
            first, char_us, data = self._arrivals[0]
            count = min(len(data), max(1, _FIFO_LEVEL - self._fifo))
            due = first + (count - 1) * char_us
        if self._fifo and self._idle_due < due:
            due = self._idle_due
        self.due = due

    def fire(self):
        self._take()
        if self._fifo >= _FIFO_LEVEL:
            self._fifo = 1  # one stays for the idle interrupt, as in the PL011
        elif self._fifo and hostlink.now_us >= self._idle_due:
            self._fifo = 0
            if self.trigger & self.IRQ_RXIDLE:
                self.interrupt(self.IRQ_RXIDLE)
        self._arm()

    def any(self):
        self._take()
        self._arm()
        return len(self._buffer)

    def read(self, size=-1):
        """Bytes, or None when nothing came within the time-out."""
        count = self.any()
        if size >= 0:
            count = self._collect(size)
        if not count:
            return None
        data = bytes(self._buffer[:count])
        self._buffer = self._buffer[count:]
        return data

    def readinto(self, buffer, size=-1):
        size = len(buffer) if size < 0 else min(size, len(buffer))
        data = self.read(size)
        if data is None:
            return None
        buffer[: len(data)] = data
        return len(data)

    def readline(self):
        data = bytearray()
        while not data.endswith(b"\n"):
            one = self.read(1)
            if one is None:
                break
            data.extend(one)
        return bytes(data) if data else None

    def _collect(self, size):
        """Wait, as configured, until `size` characters are there; how many are."""
        wait_ms = self._timeout
        self.watch(1)
        while self.any() < size and wait_ms:
            before = self.any()
            hostlink.run(hostlink.due_after(wait_ms * 1000), _More(self, before))
            if self.any() == before:
                break
            wait_ms = self._timeout_char
        self.watch(-1)
        return min(size, self.any())

    # --- events ------------------------------------------------------------------------------

    def ioctl(self, request, flags):
        if request == _POLL:
            ready = _OUT if self._pending() < self._txbuf else 0
            if self.file is not None:
                self._take()
            if self._buffer:
                ready |= _IN
            return flags & ready
        return -1

    def irq(self, handler=None, trigger=0, hard=False):
        if self.file is not None and handler is not None:
            raise ValueError("irq: a real line has none")
        allowed = self.IRQ_TXIDLE | self.IRQ_RXIDLE | self.IRQ_BREAK
        if trigger & ~allowed:
            raise ValueError("trigger 0x{:04x} unsupported".format(trigger & ~allowed))
        self._handler, self.trigger = handler, trigger if handler else 0
        self._arm()
        return self

    def flags(self):
        return self._flags

    def interrupt(self, flags):
        self._flags = flags
        try:
            self._handler(self)
        except Exception as error:
            hostlink.fault(error, "uart interrupt")

    def deinit(self):
        self.remove()

    def remove(self):
        self.due = hostlink.NEVER
        self._sent.remove()
        self._burst.remove()
        hostlink.Alarm.remove(self)
        hostlink.uarts.pop(self.id, None)


class _More:
    """Waits for more than `count` characters."""

    def __init__(self, uart, count):
        self.uart, self.count = uart, count
        self.files = uselect.poll()
        if uart.file is not None:
            self.files.register(uart.file, _IN)

    def ready(self):
        return self.uart.any() > self.count
