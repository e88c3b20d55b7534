"""Who we are to a broker, at which address it is sought, and for how long it is spoken to."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import json
import re
import sys
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

import pytest

from firmware import image as im
from firmware.net import link as link_module
from firmware.net import mqtt as mqtt_module
from firmware.net.link import Link
from firmware.net.mqtt import identity
from tests_host.bus import wire
from tests_host.net.conftest import Broker, Device
from tests_host.net.mqtt_kit import ended, link
from tests_host.net.plain import Plain
from tests_host.net.small_site import make_site

PREFIXES = ("islet/house", "islet-house", "islet", "islet/house/", "Islet/house", "a/b/c", "a-b/c")
CHIPS = (b"", bytes(6), bytes.fromhex("a0b765123456"), bytes.fromhex("e66164084373532b"))


def test_no_two_boxes_are_one_to_the_broker() -> None:
    """MQTT 3.1.1, 3.1.3.1: 1 to 23 letters and digits are taken by every broker."""
    for chip in CHIPS[:3]:
        names = [identity(prefix.encode(), chip) for prefix in PREFIXES]
        assert len(set(names)) == len(names)
        assert all(re.fullmatch(rb"[0-9a-zA-Z]{1,23}", name) for name in names)
    for one, other in itertools.combinations(CHIPS, 2):
        assert identity(b"islet", one) != identity(b"islet", other)
    assert identity(b"islet", CHIPS[3]).startswith(b"islet" + CHIPS[3].hex().encode())


def test_their_entities_are_two_as_well(site: im.Image) -> None:
    topics: list[bytes] = []
    for prefix in (*PREFIXES, "islet_house", "islet_2dhouse", "S\u00fcd", "S__d"):
        mqtt = link(site, 1, **{"mqtt.prefix": prefix, "mqtt.discovery": "homeassistant"})
        assert mqtt._discovery is not None
        for topic, text in mqtt._discovery.messages():
            topics.append(topic)
            assert re.fullmatch(r"[A-Za-z0-9_-]+", json.loads(text)["unique_id"])
    assert len(set(topics)) == len(topics)


@pytest.mark.parametrize("chips", [(b"", b""), CHIPS[2:]])
def test_two_boxes_do_not_throw_each_other_out(broker: Broker, chips: tuple[bytes, bytes]) -> None:
    async def go() -> None:
        boxes = [
            link(make_site(), broker.port, chip=chip, **{"mqtt.prefix": prefix})
            for prefix, chip in zip(PREFIXES, chips, strict=False)
        ]
        tasks = [asyncio.create_task(box.run()) for box in boxes]
        while not all(box.connected for box in boxes):
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        assert [(box.connected, box.connections) for box in boxes] == [(True, 1)] * 2
        for task in tasks:
            await ended(task)

    asyncio.run(go())


def test_a_box_tells_its_chips_number(monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(sys.modules)
    machine = MagicMock(unique_id=lambda: CHIPS[2])
    for name, module in (("machine", machine), ("micropython", MagicMock())):
        monkeypatch.setitem(sys.modules, name, module)
    assembly = importlib.import_module("firmware.assembly")
    for name in set(sys.modules) - before - {"machine", "micropython"}:
        del sys.modules[name]  # they know a machine that is none
    given: list[Any] = []
    monkeypatch.setattr(mqtt_module, "Mqtt", lambda *told: given.extend(told) or MagicMock())
    assembly._add_broker(MagicMock(), {"mqtt.tls": False})
    assert given[4] == CHIPS[2]


# --- a broker given by its name -----------------------------------------------------------------

ONLY = "a name is looked up at zero power only"


def aim(device: Device, goal: str) -> None:
    body = json.dumps({"command": "goal", "goal": goal})
    assert device.request("POST", "/api/command", body, device.token)[1]["ok"]
    device.until(lambda s: s["policy"]["goal"] == goal)


def test_its_address_is_kept_while_power_flows(
    broker: Broker, devices: Callable[..., Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISLET_TEST_NAME", "broker.house")
    device = devices(broker.port)

    def connected(times: int) -> Any:
        state = device.until(lambda s: s["mqtt"]["connected"])
        assert state["mqtt"]["connections"] == times
        return state["test"]["lookups"]

    def lost() -> int:
        broker.stop()
        return len(device.until(lambda s: not s["mqtt"]["connected"])["test"]["lookups"])

    assert len(connected(1)) == 1
    aim(device, "charge")  # power flows
    lost()
    said = device.until(lambda s: ONLY in s["mqtt"]["error"])["mqtt"]["error"]
    assert said.startswith("broker.house:")
    broker.start()
    assert len(connected(2)) == 1
    aim(device, "hold")  # zero power: it is looked up again once nobody answers
    count = lost()
    device.until(lambda s: len(s["test"]["lookups"]) > count + 1)
    aim(device, "self")  # nobody knows the name: what was found before still serves
    count = len(device.state()["test"]["lookups"])
    device.until(lambda s: len(s["test"]["lookups"]) > count)
    broker.start()
    assert all(connected(3)), "each was looked up at zero power"
    assert device.stop() == "", "a traceback or other noise"


def test_it_is_sought_as_soon_as_power_rests(
    broker: Broker, devices: Callable[..., Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISLET_TEST_NAME", "broker.house")
    monkeypatch.setenv("ISLET_TEST_GOAL", "charge")
    device = devices(broker.port)
    said = device.until(lambda s: ONLY in s["mqtt"]["error"])
    assert "has not been looked up yet" in said["mqtt"]["error"] and not said["test"]["lookups"]
    aim(device, "hold")
    assert device.until(lambda s: s["mqtt"]["connected"])["test"]["lookups"] == [True]


# --- how long it is spoken to -----------------------------------------------------------------


class SlowBroker:
    """Takes each packet after a while, and for ever the same time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.taken = 0

    def write(self, _data: bytes) -> None:
        pass

    async def drain(self) -> None:
        await asyncio.sleep(self.seconds)
        self.taken += 1


@pytest.mark.parametrize(("seconds", "most"), [(0.1, 6), (0.3, 0), (0.02, None)])
def test_what_is_told_at_once_has_one_deadline(
    site: im.Image, monkeypatch: pytest.MonkeyPatch, seconds: float, most: int | None
) -> None:
    """A broker that takes each packet slowly, but never too slowly; one that is quick is kept. In
    virtual time."""
    monkeypatch.setattr(link_module, "_TURN_MS", 500)
    monkeypatch.setattr(link_module, "_STALL_MS", 200)
    mqtt: Any = link(site, 1, **{"mqtt.discovery": "homeassistant"})
    mqtt._packets.build(mqtt._packets.connect)
    mqtt._discovery.due, mqtt._failure, mqtt._silent_ms = True, None, 0
    assert len(list(mqtt._discovery.messages())) > 10
    slow: Any = Link("127.0.0.1", 1, Plain())
    slow.writer = SlowBroker(seconds)

    async def go() -> None:
        await asyncio.wait_for(mqtt._talk(slow), 1.5)

    with pytest.raises(asyncio.TimeoutError if most is None else OSError) as raised:
        wire.run(go)
    assert most is None or "does not take what it is told" in str(raised.value)
    assert most is None or slow.writer.taken <= most
