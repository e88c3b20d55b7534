"""The broker in the house passes the box on to one outside, by TLS (docs/bridge.md)."""

from __future__ import annotations

import json
import queue
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from firmware import image as im
from firmware.net.mqtt import TOPICS
from firmware.people.asked import OPERATOR
from tests_host.net.conftest import Broker
from tests_host.net.test_access import PREFIX, Guarded, admit, with_the_box
from tests_host.net.tls_kit import Authority
from tools.docs import access
from tools.twin.buses.realbroker import mosquitto_path

EXAMPLES = access.FILE.parent
BRIDGE = (EXAMPLES / "mosquitto-bridge.conf").read_text()
OUTSIDE = (EXAMPLES / "mosquitto-outside.conf").read_text()
OUTSIDE_LIST = (EXAMPLES / "mosquitto-outside.acl").read_text()
USERS = ("house", "owner")
PATIENCE_S = 15
WITHOUT_S = 4  # longer than a bridge of this test takes to come up

needs = pytest.mark.skipif(
    not mosquitto_path() or not shutil.which("mosquitto_passwd") or not shutil.which("openssl"),
    reason="no mosquitto or no openssl: make test installs them as root, and said how without",
)


class Outside(Broker):
    """As examples/mosquitto-outside.conf has it, but for where it listens and its files lie."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        super().__init__(folder)
        self.authority = authority
        authority.signed("server")

    def _command(self) -> list[str]:
        folder, path = self._folder, mosquitto_path()
        assert path is not None
        admit(folder, USERS, "outside.acl", OUTSIDE_LIST)
        text = OUTSIDE.replace("listener 8883", f"listener {self.port} 127.0.0.1")
        text = text.replace("/etc/mosquitto/certs", str(self.authority.folder))
        config = folder / "outside.conf"
        config.write_text(text.replace("/etc/mosquitto", str(folder)) + "user root\n")
        return [path, "-c", str(config)]


class Bridged(Guarded):
    """The guarded broker of the house, and examples/mosquitto-bridge.conf to one outside."""

    def __init__(self, folder: Path, outside: Outside, trusted: Path) -> None:
        super().__init__(folder)
        self._outside, self._trusted = outside, trusted

    def _command(self) -> list[str]:
        command = super()._command()
        text = BRIDGE.replace("broker.example.org:8883", f"127.0.0.1:{self._outside.port}")
        text = text.replace("/etc/mosquitto/outside-ca.crt", str(self._trusted))
        text = text.replace("change-me", "house's word").replace("5 60", "1 1")
        with Path(command[-1]).open("a") as config:
            config.write(text)
        return command

    @property
    def log(self) -> str:
        return (self._folder / "broker.log").read_text()


class Owner:
    """Somebody outside, who trusts one authority, and what he hears."""

    def __init__(self, outside: Outside) -> None:
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id="phone")
        self.client.username_pw_set("owner", "owner's word")
        context = ssl.create_default_context(cafile=str(outside.authority.certificate))
        self.client.tls_set_context(context)
        self.client.on_message = lambda _c, _u, m: self.heard.put((m.topic, bytes(m.payload)))
        self.client.connect("127.0.0.1", outside.port)
        self.client.subscribe("islet/#", 1)
        self.client.loop_start()

    def first(self, topic: str, wait_s: float = PATIENCE_S) -> bytes:
        while True:
            got, payload = self.heard.get(timeout=wait_s)
            if got == topic:
                return payload

    def leave(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("trust") / "ca")


@pytest.fixture
def outside(tmp_path: Path, authority: Authority) -> Iterator[Outside]:
    folder = tmp_path / "outside"
    folder.mkdir()
    it = Outside(folder, authority)
    it.start()
    yield it
    it.stop()


@pytest.fixture
def owner(outside: Outside) -> Iterator[Owner]:
    it = Owner(outside)
    yield it
    it.leave()


def test_it_passes_on_each_topic_of_the_box_and_none_of_the_operators() -> None:
    rows = [line.split()[1:] for line in BRIDGE.splitlines() if line.startswith("topic")]
    ways = {topic: way for topic, way, _ in rows}
    for topic, *_ in TOPICS:
        name = PREFIX + topic.replace("{}", "+")
        if topic.startswith(OPERATOR):
            assert name not in ways
        else:
            assert ways.pop(name) == ("in" if "set/" in topic else "out")
    assert not ways, "it passes on what the box neither says nor hears"


@needs
def test_state_goes_out_and_a_command_comes_in(
    tmp_path: Path, outside: Outside, owner: Owner, site: im.Image
) -> None:
    house = Bridged(tmp_path, outside, outside.authority.certificate)
    house.start()

    def do(_mqtt: Any) -> None:
        assert json.loads(owner.first(PREFIX + "state"))["site"]["name"] == "home"
        owner.client.publish(PREFIX + "set/goal", "charge", 1).wait_for_publish(PATIENCE_S)
        answer = json.loads(owner.first(PREFIX + "answer"))
        assert (answer["command"], answer["ok"]) == ("goal", True)
        owner.client.publish(PREFIX + "operator/set/operator", "{}", 1)
        owner.client.publish(PREFIX + "set/goal", "hold", 1)
        answer = json.loads(owner.first(PREFIX + "answer"))
        assert answer["command"] == "goal", "an operator's command came in from outside"

    try:
        with_the_box(house, site, do)
    finally:
        house.stop()


@needs
def test_a_broker_of_another_authority_hears_nothing(
    tmp_path: Path, outside: Outside, owner: Owner, site: im.Image
) -> None:
    stranger = Authority(tmp_path / "stranger")
    house = Bridged(tmp_path, outside, stranger.certificate)
    house.start()

    def do(_mqtt: Any) -> None:
        with pytest.raises(queue.Empty):
            owner.first(PREFIX + "state", WITHOUT_S)

    try:
        with_the_box(house, site, do)
        assert "certificate verify failed" in house.log
    finally:
        house.stop()
