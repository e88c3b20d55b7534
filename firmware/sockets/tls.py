# islet: TLS to one host over a network's sockets: who is trusted, and when it may begin.
# GPL-3.0-or-later
#
# Only an ESP32 has it in its image; what it costs an RP2040 stands in docs/decisions.md. The date
# is looked at as well as name and signature: without a clock no certificate is valid yet.
#
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

import asyncio


class Encrypted:
    """The network (plain.py) for one host; the same to whoever uses it. `ca`: a file with the
    certificate, as DER, of the authority that is trusted."""

    def __init__(self, network, host, ca):
        self._network = network
        self._host = host
        self._ca = ca
        self._context = None
        self.waits = network.waits
        self.resolve = network.resolve

    async def connect(self, found, port, first):
        """A handshake holds the loop for as long as it computes: at zero power only (INV-9)."""
        if self.waits():
            raise OSError("is spoken to by TLS, which begins at zero power only")
        context = self._trust()
        plain = await self._network.connect(found, port, b"")
        try:
            sock = context.wrap_socket(
                plain.s, server_hostname=self._host, do_handshake_on_connect=False
            )
            stream = asyncio.StreamReader(sock)
            stream.out_buf = first  # shakes hands before it writes, as far as what came allows
            await stream.drain()
        except BaseException:
            plain.s.close()  # a handshake that fails leaves it open
            raise
        return stream

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
