# islet: the commissioning that a scenario's site has behind it: records of proofs, made by them.
# GPL-3.0-or-later
"""The firmware lets no converter do anything before it has shown that it obeys. A scenario carries
the records of that day (`proofs`, by the site's devices); one without is commissioned before it
begins: the same firmware puts each converter to the proof, in the same house on a quiet night.

    python -m tools.twin.commission FILE…    prove, and write the records into the scenarios
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import io
import json
import sys
from array import array
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from firmware import image as im
from tools.twin import chips, run, scenario, scene
from tools.twin.house.spec import ApplianceSpec
from tools.twin.link import port
from tools.twin.link.interfaces import Truth
from tools.twin.records import Proofs, records

BOARD = "host"
BEGIN_S, MOST_S = 12, 1000
PREFIX = "islet/proof"
SOC_PERCENT, RESERVE_PERCENT = 60, 20  # room both ways
NIGHT_W = 1200  # of the house, so that a site that may not export can deliver


def converters(site: Mapping[str, Any]) -> list[str]:
    rows = site.get("devices")
    rows = rows if isinstance(rows, list) else []
    return [r["name"] for r in rows if isinstance(r, dict) and r.get("kind") == "converter"]


# --- the quiet night ----------------------------------------------------------------------------


def quiet(story: scenario.Scenario, habits: Mapping[str, Any] | None = None) -> scenario.Scenario:
    """The same house, its people asleep; a car at each gateway, batteries half full. `habits`:
    inputs of the house as events set them, from the start."""
    site, house = copy.deepcopy(story.site), copy.deepcopy(story.house)
    codes = site.get("grid_code_overrides")
    site["grid_code_overrides"] = (codes if isinstance(codes, dict) else {}) | {
        "enter_delay_s": 2,
        "enter_ramp_s": 1,
    }
    site["owner"] = {
        "goal": "hold",
        "reserve_percent": RESERVE_PERCENT,
        "outage_reserve_percent": RESERVE_PERCENT,
    }
    site["mqtt"] = {"host": "127.0.0.1", "port": scene.MQTT_PORT, "prefix": PREFIX}
    for point in site.get("points", []):
        point["auth_required"] = False
    house.loads.annual_kwh = house.loads.flicker_percent = 0
    legs = list(range(1, house.legs + 1))
    house.loads.appliances = [ApplianceSpec("night", w=NIGHT_W, legs=legs, at=[])]
    house.sensors.gain_permille = {}
    for source in house.sources:
        source.cloud = 0
        source.w_peak = 1
    for storage in house.storages:
        storage.power_w = 0
    gateways = {converter.name for converter in house.converters}
    for car in house.cars:
        car.plugged = car.at in gateways
        car.soc_percent = SOC_PERCENT
    for converter in house.converters:
        converter.soc_percent = SOC_PERCENT
    told = {"loads.night": True, **(habits or {})}
    on = [scenario.Event(0, "set", name, value) for name, value in told.items()]
    night = story.start.replace(hour=2, minute=0)
    calm = {"site": site, "house": house, "start": night, "seconds": MOST_S, "events": on}
    return dataclasses.replace(story, **calm, traces=[], expect=[], proofs={})


class Verdict(NamedTuple):
    """What a proof came to: a VERDICT_NAMES, its s and Wh, s to the device's return (0: not asked,
    PROOF_NEVER: none)."""

    name: str
    took_s: float
    wh: float
    return_s: int


class Evening:
    """The judge of a quiet night: has one device proved after the other, then ends the run."""

    def __init__(self, names: Sequence[str], say: Callable[[int, str], None]) -> None:
        self._waiting = list(names)
        self._say = say
        self._asked = ""
        self._seq = 0
        self.session: Any = None
        self.verdicts: dict[str, Verdict] = {}
        self._found: list[str] = []

    def observe(self, t_us: int, truth: Truth, image: Mapping[str, array[int]]) -> None:
        if t_us < BEGIN_S * 1e6:
            return
        if not image:  # a configuration that the firmware refuses
            self.session.end_us = min(self.session.end_us, t_us)
            return
        commands = image["commands"]
        if self._asked and commands[im.PROOF_SEQ] != self._seq:
            result = commands[im.PROOF_RESULT]
            self.verdicts[self._asked] = Verdict(
                im.VERDICT_NAMES[result & im.VERDICT_BITS],
                commands[im.PROOF_MS] / 1000,
                commands[im.PROOF_WS] / 3600,
                result >> im.PROOF_RETURN_SHIFT,
            )
            self._asked = ""
        self._seq = commands[im.PROOF_SEQ]
        if self._asked:
            return
        if not self._waiting:
            if self.session.end_us > t_us + 2_000_000:
                self.session.end_us = t_us + 2_000_000  # the record is written within a second
            return
        self._asked = self._waiting.pop(0)
        self._say(t_us, self._asked)

    def restarted(self, t_us: int, asked: bool) -> None:
        self._found.append("restarted")

    def booted(self, t_us: int) -> None: ...

    def findings(self) -> Sequence[str]:
        return self._found

    def summary(self) -> dict[str, Any]:
        return {"ok": True, "verdicts": self.verdicts}


def prove(
    story: scenario.Scenario, seed: int = 1, habits: Mapping[str, Any] | None = None
) -> tuple[Proofs, dict[str, Verdict]]:
    """Records and verdicts by the site's converters. Some seconds of work for each."""
    names = converters(story.site)
    if not names:
        return {}, {}
    calm = quiet(story, habits)
    found: dict[str, Any] = {"data": b""}

    def build(context: run.Context) -> run.Scene:
        made = scene.build(context, calm)
        stage = made.session

        def say(t_us: int, name: str) -> None:
            made.publish(t_us, f"{PREFIX}/set/prove", {"device": name})

        evening = Evening(names, say)
        evening.session = stage
        made.judge = evening
        closes = made.close

        def close() -> None:
            path = context.folder / "storage" / "ledger.bin"
            found["data"] = path.read_bytes() if path.exists() else b""
            closes()

        made.close = close
        found["evening"] = evening
        return made

    options = run.Options(str(story.path), MOST_S, "max", seed, BOARD)
    command = chips.kind_of(port.read_board(BOARD)).command
    run.Run(options, build, lambda: command(BOARD), io.StringIO(), io.StringIO()).go()
    data = found["data"]
    return (records(calm.site, data) if data else {}), found["evening"].verdicts


def commissioned(
    story: scenario.Scenario, say: Callable[[str], None] = lambda _: None
) -> scenario.Scenario:
    """The scenario with its records, made now where it has none."""
    names = converters(story.site)
    if story.proofs is not None or not names:
        return story
    say(f"no records of proofs: {', '.join(names)} shown to obey first, some seconds each")
    proofs, verdicts = prove(story)
    for name, verdict in verdicts.items():
        if verdict.name != "obeys":
            say(f"{name} has not shown that it obeys ({verdict.name}), so it will stand still")
    return dataclasses.replace(story, proofs=proofs)


# --- into the files -----------------------------------------------------------------------------


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.twin.commission",
        description="Put the converters of scenarios to the proof; write the records into them.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="scenario")
    bad = 0
    for name in parser.parse_args(arguments).files:
        path = Path(name)
        story = scenario.load(path)
        if not converters(story.site):
            continue
        begun = datetime.now()
        proofs, verdicts = prove(story)
        text = path.read_text(encoding="utf-8")
        path.write_text(written(text, proofs), encoding="utf-8")
        took_s = (datetime.now() - begun).total_seconds()
        said = ", ".join(f"{name} {verdict.name}" for name, verdict in verdicts.items())
        print(f"{path}: {said or 'nothing was proved'} ({took_s:.0f} s)", flush=True)
        bad |= any(verdict.name != "obeys" for verdict in verdicts.values())
    return int(bad)


def written(text: str, proofs: Proofs) -> str:
    """A scenario's text with these records, the rest of it untouched."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith('"proofs":')]
    at = next(i for i, line in enumerate(lines) if line.lstrip().startswith('"house":'))
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    lines.insert(at, f'{indent}"proofs": {json.dumps(proofs)},')
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
