"""What the vehicle's side begins anew, and its very edges."""

from __future__ import annotations

import pytest

from firmware import image as f
from firmware.core.vehicle.pilot import Pilot
from firmware.core.vehicle.rights import INPUTS_STALE_MS, unprotected
from tests_host.core.builders import healthy, put
from tests_host.core.test_contactor import OPEN, OPENING, Room
from tests_host.core.test_pilot import Line


@pytest.mark.parametrize(
    ("age_ms", "bare"), [(INPUTS_STALE_MS, False), (INPUTS_STALE_MS + 1, True)]
)
def test_inputs_count_to_the_last_ms_of_their_age(age_ms: int, bare: bool) -> None:
    image = healthy()
    put(image.readings, INPUTS_AGE_MS=age_ms, INPUTS=0)
    assert unprotected(image) == bare


@pytest.mark.parametrize("fault", [f.FAULT_PILOT, f.FAULT_DIODE, f.FAULT_CABLE])
def test_nothing_closes_on_a_fault_of_pilot_or_cable(fault: int) -> None:
    room = Room()
    assert room.step(5, POINT_FAULTS=fault) == OPEN
    assert room.step(3, POINT_FAULTS=0) != OPEN


def test_a_car_that_wants_ventilation_is_off_in_the_second_step() -> None:
    """Without waiting for its current to end."""
    room = Room().charge()
    assert room.step(1, POINT_PILOT_STATE=f.PILOT_D) != OPENING
    assert room.step(1) == OPENING
    assert room.part.permit == 0


def looks(line: Line, steps: int) -> int:
    """How often a missing diode is looked for again."""
    found, was = 0, True
    for _ in range(steps):
        line.step(9_000, -8_800)
        fault = line.faults() & f.FAULT_DIODE != 0
        found += was and not fault
        was = fault
    return found


def test_each_connection_has_its_own_three_looks_for_a_diode() -> None:
    line = Line()
    line.pwm()
    for _ in range(12):
        line.step(9_000, -8_800)
    assert looks(line, 6_000) == 3
    put(line.image.readings, POINT_PILOT_UNPLUGS=1)
    assert looks(line, 6_000) == 1 + 3


@pytest.mark.parametrize("point", range(f.POINTS))
def test_each_point_counts_its_own_unplugging(point: int) -> None:
    image = healthy()
    pilot = Pilot(image, point)
    for step in range(4):
        image.readings[f.POINT_PILOT_UNPLUGS + point] = step // 2
        pilot.step(100)
    assert image.commands[f.POINT_UNPLUGS + point] == 1
    other = 1 - point
    image.readings[f.POINT_PILOT_UNPLUGS + other] = 5
    pilot.step(100)
    assert image.commands[f.POINT_UNPLUGS + point] == 1


@pytest.mark.parametrize("fault", [f.FAULT_WELD, f.FAULT_STUCK_OPEN])
def test_nothing_closes_on_a_fault_of_its_own(fault: int) -> None:
    room = Room()
    room.part.faults = fault
    assert room.step(5, POINT_FAULTS=fault) == OPEN


def test_a_gateways_word_counts_by_its_own_age() -> None:
    """Not by another device's."""
    line = Line(TOPOLOGY=2)
    readings, commands = line.image.readings, line.image.commands
    put(readings, INVERTER_PLUGGED=1, INVERTER_AGE_MS=0)
    line.step(12_000)
    put(readings, INVERTER_PLUGGED=0, INVERTER_AGE_MS=60_000, EVSE_AGE_MS=0)
    line.step(12_000)
    assert commands[f.POINT_UNPLUGS] == 0
    put(readings, INVERTER_PLUGGED=0, INVERTER_AGE_MS=0, EVSE_AGE_MS=60_000)
    line.step(12_000)
    assert commands[f.POINT_UNPLUGS] == 1
