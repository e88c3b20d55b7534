# islet: a broker that accepts and then says nothing, met by umqtt.simple and by islet's link.
# GPL-3.0-or-later

import asyncio
import sys
import time

import rival_silent as socket  # named socket it would make the board one with a network
from plain import Sockets  # of firmware/net
from rival_hold import Ended, longest_us

_PORT = 1883
_SETTINGS = {
    "mqtt.host": "127.0.0.1",
    "mqtt.port": _PORT,
    "mqtt.user": "",
    "mqtt.password": "",
    "mqtt.tls": False,
    "mqtt.prefix": "islet/bench",
    "mqtt.discovery": "",
}


def _umqtt():
    """A copy of its own that has sockets: the firmware's gets none."""
    names = "umqtt", "umqtt.simple", "usocket"
    firmwares = {name: sys.modules.pop(name, None) for name in names}
    sys.modules["usocket"] = socket
    from umqtt import simple

    for name in names:
        del sys.modules[name]
        if firmwares[name]:
            sys.modules[name] = firmwares[name]
    return simple


async def _connect(client, found):
    try:
        client.connect()
    except Ended:
        found.append(True)


def rival(limit_ms):
    client = _umqtt().MQTTClient("bench", "127.0.0.1", _PORT, keepalive=30)
    endless = []
    socket.socket.until_ms = time.ticks_add(time.ticks_ms(), limit_ms)
    us = longest_us(_connect(client, endless))
    return {"hold_us": us, "endless": bool(endless)}


class _Nobody:
    """What the link asks before it is connected: the state, in which nobody has a name."""

    def __init__(self):
        self.names = self

    def all_of(self, _what):
        return {}


async def _run(link, limit_ms):
    task = asyncio.create_task(link.run())
    await asyncio.sleep_ms(limit_ms)
    task.cancel()


def islet(limit_ms):
    from firmware.net.mqtt import Mqtt

    link = Mqtt(_SETTINGS, None, _Nobody(), None, network=Sockets(None))
    asyncio.wait_for, asyncio.StreamReader  # noqa: B018  # loaded when first named: at a box's start
    sys.modules["socket"] = socket
    us = longest_us(_run(link, limit_ms))
    del sys.modules["socket"]
    return {"hold_us": us, "endless": False}
