"""Wi-Fi against a strict network.WLAN of both ports: every state, every failure."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware.sockets import wifi, words
from firmware.sockets.radio import CALLS, ESP32, RP2
from tests_host.sockets.kit import CASA, NAME, PORTS, Box, home
from tests_host.sockets.world import Router, World

BOTH = pytest.mark.parametrize("port", PORTS)


@BOTH
def test_it_joins_and_says_so(tmp_path: Path, port: str) -> None:
    box = Box(tmp_path, port, World(home()), (CASA,))
    assert box.until(wifi.JOINED, 20) < 10
    state = box.wifi.state()
    assert state["address"] == "192.168.1.23" and state["router"] == "192.168.1.1"
    assert state["network"] == "casa" and state["reason"] == "" and state["rssi_dbm"] == -50
    assert box.world.host == NAME and box.world.country_code == "DE"
    assert not box.world.seen, "no access point is needed"
    assert box.notes == ["Joined the Wi-Fi of casa."]


@BOTH
def test_a_fixed_address_needs_no_server(tmp_path: Path, port: str) -> None:
    router = home()
    router.dhcp = False
    fixed = {"network.address": "192.168.7.9", "network.router": "192.168.7.1"}
    box = Box(tmp_path, port, World(router), (CASA,), **fixed)
    box.until(wifi.JOINED, 20)
    assert box.wifi.state()["address"] == "192.168.7.9"
    assert box.wifi.state()["router"] == "192.168.7.1"


FAILURES = {  # what is wrong with the router -> what is said
    "wrong": "its password is wrong",
    "missing": "is not found",
    "full": "does not let it in",
    "mute": "in time",
}


def harm(router: Router, what: str) -> None:
    if what == "wrong":
        router.key = "buonasera"
    elif what == "missing":
        router.up = False
    else:
        setattr(router, what, True)


@BOTH
@pytest.mark.parametrize("what", FAILURES)
def test_each_failure_has_its_words(tmp_path: Path, port: str, what: str) -> None:
    world = World(home())
    harm(world.routers[0], what)
    box = Box(tmp_path, port, world, (CASA,))
    box.until(wifi.PAUSED, 60)
    assert FAILURES[what] in box.wifi.reason and "casa" in box.wifi.reason
    assert "again in 5 s" in box.wifi.reason
    world.routers[0] = home()
    box.until(wifi.JOINED, 100)


def test_without_an_address_it_is_not_joined(tmp_path: Path) -> None:
    world = World(home())
    world.routers[0].dhcp = False
    box = Box(tmp_path, "rp2", world, (CASA,))
    box.until(wifi.PAUSED, 60)
    assert "casa gives no address" in box.wifi.reason
    world.routers[0].dhcp = True
    box.until(wifi.JOINED, 60)


@BOTH
def test_they_are_tried_in_their_order(tmp_path: Path, port: str) -> None:
    shop, world = ("shop", "vegetables", False), World(home(), Router("shop", "vegetables"))
    box = Box(tmp_path, port, world, (shop, CASA))
    box.until(wifi.JOINED, 20)
    assert box.wifi.state()["network"] == "shop"
    world.routers[1].up = False
    box.until(wifi.SEEKING, 20)
    box.until(wifi.JOINED, 60)
    assert box.wifi.state()["network"] == "casa"


@BOTH
def test_pauses_grow_and_end(tmp_path: Path, port: str) -> None:
    box = Box(tmp_path, port, World(), (CASA,)).run(1_500)
    entered = [ms for ms, state in box.moments if state == wifi.PAUSED]
    left = [b[0] for a, b in zip(box.moments, box.moments[1:], strict=False) if a[0] in entered]
    pauses = [(b - a) / 1000 for a, b in zip(entered, left, strict=False)]
    assert len(pauses) >= 8
    for pause, due in zip(pauses, [*wifi.PAUSES_S, 300, 300], strict=False):
        assert due <= pause <= due + 3, "3 s where the access point went up meanwhile"
    box.world.routers.append(home())
    box.until(wifi.JOINED, 330)
    box.run(61)
    box.world.routers[0].up = False
    box.until(wifi.PAUSED, 60)
    assert "again in 5 s" in box.wifi.reason


@BOTH
def test_a_lost_router_is_found_again(tmp_path: Path, port: str) -> None:
    box = Box(tmp_path, port, World(home()), (CASA,))
    box.until(wifi.JOINED)
    box.world.routers[0].up = False
    box.run(9)
    assert box.wifi.at == wifi.JOINED, "a moment's silence is nothing"
    box.until(wifi.SEEKING, 3)
    box.step()
    assert "casa was lost" in box.wifi.reason and box.wifi.state()["address"] == "0.0.0.0"
    box.world.routers[0].up = True
    box.until(wifi.JOINED, 20)


def test_nothing_holds_the_loop_while_power_flows(tmp_path: Path) -> None:
    """The fake fails a test in which it does; here the wait is seen."""
    box = Box(tmp_path, "rp2", World(home()), (CASA,))
    box.world.energised = True
    box.run(30)
    assert box.wifi.at == wifi.OFF and "nothing is energised" in box.wifi.reason
    box.world.energised = False
    box.until(wifi.JOINED, 20)
    box.world.energised = True
    box.world.routers[0].up = False
    box.run(60)
    assert "nothing is energised" in box.wifi.reason
    assert box.wifi.state()["address"] == "0.0.0.0"
    box.world.routers[0].up = True
    box.run(60)
    box.world.energised = False
    box.until(wifi.JOINED, 20)


def test_an_esp32_joins_again_while_power_flows(tmp_path: Path) -> None:
    """Its connect() only sends a message."""
    box = Box(tmp_path, "esp32", World(home()), (CASA,))
    box.until(wifi.JOINED, 20)
    box.world.energised = True
    box.world.routers[0].up = False
    box.run(20)
    box.world.routers[0].up = True
    box.until(wifi.JOINED, 60)


# --- the access point -----------------------------------------------------------------------


@BOTH
def test_without_a_network_the_access_point_is_up_at_once(tmp_path: Path, port: str) -> None:
    box = Box(tmp_path, port, World(home())).run(12)
    assert box.wifi.at == wifi.ALONE and box.wifi.opened == "192.168.4.1"
    assert box.world.on_air is not None and box.world.on_air.name == NAME
    assert box.wifi.own() == {"name": NAME, "key": box.world.on_air.key, "up": True}
    assert box.wifi.radio.heard == (("casa", 1, -50),)
    key = box.known.own
    box.start()
    assert box.known.own == key, "the label stays true"


@BOTH
def test_it_waits_until_nothing_is_energised(tmp_path: Path, port: str) -> None:
    box = Box(tmp_path, port, World(), (CASA,)).run(5)
    box.world.energised = True
    box.run(400)
    assert not box.wifi.opened
    box.world.energised = False
    box.run(60)
    assert box.wifi.opened


@BOTH
def test_it_is_up_when_none_was_reached_for_long_and_goes_down(tmp_path: Path, port: str) -> None:
    box = Box(tmp_path, port, World(), (CASA,)).run(280)
    assert not box.wifi.opened
    box.run(60)
    assert box.wifi.opened
    box.world.routers.append(home(channel=11))
    box.until(wifi.JOINED, 400)
    assert box.wifi.opened, "who typed it shall read that it works"
    box.run(45)
    assert not box.wifi.opened and box.world.on_air is None


@BOTH
def test_joining_from_the_access_point(tmp_path: Path, port: str) -> None:
    box = Box(tmp_path, port, World(home(channel=11))).run(12)
    assert box.wifi.type("casa", "buongiorno", False) == ""
    assert box.known.networks() == [CASA]
    box.until(wifi.JOINING, 30)
    moved = box.world.seen[-1]
    assert moved.channel == 11 and box.world.now_ms - moved.at_ms >= wifi.MOVED_MS, (
        "before it joins"
    )
    box.until(wifi.JOINED, 30)
    channels = [seen.channel for seen in box.world.seen]
    assert channels == [6, 11], "it moved once, before it joined"
    assert [s for _, s in box.moments][-3:] == [wifi.MOVING, wifi.JOINING, wifi.JOINED]


@BOTH
def test_a_wrong_password_returns_to_the_access_point(tmp_path: Path, port: str) -> None:
    box = Box(tmp_path, port, World(home(channel=11))).run(12)
    box.wifi.type("casa", "buonasera", False)
    box.until(wifi.PAUSED, 60)
    assert box.wifi.opened and "casa its password is wrong" in box.wifi.reason
    box.wifi.type("casa", "buongiorno", False)
    box.until(wifi.JOINED, 60)


@BOTH
def test_a_hidden_network(tmp_path: Path, port: str) -> None:
    box = Box(tmp_path, port, World(home(channel=11, hidden=True))).run(12)
    box.wifi.type("casa", "buongiorno", False)
    box.until(wifi.PAUSED, 30)
    assert "casa is not found" in box.wifi.reason
    box.wifi.type("casa", "buongiorno", True)
    box.until(wifi.JOINED, 60)


@BOTH
def test_what_is_typed_survives_a_power_cut(tmp_path: Path, port: str) -> None:
    box = Box(tmp_path, port, World()).run(12)
    assert box.wifi.type("casa", "buongiorno", True) == ""
    box.start()
    assert box.known.networks() == [("casa", "buongiorno", True)]
    box.world.energised = True
    assert "energised" in box.wifi.type("b", "12345678", False)


def test_an_access_point_that_does_not_take_its_key_stays_down(tmp_path: Path) -> None:
    """An ESP32 that refused its settings before it is up would be open for a moment."""
    box = Box(tmp_path, "esp32", World(home()))
    box.network.refuses_early = True
    box.run(60)
    assert not box.world.seen and not box.wifi.opened
    assert [n for n in box.notes if "not up" in n] == [
        "The box's own access point is not up: Wifi Invalid Mode."
    ]


def test_a_chip_that_does_not_answer_is_tried_again(tmp_path: Path) -> None:
    box = Box(tmp_path, "rp2", World(home()), (CASA,))
    box.until(wifi.SEEKING)
    box.world.broken = True
    box.until(wifi.BROKEN, 10)
    assert "the radio says" in box.wifi.reason
    box.run(60)
    box.world.broken = False
    box.until(wifi.JOINED, 200)


# --- the tables -------------------------------------------------------------------------------


def test_the_table_is_whole() -> None:
    for state, event, after, act in wifi.TABLE:
        assert 0 <= state < len(wifi.STATES) and 0 <= after < len(wifi.STATES) and event
        assert callable(getattr(wifi.Wifi, act))
    keys = [row[:2] for row in wifi.TABLE]
    assert len(set(keys)) == len(keys)
    left = {row[0] for row in wifi.TABLE}
    assert left == set(range(len(wifi.STATES))), "each state has a way out"
    for name, _ in wifi.STATES:
        assert hasattr(wifi.Wifi, "_in_" + name)


def test_every_status_has_its_meaning() -> None:
    for table in (words.RP2, words.ESP32):
        assert len({row[0] for row in table}) == len(table)
        assert {row[1] for row in table} >= {words.WAITS, words.IN, words.FAILED}
        for status, kind, text in table:
            assert words.meaning(table, status) == (kind, text)
            assert (kind == words.FAILED) <= bool(text)
        kind, text = words.meaning(table, 77)
        assert kind == words.FAILED and "77" in text
    assert {len(row) for row in CALLS} == {4} and (RP2, ESP32) == (1, 2)


# --- whatever happens -------------------------------------------------------------------------

OTHERS = ("good", "dhcp", "energised", "rest", "broken", "mended", "typed", "reset", "move")
EVENTS = st.lists(st.sampled_from([*FAILURES, *OTHERS]) | st.integers(1, 120), max_size=25)


def happen(box: Box, event: object) -> None:
    world = box.world
    router = world.routers[0]
    if isinstance(event, int):
        box.run(event)
    elif event in FAILURES:
        harm(router, str(event))
    elif event == "good":
        world.routers[0] = home(channel=router.channel)
    elif event == "dhcp":
        router.dhcp = not router.dhcp
    elif event in ("energised", "rest"):
        world.energised = event == "energised"
    elif event in ("broken", "mended"):
        world.broken = event == "broken" and not world.energised
    elif event == "typed":
        box.wifi.type("casa", "buongiorno", False)
    elif event == "reset":
        box.start()
    elif event == "move":
        router.channel = router.channel % 13 + 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(list(PORTS)), EVENTS)
def test_whatever_happens(port: str, events: list[object]) -> None:
    """The promises of kit.py after each step; and with a good network it ends joined."""
    with tempfile.TemporaryDirectory() as folder:
        box = Box(Path(folder), port, World(home()), (CASA,))
        for event in events:
            happen(box, event)
        box.world.energised = box.world.broken = False
        box.world.routers[0] = home()
        box.until(wifi.JOINED, 700)
        box.run(60)
        assert box.wifi.at == wifi.JOINED and not box.wifi.opened
