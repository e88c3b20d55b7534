# islet test: the links of a small site on the device, beside a ticker; for ever.
# GPL-3.0-or-later
#
# Environment: ISLET_TEST_HTTP, ISLET_TEST_MQTT ports (0 none), ISLET_TEST_FAST 1 shortens the
# deadlines, ISLET_TEST_BLOCKING 1 plants a mistake in the trace, ISLET_TEST_GOAL is the goal.
# ISLET_TEST_NAME is the broker's name: then power flows while the goal is charge, and while it is
# self nobody knows the name. ISLET_TEST_CA is whose certificate is trusted: the broker is
# spoken to by TLS. The state's section "test" tells the ticks, every socket call that could block,
# and the look-ups of that name.
import asyncio
import gc
import io
import os
import select
import socket
import sys

from firmware import image as im
from firmware.net import clients as clients_module
from firmware.net import http as http_module
from firmware.net import mqtt as mqtt_module
from firmware.net import plain as plain_module
from firmware.net.http import Http
from firmware.net.mqtt import Mqtt
from firmware.net.plain import Sockets
from firmware.people.commands import Commands
from firmware.people.events import Events
from firmware.people.state import State
from firmware.policy import Policy
from tests_host.net.small_site import make_site, names_of

SETTINGS = {
    "owner.goal": os.getenv("ISLET_TEST_GOAL") or "hold",
    "owner.charge_a": 16,
    "owner.charge_w": 3000,
    "owner.discharge_w": 2000,
    "owner.sun_start_s": 60,
    "owner.sun_stop_s": 180,
    "owner.sun_start_w": 0,
    "owner.sun_stop_w": 0,
    "http.host": "127.0.0.1",
    "http.port": int(os.getenv("ISLET_TEST_HTTP")),
    "http.name": "",
    "http.token": os.getenv("ISLET_TEST_TOKEN"),
    "mqtt.host": os.getenv("ISLET_TEST_NAME") or "127.0.0.1",
    "mqtt.port": int(os.getenv("ISLET_TEST_MQTT")),
    "mqtt.tls": bool(os.getenv("ISLET_TEST_CA")),
    "mqtt.user": "",
    "mqtt.password": "",
    "mqtt.prefix": "islet/test",
    "mqtt.discovery": "",
}
NAME = os.getenv("ISLET_TEST_NAME")
calls = [0]
blocking = []
lookups = []  # whether each was at zero power


class Traced(io.IOBase):
    """A socket that reports each call made while it could block."""

    def __init__(self, *arguments):
        self.sock = socket.socket(*arguments)
        self.may_block = True

    def _note(self, name):
        calls[0] += 1
        if self.may_block:
            blocking.append(name)

    def setblocking(self, flag):
        self.may_block = bool(flag) or os.getenv("ISLET_TEST_BLOCKING") == "1"
        self.sock.setblocking(flag)

    def settimeout(self, seconds):
        self.may_block = seconds != 0
        self.sock.settimeout(seconds)

    def connect(self, address):
        self._note("connect")
        self.sock.connect(address)

    def read(self, count=-1):
        self._note("read")
        return self.sock.read(count)

    def write(self, data):
        self._note("write")
        return self.sock.write(data)

    def close(self):
        self.sock.close()

    def ioctl(self, request, argument):
        if request == 10:  # the descriptor, so that poll is the real one
            return self.sock.fileno()
        return 0


class Polled(Traced):
    """One that is asked itself whether it is ready, as on a chip: a descriptor says nothing of
    what TLS has decrypted and nobody has read."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._poll = select.poll()

    def readinto(self, buffer):
        self._note("readinto")
        return self.sock.readinto(buffer)

    def ioctl(self, request, argument):
        if request != 3:
            return -1 if request == 10 else 0
        self._poll.register(self.sock, argument)
        for _, ready in self._poll.poll(0):
            return ready
        return 0


def looked_up(host, *given):
    if host != NAME:
        return socket.getaddrinfo(host, *given)
    lookups.append(plain_module.quiet(image))
    if policy.state()["goal"] == "self":
        raise OSError(-2)
    return socket.getaddrinfo("127.0.0.1", *given)


class TracedModule:
    SOCK_STREAM = socket.SOCK_STREAM
    getaddrinfo = looked_up
    socket = Polled if SETTINGS["mqtt.tls"] else Traced


image = make_site()
names = names_of(image)
policy = Policy(image, SETTINGS, ("evse", "inverter"))
events = Events(image, names)
commands = Commands(image, policy, names)
links = {}
ticks = [0]


def of_the_test():
    return {"ticks": ticks[0], "calls": calls[0], "blocking": blocking, "lookups": lookups}


class Reports(list):
    """With those of the links, as they come."""

    def __iter__(self):
        yield ("test", of_the_test)
        yield ("policy", policy.state)
        for name in links:
            yield (name, links[name].counters)


state = State(image, "test", names, (), Reports())
state.heap_free_bytes = gc.mem_free()
if os.getenv("ISLET_TEST_FAST") == "1":
    clients_module._REQUEST_MS = clients_module._STALL_MS = 1000
    clients_module._PATIENCE_MS = 300
    http_module._STATE_MAX_MS = 500
    mqtt_module._DEADLINE_S = 1
    mqtt_module._PING_MS = 400
    mqtt_module._SILENT_MS = 1200
    mqtt_module._SETTLED_MS = 0
    mqtt_module._BACKOFF_MS = (100, 200)


async def ticker():
    while True:
        ticks[0] += 1
        if NAME:
            flows = policy.state()["goal"] == "charge"
            image.commands[im.PERMITS] = im.OUT_CONTACTORS if flows else 0
        await asyncio.sleep_ms(5)


async def policy_task():
    while True:
        policy.step(1000)
        await asyncio.sleep_ms(1000)


async def main():
    tasks = [asyncio.create_task(ticker()), asyncio.create_task(policy_task())]
    links["http"] = Http(SETTINGS, state, commands, events, network=Sockets(image))
    server = asyncio.create_task(links["http"].run())
    await asyncio.sleep_ms(50)
    if SETTINGS["mqtt.port"]:
        sys.modules["socket"] = TracedModule
        network = Sockets(image)
        if SETTINGS["mqtt.tls"]:
            from firmware.sockets.tls import Encrypted

            network = Encrypted(network, SETTINGS["mqtt.host"], os.getenv("ISLET_TEST_CA"))
        links["mqtt"] = Mqtt(SETTINGS, commands, state, events, network=network)
        tasks.append(asyncio.create_task(links["mqtt"].run()))
    print("ready")
    await server


asyncio.run(main())
