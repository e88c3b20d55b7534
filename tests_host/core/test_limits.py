"""Claims and the arbiter, requests and their ages, the reserve, growth, pause."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import image as f
from firmware.core.limits import growth, hardware
from firmware.core.limits.arbiter import OPEN, Limits
from firmware.core.limits.growth import ramp
from tests_host.core.builders import healthy, order, put, wish
from tests_host.fields import EVSE, INVERTER, at


class Desk:
    """Limits with a car in B, a good cable, and GRID_CODE and PANEL wide open unless set."""

    def __init__(self, **site: int) -> None:
        self.image = healthy(**site)
        self.limits = Limits(self.image)
        self.panel = {EVSE: (0, OPEN), INVERTER: (-OPEN, OPEN)}
        put(self.image.commands, POINT_PILOT_STATE=f.PILOT_B, POINT_CABLE_MA=32_000)

    def step(self, steps: int = 1) -> Desk:
        for _ in range(steps):
            for device, (low, high) in self.panel.items():
                self.limits.claim(f.GRID_CODE, device, -OPEN, OPEN, f.REASON_NONE)
                self.limits.claim(f.PANEL, device, low, high, f.REASON_BREAKER, 1, 0, high)
            self.limits.step(100)
        return self

    def command(self, name: str, slot: int = 0) -> int:
        return self.image.commands[at(name) + slot]

    def claim(self, source: int, device: int) -> tuple[int, int, int]:
        slot = source * f.DEVICES + device
        names = ("CLAIM_LOW", "CLAIM_HIGH", "CLAIM_REASON")
        return tuple(self.command(name, slot) for name in names)  # type: ignore[return-value]

    @property
    def offer(self) -> int:
        return self.command("OFFER_MA")

    @property
    def setpoint(self) -> int:
        return self.command("SETPOINT_W")


# --- arbiter ----------------------------------------------------------------------------------

limiting = st.tuples(st.integers(-9_000, 0), st.integers(0, 9_000))
anything = st.tuples(st.integers(-9_000, 9_000), st.integers(-9_000, 9_000))


@given(st.lists(limiting, min_size=5, max_size=5), anything)
def test_the_grant_lies_within_every_limit_and_names_its_winners(
    claims: list[tuple[int, int]], market: tuple[int, int]
) -> None:
    image = healthy()
    limits = Limits(image)
    for source, (low, high) in enumerate([*claims, (min(market), max(market))]):
        limits.claim(source, INVERTER, low, high, f.REASON_NONE)
    limits.arbitrate()
    commands = image.commands
    low, high = commands[f.GRANT_LOW + INVERTER], commands[f.GRANT_HIGH + INVERTER]
    tight_low, tight_high = max(c[0] for c in claims), min(c[1] for c in claims)
    assert tight_low <= low <= high <= tight_high
    if max(min(market), tight_low) <= min(max(market), tight_high):
        assert (low, high) == (max(min(market), tight_low), min(max(market), tight_high))
    for end, granted, winner in (
        ("CLAIM_LOW", low, commands[f.WINNER_LOW + INVERTER]),
        ("CLAIM_HIGH", high, commands[f.WINNER_HIGH + INVERTER]),
    ):
        claimed = commands[getattr(f, end) + winner * f.DEVICES + INVERTER]
        assert claimed == granted or winner == f.MARKET


def test_an_earlier_source_is_never_overruled() -> None:
    desk = Desk()
    wish(desk.image, INVERTER, 4_000, 4_000)
    desk.panel[INVERTER] = (-1_000, 1_000)
    desk.step(200)
    assert desk.setpoint == 1_000
    assert desk.command("WINNER_HIGH", INVERTER) == f.PANEL


def test_a_limit_always_contains_zero() -> None:
    desk = Desk()
    desk.limits.claim(f.PANEL, INVERTER, 500, -500, f.REASON_BREAKER)
    assert desk.claim(f.PANEL, INVERTER)[:2] == (0, 0)


# --- hardware ---------------------------------------------------------------------------------

BLOCKED = [
    (EVSE, "site", {"EVSE_NODE": -1}, f.REASON_TOPOLOGY),
    (EVSE, "site", {"TOPOLOGY": 2}, f.REASON_TOPOLOGY),
    (EVSE, "commands", {"ISLAND_STATE": f.ISLAND_SENSING}, f.REASON_BOOT),
    (EVSE, "commands", {"ISLAND_STATE": f.ISLAND_ISLANDED}, f.REASON_ISLAND),
    (EVSE, "readings", {"INPUTS": f.IN_ESTOP}, f.REASON_PROTECTION),
    (EVSE, "readings", {"INPUTS_AGE_MS": 301}, f.REASON_PROTECTION),
    (EVSE, "trips", {"TRIPPED": f.TRIP_PILOT}, f.REASON_TRIP),
    (EVSE, "commands", {"POINT_FAULTS": f.FAULT_NOT_FOLLOWED}, f.REASON_NOT_FOLLOWED),
    (EVSE, "commands", {"POINT_CONTACTOR_STATE": f.CONTACTOR_FAULT}, f.REASON_CONTACTOR),
    (EVSE, "commands", {"POINT_CONTACTOR_STATE": f.CONTACTOR_EMPTYING}, f.REASON_CONTACTOR),
    (EVSE, "commands", {"POINT_PILOT_STATE": f.PILOT_A}, f.REASON_NO_VEHICLE),
    (EVSE, "commands", {"POINT_PILOT_STATE": f.PILOT_E}, f.REASON_PILOT_FAULT),
    (EVSE, "commands", {"POINT_CABLE_MA": -1}, f.REASON_CABLE),
    (EVSE, "commands", {"POINT_PILOT_STATE": f.PILOT_D}, f.REASON_VENTILATION),
    (EVSE, "site", {"POINT_AUTH_REQUIRED": 1}, f.REASON_NOT_AUTHORISED),
    (EVSE, "readings", {"EVSE_AGE_MS": 2_001}, f.REASON_METER_STALE),
    (EVSE, "commands", {"POINT_REST_MS": 7_000}, f.REASON_REST),
    (EVSE, "commands", {"FAULTS": f.FAULT_PEN}, f.REASON_PEN),
    (INVERTER, "site", {"INVERTER_NODE": -1}, f.REASON_TOPOLOGY),
    (INVERTER, "commands", {"ISLAND_STATE": f.ISLAND_SENSING}, f.REASON_BOOT),
    (INVERTER, "commands", {"ISLAND_STATE": f.ISLAND_OPENING}, f.REASON_ISLAND),
    (INVERTER, "commands", {"FAULTS": f.FAULT_FORMING}, f.REASON_ISLAND),
    (INVERTER, "readings", {"INPUTS": f.IN_ESTOP}, f.REASON_PROTECTION),
    (INVERTER, "trips", {"TRIPPED": f.TRIP_DEAD_GRID}, f.REASON_TRIP),
    (INVERTER, "readings", {"INVERTER_AGE_MS": 2_001}, f.REASON_DEVICE_SILENT),
    (INVERTER, "readings", {"INVERTER_FAULT": 1}, f.REASON_DEVICE_FAULT),
    (INVERTER, "readings", {"INVERTER_PLUGGED": 0}, f.REASON_DEVICE_FAULT),
    (INVERTER, "commands", {"OBEDIENCE": f.OBEY_ZERO}, f.REASON_NOT_OBEYED),
    (INVERTER, "commands", {"ENABLE_BAR": f.BAR_ENABLE}, f.REASON_ENABLE),
    (INVERTER, "commands", {"ENABLE_BAR": f.BAR_ANTI_ISLANDING}, f.REASON_ANTI_ISLANDING),
    (INVERTER, "commands", {"ENABLE_BAR": f.BAR_UNWITNESSED}, f.REASON_UNWITNESSED),
    (INVERTER, "commands", {"DEVICE_PROVED[1]": 0}, f.REASON_COMMISSION),
]


@pytest.mark.parametrize(("device", "section", "values", "reason"), BLOCKED)
def test_hardware_holds_a_device_at_zero_and_says_why(
    device: int, section: str, values: dict[str, int], reason: int
) -> None:
    """INV-4: silent or invalid is zero, in both directions."""
    desk = Desk(**values if section == "site" else {})
    wish(desk.image, EVSE, 0, 32_000)
    wish(desk.image, INVERTER, -3_000, -3_000)
    if section != "site":
        put(getattr(desk.image, section), **values)
    desk.step(30)
    assert desk.claim(f.HARDWARE, device) == (0, 0, reason)
    assert (desk.setpoint if device == INVERTER else desk.offer) == 0


def test_a_pilot_trip_does_not_stop_the_inverter() -> None:
    desk = Desk()
    put(desk.image.trips, TRIPPED=f.TRIP_PILOT)
    assert desk.step().claim(f.HARDWARE, INVERTER) == (-5_000, 5_000, f.REASON_RATING)


def test_the_cable_limits_the_offer() -> None:
    desk = Desk()
    put(desk.image.commands, POINT_CABLE_MA=13_000)
    wish(desk.image, EVSE, 0, 32_000)
    desk.step(600)
    assert desk.offer == 13_000
    assert desk.claim(f.HARDWARE, EVSE) == (0, 13_000, f.REASON_CABLE)


def test_the_inverter_is_held_to_the_lesser_of_declared_and_present() -> None:
    desk = Desk()
    put(desk.image.readings, INVERTER_CHARGE_MAX_W=9_000, INVERTER_DISCHARGE_MAX_W=1_200)
    assert desk.step().claim(f.HARDWARE, INVERTER)[:2] == (-1_200, 5_000)


def test_a_cars_own_inverter_may_not_discharge() -> None:
    """T3, until ISO 15118-20 or SAE J3072 authorises it."""
    desk = Desk(TOPOLOGY=3)
    wish(desk.image, INVERTER, -3_000, -3_000)
    assert desk.step(30).setpoint == 0
    slot = f.HARDWARE * f.DEVICES + INVERTER
    assert desk.command("CLAIM_LOW_REASON", slot) == f.REASON_TOPOLOGY


def test_a_gateway_needs_an_authorised_user_for_each_connection() -> None:
    """T2: not before, not after the next unplugging; an island it forms goes on."""
    desk = Desk(TOPOLOGY=2, POINT_AUTH_REQUIRED=1)
    wish(desk.image, INVERTER, -3_000, -3_000)
    put(desk.image.commands, POINT_CONTACTOR_STATE=f.CONTACTOR_CLOSED)
    assert desk.step(30).claim(f.HARDWARE, INVERTER) == (0, 0, f.REASON_NOT_AUTHORISED)
    put(desk.image.requests, POINT_AUTHORISED=1)
    assert desk.step(30).claim(f.HARDWARE, INVERTER)[0] == -5_000
    put(desk.image.commands, POINT_UNPLUGS=1)
    assert desk.step(30).claim(f.HARDWARE, INVERTER) == (0, 0, f.REASON_NOT_AUTHORISED)
    put(desk.image.commands, ISLAND_STATE=f.ISLAND_ISLANDED)
    assert desk.step(30).claim(f.HARDWARE, INVERTER)[0] == -5_000


def test_a_gateway_needs_its_contactor() -> None:
    desk = Desk(TOPOLOGY=2)
    wish(desk.image, INVERTER, -3_000, -3_000)
    assert desk.step(30).setpoint == 0
    put(desk.image.commands, POINT_CONTACTOR_STATE=f.CONTACTOR_CLOSED)
    assert desk.step(200).setpoint == -3_000


def test_every_block_has_its_case() -> None:
    """And a device that is not there has its own."""
    point = {row[0] for row in hardware.POINT_BLOCKS} | {f.REASON_TOPOLOGY}
    assert point == {c[3] for c in BLOCKED if c[0] == EVSE}
    covered = {c[3] for c in BLOCKED if c[0] == INVERTER}
    covered |= {f.REASON_CONTACTOR, f.REASON_NOT_AUTHORISED}
    assert {row[0] for row in hardware.CONVERTER_BLOCKS} | {f.REASON_TOPOLOGY} == covered


# --- requests ---------------------------------------------------------------------------------


def test_inv_8_a_wish_expires() -> None:
    """INV-8"""
    desk = Desk()
    wish(desk.image, INVERTER, 2_000, 2_000, ttl_ms=5_000)
    wish(desk.image, EVSE, 0, 16_000, ttl_ms=5_000)
    desk.step(50)
    assert desk.setpoint == 2_000
    assert desk.offer == 6_000
    desk.step()
    assert (desk.setpoint, desk.offer) == (0, 0)
    assert desk.claim(f.MARKET, INVERTER)[2] == f.REASON_NO_GOAL
    wish(desk.image, INVERTER, 2_000, 2_000, ttl_ms=5_000)
    assert desk.step(50).setpoint == 2_000


def test_inv_8_a_restriction_lasts_until_released() -> None:
    """INV-8"""
    desk = Desk()
    wish(desk.image, INVERTER, 5_000, 5_000, ttl_ms=f.AGE_MAX_MS)
    order(desk.image, INVERTER, 0, 1_000, ttl_ms=-1)
    for _ in range(20):
        desk.limits.step(100_000)  # a day has 864 of these
        assert 0 <= desk.setpoint <= 1_000
    assert desk.claim(f.OPERATOR, INVERTER)[2] == f.REASON_OPERATOR
    order(desk.image, INVERTER, 0, 0, ttl_ms=0)
    assert desk.step(200).setpoint == 5_000


def test_an_operators_timed_limit_ends() -> None:
    desk = Desk()
    wish(desk.image, INVERTER, 5_000, 5_000)
    order(desk.image, INVERTER, 0, 1_000, ttl_ms=30_000)
    assert desk.step(300).setpoint == 1_000
    assert desk.step(200).setpoint == 5_000


def test_an_operator_can_only_reduce() -> None:
    desk = Desk()
    order(desk.image, INVERTER, 3_000, 4_000)
    assert desk.step(30).setpoint == 0


# --- reserve ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("readings", "reason"),
    [
        ({"SOC_PERMILLE": 300}, f.REASON_RESERVE),
        ({"SOC_PERMILLE": 299}, f.REASON_RESERVE),
        ({"SOC_PERMILLE": -1}, f.REASON_SOC_UNKNOWN),
        ({"SOC_PERMILLE": 1_001}, f.REASON_SOC_UNKNOWN),
        ({"SOC_AGE_MS": 120_001}, f.REASON_SOC_UNKNOWN),
    ],
)
def test_inv_11_no_discharge_at_the_reserve(readings: dict[str, int], reason: int) -> None:
    """INV-11; charging stays allowed."""
    desk = Desk()
    put(desk.image.readings, SOC_PERMILLE=350)
    wish(desk.image, INVERTER, -3_000, -3_000)
    assert desk.step(100).setpoint == -3_000
    put(desk.image.readings, **readings)
    assert desk.step().setpoint == 0
    assert desk.claim(f.RESERVE, INVERTER) == (0, OPEN, reason)


def test_the_reserve_s_claim_tells_the_reserve() -> None:
    """A value people read is the bound, never the state of charge; also when it is changed."""
    desk = Desk()
    at = f.CLAIM_VALUE + f.RESERVE * f.DEVICES + INVERTER
    for soc, reserve in ((500, 300), (500, 600), (500, 700), (590, 200)):
        put(desk.image.readings, SOC_PERMILLE=soc)
        desk.image.requests[f.RESERVE_PERMILLE] = reserve
        desk.step()
        assert desk.image.commands[at] == reserve, (soc, reserve)


def test_inv_11_discharge_returns_above_the_reserve_not_at_it() -> None:
    """INV-11: a noisy reading does not make it chatter."""
    desk = Desk()
    put(desk.image.readings, SOC_PERMILLE=350)
    wish(desk.image, INVERTER, -3_000, -3_000)
    for soc, runs in ((300, False), (301, False), (309, False), (310, True), (301, True)):
        put(desk.image.readings, SOC_PERMILLE=soc)
        assert (desk.step(5).setpoint < 0) == runs, soc


def test_inv_11_the_outage_reserve_is_its_own() -> None:
    """INV-11"""
    desk = Desk()
    wish(desk.image, INVERTER, -3_000, -3_000)
    put(desk.image.readings, SOC_PERMILLE=200)
    assert desk.step(5).setpoint == 0
    put(desk.image.commands, ISLAND_STATE=f.ISLAND_ISLANDED)
    assert desk.step(5).setpoint < 0
    put(desk.image.readings, SOC_PERMILLE=110)
    desk.step(5)
    put(desk.image.readings, SOC_PERMILLE=100)
    assert desk.step().setpoint == 0


def test_inv_11_a_jump_is_not_believed_for_a_minute() -> None:
    """INV-11: implausible counts as at reserve, and comes back by itself."""
    desk = Desk()
    wish(desk.image, INVERTER, -3_000, -3_000)
    put(desk.image.readings, SOC_PERMILLE=320)
    desk.step(5)
    put(desk.image.readings, SOC_PERMILLE=999)
    assert desk.step(599).setpoint == 0
    assert desk.step(10).setpoint < 0


# --- growth -----------------------------------------------------------------------------------


@given(st.integers(-5_000, 5_000), st.integers(-5_000, 5_000), st.integers(1, 500))
def test_ramp_sheds_at_once_and_grows_by_a_step(now: int, target: int, step: int) -> None:
    after = ramp(now, target, step)
    assert min(0, target) <= after <= max(0, target)
    started = now if now * target > 0 else 0
    if abs(started) >= abs(target):
        assert after == target
    else:
        assert abs(after) == min(abs(target), abs(started) + step)


def test_the_setpoint_takes_ten_seconds_to_its_rating() -> None:
    desk = Desk()
    wish(desk.image, INVERTER, -5_000, -5_000)
    assert desk.step(50).setpoint == -2_500
    assert desk.step(50).setpoint == -5_000
    wish(desk.image, INVERTER, 5_000, 5_000)
    assert desk.step().setpoint == 50  # through zero at once, then slowly


@pytest.mark.parametrize(("legs", "raise_ma"), [(1, 2_000), (2, 1_000), (3, 666)])
def test_the_offer_starts_at_six_and_grows_by_a_share_every_five_seconds(
    legs: int, raise_ma: int
) -> None:
    desk = Desk(EVSE_LEGS=legs)
    wish(desk.image, EVSE, 0, 32_000)
    assert desk.step().offer == 6_000
    assert desk.step(49).offer == 6_000
    assert desk.step().offer == 6_000 + raise_ma
    assert desk.step(50).offer == 6_000 + 2 * raise_ma


def test_a_lower_limit_goes_out_at_once() -> None:
    desk = Desk()
    wish(desk.image, EVSE, 0, 32_000)
    desk.step(400)
    desk.panel[EVSE] = (0, 7_300)
    assert desk.step().offer == 7_300
    desk.panel[EVSE] = (0, 5_999)
    assert desk.step().offer == 0


def test_a_stop_for_lack_of_current_lasts_the_pause_and_says_so() -> None:
    desk = Desk(EVSE_PAUSE_MS=60_000)
    wish(desk.image, EVSE, 0, 32_000)
    desk.step(10)
    desk.panel[EVSE] = (0, 5_000)
    assert desk.step(21).offer == 0
    desk.panel[EVSE] = (0, 32_000)
    assert desk.step().offer == 0
    assert desk.claim(f.PANEL, EVSE) == (0, 0, f.REASON_PAUSE)
    assert desk.command("CLAIM_VALUE", f.PANEL * f.DEVICES + EVSE) == 57_900
    assert desk.step(578).offer == 0
    assert desk.step().offer == 6_000


@pytest.mark.parametrize("room_ma", [5_900, 6_000])
def test_a_lack_that_is_denied_at_once_lasts_seconds(room_ma: int) -> None:
    """If what it had is there again; a reading may be a spike's, or a motor's at its start."""
    desk = Desk(EVSE_PAUSE_MS=60_000)
    wish(desk.image, EVSE, 0, 32_000)
    desk.step(10)
    desk.panel[EVSE] = (0, 5_000)
    assert desk.step(10).offer == 0
    desk.panel[EVSE] = (0, room_ma)
    assert desk.step(50).offer == 0
    assert desk.step().offer == (6_000 if room_ma >= 6_000 else 0)


def test_no_pause_when_the_wish_itself_was_zero() -> None:
    desk = Desk()
    wish(desk.image, EVSE, 0, 32_000)
    desk.step(10)
    wish(desk.image, EVSE, 0, 0)
    assert desk.step().offer == 0
    wish(desk.image, EVSE, 0, 32_000)
    assert desk.step(29).offer == 0  # steady +12 V for three seconds
    assert desk.step().offer == 6_000


def test_growth_is_slower_than_the_cars_answer() -> None:
    assert growth._RAISE_MS >= 5_000
