"""What a board with a W5500 gets for its network, as the parts of the firmware ask for it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from firmware import lan
from firmware.image import Image
from firmware.lan.ethernet import Ethernet
from firmware.lan.lease import Fixed, Leased
from firmware.net.plain import Sockets

CHIP = bytes.fromhex("e66164084373532b")
SETTINGS = {
    "network.name": "",
    "network.address": "",
    "network.mask": "255.255.255.0",
    "network.router": "192.168.0.1",
    "network.dns": "",
    "network.time": "pool.ntp.org",
}


def made(**changes: str) -> tuple[Any, dict[str, Any], list[str]]:
    spi: Any = SimpleNamespace(init=lambda **_: None)
    pins = (spi, lambda _: None, lambda: 1, lambda _: None, 15_625_000, 1_000_000)
    board: Any = SimpleNamespace(ethernet=pins, wall_s=lambda: -1, set_wall=lambda s: None)
    network, tasks, wrong = lan.network(
        board, Image(), {**SETTINGS, **changes}, CHIP, bytes, lambda *_: None, bool
    )
    return network, dict(tasks), wrong


def test_its_tasks() -> None:
    network, tasks, wrong = made()
    assert isinstance(network, Ethernet) and network.name == "islet-532b" and not wrong
    assert list(tasks) == ["ethernet", "address", "time"]
    assert isinstance(tasks["address"].__self__, Leased)
    assert "time" not in made(**{"network.time": ""})[1]


@pytest.mark.parametrize(("address", "kind"), [("192.168.0.20", Fixed), ("192.168.0.300", Leased)])
def test_a_fixed_address_that_cannot_be_is_left_to_dhcp(address: str, kind: type) -> None:
    _, tasks, wrong = made(**{"network.address": address})
    assert isinstance(tasks["address"].__self__, kind)
    assert len(wrong) == (kind is Leased)


def test_every_network_is_used_alike() -> None:
    """What net/plain.py says a network has."""
    for name in ("PLACES", "WAITING", "reaches", "waits", "resolve", "connect", "serve"):
        assert hasattr(Sockets, name) and hasattr(Ethernet, name), name
    assert not made()[0].waits(), "its look-ups hold nobody up"
    assert not made()[0].reaches(), "it has no address yet"
