"""The commissioning proof by the whole firmware, over SunSpec, in the twin: eight kinds of device;
and a scenario's records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from firmware import image as im
from tests_host import kept, whole
from tools.twin import commission, scenario

SCENARIOS = Path(scenario.__file__).parent / "scenarios"
STORY = SCENARIOS / "sunny_day.json"
# house, verdict, s to the return
KINDS: dict[str, tuple[dict[str, Any], str, int]] = {
    "obeys": ({}, "obeys", 10),
    "wrong sign": ({"inverter.sign": -1}, "sign", 0),
    "half": ({"inverter.gain": 0.5}, "size", 0),
    "late": ({"inverter.response_s": 9.0}, "late", 0),
    "no return": ({"inverter.ignores_revert": True}, "obeys", im.PROOF_NEVER),
    "returns after 80 s": ({"inverter.returns_s": 80}, "obeys", 80),
    "ignores": ({"inverter.ignores_setpoint": True}, "ignores", 0),
    "own mode": ({"inverter.stuck_w": 1500}, "own", 0),
}


@pytest.mark.parametrize("kind", KINDS)
def test_eight_kinds_of_device(kind: str) -> None:
    told, verdict, return_s = KINDS[kind]
    habits = dict(told)
    story = scenario.load(STORY)
    if "inverter.response_s" in habits:
        story.house.converters[0].response_s = habits.pop("inverter.response_s")
    records, found = kept.kept(
        "proof", [*kept.HOUSE, STORY, KINDS[kind]], lambda: commission.prove(story, habits=habits)
    )
    its = found["inverter"]
    print(f"{kind}: {its}")
    assert its.name == verdict, its
    assert return_s <= its.return_s <= return_s + 3
    assert its.wh < 20 and its.took_s < 200
    result = records["inverter"][3] & im.VERDICT_BITS
    assert im.VERDICT_NAMES[result] == verdict, "what failed is on record as well"


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.json")), ids=lambda path: path.stem)
def test_every_shipped_scenario_carries_records_of_its_converters(path: Path) -> None:
    story = scenario.load(path)
    names = commission.converters(story.site)
    assert sorted(story.proofs or {}) == sorted(names), (
        f"python -m tools.twin.commission {path.name}"
    )


def changed(tmp_path: Path, **options: Any) -> Path:
    document = json.loads(STORY.read_text())
    for row in document["site"]["devices"]:
        if row["kind"] == "converter":
            row.update(options)
    document["start"] = "2026-06-15T13:00:00+02:00"
    document["site"]["owner"] |= {"goal": "charge", "charge_w": 2000}
    document["expect"] = [
        {"that": "inverter.w", "from_s": 25, "to_s": 30, "at_least": 1900, "text": "it charges"}
    ]
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("options", "holds"),
    [({"rank": 3}, True), ({"charge_w": 4900}, False)],
)
def test_a_record_is_void_when_what_it_was_made_with_changes(
    tmp_path: Path, options: dict[str, Any], holds: bool
) -> None:
    played = whole.play(changed(tmp_path, **options), seconds=30)
    assert played.summary["expectations"][0]["ok"] is holds, played.blame
    assert not played.summary["findings"], played.blame
