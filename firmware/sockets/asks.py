# islet: a question and its answer by datagrams, over MicroPython's sockets.
# GPL-3.0-or-later
#
# As lan/ethernet.py has it, for who asks the time (local/sntp.py). Nobody waits in a call: the
# socket does not block, and is there for the moments of the question alone. What does hold the
# loop, looking a name up, is done at zero power; while power flows the address of before serves.
#
# (the type stubs are those of a board without sockets' constants)
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false

import socket

from firmware.base.clock import sleep_ms, ticks_diff, ticks_ms
from firmware.base.viper import const
from firmware.local.address import dotted, numbers

_LOOK_MS = const(20)
_LARGEST = const(576)  # bytes of a datagram that is read


def place(address, port):
    """Where numbers lead, as a socket takes it; they are no name, so nobody is asked."""
    return socket.getaddrinfo(address, port)[0][-1]


def bound(address, port):
    """A socket for datagrams there."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(place(address, port))
    made.setblocking(False)
    return made


class Asks:
    """network: what net/plain.py says, with `address`, "" while it has none; random(n): bytes of
    chance."""

    def __init__(self, network, random):
        self.random = random
        self._network = network
        self._name, self._found = "", None  # what was last looked up

    async def resolve(self, host):
        """4 bytes. OSError when it is not known now."""
        address = numbers(host)
        if address is not None:
            return address
        network = self._network
        if not network.address:
            raise OSError("has no network")
        if network.waits():
            if host != self._name:
                raise OSError("its name is looked up at zero power")
            return self._found
        found = await network.resolve(host, 0)
        address = numbers(found[-1][0])
        if address is None:
            raise OSError("has no address of 4 bytes")
        self._name, self._found = host, address
        return address

    async def ask(self, port, host, to, message, understood, wait_ms):
        """Send a datagram from our `port`; what `understood(data, sender)` makes of the first
        answer that is not None to it, None when there is none in time."""
        if not self._network.address:
            return None
        sock = bound("0.0.0.0", port)
        try:
            sock.sendto(message, place(dotted(host), to))
            began = ticks_ms()
            while ticks_diff(ticks_ms(), began) < wait_ms:
                await sleep_ms(_LOOK_MS)
                try:
                    data, sender = sock.recvfrom(_LARGEST)
                except OSError:
                    continue  # none is there
                found = understood(data, numbers(sender[0]))
                if found is not None:
                    return found
            return None
        finally:
            sock.close()
