"""What comes from the network, good and spoilt: messages of independent makers, and mistakes in
them. A message is known by a seed, its kind and its number alone."""

from __future__ import annotations

import functools
import hashlib
import hmac
import http.client
import json
import random
import re
import struct
from collections.abc import Callable
from typing import Any

from amqtt.mqtt.connack import ConnackPacket
from amqtt.mqtt.pingresp import PingRespPacket
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.publish import PublishPacket
from amqtt.mqtt.suback import SubackPacket
from zeroconf._dns import DNSAddress, DNSPointer, DNSQuestion, DNSService
from zeroconf._protocol.outgoing import DNSOutgoing

TOKEN, PREFIX = "sesame", "islet/test"  # as the device's script has them
CODE, CHANCE, SESSION = "1234", b"nobody knows it ahead", "00" * 8  # likewise: of its doors
SIGNS, CLIENT_KEY, SALT = b"a session's key", bytes(range(32)), bytes(16)  # of anna's
NAME, ADDRESS = "islet-1a2b", bytes((192, 168, 77, 50))
NUMBER, MAC = b"\1\2\3\4", b"\2\0\0\0\0\7"  # of our DHCP request
QUESTION = b"\x12\x34", "broker.house."  # of our DNS question
COOKIE = b"islet567"  # of our SNTP question
KINDS = ("http", "mqtt", "connack", "dhcp", "dns", "sntp", "mdns", "door")
_ODD = (0, 1, 0x0C, 0x20, 0x3F, 0x40, 0x7F, 0x80, 0xC0, 0xFE, 0xFF)
_ODD_NUMBERS = (b"0", b"-1", b"65536", b"4294967296", b"9" * 40, b"1e9", b"0x10", b"", b" 7")
_COMMANDS: tuple[dict[str, Any], ...] = (
    {"command": "goal", "goal": "charge"},
    {"command": "acknowledge", "id": 3},
    {"command": "target_w", "device": "inverter", "target_w": 1200, "for_s": 60},
    {"command": "limit_a", "device": "evse", "limit_a": 7.5},
    {"command": "nonsense", "deep": [[[{}]]]},
)


def _request(method: str, path: str, body: bytes | None = None, **headers: str) -> bytes:
    """As Python's own client writes it."""
    sent = bytearray()

    class Sock:
        def sendall(self, data: bytes) -> None:
            sent.extend(data)

    connection: Any = http.client.HTTPConnection("192.168.77.50")
    connection.sock = Sock()
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, given)
    return bytes(sent)


def _http() -> list[bytes]:
    pages = ("/", "/api/state", "/api/limits", "/api/image", "/api/log", "/api/sessions")
    found = [_request("GET", path, Accept="*/*", Cookie="a=b") for path in pages]
    for method in ("HEAD", "PUT", "OPTIONS"):
        found.append(_request(method, "/api/state?x=1&y=%41", Connection="keep-alive"))
    rights = ("", f"Bearer {TOKEN[:-1]}", "Basic c2VzYW1l", "Bearer ", f"Bearer {TOKEN}")
    for right in rights:
        for command in _COMMANDS:
            more = {"Authorization": right} if right else {}
            body = json.dumps(command).encode()
            found.append(_request("POST", "/api/command", body, **more))
    form = b"command=goal&goal=charge"
    kind = "application/x-www-form-urlencoded"
    found.append(_request("POST", "/api/command", form, Content_Type=kind))
    return found


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def _login(name: str, nonce: str, begun_s: int = 0, **more: Any) -> dict[str, Any]:
    """The second half, as RFC 5802 and docs/access.md have it."""
    begun = begun_s.to_bytes(4, "big")
    challenge = (begun + _mac(CHANCE, begun + f"{name},{nonce}".encode())[:12]).hex()
    sign = _mac(hashlib.sha256(CLIENT_KEY).digest(), f"{name},{nonce},{challenge}".encode())
    proof = bytes(a ^ b for a, b in zip(CLIENT_KEY, sign, strict=True)).hex()
    return {"name": name, "nonce": nonce, "challenge": challenge, "proof": proof, **more}


def _door() -> list[bytes]:
    """Claims, logins and what a session says; some are good, most are not quite."""
    nonce, key = "0123456789abcdef" * 2, {"salt": "00" * 16, "key": "11" * 32}
    claims = [{"code": code, "name": "ben", **key} for code in (CODE, "4321", 1234, "")]
    logins: list[dict[str, Any]] = [{"name": "anna", "nonce": nonce}, _login("anna", nonce)]
    logins += [_login("anna", nonce, proof="00" * 32), _login("anna", nonce, 77)]
    logins += [_login(name, nonce) for name in ("eve", "installer", "a b")]
    found = [_request("GET", path) for path in ("/api/access", "/api/people", "/api/audit")]
    bodies = [("claim", claim) for claim in claims] + [("login", login) for login in logins]
    found += [_request("POST", f"/api/{to}", json.dumps(body).encode()) for to, body in bodies]
    said: list[tuple[str, dict[str, Any]]] = [("leave", {}), ("command", dict(_COMMANDS[0]))]
    said += [("people", {"name": "eve", "role": role, **key}) for role in ("owner", "god")]
    said += [("people", {"name": "anna", "remove": True}), ("claim", claims[0])]
    for number, (to, body) in enumerate(said, 1):
        data = json.dumps(body).encode()
        seal = _mac(SIGNS, f"POST /api/{to}\n{number}\n".encode() + data).hex()
        for session in (SESSION, "11" * 8):
            right = f"Islet {session}.{number}.{seal}"
            found.append(_request("POST", f"/api/{to}", data, Authorization=right))
        found.append(_request("POST", f"/api/{to}", data, Host="evil.example"))
    return found


def _mqtt() -> list[bytes]:
    topics = (f"{PREFIX}/set/goal", f"{PREFIX}/device/inverter/set/target_w", f"{PREFIX}/state")
    topics += (
        PREFIX,
        "islet/other/set/goal",
        f"{PREFIX}/operator/set/limit_w",
        "homeassistant/status",
    )
    found = [PingRespPacket.build().to_bytes(), SubackPacket.build(2, [0x80]).to_bytes()]
    for number in (1, 300):
        found.append(PubackPacket.build(number).to_bytes())
        found.append(SubackPacket.build(number, [1]).to_bytes())
    for topic in topics:
        for payload in (b"charge", b'{"target_w": 900, "for_s": 60}', b"", b"x" * 700):
            for quality in (0, 1):
                packet = PublishPacket.build(topic, payload, 7, False, quality, False)
                found.append(packet.to_bytes())
    return [*found, b"".join(found[:8])]


def _connack() -> list[bytes]:
    return [ConnackPacket.build(0, code).to_bytes() for code in range(6)]


def _dhcp() -> list[bytes]:
    """As RFC 2131 figure 1 has it."""
    server = bytes((192, 168, 77, 1))
    head = struct.pack(
        ">BBBB4sHH4s4s4s4s16s64s128s4s",
        *(2, 1, 6, 0, NUMBER, 0, 0, bytes(4), ADDRESS, bytes(4), bytes(4), MAC + bytes(10)),
        *(b"router", b"", b"\x63\x82\x53\x63"),
    )
    found = []
    for kind in (2, 5, 6):
        rows = [(53, bytes((kind,))), (54, server), (1, b"\xff\xff\xff\0"), (3, server)]
        rows += [(6, server + server), (51, struct.pack(">I", 3600)), (15, b"house"), (0, b"")]
        body = b"".join(bytes((code, len(value))) + value for code, value in rows if code)
        found.append(head + body + b"\xff" + bytes(20))
    return found


def _packet(out: DNSOutgoing) -> bytes:
    return out.packets()[0]


def _dns() -> list[bytes]:
    number, name = QUESTION
    found = []
    for count in (0, 1, 3):
        out = DNSOutgoing(0x8180, False)
        out.add_question(DNSQuestion(name, 1, 1))
        if count == 3:
            out.add_answer_at_time(DNSPointer(name, 5, 1, 60, "box.house."), 0)
        for host in range(count):
            out.add_answer_at_time(DNSAddress("box.house.", 1, 1, 60, bytes((10, 0, 0, host))), 0)
        found.append(number + _packet(out)[2:])
    return found


def _sntp() -> list[bytes]:
    seconds = 3_900_000_000
    return [
        struct.pack(">BBbb3I", 0x24, stratum, 6, -20, 0, 0, 0)
        + struct.pack(">II8sIIII", seconds, 0, COOKIE, seconds, 1, seconds, 2)
        for stratum in (0, 1, 2, 16)
    ]


def _mdns() -> list[bytes]:
    host, kind = f"{NAME}.local.", "_http._tcp.local."
    page = f"{NAME}.{kind}"
    found = []
    for name, asked in ((host, 1), (host, 28), (host, 255), (kind, 12), (page, 33)):
        out = DNSOutgoing(0)
        out.add_question(DNSQuestion(name, asked, 1))
        out.add_answer_at_time(DNSPointer(kind, 12, 1, 4500, page), 0)
        found.append(_packet(out))
    for address in (ADDRESS, bytes((192, 168, 77, 9))):
        out = DNSOutgoing(0x8400)
        out.add_answer_at_time(DNSAddress(host, 1, 0x8001, 120, address), 0)
        out.add_answer_at_time(DNSService(page, 33, 0x8001, 120, 0, 0, 80, host), 0)
        found.append(_packet(out))
        probe: Any = DNSAddress(host, 1, 1, 120, address)
        out = DNSOutgoing(0)
        out.add_question(DNSQuestion(host, 255, 1))
        out.authorities.append(probe)
        found.append(_packet(out))
    return found


MAKERS: dict[str, Callable[[], list[bytes]]] = {
    "http": _http, "mqtt": _mqtt, "connack": _connack, "dhcp": _dhcp, "dns": _dns,
    "sntp": _sntp, "mdns": _mdns, "door": _door,
}  # fmt: skip


@functools.cache
def good(kind: str) -> tuple[bytes, ...]:
    return tuple(MAKERS[kind]())


# --- mistakes -----------------------------------------------------------------------------------


def _flip(data: bytearray, noise: random.Random, _: str) -> None:
    for _bit in range(noise.randrange(1, 9)):
        data[noise.randrange(len(data))] ^= 1 << noise.randrange(8)


def _cut(data: bytearray, noise: random.Random, _: str) -> None:
    del data[noise.randrange(len(data)) :]


def _take_out(data: bytearray, noise: random.Random, _: str) -> None:
    at = noise.randrange(len(data))
    del data[at : at + noise.randrange(1, 40)]


def _double(data: bytearray, noise: random.Random, _: str) -> None:
    at = noise.randrange(len(data))
    data[at:at] = data[at : at + noise.randrange(1, 200)] * noise.choice((1, 1, 2, 12))


def _splice(data: bytearray, noise: random.Random, kind: str) -> None:
    other = noise.choice(good(kind))
    data[noise.randrange(len(data)) :] = other[noise.randrange(len(other)) :]


def _put_in(data: bytearray, noise: random.Random, _: str) -> None:
    at = noise.randrange(len(data))
    data[at:at] = noise.randbytes(noise.choice((1, 2, 8, 300)))


def _lie(data: bytearray, noise: random.Random, _: str) -> None:
    """A length, a count, a type: one byte or two that say something else."""
    at = noise.randrange(len(data))
    data[at] = noise.choice(_ODD)
    if noise.randrange(2):
        data[at : at + 2] = struct.pack(">H", noise.choice((0, 1, 0x7FFF, 0x8000, 0xC00C, 0xFFFF)))


def _count(data: bytearray, noise: random.Random, kind: str) -> None:
    """A number in digits, where there are any."""
    numbers = list(re.finditer(rb"\d+", data))
    if not numbers:
        _lie(data, noise, kind)
        return
    found = noise.choice(numbers)
    data[found.start() : found.end()] = noise.choice(_ODD_NUMBERS)


MISTAKES = (_flip, _cut, _take_out, _double, _splice, _put_in, _lie, _lie, _count)
_MOST = 6_000  # bytes: more than is read of any


def spoilt(seed: int, kind: str, number: int) -> bytes:
    """Message `number`: one in twenty as it was made."""
    noise = random.Random(f"{seed} {kind} {number}")
    data = bytearray(noise.choice(good(kind)))
    if noise.randrange(20):
        for _ in range(noise.choice((1, 1, 1, 2, 3))):
            if data:
                noise.choice(MISTAKES)(data, noise, kind)
    return bytes(data[:_MOST])


def allowed(kind: str, data: bytes) -> bool:
    """Whether it may change anything: it has the token, or a topic for commands that the broker
    lets through; the code that the lamp blinks, or what a session has signed."""
    if kind == "http":
        return TOKEN.encode() in data
    if kind == "door":
        return CODE.encode() in data or f"Islet {SESSION}.".encode() in data
    return kind == "mqtt" and f"{PREFIX}/".encode() in data and b"/set/" in data
