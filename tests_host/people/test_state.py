"""The published state: complete, JSON, in units, and the sentence that matters first."""

from __future__ import annotations

import json

import pytest

from firmware import image as im
from firmware.people.events import KEPT, Events
from firmware.people.state import State, raw, wall_text
from tests_host.conftest import ROOT, RunDevice
from tests_host.net.conftest import claim

NAMES = ("service", "wallbox", "battery")


def published(image: im.Image, errors: tuple[str, ...] = ()) -> dict:
    return json.loads("".join(State(image, "home", NAMES, errors).take().pieces()))


def test_sections_and_pieces_agree(site: im.Image) -> None:
    state = State(site, "home", NAMES, extras=lambda: {"bus": {"timeouts": 3}}).take()
    whole = json.loads("".join(state.pieces()))
    built = state.build()
    for name in built:
        if name != "unit":
            assert whole[name] == built[name]
    assert whole["schema"] == 1 and whole["bus"]["timeouts"] == 3
    assert json.loads("".join(state.limits_pieces())) == whole["limits"]
    assert "limits" not in json.loads("".join(state.pieces(("limits",))))


def test_contents(site: im.Image) -> None:
    state = published(site)
    assert state["site"]["time"] == "2025-09-14T08:00Z"
    assert state["nodes"][0]["ma"] == [0, 24_000, 0]
    assert state["nodes"][0]["limit_ma"] == 25_000
    assert state["nodes"][1]["ma"] is None and state["nodes"][1]["age_ms"] is None
    assert state["nodes"][1]["parent"] == "service"
    assert state["inverter"]["soc_permille"] is None
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


def test_the_reason_of_each_device(site: im.Image) -> None:
    why = published(site)["why"]
    assert why["evse"] == "Circuit service (L2) has 1.0 A left."
    assert why["inverter"] == "The battery is at its reserve of 30 %."
    assert why["text"] == "The car: " + why["evse"]
    claim(site, im.MARKET, im.INVERTER, 0, 0, im.REASON_NO_GOAL)
    assert published(site)["why"]["inverter"] == "Nothing is asked of it."
    # charging cut short by the panel
    claim(site, im.MARKET, im.INVERTER, 4000, 4000, im.REASON_GOAL)
    claim(site, im.PANEL, im.INVERTER, 0, 1500, im.REASON_BREAKER, 0, 2, 0)
    site.commands[im.GRANT_LOW + im.INVERTER] = site.commands[im.GRANT_HIGH + im.INVERTER] = 1500
    site.commands[im.WINNER_HIGH + im.INVERTER] = im.PANEL
    assert "(L3)" in published(site)["why"]["inverter"]


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
    state = State(site, "home", NAMES).take()
    pieces = state.pieces()
    text = next(pieces) + next(pieces)
    next_piece = max(map(len, State(site, "home", NAMES).take().pieces()))
    assert next_piece < 2500, "a piece too long for its turn (INV-9)"
    site.commands[im.SETPOINT + im.EVSE] = 6_000
    assert json.loads(text + "".join(pieces))["evse"]["offer_ma"] == 9_000


def test_signature_ignores_flicker_and_sees_changes(site: im.Image) -> None:
    state = State(site, "home", NAMES)
    before = state.signature()
    site.readings[im.NODE_W] = 20
    site.commands[im.BEAT] += 1
    assert state.signature() == before
    site.commands[im.SETPOINT + im.EVSE] = 8_000
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


def test_a_bond_that_reads_closed_is_told_every_hour(site: im.Image) -> None:
    """safety.md 6; not by who polls oftener, and not once it has gone."""
    events = Events(site)
    site.commands[im.FAULTS] = im.FAULT_BOND | im.FAULT_CABLE
    events.poll(1)
    for told in (1, 2, 3):
        texts = [json.loads(text) for text in events.after(0)[1]]
        assert sum(row["name"] == "bond" for row in texts) == told
        assert sum(row["name"] == "cable" for row in texts) == 1
        for _ in range(3600):
            events.poll(1)
            events.poll()
    site.commands[im.FAULTS] = 0
    events.poll(1)
    count = events.count
    for _ in range(7200):
        events.poll(1)
    assert events.count == count


def test_events(site: im.Image) -> None:
    events = Events(site)
    events.poll()
    assert events.after(0) == (0, [])
    site.commands[im.ISLAND_STATE] = im.ISLAND_STOPPING
    site.trips[im.TRIPPED] = im.TRIP_DEAD_GRID
    events.poll()
    site.trips[im.TRIPPED] = 0
    events.poll()
    _, texts = events.after(0)
    rows = [json.loads(text) for text in texts]
    assert [(r["what"], r.get("on")) for r in rows] == [
        ("island", None),
        ("trip", True),
        ("trip", False),
    ]
    assert rows[0]["before"] == "grid" and rows[0]["state"] == "stopping"
    for i in range(100):
        events.add("test", str(i))
    missed, texts = events.after(3)
    assert (missed, len(texts)) == (100 - KEPT, KEPT)
    assert json.loads(texts[-1])["text"] == "99"


def test_the_same_on_micropython(run_device: RunDevice, site: im.Image) -> None:
    script = (ROOT / "tests_host/net/conftest.py").read_text()
    begin, end = script.index("def make_site"), script.index("class PolicyDouble")
    device = "from firmware import image as im\nfrom firmware.people.state import State\n"
    device += script[begin:end]
    device += f"print(''.join(State(make_site(), 'home', {NAMES}).take().pieces()))\n"
    printed = json.loads(run_device(device))
    here = published(site)
    assert printed["unit"].pop("heap_free_bytes") > 0
    here.pop("unit")
    printed.pop("unit")
    assert printed == here
