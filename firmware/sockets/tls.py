# islet: TLS to one host over a network's sockets: who is trusted, and when it may begin.
# GPL-3.0-or-later
#
# Only an ESP32 has it in its image; what it costs an RP2040 stands in docs/decisions.md. The date
# is looked at as well as name and signature: without a clock no certificate is valid yet.
#
# A handshake is some turns, each of which holds the loop for as long as it computes. Every one of
# them is asked for: at zero power, and while the watchdog waits for longer (INV-9). Where power
# begins to flow between two, the connection is given up.
#
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

import asyncio

from firmware.base.clock import sleep_ms
from firmware.base.viper import const

_TURN_MS = const(20)  # between two looks whether the other side has said something


class Encrypted:
    """The network (plain.py) for one host; the same to whoever uses it. `ca`: a file with the
    certificate, as DER, of the authority that is trusted."""

    def __init__(self, network, host, ca):
        self._network = network
        self._host = host
        self._ca = ca
        self._context = None
        self._hold = network.hold
        self.reaches = network.reaches
        self.waits = network.waits
        self.resolve = network.resolve

    async def connect(self, found, port, first):
        self._may()
        context = self._hold(self._trust)
        plain = await self._network.connect(found, port, b"")
        try:
            sock = context.wrap_socket(
                plain.s, server_hostname=self._host, do_handshake_on_connect=False
            )
            await self._shake(sock, first)
        except BaseException:
            plain.s.close()  # a handshake that fails leaves it open
            raise
        return asyncio.StreamReader(sock)

    def _may(self):
        if self.waits():
            raise OSError("is spoken to by TLS, which begins at zero power only")

    async def _shake(self, sock, first):
        """Write `first`: a write shakes hands before, as far as what came allows."""
        left = memoryview(first)
        while left:
            self._may()
            count = self._hold(lambda part=left: sock.write(part))
            if count:
                left = left[count:]
            else:
                await sleep_ms(_TURN_MS)

    def _trust(self):
        if self._context is None:
            try:
                with open(self._ca, "rb") as content:
                    authority = content.read()
            except OSError:
                raise OSError("cannot be trusted: no file {} (mqtt.ca)".format(self._ca))
            import tls

            context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
            context.verify_mode = tls.CERT_REQUIRED
            context.load_verify_locations(authority)
            self._context = context
        return self._context
