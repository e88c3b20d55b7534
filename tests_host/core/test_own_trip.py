# islet: a trip that islet's own power caused is remembered.
# GPL-3.0-or-later
"""A line with resistance, a device that asks for its rating all the time, and GridCode between."""

from __future__ import annotations

import json

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from firmware import image as im
from firmware.core.grid.gridcode import GridCode
from firmware.core.grid.own_trip import OPEN, OwnTrip, share
from tests_host.core.fakes import FakeLimits
from tests_host.core.test_gridcode import FOLDER, load
from tests_host.fields import EVSE, INVERTER, columns

QUICK = (
    Phase.explicit,
    Phase.reuse,
    Phase.generate,
)  # a shrunk case says no more, and takes minutes
RATING_W, RATING_MA = 5_000, 16_000


def remembered(line: Line) -> OwnTrip:
    """What feeding in has done to the voltage."""
    return line.grid._shares[1]._feed  # type: ignore[union-attr]


class Line:
    """`wish`: feed, charge or car."""

    def __init__(self, wish: str, code: str, legs: int, ohm: float, base: float) -> None:
        self.wish, self.legs, self.ohm, self.base = wish, legs, ohm, base
        self.code = json.loads((FOLDER / f"{code}.json").read_text())
        self.nominal_v = 230 if self.code["nominal_mhz"] == 50_000 else 120
        self.image = im.Image()
        load(self.image, code)
        site = self.image.site
        site[im.LEG_COUNT] = site[im.DEVICE_LEGS + INVERTER] = legs
        site[im.DEVICE_NODE + EVSE] = site[im.DEVICE_NODE + INVERTER] = 0
        columns(site)
        site[im.NOMINAL_MV] = self.nominal_v * 1000
        site[im.NOMINAL_MHZ] = self.code["nominal_mhz"]
        site[im.ENTER_DELAY_MS], site[im.ENTER_RAMP_MS] = 5_000, 2_000
        site[im.DEVICE_CHARGE_W + INVERTER] = site[im.DEVICE_DISCHARGE_W + INVERTER] = RATING_W
        site[im.DEVICE_MAX_MA + EVSE] = RATING_MA
        self.image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
        self.grid = GridCode(self.image, FakeLimits(self.image))
        self.power = 0.0  # W, or A per leg
        self.rest_ms = 3_000
        self.grew_ms = 5_000
        self.stops = 0
        self.last: list[float] = [0.0] * 8  # the device answers 0.8 s late
        self.volts = base * self.nominal_v
        self.in_service = False

    @property
    def amps(self) -> float:
        """Per leg, + drawn."""
        if self.wish == "car":
            return self.last[0]
        return self.last[0] / self.legs / self.nominal_v

    def claim(self) -> tuple[int, int]:
        slot = im.GRID_CODE * im.DEVICES + (EVSE if self.wish == "car" else INVERTER)
        return self.image.commands[im.CLAIM_LOW + slot], self.image.commands[im.CLAIM_HIGH + slot]

    def second(self) -> None:
        for _ in range(10):
            self.step()

    def step(self) -> None:
        self.last = [*self.last[1:], self.power]
        self.volts = self.base * self.nominal_v - self.ohm * self.amps
        readings, commands = self.image.readings, self.image.commands
        for leg in range(im.LEGS):
            readings[im.GRID_MV + leg] = round(self.volts * 1000) if leg < self.legs else 0
            readings[im.DEVICE_MA + EVSE * im.LEGS + leg] = (
                round(self.last[0] * 1000) if self.wish == "car" else 0
            )
        readings[im.GRID_MHZ] = self.code["nominal_mhz"]
        readings[im.GRID_AGE_MS] = readings[im.DEVICE_AGE_MS + EVSE] = readings[
            im.DEVICE_AGE_MS + INVERTER
        ] = 0
        readings[im.DEVICE_W + INVERTER] = 0 if self.wish == "car" else round(self.last[0])
        self.grid.step(100)
        served = commands[im.GRID_STATE] == im.GRID_IN_SERVICE
        if self.wish != "car":
            self.stops += self.in_service and not served
        self.in_service = served
        low, high = self.claim()
        if self.wish == "feed":
            self.power = max(low, -RATING_W, self.power - RATING_W / 100)
            self.power = max(self.power, low)
        elif self.wish == "charge":
            self.power = min(high, RATING_W, self.power + RATING_W / 100)
        else:
            self.offer(high)
        commands[im.SETPOINT + INVERTER] = 0 if self.wish == "car" else round(self.power)
        commands[im.SETPOINT + EVSE] = round(self.power * 1000) if self.wish == "car" else 0

    def offer(self, high_ma: int) -> None:
        most = high_ma / 1000 if high_ma >= 6_000 else 0.0
        self.rest_ms += 100
        self.grew_ms += 100
        if most < 6:
            if self.power:
                self.stops += 1
                self.rest_ms = 0
            self.power = 0.0
        elif not self.power:
            if self.rest_ms >= 3_000:
                self.power, self.grew_ms = 6.0, 0
        elif most < self.power:
            self.power = most
        elif self.grew_ms >= 5_000:
            self.power, self.grew_ms = min(most, self.power + 2 / self.legs), 0

    def level(self) -> float:
        """Of the nearest trip row or a load's window, V."""
        over = self.wish == "feed"
        rows = [
            row["permille"]
            for row in self.code["trips"]
            if row["kind"] == ("ov" if over else "uv")
        ]
        return (min([*rows, 1_100]) if over else max([*rows, 800])) / 1000 * self.nominal_v

    def possible(self) -> float:
        """What brings the voltage to its level, W or A per leg."""
        level = self.level()
        amps = abs(self.base * self.nominal_v - level) / self.ohm
        return amps if self.wish == "car" else amps * self.nominal_v * self.legs


CODES = ["en50549", "vde4105", "g99", "default_50hz", "as4777a", "default_60hz", "ieee1547_cat2",
         "ieee1547_cat3", "rule21"]  # fmt: skip


@settings(max_examples=20, deadline=None, phases=QUICK)
@given(
    wish=st.sampled_from(["feed", "charge"]),
    code=st.sampled_from(CODES),
    legs=st.integers(1, 3),
    ohm=st.floats(0.1, 2.5),
    room=st.floats(0.008, 0.12),
)
def test_an_inverter_trips_once_and_then_stays_inside(
    wish: str, code: str, legs: int, ohm: float, room: float
) -> None:
    line = Line(wish, code, legs, ohm, 1.0)
    enter = line.code["enter"]
    level = line.level() / line.nominal_v
    base = level - room if wish == "feed" else level + room
    line.base = min(
        max(base, enter["low_permille"] / 1000 + 0.001), enter["high_permille"] / 1000 - 0.001
    )
    possible = min(line.possible(), RATING_W)
    for _ in range(300):
        line.second()
    assert line.stops <= 2
    least = RATING_W
    stops = line.stops
    for _ in range(150):
        line.second()
        assert (line.volts - line.level()) * (1 if wish == "feed" else -1) < 0.1
        least = min(least, abs(line.power))
    assert line.stops == stops
    assert abs(line.power) >= 0.45 * possible
    if abs(line.power) < 0.95 * RATING_W:
        slot = im.GRID_CODE * im.DEVICES + INVERTER
        why = im.CLAIM_LOW_REASON if wish == "feed" else im.CLAIM_REASON
        assert line.image.commands[why + slot] == im.REASON_OWN_TRIP


@settings(max_examples=20, deadline=None, phases=QUICK)
@given(
    code=st.sampled_from(CODES),
    legs=st.integers(1, 3),
    ohm=st.floats(0.1, 3.5),
    base=st.floats(0.93, 1.05),
)
def test_a_car_stops_once_and_then_stays_inside(
    code: str, legs: int, ohm: float, base: float
) -> None:
    line = Line("car", code, legs, ohm, base)
    possible = min(line.possible(), RATING_MA / 1000)
    for _ in range(330):
        line.second()
    assert line.stops <= (1 if possible >= 8.5 else 2)
    if possible >= 8.5:
        for _ in range(200):
            line.second()
            assert line.volts > line.level() - 0.1
        assert line.stops <= 1
        assert line.power >= max(6.0, 0.7 * possible)
    else:
        for _ in range(600):
            line.second()
        assert line.stops <= 3, "each time later"


@pytest.mark.parametrize(("wish", "base"), [("feed", 1.0), ("charge", 1.0), ("car", 1.0)])
def test_a_trip_that_was_the_grids_own_costs_minutes(wish: str, base: float) -> None:
    line = Line(wish, "en50549", 3, 0.2, base)
    for _ in range(120):
        line.second()
    line.base = 1.13 if wish == "feed" else 0.83
    for _ in range(5):
        line.second()
    line.base = base
    for _ in range(180):
        line.second()
    full = RATING_MA / 1000 if wish == "car" else RATING_W
    assert abs(line.power) >= 0.95 * full


def test_it_grows_back_when_the_line_gets_better_and_is_forgotten_at_last() -> None:
    line = Line("feed", "en50549", 3, 1.0, 1.085)
    for _ in range(300):
        line.second()
    assert 1_500 <= -line.power <= 2_650
    line.base = 1.02
    for _ in range(400):
        line.second()
    assert -line.power >= 0.98 * RATING_W
    assert remembered(line).active
    remembered(line)._quiet_ms += 7_190_000
    for _ in range(20):
        line.second()
    assert not remembered(line).active
    assert line.stops == 1


def test_it_steps_back_when_the_line_gets_worse() -> None:
    line = Line("feed", "en50549", 3, 1.0, 1.075)
    for _ in range(300):
        line.second()
    stops = line.stops
    for _ in range(30):
        line.base += 0.0007
        for _ in range(20):
            line.second()
    assert line.stops == stops
    assert -line.power < 2_000


@settings(max_examples=300)
@given(
    power=st.integers(0, 1_000_000),
    mv=st.integers(-60_000, 60_000),
    of_mv=st.integers(690, 300_000),
)
def test_share_stays_within_thirty_bits(power: int, mv: int, of_mv: int) -> None:
    value = share(power, mv, of_mv)
    assert abs(value) < 2**30
    assert value == pytest.approx(power * mv / of_mv, abs=2_000 + power * 0.002)


def test_without_a_trip_nothing_is_held_back() -> None:
    own = OwnTrip()
    own.step(100, False, 5_000, 5_000, 0, False, 250_000, 253_000, 230_000, 7_000)
    assert own.most == OPEN and not own.active
