"""A meter that is told: whole readings, honest ages, and nothing that cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from firmware import image as im
from firmware.drivers import meter as meter_module
from firmware.drivers import told as told_module
from firmware.drivers.told import Told

AMPS = [b"p1/a1", b"p1/a2", b"p1/a3"]
WATTS = [b"p1/w1", b"p1/w2", b"p1/w3"]
BACK = [b"p1/b1", b"p1/b2", b"p1/b3"]
NODE = 1


class House:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, legs: int = 3, **values: Any) -> None:
        self.now_ms = 5_000
        for module in (meter_module, told_module):
            monkeypatch.setattr(module, "ticks_ms", lambda: self.now_ms)
        self.image = im.Image()
        self.image.site[im.LEG_COUNT] = legs
        given = {"current": names(AMPS)[:legs], "power": names(WATTS)[:legs], "export": None}
        given |= {
            "current_factor": 1,
            "power_factor": 1,
            "round_a": 0,
            "sample_ms": 500,
            "host": "",
        }
        given = {f"values.{key}": value for key, value in (given | values).items()}
        self.told = Told(self.image, NODE, "house", given)
        self.image.live[im.NODE_AGE_MS + NODE] = im.AGE_MAX_MS

    def say(self, topics: list[bytes], values: list[Any], apart_ms: int = 5) -> None:
        for topic, value in zip(topics, values, strict=True):
            self.told.heard(
                topic, value if isinstance(value, bytes) else json.dumps(value).encode()
            )
            self.passes(apart_ms)

    def passes(self, ms: int) -> None:
        self.now_ms += ms
        self.image.age(ms)

    def shown(self) -> tuple[list[int], list[int], int]:
        live, at = self.image.live, NODE * im.LEGS
        legs = self.image.site[im.LEG_COUNT]
        ma, w = im.NODE_MA + at, im.NODE_W + at
        return list(live[ma : ma + legs]), list(live[w : w + legs]), self.age_ms()

    def age_ms(self) -> int:
        return self.image.live[im.NODE_AGE_MS + NODE]


def names(topics: list[bytes]) -> list[str]:
    return [topic.decode() for topic in topics]


def test_a_reading_is_taken_whole_with_the_age_of_its_first_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House(monkeypatch)
    house.say(AMPS + WATTS[:2], [10, 5.5, 0, 2300, -1200])
    assert house.age_ms() == im.AGE_MAX_MS and house.shown()[0] == [0, 0, 0]
    house.told.heard(WATTS[2], b"0")
    assert house.shown() == ([10_000, -5_500, 0], [2300, -1200, 0], 500 + 5 * 5)
    assert house.told.state() == "ok" and house.told.report()["readings"] == 1
    house.passes(2500)
    assert house.told.state() == "silent" and house.age_ms() > 3000


def test_a_pause_parts_two_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever begins to listen in the middle hears the end of one and the beginning of the next:
    no leg's current meets a power of another second."""
    house = House(monkeypatch)
    house.say(WATTS, [100, 200, 300])
    house.passes(950)
    house.say(AMPS, [1, 2, 3])
    assert house.age_ms() > 2000
    assert any("missing" in error for error in house.told.report()["errors"])
    house.say(WATTS, [110, 210, 310])
    assert house.shown()[1] == [110, 210, 310] and house.told.report()["errors"] == []


def test_delivered_power_factors_and_cut_currents(monkeypatch: pytest.MonkeyPatch) -> None:
    """A P1 port: kW, delivered power apart, whole amps cut off."""
    house = House(monkeypatch, export=names(BACK), power_factor=1000, round_a=1)
    house.say(AMPS + WATTS + BACK, [4, 9, 0, 1.1, 0, 0.02, 0, 2.25, 0])
    assert house.shown()[:2] == ([5_000, -10_000, 0], [1100, -2250, 20])
    other = House(monkeypatch, current_factor=0.001, power_factor=-1)
    other.say(AMPS + WATTS, [1500, 20_000, 0, -300, 4000, 0])
    assert other.shown()[:2] == ([1_500, -20_000, 0], [300, -4000, 0])


def test_one_json_may_tell_all(monkeypatch: pytest.MonkeyPatch) -> None:
    ways = (
        ["shelly/em#a.current", "shelly/em#list.1", "shelly/em#c"],
        [f"shelly/em#p.{i}" for i in range(3)],
    )
    house = House(monkeypatch, current=ways[0], power=ways[1])
    assert house.told.listens == {b"shelly/em"}
    document = {"a": {"current": 3.5}, "list": [0, 4], "c": 5, "p": [1, 2, 3], "more": "x"}
    house.told.heard(b"shelly/em", json.dumps(document).encode())
    assert house.shown() == ([3_500, 4_000, 5_000], [1, 2, 3], 500)


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "not a number"),
        (b"on", "not a number"),
        (b'"7"', "not a number"),
        (b"true", "not a number"),
        (b"null", "not a number"),
        (b"NaN", "not a number"),
        (b"1e999", "not a number|allowed"),
        (b"[1]", "not a number"),
        (b'{"a": 1}', "not a number"),
        (b"\xff", "not a number"),
        (b"1" * 500, "not a number|allowed"),
        (b"400.5", "400.5, allowed -400…400 A"),
        (b"-401", "-401, allowed"),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_the_rest_grows_old(
    monkeypatch: pytest.MonkeyPatch, payload: bytes, why: str
) -> None:
    house = House(monkeypatch)
    house.say(AMPS + WATTS, [1, 2, 3, 4, 5, 6])
    before = house.shown()
    house.passes(1000)
    house.say(AMPS + WATTS, [1, payload, 9, 4, 5, 9])
    assert house.shown()[:2] == before[:2] and house.age_ms() > 1000
    (error,) = [error for error in house.told.report()["errors"] if "current L2" in error]
    assert any(each in error for each in why.split("|"))
    house.passes(1000)
    house.say(AMPS + WATTS, [1, 2, 9, 4, 5, 9])
    assert house.shown()[0] == [1000, 2000, 9000] and house.told.report()["errors"] == []


def test_random_words_raise_nothing_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import random

    house, dice = (
        House(monkeypatch, current=["x#a", "x#b.0", "x#"], power=["x#c"] * 3),
        random.Random(3),
    )
    for _ in range(3000):
        words = bytes(
            dice.choice(b'{}[]",:0123456789.eE-abc \\u\xff') for _ in range(dice.randrange(40))
        )
        house.told.heard(b"x", words)
        house.passes(dice.randrange(900))
    assert house.shown()[0] == [0, 0, 0]


@pytest.mark.parametrize(
    ("every_ms", "fresh"), [(1000, True), (2300, True), (2600, False), (10_000, False)]
)
def test_what_comes_too_seldom_is_never_taken(
    monkeypatch: pytest.MonkeyPatch, every_ms: int, fresh: bool
) -> None:
    """Else a limit would be fresh and stale in turn."""
    house = House(monkeypatch)
    taken = 0
    for i in range(12):
        house.say(AMPS + WATTS, [i, i, i, 230 * i, 230 * i, 230 * i], 0)
        taken += house.age_ms() == 500
        house.passes(every_ms)
    assert taken >= 11 if fresh else taken <= 1
    errors = house.told.report()["errors"]
    assert (errors == []) is fresh and (fresh or "more seldom" in errors[0])


def test_who_repeats_himself_is_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch)
    for _ in range(8):
        house.say(AMPS + WATTS, [3, 3, 3, 690, 690, 690], 0)
        house.passes(1000)
    assert house.told.state() == "frozen" and house.age_ms() > 2000
    house.say(AMPS + WATTS, [3, 3, 3, 690, 690, 691], 0)
    house.passes(1000)
    house.say(AMPS + WATTS, [3, 3, 3, 690, 690, 692], 0)
    assert house.told.state() == "ok" and house.age_ms() == 500


def test_others_topics_are_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch)
    house.say(AMPS, [1, 2, 3])
    house.told.heard(b"p1/else", b"broken")
    house.say(WATTS, [1, 2, 3])
    assert house.shown()[1] == [1, 2, 3]


CHIP = """
from firmware import image as im
from firmware.drivers.told import Told

image = im.Image()
image.site[im.LEG_COUNT] = 3
told = Told(image, 0, "house", GIVEN)
told.heard(b"c", b"0.25")
told.heard(b"em", b'{"a": 10.5, "b": 3, "p": [1.234, -2.5, 0]}')
told.heard(b"c", b"1e999")
told.heard(b"em", b"{]")
print(told.report()["errors"])
print(list(image.live[im.NODE_MA : im.NODE_MA + 3]), list(image.live[im.NODE_W : im.NODE_W + 3]))
"""


def test_the_chips_interpreter_reads_the_same(run_device: Callable[..., str]) -> None:
    given = {"current": ["em#a", "em#b", "c"], "power": ["em#p.0", "em#p.1", "em#p.2"]}
    given |= {"export": None, "current_factor": 1, "power_factor": 1000, "host": ""}
    given |= {"round_a": 0.5, "sample_ms": 500}
    values = {f"values.{key}": value for key, value in given.items()}
    errors, shown = run_device(f"GIVEN = {values!r}\n{CHIP}").splitlines()
    assert shown == "[11000, -3500, 750] [1234, -2500, 0]"
    assert "current L3: inf, allowed" in errors and "current L1: not a number" in errors
