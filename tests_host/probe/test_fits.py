"""Which profile fits a device: each family known by what it says, and told in words how surely."""

from __future__ import annotations

import itertools
import struct
from typing import Any

import pytest

from tools.probe import clues, profiles, report
from tools.probe.bus import Bus, Host, Refused
from tools.probe.profiles import TYPES, Fit, Value
from tools.probe.watch import Doubts

HERE = Host("10.0.0.2", 502)
W = 1380  # of each leg: 230 V, 6 A
SAID = {
    "voltage": 230_000, "current": 6000, "power": W, "frequency": 50_000, "battery_power": 900,
    "soc": 640, "rating": 8000, "charge_max": 5000, "discharge_max": 5000, "fault": 0,
    "imported": 812_000, "exported": 93_000, "charged": 71_000, "discharged": 64_000,
}  # fmt: skip


class Device(Bus):
    """What a family's own rows say; all else is refused, as most devices do."""

    def __init__(self, document: dict[str, Any], **other: int) -> None:
        self.where = HERE
        self.asked = 0
        self.words: dict[tuple[int, int, int], int] = {}
        rows = document["rows"]
        legs = [row for row in rows if row["quantity"] == "power" and "leg" in row]
        order = document.get("word_order", "high_first")
        for row in rows:
            said = {**SAID, **other}.get(row["quantity"], 0)
            if row["quantity"] == "power" and "leg" not in row and "power" not in other:
                said = W * max(1, len(legs))
            self._put(row, order, said)
        if known := document.get("identity"):
            self._put({**known, "quantity": "identity"}, "high_first", known["values"][0])

    def _put(self, row: dict[str, Any], order: str, said: int) -> None:
        count, kind = TYPES[row["type"]]
        if "states" in row:
            first = next(iter(row["states"].values()))
            said = first[-1] if isinstance(first, list) else first
            data = said.to_bytes(2 * count, "big")
        else:
            number = said * (row.get("sign", 1) or 1) * row.get("den", 1) / row.get("num", 1)
            number = abs(number) if kind in "HIQ" else number
            data = struct.pack(">" + kind, number if kind in "fd" else round(number))
        words = list(struct.unpack(f">{count}H", data))
        if row.get("word_order", order) == "low_first":
            words.reverse()
        for i, word in enumerate(words):
            at = row.get("address", 1), row["function"], row["register"] + i
            self.words[at] = word

    def read(self, unit: int, function: int, register: int, count: int) -> list[int] | None:
        self.asked += 1
        places = [(unit, function, register + i) for i in range(count)]
        if any(place not in self.words for place in places):
            raise Refused(2)
        return [self.words[place] for place in places]


# Of families that share their map the label decides: what has less of it fits as well.
SAME = (
    {"sdm630", "sdm72_v2", "sdm230", "sdm220", "sdm120", "sdm72_v1", "sdm54"},
    {"em340", "em540", "em24_e1", "em24", "em111"},
    {"solis_hybrid", "solis_dispatch"},
    {"abb_b21", "abb_b23"},
)


@pytest.mark.parametrize("name", profiles.known())
def test_each_family_is_known_among_all(name: str) -> None:
    """Also those that show no voltage and no frequency; and its role decides what is pasted."""
    fits = profiles.judge(Device(profiles.known()[name]), 1)
    said = "\n".join(f"{fit.name} {fit.certainty} {fit.points}: {fit.why}" for fit in fits[:4])
    ranked = [fit.name for fit in fits if fit.fits]
    own = next((same for same in SAME if name in same), {name})
    assert name in ranked, said
    assert set(ranked[: ranked.index(name) + 1]) <= own, said
    fit = next(fit for fit in fits if fit.name == name)
    found = report.Found(HERE, 1, None, [fit])
    words, document = "\n".join(report.words(found)), report.configuration([found])
    assert f"{report.CERTAINTY[fit.certainty]} {name}: " in words and "for it: " in words
    if fit.role == "meter":
        assert document["meters"][0]["profile"] == name
    elif fit.undriven:
        assert f"{fit.undriven}, so a site cannot name it" in words and not document
    else:
        assert document["devices"][0]["profile"] == name
    assert fit.role == "meter" or "meters" not in document


@pytest.mark.parametrize("word", [0, 1, 0x5555, 0xFFFF])
def test_a_device_that_always_says_the_same_is_none(word: int) -> None:
    class Same(Bus):
        where = HERE

        def __init__(self) -> None: ...

        def read(self, unit: int, function: int, register: int, count: int) -> list[int]:
            return [word] * count

    # a lone register of 1 may be a car's state; more than that nobody is
    fits = [fit for fit in profiles.judge(Same(), 1) if fit.certainty in ("likely", "certain")]
    assert not fits, [(fit.name, fit.why) for fit in fits]


def test_what_was_asked_is_not_asked_again() -> None:
    device = Device(profiles.known()["sdm630"])
    profiles.judge(device, 1)
    rows = [row for each in profiles.known().values() for row in each["rows"]]
    places = {(row["function"], row["register"], TYPES[row["type"]][0]) for row in rows}
    assert device.asked <= len(places) + len(profiles.known())


def test_a_silent_device_costs_one_request_a_profile() -> None:
    class Silent(Device):
        def read(self, unit: int, function: int, register: int, count: int) -> None:
            self.asked += 1

    device = Silent({"rows": []})
    assert not any(fit.fits for fit in profiles.judge(device, 1))
    assert device.asked <= 2 * len(profiles.known())


def test_the_makers_own_number_is_certain_and_another_is_said() -> None:
    document = profiles.known()["em24_e1"]
    right = profiles.fit(Device(document), 1, "em24_e1")
    assert right.certainty == "certain" and right.why.startswith("says it is EM24")
    other = Device(document)
    known = document["identity"]
    other.words[1, known["function"], known["register"]] = 7
    wrong = profiles.fit(other, 1, "em24_e1")
    assert wrong.certainty == "possible" and "does not say EM24" in wrong.why


def values(*rows: tuple[str, int, float | None]) -> list[Value]:
    count = itertools.count(1)
    return [
        Value(
            {"quantity": q, "type": "i32"} | ({"leg": leg} if leg else {}), v, raw=(next(count),)
        )
        for q, leg, v in rows
    ]


@pytest.mark.parametrize(
    ("rows", "points", "text"),
    [
        ([("voltage", 1, 230_000), ("voltage", 2, 231_000)], 4, "voltage of a grid on 2 legs"),
        ([("voltage", 1, 48_000)], 0, ""),
        ([("frequency", 0, 49_980)], 4, "49.98 Hz"),
        ([("frequency", 0, 5_000)], -4, "5 Hz is no grid's"),
        ([("power", 0, 3000), ("power", 1, 1000), ("power", 2, 2010)], 5, "add up to 3000 W"),
        ([("power", 0, 1000), ("power", 1, 1000), ("power", 2, 2000)], -3, "its sum says 1000 W"),
        ([("power", 0, 0), ("power", 1, 0), ("power", 2, 0)], 0, ""),
        ([("rating", 0, 8000)], 2, "rating 8000 W"),
        ([("rating", 0, 8)], 0, ""),
        ([("soc", 0, 640)], 1, "state of charge 64 %"),
        ([("soc", 0, 0)], 0, ""),
    ],
)
def test_clues(rows: list[tuple[str, int, float | None]], points: int, text: str) -> None:
    found = clues.find(values(*rows))
    assert sum(clue.points for clue in found) == points
    assert any(text in clue.text for clue in found) or not text


def test_no_power_is_above_voltage_times_current() -> None:
    good = [("voltage", 1, 230_000), ("current", 1, 6000), ("power", 1, -1380)]
    bad = [("voltage", 1, 230_000), ("current", 1, 600), ("power", 1, 1380)]
    assert "L1: voltage, current and power agree" in str(clues.find(values(*good)))
    assert "L1: 1380 W, yet its voltage times current is 138" in str(clues.find(values(*bad)))


def test_candidates_are_told_with_why_the_best_first() -> None:
    fits = profiles.judge(Device(profiles.known()["sdm630"]), 1)
    said = report.words(report.Found(HERE, 1, None, fits))
    at = said.index("  others fit as well, the label on it decides:")
    assert all(": " in line and "(" in line for line in said[at + 1 : at + 3])
    order = [fit.points for fit in fits if fit.fits]
    assert order == sorted(order, reverse=True)


def test_one_that_fits_nothing_is_told_why() -> None:
    fit = Fit("x", {"role": "meter", "name": "X"}, [])
    assert fit.why == "shows nothing of its own" and not fit.fits


# --- watched ------------------------------------------------------------------------------------


def looks(*each: list[tuple[str, int, float | None]]) -> list[list[str]]:
    doubts = Doubts()
    return [doubts.find(values(*rows)) for rows in each]


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        (("imported", 0, 5000), ("imported", 0, 4990), "imported fell from 5000 to 4990 Wh"),
        (("imported", 0, 5000), ("imported", 0, 5000), ""),
        (("rating", 0, 8000), ("rating", 0, 5000), "rating moved from 8000 to 5000 W"),
        (("soc", 0, 640), ("soc", 0, 120), "state of charge went from 64 to 12 % at once"),
        (("soc", 0, 640), ("soc", 0, 641), ""),
    ],
)
def test_what_cannot_be_from_one_look_to_the_next(
    first: tuple[str, int, float | None], second: tuple[str, int, float | None], says: str
) -> None:
    before, after = looks([first], [second])
    assert not before and (says in str(after) if says else not after)


def test_an_instrument_that_stands_still_is_named_once_it_is_sure() -> None:
    same: list[tuple[str, int, float | None]] = [("voltage", 1, 230_100), ("frequency", 0, 50_010)]
    said = looks(*[same] * 12, [("voltage", 1, 230_200), ("frequency", 0, 50_010)])
    assert [bool(each) for each in said] == [False] * 10 + [True] * 2 + [False]
    assert "may be frozen" in said[10][0]


def test_a_look_says_what_contradicts_itself() -> None:
    rows: list[tuple[str, int, float | None]] = [
        ("power", 0, 900), ("power", 1, 900), ("power", 2, 900), ("frequency", 0, 5000),
    ]  # fmt: skip
    said = looks(rows)[0]
    assert "5 Hz is no grid's" in said and any("its sum says 900 W" in each for each in said)
