"""A small site for the links' tests, and a broker of our own."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware import image as im
from tests_host.conftest import ROOT
from tests_host.net.small_site import make_site
from tools.image import folded

if str(ROOT / "lib") not in sys.path:  # the device packages, as on the chip
    sys.path.append(str(ROOT / "lib"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class PolicyDouble:
    """Notes what it was told."""

    def __init__(self) -> None:
        self.said: list[tuple[object, ...]] = []

    def goals(self) -> list[str]:
        return ["hold", "charge", "solar", "self", "discharge"]

    def set_goal(self, name: str) -> None:
        self.said.append(("goal", name))

    def set_wish(self, device: int, value: int, ttl_ms: int) -> None:
        self.said.append(("wish", device, value, ttl_ms))


class Broker:
    """mosquitto where installed, else amqtt; on a private port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def _command(self) -> list[str]:
        mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if mosquitto:
            config = self._folder / "mosquitto.conf"
            config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
            return [mosquitto, "-c", str(config)]
        config = self._folder / "amqtt.yaml"
        config.write_text(
            f"listeners:\n  default:\n    type: tcp\n    bind: 127.0.0.1:{self.port}\n"
            "auth:\n  allow-anonymous: true\n"
        )
        return [str(Path(sys.executable).parent / "amqtt"), "-c", str(config)]

    def start(self) -> None:
        command = self._command()
        log = (self._folder / "broker.log").open("ab")
        self._process = subprocess.Popen(command, stdout=log, stderr=log)
        while True:
            assert self._process.poll() is None, (self._folder / "broker.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    it = Broker(tmp_path)
    it.start()
    yield it
    it.stop()


@pytest.fixture
def site() -> im.Image:
    return make_site()


class Device:
    """device/links.py in our interpreter, seen through its own page."""

    token = "correct horse"
    output = ""

    def __init__(
        self, micropython: Path, mqtt_port: int = 0, fast: bool = True, ca: str = ""
    ) -> None:
        self.port = free_port()
        environment = {
            **os.environ,
            "MICROPYPATH": folded.path(),
            "ISLET_TEST_HTTP": str(self.port),
            "ISLET_TEST_MQTT": str(mqtt_port),
            "ISLET_TEST_FAST": str(int(fast)),
            "ISLET_TEST_CA": ca,
            "ISLET_TEST_TOKEN": self.token,
        }
        script = ROOT / "tests_host/net/device/links.py"
        self._process = subprocess.Popen(
            [str(micropython), "-X", "heapsize=1m", str(script)],
            env=environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n", self._process.stdout.read()

    def request(
        self, method: str, path: str, body: str | bytes | None = None, token: str | None = None
    ) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Authorization": "Bearer " + token} if token else {}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        raw = response.read()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode()
        connection.close()
        kind = response.getheader("Content-Type", "")
        return response.status, json.loads(text) if "json" in kind else text

    def state(self) -> dict[str, Any]:
        status, state = self.request("GET", "/api/state")
        assert status == 200
        return state

    def until(self, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Ask until the state fulfils a condition; pytest's timeout ends it."""
        while not true(state := self.state()):
            time.sleep(0.05)
        return state

    def stop(self) -> str:
        """End it; what it printed after "ready"."""
        if self._process.poll() is None:
            self._process.kill()
            self.output, _ = self._process.communicate()
        return self.output


@pytest.fixture
def devices(micropython: Path) -> Iterator[Callable[..., Device]]:
    running: list[Device] = []

    def start(mqtt_port: int = 0, fast: bool = True, ca: str = "") -> Device:
        running.append(Device(micropython, mqtt_port, fast, ca))
        return running[-1]

    yield start
    for device in running:
        device.stop()
