"""Who answers for name.local over sockets, as on an ESP32 with a cable: heard by another host."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import pytest

from firmware.local import mdns
from firmware.local.responder import Responder
from firmware.sockets import group
from firmware.sockets.group import Group

MASK = bytes((255, 0, 0, 0))


class Cable:
    def __init__(self) -> None:
        self.address, self.mask, self.turns = "127.0.0.1", MASK, 1
        self.local = ""

    def called(self, label: str) -> None:
        self.local = label and label + ".local"


class Peer:
    """Another host in the group, on the loopback."""

    def __init__(self) -> None:
        made = self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("0.0.0.0", mdns.PORT))
        here = socket.inet_aton("127.0.0.1")
        made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, mdns.GROUP + here)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, here)
        made.setblocking(False)

    def heard(self) -> list[bytes]:
        found = []
        while True:
            try:
                found.append(self.socket.recv(1500))
            except BlockingIOError:
                return found

    def say(self, message: bytes) -> None:
        self.socket.sendto(message, ("224.0.0.251", mdns.PORT))


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """The PC's own way to the group leads elsewhere."""
    bound = group.bound

    def here(address: str, port: int) -> Any:
        made = bound(address, port)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        return made

    monkeypatch.setattr(group, "bound", here)


def question(name: bytes) -> bytes:
    labels = b"".join(bytes((len(part),)) + part for part in name.split(b".")) + b"\0"
    return struct.pack(">6H", 0, 0, 1, 0, 0, 0) + labels + struct.pack(">HH", 1, 1)


def test_it_says_its_name_and_answers(loopback: None) -> None:
    cable, peer = Cable(), Peer()
    responder = Responder(Group(cable), "islet-1a2b", 80, bytes, cable.called)

    async def main() -> None:
        task = asyncio.create_task(responder.run())
        for _ in range(60):
            await asyncio.sleep(0.1)
            if cable.local:
                break
        assert cable.local == "islet-1a2b.local"
        await asyncio.sleep(2.2)
        before = peer.heard()
        assert sum(b"\x0aislet-1a2b" in each for each in before) >= 4, "probes, announcements"
        peer.say(question(b"islet-1a2b.local"))
        await asyncio.sleep(0.5)
        told = [each for each in peer.heard() if each[2] & 0x80]
        assert len(told) == 1 and socket.inet_aton("127.0.0.1") in told[0]
        cable.address, cable.turns = "", 2
        await asyncio.sleep(0.5)
        assert cable.local == "", "without an address it has no name"
        task.cancel()

    asyncio.run(main())


def test_it_answers_its_own_network_alone(loopback: None) -> None:
    cable = Cable()
    link: Any = Group(cable)
    sent: list[Any] = []

    class Socket:
        def sendto(self, message: bytes, place: Any) -> None:
            sent.append(place)
            raise OSError("the cable is out")

        def close(self) -> None:
            sent.append("closed")

    link._socket = Socket()

    async def main() -> None:
        await link.reply(b"x", bytes((127, 0, 0, 9)), 40_000)
        await link.reply(b"x", bytes((10, 0, 0, 9)), 40_000)
        await link.send(b"x")
        await link.leave()
        await link.send(b"x")

    asyncio.run(main())
    assert sent == [("127.0.0.9", 40_000), ("224.0.0.251", mdns.PORT), "closed"]


def test_a_group_that_cannot_be_joined_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no name is told meanwhile, for nobody was asked whether it is taken."""
    cable = Cable()

    def refused(address: str, port: int) -> Any:
        raise OSError("no room")

    monkeypatch.setattr(group, "bound", refused)
    monkeypatch.setattr(group, "_AGAIN_MS", 20)
    told: list[str] = []
    responder = Responder(Group(cable), "islet-1a2b", 80, bytes, told.append)

    async def main() -> None:
        task = asyncio.create_task(responder.run())
        await asyncio.sleep(0.5)
        task.cancel()

    asyncio.run(main())
    assert set(told) == {""} and 3 < len(told) < 60
