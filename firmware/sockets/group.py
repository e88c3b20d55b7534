# islet: the group of hosts that answer for their own names (RFC 6762), over MicroPython's sockets.
# GPL-3.0-or-later
#
# For Ethernet of an ESP32 alone: over Wi-Fi MicroPython answers by itself, there it does not
# (mdns_init in ports/esp32/network_wlan.c, mdns_resp_add_netif in ports/rp2/cyw43_configport.h,
# nothing in ports/esp32/network_lan.c; MicroPython 1.25).
#
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false

import socket

from firmware.base.clock import sleep_ms
from firmware.base.viper import const
from firmware.local.address import dotted, numbers, same_network
from firmware.local.mdns import GROUP, PORT
from firmware.sockets.asks import bound, place

_LOOK_MS, _AGAIN_MS = const(50), const(10_000)
_LARGEST = const(576)  # bytes of a message that is read


class Group:
    """What local/responder.py wants of who carries its messages; cable: Cable."""

    def __init__(self, cable):
        self._cable = cable
        self._socket = None
        self._failed = 0  # times

    @property
    def ready(self):
        return self._cable.address != ""

    @property
    def address(self):
        return numbers(self._cable.address) or b"\0\0\0\0"

    @property
    def changed(self):
        """Another number whenever the address was lost or given, or it could not join."""
        return self._cable.turns + self._failed

    async def join(self):
        try:
            self._socket = bound("0.0.0.0", PORT)
            member = GROUP + self.address
            self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        except OSError:
            await self.leave()
            await sleep_ms(_AGAIN_MS)
            self._failed += 1

    async def leave(self):
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def send(self, message):
        """To the group; nothing happens without a network."""
        self._say(message, GROUP, PORT)

    async def reply(self, message, address, port):
        """To one host on this network, from the group's port."""
        if same_network(address, self.address, self._cable.mask):
            self._say(message, address, port)

    def _say(self, message, address, port):
        if self._socket is not None and self.ready:
            try:
                self._socket.sendto(message, place(dotted(address), port))
            except OSError:
                pass  # the cable is out, or the stack has no room now

    async def receive(self):
        """(data, its sender's address and port) of the next datagram; None when something has
        changed."""
        changed = self.changed
        while changed == self.changed:
            if self._socket is not None:
                try:
                    data, sender = self._socket.recvfrom(_LARGEST)
                    return data, numbers(sender[0]), sender[1]
                except OSError:
                    pass  # none is there
            await sleep_ms(_LOOK_MS)
        return None
