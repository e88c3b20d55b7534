"""The MQTT link of the small site, on CPython."""

from __future__ import annotations

import asyncio
from typing import Any

from firmware import image as im
from firmware.net.mqtt import Mqtt
from firmware.people.commands import Commands
from firmware.people.events import Events
from firmware.people.state import State
from tests_host.net.conftest import PolicyDouble
from tests_host.net.plain import Plain
from tests_host.net.small_site import names_of

SETTINGS = {
    "mqtt.host": "127.0.0.1",
    "mqtt.port": 0,
    "mqtt.tls": False,
    "mqtt.user": "",
    "mqtt.password": "",
    "mqtt.prefix": "islet/test",
    "mqtt.discovery": "",
}
PREFIX = "islet/test/"


def link(image: im.Image, port: int, **changes: object) -> Mqtt:
    names: Any = changes.pop("names", names_of(image))
    chip: Any = changes.pop("chip", b"")
    settings = {**SETTINGS, "mqtt.port": port, **changes}
    commands = Commands(image, PolicyDouble(), names)
    state, events = State(image, "home", names), Events(image, names)
    return Mqtt(settings, commands, state, events, chip, Plain())


async def ended(task: asyncio.Task[None]) -> None:
    """Cancel it until it ends: CPython 3.11's wait_for may swallow one cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.1)
