"""The configuration: what fits fills the site, what does not is refused by name."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from firmware import config
from firmware import image as im


def rights(**changes: Any) -> SimpleNamespace:
    """A board that may do everything and is built for anything, unless told otherwise."""
    usual: dict[str, Any] = {"can_own_contactor": True, "can_island": True, "network": True}
    usual |= {"bench": False, "evse_a": 0, "mains_a": 0, "key": b"", "circuit": None}
    return SimpleNamespace(**usual | changes)


BOARD = rights()
ANSWERS = {
    "island.capable": True,
    "island.neutral_switched": True,
    "island.device_bonds": False,
    "island.electrode": True,
}
GOOD: dict[str, Any] = {
    "name": "test",
    "topology": "T1",
    "legs": 3,
    "nominal_v": 230,
    "nominal_hz": 50,
    "grid_code": "en50549",
    "nodes": [
        {"name": "service", "rating_a": 25, "instrument": "meter"},
        {"name": "wallbox", "parent": "service", "rating_a": 20, "instrument": "evse"},
        {"name": "battery", "parent": "service", "rating_a": 20, "instrument": "inverter"},
    ],
    "evse": {"node": "wallbox", "legs": 3, "max_a": 16},
    "inverter": {"node": "battery", "legs": 3, "charge_w": 5000, "discharge_w": 5000},
    "meter": {"profile": "sdm630"},
    "owner": {"goal": "solar", "reserve_percent": 30, "outage_reserve_percent": 10},
}


def load(changes: dict[str, Any] | None = None) -> tuple[config.Config, im.Image]:
    """Load GOOD with values at dotted paths replaced (None removes)."""
    document = json.loads(json.dumps(GOOD))
    for path, value in (changes or {}).items():
        *parents, last = path.split(".")
        at: Any = document
        for part in parents:
            at = at[int(part)] if part.isdigit() else at.setdefault(part, {})
        if value is None:
            at.pop(last)
        else:
            at[last] = value
    image = im.Image()
    return config.load(json.dumps(document), image, BOARD), image


def test_a_good_configuration_fills_the_site() -> None:
    loaded, image = load({"evse.max_a": 16.5, "grid_code_overrides.enter_delay_s": 61})
    site = image.site
    assert loaded.errors == []
    assert loaded.nodes == ["service", "wallbox", "battery"]
    assert site[im.TOPOLOGY] == 1
    assert site[im.NODE_COUNT] == 3
    assert list(site[im.NODE_PARENT : im.NODE_PARENT + 3]) == [-1, 0, 0]
    assert list(site[im.NODE_RATING_MA : im.NODE_RATING_MA + 3]) == [25_000, 20_000, 20_000]
    assert (site[im.DEVICE_NODE + im.EVSE], site[im.DEVICE_NODE + im.INVERTER]) == (1, 2)
    assert site[im.DEVICE_MAX_MA + im.EVSE] == 16_500
    assert site[im.ENTER_DELAY_MS] == 61_000  # the override wins over the code
    assert site[im.TRIP_KIND] != 0
    assert image.requests[im.RESERVE_PERMILLE] == 300
    assert loaded["owner.goal"] == "solar"


@pytest.mark.parametrize(
    ("changes", "field", "allowed"),
    [
        ({"topology": "T4"}, "topology", "one of T1, T2, T3"),
        ({"topology": ""}, "topology", "one of T1, T2, T3"),
        ({"legs": 4}, "legs", "a whole number from 1 to 3"),
        ({"legs": "three"}, "legs", "a whole number from 1 to 3"),
        ({"legs": True}, "legs", "a whole number from 1 to 3"),
        ({"nominal_v": None}, "nominal_v", "is missing"),
        ({"grid_code": "mars"}, "grid_code", "en50549"),
        ({"evse.max_a": 81}, "evse.max_a", "a number from 6 to 80 A"),
        ({"evse.max_amps": 16}, "evse.max_amps", "unknown option"),
        ({"evse.node": "garage"}, "evse.node", "is not one of nodes"),
        ({"evse.contactor_open_ms": 61}, "evse.contactor_open_ms", "1 to 60 ms"),
        ({"evse": 3}, "evse", "is not an object"),
        ({"nodes": []}, "nodes", "a list of 1 to 32 nodes"),
        ({"nodes.0.rating_a": None}, "nodes[0].rating_a", "is missing"),
        ({"nodes.1.rating_a": -1}, "nodes[1].rating_a", "1 to 2000 A"),
        ({"nodes.1.parent": "attic"}, "nodes[1].parent", "earlier node"),
        ({"nodes.0.parent": "wallbox"}, "nodes[0].parent", "it has none"),
        ({"nodes.2.name": "wallbox"}, "nodes[2].name", "used twice"),
        ({"nodes.0.instrument": "none"}, "nodes[0].instrument", "must be measured"),
        ({"coordinated": True, "inverter.revert_s": 0}, "coordinated", "revert_s from 1 to 10"),
        ({"meter.profile": "abacus"}, "meter.profile", "sdm630"),
        ({"inverter.legs": 3, "legs": 1, "evse.legs": 1}, "inverter.legs", "the site's legs"),
        ({"owner.goal": "world peace"}, "owner.goal", "one of hold, charge"),
        ({"grid_code": "ieee1547_cat2"}, "grid_code", "nominal_hz"),
        (ANSWERS | {"grid_code": "as4777a"}, "island.neutral_switched", "must be false"),
        ({"export_limit_w": -2}, "export_limit_w", "-1 to 1000000 W"),
        ({"export_limit_w": -0.6}, "export_limit_w", "a whole number"),
        ({"export_limit_w": 0, "inverter.revert_s": 0}, "export_limit_w", "revert_s from 1 to 10"),
        # an instrument that does not see the loads would leave the panel blind, not careful
        ({"nodes.0.instrument": "evse"}, "nodes[0].instrument", "evse.node alone"),
        ({"nodes.0.instrument": "inverter"}, "nodes[0].instrument", "inverter.node alone"),
        ({"nodes.1.instrument": "inverter"}, "nodes[1].instrument", "inverter.node alone"),
        ({"nodes.2.parent": "wallbox"}, "nodes[1].instrument", "circuits it feeds"),
        ({"nodes.1.instrument": "ct"}, "nodes[1].instrument", "the service"),
        ({"nodes.1.instrument": "meter"}, "nodes[1].instrument", "one house meter"),
        ({"meter.profile": None}, "meter.profile", "is missing"),
        ({"evse.breaking_a": 32}, "evse.breaking_a", "above twice evse.max_a"),
        ({"island.capable": True, "inverter.legs": 1}, "island.capable", "all legs"),
        ({"island.capable": True, "topology": "T3"}, "island.capable", "T3"),
    ],
)
def test_a_bad_option_is_named(changes: dict[str, Any], field: str, allowed: str) -> None:
    loaded, _ = load(changes)
    named = [error for error in loaded.errors if error.startswith(field + ":")]
    assert named, loaded.errors
    assert allowed in named[0]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '{"a":' * 900, "x" * 9000])
def test_rubbish_is_an_error_and_no_traceback(text: str) -> None:
    loaded = config.load(text, im.Image(), BOARD)
    assert len(loaded.errors) >= 1


def test_the_circuit_board_decides_what_it_may_do() -> None:
    image = im.Image()
    board = rights(can_own_contactor=False, can_island=False)
    island = {path.split(".")[1]: answer for path, answer in ANSWERS.items()}
    document = json.loads(json.dumps(GOOD)) | {"island": island}
    loaded = config.load(json.dumps(document), image, board)
    assert [e.split(":")[0] for e in loaded.errors] == ["evse.node", "island.capable"]


@pytest.mark.parametrize("field", ["mqtt.host", "http.port"])
def test_a_board_without_network_refuses_what_needs_one(field: str) -> None:
    room, option = field.split(".")
    document = json.loads(json.dumps(GOOD)) | {
        room: {option: "broker" if option == "host" else 80}
    }
    board = rights(network=False)
    loaded = config.load(json.dumps(document), im.Image(), board)
    assert [e.split(":")[0] for e in loaded.errors] == [field]
    board.network = True
    assert config.load(json.dumps(document), im.Image(), board).errors == []


def test_no_page_is_allowed_without_a_network() -> None:
    document = json.loads(json.dumps(GOOD)) | {"http": {"port": 0}, "mqtt": {"host": ""}}
    board = rights(network=False)
    assert config.load(json.dumps(document), im.Image(), board).errors == []


def test_the_table_documents_every_option() -> None:
    lines = list(config.table())
    assert len(lines) == 2 + len(config.OPTIONS) + len(config.NODE_OPTIONS)
