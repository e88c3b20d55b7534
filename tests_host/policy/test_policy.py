"""The owner's goals, and that the loop through a late meter and a late inverter settles."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import image as im
from firmware.people import asked
from firmware.policy import GOALS, Policy
from firmware.policy.takers import WHY_METER
from tests_host.conftest import ROOT, RunDevice
from tests_host.fields import columns

EVSE, INVERTER = 0, 1
NAMES = ("evse", "inverter")

OWNER = {
    "owner.goal": "hold",
    "owner.charge_a": 16,
    "owner.charge_w": 3000,
    "owner.discharge_w": 2500,
    "owner.sun_start_s": 60,
    "owner.sun_stop_s": 180,
    "owner.sun_start_w": 0,
    "owner.sun_stop_w": 0,
}


def site(legs: int = 1) -> im.Image:
    """A house with meter, car and battery, all quiet, battery at half charge."""
    image = im.Image()
    image.site[im.LEG_COUNT] = legs
    image.site[im.NODE_COUNT] = 3
    image.site[im.NODE_RATING_MA] = 25_000
    image.site[im.DEVICE_NODE + EVSE] = 1
    image.site[im.DEVICE_LEGS + EVSE] = legs
    image.site[im.DEVICE_MAX_MA + EVSE] = 16_000
    image.site[im.DEVICE_NODE + INVERTER] = 2
    image.site[im.DEVICE_LEGS + INVERTER] = legs
    image.site[im.DEVICE_CHARGE_W + INVERTER] = 5000
    image.site[im.DEVICE_DISCHARGE_W + INVERTER] = 5000
    columns(image.site)
    image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
    readings = image.readings
    readings[im.NODE_AGE_MS] = readings[im.DEVICE_AGE_MS + INVERTER] = readings[
        im.DEVICE_SOC_AGE_MS + INVERTER
    ] = 500
    readings[im.DEVICE_AGE_MS + EVSE] = 0
    readings[im.DEVICE_SOC_PERMILLE + INVERTER] = 500
    image.requests[im.RESERVE_PERMILLE] = 300
    return image


def policy(image: im.Image, goal: str, **owner: int) -> Policy:
    extra = {"owner." + key: value for key, value in owner.items()}
    return Policy(image, {**OWNER, "owner.goal": goal, **extra}, NAMES)


def wish(image: im.Image, device: int) -> tuple[int, int, int]:
    r = image.requests
    return r[im.MARKET_LOW + device], r[im.MARKET_HIGH + device], r[im.MARKET_TTL_MS + device]


def car(image: im.Image) -> tuple[int, int, int]:
    return wish(image, EVSE)


def battery(image: im.Image) -> tuple[int, int, int]:
    return wish(image, INVERTER)


def test_goals_are_those_of_the_commands() -> None:
    assert tuple(row[0] for row in GOALS) == asked.GOALS


def test_hold_charge_and_discharge() -> None:
    image = site()
    p = policy(image, "hold")
    p.step(1000)
    assert car(image) == (0, 0, 5000)
    assert battery(image) == (0, 0, 5000)
    p.set_goal("charge")
    p.step(1000)
    assert car(image) == (0, 16_000, 5000)
    assert battery(image) == (3000, 3000, 5000)
    p.set_goal("discharge")
    p.step(1000)
    assert car(image)[:2] == (0, 0)
    assert battery(image)[:2] == (-2500, -2500)


def test_every_step_says_it_again() -> None:
    image = site()
    p = policy(image, "hold")
    p.step(1000)
    before = image.requests[im.MARKET_SEQ + INVERTER]
    p.step(1000)
    assert image.requests[im.MARKET_SEQ + INVERTER] == before + 1


def test_unknown_goal_names_the_choices() -> None:
    with pytest.raises(ValueError, match="goal: loud is not one of hold, charge, solar"):
        policy(site(), "hold").set_goal("loud")


def test_solar_starts_late_follows_and_stops_later() -> None:
    image = site()
    p = policy(image, "solar")
    image.readings[im.NODE_W] = -2300  # ten amperes to spare
    for _ in range(59):
        p.step(1000)
    assert car(image)[1] == 0
    assert battery(image)[0] == 2300  # the battery takes it meanwhile
    for _ in range(2):
        p.step(1000)
    assert car(image)[1] == 10_000
    # the car now takes it: the meter reads zero, the surplus is still there for the car
    image.readings[im.NODE_W] = 0
    image.readings[im.DEVICE_MA + EVSE * im.LEGS] = 10_000
    for _ in range(30):
        p.step(1000)
    assert car(image)[1] == 10_000
    assert battery(image)[0] == 0
    image.readings[im.NODE_W] = 1380  # a cloud: the car's ten amperes, and only 4 A of sun
    for _ in range(170):
        p.step(1000)
    assert car(image)[1] == 6_000  # held at the minimum, not switched off and on
    for _ in range(30):
        p.step(1000)
    assert car(image)[1] == 0


def test_self_covers_the_house_but_not_the_car() -> None:
    image = site()
    p = policy(image, "self")
    image.readings[im.NODE_W] = 800 + 2300
    image.readings[im.DEVICE_MA + EVSE * im.LEGS] = 10_000
    for _ in range(30):
        p.step(1000)
    assert battery(image)[0] == -800
    assert car(image)[1] == 16_000


@pytest.mark.parametrize("goal", ["solar", "self"])
def test_stale_meter_means_no_wish(goal: str) -> None:
    """INV-4 (the polite part): a goal that needs the meter says nothing without it."""
    image = site()
    p = policy(image, goal)
    image.readings[im.NODE_W] = -3000
    for _ in range(100):
        p.step(1000)
    assert battery(image)[0] > 0 or goal == "solar"
    image.readings[im.NODE_AGE_MS] = 2001
    p.step(1000)
    assert battery(image) == (0, 0, 0)
    if goal == "solar":
        assert car(image) == (0, 0, 0)
    image.readings[im.NODE_AGE_MS] = 100
    p.step(1000)
    assert battery(image)[2] == 5000  # and comes back by itself


def test_reserve_is_respected_with_a_band() -> None:
    """INV-11, the polite part: core guarantees it."""
    image = site()
    p = policy(image, "discharge")
    for soc, expected in ((301, -2500), (300, 0), (310, 0), (319, 0), (320, -2500), (-1, 0)):
        image.readings[im.DEVICE_SOC_PERMILLE + INVERTER] = soc
        p.step(1000)
        assert battery(image)[0] == expected, soc
    image.readings[im.DEVICE_SOC_PERMILLE + INVERTER] = 900
    image.readings[im.DEVICE_SOC_AGE_MS + INVERTER] = 120_001
    p.step(1000)
    assert battery(image)[0] == 0


def test_wish_by_hand_expires_and_a_new_goal_ends_it() -> None:
    image = site()
    p = policy(image, "hold")
    p.set_wish(INVERTER, 1500, 3000)
    p.set_wish(EVSE, 7000, 60_000)
    p.step(1000)
    assert (battery(image)[0], car(image)[1]) == (1500, 7000)
    assert p.state()["wishes"] == {
        "evse": {"value": 7000, "left_s": 59, "only_takes_away": False},
        "inverter": {"value": 1500, "left_s": 2, "only_takes_away": False},
    }
    p.step(1000)
    p.step(1000)
    assert (battery(image)[0], car(image)[1]) == (0, 7000)
    p.set_goal("hold")
    p.step(1000)
    assert car(image)[1] == 0


def test_a_goal_of_standing_still_is_no_leave_to_relieve_an_overload() -> None:
    """Who allows that, allows it by `relieves` (core/panel/relief.py)."""
    image = site()
    p = policy(image, "hold")
    image.readings[im.NODE_MA] = 30_000
    image.readings[im.NODE_W] = 6900
    p.step(1000)
    assert battery(image)[:2] == (0, 0)


def test_nothing_is_wished_while_islanded() -> None:
    image = site()
    p = policy(image, "charge")
    image.commands[im.ISLAND_STATE] = im.ISLAND_ISLANDED
    image.readings[im.DEVICE_W + INVERTER] = -700
    p.step(1000)
    assert (car(image), battery(image)) == ((0, 0, 0), (0, 0, 0))
    assert p.state()["house_w"] == 700, "what it carries is known all the same"


def balance(load_w: int, meter_s: int, reading_s: int, response_s: int, p: Policy) -> list[int]:
    """Grid power per second, with everything late by whole seconds."""
    image = p.image
    inverter: deque[int] = deque([0] * (response_s + 1), response_s + 1)
    meter: deque[int] = deque([0] * (meter_s + 1), meter_s + 1)
    reading: deque[int] = deque([0] * (reading_s + 1), reading_s + 1)
    grid = []
    for _ in range(120):
        meter.append(load_w + inverter[0])
        reading.append(inverter[0])
        grid.append(meter[-1])
        image.readings[im.NODE_W] = meter[0]
        image.readings[im.DEVICE_W + INVERTER] = reading[0]
        p.step(1000)
        inverter.append(battery(image)[0])
    return grid


@given(
    st.integers(-4500, 4500),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(0, 2),
)
@settings(max_examples=150, deadline=None)
def test_zero_export_settles_with_a_late_meter(load: int, meter: int, inv: int, late: int) -> None:
    grid = balance(load, meter, inv, late, policy(site(), "self"))
    assert all(abs(w) <= 60 for w in grid[-30:]), grid
    assert max(abs(w) for w in grid) <= 1.6 * abs(load) + 10


def test_the_check_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """With unity gain the same house swings: the test above sees it."""
    monkeypatch.setattr("firmware.policy.balance._GAIN", 1)
    grid = balance(4000, 2, 0, 2, policy(site(), "self"))
    assert max(abs(w) for w in grid[-30:]) > 60


def test_the_same_on_micropython(run_device: RunDevice) -> None:
    script = (ROOT / "tests_host/policy/device/goals.py").read_text()
    namespace: dict[str, list[int]] = {}
    exec(script, namespace)
    assert run_device(script).split() == [str(n) for n in namespace["said"]]


@pytest.mark.parametrize("pilot", [im.PILOT_B, im.PILOT_C, im.PILOT_DIODE])
def test_an_authorisation_ends_with_its_session(pilot: int) -> None:
    """INV-1, INV-8: the next car needs its own."""
    image = site()
    owner = policy(image, "charge")
    image.requests[im.POINT_AUTHORISED] = 1
    for state in (im.PILOT_A, pilot, im.PILOT_UNKNOWN, pilot):
        image.commands[im.POINT_PILOT_STATE] = state
        owner.step(1000)
        assert image.requests[im.POINT_AUTHORISED]
    image.commands[im.POINT_PILOT_STATE] = im.PILOT_A
    owner.step(1000)
    assert not image.requests[im.POINT_AUTHORISED]
    image.requests[im.POINT_AUTHORISED] = 1
    owner.step(1000)
    assert image.requests[im.POINT_AUTHORISED], "the next user, before plugging in"


@pytest.mark.parametrize("topology", [1, 2])
def test_an_unplugging_between_two_looks_ends_it_as_well(topology: int) -> None:
    """INV-8: 150 ms are seen by the count alone; what is given after it stays."""
    image = site()
    columns(image.site, topology=topology)
    (
        image.readings[im.DEVICE_PLUGGED + INVERTER],
        image.readings[im.DEVICE_AGE_MS + INVERTER],
    ) = 1, 0
    owner = policy(image, "charge")
    image.commands[im.POINT_PILOT_STATE] = im.PILOT_C if topology == 1 else im.PILOT_UNKNOWN
    for count in (0, 1, 2):
        image.commands[im.POINT_UNPLUGS] = count
        owner.step(1000)
        assert not image.requests[im.POINT_AUTHORISED]
        image.requests[im.POINT_AUTHORISED], image.requests[im.POINT_AUTHORISED_FOR] = 1, count
        owner.step(1000)
        assert image.requests[im.POINT_AUTHORISED]


def test_an_authorisation_nobody_uses_lapses() -> None:
    """INV-8: a permissive request expires."""
    image = site()
    owner = policy(image, "charge")
    image.commands[im.POINT_PILOT_STATE] = im.PILOT_A
    image.requests[im.POINT_AUTHORISED] = 1
    for _ in range(300):
        owner.step(1000)
    assert image.requests[im.POINT_AUTHORISED]
    owner.step(1000)
    assert not image.requests[im.POINT_AUTHORISED]


def gateway(goal: str) -> Policy:
    """A gateway behind a contactor: one wire, which the point's transformers see as well."""
    image = site()
    columns(image.site, topology=2)
    return policy(image, goal)


@pytest.mark.parametrize("house_w", [-3000, 2400])
def test_a_gateway_behind_a_contactor_counts_once(house_w: int) -> None:
    """What it draws or delivers is in the meter once, and so in the balance."""
    p = gateway("self")
    image = p.image
    drawn_w = 0
    for _ in range(40):
        image.readings[im.NODE_W] = house_w + drawn_w
        image.readings[im.DEVICE_W + INVERTER] = drawn_w
        witness_ma = abs(drawn_w) * 1000 // 230
        image.readings[im.POINT_MA] = image.readings[im.DEVICE_MA + EVSE * im.LEGS] = witness_ma
        p.step(1000)
        drawn_w = battery(image)[0]
    assert drawn_w == -house_w
    assert car(image) == (0, 0, 0), "the row before it is none of its"


def test_whether_anything_feeds_in_is_said() -> None:
    """Nobody measures the sun, so the house is less that."""
    image = site()
    p = policy(image, "self")
    assert p.state()["sources"] is False
    image.site[im.NODE_SOURCE_MA + 2] = 10_000
    assert p.state()["sources"] is True
    image.site[im.NODE_SOURCE_MA + 2] = 0
    image.site[im.DEVICE_KIND + INVERTER] = im.KIND_SOURCE
    assert p.state()["sources"] is True


def test_a_silent_device_is_not_guessed() -> None:
    """Nobody knows what is left over beside one whose draw nobody knows."""
    image = site()
    p = policy(image, "self")
    image.readings[im.DEVICE_AGE_MS + EVSE] = 2001
    p.step(1000)
    assert battery(image) == (0, 0, 0)
    assert p.image.requests[im.MARKET_WHY + INVERTER] == WHY_METER
