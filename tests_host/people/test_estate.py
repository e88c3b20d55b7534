"""A site with two points, a gateway, a house battery and PV: everything bears its device's name,
in whatever rows the devices stand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests_host.conftest import ROOT
from tests_host.core.test_rows import copied
from tests_host.people.estate import ASKED, DEVICES

ROOMY = {"DEVICES": 8, "POINTS": 2}


def read(folder: Path, *numbers: int) -> Any:
    path = os.pathsep.join((str(folder), str(ROOT), str(ROOT / ".cache/data")))
    command = [sys.executable, "-m", "tests_host.people.estate", *map(str, numbers)]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("roomy"), ROOMY).parent


@pytest.fixture(scope="module")
def estate(roomy: Path) -> Any:
    return read(roomy, 0, 1, 2, 3)


@pytest.mark.parametrize("numbers", [(3, 2, 1, 0, 1, 0), (4, 5, 6, 7), (1, 3, 5, 7, 0, 1)])
def test_the_same_wherever_they_stand(roomy: Path, estate: Any, numbers: tuple[int, ...]) -> None:
    """Behind idle rows, in another order; but for the order in which they are listed."""
    found = read(roomy, *numbers)
    for part in ("commands", "reasons", "faults", "trips", "energised", "events"):
        assert found[part] == estate[part], part
    assert sorted(found["instruments"]) == sorted(estate["instruments"])
    for section, value in estate["state"].items():
        if section != "why" and section != "unit":  # the headline is of the first cut short
            assert found["state"][section] == value, section


def test_what_is_published(estate: Any) -> None:
    state = estate["state"]
    assert tuple(state["devices"]) == tuple(state["limits"]) == DEVICES
    assert tuple(state["points"]) == ("drive", "carport")
    assert state["points"]["drive"]["device"] == "gateway"
    said = [state["points"][name]["pilot_text"] for name in ("drive", "carport")]
    assert said == ["read by its device", "car asks for power"]
    assert state["devices"]["battery"]["sun_w"] == 1_200
    assert "sun_w" not in state["devices"]["gateway"]
    gateway, carport, battery, roof = (state["devices"][name] for name in DEVICES)
    assert [d["kind"] for d in state["devices"].values()] == [
        "converter", "point", "converter", "source",
    ]  # fmt: skip
    assert carport["ma"] == {"L2": 10_900, "L3": 11_000} and carport["w"] == 5_071
    assert battery["ma"] == {"L2": -3_900} and battery["setpoint_w"] == -900
    assert (gateway["point"], gateway["status"], gateway["after"]) == ("drive", "C", "carport")
    assert carport["status"] == "C" and battery["status"] is None and roof["w"] == -4_100
    assert gateway["why"] == "gateway: Circuit garage (L2) has 0.3 A left, after carport."
    assert carport["why"] == "carport: Circuit garage (L2) has 0.3 A left."
    sun = "Its own sun gives 1.2 kW by itself, whatever its battery is asked."
    assert battery["why"] == "The battery: As your goal or your own request decides. " + sun
    assert state["why"]["text"] == gateway["why"]
    assert state["longest"] < 2_500, "a piece too long for its turn (INV-9)"


def test_every_reason_names_its_device(estate: Any) -> None:
    for reason, sentences in estate["reasons"].items():
        for name, sentence in sentences.items():
            subject = "The battery: " if name == "battery" else name + ": "
            assert sentence.startswith(subject), (reason, sentence)
            assert sentence[len(subject)].isupper() and len(sentence) > len(subject) + 8


WHOSE = {
    # whose a fault is, of those that the image tells apart
    **dict.fromkeys(("not_obeyed", "enable", "forming"), "battery"),
    **dict.fromkeys(("island_voltage", "island_load", "island_stop"), "battery"),
    "instrument": "Circuit cellar (L2)",
    **dict.fromkeys(
        ("pilot", "diode", "weld", "stuck_open", "cable", "not_followed", "stays_live"), "carport"
    ),
}
TRIPPED = {
    **dict.fromkeys(("overcurrent", "pilot", "vehicle"), "carport"),
    **dict.fromkeys(("dead_grid", "interlock", "island", "neutral", "short", "enable"), "battery"),
}


def test_every_fault_names_whose_it_is(estate: Any) -> None:
    both = estate["faults"].pop("weld of both")
    assert sorted(row["of"] for row in both) == ["carport", "drive"]
    for alerts, expected in ((estate["faults"], WHOSE), (estate["trips"], TRIPPED)):
        for name, rows in alerts.items():
            assert [row["of"] for row in rows] == [expected.get(name)], name
            if name in expected:
                assert rows[0]["text"].startswith(expected[name] + ": ")


def test_what_is_energised_has_its_name(estate: Any) -> None:
    assert estate["energised"] == [
        ["the contactor of carport is closed"], [
            "the feedback contact of the contactor of drive reads closed though its coil is off: "
            "welded, or not wired"
        ], [],
    ]  # fmt: skip


def test_commands_mean_the_device_that_is_named(estate: Any) -> None:
    answers, wrong, right, said, authorised, held = estate["commands"]
    by = dict(zip(map(json.dumps, ASKED), answers, strict=True))
    refused = [(a["field"], a["allowed"]) if not a["ok"] else a["text"] for a in by.values()]
    four = "one of battery, carport, gateway, roof"
    assert refused == [
        "carport may take up to 7000 mA for 3600 s.",
        "carport may take up to 7000 mA for 3600 s.",
        ("device", "one of carport"),
        ("device", four),
        ("device", "one of battery, gateway"),
        "The battery aims for -500 W for 3600 s.",
        ("target_w", "-4000 to 4000 W for it"),
        "gateway aims for 8000 W for 3600 s.",
        ("device", "one of battery, gateway"),
        ("point", "one of carport, drive"),
        "Charging at carport is authorised.",
        ("point", "one of carport, drive"),
        "Charging at drive waits for nobody: it needs no authorisation.",
        "The owner's limit on battery holds for 60 s.",
        "The owner's limit on all holds for 60 s.",
        ("device", four + ", all"),
        "The owner's limit on garage holds for 60 s.",
    ]
    assert (wrong["field"], wrong["allowed"]) == ("device", "roof")
    assert right["text"] == "carport may take up to 8000 mA for 3600 s."
    assert said == [
        ["carport", 7_000, 3_600_000], ["carport", 7_000, 3_600_000],
        ["battery", -500, 3_600_000], ["gateway", 8_000, 3_600_000],
        ["carport", 8_000, 3_600_000],
    ]  # fmt: skip
    assert authorised == [0, 1]
    assert held == [1, 1, 1, 1]


def test_events_say_of_what_they_are(estate: Any) -> None:
    rows = estate["events"]
    assert [(row["what"], row.get("of"), row["text"].split(":")[0]) for row in rows] == [
        ("pilot", "carport", "carport"),
        ("pilot", "drive", "drive"),
        ("pilot", "carport", "carport"),
        ("fault", "carport", "carport"),
        ("fault", "drive", "drive"),
        ("fault", "carport", "Cleared"),
        ("fault", "drive", "Cleared"),
        ("fault", "gateway", "gateway"),
        ("trip", "battery", "battery"),
        ("fault", "gateway", "Cleared"),
    ]


def test_each_instrument_has_its_name(estate: Any) -> None:
    names = [name for name, _ in estate["instruments"]]
    assert names == [
        "inputs", "charging current of drive", "pilot of carport", "proximity of carport",
        "charging current of carport", "fast current", "grid voltage", *("gateway", "battery"),
        "roof", "service", "garage",
    ]  # fmt: skip
