"""The access list that is shipped, with a real Mosquitto: it grants roles."""

from __future__ import annotations

import asyncio
import json
import queue
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from firmware import image as im
from firmware.people.asked import OPERATOR, OWNER, TABLE
from tests_host.net.conftest import Broker
from tests_host.net.mqtt_kit import ended, link
from tools.docs import access
from tools.twin.buses.realbroker import mosquitto_path

PREFIX = access.PREFIX + "/"
USERS = (access.BOX, OWNER, OPERATOR, access.READER)
CONF = (access.FILE.parent / "mosquitto.conf").read_text()


def test_the_list_is_up_to_date() -> None:
    assert access.FILE.read_text() == access.page(), "run: python -m tools.docs.access"


def test_it_grants_each_command_to_the_owner_or_to_the_operator() -> None:
    assert all((OWNER in who) != (OPERATOR in who) for _, who, _ in TABLE)
    assert access.rights(OWNER) and access.rights(OPERATOR)
    assert not set(access.rights(OWNER)) & set(access.rights(OPERATOR))
    assert all(name.startswith(OPERATOR + "/") for name in access.rights(OPERATOR))


def admit(folder: Path, users: tuple[str, ...], name: str, lists: str) -> None:
    """The files of who may come in, and of what each may read and write."""
    passwords = folder / "passwords"
    passwords.touch(mode=0o600)
    for user in users:
        command = ["mosquitto_passwd", "-b", str(passwords), user, f"{user}'s word"]
        subprocess.run(command, check=True, capture_output=True)
    (folder / name).write_text(lists)
    (folder / name).chmod(0o600)


class Guarded(Broker):
    """As examples/mosquitto.conf has it, but for where it listens and its files lie."""

    def _command(self) -> list[str]:
        folder, path = self._folder, mosquitto_path()
        assert path is not None
        admit(folder, USERS, "mosquitto.acl", access.FILE.read_text())
        config = folder / "mosquitto.conf"
        text = CONF.replace("listener 1883", f"listener {self.port} 127.0.0.1")
        config.write_text(text.replace("/etc/mosquitto", str(folder)) + "user root\n")
        return [path, "-c", str(config)]


class Somebody:
    """A user of the broker, and what it heard."""

    def __init__(self, port: int, name: str) -> None:
        self.heard: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.connected: queue.Queue[bool] = queue.Queue()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name)
        if name:
            self.client.username_pw_set(name, f"{name}'s word")
        self.client.on_connect = lambda _c, _u, _f, code, _p: self.connected.put(
            not code.is_failure
        )
        self.client.on_message = lambda _c, _u, m: self.heard.put((m.topic, m.payload))
        self.client.connect("127.0.0.1", port)
        self.client.subscribe("#", 1)
        self.client.loop_start()

    def say(self, topic: str, payload: str) -> None:
        """Whether it reaches anybody is the broker's business: it acknowledges in any case."""
        self.client.publish(topic, payload, 1).wait_for_publish(10)

    def answers(self, count: int) -> list[Any]:
        found: list[Any] = []
        while len(found) < count:
            topic, payload = self.heard.get(timeout=8)
            if topic == PREFIX + "answer":
                found.append(json.loads(payload))
        return found


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    if not mosquitto_path() or not shutil.which("mosquitto_passwd"):
        pytest.skip("no mosquitto: make test installs it as root, and said how without")
    tmp_path.chmod(0o755)
    it = Guarded(tmp_path)
    it.start()
    yield it
    it.stop()


@pytest.fixture
def people(guarded: Guarded) -> Iterator[dict[str, Somebody]]:
    found = {name: Somebody(guarded.port, name) for name in USERS[1:]}
    yield found
    for person in found.values():
        person.client.disconnect()
        person.client.loop_stop()


def with_the_box(guarded: Guarded, site: im.Image, do: Callable[[Any], None]) -> None:
    async def go() -> None:
        user = {"mqtt.user": access.BOX, "mqtt.password": f"{access.BOX}'s word"}
        given = {"mqtt.prefix": access.PREFIX, "mqtt.discovery": "homeassistant", **user}
        mqtt = link(site, guarded.port, **given)
        task = asyncio.create_task(mqtt.run())
        while not mqtt.connected:
            assert "not connected" in mqtt.error
            await asyncio.sleep(0.02)
        await asyncio.to_thread(do, mqtt)
        await ended(task)

    asyncio.run(go())


def test_what_a_user_has_no_right_to_never_gets_through(
    guarded: Guarded, people: dict[str, Somebody], site: im.Image
) -> None:
    """Each says every command in each role, and only its own are answered."""

    def do(_mqtt: Any) -> None:
        reader = people[access.READER]
        for user in (access.READER, OPERATOR, OWNER):
            for role, below in ((OWNER, ""), (OPERATOR, "operator/")):
                for name, who, _ in TABLE:
                    people[user].say(f"{PREFIX}{below}set/{name}", '{"gaol": 1}')
                    if user == role:
                        answer = reader.answers(1)[0]
                        field = "gaol" if role in who else "command"
                        assert (answer["command"], answer["field"]) == (name, field)
        people[OWNER].say(PREFIX + "set/goal", "charge")
        assert reader.answers(1)[0]["ok"], "nothing of the others came before"

    with_the_box(guarded, site, do)


def test_nobody_speaks_for_the_box(
    guarded: Guarded, people: dict[str, Somebody], site: im.Image
) -> None:
    """State, answers and entities are the box's own; the owner's Home Assistant hears them."""

    def do(mqtt: Any) -> None:
        heard: set[str] = set()
        while not (
            {PREFIX + "online", PREFIX + "state", PREFIX + "device/evse/limits"} <= heard
            and any(topic.startswith("homeassistant/select/") for topic in heard)
        ):
            heard.add(people[OWNER].heard.get(timeout=8)[0])
        mark = "planted"
        for person in people.values():
            for topic in access.ours():
                person.say(PREFIX + topic.replace("+", "evse"), mark)
            person.say("homeassistant/select/islet-islet_goal/config", mark)
        people[OWNER].say(PREFIX + "set/goal", "charge")
        while (got := people[OWNER].heard.get(timeout=8))[0] != PREFIX + "answer":
            assert got[1] != mark.encode(), got
        assert json.loads(got[1])["ok"]
        mqtt._discovery.due = False
        people[OPERATOR].say("homeassistant/status", "online")
        people[OPERATOR].say(PREFIX + "operator/set/operator", "{}")
        people[OWNER].answers(1)
        assert not mqtt._discovery.due

    with_the_box(guarded, site, do)


def test_who_has_no_name_is_not_let_in(guarded: Guarded) -> None:
    stranger = Somebody(guarded.port, "")
    assert stranger.connected.get(timeout=8) is False
    stranger.client.loop_stop()
