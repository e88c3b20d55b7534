"""The configuration: what fits fills the site, what does not is refused by name."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from firmware import config
from firmware import image as im
from firmware.config.options import FIXED, LISTS
from tests_host.fields import EVSE, INVERTER


def rights(**changes: Any) -> SimpleNamespace:
    """A board that may do everything and is built for anything, unless told otherwise."""
    usual: dict[str, Any] = {"can_own_contactor": True, "can_island": True, "network": True}
    usual["enable"], usual["tls"] = True, False
    usual |= {"bench": False, "evse_a": 0, "mains_a": 0, "key": b"", "circuit": None, "lines": 2}
    return SimpleNamespace(**usual | changes)


BOARD = rights()
ANSWERS = {
    "island.capable": True,
    "island.device": "battery",
    "island.neutral_switched": True,
    "island.device_bonds": False,
    "island.electrode": True,
}
LEGS = ["L1", "L2", "L3"]
GOOD: dict[str, Any] = {
    "name": "test",
    "legs": 3,
    "nominal_v": 230,
    "nominal_hz": 50,
    "grid_code": "en50549",
    "nodes": [
        {"name": "service", "rating_a": 25, "instrument": "house meter"},
        {"name": "wallbox", "parent": "service", "rating_a": 20, "instrument": "car"},
        {"name": "battery", "parent": "service", "rating_a": 20, "instrument": "battery"},
    ],
    "points": [{"name": "socket"}],
    "devices": [
        {"name": "car", "kind": "point", "contactor": "socket", "node": "wallbox"}
        | {"legs": LEGS, "max_a": 16},
        {"name": "battery", "kind": "converter", "node": "battery", "legs": LEGS}
        | {"charge_w": 5000, "discharge_w": 5000, "line": "rs485", "address": 2},
    ],
    "meters": [{"name": "house meter", "profile": "sdm630", "line": "rs485"}],
    "lines": [{"name": "rs485"}],
    "owner": {"goal": "solar", "reserve_percent": 30, "outage_reserve_percent": 10},
}
# a DC gateway in place of both, which speaks with the car itself
GATEWAY: dict[str, Any] = {
    "devices": [
        {"name": "battery", "kind": "converter", "node": "battery", "legs": LEGS}
        | {"charge_w": 5000, "discharge_w": 5000, "line": "rs485", "address": 2}
        | {"contactor": "socket", "max_a": 16, "owns_pilot": True, "behind": "car"},
    ],
    "nodes.1.instrument": "none",
}


NO_BATTERY: dict[str, Any] = {
    "devices": GOOD["devices"][:1],
    "nodes.2.instrument": "none",
    "island.device": None,
}


MAY = {"devices.1.relieves": True}
UNMEASURED: dict[str, Any] = {"nodes.0.instrument": "none", "meters": []}


def load(
    changes: dict[str, Any] | None = None, board: SimpleNamespace = BOARD
) -> tuple[config.Config, im.Image]:
    """Load GOOD with values at dotted paths replaced (None removes)."""
    document = json.loads(json.dumps(GOOD))
    change(document, changes or {})
    image = im.Image()
    return config.load(json.dumps(document), image, board), image


def change(document: Any, changes: dict[str, Any]) -> None:
    """Values at dotted paths; None removes, and what is past the end of a list is added."""
    for path, value in json.loads(json.dumps(changes)).items():
        *parents, last = path.split(".")
        at: Any = document
        for part in parents:
            at = at[int(part)] if part.isdigit() else at.setdefault(part, {})
        if value is None:
            at.pop(last, None) if isinstance(at, dict) else at.pop(int(last))
        elif isinstance(at, list):
            at[int(last) :] = [value, *at[int(last) + 1 :]]
        else:
            at[last] = value


def test_a_good_configuration_fills_the_site() -> None:
    loaded, image = load({"devices.0.max_a": 16.5, "grid_code_overrides.enter_delay_s": 61})
    site = image.site
    assert loaded.errors == []
    assert loaded.names["nodes"] == ["service", "wallbox", "battery"]
    assert loaded.names["devices"] == ["car", "battery"]
    assert site[im.NODE_COUNT] == 3
    assert list(site[im.NODE_PARENT : im.NODE_PARENT + 3]) == [-1, 0, 0]
    assert list(site[im.NODE_RATING_MA : im.NODE_RATING_MA + 3]) == [25_000, 20_000, 20_000]
    assert (site[im.DEVICE_NODE + EVSE], site[im.DEVICE_NODE + INVERTER]) == (1, 2)
    assert site[im.DEVICE_MAX_MA + EVSE] == 16_500
    assert site[im.ENTER_DELAY_MS] == 61_000  # the override wins over the code
    assert site[im.TRIP_KIND] != 0
    assert image.requests[im.RESERVE_PERMILLE] == 300
    assert loaded["owner.goal"] == "solar"


@pytest.mark.parametrize(
    ("changes", "field", "allowed"),
    [
        ({"legs": 4}, "legs", "a whole number from 1 to 3"),
        ({"legs": "three"}, "legs", "a whole number from 1 to 3"),
        ({"legs": True}, "legs", "a whole number from 1 to 3"),
        ({"nominal_v": None}, "nominal_v", "is missing"),
        ({"grid_code": "mars"}, "grid_code", "en50549"),
        ({"devices.0.max_a": 81}, "devices[0].max_a", "a number from 6 to 80 A"),
        ({"devices.0.max_amps": 16}, "devices[0].max_amps", "unknown option"),
        ({"devices.0.charge_w": 16}, "devices[0].charge_w", "is no option of a point"),
        ({"devices.0.certificate": {}}, "devices[0].certificate", "is no option of a point"),
        ({"devices.1.pause_s": 16}, "devices[1].pause_s", "is no option of a converter"),
        (
            {"devices.0.node": "garage"},
            "devices[0].node",
            "one of nodes: service, wallbox, battery",
        ),
        ({"devices.0.kind": "kettle"}, "devices[0].kind", "one of point, charger, converter"),
        ({"devices.0.kind": ""}, "devices[0].kind", "one of point, charger, converter"),
        ({"devices.0.kind": None}, "devices[0].kind", "is missing, needs one of point"),
        ({"devices.0.contactor": "porch"}, "devices[0].contactor", "one of points: socket"),
        ({"devices.0.contactor": None}, "devices[0].contactor", "is missing, needs one of points"),
        ({"devices.0": 3}, "devices[0]", "is not an object"),
        ({"devices": {}}, "devices", "a list of 0 to"),
        ({"devices.1.line": "can"}, "devices[1].line", "one of lines: rs485"),
        ({"devices.1.name": "car"}, "devices[1].name", "used twice"),
        ({"meters.0.name": "car"}, "devices[0].name", "used twice"),
        ({"devices.0.legs": "L1"}, "devices[0].legs", "a list of different legs"),
        ({"devices.0.legs": []}, "devices[0].legs", "a list of different legs"),
        ({"devices.0.legs": ["L1", "L1"]}, "devices[0].legs", "a list of different legs"),
        ({"devices.0.legs": ["L1", 2]}, "devices[0].legs", "a list of different legs"),
        ({"points.0.contactor_open_ms": 61}, "points[0].contactor_open_ms", "1 to 60 ms"),
        ({"nodes": []}, "nodes", f"a list of 1 to {im.NODES}"),
        ({"nodes.0.rating_a": None}, "nodes[0].rating_a", "is missing"),
        ({"nodes.1.rating_a": -1}, "nodes[1].rating_a", "1 to 2000 A"),
        ({"nodes.1.parent": "attic"}, "nodes[1].parent", "one of nodes"),
        ({"nodes.1.parent": "battery"}, "nodes[1].parent", "earlier node"),
        ({"nodes.0.parent": "wallbox"}, "nodes[0].parent", "it has none"),
        ({"nodes.2.name": "wallbox"}, "nodes[2].name", "used twice"),
        ({"nodes.0.instrument": "none"}, "nodes[0].instrument", "must be measured"),
        (
            {"nodes.0.instrument": "clock"},
            "nodes[0].instrument",
            "none, ct, house meter, car, battery, socket",
        ),
        ({"coordinated": True, "devices.1.revert_s": 0}, "devices[1].revert_s", "for coordinated"),
        ({"export_limit_w": 0, "devices.1.revert_s": 0}, "devices[1].revert_s", "export_limit_w"),
        ({"meters.0.profile": "abacus"}, "meters[0].profile", "sdm630"),
        ({"meters.0.reversed": True}, "meters[0].reversed", "sdm630 says its signs itself"),
        ({"meters.0.line": None}, "meters[0].line", "is missing"),
        ({"legs": 1}, "devices[1].legs", "the site has no L2, only L1"),
        ({"owner.goal": "world peace"}, "owner.goal", "one of hold, charge"),
        ({"grid_code": "ieee1547_cat2"}, "grid_code", "nominal_hz"),
        (ANSWERS | {"grid_code": "as4777a"}, "island.neutral_switched", "must be false"),
        ({"export_limit_w": -2}, "export_limit_w", "-1 to 1000000 W"),
        ({"export_limit_w": -0.6}, "export_limit_w", "a whole number"),
        # an instrument that does not see the loads would leave the panel blind, not careful
        ({"nodes.0.instrument": "car"}, "nodes[0].instrument", "car measures wallbox alone"),
        (
            {"nodes.0.instrument": "battery"},
            "nodes[0].instrument",
            "battery measures battery alone",
        ),
        (
            {"nodes.1.instrument": "battery"},
            "nodes[1].instrument",
            "battery measures battery alone",
        ),
        ({"nodes.2.parent": "wallbox"}, "nodes[1].instrument", "circuits it feeds"),
        ({"devices.1.node": "wallbox"}, "nodes[1].instrument", "car does not see battery"),
        ({"nodes.1.instrument": "ct"}, "nodes[1].instrument", "the service"),
        ({"nodes.1.instrument": "house meter"}, "nodes[1].instrument", "another node already"),
        ({"nodes.0.instrument": "ct"}, "meters[0].name", "measures no node"),
        ({"points.0.breaking_a": 32}, "points[0].breaking_a", "above twice devices[0].max_a"),
        ({"devices.0": GOOD["devices"][1] | {"name": "car"}}, "points[0].name", "no device's"),
        (
            {"meters.0.address": 2},
            "devices[1].address",
            "2 on rs485 is house meter's already, give ",
        ),
        (ANSWERS | {"island.device": "car"}, "island.device", "car is no converter"),
        (ANSWERS | NO_BATTERY, "island.capable", "needs a converter"),
        ({"island.device": "porch"}, "island.device", "one of devices: car, battery"),
        (ANSWERS | {"devices.1.legs": ["L1"]}, "devices[1].legs", "all legs"),
        (ANSWERS | {"devices.1.may_discharge": False}, "island.device", "may not discharge"),
        (MAY | {"devices.1.may_discharge": False}, "devices[1].relieves", "it cannot"),
        (MAY | {"devices.1.discharge_w": 0}, "devices[1].relieves", "discharge_w is 0"),
        (MAY | UNMEASURED, "devices[1].relieves", "no circuit above it is measured"),
        ({"devices.0.relieves": True}, "devices[0].relieves", "is no option of a point"),
        ({"devices.0.write_ms": 500}, "devices[0].write_ms", "is no option of a point"),
        ({"devices.1.timeout_ms": 20}, "devices[1].timeout_ms", "whole number from 50 to 2000 ms"),
        ({"devices.1.timeout_ms": 0.5}, "devices[1].timeout_ms", "whole number"),
        ({"devices.1.pause_ms": 1001}, "devices[1].pause_ms", "from 0 to 1000 ms"),
        ({"devices.1.write_ms": 10_001}, "devices[1].write_ms", "from 0 to 10000 ms"),
        ({"devices.1.dead_band_w": -1}, "devices[1].dead_band_w", "from 0 to 1000 W"),
        ({"meters.0.timeout_ms": 2001}, "meters[0].timeout_ms", "from 50 to 2000 ms"),
        ({"meters.0.pause_ms": -1}, "meters[0].pause_ms", "from 0 to 1000 ms"),
        ({"meters.0.gap_registers": 51}, "meters[0].gap_registers", "from 0 to 50"),
        (GATEWAY | {"devices.0.max_a": None}, "devices[0].max_a", "is missing"),
        (GATEWAY | {"devices.0.behind": "battery"}, "devices[0].behind", "car or both"),
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
    assert [e.split(":")[0] for e in loaded.errors] == ["devices[0].contactor", "island.capable"]


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


@pytest.mark.parametrize(
    ("name", "words"),
    [
        *(("", []), ("Garage-2", []), ("7", []), ("n" * 24, [])),
        ("-garage", ["neither begins nor ends"]),
        ("garage-", ["neither begins nor ends"]),
        ("my box", ["letters, digits and hyphens"]),
        ("box.local", ["letters, digits and hyphens"]),
        ("gärage", ["letters, digits and hyphens"]),
        ("n" * 25, ["network.name"]),
    ],
)
def test_a_host_name_is_a_label(name: str, words: list[str]) -> None:
    document = json.loads(json.dumps(GOOD)) | {"network": {"name": name}}
    errors = config.load(json.dumps(document), im.Image(), rights()).errors
    assert len(errors) == len(words)
    assert all(word in error for word, error in zip(words, errors, strict=True))


def test_no_page_is_allowed_without_a_network() -> None:
    document = json.loads(json.dumps(GOOD)) | {"http": {"port": 0}, "mqtt": {"host": ""}}
    board = rights(network=False)
    assert config.load(json.dumps(document), im.Image(), board).errors == []


@pytest.mark.parametrize(
    ("old", "words"),
    [
        ({"topology": "T1"}, "topology: follows from the devices"),
        ({"evse": {"node": "wallbox"}}, "evse: is a row of points and a row of devices"),
        ({"inverter": {}}, "inverter: is a row of devices of kind converter"),
        ({"meter": {}}, "meter: is a row of meters"),
        ({"bus": {}}, "bus: is a row of lines"),
    ],
)
def test_an_older_form_is_refused_with_what_to_write(old: dict[str, Any], words: str) -> None:
    loaded, _ = load(old)
    assert len(loaded.errors) == 1 and loaded.errors[0].startswith(words)
    assert "python -m tools.site upgrade" in loaded.errors[0]


# --- devices -----------------------------------------------------------------------------------


def column(image: im.Image, name: str) -> list[int]:
    """A device column of the car and of the battery."""
    at = getattr(im, name)
    return list(image.site[at : at + 2])


def test_a_kind_sets_what_is_not_said() -> None:
    loaded, image = load()
    assert loaded.errors == []
    assert column(image, "DEVICE_KIND") == [im.KIND_POINT, im.KIND_CONVERTER]
    assert column(image, "DEVICE_BEHIND") == [im.BEHIND_CAR, im.BEHIND_BATTERY]
    assert column(image, "DEVICE_LEAST") == [6_000, 0]
    assert column(image, "DEVICE_RANK") == [0, 1]
    assert column(image, "DEVICE_RESPONSE_MS") == [5_000, 2_000]
    assert column(image, "DEVICE_CONTACTOR") == [0, -1]
    assert column(image, "DEVICE_MAY_DISCHARGE") == [0, 1]
    assert column(image, "DEVICE_OWNS_PILOT") == column(image, "DEVICE_RELIEVES") == [0, 0]
    assert image.site[im.ISLAND_DEVICE] == 1, "the only converter"
    assert list(image.site[im.NODE_INSTRUMENT : im.NODE_INSTRUMENT + 3]) == [
        im.INSTRUMENT_METER,
        im.INSTRUMENT_POINT,
        im.INSTRUMENT_DEVICE,
    ]


@pytest.mark.parametrize(
    ("path", "value", "field", "filled"),
    [
        ("devices.0.pause_s", 60, im.DEVICE_PAUSE_MS, 60_000),
        ("devices.0.rank", 2, im.DEVICE_RANK, 2),
        ("devices.1.rank", 0, im.DEVICE_RANK + 1, 0),
        ("devices.1.least_w", 300, im.DEVICE_LEAST + 1, 300),
        ("devices.1.step_w", 100, im.DEVICE_STEP + 1, 100),
        ("devices.1.behind", "both", im.DEVICE_BEHIND + 1, im.BEHIND_CAR | im.BEHIND_BATTERY),
        ("devices.1.may_discharge", False, im.DEVICE_MAY_DISCHARGE + 1, 0),
        ("devices.1.relieves", True, im.DEVICE_RELIEVES + 1, 1),
        ("devices.1.dead_band_w", 0, im.DEVICE_DEAD_BAND_W + 1, 0),
        ("devices.1.dead_band_w", 40, im.DEVICE_DEAD_BAND_W + 1, 40),
        ("devices.1.charge_w", 500, im.DEVICE_DEAD_BAND_W + 1, 25),  # by what it delivers
        ("devices.1.discharge_w", 20_000, im.DEVICE_DEAD_BAND_W + 1, 100),
        ("devices.1.stop_ms", 300, im.DEVICE_STOP_MS + 1, 300),
        ("devices.1.shift_hz", 1.5, im.DEVICE_SHIFT_MHZ + 1, 1_500),
        ("devices.1.synchronises", True, im.DEVICE_SYNCHRONISES + 1, 1),
        ("points.0.contactor_close_ms", 90, im.POINT_CLOSE_MS, 90),
        ("points.0.auth_required", True, im.POINT_AUTH_REQUIRED, 1),
    ],
)
def test_an_option_fills_its_column(path: str, value: Any, field: int, filled: int) -> None:
    loaded, image = load({path: value})
    assert loaded.errors == [] and image.site[field] == filled


def test_legs_are_filled_in_the_device_s_own_order() -> None:
    loaded, image = load({"devices.1.legs": ["L1", "L2"]})
    assert loaded.errors == []
    assert list(image.site[im.DEVICE_LEG : im.DEVICE_LEG + 6]) == [0, 1, 2, 0, 1, -1]
    loaded, image = load({"devices.1.legs": ["L3", "L1"]})
    assert list(image.site[im.DEVICE_LEG : im.DEVICE_LEG + 6]) == [0, 1, 2, 2, 0, -1]
    assert loaded.errors == []


def test_each_meter_and_device_keeps_its_own_line_and_address() -> None:
    loaded, image = load(
        {
            "meters.1": {"name": "heat", "profile": "sdm630", "line": "rs485", "address": 7},
            "nodes.3": {"name": "heat", "parent": "service", "rating_a": 16, "instrument": "heat"},
        }
    )
    assert loaded.errors == []
    assert [row["address"] for row in loaded["meters"]] == [1, 7]
    assert image.site[im.NODE_INSTRUMENT + 3] == im.INSTRUMENT_METER
    assert loaded["devices"][1]["line"] == "rs485" and loaded["devices"][1]["base"] == 40_000


def test_a_pace_that_is_not_said_voids_no_record() -> None:
    """What is said enters the hash of a proof, what is as by default does not."""
    usual = load({})[0].wiring
    as_usual = {"devices.1.write_ms": 500, "meters.0.gap_registers": 10}
    assert usual and load(as_usual)[0].wiring == usual
    for said in ("devices.1.pause_ms", "devices.1.dead_band_w", "meters.0.timeout_ms"):
        assert load({said: 60})[0].wiring != usual


def test_a_line_needs_a_transceiver_of_the_board() -> None:
    document = json.loads(json.dumps(GOOD)) | {"lines": [{"name": "rs485"}, {"name": "can"}]}
    assert config.load(json.dumps(document), im.Image(), BOARD).errors == []
    loaded = config.load(json.dumps(document), im.Image(), rights(lines=1))
    assert loaded.errors == ["lines[1].name: this circuit board has 1 RS-485 line(s)"]


def test_a_point_s_device_may_bear_its_name_and_no_other_device() -> None:
    same = {"points.0.name": "car", "devices.0.contactor": "car"}
    loaded, image = load(same)
    assert loaded.errors == [] and image.site[im.NODE_INSTRUMENT + 1] == im.INSTRUMENT_POINT
    loaded, _ = load(same | {"points.0.name": "battery", "devices.0.contactor": "battery"})
    assert loaded.errors == ["points[0].name: battery is used twice"]


def test_a_device_that_forms_is_found_by_its_name() -> None:
    loaded, image = load(ANSWERS)
    assert loaded.errors == [] and image.site[im.ISLAND_DEVICE] == 1


def test_every_column_is_filled_by_an_option_or_a_rule() -> None:
    """DEVICE_* and POINT_* of the site: nothing stays at its start by oversight."""
    filled = {row[6] for _, options, _, _ in LISTS for row in options}
    filled |= {row[0] for row in FIXED}
    derived = {im.DEVICE_FITS, im.DEVICE_CERTIFIED, im.DEVICE_LEGS, im.POINT_DEVICE}
    for name, index, *_ in im.SITE.rows:
        if name.startswith(("DEVICE_", "POINT_")):
            assert index in filled | derived, name
