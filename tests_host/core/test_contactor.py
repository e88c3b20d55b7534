"""The contactor alone: INV-1 condition by condition, zero current first, confirmation, welds."""

from __future__ import annotations

import pytest

from firmware import image as f
from firmware.core.vehicle import contactor
from firmware.core.vehicle.contactor import Contactor
from tests_host.core.builders import healthy, put
from tests_host.fields import EVSE

OPEN, CLOSING, CLOSED, EMPTYING, OPENING, FAULT = range(6)


class FakePilot:
    diode_ok = True
    unplugged = False


class Room:
    """A contactor with everything in favour of closing; `step` is one control cycle."""

    def __init__(self, **site: int) -> None:
        self.image = healthy(**site)
        self.pilot = FakePilot()
        self.part = Contactor(self.image, self.pilot)
        self.auxiliary: bool | None = None  # None: follows the permit without delay
        self.inputs = 0
        self.leaks = False  # current whatever the auxiliary contact says
        put(
            self.image.commands,
            POINT_PILOT_STATE=f.PILOT_C,
            POINT_CABLE_MA=32_000,
            OFFER_MA=16_000,
        )
        panel = f.CLAIM_HIGH + f.PANEL * f.DEVICES + EVSE
        self.image.commands[panel] = 32_000  # it has room

    def step(self, steps: int = 1, **commands: int) -> int:
        put(self.image.commands, **commands)
        for _ in range(steps):
            closed = self.part.permit != 0 if self.auxiliary is None else self.auxiliary
            put(self.image.readings, INPUTS=self.inputs | (f.IN_CONTACTOR if closed else 0))
            if not closed and not self.leaks:  # nothing flows through what is open
                put(self.image.readings, EVSE_MA=(0, 0, 0), INVERTER_MA=(0, 0, 0))
            self.part.step(100)
        return self.part.state

    def charge(self) -> Room:
        assert self.step(3) == CLOSED
        put(self.image.readings, EVSE_MA=15_000)
        return self

    def faults(self) -> int:
        return self.image.commands[f.FAULTS]


def test_closes_and_opens() -> None:
    room = Room()
    assert room.step() == CLOSING
    assert room.part.permit == f.OUT_CONTACTOR
    assert room.step() == CLOSED
    put(room.image.readings, EVSE_MA=0)
    assert room.step(OFFER_MA=0) == EMPTYING
    assert room.step() == OPENING
    assert room.part.permit == 0
    assert room.step() == OPEN


REFUSALS = {
    "pilot A": {"commands": {"POINT_PILOT_STATE": f.PILOT_A}},
    "pilot B": {"commands": {"POINT_PILOT_STATE": f.PILOT_B}},
    "pilot D, not ventilated": {"commands": {"POINT_PILOT_STATE": f.PILOT_D}},
    "pilot lost": {"commands": {"POINT_PILOT_STATE": f.PILOT_UNKNOWN}},
    "pilot E": {"commands": {"POINT_PILOT_STATE": f.PILOT_E}},
    "pilot F": {"commands": {"POINT_PILOT_STATE": f.PILOT_F}},
    "no diode": {"commands": {"POINT_PILOT_STATE": f.PILOT_DIODE}},
    "cable unknown": {"commands": {"POINT_CABLE_MA": -1}},
    "no offer": {"commands": {"OFFER_MA": 0}},
    "islanded": {"commands": {"ISLAND_STATE": f.ISLAND_ISLANDED}},
    "site not sensed": {"commands": {"ISLAND_STATE": f.ISLAND_SENSING}},
    "cable fault": {"commands": {"POINT_FAULTS": f.FAULT_CABLE}},
    "tripped": {"trips": {"TRIPPED": f.TRIP_OVERCURRENT}},
    "emergency stop": {"inputs": f.IN_ESTOP},
    "rcd": {"inputs": f.IN_RCD},
    "too hot": {"inputs": f.IN_OVERTEMP},
    "inputs stale": {"readings": {"INPUTS_AGE_MS": 301}},
    "current not measured": {"readings": {"EVSE_AGE_MS": 2_001}},
    "nobody authorised": {"site": {"POINT_AUTH_REQUIRED": 1}},
    "no charging point": {"site": {"EVSE_NODE": -1}},
}


@pytest.mark.parametrize("case", REFUSALS)
def test_inv_1_each_condition_alone_refuses(case: str) -> None:
    """INV-1"""
    refusal = REFUSALS[case]
    room = Room(**refusal.get("site", {}))
    for section in ("commands", "trips", "readings"):
        put(getattr(room.image, section), **refusal.get(section, {}))
    room.inputs = refusal.get("inputs", 0)
    assert room.step(20) == OPEN
    assert room.part.permit == 0


def test_inv_1_diode_not_verified() -> None:
    """INV-1"""
    room = Room()
    room.pilot.diode_ok = False
    assert room.step(20) == OPEN


def test_inv_1_d_with_ventilation_and_an_authorised_user() -> None:
    """INV-1"""
    room = Room(POINT_AUTH_REQUIRED=1)
    room.inputs = f.IN_VENTILATION
    put(room.image.requests, POINT_AUTHORISED=1)
    assert room.step(2, POINT_PILOT_STATE=f.PILOT_D) == CLOSED


def test_zero_current_first() -> None:
    room = Room().charge()
    assert room.step(OFFER_MA=0) == EMPTYING
    assert room.step(20) == EMPTYING
    assert room.part.permit == f.OUT_CONTACTOR
    put(room.image.readings, EVSE_MA=(0, 0, 999))
    assert room.step() == OPENING


def test_told_to_stop_while_closing_it_still_empties_first() -> None:
    room = Room()
    assert room.step() == CLOSING
    put(room.image.readings, EVSE_MA=15_000)  # closed and drawing before core has looked again
    assert room.step(OFFER_MA=0) == CLOSED
    assert room.step() == EMPTYING


def test_told_to_stop_before_the_contacts_met() -> None:
    room = Room()
    assert room.step() == CLOSING
    room.auxiliary = False
    assert room.step(OFFER_MA=0) == OPENING


def test_current_on_any_leg_is_current() -> None:
    room = Room().charge()
    put(room.image.readings, EVSE_MA=(0, 0, 1_000))
    assert room.step(10, OFFER_MA=0) == EMPTYING


def test_a_car_that_does_not_stop_is_opened_after_six_seconds() -> None:
    room = Room().charge()
    assert room.step(60, OFFER_MA=0) == EMPTYING
    assert room.step() == OPENING


def test_stale_current_is_not_zero() -> None:
    room = Room().charge()
    put(room.image.readings, EVSE_MA=0, EVSE_AGE_MS=1_000)
    assert room.step(10, OFFER_MA=0) == EMPTYING


@pytest.mark.parametrize("state", ["unknown", "A", "B", "E", "F", "diode"])
def test_pilot_gone_opens_at_once(state: str) -> None:
    """INV-2, the part of core: the guard is faster."""
    room = Room().charge()
    assert room.step(POINT_PILOT_STATE=f.PILOT_NAMES.index(state)) == OPENING
    assert room.part.permit == 0


@pytest.mark.parametrize("bit", [f.IN_ESTOP, f.IN_RCD, f.IN_OVERTEMP])
def test_protection_opens_at_once_even_while_emptying(bit: int) -> None:
    room = Room().charge()
    room.step(OFFER_MA=0)
    room.inputs = bit
    assert room.step() == OPENING


def test_welded_before_closing_is_found_and_never_closed() -> None:
    """INV-1: no weld"""
    room = Room()
    room.auxiliary = True
    put(room.image.commands, OFFER_MA=0)
    assert room.step(3) == FAULT
    assert room.faults() & f.FAULT_WELD
    assert room.step(50, OFFER_MA=16_000) == FAULT
    put(room.image.requests, ACKNOWLEDGE_SEQ=1)
    assert room.step(5) == FAULT  # acknowledged while still closed: nothing gained
    room.auxiliary = None
    assert room.step(5, POINT_PILOT_STATE=f.PILOT_A) == FAULT
    room.step(2)
    put(room.image.requests, ACKNOWLEDGE_SEQ=2)
    assert room.step() == OPEN
    assert not room.faults()


def test_welded_while_opening() -> None:
    room = Room().charge()
    room.auxiliary = True
    assert room.step(POINT_PILOT_STATE=f.PILOT_A) == OPENING
    assert room.step(2) == FAULT
    assert room.faults() == f.FAULT_WELD | f.FAULT_STAYS_LIVE


def test_stuck_open_is_cured_by_replugging() -> None:
    room = Room()
    room.auxiliary = False
    assert room.step(4) == FAULT
    assert room.faults() == f.FAULT_STUCK_OPEN
    assert room.part.permit == 0
    assert room.step(5) == FAULT
    assert room.step(POINT_PILOT_STATE=f.PILOT_A) == OPEN


def test_a_weld_that_comes_while_stuck_open_is_named() -> None:
    """INV-1: no weld; replugging cures a stuck contactor, not a weld."""
    room = Room()
    room.auxiliary = False
    assert room.step(4) == FAULT
    room.auxiliary = True
    assert room.step(3) == FAULT
    assert room.faults() == f.FAULT_STUCK_OPEN | f.FAULT_WELD | f.FAULT_STAYS_LIVE
    room.auxiliary = False
    assert room.step(5, POINT_PILOT_STATE=f.PILOT_A) == FAULT
    put(room.image.requests, ACKNOWLEDGE_SEQ=1)
    assert room.step() == OPEN
    assert not room.faults()


def test_dropped_out_is_named() -> None:
    room = Room().charge()
    room.auxiliary = False
    assert room.step(3) == FAULT
    assert room.faults() == f.FAULT_STUCK_OPEN


def test_a_car_that_draws_more_than_offered() -> None:
    """INV-3: response enforced by escalation."""
    room = Room().charge()
    put(room.image.readings, EVSE_MA=17_200)  # 105 % of 16 A and 2 % of its meter are 17.12 A
    room.step(51)
    assert not room.faults()
    room.step(2)
    assert room.faults() == f.FAULT_NOT_FOLLOWED
    assert room.part.permit == 0  # at once: INV-3 counts the response alone
    room.step(70, OFFER_MA=0)  # the arbiter answers with no offer
    assert room.part.state == OPEN
    assert room.step(5, OFFER_MA=16_000) == OPEN
    room.step(POINT_PILOT_STATE=f.PILOT_A)
    assert not room.faults()


def test_an_allowed_excess_is_not_escalated() -> None:
    room = Room().charge()
    put(room.image.readings, EVSE_MA=17_100)
    room.step(300)
    assert not room.faults()


def test_overdraw_is_cleared_by_acknowledging_when_open() -> None:
    room = Room().charge()
    put(room.image.readings, EVSE_MA=30_000)
    room.step(52)
    put(room.image.requests, ACKNOWLEDGE_SEQ=1)
    room.step()
    assert room.faults() == f.FAULT_NOT_FOLLOWED
    room.step(70, OFFER_MA=0)
    put(room.image.requests, ACKNOWLEDGE_SEQ=2)
    room.step()
    assert not room.faults()


def gateway() -> Room:
    return Room(TOPOLOGY=2)


@pytest.mark.parametrize(
    "readings",
    [{"INVERTER_PLUGGED": 0}, {"INVERTER_FAULT": 1}, {"INVERTER_AGE_MS": 2_001}],
)
def test_inv_1_gateway_must_report_ready(readings: dict[str, int]) -> None:
    """INV-1 (T2); the pilot is not ours."""
    room = gateway()
    put(room.image.commands, POINT_PILOT_STATE=f.PILOT_UNKNOWN, OFFER_MA=0)
    put(room.image.readings, **readings)
    assert room.step(10) == OPEN
    room = gateway()
    put(room.image.commands, POINT_PILOT_STATE=f.PILOT_UNKNOWN, OFFER_MA=0)
    assert room.step(2) == CLOSED
    put(room.image.readings, INVERTER_MA=(-9_000, -9_000, -9_000))
    put(room.image.readings, **readings)
    assert room.step() == EMPTYING
    assert room.step(60) == OPENING


def forming(island: int) -> Room:
    """A gateway that carries the house, its contactor closed."""
    room = gateway()
    put(room.image.commands, POINT_PILOT_STATE=f.PILOT_UNKNOWN, OFFER_MA=0)
    assert room.step(2, ISLAND_STATE=island) == CLOSED
    put(room.image.readings, INVERTER_MA=(-9_000, -9_000, -9_000))
    return room


@pytest.mark.parametrize("island", [f.ISLAND_STARTING, f.ISLAND_ISLANDED])
def test_a_silent_gateway_goes_on_carrying_the_house(island: int) -> None:
    """Opening under load would darken the house for a fault of the bus alone."""
    room = forming(island)
    put(room.image.readings, INVERTER_AGE_MS=60_000)
    assert room.step(600) == CLOSED
    assert room.part.permit == f.OUT_CONTACTOR
    assert room.step(1, ISLAND_STATE=f.ISLAND_ENDING) == EMPTYING


@pytest.mark.parametrize("island", [f.ISLAND_STARTING, f.ISLAND_ISLANDED])
@pytest.mark.parametrize("reported", [{"INVERTER_PLUGGED": 0}, {"INVERTER_FAULT": 1}])
@pytest.mark.parametrize("age_ms", [0, 60_000])
def test_what_a_gateway_reported_stops_it_islanded_too(
    island: int, reported: dict[str, int], age_ms: int
) -> None:
    room = forming(island)
    put(room.image.readings, INVERTER_AGE_MS=age_ms, **reported)
    assert room.step() == EMPTYING


def test_a_silent_gateway_is_not_closed_for_an_island() -> None:
    """INV-1 (T2)"""
    room = gateway()
    put(room.image.readings, INVERTER_AGE_MS=2_001)
    assert room.step(10, ISLAND_STATE=f.ISLAND_ISLANDED) == OPEN


@pytest.mark.parametrize(
    "barred",
    [
        {"ISLAND_STATE": f.ISLAND_LOCKOUT},
        {"ISLAND_STATE": f.ISLAND_DARK, "FAULTS": f.FAULT_FORMING},
    ],
)
def test_a_gateway_that_ignores_its_enable_is_opened(barred: dict[str, int]) -> None:
    """INV-5: the contactor is the last means; zero current first, at most for six seconds."""
    room = forming(f.ISLAND_ISLANDED)
    assert room.step(1, **barred) == EMPTYING
    assert room.step(60) == OPENING
    assert room.part.permit == 0
    assert room.step(20) == OPEN


def test_every_state_has_a_way_out() -> None:
    assert {row[0] for row in contactor.TABLE} == set(range(len(f.CONTACTOR_NAMES)))
