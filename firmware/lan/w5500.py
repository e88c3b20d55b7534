# islet: the registers and buffers of the Ethernet chip W5500, as frames on an SPI it shares.
# GPL-3.0-or-later
#
# Data sheet version 1.0.9: 2.2 (frames), 3 (memory), 4 (registers). A frame is an address, a byte
# that says which block of memory and whether to write, and data as long as select is low. Nothing
# awaits between, so nobody of the loop finds the SPI taken, and its baud is the metering chips'
# again after each frame; both kinds of chips take mode 3. A burst has 256 bytes at most, 0.13 ms
# at 15.6 MHz.

from firmware.base.viper import const

SOCKETS = const(8)
_BURST = const(256)
_WRITE = const(4)  # in the control byte, below the block's number
_TRIES = const(20)  # of reading a word that moves, and of waiting for a command to be taken

# common registers, block 0
MR = const(0x00)
GAR = const(0x01)  # router, mask, hardware address and address lie one behind the other
SHAR = const(0x09)
IR = const(0x15)
IMR = const(0x16)
SIR = const(0x17)
SIMR = const(0x18)
RTR = const(0x19)  # and RCR behind it
PHYCFGR = const(0x2E)
VERSIONR = const(0x39)
VERSION = const(4)
LINK = const(1)  # of PHYCFGR

# a socket's
S_MR = const(0x00)  # mode, command, interrupts, state
S_CR = const(0x01)
S_IR = const(0x02)
S_PORT = const(0x04)
S_DHAR = const(0x06)  # and DIPR behind it
S_DIPR = const(0x0C)  # and the other's port behind it
S_DPORT = const(0x10)
S_TTL = const(0x16)
S_TX_FSR = const(0x20)
S_TX_WR = const(0x24)
S_RX_RSR = const(0x26)
S_RX_RD = const(0x28)
S_KPALVTR = const(0x2F)

TCP, UDP, MULTI = const(1), const(2), const(0x80)
OPEN, LISTEN, CONNECT, DISCON = const(0x01), const(0x02), const(0x04), const(0x08)
CLOSE, SEND, RECV = const(0x10), const(0x20), const(0x40)
CON, DISCONNECTED, RECEIVED, TIMEOUT, SEND_OK = const(1), const(2), const(4), const(8), const(16)
CLOSED, INIT, LISTENING, SYNSENT = const(0x00), const(0x13), const(0x14), const(0x15)
ESTABLISHED, CLOSE_WAIT = const(0x17), const(0x1C)


def registers(number):
    """The block of a socket's registers."""
    return 4 * number + 1


def sends(number):
    """The block of the buffer it sends from."""
    return 4 * number + 2


def receives(number):
    """The block of the buffer it receives into."""
    return 4 * number + 3


class W5500:
    """`spi` shared, with the baud of `others` while it is not ours; `select` a pin."""

    def __init__(self, spi, select, baud, others):
        self._spi = spi
        self._select = select
        self._baud = baud
        self._others = others
        self._four = bytearray(4)  # a frame with a byte, with a word
        self._five = bytearray(5)
        self._head = bytearray(3)
        select(1)

    def _short(self, frame):
        """Exchange a whole frame with what the chip says meanwhile."""
        spi, select = self._spi, self._select
        spi.init(baudrate=self._baud)
        select(0)
        spi.write_readinto(frame, frame)
        select(1)
        spi.init(baudrate=self._others)

    def byte(self, block, at):
        frame = self._four
        frame[0], frame[1], frame[2] = at >> 8, at & 255, block << 3
        self._short(frame)
        return frame[3]

    def word(self, block, at):
        frame = self._five
        frame[0], frame[1], frame[2] = at >> 8, at & 255, block << 3
        self._short(frame)
        return frame[3] << 8 | frame[4]

    def steady(self, block, at):
        """A word that the chip may change between its bytes: read until it is twice the same."""
        value = self.word(block, at)
        for _ in range(_TRIES):
            before = value
            value = self.word(block, at)
            if value == before:
                break
        return value

    def put(self, block, at, value):
        frame = self._four
        frame[0], frame[1], frame[2], frame[3] = at >> 8, at & 255, block << 3 | _WRITE, value
        self._short(frame)

    def put_word(self, block, at, value):
        frame = self._five
        frame[0], frame[1], frame[2] = at >> 8, at & 255, block << 3 | _WRITE
        frame[3], frame[4] = value >> 8, value & 255
        self._short(frame)

    def load(self, block, at, target):
        """Fill a memoryview, in bursts."""
        self._bursts(block << 3, at, target, self._spi.readinto)

    def store(self, block, at, data):
        """Write a memoryview, in bursts."""
        self._bursts(block << 3 | _WRITE, at, data, self._spi.write)

    def _bursts(self, control, at, data, exchange):
        spi, select, head = self._spi, self._select, self._head
        spi.init(baudrate=self._baud)
        for start in range(0, len(data), _BURST):
            head[0], head[1], head[2] = at >> 8, at & 255, control
            select(0)
            spi.write(head)
            exchange(data[start : start + _BURST])
            select(1)
            at = (at + _BURST) & 0xFFFF
        spi.init(baudrate=self._others)

    def command(self, number, command):
        """A socket's; the chip has taken it when this returns."""
        block = registers(number)
        self.put(block, S_CR, command)
        for _ in range(_TRIES):
            if not self.byte(block, S_CR):
                return
        raise OSError("network chip: it takes no command")
