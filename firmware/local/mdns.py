# islet: the messages by which a host answers for its own name: name.local, and what it serves.
# GPL-3.0-or-later
#
# RFC 6762 (mDNS) and 6763 (services). One message says all that there is to say; it is made when
# the name or the address changes and sent whenever somebody asks for a part of it. Bytes in,
# bytes out: who sends them is responder.py.
#
# What comes is read in place, by steps that are bounded: whoever is on the network may send it.

from firmware.base.viper import const

PORT = const(5353)
GROUP = b"\xe0\0\0\xfb"  # 224.0.0.251
SERVICES = (b"_http", b"_islet")  # of TCP: what browsers look for, and what knows islet

# what `judge` finds in a message
NOTHING, ASKED, PROBED, CONFLICT = const(0), const(1), const(2), const(3)
LOST = const(4)  # probed by a host whose claim is the stronger

_A, _PTR, _TXT, _AAAA, _SRV, _NSEC, _ANY = (
    const(1),
    const(12),
    const(16),
    const(28),
    const(33),
    const(47),
    const(255),
)
_IN, _ONE = const(1), const(0x8001)  # class; with: there is one such record only
_HOST_S, _OTHER_S = const(120), const(4_500)  # times to live (RFC 6762, 10)
_BRIEF_S = const(10)
_HEAD = const(12)
_LOCAL = b"\5local\0"
_TCP = b"\4_tcp"
_EVERYTHING = b"\x09_services\7_dns-sd\4_udp"
_TEXT = b"\6path=/"
# of a message, and of a name
_QUESTIONS, _RECORDS, _LABELS, _HOPS = const(8), const(24), const(8), const(4)


def names(label, port):
    """All names that are ours, as they stand in a message: the host's; then of each service its
    own, and ours in it; and the one that all services are found by. No port: the host's alone."""
    label = bytes((len(label),)) + label.lower()
    found = [label + _LOCAL]
    if port:
        for service in SERVICES:
            service = bytes((len(service),)) + service + _TCP + _LOCAL
            found += [service, label + service]
        found.append(_EVERYTHING + _LOCAL)
    return found


def _at(offset):
    """A name that stands there already."""
    return bytes((0xC0 | offset >> 8, offset & 255))


def _record(name, kind, group, seconds, data):
    head = (kind >> 8, kind & 255, group >> 8, group & 255, 0, 0, seconds >> 8, seconds & 255)
    return name + bytes(head) + bytes((len(data) >> 8, len(data) & 255)) + data


def build(label, address, port, lives=True):
    """All of our records as one answer; `lives` False: that they are no more.

    label: the host's name, ASCII; address: 4 bytes; port: of the page, 0 for none."""
    host_s, other_s = (_HOST_S, _OTHER_S) if lives else (0, 0)
    name = bytes((len(label),)) + label
    host, local = _at(_HEAD), _at(_HEAD + len(name))
    out = bytearray(b"\0\0\x84\0\0\0\0\0\0\0\0\0")
    out += _record(name + _LOCAL, _A, _ONE, host_s, address)
    out += _record(host, _NSEC, _ONE, host_s, host + b"\0\1\x40")  # there is nothing but an A
    count = 2
    if port:
        target = b"\0\0\0\0" + bytes((port >> 8, port & 255)) + host
        kinds = []
        for service in SERVICES:
            kind = _at(len(out))
            kinds.append(kind)
            own = bytes((len(service),)) + service + _TCP + local
            instance = _at(len(out) + len(own) + 10)
            out += _record(own, _PTR, _IN, other_s, name + kind)
            out += _record(instance, _SRV, _ONE, host_s, target)
            out += _record(instance, _TXT, _ONE, other_s, _TEXT)
            count += 3
        everything = _EVERYTHING + local
        for kind in kinds:
            start = _at(len(out))
            out += _record(everything, _PTR, _IN, other_s, kind)
            everything = start
            count += 1
    out[7] = count
    return out


def probe(label, address):
    """The question whether somebody has our name, with what we shall say of it (8.1)."""
    name = bytes((len(label),)) + label + _LOCAL
    out = bytearray(b"\0\0\0\0\0\1\0\0\0\1\0\0")
    out += name + b"\0\xff\x80\1"  # anything; answered to us alone if one likes
    out += _record(_at(_HEAD), _A, _IN, _HOST_S, address)
    return out


def reply(data, ours, address):
    """What somebody is told who asks for our address but is no host that speaks for itself (6.7):
    its own number and question, and an address that it shall not keep; None when it asks else."""
    if judge(data, ours, address, 0) != ASKED or _word(data, 4) != 1:
        return None
    end = passed(data, _HEAD) + 4
    if not same(data, _HEAD, ours[0]) or _word(data, end - 4) not in (_A, _ANY):
        return None
    head = bytes(data[:2]) + b"\x84\0\0\1\0\1\0\0\0\0"
    question = bytes(data[_HEAD : end - 2]) + b"\0\1"
    return head + question + _record(_at(_HEAD), _A, _IN, _BRIEF_S, address)


def _word(data, at):
    return data[at] << 8 | data[at + 1]


def passed(data, at):
    """Where a name ends that begins there; -1 when it does not."""
    size = len(data)
    while at < size:
        length = data[at]
        if not length:
            return at + 1
        if length >= 192:
            return at + 2 if at + 2 <= size else -1
        if length >= 64:
            return -1
        at += 1 + length
    return -1


def same(data, at, name):
    """Whether the name that begins there is `name`, which is in small letters. Pointers lead back,
    and a few of them only."""
    size, length = len(data), len(name)
    hops = i = 0
    left = 0  # of the label
    while at < size and i < length:
        byte = data[at]
        if not left and byte >= 192:
            to = _word(data, at) & 0x3FFF if at + 1 < size else size
            hops += 1
            if to >= at or hops > _HOPS:
                return False
            at = to
            continue
        if left:
            left -= 1
            if 65 <= byte <= 90:
                byte += 32
        else:
            left = byte
        if byte != name[i]:
            return False
        at += 1
        i += 1
    return i == length


def which(data, at, ours):
    """The place of the name that begins there among `ours`, -1 when it is none of them."""
    for i in range(len(ours)):
        if same(data, at, ours[i]):
            return i
    return -1


def _differs(data, at, kind, length, ours, address, port):
    """Whether a record of a name that is ours says something else than we do."""
    if kind == _A:
        return length == 4 and _above(data, at, address) != 0
    if kind == _AAAA:
        return True
    if kind == _SRV and length > 6:
        return _word(data, at + 4) != port or not same(data, at + 6, ours[0])
    return False


def _above(data, at, address):
    """1, 0 or -1: the four bytes there are more than the address, it, or less."""
    for i in range(4):
        if data[at + i] != address[i]:
            return 1 if data[at + i] > address[i] else -1
    return 0


def _asks(kind, place):
    """Whether a question of this kind for our name in this place has an answer."""
    if kind == _ANY:
        return True
    if place == 0:
        return kind == _A or kind == _AAAA or kind == _NSEC
    if place & 1:  # a service's, or the one of all services
        return kind == _PTR
    return kind == _SRV or kind == _TXT


def judge(data, ours, address, port):
    """What a message means to who has the names `ours` (see `names`), this address and port."""
    size = len(data)
    if size < _HEAD or data[2] & 0x78 or data[3] & 15:
        return NOTHING
    answers = data[2] & 0x80
    questions = _word(data, 4)
    known, claims = _word(data, 6), _word(data, 8)
    records = known + claims + _word(data, 10)
    at = _HEAD
    wanted = 0  # a bit per name
    if questions > _QUESTIONS:
        questions, records = _QUESTIONS, 0  # where these begin is not looked for
    for _ in range(questions):
        place = -1 if answers else which(data, at, ours)
        at = passed(data, at)
        if at < 0 or at + 4 > size:
            return NOTHING
        if place >= 0 and _word(data, at + 2) & 0x7FFF in (_IN, _ANY):
            if _asks(_word(data, at), place):
                wanted |= 1 << place
        at += 4
    found = NOTHING
    for number in range(min(records, _RECORDS)):
        begin = at
        at = passed(data, at)
        if at < 0 or at + 10 > size:
            break
        kind, length = _word(data, at), _word(data, at + 8)
        alive = data[at + 4] or data[at + 5] or data[at + 6] or data[at + 7]
        fresh = data[at + 4] or data[at + 5] or _word(data, at + 6) * 2 >= _OTHER_S
        at += 10
        if at + length > size:
            break
        if kind == _A or kind == _AAAA or kind == _SRV or kind == _PTR:
            place = which(data, begin, ours)
            if place < 0:
                pass
            elif answers:
                if alive and not place & 1:  # nobody else may have these
                    if _differs(data, at, kind, length, ours, address, port):
                        return CONFLICT
            elif number < known:
                # who asks knows our part of it
                if kind == _PTR and fresh and place + 1 < len(ours):
                    if same(data, at, ours[place + 1]):
                        wanted &= ~(1 << place)
            elif number < known + claims and place == 0 and kind == _A and length == 4:
                above = _above(data, at, address)
                if above:
                    found = LOST if above > 0 else PROBED
        at += length
    if found:
        return found
    return ASKED if wanted else NOTHING
