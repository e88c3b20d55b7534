# islet: the network of a board with a W5500: who watches the chip, and what it is used for.
# GPL-3.0-or-later
#
# The chip's interrupt pin is low as long as it has something to say, so it is asked by its level:
# a task looks every 40 ms, every 4 while a connection stands, and then takes what was said. No
# handler of an interrupt, no poll set, and nothing is allocated while nothing happens.
#
# Sockets of the chip: 0 is for datagrams, one question and answer at a time (lease.py, names), and
# otherwise in the group of hosts that answer for their own names (group.py); 1, 2 and 7 are for
# connections of ours; 3 to 6 listen for the page, which answers on three of them and on the fourth
# that all places are taken. There is no backlog: who finds none of them listening is refused by
# the chip itself.

import asyncio

from firmware.base.clock import sleep_ms, ticks_add, ticks_diff, ticks_ms, wait_for_ms
from firmware.base.viper import const
from firmware.lan import dns
from firmware.lan import w5500 as w
from firmware.lan.stream import Stream
from firmware.local.address import NOTHING, dotted, numbers

_OURS = (1, 2, 7)
_PAGE = (3, 4, 5, 6)
_IDLE_MS, _BUSY_MS = const(40), const(4)
_TICK_MS = const(250)  # each socket, one after the other: 320 with the pauses of the task
_RESET_MS, _LOCK_MS = const(2), const(3)  # RSTn low, and until the PLL is locked: 0.5, 1
_RETRY_MS = const(5_000)
_TRIES, _ANSWER_MS = const(3), const(2_000)  # of a name
_LARGEST = const(576)  # bytes of a datagram that is read
_FIRST_PORT = const(49_152)
_PORTS = const(16_384)
_CONFLICT = const(0x80)  # of IR and IMR
_RETRANSMIT = b"\x03\xe8\x05"  # RTR and RCR: 100 ms, five times and ever longer


class Ethernet:
    """`chip`: w5500.W5500; `interrupt`: a function that is 0 while the chip has something to say;
    `reset`: sets the level of its RSTn; `mac`: 6 bytes; `name`: of the host; `random`: gives so
    many random bytes."""

    PLACES, WAITING = 3, 0  # for pages; the fourth socket says that all are taken
    waits = bool  # False: a look-up holds nobody up

    def __init__(self, chip, interrupt, reset, mac, name, random):
        self.chip = chip
        self.mac = mac
        self.name = name
        self.local = ""  # by which the hosts beside it find it, once nobody else has that name
        self.random = random
        self.there = False  # the chip answers
        self.linked = False  # the cable
        self.address = self.mask = self.router = self.dns = NOTHING
        self.reason = "starting"
        self.conflict = False
        self.accepted = 0
        self.streams = [Stream(chip, n) for n in range(w.SOCKETS)]
        self._interrupt = interrupt
        self._reset = reset
        self._handler = None
        self._port = _FIRST_PORT + (random(1)[0] << 6)
        self._datagram = memoryview(bytearray(_LARGEST))
        self._eight = memoryview(bytearray(8))
        self._heard = asyncio.Event()  # of socket 0
        self.asking = asyncio.Lock()  # of socket 0
        self.group = None  # group.Group

    def state(self):
        """For the published state and the console."""
        return {
            "link": "up" if self.linked else "down" if self.there else "absent",
            "name": self.name,
            "local": self.local,
            "address": dotted(self.address),
            "router": dotted(self.router),
            "reason": self.reason,
            "connections": sum([stream.ours for stream in self.streams]),
            "accepted": self.accepted,
        }

    # --- the task that watches the chip ----------------------------------------------------------

    async def run(self):
        """For ever: bring the chip up, and take what it says."""
        while True:
            try:
                await self._start()
                await self._watch()
            finally:
                self._lose()
            await sleep_ms(_RETRY_MS)

    async def _start(self):
        chip = self.chip
        self._reset(0)
        await sleep_ms(_RESET_MS)
        self._reset(1)
        await sleep_ms(_LOCK_MS)
        self.there = chip.byte(0, w.VERSIONR) == w.VERSION
        if not self.there:
            self.reason = "no chip answers"
            return
        chip.store(0, w.SHAR, memoryview(self.mac))
        chip.store(0, w.RTR, memoryview(_RETRANSMIT))
        chip.put(0, w.IMR, _CONFLICT)
        chip.put(0, w.SIMR, 255)
        self.configure(self.address, self.mask, self.router, self.dns)
        if self.group:
            self.group.enter()

    def _lose(self):
        """Everything that stood on the chip."""
        self.there = self.linked = False
        for stream in self.streams:
            stream.lost()
        self._heard.set()
        self._changed()

    def _changed(self):
        if self.group:
            self.group.change()

    async def _watch(self):
        due = ticks_ms()
        number = 0
        while self.there:
            if not self._interrupt():
                await self._take()
            if ticks_diff(ticks_ms(), due) >= 0:
                due = ticks_add(ticks_ms(), _TICK_MS // w.SOCKETS)
                self._tick(number)
                number = (number + 1) % w.SOCKETS
            await sleep_ms(_BUSY_MS if self._busy() else _IDLE_MS)

    def _busy(self):
        for stream in self.streams:
            if stream.state != w.CLOSED and stream.state != w.LISTENING:
                return True
        return False

    async def _take(self):
        """What the chip says, socket by socket: one takes 1 to 3 ms, so the others have their turn
        after each."""
        chip = self.chip
        if chip.byte(0, w.IR):
            self.conflict = True  # IR has nothing else that is asked for
            chip.put(0, w.IR, 255)
        sockets = chip.byte(0, w.SIR)
        number = 0
        while sockets:
            if sockets & 1:
                if number:
                    stream = self.streams[number]
                    stream.look()
                    if stream.listens:
                        self._attend(stream)
                else:
                    self._answered()
                await sleep_ms(0)
            sockets >>= 1
            number += 1

    def _answered(self):
        """Socket 0: a datagram came, or went, or cannot go."""
        chip, block = self.chip, w.registers(0)
        chip.put(block, w.S_IR, chip.byte(block, w.S_IR))
        if self.group and not self.asking.locked():
            self.group.heard.set()
        else:
            self._heard.set()

    def _tick(self, number):
        """What no interrupt tells: of the cable, or of one socket."""
        if number:
            stream = self.streams[number]
            stream.tick()
            if stream.listens:
                self._attend(stream)
            return
        chip = self.chip
        if chip.byte(0, w.SIMR) != 255:
            self.reason = "the chip has forgotten itself"  # a dip of its supply
            self.there = False
            return
        linked = chip.byte(0, w.PHYCFGR) & w.LINK != 0
        if linked != self.linked:
            self.linked = linked
            self._changed()

    def _attend(self, stream):
        """A socket of the page's: listen again, or serve who has come."""
        if stream.state == w.CLOSED and not stream.ours:
            if self.address != NOTHING:
                stream.open(stream.listens)
                self.chip.command(stream.number, w.LISTEN)
                stream.state = w.LISTENING
        elif stream.speaks and not stream.ours and not stream.leaving:
            stream.ours = True
            self.accepted += 1
            stream.task = asyncio.create_task(self._serve(stream))

    async def _serve(self, stream):
        try:
            await self._handler(stream, stream)
        finally:
            stream.close()

    # --- what the network is used for ------------------------------------------------------------

    def configure(self, address, mask, router, server):
        """An address; without one there is no connection."""
        if address != self.address:
            for number in range(1, w.SOCKETS):
                if self.streams[number].state != w.CLOSED:
                    self.streams[number].drop()
            self._changed()
        self.address, self.mask, self.router, self.dns = address, mask, router, server
        if self.there:
            chip = self.chip
            chip.store(0, w.GAR, memoryview(router + mask))
            chip.store(0, w.SHAR, memoryview(self.mac + address))

    def responder(self, port):
        """Who answers for its name, and for its page at `port`, 0 for none."""
        from firmware.lan.group import Group  # counted as its own room's heap
        from firmware.local.responder import Responder

        return Responder(Group(self), self.name, port, self.random, self.called)

    def called(self, label):
        """By the hosts beside it, from now on; "": not at all."""
        self.local = label and label + ".local"

    def lose_address(self, reason):
        self.reason = reason
        self.configure(NOTHING, NOTHING, NOTHING, self.dns)

    async def serve(self, app, _host, port):
        """Whoever connects is a task of the app's; for ever."""
        self._handler = app.handle_request
        for number in _PAGE:
            self.streams[number].listens = port
        try:
            while True:
                await sleep_ms(_RETRY_MS)
        finally:
            for number in _PAGE:
                self.streams[number].listens = 0

    def reaches(self):
        return self.address != NOTHING

    async def connect(self, host, port, first=b""):
        """A connection to 4 bytes of address, `first` sent. OSError when there is none."""
        if self.address == NOTHING:
            raise OSError("has no network: " + self.reason)
        for number in _OURS:
            stream = self.streams[number]
            if stream.state == w.CLOSED and not stream.ours:
                self._port = _FIRST_PORT + (self._port + 1) % _PORTS
                await stream.connect(self._port, host, port)
                try:
                    await stream.awrite(first)
                except BaseException:
                    stream.close()
                    raise
                return stream
        raise OSError("has no socket free")

    async def resolve(self, name, _port=0):
        """The address of a host by name or number. OSError when nobody knows it."""
        address = numbers(name)
        if address is not None:
            return address
        if self.address == NOTHING or self.dns == NOTHING:
            raise OSError("its name cannot be looked up: " + self.reason)
        question = bytearray(18 + len(name))
        question = memoryview(question)[: dns.build(question, self.random(2), name)]

        def understood(data, sender):
            return dns.parse(data, question) if sender == self.dns else None

        for _ in range(_TRIES):
            port = _FIRST_PORT + (self.random(1)[0] << 4)
            address = await self.ask(port, self.dns, dns.PORT, question, understood, _ANSWER_MS)
            if address is not None:
                break
        if not address:
            raise OSError("has no address that anybody knows")
        return address

    async def ask(self, port, host, to, message, understood, wait_ms):
        """Send a datagram from our `port`; what `understood(data, sender)` makes of the first
        answer that is not None to it, None when there is none in time."""
        async with self.asking:
            if not self.there:
                return None
            if self.group:
                self.group.step_out()
            chip, block = self.chip, w.registers(0)
            chip.put(block, w.S_MR, w.UDP)
            chip.put_word(block, w.S_PORT, port)
            chip.command(0, w.OPEN)
            try:
                chip.store(block, w.S_DIPR, memoryview(host))
                chip.put_word(block, w.S_DPORT, to)
                at = chip.word(block, w.S_TX_WR)
                chip.store(w.sends(0), at, message)
                chip.put_word(block, w.S_TX_WR, (at + len(message)) & 0xFFFF)
                self._heard.clear()
                chip.command(0, w.SEND)
                try:
                    return await wait_for_ms(self._hear(understood), wait_ms)
                except asyncio.TimeoutError:
                    return None
            finally:
                if self.there:
                    chip.command(0, w.CLOSE)
                    if self.group:
                        self.group.enter()

    async def _hear(self, understood):
        while self.there:
            got = self.datagram()
            if got is None:
                await self._heard.wait()
                self._heard.clear()
                continue
            found = understood(got[0], got[1])
            if found is not None:
                return found

    def datagram(self):
        """(data, its sender's address and port) of the next on socket 0, None when there is none.
        There is one buffer, and what is longer is cut off."""
        chip, block, eight = self.chip, w.registers(0), self._eight
        if chip.steady(block, w.S_RX_RSR) < 8:
            return None
        at = chip.word(block, w.S_RX_RD)
        chip.load(w.receives(0), at, eight)
        size = eight[6] << 8 | eight[7]
        part = self._datagram[: min(size, _LARGEST)]
        chip.load(w.receives(0), (at + 8) & 0xFFFF, part)
        chip.put_word(block, w.S_RX_RD, (at + 8 + size) & 0xFFFF)
        chip.command(0, w.RECV)
        return part, bytes(eight[:4]), eight[4] << 8 | eight[5]
