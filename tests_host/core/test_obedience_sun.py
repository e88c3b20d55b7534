"""INV-16 and a circuit's rating where a converter has a sun of its own, which nobody told it."""

from __future__ import annotations

import pytest

from firmware import image as f
from tests_host.core.builders import put
from tests_host.core.disobedience import ABOVE, OWN, VOLTS
from tests_host.core.test_obedience import HABITS, settled

STRINGS_W = 6_000
SUNNY: dict[str, int | tuple[int, ...]] = {
    "NODE_SOURCE_MA": (0, 0, STRINGS_W * 1_000 // VOLTS // 3),
    "NODE_RATING_MA": (63_000, 20_000, 32_000),
}


@pytest.mark.parametrize("witness", [OWN, ABOVE])
@pytest.mark.parametrize("told", [-1_500, 0, 1_500])
def test_its_own_sun_is_no_disobedience(witness: str, told: int) -> None:
    plant = settled(witness, 300, told, **SUNNY)
    for sun_w in (2_000, STRINGS_W, 300, 0, STRINGS_W):
        plant.sun_w = sun_w
        plant.run(20_000)
        assert plant.enabled and not plant.faults, sun_w
        assert abs(plant.w - told) < 200, sun_w


@pytest.mark.parametrize("witness", [OWN, ABOVE])
@pytest.mark.parametrize("told", [-2_000, 2_000])
@pytest.mark.parametrize("habit", HABITS)
def test_inv_16_holds_of_a_battery_under_its_sun(habit: str, told: int, witness: str) -> None:
    """Also where its terminals stay within the range that its battery has left."""
    plant = settled(witness, 300, told, **SUNNY)
    plant.sun_w = 3_000
    plant.run(20_000)
    HABITS[habit](plant)
    if habit == "ignores":
        plant.ask(0)
    assert plant.until_off() <= 10_000
    assert plant.faults & f.FAULT_NOT_OBEYED


@pytest.mark.parametrize("witness", [OWN, ABOVE])
@pytest.mark.parametrize("w", [-4_000, 4_000])
def test_inv_16_a_report_that_lies_about_a_battery_is_found_beyond_its_sun(
    witness: str, w: int
) -> None:
    """Its own word says that it rests: feeding beyond what its sun can give is its battery's."""
    plant = settled(witness, 300, 0, **SUNNY)
    plant.report = lambda w: 0
    plant.habit = lambda told: w
    plant.sun_w = STRINGS_W
    plant.run(15_000)
    assert plant.enabled == (w > 0)


@pytest.mark.parametrize(
    ("told", "rating_ma", "before_w", "after_w"),
    [(-5_000, 10_000, 0, 5_000), (5_000, 6_000, 4_000, 0)],
)
def test_a_circuit_bears_battery_and_sun_together(
    told: int, rating_ma: int, before_w: int, after_w: int
) -> None:
    """A sun that rises while it feeds, one that goes while it charges: the setpoint gives way."""
    sunny = SUNNY | {"NODE_RATING_MA": (63_000, 20_000, rating_ma)}
    plant = settled(OWN, 300, 0, **sunny)
    plant.sun_w = before_w
    plant.run(5_000)
    plant.ask(told)
    plant.run(60_000)
    assert abs(plant.w - told) < 300, plant.w
    plant.sun_w = after_w
    plant.run(300 + 100 + plant.response_ms + 1_000)
    limit_w = rating_ma * VOLTS // 1_000 * 3 + 50  # less than a meter sees
    assert abs(plant.w - plant.sun_w) <= limit_w, plant.w
    plant.run(60_000)
    assert abs(plant.w - plant.sun_w) <= limit_w and plant.enabled and not plant.faults
    assert 1_000 < abs(plant.w) < abs(told) - 500  # what is left to it, and no more


@pytest.mark.parametrize(("w", "found"), [(0, True), (-2_000, True), (3_000, False)])
def test_a_sun_that_feeds_without_enable_is_an_enable_without_effect(w: int, found: bool) -> None:
    """One that only fills its own battery passes no terminal."""
    plant = settled(ABOVE, 300, 0, **SUNNY)
    plant.sun_w = 3_000
    plant.run(5_000)
    plant.ignores_enable = True
    plant.habit = lambda told: w
    put(plant.image.live, ANTI_ISLANDING=0)
    plant.run(10_000)
    assert not plant.enabled
    assert bool(plant.faults & f.FAULT_ENABLE) == found
