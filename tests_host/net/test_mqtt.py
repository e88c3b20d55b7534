"""MQTT against a real broker, and against brokers that hang: the loop never waits for either."""

from __future__ import annotations

import asyncio
import json
import queue
import re
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from firmware import image as im
from firmware.net import mqtt as mqtt_module
from firmware.net.mqtt import Mqtt
from firmware.net.packets import Packets
from tests_host.core.planted import NOTICED, plant
from tests_host.net.conftest import Broker, Device, free_port
from tests_host.net.mqtt_kit import PREFIX, ended, link


class Person:
    """A client of the broker: what it heard by topic, and a way to ask."""

    def __init__(self, port: int) -> None:
        self.heard: queue.Queue[tuple[str, bytes | bytearray, bool]] = queue.Queue()
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        self.client.on_message = self._note
        self.client.on_connect = self._subscribe
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _subscribe(self, client: paho.Client, *_: object) -> None:
        client.subscribe(PREFIX + "#", 1)

    def _note(self, _client: paho.Client, _user: object, message: paho.MQTTMessage) -> None:
        self.heard.put((message.topic, message.payload, message.retain))

    def wait(self, topic: str, true: Callable[[Any], bool] = lambda _: True) -> Any:
        """The next message on a topic that fulfils a condition; pytest's timeout ends it."""
        while True:
            name, payload, _ = self.heard.get()
            if name == PREFIX + topic and true(value := json.loads(payload)):
                return value

    def ask(self, command: str, payload: str | bytes, retain: bool = False) -> Any:
        self.client.publish(PREFIX + "set/" + command, payload, 1, retain)
        return self.wait("answer")

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def person(broker: Broker) -> Iterator[Person]:
    it = Person(broker.port)
    yield it
    it.stop()


def no_call_could_block(state: dict[str, Any]) -> None:
    """INV-9: every call on the link's socket was made while it was set not to block."""
    assert state["test"]["calls"] > 0
    assert state["test"]["blocking"] == []


def test_state_and_commands(
    broker: Broker, person: Person, devices: Callable[..., Device]
) -> None:
    device = devices(broker.port)
    assert person.wait("online", bool) == 1
    state = person.wait("state")
    assert state["site"]["name"] == "test"
    assert not {"limits", "devices", "points"} & set(state)
    assert person.wait("device/inverter/state")["kind"] == "converter"
    assert person.wait("device/evse/limits")["unit"] == "mA"
    assert person.wait("point/evse/state")["device"] == "evse"
    answer = person.ask("goal", '{"goal": "charge", "id": 12}')
    assert answer == {
        "command": "goal",
        "id": 12,
        "ok": True,
        "text": "The goal is now charge.",
    }
    assert person.wait("state", lambda s: s["policy"]["goal"] == "charge")
    answer = person.ask("target_w", "9999999")
    assert answer["field"] == "target_w" and "1000000 W" in answer["allowed"]
    assert person.ask("nonsense", "1")["allowed"].startswith("goal, target_w")
    assert person.ask("goal", b"\xff\xfe")["field"] == "payload"
    assert person.ask("goal", b"x" * 513)["error"] == "513 bytes"
    assert person.ask("goal", b"x" * 200_000)["field"] == "payload"
    assert person.ask("goal", "")["error"] == "is missing"
    no_call_could_block(device.state())
    assert device.stop() == "", "a traceback or other noise"
    assert person.wait("online", lambda v: v == 0) == 0  # the last will


def test_a_retained_command_is_refused(
    broker: Broker, person: Person, devices: Callable[..., Device]
) -> None:
    """It would be carried out again at every connection, for ever."""
    person.client.publish(PREFIX + "set/goal", "charge", 1, True).wait_for_publish(10)
    device = devices(broker.port)
    answer = person.wait("answer")
    assert (answer["field"], answer["ok"]) == ("retain", False)
    assert device.state()["policy"]["goal"] == "hold"


def test_many_commands_at_once_each_get_an_answer(
    broker: Broker, person: Person, devices: Callable[..., Device]
) -> None:
    """Each is answered, or refused for lack of room and counted; none is carried out unsaid."""
    device = devices(broker.port)
    person.wait("state")
    for number in range(100):
        payload = json.dumps({"reserve_permille": 300 + number, "id": number})
        person.client.publish(PREFIX + "set/reserve", payload, 1)
    answered, refused = 0, 0
    while answered + refused < 100:
        answer = person.wait("answer")
        if "id" in answer:
            assert answer["ok"]
            answered += 1
        else:
            refused = int(answer["error"].split(":")[1].split()[0])
    state = device.state()
    assert state["mqtt"]["commands_refused"] == refused
    device.until(lambda s: s["mqtt"]["answers_waiting"] == 0)
    no_call_could_block(device.state())


def test_broker_killed_and_back(
    broker: Broker, person: Person, devices: Callable[..., Device]
) -> None:
    device = devices(broker.port)
    person.wait("state")
    broker.stop()
    lost = device.until(lambda s: not s["mqtt"]["connected"])
    later = device.until(lambda s: s["test"]["ticks"] > lost["test"]["ticks"] + 50)
    assert "127.0.0.1" in later["mqtt"]["error"]
    # what happens meanwhile is told afterwards
    body = '{"command": "goal", "goal": "charge"}'
    assert device.request("POST", "/api/command", body, device.token)[1]["ok"]
    broker.start()
    state = device.until(lambda s: s["mqtt"]["connected"])
    assert state["mqtt"]["connections"] == 2
    assert person.wait("state", lambda s: s["policy"]["goal"] == "charge")
    assert person.ask("goal", "self")["ok"]
    no_call_could_block(device.state())
    assert device.stop() == "", "a traceback or other noise"


class FakeBroker:
    """Accepts, says what it is told to say, and then nothing more; it does not read either."""

    def __init__(self, says: bytes, close: bool = False) -> None:
        self.port = free_port()
        self._says, self._close = says, close
        self.accepted = 0
        self._sockets: list[socket.socket] = []
        self._server = socket.socket()
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self._server.bind(("127.0.0.1", self.port))
        self._server.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            self.accepted += 1
            self._sockets.append(sock)  # kept open: half-open for the other side
            if self._says:
                sock.sendall(self._says)
            if self._close:
                sock.close()

    def stop(self) -> None:
        self._server.close()
        for sock in self._sockets:
            sock.close()


WELCOME = b"\x20\x02\x00\x00" + b"\x90\x03\x00\x01\x00"
TOPIC = b"\x00\x13islet/test/set/goal"


@pytest.mark.parametrize(
    ("says", "close", "error"),
    [
        (b"", False, "did not answer in 1 s"),
        (b"", True, "closed the connection"),
        (WELCOME, False, "silent for 1 s"),
        (b"\x20\x02\x00\x04", False, "bad user name or password"),
        (b"\x20\x02\x00\x09", False, "refused: 9"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False, "is not an MQTT broker"),
        (b"\x20\x02\x00\x00" + b"\x90\x03\x00\x01\x80", False, "refused the subscription"),
        (WELCOME + b"\x30\xff\xff\xff\xff\x7f", False, "malformed length"),
        (WELCOME + b"\x30\x05\xff\xff\x00\x00\x00", False, "malformed packet"),
        (WELCOME + b"\x30\x01\x00", False, "malformed packet"),
        (WELCOME + b"\x34\x1c" + TOPIC + b"\x00\x01solar", False, "malformed packet"),
        (WELCOME + b"\x32\x15" + TOPIC, False, "malformed packet"),
    ],
)
def test_a_hung_or_hostile_broker_stops_nobody(
    devices: Callable[..., Device], says: bytes, close: bool, error: str
) -> None:
    """INV-9: the ticker in the same loop goes on, no call may block, the link says why."""
    broker = FakeBroker(says, close)
    device = devices(broker.port)
    seen = device.until(lambda s: error in s["mqtt"]["error"])
    again = device.until(lambda s: broker.accepted >= 3)
    later = device.until(lambda s: s["test"]["ticks"] > again["test"]["ticks"] + 50)
    assert later["test"]["ticks"] > again["test"]["ticks"] >= seen["test"]["ticks"]
    no_call_could_block(later)
    assert device.stop() == "", "a traceback or other noise"
    broker.stop()


def test_nobody_listens(devices: Callable[..., Device]) -> None:
    device = devices(free_port())
    device.until(lambda s: "127.0.0.1" in s["mqtt"]["error"])
    state = device.until(lambda s: s["test"]["ticks"] > 100)
    no_call_could_block(state)


def test_the_trace_can_fail(
    devices: Callable[..., Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: without `setblocking(False)` the trace names the calls that could block."""
    monkeypatch.setenv("ISLET_TEST_BLOCKING", "1")
    device = devices(free_port())
    state = device.until(lambda s: s["test"]["calls"] > 0)
    assert "connect" in state["test"]["blocking"]


# --- on CPython ---------------------------------------------------------------------------------


def test_on_cpython(broker: Broker, person: Person, site: im.Image) -> None:
    async def go() -> None:
        mqtt = link(site, broker.port)
        task = asyncio.create_task(mqtt.run())
        state = await asyncio.to_thread(person.wait, "device/evse/state")
        assert state["offer_ma"] == 9000
        site.trips[im.TRIPPED] = im.TRIP_PILOT
        event = await asyncio.to_thread(person.wait, "event")
        assert (event["what"], event["name"], event["on"]) == ("trip", "pilot", True)
        answer = await asyncio.to_thread(person.ask, "acknowledge", "")
        assert answer["ok"]
        assert mqtt.counters()["connected"]
        await ended(task)

    asyncio.run(go())


def test_answers_survive_a_lost_broker(site: im.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that dies before it acknowledges the answer gets it again."""
    monkeypatch.setattr(mqtt_module, "_BACKOFF_MS", (10,))
    answers: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(WELCOME)
        if not answers:
            writer.write(b"\x32\x1a" + TOPIC + b"\x00\x01loud")
        data = b""
        while b"set/goal" not in data.split(b"answer")[-1] and b"allowed" not in data:
            data += await reader.read(4096)
        answers.append(data[data.index(b"islet/test/answer") :])
        writer.close()  # without an acknowledgement

    async def go() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        mqtt = link(site, server.sockets[0].getsockname()[1])
        task = asyncio.create_task(mqtt.run())
        while len(answers) < 2:
            await asyncio.sleep(0.01)
        assert mqtt.counters()["answers_waiting"] == 1
        await ended(task)
        server.close()

    asyncio.run(go())
    assert all(b'"field": "goal"' in answer for answer in answers)


def fault(mqtt: Mqtt, number: int) -> None:
    """On or off, of the longest there are."""
    commands = mqtt.state.image.commands
    commands[im.FAULTS] = im.FAULT_INSTRUMENT if number & 1 else 0
    commands[im.DOUBTED_NODE] = 2
    mqtt.events.poll()


EVENT = re.compile(rb"islet/test/event(\{[^{}]*\})")
LONGEST: list[Callable[[Mqtt, int], None]] = [
    fault,
    lambda mqtt, number: mqtt.events.failed(number, ValueError("é" * 1_000)),
]


@pytest.mark.parametrize("note", LONGEST, ids=["fault", "link"])
def test_the_newest_32_events_survive_a_lost_broker(
    site: im.Image, monkeypatch: pytest.MonkeyPatch, note: Callable[[Mqtt, int], None]
) -> None:
    """However long they are: each whole, in their order, once."""
    monkeypatch.setattr(mqtt_module, "_BACKOFF_MS", (10,))
    heard: list[bytes] = []
    mqtt = link(site, 1)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(WELCOME)
        last = b'"number": 101' if heard else b'"number": 1'
        data = b""
        while not (events := EVENT.findall(data)) or last not in events[-1]:
            data += await reader.read(4096)
        heard.append(data)
        writer.close()
        for number in range(2, 102) if len(heard) == 1 else ():  # while nobody listens
            note(mqtt, number)

    async def go() -> None:
        nonlocal mqtt
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        mqtt = link(site, server.sockets[0].getsockname()[1])
        note(mqtt, 1)
        task = asyncio.create_task(mqtt.run())
        while len(heard) < 2:
            await asyncio.sleep(0.01)
        await ended(task)
        server.close()

    asyncio.run(go())
    rows = [json.loads(text) for text in EVENT.findall(heard[1])]
    assert [row["number"] for row in rows] == list(range(70, 102))
    for row in rows:
        if note is fault and row["on"]:
            assert len(row["text"]) > 150 and len(row["way_out"]) > 130 and row["of"]
        elif note is fault:
            assert row["text"].startswith("Cleared: Circuit battery: ") and row["of"]
        else:
            assert row["text"] == str(row["number"]) + ": ValueError " + "é" * 14 + "…"


@pytest.mark.parametrize("prefix", ["", "a" * 65, "islet/#", "a+b"])
def test_a_bad_prefix_is_named(site: im.Image, prefix: str) -> None:
    with pytest.raises(ValueError, match=r"mqtt.prefix: needs 1 to 64 bytes"):
        link(site, 1, **{"mqtt.prefix": prefix})


def test_packets_need_no_socket() -> None:
    packets = Packets(b"me", "", 0, None, None, 30)
    packets.set_callback(print)
    connect = bytes(packets.build(packets.connect))
    assert connect == b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x1e\x00\x02me"
    assert bytes(packets.build(packets.ping)) == b"\xc0\x00"
    assert bytes(packets.build(packets.subscribe, b"a/+", 1)) == b"\x82\x08\x00\x01\x00\x03a/+\x01"
    published = bytes(packets.build(packets.publish, b"a", b"x" * 200, True, 1))
    assert published[:8] == b"\x33\xcd\x01\x00\x01a\x00\x02" and len(published) == 208
    packets.pid = 70_000
    packets.build(packets.publish, b"a", b"", False, 1)
    assert packets.pid == 1
    assert (packets.sock.sent, packets.sock.arrived) == (b"", b""), "nothing of it is kept"


def test_a_flood_of_commands_is_bounded(site: im.Image) -> None:
    """However many come while no answer gets through: so many are carried out and no more, one
    answer says that the rest was refused, and acknowledged answers make room again."""
    mqtt = link(site, 1)
    done = mqtt.commands.done
    mqtt._retained = 0
    topic = PREFIX.encode() + b"set/acknowledge"
    for _ in range(1_000):
        mqtt._on_message(topic, b"{}")
    most = mqtt_module._ANSWERS
    assert mqtt.counters()["answers_waiting"] == most + 1
    assert mqtt.commands.done - done == most
    assert b"984 refused" in mqtt._answers[-1][1]
    for number, answer in enumerate(mqtt._answers):
        answer[0] = number + 1
    for number in range(most + 1):
        mqtt._packet(0x40, bytes((0, number + 1)))
    assert mqtt.counters()["answers_waiting"] == 0
    mqtt._on_message(topic, b"{}")
    assert mqtt.commands.done - done == most + 1


FULL = "if waiting >= _ANSWERS:"
FLOODS = (
    (FULL, "if False:"),
    (FULL, "if waiting > _ANSWERS:"),
    (FULL, "if waiting + 1 >= _ANSWERS:"),
    ("if waiting == _ANSWERS:", "if True:"),
    ("self._answers[-1] = [0, json.dumps(answer).encode()]", "pass"),
    ("if answer[0] != number]", "if answer[0]]"),
    ("self.refused += 1", "self.refused = 1"),
)


@pytest.mark.parametrize(("old", "new"), FLOODS)
def test_a_planted_mistake_in_the_bound_is_noticed(
    site: im.Image, monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    plant(monkeypatch, mqtt_module, old, new)
    with pytest.raises(NOTICED):
        test_a_flood_of_commands_is_bounded(site)
