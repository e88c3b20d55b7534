"""What the rooms' small state begins anew, and the very edge of what a witness allows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from firmware import image as f
from firmware.core import Core
from firmware.core.limits.growth import Offer
from firmware.core.limits.seen import Seen
from firmware.core.panel.layout import FRESH
from tests_host.core.builders import healthy, put
from tests_host.core.disobedience import ABOVE, CONTACTOR, OWN, STEP_MS, VOLTS
from tests_host.core.test_obedience import settled
from tests_host.fields import EVSE, INVERTER

# --- obedience ----------------------------------------------------------------------------------


def test_a_persons_word_begins_the_count_anew() -> None:
    """Acknowledged twice, a third one is a first again: it is tried after the short pause."""
    plant = settled(OWN, 300, 0)
    plant.habit = lambda told: 4_000
    for _ in range(2):
        plant.until_off()
        plant.image.requests[f.ACKNOWLEDGE_SEQ] += 1
        plant.run(500)
        assert plant.enabled
    plant.until_off()
    plant.habit = lambda told: told
    plant.run(302_000, 1_000)
    assert plant.enabled and not plant.faults


def test_a_circuit_that_moves_tells_nothing_of_its_enable() -> None:
    """Overloaded by loads that come and go each two seconds: what fell with the enable would be
    theirs; steady for 2.5 s, it is asked."""
    plant = settled(ABOVE, 300, 0)
    limit_w = 3 * plant.site[f.NODE_RATING_MA] // 1000 * VOLTS
    for more_w in (600, 1_600) * 10:
        plant.house_w = limit_w + more_w
        plant.run(2_000)
        assert plant.enabled
    assert plant.until_off() <= 5_000


@pytest.mark.parametrize("lacks_ms", [1, 0])
def test_the_switch_opens_once_its_open_contactor_proved_of_no_use(lacks_ms: int) -> None:
    """2 s and the witness's age after the contactor opened, power still flows."""
    plant = settled(CONTACTOR, 300, -2_000)
    follower = plant.core.obedience.rows[0]
    plant.site[f.ISLAND_CAPABLE] = 1
    follower.faults, follower._live_ms = f.FAULT_ENABLE, STEP_MS
    follower._open_ms = 2_000 + follower.seen.age_ms - lacks_ms
    follower._bar(True)
    assert follower.dark == (lacks_ms == 0)


def test_the_switch_opens_at_once_where_its_contactor_is_known_to_be_welded() -> None:
    plant = settled(CONTACTOR, 300, -2_000)
    follower = plant.core.obedience.rows[0]
    plant.site[f.ISLAND_CAPABLE] = 1
    follower.faults, follower._live_ms, follower._open_ms = f.FAULT_ENABLE, STEP_MS, 0
    follower._bar(True)
    assert not follower.dark
    plant.image.commands[f.POINT_CONTACTOR_STATE] = f.CONTACTOR_FAULT
    follower._bar(True)
    assert follower.dark


@pytest.mark.parametrize("age_ms", [300, 1_500])
def test_power_without_enable_is_a_fault_once_its_witness_is_of_well_after(age_ms: int) -> None:
    """2 s, the witness's age, and seen in two steps."""
    plant = settled(OWN, 300, 0)
    follower: Any = plant.core.obedience.rows[0]
    follower.seen = SimpleNamespace(age_ms=age_ms, runs=lambda: True)
    for ms in range(0, 2_000 + age_ms, STEP_MS):
        follower._watch_enable(False, STEP_MS)
        assert not follower.faults, ms
    follower._watch_enable(False, STEP_MS)
    assert follower.faults == f.FAULT_ENABLE


# --- witnesses ----------------------------------------------------------------------------------


def seen_of(image, metered: tuple[int, ...]) -> Seen:  # type: ignore[no-untyped-def]
    panel = SimpleNamespace(
        plan=[],
        witness=None,
        metered=lambda node: node in metered,
        state=lambda node: FRESH,
        sources_ma=lambda node: 0,
    )
    seen = Seen(image, panel, INVERTER)
    image.latch()
    seen.look(STEP_MS)
    return seen


@pytest.mark.parametrize("below", [False, True])
def test_a_meter_is_its_own_only_where_nothing_else_hangs_below(below: bool) -> None:
    image = healthy(NODE_COUNT=5, NODE_PARENT=(-1, 0, 0, 0, 2 if below else 0))
    image.site[f.DEVICE_NODE + INVERTER] = 2
    assert seen_of(image, (0, 2)).measured() != below


def test_all_other_devices_below_the_circuit_are_taken_off() -> None:
    """A car and two converters, 1 and 2 kW: what is left is the one that is asked of."""
    image = healthy()
    for row, w in ((2, 1_000), (3, 2_000)):
        put(image.site, **{f"DEVICE_NODE[{row}]": 2, f"DEVICE_KIND[{row}]": f.KIND_CONVERTER})
        put(image.live, **{f"DEVICE_W[{row}]": w, f"DEVICE_AGE_MS[{row}]": 0})
    put(image.live, NODE_W=(1_500, 1_500, 1_500))
    assert seen_of(image, (0,)).above_w() == 1_500


@pytest.mark.parametrize("more_ma", [0, 1])
def test_a_contactors_current_is_within_to_its_last_ma(more_ma: int) -> None:
    """3 kW on three legs of 230 V, half an ampere, and 2 % for the instrument."""
    image = healthy(TOPOLOGY=2, EVSE_NODE=2, EVSE_LEGS=3)
    w = 3_000 + max(100, 5_000 * 3 // 100)  # with the tolerance
    most_ma = w // 3 * 1000 // 230 + 500
    most_ma += most_ma * 20 // 1000
    put(image.live, POINT_MA=(0, most_ma + more_ma, 0), POINT_MA_AGE_MS=0)
    put(image.live, INVERTER_AGE_MS=60_000)
    assert seen_of(image, ()).outside(-3_000, 3_000) == bool(more_ma)


@pytest.mark.parametrize(("last_w", "runs"), [(-2_000, True), (-100, False), (100, False)])
def test_a_silent_one_runs_by_its_last_word_that_it_delivered(last_w: int, runs: bool) -> None:
    """Where the house delivers now."""
    image = healthy()
    put(image.live, INVERTER_W=last_w, INVERTER_AGE_MS=60_000, NODE_W=(-700, -700, -700))
    assert seen_of(image, (0,)).runs() == runs


@pytest.mark.parametrize(("w", "rests"), [(150, True), (151, False), (-150, True), (-151, False)])
def test_what_it_says_is_rest_within_its_tolerance(w: int, rests: bool) -> None:
    """3 % of 5 kW."""
    image = healthy()
    put(image.live, INVERTER_W=w)
    assert seen_of(image, (0,)).rests_by_its_word() == rests


# --- a source -----------------------------------------------------------------------------------


@pytest.mark.parametrize("age_ms", [2_000, 2_001])
def test_a_silent_source_is_asked_for_nothing(age_ms: int) -> None:
    image = healthy()
    put(image.site, **{f"DEVICE_KIND[{INVERTER}]": f.KIND_SOURCE})
    put(image.live, INVERTER_AGE_MS=age_ms)
    image.latch()
    Core(image).step(STEP_MS)
    at = f.HARDWARE * f.DEVICES + INVERTER
    silent = image.commands[f.CLAIM_REASON + at] == f.REASON_DEVICE_SILENT
    assert silent == (age_ms > 2_000)


# --- an offer -----------------------------------------------------------------------------------


class Claims:
    left_ms = 0

    def claim(self, *claim: int) -> None:
        self.left_ms = claim[-1]


def test_sight_that_comes_and_goes_waits_its_whole_time_again() -> None:
    """Fresh for 3 s, gone for one, fresh again: 5 s from then on, not two."""
    image = healthy()
    offer, claims = Offer(image, EVSE), Claims()
    commands, slot = image.commands, f.PANEL * f.DEVICES + EVSE

    def run(ms: int, blind: bool) -> None:
        commands[f.CLAIM_HIGH + slot] = 0 if blind else 32_000
        commands[f.CLAIM_REASON + slot] = f.REASON_METER_STALE if blind else f.REASON_BREAKER
        for _ in range(ms // STEP_MS):
            claims.left_ms = 0
            offer.claim_pause(STEP_MS, claims)

    run(60_000, blind=False)
    commands[f.SETPOINT + EVSE] = 16_000
    run(STEP_MS, blind=True)
    commands[f.SETPOINT + EVSE] = 0
    run(2_000, blind=True)
    run(3_000, blind=False)
    assert claims.left_ms > 0
    left_ms = claims.left_ms
    run(1_000, blind=True)
    run(STEP_MS, blind=False)
    assert claims.left_ms >= left_ms + 2_000


@pytest.mark.parametrize("refuses", [None, f.HARDWARE, f.MARKET])
def test_a_stop_is_for_want_of_current_by_the_devices_own_claims(refuses: int | None) -> None:
    """Whatever the others' are."""
    image, row = healthy(), 2
    put(image.site, **{f"DEVICE_NODE[{row}]": 1, f"DEVICE_KIND[{row}]": f.KIND_CHARGER})
    put(image.site, **{f"DEVICE_LEGS[{row}]": 3})
    for source in (f.HARDWARE, f.MARKET):
        for device in range(f.DEVICES):
            would = (source != refuses) == (device == row)
            image.commands[f.CLAIM_HIGH + source * f.DEVICES + device] = 16_000 if would else 0
    image.commands[f.CLAIM_HIGH + f.PANEL * f.DEVICES + row] = 3_000
    assert Offer(image, row)._lacks_current() == (refuses is None)
