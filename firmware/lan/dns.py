# islet: one question for the address of a name, and its answer.
# GPL-3.0-or-later
#
# RFC 1035, sections 4.1 and 4.1.4. Names in an answer are passed over, never followed.

from firmware.base.viper import const
from firmware.local.address import host
from firmware.local.mdns import passed

PORT = const(53)
_HEAD = const(12)
_A, _IN = const(1), const(1)
_LONGEST = const(253)
_ANSWERS = const(16)  # records that are looked at


def build(out, number, name):
    """A question into `out`; how long it is. ValueError for what cannot be a name."""
    if not 0 < len(name) <= _LONGEST:
        raise ValueError("a name has 1 to {} characters".format(_LONGEST))
    out[0:_HEAD] = number + b"\1\0\0\1\0\0\0\0\0\0"
    at = _HEAD
    for label in name.rstrip(".").encode().split(b"."):
        if not 0 < len(label) < 64:
            raise ValueError("a part of a name has 1 to 63 characters")
        out[at] = len(label)
        out[at + 1 : at + 1 + len(label)] = label
        at += 1 + len(label)
    out[at : at + 5] = b"\0\0\1\0\1"
    return at + 5


def parse(data, question):
    """The address in an answer to `question`, 4 bytes; b"" when there is none for that name; None
    when it is no answer to it."""
    size = len(question)
    if len(data) < size or bytes(data[0:2]) != bytes(question[0:2]):
        return None
    if not data[2] & 0x80 or bytes(data[4:6]) != b"\0\1":
        return None
    if bytes(data[_HEAD:size]).lower() != bytes(question[_HEAD:size]).lower():
        return None
    if data[3] & 15:
        return b""
    at = size
    for _ in range(min(data[6] << 8 | data[7], _ANSWERS)):
        at = passed(data, at)
        if at < 0 or at + 10 > len(data):
            return b""
        kind, net = data[at] << 8 | data[at + 1], data[at + 2] << 8 | data[at + 3]
        length = data[at + 8] << 8 | data[at + 9]
        at += 10
        if at + length > len(data):
            return b""
        address = bytes(data[at : at + 4])
        if kind == _A and net == _IN and length == 4 and host(address):
            return address
        at += length
    return b""
