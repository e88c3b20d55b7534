# islet: a real broker for SPEED=1: mosquitto where installed, else amqtt from PyPI.
# GPL-3.0-or-later
"""A broker of this run's own on a loopback port, and a client to speak with it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

STARTED_S = 10.0
_AMQTT = """
import asyncio, sys
from amqtt.broker import Broker
async def main():
    broker = Broker({"listeners": {"default": {"type": "tcp", "bind": sys.argv[1]}},
                     "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin":
                                 {"allow_anonymous": True}}})
    await broker.start()
    await asyncio.Event().wait()
asyncio.run(main())
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def mosquitto_path() -> str | None:
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


class RealBroker:
    """`kind` is "mosquitto" or "amqtt"; `set_state` as for the stub: up, down or hung."""

    def __init__(self, folder: Path, kind: str | None = None) -> None:
        self.port = free_port()
        self.kind = kind or ("mosquitto" if mosquitto_path() else "amqtt")
        self.state = "down"
        self.on_message: Callable[[str, bytes], None] = lambda topic, payload: None
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._client: Client | None = None

    def _command(self) -> list[str]:
        if self.kind == "amqtt":
            return [sys.executable, "-c", _AMQTT, f"127.0.0.1:{self.port}"]
        settings = self._folder / "mosquitto.conf"
        settings.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            "log_type error\nmax_queued_messages 100\n"
        )
        return [str(mosquitto_path()), "-c", str(settings)]

    def _launch(self) -> None:
        log = (self._folder / "broker.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def start(self) -> None:
        """Launch it and wait until it accepts connections."""
        self._launch()
        deadline = time.monotonic() + STARTED_S
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
            except OSError:
                if self._process is None or self._process.poll() is not None:
                    break
                time.sleep(0.05)
            else:
                self.state = "up"
                return
        tail = (self._folder / "broker.log").read_text(errors="replace")[-500:]
        raise RuntimeError(f"{self.kind} did not start: {tail}")

    def connect(self) -> None:
        """A client of the house: sees every message, publishes what the scenario says."""
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="islet-twin")
        self._client.on_connect = self._subscribe
        self._client.on_message = lambda _c, _u, m: self.on_message(m.topic, bytes(m.payload))
        self._client.connect("127.0.0.1", self.port)
        self._client.loop_start()

    @staticmethod
    def _subscribe(client: Client, *_: Any) -> None:
        client.subscribe("#")

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        if self._client is not None:
            self._client.publish(topic, payload, qos=1, retain=retain)

    def set_state(self, state: str) -> None:
        """Returns at once: the house must not wait for a broker that starts or ends."""
        if state not in ("up", "down", "hung"):
            raise ValueError(f"broker: {state!r} is not one of up, down, hung")
        process = self._process
        if state == "down" and process is not None:
            self._end(process)
        elif state == "hung" and process is not None:
            process.send_signal(19)  # SIGSTOP: accepts by the kernel's backlog, never answers
        elif state == "up" and self.state == "hung" and process is not None:
            process.send_signal(18)  # SIGCONT
        elif state == "up" and self.state == "down":
            self._launch()
        self.state = state

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()  # it keeps nothing, and a stopped one would not hear anything gentler
        process.wait()
        self._process = None

    def stop(self) -> None:
        if self._client is not None:
            self._client.loop_stop()
            self._client.disconnect()
        if self._process is not None:
            self._end(self._process)
        self.state = "down"
