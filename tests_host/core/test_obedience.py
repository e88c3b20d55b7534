"""INV-16: an inverter that stays outside its grant, and an enable without effect."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import image as f
from firmware.core.limits import obedience
from tests_host.core.builders import put
from tests_host.core.disobedience import ABOVE, CONTACTOR, OWN, VOLTS, Plant
from tests_host.fields import INVERTER

HABITS: dict[str, Callable[[Plant], None]] = {
    "ignores": lambda p: setattr(p, "habit", lambda told, w=p.w: w),
    "charges in its own mode": lambda p: setattr(p, "habit", lambda told: 4_000),
    "discharges in its own mode": lambda p: setattr(p, "habit", lambda told: -4_000),
    "wrong sign": lambda p: setattr(p, "habit", lambda told: -told),
    "double": lambda p: setattr(p, "habit", lambda told: 2 * told),
    "ten times": lambda p: setattr(p, "habit", lambda told: 10 * told),
}

BAR = f.DEVICE_ENABLE_BAR + INVERTER
LEVEL = f.DEVICE_OBEDIENCE + INVERTER


def settled(witness: str, age_ms: int, w: int, **site: int | tuple[int, ...]) -> Plant:
    plant = Plant(witness, age_ms, **site)
    plant.run(3_000)
    plant.ask(w)
    plant.run(max(25_000, 8 * plant.response_ms) if w else 1_000)  # growth waits for its proof
    assert plant.enabled and abs(plant.w - w) < 200 and not plant.faults
    return plant


# --- the escalation ---------------------------------------------------------------------------


@pytest.mark.parametrize("witness", [OWN, ABOVE, CONTACTOR])
@pytest.mark.parametrize("age_ms", [300, 1_800])
@pytest.mark.parametrize("response_ms", [500, 2_000, 5_000])
@pytest.mark.parametrize("told", [-2_000, 2_000])
@pytest.mark.parametrize("habit", HABITS)
def test_inv_16_the_enable_is_gone_within_10_s(
    habit: str, told: int, response_ms: int, age_ms: int, witness: str
) -> None:
    """INV-16: by any witness, in both directions, however it disobeys."""
    plant = settled(witness, age_ms, told, INVERTER_RESPONSE_MS=response_ms)
    HABITS[habit](plant)
    if habit == "ignores":
        plant.ask(0)
    low, high = min(told, 0), max(told, 0)
    plant.run(100)
    assert habit == "ignores" or not low - 150 <= plant.w <= high + 150, "it must disobey"
    took_ms = plant.until_off()
    assert response_ms < took_ms <= 10_000
    assert plant.faults & f.FAULT_NOT_OBEYED
    assert plant.image.commands[BAR] == f.BAR_NOT_OBEYED


@pytest.mark.parametrize("habit", ["wrong sign", "discharges in its own mode"])
def test_whatever_it_reports(habit: str) -> None:
    """INV-16: a report that says "as told" does not help where it is measured."""
    plant = settled(OWN, 300, 2_000)
    HABITS[habit](plant)
    plant.report = lambda w: 2_000
    assert plant.until_off() <= 10_000
    assert plant.faults & f.FAULT_NOT_OBEYED


def test_a_report_that_nothing_but_the_house_contradicts() -> None:
    """It feeds while it says that it does nothing; the circuit above shows what it may not."""
    plant = settled(ABOVE, 300, 0)
    plant.habit, plant.report = (lambda told: -4_000), (lambda w: 0)
    assert plant.until_off() <= 10_000
    assert not plant.faults  # not yet: it might be another source
    plant.run(4_000)
    assert plant.faults & f.FAULT_NOT_OBEYED


@pytest.mark.parametrize("age_ms", [300, 1_800])
@pytest.mark.parametrize("response_ms", [500, 2_000, 4_000])
@pytest.mark.parametrize("told", [2_200, 4_000])
def test_inv_16_a_step_that_it_only_reports(told: int, response_ms: int, age_ms: int) -> None:
    """It goes on drawing and says that it has stopped; the circuit above has not shown the step.
    Its enable falls; what falls with it twice was its doing."""
    plant = settled(ABOVE, age_ms, told, INVERTER_RESPONSE_MS=response_ms)
    reports = [told]

    def ignores(now: int) -> float:
        reports[0] = now
        return told

    plant.habit, plant.report = ignores, lambda w: reports[0]
    plant.ask(0)
    assert plant.until_off() <= 10_000
    plant.run(20_000)
    assert plant.faults & f.FAULT_NOT_OBEYED and not plant.enabled


@pytest.mark.parametrize("age_ms", [300, 1_800])
@pytest.mark.parametrize("told", [-4_000, 2_200, 4_000])
def test_inv_16_one_that_lies_from_the_start(told: int, age_ms: int) -> None:
    plant = Plant(ABOVE, age_ms)
    plant.run(3_000)
    reports = [0]

    def turned(now: int) -> float:
        reports[0] = now
        return -now

    plant.habit, plant.report = turned, lambda w: reports[0]
    plant.ask(told)
    # the miss sends it to zero long before, and there even this one stands still
    assert plant.until_off() <= 18_000


@pytest.mark.parametrize("lies", [True, False])
def test_an_overload_asks_for_the_enable(lies: bool) -> None:
    """Nothing that islet knows of: what lies under the meter is asked by its enable, once."""
    plant = settled(ABOVE, 300, 0)
    if lies:
        plant.habit, plant.report = (lambda told: 4_000), (lambda w: 0)
    plant.house_w = 3 * plant.site[f.NODE_RATING_MA] // 1000 * VOLTS + 600 - (2_000 if lies else 0)
    assert plant.until_off() <= 5_000
    plant.run(20_000)
    assert bool(plant.faults & f.FAULT_NOT_OBEYED) == lies
    assert plant.enabled == (not lies)
    if not lies:
        plant.run(500_000, 500)
        assert plant.enabled and not plant.faults


@pytest.mark.parametrize("back_ms", [2_000, 30_000])
def test_a_load_that_goes_as_its_enable_falls_is_no_lie(back_ms: int) -> None:
    """Once is chance: its enable is back, and what comes back later does not fall with it."""
    plant = settled(ABOVE, 300, 0)
    limit_w = 3 * plant.site[f.NODE_RATING_MA] // 1000 * VOLTS
    plant.house_w = limit_w + 600
    assert plant.until_off() <= 5_000
    plant.house_w = limit_w - 2_000
    plant.run(6_000)
    assert plant.enabled
    plant.run(back_ms)
    plant.house_w = limit_w - 300
    plant.run(30_000)
    assert plant.enabled and not plant.faults


def test_another_source_is_not_its_doing() -> None:
    """Sun that nobody declared: its enable is taken, the export stays, so it gets it back."""
    plant = settled(ABOVE, 300, 0)
    plant.house_w = -3_000
    assert plant.until_off() <= 10_000
    plant.run(5_000)
    assert plant.enabled and not plant.faults
    plant.run(60_000, 500)
    assert plant.enabled and not plant.faults


@pytest.mark.parametrize("legs_w", [-3_000, -10_000])
def test_declared_sources_prove_nothing(legs_w: int) -> None:
    plant = Plant(ABOVE, 300, NODE_SOURCE_MA=(16_000, 0, 0))
    plant.run(5_000)
    plant.house_w = legs_w
    plant.run(60_000, 500)
    assert plant.enabled and not plant.faults


def test_each_step_in_its_order() -> None:
    plant = settled(OWN, 300, -2_000)
    plant.habit = lambda told: 4_000
    seen = []
    while plant.enabled:
        plant.run(100)
        level = plant.image.commands[LEVEL]
        if not seen or seen[-1] != level:
            seen.append(level)
    assert seen == [0, 1, 2, 3, 4]
    plant.run(200)
    assert plant.image.commands[f.SETPOINT_MODE + INVERTER] == f.MODE_STOP


@pytest.mark.parametrize("witness", [OWN, ABOVE, CONTACTOR])
@pytest.mark.parametrize("late_ms", [300, 1_000, 1_500])
def test_late_by_less_than_2_s_is_not_named(late_ms: int, witness: str) -> None:
    plant = settled(witness, 300, 4_000)
    plant.response_ms += late_ms
    for w in (-4_000, 0, 4_000, 0, -2_000):
        plant.ask(w)
        plant.run(20_000)
        assert plant.enabled and not plant.faults


def test_heeding_zero_after_it_was_named_saves_nothing() -> None:
    plant = settled(OWN, 300, -2_000)
    plant.habit = lambda told: -told
    while not plant.faults:
        plant.run(100)
    plant.habit = lambda told: 0
    assert plant.until_off() <= 1_200


def test_three_times_then_a_person() -> None:
    plant = settled(ABOVE, 300, 0)
    plant.habit = lambda told: 4_000
    for pause_ms in (300_000, 1_500_000):
        plant.until_off()
        plant.run(pause_ms - 2_000, 1_000)
        assert not plant.enabled
        plant.run(4_000)
        assert plant.enabled
    plant.until_off()
    plant.run(3_601_000, 1_000)
    assert not plant.enabled and plant.faults & f.FAULT_NOT_OBEYED
    plant.habit = lambda told: told
    plant.image.requests[f.ACKNOWLEDGE_SEQ] += 1
    plant.run(1_000)
    assert plant.enabled and not plant.faults


def test_an_hour_of_obedience_begins_anew() -> None:
    plant = settled(ABOVE, 300, 0)
    plant.habit = lambda told: 4_000
    plant.until_off()
    plant.habit = lambda told: told
    plant.run(310_000, 1_000)
    assert plant.core.obedience.rows[0].count == 1
    plant.run(3_601_000, 1_000)
    assert plant.core.obedience.rows[0].count == 0


def test_a_reset_heals_nothing() -> None:
    for fault in (f.FAULT_NOT_OBEYED, f.FAULT_ENABLE):
        plant = Plant()
        plant.image.requests[f.REMEMBERED_FAULTS] = fault
        plant.core = type(plant.core)(plant.image)
        plant.run(700_000, 1_000)
        assert not plant.enabled and plant.faults == fault
        plant.image.requests[f.ACKNOWLEDGE_SEQ] += 1
        plant.run(1_000)
        assert plant.enabled and not plant.faults


# --- no false alarms --------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([OWN, ABOVE, CONTACTOR]),
    st.sampled_from([300, 1_000, 1_900]),
    st.sampled_from([300, 2_000, 5_000, 8_000]),
    st.lists(
        st.tuples(st.integers(-5_000, 5_000), st.integers(100, 8_000), st.integers(0, 9_000)),
        min_size=3,
        max_size=10,
    ),
)
def test_a_late_device_is_not_a_disobedient_one(
    witness: str, age_ms: int, response_ms: int, story: list[tuple[int, int, int]]
) -> None:
    """Any wishes, loads and steps, followed within the declared response: never a step taken."""
    plant = Plant(witness, age_ms, INVERTER_RESPONSE_MS=response_ms)
    plant.run(3_000)
    for w, for_ms, house_w in story:
        plant.ask(w)
        plant.house_w = house_w
        plant.run(for_ms)
        assert plant.image.commands[LEVEL] <= f.OBEY_AGAIN and not plant.faults
        assert plant.enabled


def test_an_overshoot_is_not_disobedience() -> None:
    plant = settled(OWN, 300, 4_000)
    plant.ask(1_000)
    plant.run(2_000)
    plant.habit = lambda told: -1_500  # swings through for half a second
    plant.run(500)
    plant.habit = lambda told: told
    plant.run(10_000)
    assert plant.enabled and not plant.faults


def test_one_that_forms_is_judged_by_the_island() -> None:
    plant = settled(OWN, 300, 0)
    plant.core.obedience.step(100)
    plant.image.commands[f.ISLAND_STATE] = f.ISLAND_ISLANDED
    plant.habit = lambda told: -4_000
    for _ in range(200):
        plant._physics()
        plant._measure()
        plant.image.latch()
        plant.core.obedience.step(100)
    assert plant.image.commands[BAR] == 0


# --- no witness -------------------------------------------------------------------------------


@pytest.mark.parametrize("meter_silent", [False, True])
@pytest.mark.parametrize("response_ms", [1_000, 2_000, 6_000])
def test_a_silent_device_loses_its_enable(response_ms: int, meter_silent: bool) -> None:
    """Nothing but itself says what it does, and it says nothing: within 10 s of its grant's end,
    and back when it answers."""
    plant = settled(ABOVE, 300, 2_000, INVERTER_RESPONSE_MS=response_ms)
    plant.habit, plant.silent, plant.meter_silent = (lambda told: 2_000), True, meter_silent
    assert response_ms + 3_000 < plant.until_off() <= min(response_ms + 5_500, 12_000)
    plant.run(1_000)
    assert plant.image.commands[BAR] & f.BAR_UNWITNESSED
    plant.habit, plant.silent, plant.meter_silent = (lambda told: told), False, False
    plant.image.requests[f.ACKNOWLEDGE_SEQ] += 1
    plant.run(1_000)
    assert plant.enabled


@pytest.mark.parametrize("witness", [OWN, CONTACTOR])
def test_a_witness_of_its_own_outlasts_its_silence(witness: str) -> None:
    plant = settled(witness, 300, 0)
    plant.silent = True
    plant.run(4_000 if witness == CONTACTOR else 60_000)
    assert plant.enabled
    plant.habit = lambda told: 3_000
    plant.run(10_000)
    assert plant.w == 0  # its enable, or T2's contactor


def test_a_meter_of_10_s_is_no_witness() -> None:
    plant = Plant(OWN, 10_000)
    plant.run(60_000, 500)
    assert not plant.enabled
    assert plant.image.commands[BAR] == f.BAR_UNWITNESSED


def test_one_that_fits_unmeasured_needs_none() -> None:
    plant = Plant(OWN, 10_000, INVERTER_FITS=1)
    plant.run(60_000, 500)
    assert plant.enabled


# --- anti-islanding ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "certified", "enabled"),
    [(1, 0, True), (1, 1, True), (0, 0, False), (0, 1, False),
     (2, 0, False), (2, 1, True), (-1, 0, False), (-1, 1, True)],
)  # fmt: skip
def test_what_has_no_anti_islanding_gets_no_enable(
    says: int, certified: int, enabled: bool
) -> None:
    plant = Plant(INVERTER_CERTIFIED=certified)
    put(plant.image.live, ANTI_ISLANDING=says)
    plant.run(5_000)
    assert plant.enabled == enabled
    assert (plant.image.commands[BAR] == f.BAR_ANTI_ISLANDING) != enabled


# --- an enable without effect -----------------------------------------------------------------


@pytest.mark.parametrize("witness", [OWN, ABOVE])
@pytest.mark.parametrize("w", [-200, -4_000, 4_000])
def test_an_enable_without_effect_opens_the_next_switch_up(witness: str, w: int) -> None:
    """T1: the islanding switch where there is one; no way back without a person."""
    plant = settled(witness, 300, 0)
    plant.ignores_enable = True
    plant.habit = lambda told: w
    plant.until_off()
    begun_ms = plant.now_ms
    while not plant.faults & f.FAULT_ENABLE:
        plant.run(100)
        assert plant.now_ms - begun_ms < 4_000
    assert plant.core.obedience.withheld == f.OUT_ENABLE  # no switch to open
    plant.site[f.ISLAND_CAPABLE] = 1
    plant.run(200)
    assert plant.core.obedience.withheld == f.OUT_ENABLE | f.OUT_ISLAND
    plant.image.requests[f.ACKNOWLEDGE_SEQ] += 1
    plant.run(1_000)
    assert plant.faults & f.FAULT_ENABLE  # it still runs
    plant.ignores_enable = False
    plant.run(3_601_000, 1_000)
    assert plant.faults & f.FAULT_ENABLE and not plant.enabled
    plant.image.requests[f.ACKNOWLEDGE_SEQ] += 1
    plant.run(200)
    assert not plant.faults & f.FAULT_ENABLE


@pytest.mark.parametrize("silent", [False, True])
def test_t2_its_contactor_opens(silent: bool) -> None:
    plant = settled(CONTACTOR, 300, -2_000)
    assert plant.pins & f.OUT_CONTACTOR
    plant.ignores_enable = True
    plant.habit, plant.silent = (lambda told: -4_000), silent
    plant.run(15_000)
    assert not plant.pins & f.OUT_CONTACTOR and plant.w == 0
    assert plant.core.obedience.withheld == f.OUT_ENABLE
    if not silent:
        assert plant.faults & f.FAULT_ENABLE
        plant.run(600_000, 1_000)
        assert not plant.pins & f.OUT_CONTACTOR


def test_standing_still_without_enable_is_no_fault() -> None:
    plant = settled(OWN, 300, -2_000)
    put(plant.image.live, ANTI_ISLANDING=0)
    plant.habit = lambda told: 90
    plant.ignores_enable = True
    plant.run(60_000, 500)
    assert not plant.enabled and not plant.faults


# --- the tables -------------------------------------------------------------------------------


def test_the_escalation_is_in_order() -> None:
    rows = [row[:2] for row in obedience.STEPS]
    assert rows == sorted(rows) and rows[-1][0] == f.OBEY_OFF
