"""A house of the earlier form: what is said about it, and what the tool makes of it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tools.site import house, style
from tools.twin import scenario

OLD: dict[str, Any] = {
    "name": "old",
    "start": "2026-06-15T12:00:00+02:00",
    "seconds": 10,
    "site": {
        "inverter": {"address": 7, "base": 50_000},
        "meter": {"address": 1},
        "bus": {"baud": 9600, "parity": "E"},
    },
    "house": {
        "circuits": [
            {"name": "service", "breaker_a": 35},
            {"name": "wallbox", "parent": "service", "breaker_a": 16},
            {"name": "battery", "parent": "service", "breaker_a": 16},
        ],
        "charger": {"kind": "ac", "circuit": "wallbox", "legs": 1},
        "car": {"max_a": 10},
        "inverter": {"circuit": "battery", "legs": 3, "charge_w": 4000},
        "pv": {"circuit": "service", "w_peak": 1000, "legs": 2},
        "household": {"circuit": "service"},
        "meter": {"update_s": 1},
        "relays": {"contactor": {"open_ms": 18}, "dead_ms": 80},
        "protection": {"release": False},
    },
    "traces": [{"drives": "pv.cloud", "points": [[0, 1]]}],
    "events": [
        {"at_s": 1, "set": "relays.contactor.welded", "to": True},
        {"at_s": 2, "set": "inverter.sign", "to": -1},
        {"at_s": 3, "bus": "inverter", "fault": "silent"},
    ],
    "expect": [
        {"that": "contactor_closed", "equals": True},
        {"that": "inverter_l2_a", "at_most": 9},
        {"that": "wallbox_l1_a", "at_most": 9},
        {"that": "soc_percent", "at_least": 9},
        {"rise_of": "car_wh", "at_least": 1},
        {"that": "islet.FAULTS", "equals": 0},
    ],
}


def test_each_key_of_the_earlier_form_has_its_sentence() -> None:
    with pytest.raises(scenario.ScenarioError) as caught:
        scenario.parse(OLD, Path("old.json"))
    text = "\n".join(caught.value.problems)
    for key, rows in house.EARLIER.items():
        assert f"house.{key}: now a row of house.{rows}, with a name" in text
    assert "house.relays.contactor: now contactor of a row of house.points" in text
    assert "house.protection.release: now release of a row of house.points" in text
    assert text.count("`python -m tools.site upgrade FILE` rewrites the file") == 8


def test_rows_names_events_and_expectations_are_moved() -> None:
    before = copy.deepcopy(OLD)
    new = house.upgrade(OLD)
    assert before == OLD, "a pure function"
    assert new["house"] == {
        "circuits": OLD["house"]["circuits"],
        "points": [
            {
                "name": "evse",
                "circuit": "wallbox",
                "legs": ["L1"],
                "contactor": {"open_ms": 18},
                "release": False,
            }
        ],
        "cars": [{"name": "car", "at": "evse", "max_a": 10}],
        "converters": [
            {
                "name": "inverter",
                "address": 7,
                "base": 50_000,
                "circuit": "battery",
                "charge_w": 4000,
            }
        ],
        "sources": [{"name": "pv", "circuit": "service", "w_peak": 1000, "legs": ["L1", "L2"]}],
        "storages": [{"name": "household", "circuit": "service"}],
        "relays": {"dead_ms": 80},
        "meters": [{"name": "meter", "update_s": 1}],
        "lines": [{"name": "bus", "baud": 9600, "parity": "E"}],
    }
    assert [e.get("set") or e["bus"] for e in new["events"]] == [
        "evse.contactor.welded",
        "inverter.sign",
        "inverter",
    ]
    assert [row.get("that") or row["rise_of"] for row in new["expect"]] == [
        "evse.closed",
        "inverter.l2_a",
        "wallbox_l1_a",
        "inverter.soc_percent",
        "car.charged_wh",
        "islet.FAULTS",
    ]
    story = scenario.parse(new, Path("new.json"))
    assert story.house.points[0].contactor.open_ms == 18
    assert house.upgrade(new) == new, "what is of today's form stays as it is"


def test_a_gateway_has_the_car_behind_it_and_the_point_before_it() -> None:
    old = copy.deepcopy(OLD)
    old["house"]["charger"] = {"kind": "dc", "circuit": "wallbox"}
    old["house"]["inverter"] = {}
    new = house.upgrade(old)["house"]
    assert new["cars"][0]["at"] == "inverter" and new["converters"][0]["point"] == "evse"


def test_a_circuit_of_a_devices_name_keeps_its_own_fields() -> None:
    old = copy.deepcopy(OLD)
    old["house"]["circuits"].append({"name": "inverter", "parent": "service", "breaker_a": 16})
    assert house.upgrade(old)["expect"][1]["that"] == "inverter_l2_a"


def test_documents_are_written_with_on_a_line_what_fits() -> None:
    text = style.dumps({"a": {"b": [1, 2]}, "c": [{"d": "x" * 60}, {"e": "y" * 60}]}, 1)
    assert text == (
        '{\n "a": {"b": [1, 2]},\n "c": [\n'
        f'  {{"d": "{"x" * 60}"}},\n  {{"e": "{"y" * 60}"}}\n ]\n}}\n'
    )
