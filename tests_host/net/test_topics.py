"""Topics of each device and point, and what Home Assistant is told of them."""

from __future__ import annotations

import asyncio
import json
import queue
import re
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from firmware import image as im
from firmware.net import mqtt as mqtt_module
from firmware.net import plain as plain_module
from firmware.net.mqtt import Mqtt
from firmware.people import leases
from firmware.people.asked import OPERATOR, OWNER, TABLE
from firmware.people.names import Names
from tests_host.net.conftest import Broker
from tests_host.net.mqtt_kit import PREFIX, ended, link


def answered(mqtt: Mqtt, topic: str, payload: str) -> Any:
    mqtt._retained = 0
    mqtt._on_message((PREFIX + topic).encode(), payload.encode())
    return json.loads(mqtt._answers.pop()[1])


def test_a_topic_says_of_what_a_command_is(site: im.Image) -> None:
    mqtt = link(site, 1)
    policy: Any = mqtt.commands.policy
    assert answered(mqtt, "device/evse/set/charge_ma", "8000")["ok"]
    assert answered(mqtt, "device/inverter/set/target_w", "-700")["ok"]
    assert [said[1:3] for said in policy.said] == [(0, 8_000), (1, -700)]
    limit = '{"high": 0, "until_released": true}'
    answer = answered(mqtt, "operator/device/inverter/set/operator", limit)
    assert answer["text"] == "The operator's limit on inverter holds until released."
    assert answered(mqtt, "point/evse/set/authorise", "true")["ok"]
    assert site.requests[im.POINT_AUTHORISED] == 1
    for topic, payload, field in (
        ("device/inverter/set/charge_ma", "8000", "device"),
        ("device/toaster/set/charge_ma", "8000", "device"),
        ("device/evse/set/charge_ma", '{"charge_ma": 0, "device": "inverter"}', "device"),
        ("device/evse/set/goal", "solar", "device"),
        ("point/evse/set/charge_ma", "8000", "point"),
        ("point/inverter/set/authorise", "true", "point"),
        ("elsewhere/evse/set/goal", '{"gaol": 1}', "gaol"),
        ("a/b/c/set/goal", '{"gaol": 1}', "gaol"),
        ("set", "solar", "command"),
        ("operator", "solar", "command"),
        ("operator/set", "solar", "command"),
        ("operator/operator/set/operator", limit, "device"),
    ):
        answer = answered(mqtt, topic, payload)
        assert (answer["ok"], answer["field"]) == (False, field), (topic, answer)


def test_what_is_no_commands_topic_commands_nothing(site: im.Image) -> None:
    """A broker may deliver what nobody subscribed to."""
    mqtt = link(site, 1)
    mqtt._retained = 0
    before = bytes(site.requests)
    for topic in (b"islet/other/set/acknowledge", b"other/set/acknowledge", b"acknowledge", b""):
        mqtt._on_message(topic, b"")
    assert mqtt._answers == []
    for topic in ("-2/set/acknowledge", "/state/acknowledge", "/get/acknowledge", "/", ""):
        mqtt._on_message(PREFIX.rstrip("/").encode() + topic.encode(), b"")
    assert len(mqtt._answers) == 5 and not any(
        json.loads(answer[1])["ok"] for answer in mqtt._answers
    )
    assert bytes(site.requests) == before and not mqtt.commands.policy.said  # type: ignore[attr-defined]


def test_a_topics_beginning_is_a_role_and_a_command_is_one_roles_right(site: im.Image) -> None:
    """The same table as the page's and the console's."""
    mqtt = link(site, 1)
    for name, who, _ in TABLE:
        for role, below in ((OWNER, ""), (OPERATOR, "operator/")):
            for topic in ("set/", "device/inverter/set/", "point/evse/set/"):
                answer = answered(mqtt, below + topic + name, '{"gaol": 1}')
                assert ("not yours" in answer["error"]) == (role not in who), (role, topic, name)
                assert answer["field"] == ("gaol" if role in who else "command")
    before = bytes(site.requests)
    for topic in ("set/operator", "device/evse/set/operator"):
        answer = answered(mqtt, topic, '{"device": "evse", "high": 0, "until_released": true}')
        assert (answer["field"], answer["allowed"]) == ("command", "the operator")
    assert not answered(mqtt, "operator/set/acknowledge", "")["ok"]
    assert bytes(site.requests) == before


def test_names_that_no_topic_tells_apart(site: im.Image) -> None:
    """Refused by name: else one would be taken for the other."""
    names = Names(site.site, (), ("car port", "car/port"), ("evse",))
    with pytest.raises(ValueError, match=r"^devices: car port and car/port are alike in a topic$"):
        link(site, 1, names=names)
    names = Names(site.site, (), ("Süd", "a+#/b"), ("evse",))
    assert link(site, 1, names=names).names["device"] == {"S_d": "Süd", "a___b": "a+#/b"}


@pytest.mark.parametrize(
    ("changes", "quiet"),
    [
        ((), True),
        (((im.PERMITS, im.OUT_CONTACTOR),), False),
        (((im.SETPOINT + 1, 500),), False),
        (((im.SETPOINT, 9_000),), True),
        (((im.ISLAND_STATE, im.ISLAND_ISLANDED),), False),
        (((im.ISLAND_STATE, im.ISLAND_DARK),), False),
        (((im.ISLAND_STATE, im.ISLAND_LOCKOUT),), True),
    ],
)
def test_at_zero_power_the_loop_may_wait(
    site: im.Image, changes: tuple[tuple[int, int], ...], quiet: bool
) -> None:
    """INV-9: an offer without a contactor is no power, a setpoint of any converter is, and so is
    an island, whatever its setpoints: a loop that is held drops the permits of who forms it."""
    for field, value in changes:
        site.commands[field] = value
    assert plain_module.quiet(site) == quiet


def told(image: im.Image) -> dict[str, Any]:
    mqtt = link(image, 1, **{"mqtt.discovery": "homeassistant"})
    assert mqtt._discovery is not None
    return {topic.decode(): json.loads(text) for topic, text in mqtt._discovery.messages()}


def test_home_assistant_is_told_of_each_device(site: im.Image) -> None:
    """An entity for what a device has and can do, and none for what it cannot."""
    assert not [topic for topic in told(site) if "authorise" in topic]
    site.site[im.POINT_AUTH_REQUIRED] = 1
    entities = told(site)
    keys = [topic.split("/")[1:] for topic in entities]
    assert [key[1].replace("islet-islet-test", "") for key in keys] == [
        "_why", "_grid_w", "_fault", "_goal",
        "_device_evse_w", "_device_inverter_w", "_device_evse_why", "_device_inverter_why",
        "_device_inverter_soc", "_device_evse_limit", "_device_inverter_limit",
        "_device_evse_charge_ma", "_device_inverter_target_w",
        "_point_evse_pilot", "_point_evse_contactor", "_point_evse_authorise",
    ]  # fmt: skip
    unique = [entity["unique_id"] for entity in entities.values()]
    assert len(set(unique)) == len(unique)
    for topic, entity in entities.items():
        assert topic == f"homeassistant/{topic.split('/')[1]}/{entity['unique_id']}/config"
        assert re.fullmatch(r"[A-Za-z0-9_-]+", entity["unique_id"])
        assert entity["default_entity_id"].startswith(topic.split("/")[1] + ".")
        assert entity["origin"]["name"] == "islet" and entity["device"]["identifiers"]
        assert entity["availability_topic"] == PREFIX + "online"
        assert len(json.dumps(entity)) < 800, "a message that a small board can send at once"
        assert "state_topic" in entity or "command_topic" in entity
    charge = next(e for e in entities.values() if e["unique_id"].endswith("_charge_ma"))
    assert charge["command_topic"] == PREFIX + "device/evse/set/charge_ma"
    assert (charge["min"], charge["max"], charge["unit_of_measurement"]) == (6_000, 16_000, "mA")
    commands = link(site, 1).commands
    for ma in range(charge["min"], charge["max"] + 1, charge["step"]):
        assert commands.handle("charge_ma", str(ma).encode(), OWNER)["ok"]
    stop = next(e for e in entities.values() if e["unique_id"].endswith("_inverter_limit"))
    for payload, stands in ((stop["payload_on"], [0]), (stop["payload_off"], [])):
        assert commands.handle("limit", {"device": "inverter", **json.loads(payload)}, OWNER)["ok"]
        assert leases.stops(site, 1) == stands
    target = next(e for e in entities.values() if e["unique_id"].endswith("_target_w"))
    assert (target["min"], target["max"]) == (-5_000, 5_000)
    assert target["device"]["via_device"] == charge["device"]["via_device"] == "islet-islet-test"


def test_its_values_and_orders_are_there(site: im.Image) -> None:
    """Each template reads what is published on its topic, each command is one."""
    site.readings[im.DEVICE_AGE_MS] = site.readings[im.DEVICE_AGE_MS + 1] = 100
    site.readings[im.NODE_W], site.readings[im.NODE_W + 1] = 400, 1_200
    mqtt = link(site, 1)
    state = mqtt.state.take()
    own = json.loads("".join(state.pieces())) | {"policy": {"goal": "solar"}}
    published = {PREFIX + "state": own}
    for topic, section, what in mqtt_module._ROWS:
        for name, row in state.names.all_of(what).items():
            shown = json.loads("".join(state.pieces_of(section, row)))
            published[mqtt._topic(topic, name).decode()] = shown
    said = {}
    for entity in told(site).values():
        if "value_template" in entity:
            values = {"value_json": published[entity["state_topic"]]}
            said[entity["unique_id"][16:]] = template(entity["value_template"], values)
        if "command_topic" in entity:
            *_, name = entity["command_topic"].split("/")
            assert OWNER in next(roles for row, roles, _ in TABLE if row == name)
    assert said == {
        "_why": "The car: Circuit service (L2) has 1.0 A left.",
        "_grid_w": "1600",
        "_fault": "OFF",
        "_goal": "solar",
        "_device_evse_w": "0",
        "_device_inverter_w": "0",
        "_device_evse_why": "The car: Circuit service (L2) has 1.0 A left.",
        "_device_inverter_why": "The battery: Kept above your reserve of 30 %.",
        "_device_inverter_soc": "None",
        "_device_evse_limit": "OFF",
        "_device_inverter_limit": "OFF",
        "_point_evse_pilot": "car asks for power",
        "_point_evse_contactor": "OFF",
    }


def template(text: str, values: dict[str, Any]) -> str:
    """As much of Jinja as the templates use."""
    inner = text.removeprefix("{{ ").removesuffix(" }}")
    inner = re.sub(r"(\S+) \| sum", r"sum(\1)", inner)
    inner = re.sub(r"(\S+) is number", r"isinstance(\1, int)", inner)
    return str(eval(inner, {}, {"value_json": Fields(values["value_json"])}))


class Fields(dict[str, Any]):
    """Of JSON, to be reached by a dot as in a template."""

    def __getattr__(self, name: str) -> Any:
        value = self[name]
        if isinstance(value, list):
            return [Fields(each) if isinstance(each, dict) else each for each in value]
        return Fields(value) if isinstance(value, dict) else value


def test_home_assistant_hears_it_at_every_connection_and_start(
    broker: Broker, site: im.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it says so, as often as it can bear."""
    monkeypatch.setattr(mqtt_module, "_TOLD_MIN_MS", 1_000)
    heard: queue.Queue[tuple[str, bool]] = queue.Queue()
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _c, _u, m: heard.put((m.topic, bool(m.retain)))
    client.connect("127.0.0.1", broker.port)
    client.subscribe("homeassistant/#", 0)
    client.loop_start()

    def hears(count: int) -> set[str]:
        found: set[str] = set()
        while len(found) < count:
            topic, _ = heard.get(timeout=20)
            if topic != "homeassistant/status":
                found.add(topic)
        return found

    async def go() -> None:
        mqtt = link(site, broker.port, **{"mqtt.discovery": "homeassistant"})
        task = asyncio.create_task(mqtt.run())
        first = await asyncio.to_thread(hears, 15)
        client.publish("homeassistant/status", "offline")
        for _ in range(30):
            client.publish("homeassistant/status", "online")
            await asyncio.sleep(0.02)
        assert await asyncio.to_thread(hears, 15) == first
        await asyncio.sleep(0.5)
        while not heard.empty():
            assert heard.get()[0] == "homeassistant/status"
        assert not mqtt._answers
        await ended(task)

    asyncio.run(go())
    client.loop_stop()
