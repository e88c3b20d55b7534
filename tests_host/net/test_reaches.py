"""A box without an address asks no broker, and asks at once when it has one."""

from __future__ import annotations

import asyncio

import pytest

from firmware import image as im
from firmware.net import mqtt as mqtt_module
from tests_host.net.mqtt_kit import link
from tests_host.net.plain import Plain

BOUND_MS = 120_000  # without an address for so long


class End(Exception):
    pass


class Late(Plain):
    """Has an address from BOUND_MS on, lies about nothing else; nobody ever answers."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.asked_ms: list[int] = []

    def reaches(self) -> bool:
        return self.now_ms >= BOUND_MS

    async def connect(self, found: str, port: int, first: bytes) -> None:  # type: ignore[override]
        self.asked_ms.append(self.now_ms)
        raise OSError("has no network")


def asked(site: im.Image, monkeypatch: pytest.MonkeyPatch, network: Late) -> list[int]:
    """When the broker was asked, in ms of a clock that only sleeping moves."""
    mqtt = link(site, 1)
    mqtt.network = network

    async def sleep(ms: int) -> None:
        network.now_ms += ms
        if network.now_ms > BOUND_MS + 5_000:
            raise End

    monkeypatch.setattr(mqtt_module, "sleep_ms", sleep)
    with pytest.raises(End):
        asyncio.run(mqtt.run())
    return network.asked_ms


def test_nobody_is_asked_before_there_is_an_address(
    site: im.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *later = asked(site, monkeypatch, Late())
    assert first == 0 and later, "the first finds out that there is none"
    assert BOUND_MS <= later[0] < BOUND_MS + 2_000
    assert later[1] - later[0] == 1_000, "and the pauses begin with the shortest"


def test_attempts_without_one_would_have_slowed_it(
    site: im.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Late()
    monkeypatch.setattr(network, "reaches", lambda: True)
    times = asked(site, monkeypatch, network)
    assert not [at for at in times if BOUND_MS <= at < BOUND_MS + 2_000]
