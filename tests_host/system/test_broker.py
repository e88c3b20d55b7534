# islet: MQTT end to end, with mosquitto and with amqtt.
# GPL-3.0-or-later
from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests_host.system.kit import PATIENCE_S, Box, document, quiet, until
from tools.twin import scene
from tools.twin.buses.realbroker import mosquitto_path


class Person:
    """Somebody with an MQTT client; it comes back by itself when the broker does."""

    def __init__(self, box: Box) -> None:
        self.prefix = box.prefix
        self.heard: dict[str, list[tuple[Any, bool]]] = {}  # name -> (payload, retained)
        self.answers: queue.Queue[Any] = queue.Queue()
        self.there = threading.Event()
        self._client = client = Client(CallbackAPIVersion.VERSION2)
        client.reconnect_delay_set(1, 1)
        client.on_connect = self._connected
        client.on_disconnect = lambda *_: self.there.clear()
        client.on_subscribe = lambda *_: self.there.set()
        client.on_message = self._hear
        client.connect("127.0.0.1", box.broker.port)
        client.loop_start()
        assert self.there.wait(PATIENCE_S)

    def _connected(self, client: Client, *_: Any) -> None:
        client.subscribe(f"{self.prefix}/#", qos=1)

    def _hear(self, _client: Any, _data: Any, message: Any) -> None:
        name = message.topic[len(self.prefix) + 1 :]
        if "set/" in name:
            return
        payload = json.loads(message.payload)
        self.heard.setdefault(name, []).append((payload, bool(message.retain)))
        if name == "answer":
            self.answers.put(payload)

    def send(self, name: str, payload: bytes) -> None:
        role = "operator/" if name == "operator" else ""
        self._client.publish(f"{self.prefix}/{role}set/{name}", payload, qos=1)

    def command(self, name: str, payload: bytes | dict[str, Any]) -> Any:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.send(name, data)
        return self.answers.get(timeout=PATIENCE_S)

    def last(self, name: str) -> Any:
        return self.heard[name][-1][0] if name in self.heard else None

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


LIMITS = "device/inverter/limits"
BEST = "mosquitto" if mosquitto_path() else "amqtt"
with_each = pytest.mark.parametrize("box", sorted({BEST, "amqtt"}), indirect=True)
with_best = pytest.mark.parametrize("box", [BEST], indirect=True)


def left_behind(stage: scene.Stage) -> None:
    """Before the firmware connects, somebody has published a command and had it retained."""
    start = stage.start_real

    def start_and_publish() -> None:
        start()
        broker = stage._real_broker
        assert broker is not None
        broker.publish(f"{stage._site['mqtt']['prefix']}/set/goal", b"discharge", retain=True)

    stage.start_real = start_and_publish


@pytest.fixture(scope="module")
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    story = document(site__owner__goal="charge")
    folder = tmp_path_factory.mktemp(request.param)
    with Box(folder, story, speed="1", broker=request.param, tweak=left_behind) as made:
        assert made.broker.kind == request.param
        yield made
    assert quiet(made.output), made.output


@pytest.fixture
def person(box: Box) -> Iterator[Person]:
    for name in (LIMITS, "answer"):  # the answer to what was left behind
        until(lambda name=name: list(box.published(name)), f"the firmware's first {name}")
    made = Person(box)
    yield made
    made.leave()


@with_each
def test_the_state_is_retained_and_fresh(box: Box, person: Person) -> None:
    """Who comes late gets the last state at once, then new ones."""
    for name in ("state", "device/evse/state", "point/evse/state", LIMITS, "online"):
        until(lambda name=name: name in person.heard, name)
        assert person.heard[name][0][1], f"{name} is retained"
    assert person.last("online") == 1
    state = person.last("state")
    assert state["site"]["name"] == "sunny day" and state["site"]["config_errors"] == []
    assert person.last(LIMITS)["unit"] == "W"
    assert person.last("device/evse/state")["kind"] == "point"
    count = len(person.heard["state"])
    until(lambda: len(person.heard["state"]) > count + 1, "new states without being asked")
    assert not person.heard["state"][-1][1]
    assert until(lambda: person.last("state")["house"]["age_ms"] is not None, "measured")


@with_each
def test_a_retained_command_is_refused(box: Box) -> None:
    """It would be carried out again at every connection."""
    answers = until(lambda: list(box.published("answer")), "an answer")
    assert answers[0][1]["field"] == "retain" and not answers[0][1]["ok"]
    assert box.state()["policy"]["goal"] == "charge"


@with_each
def test_a_command_is_answered_and_carried_out(box: Box, person: Person) -> None:
    answer = person.command("goal", {"goal": "hold", "id": "evening"})
    assert answer["ok"] and answer["id"] == "evening" and answer["command"] == "goal"
    until(lambda: (person.last("state") or {}).get("policy", {}).get("goal") == "hold", "hold")
    until(lambda: not box.truth["evse.closed"], "the car's contactor is open")
    assert person.command("goal", b"charge")["ok"]
    until(lambda: box.truth["evse.closed"], "the contactor closes")


HOSTILE = [
    ("nonsense", b"1", "command"), ("", b"1", "command"), ("goal", b"", "goal"),
    ("goal", b"\xff\xfe\x00", "payload"), ("goal", b"{", "payload"), ("goal", b"loud", "goal"),
    ("goal", b"[" * 500, "payload"), ("goal", b"x" * 600, "payload"),
    ("goal", b'{"goal": "hold", "gaol": 1}', "gaol"), ("target_w", b"1e99", "target_w"),
    ("target_w", b'{"target_w": 1, "ttl_s": -1}', "ttl_s"), ("charge_ma", b"99999", "charge_ma"),
    ("reserve", b"0", "reserve_permille"), ("operator", b"0", "device"),
    ("operator", b'{"device": "evse", "until_released": true}', "high"),
    ("operator", b'{"device": "evse", "high": 0}', ""), ("acknowledge", b"false", "payload"),
]  # fmt: skip


@with_each
def test_hostile_payloads_are_answered_with_the_fields_name(box: Box, person: Person) -> None:
    before = box.get("/api/image")[1]["requests"]
    for name, payload, field in HOSTILE:
        answer = person.command(name, payload)
        assert answer["ok"] is False and answer["error"] and answer["allowed"], (name, payload)
        assert answer["field"] == field or not field, (name, payload, answer)
    after = box.get("/api/image")[1]["requests"]
    for name in ("LEASE_LOW", "LEASE_HIGH", "LEASE_UNTIL_S", "RESERVE_PERMILLE"):
        assert after[name] == before[name]
    assert box.state()["policy"]["goal"] == "charge"


@with_best
def test_a_flood_is_answered_or_refused_and_does_no_harm(box: Box, person: Person) -> None:
    late_ms = box.state()["health"]["control_late_ms"]
    for number in range(60):
        person.send("goal", json.dumps({"goal": "charge", "id": number}).encode())
    last = {"ok": False}
    deadline = time.monotonic() + PATIENCE_S
    answered = 0
    while time.monotonic() < deadline:
        try:
            last = person.answers.get(timeout=2)
        except queue.Empty:
            break
        answered += 1
        assert last["ok"] or "too many" in last["error"]
    assert answered >= 16
    assert person.command("goal", b"charge")["ok"], "and it goes on as before"
    assert box.state()["health"]["control_late_ms"] < late_ms + 1_000


@with_best
def test_a_lost_broker_comes_back_and_the_operators_limit_stands(box: Box, person: Person) -> None:
    """INV-8: a restriction until released outlives the loss of whoever sent it; the house goes on
    meanwhile; the link comes back by itself."""
    until(lambda: box.truth["evse.l1_a"] > 7, "the car charges above 7 A")
    asked = {"device": "evse", "high": 6_000, "until_released": True}
    assert person.command("operator", asked)["ok"]
    until(lambda: 0 < box.truth["evse.l1_a"] < 6.5, "the operator's 6 A")
    box.broker.set_state("down")
    until(lambda: not person.there.is_set(), "nobody is there")
    steps = box.run._image.steps
    until(lambda: box.run._image.steps > steps + 30, "control goes on")
    assert 0 < box.truth["evse.l1_a"] < 6.5
    assert box.state()["limits"]["evse"]["winner_high"] == "operator"
    person.heard.clear()
    box.broker.set_state("up")
    assert person.there.wait(PATIENCE_S)
    until(lambda: person.last("state"), "the firmware is back")
    assert person.last("online") == 1
    assert 0 < box.truth["evse.l1_a"] < 6.5, "still the operator's limit"
    assert person.command("operator", {"device": "evse", "release": True})["ok"]
    until(lambda: box.state()["limits"]["evse"]["winner_high"] != "operator", "evse.released")
