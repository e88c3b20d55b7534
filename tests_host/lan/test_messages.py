"""DHCP and DNS: what is asked and what of an answer is believed, by the RFCs."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.lan import dhcp, dns
from firmware.local import address as addresses
from firmware.local.address import fixed, host_name

NUMBER, MAC = b"\1\2\3\4", b"\2\0\0\0\0\7"
SERVER = bytes((10, 0, 0, 1))


def answer(
    options: list[tuple[int, bytes]], address: bytes = bytes((10, 0, 0, 9)), mac: bytes = MAC
) -> bytes:
    """As RFC 2131 figure 1 has it."""
    head = struct.pack(
        ">BBBBIHH4s4s4s4s16s64s128s",
        *(2, 1, 6, 0, int.from_bytes(NUMBER, "big"), 0, 0),
        *(bytes(4), address, bytes(4), bytes(4), mac + bytes(10), b"", b""),
    )
    body = b"".join(bytes((code, len(value))) + value for code, value in options)
    return head + b"\x63\x82\x53\x63" + body + b"\xff"


def good(**changed: bytes) -> list[tuple[int, bytes]]:
    rows = {
        "type": (53, b"\5"),
        "server": (54, SERVER),
        "mask": (1, bytes((255, 255, 255, 0))),
        "router": (3, SERVER),
        "dns": (6, SERVER + bytes((10, 0, 0, 2))),
        "lease": (51, struct.pack(">I", 3600)),
    }
    return [(code, changed.get(name, value)) for name, (code, value) in rows.items()]


def taken(options: list[tuple[int, bytes]], **more: bytes) -> dhcp.Lease | None:
    return dhcp.parse(memoryview(answer(options, **more)), NUMBER, MAC)


def test_a_request_is_as_the_rfc_has_it() -> None:
    out = bytearray(b"\xaa" * dhcp.BYTES)
    size = dhcp.build(out, dhcp.REQUEST, NUMBER, MAC, b"islet", wanted=SERVER, server=SERVER)
    assert size == 300 and out[:4] == b"\1\1\6\0" and out[4:8] == NUMBER
    assert out[12:16] == bytes(4) and out[28:34] == MAC and out[34:236] == bytes(202)
    expected = b"\x35\1\3\x32\4" + SERVER + b"\x36\4" + SERVER + b"\x0c\5islet"
    expected += b"\x3d\7\1" + MAC + b"\x37\3\1\3\6\xff"
    assert out[240 : 240 + len(expected)] == expected
    assert not any(out[240 + len(expected) :])


def test_the_longest_name_has_room() -> None:
    out = bytearray(dhcp.BYTES)
    dhcp.build(out, dhcp.REQUEST, NUMBER, MAC, b"n" * 63, wanted=SERVER, server=SERVER)
    assert len(out) == dhcp.BYTES and b"\x0c\x18" + b"n" * 24 + b"\x3d\7" in out
    assert out.rstrip(b"\0").endswith(b"\x37\3\1\3\6\xff")


def test_two_boards_that_nobody_named_differ() -> None:
    assert host_name({"network.name": ""}, bytes(range(8))) == "islet-0607"
    assert host_name({"network.name": "garage"}, bytes(range(8))) == "garage"


def test_an_answer_is_believed() -> None:
    lease = taken(good())
    assert lease is not None and lease.kind == dhcp.ACK
    assert (lease.address, lease.router, lease.dns) == (bytes((10, 0, 0, 9)), SERVER, SERVER)
    assert lease.seconds == 3600


@pytest.mark.parametrize(
    "lie",
    [
        {"type": b"\1"},
        {"server": bytes(4)},
        {"server": b"\xff\xff\xff\xff"},
        {"mask": bytes((255, 0, 255, 0))},
        {"mask": bytes((255, 255, 255, 255))},
        {"mask": bytes(4)},
        {"lease": b""},
        {"lease": b"\1"},
    ],
)
def test_an_answer_that_cannot_be_is_none(lie: dict[str, bytes]) -> None:
    assert taken(good(**lie)) is None


@pytest.mark.parametrize(
    "address", [(0, 0, 0, 0), (127, 0, 0, 1), (224, 0, 0, 5), (10, 0, 0, 0), (10, 0, 0, 255)]
)
def test_an_address_that_no_host_has(address: tuple[int, ...]) -> None:
    assert taken(good(), address=bytes(address)) is None


def test_what_else_is_wrong_is_bounded() -> None:
    cases = [
        (good(router=bytes((192, 168, 0, 1))), "router", bytes(4)),
        (good(router=bytes((10, 0, 0, 9))), "router", bytes(4)),
        (good(dns=b"\xff\xff\xff\xff"), "dns", bytes(4)),
        (good(lease=b"\0\0\0\1"), "seconds", 60),
        (good(lease=b"\xff\xff\xff\xff"), "seconds", 604_800),
    ]
    for options, field, value in cases:
        lease = taken(options)
        assert lease is not None and getattr(lease, field) == value


def test_an_answer_to_somebody_else() -> None:
    assert taken(good(), mac=b"\2\0\0\0\0\x08") is None
    assert dhcp.parse(answer(good()), b"\1\2\3\5", MAC) is None
    refused = taken([(53, b"\6"), (54, SERVER)])
    assert refused is not None and refused.kind == dhcp.NAK


def test_masks() -> None:
    for bits in range(33):
        mask = ((1 << 32) - (1 << 32 - bits)).to_bytes(4, "big")
        assert addresses.mask_bits(mask) == bits
    assert addresses.mask_bits(b"\xff\0\xff\0") == -1


# --- names --------------------------------------------------------------------------------------


def asked(name: str = "broker.house") -> bytes:
    out = bytearray(18 + len(name))
    size = dns.build(out, b"\x12\x34", name)
    return bytes(out[:size])


def record(name: bytes, kind: int, data: bytes) -> bytes:
    return name + struct.pack(">HHIH", kind, 1, 60, len(data)) + data


def reply(question: bytes, *records: bytes, flags: int = 0x8180) -> bytes:
    head = question[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0)
    return head + question[12:] + b"".join(records)


HERE = b"\xc0\x0c"


def test_a_question_is_as_the_rfc_has_it() -> None:
    assert asked() == b"\x12\x34\1\0\0\1\0\0\0\0\0\0\6broker\5house\0\0\1\0\1"
    for bad in ("", "a..b", "x" * 64 + ".y", "a." * 200):
        with pytest.raises(ValueError, match="name"):
            asked(bad)


def test_the_first_address_counts() -> None:
    question = asked()
    alias = record(HERE, 5, b"\3box\xc0\x13")
    a = record(b"\3box\xc0\x13", 1, bytes((10, 0, 0, 7)))
    assert dns.parse(reply(question, alias, a), question) == bytes((10, 0, 0, 7))
    six = record(HERE, 28, bytes(16))
    assert dns.parse(reply(question, six), question) == b""
    assert dns.parse(reply(question, flags=0x8183), question) == b""
    loop = record(HERE, 1, bytes((127, 0, 0, 1)))
    assert dns.parse(reply(question, loop), question) == b""


def test_an_answer_to_another_question() -> None:
    question = asked()
    a = record(HERE, 1, bytes((10, 0, 0, 7)))
    other = reply(asked("broker.mouse"), a)
    assert dns.parse(other, question) is None
    assert dns.parse(b"\x12\x35" + reply(question, a)[2:], question) is None
    assert dns.parse(bytes(question), question) is None  # our own, come back


MESSAGES = [
    answer(good()),
    reply(asked(), record(HERE, 5, b"\3box\xc0\x13"), record(HERE, 1, bytes((10, 0, 0, 7)))),
]


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 1), st.integers(0, 2**32), st.integers(1, 12))
def test_whatever_comes_is_taken_or_not(which: int, seed: int, changes: int) -> None:
    """Bytes changed, cut off and put in: no exception, and no address that no host has."""
    noise = random.Random(seed)
    data = bytearray(MESSAGES[which])
    for _ in range(changes):
        at = noise.randrange(len(data)) if data else 0
        kind = noise.randrange(3)
        if kind == 0 and data:
            data[at] = noise.randrange(256)
        elif kind == 1:
            data[at:at] = noise.randbytes(noise.randrange(8))
        else:
            del data[at : at + noise.randrange(40)]
    lease = dhcp.parse(memoryview(data), NUMBER, MAC)
    if lease is not None and lease.kind != dhcp.NAK:
        assert addresses.host(lease.address) and not addresses.usable(
            lease.address, lease.mask, lease.router
        )
        assert 60 <= lease.seconds <= 604_800
    found = dns.parse(memoryview(data), asked())
    assert not found or addresses.host(found)


# --- a fixed address ----------------------------------------------------------------------------


def site(**changed: str) -> dict[str, str]:
    rows = {"address": "192.168.0.20", "mask": "255.255.255.0", "router": "", "dns": ""}
    return {f"network.{name}": value for name, value in (rows | changed).items()}


def test_a_fixed_address_is_four_numbers_or_an_error_by_name() -> None:
    given, errors = fixed(site(router="192.168.0.1"))
    assert given == [
        bytes((192, 168, 0, 20)),
        bytes((255, 255, 255, 0)),
        bytes((192, 168, 0, 1)),
        bytes(4),
    ]
    assert not errors
    assert fixed(site(address="")) == (None, [])


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"address": "192.168.0"}, "network.address"),
        ({"address": "192.168.0.255"}, "network.address"),
        ({"address": "127.0.0.1"}, "network.address"),
        ({"mask": "255.0.255.0"}, "network.mask"),
        ({"mask": ""}, "network.mask"),
        ({"router": "192.168.1.1"}, "network.router"),
        ({"dns": "router"}, "network.dns"),
    ],
)
def test_a_fixed_address_that_cannot_be_is_named(changed: dict[str, str], field: str) -> None:
    given, errors = fixed(site(**changed))
    assert given is None
    assert [error.split(":")[0] for error in errors] == [field]
