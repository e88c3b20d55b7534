"""A box with a radio, in a world of routers; its promises are looked at after every step."""

from __future__ import annotations

import random
from pathlib import Path

from firmware.image import Image
from firmware.local.address import dotted, fixed
from firmware.people import events
from firmware.sockets import wifi as wifi_module
from firmware.sockets.known import Known
from firmware.sockets.radio import ESP32, RP2, Radio
from firmware.sockets.wifi import STATES, Wifi
from tests_host.sockets.fake import Network
from tests_host.sockets.world import Router, World

PORTS = {"rp2": RP2, "esp32": ESP32}
NAME = "islet-1a2b"
SETTINGS = {
    "network.country": "DE",
    "network.address": "",
    "network.mask": "255.255.255.0",
    "network.router": "",
    "network.dns": "",
}
Row = tuple[str, str, bool]


class Box:
    def __init__(
        self,
        folder: Path,
        port: str,
        world: World,
        given: tuple[Row, ...] = (),
        **settings: str,
    ) -> None:
        self.world, self.folder = world, folder
        self.network = Network(world, port)
        self.port = port
        self.given = list(given)
        self.settings = {**SETTINGS, **settings}
        self.notes: list[str] = []
        self.states: list[int] = []
        self._last_ms = world.now_ms
        self.moments: list[tuple[int, int]] = []  # ms, state entered
        chance = random.Random(1)
        self.known = Known(f"{folder}/", self.given, chance.randbytes)
        self.start()

    def start(self) -> None:
        """As after a reset: nothing is left but the files."""
        self.known = Known(f"{self.folder}/", self.given, random.Random(2).randbytes)
        given, wrong = fixed(self.settings)
        assert not wrong
        self.wifi = Wifi(
            Radio(self.network, PORTS[self.port]),
            self.known,
            lambda: not self.world.energised,
            self.hold,
            self.note,
            self.settings["network.country"],
            None if given is None else tuple(dotted(each) for each in given),
            NAME,
            Image(),
        )

    def note(self, step: int, text: str) -> None:
        kind, sentence = events.KINDS[events.CLOCK_SET + step]
        assert kind == "network"
        self.notes.append(sentence.format(words=text))

    def hold(self, call: object) -> None:
        self.world.allowed_ms = 8_300
        call()  # type: ignore[operator]
        self.world.allowed_ms = 2_000

    def run(self, seconds: float) -> Box:
        for _ in range(round(seconds * 1000) // wifi_module.TICK_MS):
            self.step()
        return self

    def step(self) -> None:
        self.world.now_ms += wifi_module.TICK_MS
        before = self.wifi.at
        self.wifi.step(self.world.now_ms - self._last_ms)
        self._last_ms = self.world.now_ms
        if self.wifi.at != before:
            self.moments.append((self.world.now_ms, self.wifi.at))
        self.states.append(self.wifi.at)
        self.promises()

    def until(self, state: int, seconds: float = 400) -> float:
        """Seconds until it is there."""
        began = self.world.now_ms
        while self.wifi.at != state:
            self.step()
            assert self.world.now_ms - began <= seconds * 1000, (
                f"{STATES[self.wifi.at][0]}: {self.wifi.reason}"
            )
        return (self.world.now_ms - began) / 1000

    def promises(self) -> None:
        world, wifi = self.world, self.wifi
        for seen in world.seen:
            assert seen.name == NAME and seen.key == self.known.own, "not as it shall be"
            assert not seen.open() and seen.key not in ("picoW123", "")
            assert seen.security in (0x00400006, 3), "not WPA2"
            assert 1 <= seen.channel <= 13
        assert len(self.known.own) in (0, 16)
        told = " ".join([*self.notes, wifi.reason, str(wifi.state())])
        secrets = [self.known.own, *(row[1] for row in self.known.networks())]
        assert not any(secret and secret in told for secret in secrets), "a secret was told"
        assert 1 <= wifi._pause_s() <= 300


def home(**options: object) -> Router:
    return Router("casa", "buongiorno", **options)  # type: ignore[arg-type]


CASA: Row = ("casa", "buongiorno", False)
