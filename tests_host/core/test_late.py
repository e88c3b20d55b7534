# islet: late measurements: which moment a reading belongs to, and how late things are.
# GPL-3.0-or-later
from __future__ import annotations

import itertools
from typing import Any

import pytest

from firmware import image as f
from firmware.core.limits import growth
from firmware.core.panel import pace, pairing_kernel
from firmware.core.panel import tree as panel
from tests_host.core.late_plant import GROWN_S, Car, Late, all_learned
from tests_host.core.planted import plant

METERS = (0.05, 0.2, 0.5, 1.0, 2.0, None)  # registers' period in s; None: a metering chip


def steps(house: Late, leaves_a: float, times: int = 3) -> Late:
    """Loads that leave so much to the car, each for 15 s, at another moment of the meter's."""
    house.run(GROWN_S)
    for i in range(times):
        house.load_a = house.rating_a - leaves_a
        house.run(15)
        house.load_a = 1.0
        house.run(40 + 0.3 * i)
    return house


# --- reduces, does not stop -------------------------------------------------------------------

FOLLOWING = [(6.3, 20, 1.0), (7, 4, 1.0), (8, 20, 4.0), (8, 2, 0.5), (12, 20, 4.5)]


@pytest.mark.parametrize("update_s", METERS)
@pytest.mark.parametrize(("leaves_a", "down", "reaction_s"), FOLLOWING)
def test_a_load_that_leaves_enough_reduces_and_does_not_stop(
    update_s: float | None, leaves_a: float, down: float, reaction_s: float
) -> None:
    """Whatever the meter's age, and however the car comes down within its declared response."""
    car = Car(reaction_s=reaction_s, down_a_per_s=down)
    house = steps(Late(car, update_s, phase_ms=700), leaves_a)
    assert house.openings == 0 and not house.frozen_found and house.within()
    assert house.car.amps >= 12  # grown again


def test_what_is_left_is_used() -> None:
    house = Late(Car(), 1.0).run(GROWN_S)
    house.load_a = 17.0
    drawn = []
    house.run(5)
    house.run(10, each=lambda: drawn.append(house.car.amps))
    assert min(drawn) > 7.8 and max(drawn) < 8.1


def test_three_legs_and_a_class_1_meter() -> None:
    for gain in (0.99, 1.01):
        house = Late(Car(legs=3), 0.5, gain=gain).run(100)
        house.load_a = 17.5
        house.run(30)
        assert house.openings == 0 and house.car.amps > 6.7 and house.within()


# --- INV-3 ------------------------------------------------------------------------------------

SLOW = [*itertools.product((2.0, 12.0), (0.5, 2.0), (1.0, 5.0)), (8.0, 0.5, 5.0)]


@pytest.mark.parametrize("update_s", METERS)
def test_a_car_slower_than_declared_is_cut_off_in_time(update_s: float | None) -> None:
    """INV-3: 2 s of age, 100 ms and the declared response; enforced by the contactor."""
    for leaves_a, down, reaction_s in SLOW:
        car = Car(reaction_s=reaction_s, down_a_per_s=down, up_a_per_s=0.5)
        house = steps(Late(car, update_s, pause_s=5.0), leaves_a, 2)
        assert house.within(), (leaves_a, down, reaction_s, house.worst_over_s)
        follows = reaction_s + (16 - leaves_a) / down < 4.9
        assert follows or house.overdue or leaves_a < 6, (leaves_a, down, reaction_s)


def test_a_load_that_comes_while_the_car_follows_is_met() -> None:
    """INV-3, where an earlier try to make up for the age broke its bound: the second load is
    hidden by the car's own way down for a reading or two, and no longer."""
    for update_s, between_s in itertools.product((0.2, 0.5, 1.0), (0.4, 1.1, 1.4, 1.9, 2.6)):
        house = Late(Car(), update_s).run(GROWN_S)
        house.load_a = 13.0
        house.run(between_s)
        house.load_a = 18.5
        house.run(20)
        assert house.within() and house.load_a + house.car.amps < 25.3, (update_s, between_s)


# --- stops for want of data -------------------------------------------------------------------


def gap(house: Late, seconds: float) -> None:
    house.silent = True
    house.run(seconds)
    house.silent = False


def test_a_gap_of_the_meter_costs_seconds_not_the_pause() -> None:
    house = Late().run(GROWN_S)
    gap(house, 2.5)
    house.run(20)
    assert house.car.amps >= 6
    house = Late().run(GROWN_S)
    gap(house, 6)
    house.run(25)
    assert house.car.amps >= 6


def test_a_meter_that_comes_and_goes_is_waited_for_longer_each_time() -> None:
    house = Late().run(GROWN_S)
    for _ in range(30):
        gap(house, 4)
        house.run(6)
    assert house.openings <= 2 and not house.closed
    house.run(400)
    assert house.car.amps >= 6


def test_a_want_of_current_still_pauses() -> None:
    house = Late(pause_s=60.0).run(GROWN_S)
    house.load_a = 22.0
    house.run(10)
    assert house.openings == 1
    house.load_a = 1.0
    house.run(40)
    assert not house.closed
    house.run(30)
    assert house.closed


@pytest.mark.parametrize("spike_s", [0.3, 0.6, 1.0])
def test_a_want_that_the_next_reading_denies_costs_seconds(spike_s: float) -> None:
    """A spike of one reading, or what a motor draws at its start."""
    house = Late(pause_s=300.0).run(GROWN_S)
    house.load_a = 60.0
    house.run(spike_s)
    house.load_a = 1.0
    house.run(25)
    assert house.openings <= 1 and house.car.amps >= 6


# --- learned ----------------------------------------------------------------------------------


@pytest.mark.parametrize("reaction_s", [0.5, 3.0])
def test_age_and_response_are_learned(reaction_s: float) -> None:
    """Not below the truth, and not far above it: an age is said with a quarter and 0.2 s more."""
    for name, age_ms, true_age_ms, response_ms, true_ms in all_learned(reaction_s):
        assert true_age_ms * 0.8 <= age_ms <= true_age_ms * 1.3 + 400, name
        assert true_ms - 50 <= response_ms <= true_ms + 500, name


def test_until_learned_the_declared_worst_holds() -> None:
    house = Late(update_s=0.2)
    house.run(10)
    assert house.image.commands[f.LEARNED_AGE_MS] == 2_000
    assert house.image.commands[f.LEARNED_RESPONSE_MS] == 5_000


# --- planted mistakes -------------------------------------------------------------------------


def follows(update_s: float | None) -> None:
    for leaves_a, down, reaction_s in FOLLOWING:
        test_a_load_that_leaves_enough_reduces_and_does_not_stop(
            update_s, leaves_a, down, reaction_s
        )


def is_cut_off() -> None:
    test_a_car_slower_than_declared_is_cut_off_in_time(1.0)


ONE_MOMENT = "            p[at + P_FAR] = back\n"
OVERDUE = "excess_ms > rows[at + D_DEADLINE_MS]"
MISTAKES = (
    (lambda: follows(1.0), pairing_kernel, ONE_MOMENT, ONE_MOMENT.replace("back", "0")),
    (
        lambda: follows(1.0),
        pairing_kernel,
        "oldest_ms = p[at + P_OLDEST] + dt_ms",
        "oldest_ms = 0",
    ),
    (is_cut_off, panel, "commands[im.DEVICE_OVERDUE + device] = 1", "pass"),
    (is_cut_off, panel, OVERDUE, OVERDUE.replace("> ", "> 2 * ")),
    (
        test_a_gap_of_the_meter_costs_seconds_not_the_pause,
        growth,
        "and not self._blind\n        )",
        "\n        )",
    ),
    (
        test_a_meter_that_comes_and_goes_is_waited_for_longer_each_time,
        growth,
        "self._wait_ms *= 2",
        "pass",
    ),
    (
        lambda: test_a_want_that_the_next_reading_denies_costs_seconds(0.6),
        growth,
        "room_ma >= self._had_ma",
        "False",
    ),
    (
        test_a_want_of_current_still_pauses,
        growth,
        "room_ma >= self._had_ma",
        "True",
    ),
    (
        test_a_want_of_current_still_pauses,
        growth,
        "if next_ma == 0 and self._lacks_current():",
        "if False:",
    ),
    (
        test_until_learned_the_declared_worst_holds,
        pace,
        "return declared if count < _ENOUGH and most < declared else most",
        "return most",
    ),
)


@pytest.mark.parametrize("mistake", MISTAKES, ids=[str(i) for i in range(len(MISTAKES))])
def test_a_planted_mistake_is_noticed(monkeypatch: pytest.MonkeyPatch, mistake: Any) -> None:
    check, *where = mistake
    plant(monkeypatch, *where)
    with pytest.raises(AssertionError):
        check()
