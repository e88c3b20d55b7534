# islet: the messages of DHCP: what is asked, and what of an answer is believed.
# GPL-3.0-or-later
#
# RFC 2131 and 2132. Whoever is on the network may answer, so nothing is taken that could not be a
# host's address on a network of its own; a lease is held for a week at most and asked for once a
# minute at most.

from firmware.base.viper import const
from firmware.local.address import NOTHING, host, usable

CLIENT, SERVER = const(68), const(67)  # ports
DISCOVER, OFFER, REQUEST, ACK, NAK = const(1), const(2), const(3), const(5), const(6)
BYTES = const(300)  # of a message of ours, as old servers want it (RFC 1542 2.1)
_OPTIONS = const(240)
_COOKIE = b"\x63\x82\x53\x63"
_MASK, _ROUTER, _DNS, _NAME, _WANTED, _LEASE = (
    const(1),
    const(3),
    const(6),
    const(12),
    const(50),
    const(51),
)
_TYPE, _SERVER, _ASKED, _CLIENT = const(53), const(54), const(55), const(61)
_LEAST_S, _MOST_S = const(60), const(604_800)
_NAME_MAX = const(24)  # so that all of it has room


def build(out, kind, number, mac, name, own=NOTHING, wanted=None, server=None):
    """A message into `out`; how long it is. `number`: 4 bytes; `own`: the address in use."""
    for i in range(BYTES):
        out[i] = 0
    out[0], out[1], out[2] = 1, 1, 6
    out[4:8] = number
    out[12:16] = own
    out[28:34] = mac
    out[236:240] = _COOKIE
    at = _OPTIONS
    options = (
        (_TYPE, bytes((kind,))),
        (_WANTED, wanted),
        (_SERVER, server),
        (_NAME, name[:_NAME_MAX]),
        (_CLIENT, b"\1" + mac),  # of Ethernet, as a server takes it without this option too
        (_ASKED, bytes((_MASK, _ROUTER, _DNS))),
    )
    for code, value in options:
        if value:
            out[at], out[at + 1] = code, len(value)
            at += 2
            out[at : at + len(value)] = value
            at += len(value)
    out[at] = 255
    return BYTES


class Lease:
    """What a server gives: 4 bytes each, and for how many seconds."""

    def __init__(self, kind, server, address, mask, router, dns, seconds):
        self.kind = kind
        self.server = server
        self.address = address
        self.mask = mask
        self.router = router
        self.dns = dns
        self.seconds = seconds


def _number(data):
    """Of 4 bytes, within what the chip does not allocate for."""
    value = 0
    for byte in data:
        value = min(value << 8 | byte, 0x3FFFFF)
    return value


def parse(data, number, mac):
    """A server's answer to the message with this number as a Lease; None when it is none, or one
    that cannot be believed. Of a refusal (NAK) nothing but kind and server."""
    if len(data) < _OPTIONS + 4 or data[0] != 2 or bytes(data[236:240]) != _COOKIE:
        return None
    if bytes(data[4:8]) != number or bytes(data[28:34]) != mac:
        return None
    options = {}
    at, end = _OPTIONS, len(data)
    while at < end and data[at] != 255:
        if not data[at]:
            at += 1
            continue
        if at + 1 >= end or at + 2 + data[at + 1] > end:
            return None
        size = data[at + 1]
        if data[at] in (_MASK, _ROUTER, _DNS, _LEASE, _TYPE, _SERVER):
            options[data[at]] = bytes(data[at + 2 : at + 2 + min(size, 4)])
        at += 2 + size
    kind = options.get(_TYPE, b"\0")[:1]
    server = options.get(_SERVER, b"")
    if kind not in (b"\2", b"\5", b"\6") or not host(server):
        return None
    kind = kind[0]
    if kind == NAK:
        return Lease(kind, server, NOTHING, NOTHING, NOTHING, NOTHING, 0)
    address = bytes(data[16:20])
    mask = options.get(_MASK, b"\xff\xff\xff\0")
    router = options.get(_ROUTER, NOTHING)
    dns = options.get(_DNS, NOTHING)
    lease = options.get(_LEASE, b"")
    if len(mask) != 4 or len(lease) != 4 or usable(address, mask, NOTHING):
        return None
    if usable(address, mask, router):
        router = NOTHING  # then only this network is reached
    if not host(dns):
        dns = NOTHING
    seconds = max(_LEAST_S, min(_number(lease), _MOST_S))
    return Lease(kind, server, address, mask, router, dns, seconds)
