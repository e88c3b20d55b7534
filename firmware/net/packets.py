# islet: umqtt.simple as a maker and reader of packets; the only file that knows it.
# GPL-3.0-or-later
#
# umqtt.simple 1.3.4 makes its socket blocking after the first byte, spins for acknowledgements and
# has no deadline anywhere. So it gets no socket: it writes its packets into a buffer and reads
# from packets that have arrived whole. Where it would wait it finds nothing to read, and we leave
# it (`_WouldWait`). Its checks are `assert`s, which an optimised build drops, so `take` has its
# own.
#
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false

import sys


class _WouldWait(Exception):
    """umqtt has written its packet and would now wait for the answer."""


class _Wire:
    """What umqtt takes for a socket: collects what it writes, gives what has arrived."""

    def __init__(self):
        self.sent = bytearray()
        self.arrived = b""

    def connect(self, address):
        pass

    def setblocking(self, blocking):
        pass

    def write(self, data, count=None):
        self.sent.extend(data if count is None else data[:count])

    def read(self, count):
        if len(self.arrived) < count:
            raise _WouldWait
        data = self.arrived[:count]
        self.arrived = self.arrived[count:]
        return data


class _Sockets:
    """What umqtt imports as `usocket`."""

    socket = _Wire

    @staticmethod
    def getaddrinfo(host, port):
        return ((None,),)


def _umqtt():
    """umqtt.simple with our stand-in for its socket module; everybody else keeps theirs."""
    import binascii
    import struct

    stand_ins = {"usocket": _Sockets, "ustruct": struct, "ubinascii": binascii}
    before = {name: sys.modules.get(name) for name in stand_ins}
    for name in stand_ins:
        sys.modules[name] = stand_ins[name]
    try:
        from umqtt import simple
    finally:
        for name in before:
            if before[name] is None:
                del sys.modules[name]
            else:
                sys.modules[name] = before[name]
    return simple


class Packets(_umqtt().MQTTClient):
    """umqtt.simple as a maker and reader of packets."""

    def build(self, call, *arguments):
        """The bytes that one of umqtt's methods writes."""
        if self.pid >= 65_000:
            self.pid = 0
        try:
            call(*arguments)
        except _WouldWait:
            pass
        wire = self.sock
        sent, wire.sent, wire.arrived = wire.sent, bytearray(), b""  # nothing of it is kept
        return sent

    def head(self, topic, size, retain):
        """How a PUBLISH of quality 0 begins, whose payload of `size` bytes follows."""
        left = 2 + len(topic) + size
        head = bytearray((0x30 | retain,))
        while left > 0x7F:
            head.append(left & 0x7F | 0x80)
            left >>= 7
        head.append(left)
        head.extend(bytes((len(topic) >> 8, len(topic) & 0xFF)))
        head.extend(topic)
        return head

    def take(self, head, body):
        """Deliver one PUBLISH packet to the callback; returns the acknowledgement to send."""
        qos = head >> 1 & 3
        topic = body[0] << 8 | body[1] if len(body) >= 2 else 0
        if head >> 4 != 3 or qos > 1 or len(body) < 2 + topic + 2 * qos:
            raise ValueError("malformed packet from the broker")
        size = len(body)
        self.sock.arrived = bytes((head, size & 0x7F | 0x80, size >> 7)) + body
        return self.build(self.wait_msg)
