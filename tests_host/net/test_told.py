"""A meter that is told by a real broker: what it says now counts, what it has kept does not."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from firmware import image as im
from firmware.drivers.told import Told
from tests_host.net.conftest import Broker
from tests_host.net.mqtt_kit import ended, link

LEGS = (1, 2, 3)
GIVEN: dict[str, Any] = {
    "values.current": [f"p1/current/{leg}" for leg in LEGS],
    "values.power": [f"p1/all#phases.{leg - 1}.kw" for leg in LEGS],
    "values.export": None,
    "values.current_factor": 1,
    "values.power_factor": 1000,
    "values.round_a": 0,
    "values.sample_ms": 500,
    "values.host": "",
}
UNHEARD_MS = 60_000


class Reader:
    """What stands between a meter and the broker."""

    def __init__(self, port: int) -> None:
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def say(self, amps: tuple[float, ...], kw: tuple[float, ...], retain: bool = False) -> None:
        told = [
            self.client.publish(topic, f"{value}", 1, retain)
            for topic, value in zip(GIVEN["values.current"], amps, strict=True)
        ]
        phases = ", ".join(f'{{"kw": {each}}}' for each in kw)
        told.append(self.client.publish("p1/all", f'{{"phases": [{phases}]}}', 1, retain))
        for each in told:
            each.wait_for_publish(10)

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


async def until(true: Any) -> bool:
    end = time.monotonic() + 20
    while not true() and time.monotonic() < end:
        await asyncio.sleep(0.02)
    return bool(true())


def test_what_is_told_now_is_a_reading_and_what_is_kept_is_none(
    site: im.Image, broker: Broker
) -> None:
    reader = Reader(broker.port)
    reader.say((40, 40, 40), (9.2, 9.2, 9.2), retain=True)  # of yesterday
    live = site.live
    live[im.NODE_AGE_MS] = UNHEARD_MS

    async def main() -> None:
        mqtt = link(site, broker.port)
        meter = Told(site, 0, "house", GIVEN)
        mqtt.told = [meter]
        running = asyncio.ensure_future(mqtt.run())
        try:
            assert await until(lambda: mqtt.connected)
            await asyncio.sleep(1)
            assert live[im.NODE_AGE_MS] == UNHEARD_MS and meter.polls == 0
            assert meter.report()["errors"] == []
            reader.say((10, 4.5, 0), (2.3, -1.0, 0))
            reader.say((10, 4.5, 0), (2.3, -1.0, 0))  # the first after a long while is none
            assert await until(lambda: live[im.NODE_AGE_MS] < UNHEARD_MS)
            assert list(live[im.NODE_MA : im.NODE_MA + 3]) == [10_000, -4_500, 0]
            assert list(live[im.NODE_W : im.NODE_W + 3]) == [2300, -1000, 0]
            assert 500 <= live[im.NODE_AGE_MS] < 2000
            broker.stop()
            assert await until(lambda: not mqtt.connected)
            broker.start()
            live[im.NODE_AGE_MS] = UNHEARD_MS
            assert await until(lambda: mqtt.connected)
            await asyncio.sleep(1)
            assert live[im.NODE_AGE_MS] == UNHEARD_MS
        finally:
            await ended(running)

    try:
        asyncio.run(main())
    finally:
        reader.stop()


def test_the_words_of_others_are_still_commands(site: im.Image) -> None:
    """And a meter's topic is none."""

    async def main() -> None:
        mqtt = link(site, 1)
        meter = Told(site, 0, "house", GIVEN)
        mqtt.told = [meter]
        mqtt._retained = 0
        mqtt._on_message(b"p1/current/1", b"5")
        assert meter._come == 1 and mqtt._answers == []
        mqtt._retained = 1
        mqtt._on_message(b"p1/current/2", b"5")
        assert meter._come == 1 and mqtt._answers == []
        mqtt._on_message(b"islet/test/set/goal", b"hold")
        assert len(mqtt._answers) == 1

    asyncio.run(main())
