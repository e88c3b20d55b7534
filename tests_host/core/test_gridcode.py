# islet: grid codes as data, and the grid-side state machine.
# GPL-3.0-or-later
from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import image as im
from firmware.core.grid.gridcode import GridCode
from tests_host.core.fakes import FakeLimits
from tests_host.fields import EVSE, INVERTER, columns
from tools.pack.gridcodes import pack

FOLDER = Path(__file__).resolve().parents[2] / "firmware" / "gridcodes"
CODES = sorted(path.stem for path in FOLDER.glob("*.json"))


def document(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.json").read_text())


def load(image: im.Image, name: str) -> None:
    """Copy a packed code into the site, as config does."""
    packed = pack(document(name))
    numbers = struct.unpack(f"<{len(packed) // 4}i", packed)
    image.site[im.TRIP_KIND : im.TRIP_KIND + len(numbers)] = type(image.site)("i", numbers)


class Grid:
    """A GridCode behind a grid that a test can bend."""

    def __init__(self, code: str = "en50549", legs: int = 3) -> None:
        self.image = im.Image()
        load(self.image, code)
        site = self.image.site
        site[im.LEG_COUNT] = legs
        site[im.DEVICE_NODE + EVSE] = site[im.DEVICE_NODE + INVERTER] = 0
        columns(site)
        site[im.DEVICE_CHARGE_W + INVERTER] = 6_000
        site[im.DEVICE_DISCHARGE_W + INVERTER] = 5_000
        site[im.DEVICE_MAX_MA + EVSE] = 16_000
        self.image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
        self.room = GridCode(self.image, FakeLimits(self.image))
        self.set(230_000, 50_000)

    def set(self, mv: int, mhz: int | None = None, leg: int | None = None) -> None:
        for at in range(im.LEGS) if leg is None else (leg,):
            self.image.readings[im.GRID_MV + at] = mv
        if mhz is not None:
            self.image.readings[im.GRID_MHZ] = mhz
        self.image.readings[im.GRID_AGE_MS] = 0

    def run(self, ms: int, dt_ms: int = 100) -> int:
        for _ in range(ms // dt_ms):
            self.room.step(dt_ms)
        return self.state

    @property
    def state(self) -> int:
        return self.image.commands[im.GRID_STATE]

    def claim(self, device: int) -> tuple[int, int]:
        slot = im.GRID_CODE * im.DEVICES + device
        return self.image.commands[im.CLAIM_LOW + slot], self.image.commands[im.CLAIM_HIGH + slot]

    def serve(self) -> None:
        assert self.run(self.image.site[im.ENTER_DELAY_MS] + 200) == im.GRID_IN_SERVICE


# --- the state --------------------------------------------------------------------------------


def test_unknown_dead_waiting_in_service() -> None:
    grid = Grid()
    grid.image.readings[im.GRID_AGE_MS] = im.AGE_MAX_MS
    assert grid.run(1_000) == im.GRID_UNKNOWN
    grid.set(0, 0)
    assert grid.run(100) == im.GRID_DEAD
    grid.set(230_000, 50_000)
    assert grid.run(60_000) == im.GRID_WAITING
    assert grid.image.commands[im.GRID_REMAIN_MS] <= 100
    assert grid.run(200) == im.GRID_IN_SERVICE


def test_an_excursion_restarts_the_delay() -> None:
    grid = Grid()
    grid.run(59_000)
    grid.set(255_000, leg=1)
    grid.run(100)
    assert grid.image.commands[im.GRID_REMAIN_MS] == 60_000
    grid.set(230_000)
    assert grid.run(59_900) == im.GRID_WAITING
    grid.run(400)
    assert grid.state == im.GRID_IN_SERVICE


def test_an_excursion_below_50_ms_only_pauses_it() -> None:
    grid = Grid()
    grid.run(50_000)
    grid.set(255_000)
    grid.run(40, dt_ms=10)
    grid.set(230_000)
    grid.run(100)
    assert grid.state == im.GRID_WAITING
    assert grid.image.commands[im.GRID_REMAIN_MS] <= 10_000


@pytest.mark.parametrize("leg", range(3))
def test_loss_of_a_single_leg_trips(leg: int) -> None:
    grid = Grid()
    grid.serve()
    grid.set(0, leg=leg)
    assert grid.run(200) == im.GRID_IN_SERVICE, "riding through"
    assert grid.run(100) == im.GRID_WAITING, "0.70 Un for 0.2 s: power ends"
    assert grid.claim(INVERTER) == (0, 0)
    assert grid.run(100) == im.GRID_ABNORMAL, "0.05 Un for 0.25 s: and so may the enable"


def test_an_unused_leg_does_not_count() -> None:
    grid = Grid(legs=1)
    grid.set(0, leg=1)
    grid.set(0, leg=2)
    grid.serve()


def test_ride_through_keeps_service_and_claims() -> None:
    grid = Grid("ieee1547_cat3")
    grid.image.site[im.LEG_COUNT] = 1
    grid.set(230_000, 60_000)
    grid.serve()
    grid.run(400_000)
    before = grid.claim(INVERTER)
    grid.set(0, 0)
    assert grid.run(1_000) == im.GRID_IN_SERVICE, "momentary cessation lasts 1 s"
    assert grid.claim(INVERTER) == before
    grid.set(230_000, 60_000)
    assert grid.run(1_000) == im.GRID_IN_SERVICE
    grid.set(0, 0)
    assert grid.run(1_300) == im.GRID_DEAD


@pytest.mark.parametrize("row", range(9))
def test_every_trip_row_counts_after_its_time_and_not_before(row: int) -> None:
    grid = Grid()
    site = grid.image.site
    grid.serve()
    kind, level = site[im.TRIP_KIND + row], site[im.TRIP_LEVEL + row]
    time_ms = site[im.TRIP_TIME_MS + row]
    for other in range(im.GRID_TRIPS):
        if other != row:
            site[im.TRIP_KIND + other] = 0
    if kind in (im.GRID_OV, im.GRID_UV):
        grid.set(230 * level + (2_000 if kind == im.GRID_OV else -2_000))
    else:
        grid.set(230_000, level + (20 if level > 50_000 else -20))
    if kind not in (im.GRID_OV, im.GRID_UV):
        time_ms = max(time_ms, 200)  # nothing changes for a frequency sooner
    # the first reading beyond may begin anywhere: it counts as no time at all
    assert grid.run(time_ms - time_ms % 100) == im.GRID_IN_SERVICE
    grid.run(200)
    assert grid.state != im.GRID_IN_SERVICE
    assert grid.claim(INVERTER) == (0, 0)


# --- claims -----------------------------------------------------------------------------------


def test_claims_follow_the_state_with_their_reasons() -> None:
    grid = Grid()
    commands, slot = grid.image.commands, im.GRID_CODE * im.DEVICES + INVERTER
    grid.run(100)
    assert grid.claim(INVERTER) == (0, 0) and grid.claim(EVSE) == (0, 16_000)
    assert commands[im.CLAIM_REASON + slot] == im.REASON_GRID_WAIT
    assert commands[im.CLAIM_VALUE + slot] == commands[im.GRID_REMAIN_MS]
    grid.set(0, 0)
    grid.run(400)
    assert grid.claim(INVERTER) == (0, 0) and grid.claim(EVSE) == (0, 0)
    assert commands[im.CLAIM_REASON + slot] == im.REASON_GRID_ABNORMAL


def test_discharge_ramps_and_charging_does_not_wait_for_it() -> None:
    grid = Grid()
    commands, slot = grid.image.commands, im.GRID_CODE * im.DEVICES + INVERTER
    grid.serve()
    low, high = grid.claim(INVERTER)
    assert -50 <= low <= 0 and high == 6_000
    assert commands[im.CLAIM_LOW_REASON + slot] == im.REASON_GRID_RAMP
    grid.run(grid.image.site[im.ENTER_RAMP_MS] // 2)
    assert -2_550 <= grid.claim(INVERTER)[0] <= -2_450
    grid.run(grid.image.site[im.ENTER_RAMP_MS] // 2 + 1_000)
    assert grid.claim(INVERTER) == (-5_000, 6_000)


def test_a_load_may_stay_on_between_window_and_trip_levels() -> None:
    grid = Grid("default_50hz")
    grid.set(230_000, 49_850)
    assert grid.run(100) == im.GRID_ABNORMAL
    assert grid.claim(EVSE) == (0, 16_000)
    grid.set(180_000)
    grid.run(1_500)
    assert grid.claim(EVSE) == (0, 16_000), "0.85 Un for 1.5 s"
    grid.run(100)
    assert grid.claim(EVSE) == (0, 0)


def test_islanded_the_grid_is_still_watched_and_the_delay_starts_anew_after_closing() -> None:
    """INV-7: the full enter-service delay governs the sources after the switch has closed."""
    grid = Grid()
    commands, slot = grid.image.commands, im.GRID_CODE * im.DEVICES + EVSE
    commands[im.ISLAND_STATE] = im.ISLAND_ISLANDED
    grid.serve()
    assert grid.claim(INVERTER) == (-5_000, 6_000) and grid.claim(EVSE) == (0, 0)
    assert commands[im.CLAIM_REASON + slot] == im.REASON_ISLAND
    grid.set(0, 0)
    assert grid.run(100) == im.GRID_DEAD, "no ride-through while the house is apart"
    grid.set(230_000, 50_000)
    grid.serve()
    commands[im.ISLAND_STATE] = im.ISLAND_CLOSING
    grid.run(300)
    assert grid.claim(INVERTER) == (0, 0)
    commands[im.ISLAND_STATE] = im.ISLAND_GRID
    grid.run(100)
    assert grid.state == im.GRID_WAITING and commands[im.GRID_REMAIN_MS] >= 59_900


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 20_000, 150_000, 200_000, 230_000, 252_000, 256_000, 280_000]),
            st.sampled_from([0, 47_000, 49_400, 50_000, 50_300, 53_000]),
            st.integers(1, 40),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_never_in_service_without_an_uninterrupted_delay(
    stretches: list[tuple[int, int, int, bool]],
) -> None:
    grid = Grid("vde4105")
    site = grid.image.site
    site[im.ENTER_DELAY_MS] = 2_000
    inside_ms = 0
    before = im.GRID_UNKNOWN
    for mv, mhz, steps, stale in [(230_000, 50_000, 25, False), *stretches]:
        for _ in range(steps):
            grid.set(mv, mhz)
            grid.image.readings[im.GRID_AGE_MS] = im.AGE_MAX_MS if stale else 0
            grid.run(100)
            good = 195_500 <= mv <= 253_000 and 47_500 <= mhz <= 50_100 and not stale
            inside_ms = inside_ms + 100 if good else 0
            if grid.state == im.GRID_IN_SERVICE and before != im.GRID_IN_SERVICE:
                assert inside_ms >= 2_000
            if grid.state != im.GRID_IN_SERVICE:
                assert grid.claim(INVERTER) == (0, 0)
            if stale:
                assert grid.state == im.GRID_UNKNOWN
            before = grid.state
