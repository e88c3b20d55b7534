# islet: what options and circuit board say together: refused by name, or shown as a warning.
# GPL-3.0-or-later
from __future__ import annotations

import hashlib
import hmac
import json
from types import SimpleNamespace
from typing import Any

import pytest

from firmware import config
from firmware import image as im
from firmware.chips.circuit import Rights
from firmware.config import seal
from tests_host.config.test_config import ANSWERS, GATEWAY, GOOD, change, rights
from tools.flash import site as flashed

CT = {"nodes.0.instrument": "ct", "meters": []}
SHORT_DELAY = {"grid_code_overrides.enter_delay_s": 10}


def load(changes: dict[str, Any], board: Any) -> tuple[config.Config, im.Image]:
    document = json.loads(json.dumps(GOOD))
    change(document, changes)
    image = im.Image()
    return config.load(json.dumps(document), image, board), image


def fields(sentences: list[str]) -> list[str]:
    return [sentence.split(":")[0] for sentence in sentences]


def circuit(**changes: Any) -> SimpleNamespace:
    """A circuit board whose hardware does all that an island needs, unless told otherwise."""
    usual: dict[str, Any] = {"rcd_breaks_enable": True, "heat_breaks_enable": True}
    usual |= {"bond_normally_open": True, "bond_hold_ms": 2000, "stop_cuts_supply": False}
    usual |= {"protective_conductor": 0, "has_outputs": lambda _bits: False}
    return SimpleNamespace(**usual | changes)


# --- what the circuit board carries ------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, []),
        ({"devices.0.max_a": 32}, []),
        ({"devices.0.max_a": 32.1}, ["devices[0].max_a"]),
        ({"devices.0.max_a": 63}, ["devices[0].max_a"]),
        ({"nodes.0.rating_a": 100}, []),  # its meter is not the board's
        (CT | {"nodes.0.rating_a": 100}, ["nodes[0].rating_a"]),
        (ANSWERS | {"nodes.0.rating_a": 64}, ["nodes[0].rating_a"]),  # through its switch
        (ANSWERS | {"nodes.0.rating_a": 63}, []),
        (GATEWAY | {"devices.0.charge_w": 22_000}, []),
        (
            GATEWAY | {"devices.0.charge_w": 23_000},
            ["devices[0].charge_w"],
        ),
        (
            GATEWAY | {"devices.0.discharge_w": 23_000},
            ["devices[0].discharge_w"],
        ),
    ],
)
def test_a_board_is_not_asked_to_carry_more_than_it_is_built_for(
    changes: dict[str, Any], refused: list[str]
) -> None:
    loaded, _ = load(changes, rights(evse_a=32, mains_a=63))
    assert fields(loaded.errors) == refused


def test_the_shipped_boards_say_what_they_carry() -> None:
    for name in ("pico", "esp32"):
        board = Rights(flashed.circuit(name), True)
        assert board.evse_a > 0 and board.mains_a > 0 and not board.bench


# --- the service -------------------------------------------------------------------------------


@pytest.mark.parametrize("instrument", ["none", "ct", "house meter"])
def test_a_service_that_nobody_measures_is_refused(instrument: str) -> None:
    loaded, _ = load(
        CT | {"nodes.0.instrument": instrument} if instrument != "house meter" else {}, rights()
    )
    assert ("nodes[0].instrument" in fields(loaded.errors)) is (instrument == "none")
    assert (loaded.errors == []) is (instrument != "none")


# --- bonds (INV-6) -----------------------------------------------------------------------------

US = {"legs": 2, "nominal_v": 120, "nominal_hz": 60, "grid_code": "ieee1547_cat3"}
US |= {"devices.0.legs": ["L1", "L2"], "devices.1.legs": ["L1", "L2"]}
CAPABLE = {"island.capable": True, "island.device": "battery"}


@pytest.mark.parametrize("switched", [True, False])
@pytest.mark.parametrize("device", [True, False])
@pytest.mark.parametrize("code", ["vde4105", "g99", "as4777a"])
def test_exactly_one_bond_or_refused(switched: bool, device: bool, code: str) -> None:
    """INV-6: service bond (neutral whole) + device's + islet's are one, in every answer."""
    answers = ANSWERS | {"island.neutral_switched": switched, "island.device_bonds": device}
    loaded, image = load(answers | {"grid_code": code}, rights())
    if loaded.errors:
        assert (switched and code == "as4777a") or (not switched and device)
        return
    bonds = (not switched) + device + bool(image.site[im.BOND_NEEDED])
    assert bonds == 1


def test_a_service_bonded_house_gets_no_second_bond() -> None:
    """INV-6: what is usual in the US, where nobody answered; in the simulated house alone."""
    loaded, image = load(CAPABLE | US, rights(bench=True))
    assert loaded.errors == [] and image.site[im.BOND_NEEDED] == 0
    asked = ["island.neutral_switched", "island.device_bonds", "island.electrode"]
    assert fields(loaded.warnings) == asked
    loaded, _ = load(CAPABLE | US, rights())
    assert fields(loaded.errors) == asked  # a real board guesses nothing
    loaded, _ = load(CAPABLE | {"island.bond": True} | US, rights(bench=True))
    assert fields(loaded.errors) == ["island.bond"]
    switched = {"island.neutral_switched": True}
    loaded, _ = load(CAPABLE | switched | US, rights(bench=True))
    assert fields(loaded.errors) == ["island.neutral_switched"]


@pytest.mark.parametrize("earthing", ["tn_s", "pme", "tt"])
def test_an_island_does_not_stand_on_the_street_s_earth(earthing: str) -> None:
    bare = ANSWERS | {"earthing": earthing, "island.electrode": False}
    loaded, _ = load(bare, rights())
    assert fields(loaded.errors) == ([] if earthing == "tn_s" else ["island.electrode"])


def test_a_gateway_that_forms_hangs_behind_an_rcd_that_stops_it() -> None:
    site = GATEWAY | ANSWERS
    for contact in ("rcd_breaks_enable", "heat_breaks_enable"):
        for breaks in (True, False):
            loaded, _ = load(site, rights(circuit=circuit(**{contact: breaks})))
            assert fields(loaded.errors) == ([] if breaks else ["island.capable"])


# --- what the circuit board's hardware does by itself -------------------------------------------


@pytest.mark.parametrize("rcd", [True, False])
@pytest.mark.parametrize("heat", [True, False])
@pytest.mark.parametrize("gateway", [{}, GATEWAY])
def test_what_breaks_the_enable_is_what_the_board_declares(
    rcd: bool, heat: bool, gateway: dict[str, Any]
) -> None:
    """safety.md 8; the simulated board is wired as its site needs it."""
    board = circuit(rcd_breaks_enable=rcd, heat_breaks_enable=heat)
    declared = im.IN_ESTOP | (im.IN_RCD if rcd else 0) | (im.IN_OVERTEMP if heat else 0)
    _, image = load(gateway, rights(circuit=board))
    assert image.site[im.ENABLE_INPUTS] == declared
    _, image = load(gateway, rights(circuit=board, bench=True))
    assert image.site[im.ENABLE_INPUTS] == (im.PROTECTION_INPUTS if gateway else declared)


@pytest.mark.parametrize("open_", [True, False])
def test_whether_the_bond_is_normally_open_is_the_board_s(open_: bool) -> None:
    _, image = load(ANSWERS, rights(circuit=circuit(bond_normally_open=open_)))
    assert image.site[im.BOND_NORMALLY_OPEN] == open_


@pytest.mark.parametrize("cuts", [True, False])
@pytest.mark.parametrize("said", [None, True, False])
def test_a_site_s_stop_cuts_no_less_than_its_board_s(cuts: bool, said: bool | None) -> None:
    site = ANSWERS | ({} if said is None else {"island.stop_cuts_supply": said})
    loaded, image = load(site, rights(circuit=circuit(stop_cuts_supply=cuts)))
    contradicts = cuts and said is False
    assert fields(loaded.errors) == (["island.stop_cuts_supply"] if contradicts else [])
    assert image.site[im.STOP_CUTS_SUPPLY] == (cuts or said is True)


@pytest.mark.parametrize(
    ("hold_ms", "stop_ms", "refused"),
    [(2000, 1900, False), (2000, 1901, True), (600, 500, False), (600, 501, True), (0, 20, True)],
)
@pytest.mark.parametrize("bond", [True, False])
def test_the_bond_holds_for_the_device_s_stop_time_and_a_margin(
    hold_ms: int, stop_ms: int, refused: bool, bond: bool
) -> None:
    """INV-18, also on the simulated board; nothing is asked where islet has no bond to hold."""
    site = ANSWERS | {"devices.1.stop_ms": stop_ms, "island.device_bonds": not bond}
    for bench in (True, False):
        board = rights(circuit=circuit(bond_hold_ms=hold_ms), bench=bench)
        loaded, _ = load(site, board)
        assert fields(loaded.errors) == (["devices[1].stop_ms"] if refused and bond else [])
        assert not loaded.errors or f"at most {hold_ms - 100}" in loaded.errors[0]


@pytest.mark.parametrize("synchronises", [True, False])
@pytest.mark.parametrize("before", [True, False])
def test_a_weld_shows_by_something(synchronises: bool, before: bool) -> None:
    site = ANSWERS | {"island.loads_before_switch": before}
    site["devices.1.synchronises"] = synchronises
    loaded, _ = load(site, rights())
    refused = synchronises and before
    assert fields(loaded.errors) == (["island.loads_before_switch"] if refused else [])


@pytest.mark.parametrize("bench", [True, False])
@pytest.mark.parametrize("seconds", [8.1, 12, 29, 30, 60])
def test_a_car_too_slow_for_inv_16_is_refused(seconds: float, bench: bool) -> None:
    """Its response and 2 s more are among INV-16's 10 s, and no charging point fits the static
    rule: its service is always measured."""
    loaded, _ = load({"devices.0.response_s": seconds}, rights(bench=bench))
    assert fields(loaded.errors) == ["devices[0].response_s"]


# --- between the legs --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "own", "most_va", "together", "weak"),
    [
        ("en50549", None, [0, 0], 0, False),
        ("vde4105", None, [4600, 4600], 0, False),
        ("vde4105", 3680, [3680, 3680], 1, False),
        ("vde4105", 4601, [4601, 4601], 1, True),
        ("vde4105", 0, [0, 0], 1, True),
        ("as4777a", None, [0, 5000], 0, False),
        ("as4777a", 5000, [5000, 5000], 1, False),
        ("en50549", 3680, [3680, 3680], 1, False),
    ],
)
def test_legs_differ_as_the_grid_code_has_it_or_the_site(
    code: str, own: int | None, most_va: list[int], together: int, weak: bool
) -> None:
    changes = {"grid_code": code} | ({} if own is None else {"unbalance_va": own})
    loaded, image = load(changes, rights(bench=True))
    assert loaded.errors == []
    assert list(image.site[im.UNBALANCE_VA : im.UNBALANCE_VA + 2]) == most_va
    assert image.site[im.UNBALANCE_TOGETHER] == together
    assert fields(loaded.warnings) == (["unbalance_va"] if weak else [])


# --- weaker than the rules ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "weak"),
    [
        ("grid_code_overrides.enter_delay_s", 59, True),
        ("grid_code_overrides.enter_delay_s", 60, False),
        ("grid_code_overrides.enter_delay_s", 300, False),
        ("grid_code_overrides.enter_ramp_s", 1, True),
        ("grid_code_overrides.dead_grid_s", 2, True),
        ("grid_code_overrides.dead_grid_s", 0, False),
        ("points.0.overcurrent_ms", 0, True),
        ("points.0.overcurrent_ms", 20, False),
        ("devices.0.response_s", 5, False),
        ("devices.0.response_s", 5.5, True),
        ("devices.0.response_s", 8, True),
    ],
)
def test_nothing_weaker_without_the_installer_s_key(path: str, value: float, weak: bool) -> None:
    loaded, _ = load({path: value}, rights())
    named = [path.replace(".0.", "[0].")] if weak else []
    assert fields(loaded.errors) == named
    loaded, _ = load({path: value}, rights(bench=True))
    assert loaded.errors == [] and fields(loaded.warnings) == named


def test_the_seal_is_an_hmac_over_what_is_weaker() -> None:
    loaded, _ = load(SHORT_DELAY, rights())
    text = b"grid_code_overrides.enter_delay_s=10"
    for key in (b"secret", b"x" * 100):
        wanted = hmac.new(key, text, hashlib.sha256).hexdigest()[: seal.SEALED]
        assert seal.made(key, loaded.weaker) == wanted


def test_a_sealed_site_runs_on_the_board_with_the_key_alone() -> None:
    """And not when one of its weaker values was changed since."""
    document = json.loads(json.dumps(GOOD)) | {"grid_code_overrides": {"enter_delay_s": 10}}
    sealed = flashed.sealed(json.dumps(document).encode(), b"secret")
    for key, good in ((b"secret", True), (b"other", False), (b"", False)):
        assert (config.load(sealed, im.Image(), rights(key=key)).errors == []) is good
    changed = sealed.replace(b'"enter_delay_s": 10', b'"enter_delay_s": 5')
    assert changed != sealed
    assert config.load(changed, im.Image(), rights(key=b"secret")).errors
    plain = json.dumps(GOOD).encode()
    assert flashed.sealed(plain, b"secret") == plain


# --- what make flash says is what the board says -----------------------------------------------


@pytest.mark.parametrize("network", [False, True])
def test_flash_refuses_what_a_board_without_network_refuses(network: bool) -> None:
    document = json.loads(json.dumps(GOOD)) | {"http": {"port": 80}, "mqtt": {"host": "broker"}}
    loaded = flashed.loaded(json.dumps(document).encode(), "pico", network)
    assert fields(loaded.errors) == ([] if network else ["mqtt.host", "http.port"])


@pytest.mark.parametrize(
    ("code", "earthing", "watched"),
    [("g99", None, 1), ("g99", "tt", 0), ("g99", "pme", 1), ("en50549", None, 0)],
)
def test_a_lost_pen_is_looked_for_where_the_site_says_so(
    code: str, earthing: str | None, watched: int
) -> None:
    """And where nobody said, under the code of Great Britain. Protection is claimed by declaration
    alone."""
    for declared in (0, 1, 2):
        site = {"grid_code": code} | ({"earthing": earthing} if earthing else {})
        loaded, image = load(site, rights(circuit=circuit(protective_conductor=declared)))
        assert not loaded.errors
        assert image.site[im.PEN_WATCH] == watched
        warned = any("body live" in text for text in loaded.warnings)
        assert warned == (watched == 1 and declared == 0)
