# islet: the group of hosts that answer for their own names, on the W5500's socket for datagrams.
# GPL-3.0-or-later
#
# A socket of its own would be one connection less. So socket 0 is a member of the group while
# nobody asks something of a server (ethernet.ask): for these moments, seconds in an hour, the box
# does not hear who looks for it, and whoever looks asks again.
#
# Data sheet 1.0.9, Sn_MR (MULTI), Sn_DHAR and Sn_DIPR: the group's addresses stand there before
# the socket is opened, the chip joins by itself (IGMP version 2), and datagrams go to the group
# without a question for a hardware address.

import asyncio

from firmware.base.clock import sleep_ms
from firmware.base.viper import const
from firmware.lan import w5500 as w
from firmware.local.address import same_network
from firmware.local.mdns import GROUP, PORT

_MAC = b"\1\0\x5e" + GROUP[1:]  # RFC 1112, 6.4: the group's lower 23 bits
_TTL, _TTL_USUAL = const(255), const(128)  # RFC 6762, 11; the chip's own
_SENT_MS = const(2)  # until a datagram has left: 0.1 ms
_REPLY_MS = const(40)  # and until the chip has found the host that asked
_ROOM = const(2048)  # of the chip's buffer


def _nothing(data, sender):
    """No answer is waited for."""


class Group:
    """`ethernet`: whose socket 0 it is. `changed` counts whatever makes a host say its name anew:
    another address, the cable put in, a chip that began anew."""

    def __init__(self, ethernet):
        self.ethernet = ethernet
        self.member = False
        self.heard = asyncio.Event()
        self.changed = 0
        ethernet.group = self

    def change(self):
        self.changed += 1
        self.heard.set()

    @property
    def address(self):
        return self.ethernet.address

    @property
    def ready(self):
        """There is somebody to say it to, and something to say."""
        return self.ethernet.linked and self.ethernet.address != b"\0\0\0\0"

    async def join(self):
        async with self.ethernet.asking:
            self.member = True
            self.enter()

    async def leave(self):
        async with self.ethernet.asking:
            self.step_out()
            self.member = False

    def enter(self):
        """Socket 0 is closed, and nobody asks."""
        if self.member and self.ethernet.there:
            chip, block = self.ethernet.chip, w.registers(0)
            chip.put(block, w.S_MR, w.UDP | w.MULTI)
            chip.put(block, w.S_TTL, _TTL)
            chip.put_word(block, w.S_PORT, PORT)
            chip.store(block, w.S_DHAR, memoryview(_MAC + GROUP))
            chip.put_word(block, w.S_DPORT, PORT)
            chip.command(0, w.OPEN)

    def step_out(self):
        """For somebody who asks."""
        if self.member and self.ethernet.there:
            self.ethernet.chip.command(0, w.CLOSE)
            self.ethernet.chip.put(w.registers(0), w.S_TTL, _TTL_USUAL)

    async def send(self, message):
        """To the group; nothing happens without a cable."""
        ethernet = self.ethernet
        async with ethernet.asking:
            if not (self.member and ethernet.there and ethernet.linked):
                return
            chip, block = ethernet.chip, w.registers(0)
            if chip.steady(block, w.S_TX_FSR) != _ROOM:  # the last one is stuck
                chip.command(0, w.CLOSE)
                self.enter()
            at = chip.word(block, w.S_TX_WR)
            chip.store(w.sends(0), at, memoryview(message))
            chip.put_word(block, w.S_TX_WR, (at + len(message)) & 0xFFFF)
            chip.command(0, w.SEND)
            await sleep_ms(_SENT_MS)

    async def reply(self, message, address, port):
        """To one host on this network, from the group's port."""
        ethernet = self.ethernet
        if same_network(address, ethernet.address, ethernet.mask):
            message = memoryview(message)
            await ethernet.ask(PORT, address, port, message, _nothing, _REPLY_MS)

    async def receive(self):
        """(data, its sender's address and port) of the next datagram, in a buffer that is good
        until the caller waits; None when something has changed."""
        ethernet, changed = self.ethernet, self.changed
        while changed == self.changed:
            if self.member and ethernet.there and not ethernet.asking.locked():
                got = ethernet.datagram()
                if got is not None:
                    return got
            await self.heard.wait()
            self.heard.clear()
        return None
