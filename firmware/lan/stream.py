# islet: a TCP connection on one of the W5500's sockets, as asyncio's streams are used here.
# GPL-3.0-or-later
#
# The chip has the buffers, 2 kB each way: what is written goes there at once, what is read comes
# from there. A task that waits does so for an event, which the one that watches the chip
# (ethernet.py) sets when the chip has something to say: a connection on which nothing happens
# costs nothing, where in a poll set it would be asked without end.

import asyncio
from errno import ECONNREFUSED, ECONNRESET, ENOTCONN

from firmware.base.clock import sleep_ms
from firmware.base.viper import const
from firmware.lan import w5500 as w

_AT_ONCE = const(1024)  # bytes without the others' turn: a millisecond
# In 5 s: after half a minute of silence the chip asks whether the peer is there; one that does
# not answer is closed 6.3 s later (RTR and RCR in ethernet.py). Where no data has been it does
# not ask: there the limits of clients.py and mqtt.py hold.
_KEEP = const(6)
_LEAVE_TICKS = const(20)  # quarters of a second for a peer to close its side as well


class Stream:
    """One socket of the chip. It reads and writes as asyncio's StreamReader and StreamWriter."""

    def __init__(self, chip, number):
        self.chip = chip
        self.number = number
        self.state = w.CLOSED
        self.said = 0  # the interrupts since the connection began
        self.listens = 0  # the port it listens at whenever it is closed
        self.ours = False  # somebody here has the connection
        self.task = None  # of who came to the page
        self._block = w.registers(number)
        self._event = asyncio.Event()
        self._sending = False
        self.leaving = 0  # ticks since we closed our side, 0 as long as we have not
        self._out = b""
        self._four = bytearray(4)

    @property
    def s(self):
        """asyncio's streams have their socket there."""
        return self

    # --- for whoever watches the chip ------------------------------------------------------------

    def open(self, port):
        """In state INIT."""
        chip, block = self.chip, self._block
        self.said = self.leaving = 0
        self._sending = False
        self._out = b""
        chip.put(block, w.S_MR, w.TCP)
        chip.put_word(block, w.S_PORT, port)
        chip.put(block, w.S_KPALVTR, _KEEP)
        chip.command(self.number, w.OPEN)
        self.state = w.INIT

    def look(self):
        """Take what the chip says of this socket: interrupts and state."""
        chip, block, four = self.chip, self._block, self._four
        chip.load(block, w.S_MR, memoryview(four))
        said, state = four[2], four[3]
        if said:
            chip.put(block, w.S_IR, said)
        if not said and state == self.state:
            return
        if said & w.CON:
            self._began()
        self.state = state
        self.said |= said
        if said & w.SEND_OK:
            self._sending = False
            if self.leaving == 1:
                self._part()
        self._event.set()

    @property
    def speaks(self):
        """The other side is there; it may have finished."""
        return self.state == w.ESTABLISHED or self.state == w.CLOSE_WAIT

    def _began(self):
        """The chip sets its pointers anew at each connection."""
        self.said = 0
        self._tx = self.chip.word(self._block, w.S_TX_WR)
        self._rx = self.chip.word(self._block, w.S_RX_RD)

    def tick(self):
        """Four times a second: what no interrupt tells, and an end to every wait for the peer."""
        if self.state == w.CLOSED:
            return
        if self.state != w.LISTENING:
            self.look()
        if self.leaving:
            self.leaving += 1
            if self.leaving > _LEAVE_TICKS and self.state != w.CLOSED:
                self.drop()

    def drop(self):
        """Closed at once; whoever waits hears of it."""
        if self.state != w.CLOSED:
            self.chip.command(self.number, w.CLOSE)
        self.lost()

    def lost(self):
        """The connection is no more, by the chip's reset or ours."""
        self.state = w.CLOSED
        self._event.set()

    # --- opening and closing -----------------------------------------------------------------

    async def connect(self, port, address, to):
        """From our `port`; address: 4 bytes. OSError when nobody answers, or refuses."""
        self.ours = True
        try:
            self.open(port)
            chip, block = self.chip, self._block
            chip.store(block, w.S_DIPR, memoryview(address))
            chip.put_word(block, w.S_DPORT, to)
            chip.command(self.number, w.CONNECT)
            self.state = w.SYNSENT
            while not self.speaks:
                if self.state == w.CLOSED:
                    raise OSError("does not answer" if self.said & w.TIMEOUT else ECONNREFUSED)
                await self._wait()
        except BaseException:
            self.drop()
            self.ours = False
            raise

    def close(self):
        """Our side is finished, as soon as all that was written is sent."""
        if not self.ours:
            return
        self.ours = False
        self.leaving = 1
        if not self._sending:
            self._part()

    def _part(self):
        self.leaving = 2
        if self.speaks:
            self.chip.command(self.number, w.DISCON)
        elif self.state != w.CLOSED:
            self.drop()

    async def _wait(self):
        self._event.clear()
        await self._event.wait()

    def get_extra_info(self, name):
        """Of "peername": its address and port."""
        if name != "peername":
            raise KeyError(name)
        four = self._four
        self.chip.load(self._block, w.S_DIPR, memoryview(four))
        return "{}.{}.{}.{}".format(*four), self.chip.word(self._block, w.S_DPORT)

    # --- reading -----------------------------------------------------------------------------

    async def read(self, count):
        """What has come, up to `count` bytes; b"" at the end."""
        chip, block = self.chip, self._block
        while True:
            if not self.ours:
                raise OSError(ENOTCONN)
            if not self.speaks:
                if self.said & w.TIMEOUT:
                    raise OSError(ECONNRESET)
                return b""
            there = chip.steady(block, w.S_RX_RSR)
            if there:
                break
            if self.state == w.CLOSE_WAIT:
                return b""
            await self._wait()
        data = bytearray(min(there, count, _AT_ONCE))
        chip.load(w.receives(self.number), self._rx, memoryview(data))
        self._rx = (self._rx + len(data)) & 0xFFFF
        chip.put_word(block, w.S_RX_RD, self._rx)
        chip.command(self.number, w.RECV)
        await sleep_ms(0)  # whoever reads in a loop lets the others have their turn
        return bytes(data)

    async def readexactly(self, count):
        data = await self.read(count) if count else b""
        while len(data) < count:
            more = await self.read(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    # --- writing -----------------------------------------------------------------------------

    def write(self, data):
        """Kept until `drain`."""
        self._out = self._out + data if self._out else data

    async def drain(self):
        out, self._out = self._out, b""
        await self.awrite(out)

    async def awrite(self, data):
        """All of it into the chip's buffer, as fast as the peer takes it."""
        data = memoryview(data)
        chip, block = self.chip, self._block
        at = 0
        while at < len(data):
            if not self.ours:
                raise OSError(ENOTCONN)
            if not self.speaks:
                raise OSError(ECONNRESET)
            room = 0 if self._sending else chip.steady(block, w.S_TX_FSR)
            if not room:
                await self._wait()
                continue
            part = data[at : at + min(room, _AT_ONCE)]
            chip.store(w.sends(self.number), self._tx, part)
            at += len(part)
            self._tx = (self._tx + len(part)) & 0xFFFF
            chip.put_word(block, w.S_TX_WR, self._tx)
            self._sending = True
            chip.command(self.number, w.SEND)
            await sleep_ms(0)
