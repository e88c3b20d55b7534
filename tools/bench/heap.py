# islet: whether the heap grows over a virtual day.
# GPL-3.0-or-later
"""What lives after a collection, in the second minute and at the end of each hour. In each hour
the same happens as in the hour before, in its first ten minutes: wishes and limits, some refused;
a car comes and goes; the grid fails; devices and broker do not answer. So at the hour's end all
is as it was, and what lives may not have grown by a byte."""

from __future__ import annotations

import io
import json
import sys
from array import array
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.bench.table import Figure
from tools.bench.virtual import SCENARIO
from tools.twin import run, scenario, scene
from tools.twin.link import process
from tools.twin.link.interfaces import Truth

DEVICE = Path(__file__).parent / "device" / "heap.py"
HEAP = "1M"  # here nothing is frozen: it leaves as much free as the whole heap of a chip
DAY_S, SHORT_S, HOUR_S = 86_400, 480, 3_600
FIRST_MIN = 1  # compared with all that follow


def told(topic: str, **payload: Any) -> dict[str, Any]:
    return {"topic": f"islet/sunny/{topic}", "payload": json.dumps(payload)}


BUSY: tuple[dict[str, Any], ...] = (  # by the second of the hour
    {"at_s": 125, "mqtt": {"topic": "islet/sunny/set/goal", "payload": "charge"}},
    {"at_s": 130, "mqtt": {"topic": "islet/sunny/set/nonsense", "payload": "{"}},
    {"at_s": 135, "mqtt": told("device/inverter/set/target_w", target_w=1500, ttl_s=60)},
    {"at_s": 140, "mqtt": told("device/evse/set/charge_ma", charge_ma=8000, ttl_s=60)},
    {"at_s": 145, "mqtt": told("set/limit", device="evse", high=9000, ttl_s=60)},
    {"at_s": 150, "mqtt": told("set/limit", node="battery", high=7000, until_released=True)},
    {"at_s": 155, "mqtt": told("operator/set/operator", device="inverter", high=900, ttl_s=60)},
    {"at_s": 160, "bus": "inverter", "fault": "noise", "for_s": 5},
    {"at_s": 170, "bus": "meter", "fault": "crc", "for_s": 5},
    {"at_s": 180, "bus": "meter", "fault": "silent", "for_s": 15},
    {"at_s": 210, "mqtt": told("set/limit", node="battery", release=True)},
    {"at_s": 220, "broker": "down"},
    {"at_s": 240, "broker": "up"},
    {"at_s": 250, "set": "car.plugged", "to": False},
    {"at_s": 270, "set": "car.plugged", "to": True},
    {"at_s": 300, "set": "grid.outage", "to": True},
    {"at_s": 330, "set": "grid.outage", "to": False},
    {"at_s": 380, "mqtt": {"topic": "islet/sunny/set/acknowledge", "payload": ""}},
    {"at_s": 390, "mqtt": {"topic": "islet/sunny/set/goal", "payload": "solar"}},
)


def story(seconds: int, period_s: int) -> scenario.Scenario:
    """The sunny day, and what happens in each of its hours."""
    document = json.loads(SCENARIO.read_text(encoding="utf-8"))
    document["expect"] = []
    document["events"] = [
        {**event, "at_s": event["at_s"] + begin_s}
        for begin_s in range(0, seconds, period_s)
        for event in BUSY
    ]
    return scenario.parse(document, SCENARIO)


def idle(*_: Any) -> None:
    pass


class Nobody:
    """In the referee's place: what is judged here is the heap."""

    def observe(self, t_us: int, truth: Truth, image: Mapping[str, array[int]]) -> None:
        pass

    def restarted(self, t_us: int, asked: bool) -> None:
        pass

    def booted(self, t_us: int) -> None:
        pass

    def findings(self) -> list[str]:
        return []

    def summary(self) -> dict[str, Any]:
        return {"ok": True}


class Probed(run.Run):
    """A run whose chip tells what its heap holds, in the second minute and at the end of each
    period. `tell` hears a line of each; `hear` topic and payload of each message to the broker."""

    def __init__(
        self,
        seconds: int,
        period_s: int,
        tell: Callable[[str], None] = idle,
        hear: Callable[[str, bytes], None] = idle,
    ) -> None:
        self.least: dict[int, tuple[int, int]] = {}  # minute: bytes that live, bytes free
        self._tell = tell
        played = story(seconds, period_s)

        def build(context: run.Context) -> run.Scene:
            stage = scene.Stage(context, played)
            assert stage._broker is not None
            stage._broker.on_message = lambda t_us, topic, payload: hear(topic, payload)
            made = stage.scene()
            made.judge = Nobody()
            made.environment["ISLET_HEAP_PERIOD_MIN"] = str(period_s // 60)
            return made

        def command() -> list[str]:
            return [process.firmware_command()[0], "-X", f"heapsize={HEAP}", str(DEVICE)]

        options = run.Options(str(SCENARIO), seconds, "max", 1)
        self.said = io.StringIO()
        super().__init__(options, build, command, io.StringIO(), self.said)

    def _said(self, t_us: int, text: str) -> None:
        if text.startswith("heap "):
            minute, lives, free = map(int, text.split()[1:])
            self.note(minute, lives, free)
        else:
            super()._said(t_us, text)

    def note(self, minute: int, lives: int, free: int) -> None:
        """One look; what is held for a moment only is not in the least of a minute's."""
        if minute not in self.least and self.least:
            self._tell(self.line())
        if minute not in self.least or lives < self.least[minute][0]:
            self.least[minute] = lives, free

    def line(self) -> str:
        """Of the last minute that was looked at."""
        minute = max(self.least)
        lives, free = self.least[minute]
        return f"minute {minute}: {lives} B live, {free} free"

    def growth(self) -> list[int]:
        """Bytes since the second minute, at the end of each period."""
        first = self.least[FIRST_MIN][0]
        return [lives - first for minute, (lives, _) in self.least.items() if minute != FIRST_MIN]


def probed(
    seconds: int,
    period_s: int,
    tell: Callable[[str], None] = idle,
    hear: Callable[[str, bytes], None] = idle,
) -> Probed:
    """Run it; RuntimeError when it fails."""
    one = Probed(seconds, period_s, tell, hear)
    one.go()
    if len(one.least) != 1 + seconds // period_s or one._restarts:
        raise RuntimeError(one.said.getvalue() or "no probe of the heap")
    tell(one.line())
    return one


def measure(quick: bool) -> Iterator[Figure]:
    seconds, period_s = (SHORT_S, SHORT_S) if quick else (DAY_S, HOUR_S)
    one = probed(seconds, period_s, lambda text: print(text, file=sys.stderr, flush=True))
    grown = one.growth()
    yield Figure(
        f"growth of the heap over {seconds / 3600:.2g} h",
        f"{grown[-1]:+} B, {max(grown):+} at most",
        "0",
        "–",
        f"what lives after a collection, at the end of each {period_s // 60} min, against the"
        f" second minute, with {one.least[FIRST_MIN][1] // 1000} kB free; the sunny day, busy",
    )
