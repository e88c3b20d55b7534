"""The published state: complete, JSON, in units, and the sentence that matters first."""

from __future__ import annotations

import json

import pytest

from firmware import image as im
from firmware.people import rows, words
from firmware.people.state import State, raw, wall_text
from firmware.policy.takers import WHY_NAMES
from tests_host.conftest import RunDevice
from tests_host.net.small_site import claim, names_of

EVSE, INVERTER = 0, 1


def state_of(image: im.Image, errors: tuple[str, ...] = ()) -> State:
    return State(image, "home", names_of(image), errors).take()


def published(image: im.Image, errors: tuple[str, ...] = ()) -> dict:
    return json.loads("".join(state_of(image, errors).pieces()))


def test_sections_and_their_rows_agree(site: im.Image) -> None:
    names = names_of(site)
    state = State(site, "home", names, reports=[("bus", lambda: {"timeouts": 3})]).take()
    whole = json.loads("".join(state.pieces()))
    assert [*whole] == ["schema", *state.sections, "bus"]
    assert whole["schema"] == 2 and whole["bus"]["timeouts"] == 3
    assert json.loads("".join(state.row_pieces("limits"))) == whole["limits"]
    assert (
        json.loads("".join(state.pieces_of("devices", INVERTER))) == whole["devices"]["inverter"]
    )
    assert "limits" not in json.loads("".join(state.pieces(("limits",))))
    empty = State(im.Image(), "home", names_of(im.Image())).take()
    shown = json.loads("".join(empty.pieces()))
    assert (shown["nodes"], shown["devices"], shown["points"], shown["limits"]) == ([], {}, {}, {})


def test_contents(site: im.Image) -> None:
    state = published(site)
    assert state["site"]["time"] == "2025-09-14T08:00Z"
    assert state["nodes"][0]["ma"] == [0, 24_000, 0]
    assert state["nodes"][0]["limit_ma"] == 25_000
    assert state["nodes"][1]["ma"] is None and state["nodes"][1]["age_ms"] is None
    assert state["nodes"][1]["parent"] == "service"
    assert state["devices"]["inverter"]["soc_permille"] is None
    assert state["limits"]["evse"]["claims"][im.PANEL] == {
        "source": "panel",
        "low_ma": 0,
        "high_ma": 9000,
        "reason": im.REASON_BREAKER,
        "text": "Circuit service (L2) has 1.0 A left.",
        "low_reason": im.REASON_BREAKER,
        "low_text": "Circuit service (L2) has 1.0 A left.",
        "node": "service",
        "leg": 1,
        "value": 1000,
    }


def test_a_device_and_its_point(site: im.Image) -> None:
    readings, commands = site.readings, site.commands
    readings[im.DEVICE_AGE_MS + EVSE] = 150
    for leg in range(3):
        readings[im.DEVICE_MA + leg] = 8_000 + leg
    commands[im.POINT_CONTACTOR_STATE] = im.CONTACTOR_CLOSED
    commands[im.POINT_UNPLUGS], commands[im.POINT_REST_MS] = 3, 4_000
    state = published(site)
    assert state["devices"]["evse"] == {
        "kind": "point",
        "node": "wallbox",
        "point": "evse",
        "ma": {"L1": 8_000, "L2": 8_001, "L3": 8_002},
        "w": 5_520,
        "age_ms": 150,
        "offer_ma": 9_000,
        "grant_low_ma": 0,
        "grant_high_ma": 9_000,
        "why": "The car: Circuit service (L2) has 1.0 A left.",
        "after": None,
        "obedience": "quiet",
        "barred": [],
        "plugged": True,
        "status": "C",
        "stopped": False,
        "max_ma": site.site[im.DEVICE_MAX_MA + EVSE],
    }
    assert state["points"] == {
        "evse": {
            "device": "evse",
            "pilot": "C",
            "pilot_text": "car asks for power",
            "contactor": "closed",
            "contactor_text": "closed",
            "cable_ma": None,
            "unplugs": 3,
            "rest_ms": 4_000,
            "authorised": False,
            "needs_authorising": False,
        }
    }
    # an open contact carries nothing: what its clamps show is noise, unless it is much
    commands[im.POINT_CONTACTOR_STATE] = im.CONTACTOR_OPEN
    for leg, (ma, w) in enumerate(((300, 0), (5_000, 1_150))):
        readings[im.DEVICE_MA], readings[im.DEVICE_MA + 1], readings[im.DEVICE_MA + 2] = ma, 0, 0
        device = published(site)["devices"]["evse"]
        assert (device["w"], device["status"]) == (w, "B"), leg


def test_what_is_stale_is_null(site: im.Image) -> None:
    """No figure stands for longer than INV-4 lets it; the age says since when."""
    readings = site.readings
    ages = (im.DEVICE_AGE_MS + EVSE, im.DEVICE_AGE_MS + INVERTER, im.NODE_AGE_MS, im.GRID_AGE_MS)
    readings[im.DEVICE_SOC_PERMILLE + INVERTER] = 500
    for age_ms, known in ((2_000, True), (2_100, False), (im.AGE_MAX_MS, False)):
        for field in ages:
            readings[field] = age_ms
        readings[im.DEVICE_SOC_AGE_MS + INVERTER] = min(age_ms * 60, im.AGE_MAX_MS)
        state = published(site)
        evse, inverter = state["devices"]["evse"], state["devices"]["inverter"]
        shown = [evse["ma"], evse["w"], state["nodes"][0]["w"], state["grid"]["mv"]]
        shown += [inverter[key] for key in ("ma", "w", "mode", "fault", "plugged", "soc_permille")]
        assert [value is not None for value in shown] == [known] * len(shown), age_ms
        assert inverter["age_ms"] == (age_ms if age_ms < im.AGE_MAX_MS else None)


@pytest.mark.parametrize(
    ("pilot", "status", "plugged"),
    [
        (im.PILOT_UNKNOWN, None, None),
        (im.PILOT_A, "A", False),
        (im.PILOT_B, "B", True),
        (im.PILOT_C, "B", True),
        (im.PILOT_E, "F", False),
        (im.PILOT_F, "F", False),
        (im.PILOT_DIODE, "F", False),
    ],
)
def test_the_status_of_a_charging_point(
    site: im.Image, pilot: int, status: str | None, plugged: bool | None
) -> None:
    """As evcc reads it: C is a car that charges, paused by islet it is B."""
    site.commands[im.POINT_PILOT_STATE] = pilot
    device = published(site)["devices"]["evse"]
    assert (device["status"], device["plugged"]) == (status, plugged)


def test_the_status_of_a_gateway(site: im.Image) -> None:
    site.site[im.DEVICE_BEHIND + INVERTER] = im.BEHIND_CAR
    readings = site.readings
    assert published(site)["devices"]["inverter"]["status"] is None, "not heard"
    readings[im.DEVICE_AGE_MS + INVERTER] = 0
    assert published(site)["devices"]["inverter"]["status"] == "A"
    readings[im.DEVICE_PLUGGED + INVERTER] = 1
    for ma, status in ((0, "B"), (4_000, "C"), (-4_000, "B")):
        readings[im.DEVICE_MA + INVERTER * im.LEGS] = ma
        assert published(site)["devices"]["inverter"]["status"] == status
    readings[im.DEVICE_FAULT + INVERTER] = 1
    assert published(site)["devices"]["inverter"]["status"] == "F"


def test_names_by_number_are_complete() -> None:
    for names, prefix in (
        (rows.KIND_NAMES, "KIND_"),
        (rows.MODE_NAMES, "MODE_"),
        (rows.INSTRUMENT_NAMES, "INSTRUMENT_"),
        (rows.OBEY_NAMES, "OBEY_"),
    ):
        for name, number in vars(im).items():
            if name.startswith(prefix):
                assert names[number] == name[len(prefix) :].lower()
    for name, bit in vars(im).items():
        if name.startswith("BAR_"):
            assert rows.bits(bit, rows.BAR_NAMES) == [name[4:].lower()]


def test_the_reason_of_each_device(site: im.Image) -> None:
    state = published(site)
    evse, inverter = (state["devices"][name]["why"] for name in ("evse", "inverter"))
    assert evse == "The car: Circuit service (L2) has 1.0 A left."
    assert inverter == "The battery: Kept above your reserve of 30 %."
    assert state["why"]["text"] == evse
    claim(site, im.MARKET, INVERTER, 0, 0, im.REASON_NO_GOAL)
    why = published(site)["devices"]["inverter"]["why"]
    assert why == "The battery: Nothing is asked of it."
    # charging cut short by the panel
    claim(site, im.MARKET, INVERTER, 4000, 4000, im.REASON_GOAL)
    claim(site, im.PANEL, INVERTER, -2000, 1500, im.REASON_BREAKER, 0, 2, 0)
    site.commands[im.GRANT_LOW + INVERTER] = site.commands[im.GRANT_HIGH + INVERTER] = 1500
    site.commands[im.WINNER_HIGH + INVERTER] = im.PANEL
    assert "(L3) has" in published(site)["devices"]["inverter"]["why"]
    site.commands[im.DEVICE_AFTER + INVERTER] = EVSE
    shown = published(site)["devices"]["inverter"]
    assert shown["why"].endswith(" left, after evse.") and shown["after"] == "evse"
    claim(site, im.PANEL, INVERTER, -2000, 1500, im.REASON_METER_STALE, 0, 2, 0)
    assert "after" not in published(site)["devices"]["inverter"]["why"], "nobody has taken that"


@pytest.mark.parametrize("why", range(len(WHY_NAMES)), ids=WHY_NAMES)
def test_the_policy_s_reason_where_the_wish_is_what_holds(site: im.Image, why: int) -> None:
    asked, _ = words.WISHES[why]
    reason = im.REASON_GOAL if asked else im.REASON_NO_GOAL
    claim(site, im.MARKET, EVSE, 0, 0, reason)
    claim(site, im.RESERVE, EVSE, 0, 0, im.REASON_RESERVE, value=600)
    site.commands[im.CLAIM_LOW_REASON + im.RESERVE * im.DEVICES + EVSE] = im.REASON_RESERVE
    site.commands[im.GRANT_HIGH + EVSE] = site.commands[im.SETPOINT + EVSE] = 0
    site.commands[im.WINNER_HIGH + EVSE] = im.MARKET
    state = State(site, "home", names_of(site))
    site.requests[im.MARKET_WHY + EVSE] = why
    told = "".join(state.take().pieces())
    shown = json.loads(told)
    reserve = "Kept above your reserve of 60 %."
    text = words.wish_text(why, asked, "service", "inverter", reserve=reserve)
    assert shown["devices"]["evse"]["why"] == f"The car: {text}"
    assert shown["limits"]["evse"]["claims"][im.MARKET]["text"] == text
    before = state.signature()
    site.requests[im.MARKET_WHY + EVSE] = (why + 1) % len(WHY_NAMES)
    assert state.signature() != before
    assert "".join(state.pieces()) == told, "of the moment it was taken"


def test_the_policy_s_reason_stands_back(site: im.Image) -> None:
    """Behind one that cuts the wish short, and where what it says is not what is claimed."""
    state = State(site, "home", names_of(site))
    for device in range(im.DEVICES):
        site.requests[im.MARKET_WHY + device] = WHY_NAMES.index("before")
    assert json.loads("".join(state.take().pieces()))["devices"] == published(site)["devices"]
    claim(site, im.MARKET, INVERTER, 0, 0, im.REASON_NO_GOAL)  # it speaks no more
    why = json.loads("".join(state.take().pieces()))["devices"]["inverter"]["why"]
    assert why == "The battery: Nothing is asked of it."


@pytest.mark.parametrize(
    ("section", "field", "value", "begins"),
    [
        ("commands", im.FAULTS, im.FAULT_WELD, "The charging contactor stays closed"),
        ("trips", im.TRIPPED, im.TRIP_PILOT, "The car was unplugged"),
        ("commands", im.ISLAND_STATE, im.ISLAND_ISLANDED, "The house runs on the battery"),
        ("commands", im.GRID_STATE, im.GRID_DEAD, "Grid: no power from the grid."),
        ("commands", im.ALARM_NODE, 0, "Circuit service is overloaded by 0.0 A"),
    ],
)
def test_the_worst_comes_first(
    site: im.Image, section: str, field: int, value: int, begins: str
) -> None:
    getattr(site, section)[field] = value
    assert published(site)["why"]["text"].startswith(begins)


def test_configuration_errors_come_before_all(site: im.Image) -> None:
    site.commands[im.FAULTS] = 1
    state = published(site, ("evse.max_a: 99 is not a number from 6 to 80 A",))
    assert state["why"]["text"].startswith("Nothing is switched on")
    assert state["site"]["config_errors"] == ["evse.max_a: 99 is not a number from 6 to 80 A"]


def test_one_moment(site: im.Image) -> None:
    """What changes after `take` is not seen by the pieces that follow."""
    pieces = state_of(site).pieces()
    text = next(pieces) + next(pieces)
    next_piece = max(map(len, state_of(site).pieces()))
    assert next_piece < 2500, "a piece too long for its turn (INV-9)"
    site.commands[im.SETPOINT + EVSE] = 6_000
    assert json.loads(text + "".join(pieces))["devices"]["evse"]["offer_ma"] == 9_000


CHANGES = [
    # section, field of a device's row, too little, enough
    ("commands", im.SETPOINT + EVSE, 400, 1_000),
    ("commands", im.SETPOINT + INVERTER, 90, 200),
    ("readings", im.DEVICE_MA + EVSE * im.LEGS + 2, 900, 2_000),
    ("readings", im.DEVICE_MA + INVERTER * im.LEGS, 900_000, None),
    ("readings", im.DEVICE_W + INVERTER, 200, 500),
    ("readings", im.DEVICE_W + EVSE, 900_000, None),
    ("readings", im.DEVICE_SOC_PERMILLE + INVERTER, 8, 20),
    ("readings", im.NODE_W, 200, 500),
    ("commands", im.POINT_PILOT_STATE, 0, 1),
    ("commands", im.DEVICE_OBEDIENCE + INVERTER, 0, 1),
    ("commands", im.BEAT, 900_000, None),
]


@pytest.mark.parametrize(("section", "field", "little", "enough"), CHANGES)
def test_what_is_told_at_once(
    site: im.Image, section: str, field: int, little: int, enough: int | None
) -> None:
    """Each device has a dead band of its own kind: flicker is not told, changes are."""
    buffer = getattr(site, section)
    buffer[field] = 0
    state = state_of(site)
    before = state.signature()
    buffer[field] = little
    assert state.signature() == before
    if enough is not None:
        buffer[field] = enough
        assert state.signature() != before


def test_raw_image_has_every_field(site: im.Image) -> None:
    decoded = {name: dict(fields) for name, fields in raw(site)}
    assert set(decoded) == {table.name for table in im.TABLES}
    assert decoded["readings"]["NODE_MA"]["value"][1] == 24_000
    assert decoded["site"]["DEVICE_MAX_MA"]["value"][0] == 16_000


def test_wall_time() -> None:
    assert wall_text(-1) is None
    assert wall_text(0) == "2020-01-01T00:00Z"
    assert wall_text((366 + 31 + 28) * 1440 + 61) == "2021-03-01T01:01Z"
    assert wall_text((366 - 1) * 1440) == "2020-12-31T00:00Z"


def test_the_same_on_micropython(run_device: RunDevice, site: im.Image) -> None:
    device = (
        "from firmware.people.state import State\n"
        "from tests_host.net.small_site import make_site, names_of\n"
        "site = make_site()\n"
        "print(''.join(State(site, 'home', names_of(site)).take().pieces()))\n"
    )
    printed = json.loads(run_device(device))
    here = published(site)
    assert printed == here


def test_what_is_configured_and_silent_is_an_alert(site: im.Image) -> None:
    """With how long, by name, and before anything is called well; of a moment it is none."""
    readings, commands = site.readings, site.commands
    readings[im.DEVICE_AGE_MS + EVSE] = 100
    for row in (im.NODE_AGE_MS, im.DEVICE_AGE_MS + INVERTER):
        readings[row] = 9_000
    assert published(site)["alerts"]["silent"] == []
    readings[im.NODE_AGE_MS] = 180_000
    readings[im.DEVICE_AGE_MS + INVERTER] = im.AGE_MAX_MS  # never found
    commands[im.UP_S] = 180
    shown = published(site)
    silent = shown["alerts"]["silent"]
    assert [row["text"] for row in silent] == [
        "The measurement of circuit service has not answered for 3 min.",
        "inverter has not answered for 3 min.",
    ]
    assert all(row["way_out"] for row in silent)
    assert shown["why"]["text"] == silent[0]["text"]
    commands[im.UP_S] = 5  # just started
    readings[im.NODE_AGE_MS] = im.AGE_MAX_MS
    assert published(site)["alerts"]["silent"] == []
