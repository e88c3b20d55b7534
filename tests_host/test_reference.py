"""docs/reference.md is what the code's own tables print, and all of it."""

from __future__ import annotations

import pytest

from firmware import image as im
from firmware.core.grid import island_table
from firmware.core.limits import hardware
from firmware.policy.takers import WHY_NAMES
from tools import tables
from tools.docs import devices, people, reference


def test_the_reference_is_up_to_date() -> None:
    assert reference.PAGE.read_text() == reference.page(), "run: python -m tools.docs.reference"


def test_the_devices_are_up_to_date() -> None:
    assert devices.PAGE.read_text() == devices.page(), "run: python -m tools.docs.devices"


def chapter(heading: str) -> str:
    return reference.PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]


def test_every_reason_has_its_sentence_and_its_end() -> None:
    names = [name.removeprefix("REASON_") for name in dir(im) if name.startswith("REASON_")]
    assert set(people.ENDS) == set(names)
    assert all(people.ENDS.values())
    rows = chapter("Reasons").splitlines()
    for name in names:
        number = getattr(im, f"REASON_{name}")
        assert [r for r in rows if r.startswith(f"| {number} | `{name}` | ")], name


def test_every_wish_has_its_sentence() -> None:
    rows = chapter("Wishes").splitlines()
    for name in WHY_NAMES:
        assert [r for r in rows if r.startswith(f"| `{name}` | ") and r.endswith(". |")], name


def test_every_fault_and_trip_has_its_way_out() -> None:
    for heading, names in (("Faults", im.FAULT_NAMES), ("What is said of trips", im.TRIP_NAMES)):
        text = chapter(heading)
        assert not [name for name in names if f"\n| `{name}` | " not in text]


def test_a_fault_that_an_end_names_is_one() -> None:
    for end in people.ENDS.values():
        if "see the fault" in end:
            named = end.split("see the fault")[1].split("`")[1::2]
            assert named and set(named) <= set(im.FAULT_NAMES), end


def test_every_topic_and_path() -> None:
    topics, paths = chapter("MQTT"), chapter("HTTP")
    names = [row[0].format("NAME") for row in people.mqtt.TOPICS]
    assert not [name for name in names if f"\n| `PREFIX/{name}` | " not in topics]
    assert not [
        row[1] for row in people.http.PATHS if f"\n| {row[0]} | `{row[1]}` | " not in paths
    ]


def test_every_kind_of_device_says_why_it_stands_at_zero() -> None:
    there = {name for name in vars(hardware) if name.endswith("_BLOCKS")}
    assert there and there == {
        name for name in there for _, rows in people.BLOCKS if getattr(hardware, name) is rows
    }
    text = chapter("Why a device stands at zero")
    for kind, rows in people.BLOCKS:
        lines = text.split(f"| {kind} at zero while | ")[1].split("\n\n")[0].splitlines()
        assert len(lines) == 2 + len(rows)


def test_every_fact_and_state_of_the_island() -> None:
    text = chapter("Island")
    facts = [row[0] for row in island_table.INSTRUMENTS + island_table.JUDGEMENTS]
    assert not [name for name in (*facts, *im.ISLAND_NAMES) if f"| {name} |" not in text]


# a row of each chapter as its table must print it: words for numbers, fields for names
PRINTED = (
    ("Goals", "| hold | no | none | still | car and battery stand still |"),
    ("Pilot", "| from 5000 mV | C |  | 2 | asks for power, 6 V |"),
    ("Pilot", "| from 52500 mA | 640 + mA / 250 permille |"),
    ("Proximity", "| from 150 ohm | 32000 mA | 220 ohm |"),
    ("Contactor", "| fault | mended | open | open, and acknowledged or replugged |"),
    ("Contactor's rest", "| after 6 operations in a row | one every 10 min |"),
    ("Commands", "| authorise | owner, household | authorised | "),
    ("Bounds of the vehicle's side", "| diode_lost_ms | 100 ms | unread | diode lost under PWM"),
    ("Trips", "| pilot | pilot_lost | 0 ms | contactor |  | pilot not in C or D |"),
    ("Ways out of a trip", "| stop | stop released | 0 ms | a person acknowledged |"),
    ("Obedience", "Its enable is off "),
    ("Limits of an island", "| first good voltage |"),
    ("Lamp and button", "| `#####.....` | "),
)


@pytest.mark.parametrize(("heading", "row"), PRINTED)
def test_a_row_of_each_table(heading: str, row: str) -> None:
    assert row in chapter(heading)


def test_a_row_that_does_not_fit_its_heads_is_no_table() -> None:
    assert list(tables.markdown("a | b", [(1, "x")])) == ["| a | b |", "|---|---|", "| 1 | x |"]
    with pytest.raises(AssertionError, match="3 cells"):
        list(tables.markdown("a | b", [(1, 2, 3)]))
