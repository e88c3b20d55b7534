# islet: where the address comes from: DHCP, or the configuration.
# GPL-3.0-or-later
#
# RFC 2131, 4.4: discover, request, renew at half of the lease, rebind at seven eighths, and
# without an address when it has run out. A lease outlives a cable pulled: it is asked for again
# when the link is back.

from firmware.base.clock import sleep_ms
from firmware.base.viper import const
from firmware.lan import dhcp
from firmware.local.address import NOTHING

_WAITS_MS = (1_500, 3_000, 6_000, 12_000)  # for an answer, by try
_PAUSE_S = const(10)
_SECOND_MS = const(1_000)
_EVERYBODY = b"\xff\xff\xff\xff"


class Leased:
    """Keeps `ethernet` at an address that a server gives."""

    def __init__(self, ethernet):
        self.ethernet = ethernet
        self.lease = None
        self.refused = 0  # answers that could not be believed, or that refused
        self._left_s = 0

    async def run(self):
        while True:
            await self._linked()
            if self.lease is None:
                await self._discover()
            else:
                await self._again(None, self.lease.address)  # as RFC 2131, 4.4.2
            if self.lease is None:
                await sleep_ms(_PAUSE_S * _SECOND_MS)
                continue
            await self._keep()

    async def _linked(self):
        ethernet = self.ethernet
        while not ethernet.linked:
            if ethernet.there:
                ethernet.reason = "no cable"
            await sleep_ms(_SECOND_MS // 4)

    async def _discover(self):
        ethernet = self.ethernet
        ethernet.reason = "asks for an address"
        offer = await self._ask(dhcp.DISCOVER, _WAITS_MS)
        if offer is None or offer.kind != dhcp.OFFER:
            ethernet.reason = "nobody gives an address"
            return
        await self._again(offer.server, offer.address)

    async def _again(self, server, address):
        """Request an address that was offered, or held before."""
        given = await self._ask(dhcp.REQUEST, _WAITS_MS[:2], wanted=address, server=server)
        self._take(given, server is None)

    def _take(self, given, held):
        """What a server says to a request; nothing said leaves a lease as it is."""
        ethernet = self.ethernet
        if given is None:
            if not held:
                ethernet.reason = "nobody gives an address"
            return
        if given.kind != dhcp.ACK:
            self.lease = None
            ethernet.lose_address("its address was refused")
            return
        self.lease = given
        self._left_s = given.seconds
        ethernet.conflict = False
        ethernet.configure(given.address, given.mask, given.router, given.dns)
        ethernet.reason = ""

    async def _keep(self):
        """Until the lease has ended, or the cable was out."""
        ethernet = self.ethernet
        tried_s = self._left_s
        while self._left_s > 0:
            await sleep_ms(_SECOND_MS)
            self._left_s -= 1
            if ethernet.conflict:
                ethernet.conflict = False
                self.lease = None
                ethernet.lose_address("somebody else has its address")
                return
            if not ethernet.linked:
                ethernet.reason = "no cable"
                self._left_s = max(self._left_s, 1)
                return
            seconds = self.lease.seconds
            left_s = self._left_s
            # at half of it and after half of what is left, a minute at least (4.4.5)
            if left_s * 2 > seconds or (tried_s - left_s) * 2 < max(tried_s - seconds // 8, 60):
                continue
            tried_s = left_s
            own = self.lease.address
            if left_s * 8 > seconds:
                given = await self._ask(dhcp.REQUEST, _WAITS_MS[:1], own, to=self.lease.server)
            else:
                given = await self._ask(dhcp.REQUEST, _WAITS_MS[:1], own)
            self._take(given, True)
            if self.lease is None:
                return
            if given is not None:
                tried_s = self._left_s
        self.lease = None
        ethernet.lose_address("its lease has ended")

    async def _ask(self, kind, waits_ms, own=NOTHING, wanted=None, server=None, to=_EVERYBODY):
        ethernet = self.ethernet
        number = ethernet.random(4)
        message = memoryview(bytearray(dhcp.BYTES))
        name = ethernet.name.encode()
        dhcp.build(message, kind, number, ethernet.mac, name, own, wanted, server)

        def understood(data, _):
            given = dhcp.parse(data, number, ethernet.mac)
            if given is None or (server is not None and given.server != server):
                self.refused += 1
                return None
            if (given.kind == dhcp.OFFER) != (kind == dhcp.DISCOVER):
                self.refused += 1
                return None
            return given

        for wait_ms in waits_ms:
            if not ethernet.linked:
                return None
            given = await ethernet.ask(dhcp.CLIENT, to, dhcp.SERVER, message, understood, wait_ms)
            if given is not None:
                return given
        return None


class Fixed:
    """Keeps `ethernet` at an address of the configuration's: four of 4 bytes."""

    def __init__(self, ethernet, address, mask, router, dns):
        self.ethernet = ethernet
        self._given = address, mask, router, dns

    async def run(self):
        ethernet = self.ethernet
        ethernet.configure(*self._given)
        while True:
            if ethernet.there:
                ethernet.reason = "" if ethernet.linked else "no cable"
            if ethernet.conflict:
                ethernet.reason = "somebody else has its address"
            await sleep_ms(_SECOND_MS)
