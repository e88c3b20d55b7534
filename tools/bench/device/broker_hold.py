# islet: how long umqtt.simple, or islet's link, keeps others waiting while it tries to connect.
# GPL-3.0-or-later
#
# On a PC, with its sockets: broker_hold.py WHO PORT MS. Prints the longest wait in µs.

import asyncio
import socket
import sys
import time

from rival_hold import longest_us

SETTINGS = {
    "mqtt.host": "127.0.0.1",
    "mqtt.user": "",
    "mqtt.password": "",
    "mqtt.tls": False,
    "mqtt.prefix": "islet/bench",
    "mqtt.discovery": "",
}


class Nobody:
    """What the link asks before it is connected: the state, in which nobody has a name."""

    def __init__(self):
        self.names = self

    def all_of(self, _what):
        return {}


class Network:
    """firmware/net/plain.py's, with a name that is always looked up."""

    def __init__(self):
        from firmware.net.plain import Sockets

        self.connect = Sockets(None).connect

    def reaches(self):
        return True

    def waits(self):
        return False

    async def resolve(self, host, port):
        return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]


async def umqtt(port, ms):
    from umqtt.simple import MQTTClient

    until_ms = time.ticks_add(time.ticks_ms(), ms)
    try:  # noqa: SIM105  # MicroPython has no contextlib
        MQTTClient("bench", "127.0.0.1", port, keepalive=30).connect()
    except OSError:
        pass
    await asyncio.sleep_ms(max(0, time.ticks_diff(until_ms, time.ticks_ms())))


async def islet(port, ms):
    from firmware.net.mqtt import Mqtt

    link = Mqtt(dict(SETTINGS, **{"mqtt.port": port}), None, Nobody(), None, network=Network())
    task = asyncio.create_task(link.run())
    await asyncio.sleep_ms(ms)
    task.cancel()


async def loaded(which):
    """Modules are loaded at a box's start."""
    if which is islet:
        from firmware.net import mqtt  # noqa: F401

        asyncio.wait_for, asyncio.StreamReader  # noqa: B018
    else:
        from umqtt import simple  # noqa: F401


which = {"umqtt": umqtt, "islet": islet}[sys.argv[1]]
asyncio.run(loaded(which))
print(longest_us(which(int(sys.argv[2]), int(sys.argv[3]))))
