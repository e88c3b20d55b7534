"""Every reason, trip, fault and state has its sentence, and every fault its way out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import image as im
from firmware.people import alerts, words
from firmware.people.names import Names
from firmware.policy.takers import WHY_NAMES
from tests_host.conftest import RunDevice


def all_alerts() -> list[dict]:
    image = im.Image()
    names, commands = Names(image.site), image.commands
    commands[im.FAULTS] = (1 << len(im.FAULT_NAMES)) - 1
    trips = alerts.trips(names, (1 << len(im.TRIP_NAMES)) - 1)
    return [*alerts.faults(names, commands), *trips]


EVERYTHING = all_alerts()
REASONS = {name: getattr(im, name) for name in dir(im) if name.startswith("REASON_")}


def test_one_row_per_reason() -> None:
    assert sorted(REASONS.values()) == list(range(len(words.REASONS)))


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (words.TRIPS, im.TRIP_NAMES),
        (alerts.FAULTS, im.FAULT_NAMES),
        (words.PILOT, im.PILOT_NAMES),
        (words.CONTACTOR, im.CONTACTOR_NAMES),
        (words.GRID, im.GRID_NAMES),
        (words.ISLAND, im.ISLAND_NAMES),
        (words.WISHES, WHY_NAMES),
    ],
)
def test_one_row_per_name(rows: tuple[object, ...], names: tuple[str, ...]) -> None:
    assert len(rows) == len(names)


def test_every_fault_and_trip_states_its_way_out() -> None:
    for row in EVERYTHING:
        assert len(row["way_out"]) > 15, row
    assert len(EVERYTHING) == len(im.FAULT_NAMES) + len(im.TRIP_NAMES)


@given(st.sampled_from(sorted(REASONS.values())), st.integers(-1, 2), st.integers(-(10**9), 10**9))
def test_sentences_are_whole(code: int, leg: int, value: int) -> None:
    for name in (None, "wallbox"):
        text = words.reason_text(code, name, leg, value)
        assert text[0].isupper() or text[0].isdigit()
        assert text.endswith(".") or code == im.REASON_TRIP
        assert "{" not in text and "None" not in text


@pytest.mark.parametrize("why", range(len(WHY_NAMES)), ids=WHY_NAMES)
def test_every_wish_has_a_sentence_for_people(why: int) -> None:
    """Of its own, whole, and without the names of options."""
    asked, row = words.WISHES[why]
    text = words.wish_text(why, asked, "service", "car, battery", reserve="Kept above it.")
    assert text and text[0].isupper() and text.endswith(".") and "{" not in text
    assert [other for _, other in words.WISHES].count(row) == 1
    assert "_" not in text and "owner" not in text
    assert words.wish_text(why, not asked) is None


def test_a_wish_names_circuit_and_devices() -> None:
    before, meter = WHY_NAMES.index("before"), WHY_NAMES.index("meter")
    assert words.wish_text(before, True, "service", "gateway, battery") == (
        "After gateway, battery, nothing is left for it."
    )
    assert words.wish_text(before, True) == "After others, nothing is left for it."
    assert "circuit service" in str(words.wish_text(meter, False, "service"))
    assert words.wish_text(len(WHY_NAMES), True) is None


def test_examples() -> None:
    assert words.reason_text(im.REASON_BREAKER, "service", 1, 1234) == (
        "Circuit service (L2) has 1.2 A left."
    )
    assert words.reason_text(im.REASON_METER_STALE, "service", -1, 4200) == (
        "No measurement of circuit service for 4 s, so the worst is assumed."
    )
    assert words.reason_text(im.REASON_GRID_WAIT, value=250_000) == (
        "Waiting until the grid has been good for 4 min more, as the grid code asks."
    )
    assert words.reason_text(im.REASON_RESERVE, value=300) == "Kept above your reserve of 30 %."
    assert words.reason_text(im.REASON_BUSBAR, "garage", 0, 0, "carport") == (
        "The busbar of circuit garage (L1) has 0.0 A left, after carport."
    )
    assert words.reason_text(99) == "Reason 99 is not known to this version."
    assert words.amount(-1499, "W") == "-1.5 kW"
    assert words.amount(-30, "mA") == "0.0 A"
    assert words.state_text("island", 42) == ("42", "state 42 is not known to this version")


def test_the_same_words_on_micropython(run_device: RunDevice) -> None:
    script = """
from firmware import image as im
from firmware.people import alerts, words
from firmware.people.names import Names
for code in range(len(words.REASONS)):
    for value in (0, 999, -1499, 87654321):
        print(words.reason_text(code, "attic", code % 3, value))
image = im.Image()
image.commands[im.FAULTS] = (1 << len(alerts.FAULTS)) - 1
print(list(alerts.faults(Names(image.site), image.commands)))
"""
    expected = [
        words.reason_text(code, "attic", code % 3, value)
        for code in range(len(words.REASONS))
        for value in (0, 999, -1499, 87654321)
    ]
    printed = run_device(script).splitlines()
    assert printed[:-1] == expected
    assert eval(printed[-1]) == EVERYTHING[: len(alerts.FAULTS)]


def test_of_many_trips_one_sentence_names_two() -> None:
    """It is written in one go, again in each claim; each trip stands in the alerts."""
    first, second = words.TRIPS[0][0], words.TRIPS[1][0]
    assert words.amount(0b11, "trips") == f"{first} {second}"
    assert words.amount(0b11 + 0b1111 * 4, "trips") == f"{first} {second} And 4 more."
