# islet: whatever comes in wrong is told by its name, and nothing dangerous follows.
# GPL-3.0-or-later
from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware import image as im
from tests_host.fields import EVSE
from tests_host.system.kit import ROOT, TOKEN, Box, ask, document, quiet, written
from tools.twin import __main__ as cli
from tools.twin import record, scene
from tools.twin.buses.devices import sdm630

ENERGISED = (
    "contactor_closings", "opened_under_load", "car_wh", "charged_wh", "discharged_wh",
)  # fmt: skip

# --- configuration -----------------------------------------------------------------------------


def site(**changes: Any) -> bytes:
    return json.dumps(document(**{f"site__{k}": v for k, v in changes.items()})["site"]).encode()


GOOD = site()
CONFIGURATIONS = {
    "empty": (b"", "configuration: is not JSON"),
    "garbage": (b"\x00\x01{]garbage", "configuration: is not JSON"),
    "not UTF-8": (GOOD.replace(b"sunny day", b"s\xff\xfe"), "configuration: cannot be read"),
    "cut off": (GOOD[: len(GOOD) // 2], "configuration: is not JSON"),
    "a list": (b"[1, 2]", "configuration: is not an object"),
    "too deep": (b'{"a":' * 1300 + b"1" + b"}" * 1300, ""),
    "deep value": (GOOD.replace(b'"legs": 3', b'"legs": ' + b"[" * 900 + b"]" * 900), ""),
    "as large as a film": (b"[" + b" " * 5_000_000 + b"]", "configuration: "),
    "too large": (GOOD[:-1] + b" " * 9000 + b"}", "configuration: "),
    "missing": (site(nodes=[]), "nodes: is not a list of 1 to "),
    "no limit": (GOOD.replace(b'"rating_a": 25, ', b""), "nodes[0].rating_a: is missing"),
    "wrong rating": (GOOD.replace(b'"rating_a": 25', b'"rating_a": -25'), "nodes[0].rating_a: "),
    "rating as text": (GOOD.replace(b'"rating_a": 25', b'"rating_a": "25"'), "nodes[0].rating_a:"),
    "huge rating": (GOOD.replace(b'"rating_a": 25', b'"rating_a": 1e300'), "nodes[0].rating_a: "),
    "infinite": (GOOD.replace(b'"rating_a": 25', b'"rating_a": Infinity'), ""),
    "not a number": (GOOD.replace(b'"max_a": 16', b'"max_a": NaN'), ""),
    "misspelt": (GOOD.replace(b'"max_a"', b'"max_amps"'), "devices[0].max_amps: unknown option"),
    "legs": (site(legs=4), "legs: 4 is not a whole number from 1 to 3"),
    "section": (site(island=[1]), "island: is not an object"),
    "secret": (site(http={"port": "eighty"}), "http.port: "),
    "no such code": (site(grid_code="none"), 'grid_code: "none" is not one of '),
    "no such node": (
        GOOD.replace(b'"node": "wallbox"', b'"node": "garage"'),
        'devices[0].node: "garage"',
    ),
    "of before": (site(evse={"node": "wallbox"}), "evse: is a row of points"),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_bad_configuration_energises_nothing_and_is_named(tmp_path: Path, name: str) -> None:
    """The unit runs on, in virtual time, and no contact of the house ever moves."""
    text, words = CONFIGURATIONS[name]
    box = Box(tmp_path, document(), seconds=3, site_text=text).whole()
    assert box.code in (0, 1), box.output
    assert quiet(box.output)
    said = [line for _, line in box.lines("chip")]
    assert said and all(line.startswith("configuration: ") for line in said)
    assert any(line.startswith("configuration: " + words) for line in said), said
    figures = box.summary["figures"]
    assert {key: figures[key] for key in ENERGISED} == dict.fromkeys(ENERGISED, 0)
    assert box.summary["restarts"] == 0, "guard and watchdog run"
    contacts = [line for _, line in box.lines("house") if not line.startswith("contact enable")]
    assert [line for line in contacts if "contactor" in line or "bond" in line] == []


def test_its_page_stays_up_and_names_the_field(tmp_path: Path) -> None:
    text = GOOD.replace(b'"rating_a": 25', b'"rating_a": -25')
    with Box(tmp_path, document(), speed="1", site_text=text) as box:
        state = box.state()
        assert len(state["site"]["config_errors"]) == 1
        assert state["site"]["config_errors"][0].startswith("nodes[0].rating_a: -25 is not ")
        assert "configuration" in state["why"]["text"].lower(), state["why"]["text"]
        assert state["outputs"]["on"] == [] and state["outputs"]["permitted"] == []
        status, answer = box.command({"command": "goal", "goal": "charge"})
        assert (status, answer["field"]) == (503, "configuration")
        assert not box.truth["evse.closed"] and box.truth["inverter.w"] == 0
        assert box.truth["island_closed"], "the house keeps its supply (INV-12)"
    assert quiet(box.output), box.output


# --- scenario and command line -------------------------------------------------------------------

SCENARIOS: list[tuple[str, Callable[[dict[str, Any]], Any], str]] = [
    ("missing", lambda s: s.pop("house"), "house"),
    ("unknown", lambda s: s["house"].update(roof=1), "house.roof"),
    ("type", lambda s: s["house"].update(legs="three"), "house.legs"),
    ("range", lambda s: s["house"].update(legs=7), "house.legs"),
    ("huge", lambda s: s["house"]["circuits"][0].update(breaker_a=1e12), "circuits[0].breaker_a"),
    ("time", lambda s: s.update(start="tomorrow"), "start"),
    ("event", lambda s: s["events"].append({"at_s": 1, "set": "car.plgd", "to": 1}), "events[0]."),
    ("fault", lambda s: s["events"].append({"at_s": 1, "bus": "pot", "fault": "x"}), "events[0]"),
    ("fact", lambda s: s["expect"].append({"that": "luck", "at_least": 1}), "expect[0].that"),
    ("image", lambda s: s["expect"].append({"that": "islet.LUCK", "equals": 1}), "expect[0]."),
    ("circle", lambda s: s["house"]["circuits"][0].update(parent="roof"), "circuits"),
    ("trace", lambda s: s.update(traces=[{"csv": "no.csv", "drives": "pv.cloud"}]), "traces[0]"),
    ("site", lambda s: s.update(site="nowhere.json"), "site"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "field"), [s[1:] for s in SCENARIOS], ids=[s[0] for s in SCENARIOS]
)
def test_a_bad_scenario_is_one_line_naming_the_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[..., Any], field: str
) -> None:
    story = document()
    spoil(story)
    assert cli.main(["--scenario", str(written(tmp_path, story)), "--seconds", "1"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err, said.err
    assert said.err.startswith("islet: ") and field in said.err
    told = said.err.splitlines()
    assert len(told) == 1 or all(line.startswith("  ") for line in told[1:]), "one line each"


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "JSON"), (b"{", "JSON"), (b"\xff\xfe\x00", ""), (b"[]", ""), (b"[" * 100_000, "")],
    ids=["empty", "cut", "binary", "list", "deep"],
)  # fmt: skip
def test_a_scenario_that_is_no_scenario(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, words: str
) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    assert cli.main(["--scenario", str(path), "--seconds", "1"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("islet: ") and words in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--speed", "2"], "--speed"),
        (["--seconds", "0"], "--seconds"),
        (["--seconds", "nan"], "--seconds"),
        (["--seed", "-1"], "--seed"),
        (["--seed", "1.5"], "--seed"),
        (["--scenario", "/nowhere/at/all.json"], "all.json"),
        (["--scenario", "/"], "/"),
        (["--circuit", "toaster"], "toaster"),
        (["--events", "/nowhere/at/all", "--seconds", "1"], "/nowhere/at/all"),
        (["--record", "/nowhere/at/all", "--seconds", "1"], "/nowhere/at/all"),
        (["--picture", "/nowhere/at/all", "--seconds", "1"], "/nowhere/at/all"),
        (["--frobnicate"], "--frobnicate"),
        (["replay", "/nowhere/at/all"], "/nowhere/at/all"),
        (["replay", "/"], "/"),
        (["replay"], "file"),
    ],
)
def test_bad_command_lines(arguments: list[str], words: str) -> None:
    """As a person types them: the option's name, the exit code 2, no traceback."""
    command = [sys.executable, "-m", "tools.twin", "--speed", "max", *arguments]
    if arguments[0] == "replay":
        del command[3:5]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done.stderr
    assert quiet(done.stderr) and words in done.stderr.splitlines()[-1], done.stderr


# --- HTTP ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with Box(tmp_path_factory.mktemp("live"), document(), speed="1") as box:
        yield box
    assert quiet(box.output), box.output


BODIES = [
    (b"", "body"), (b"{", "body"), (b"\xff\xfe", "body"), (b"[" * 900, "body"),
    (b"[]", "command"), (b"{}", "command"), (b'{"command": 5}', "command"),
    (b'{"command": "self-destruct"}', "command"),
    (b'{"command": "goal"}', "goal"), (b'{"command": "goal", "goal": 7}', "goal"),
    (b'{"command": "goal", "goal": ' + b"[" * 400 + b"]" * 400 + b"}", "body"),
    (b'{"command": "charge_ma", "charge_ma": 1e9}', "charge_ma"),
    (b'{"command": "charge_ma", "charge_ma": 5000}', "charge_ma"),
    (b'{"command": "charge_ma", "charge_ma": null}', "charge_ma"),
    (b'{"command": "charge_ma", "charge_ma": NaN}', ""),
    (b'{"command": "target_w", "target_w": -5001}', "target_w"),
    (b'{"command": "target_w", "target_w": 1, "ttl_s": 0}', "ttl_s"),
    (b'{"command": "target_w", "target_w": 1, "watt": 2}', "watt"),
    (b'{"command": "reserve", "reserve_permille": 10}', "reserve_permille"),
    (b'{"command": "operator", "device": "evse", "release": true}', "command"),
]  # fmt: skip


def test_bad_bodies_name_the_field_and_change_nothing(live: Box) -> None:
    def asked() -> object:
        raw = live.get("/api/image")[1]["requests"]
        return {k: v for k, v in raw.items() if "AGE" not in k and "MARKET" not in k}

    before = asked()
    for body, field in BODIES:
        status, answer = live.command(body)
        assert status == 400 and not answer["ok"], body
        assert field in answer["field"] and answer["error"] and answer["allowed"], (body, answer)
    assert live.command(b"x" * 3000)[0] == 413
    assert live.command({"command": "acknowledge"}, "wrong")[1]["field"] == "Authorization"
    assert ask(live.page + "api/nothing")[0] == 404
    assert asked() == before
    assert live.state()["http"]["failures"] == 0


# --- Modbus --------------------------------------------------------------------------------------


class LyingMeter:
    """The house's meter, but what it says of one quantity is wrong from `at_us` to `until_us`."""

    def __init__(self, stage: scene.Stage, quantity: str, value: float, at_us: int, until_us: int):
        self._meter, self._stage = stage._house.rows["meter"], stage
        self._quantity, self._value, self._from, self._until = quantity, value, at_us, until_us

    def __getattr__(self, name: str) -> Any:
        told = getattr(self._meter, name)
        if name != self._quantity or not self._from <= self._stage.session.now_us < self._until:
            return told
        return [self._value] * len(told) if isinstance(told, list | tuple) else self._value


LIES = [
    ("amps", float("nan"), "current L1"),
    ("amps", float("inf"), "current L1"),
    ("amps", 1e9, "current L1"),
    ("watts", float("-inf"), "power L1"),
    ("volts", -1e6, "voltage L1"),
    ("hz", float("nan"), "frequency"),
]


@pytest.mark.parametrize(("quantity", "value", "field"), LIES)
def test_a_meter_that_talks_nonsense_is_named_and_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quantity: str, value: float, field: str
) -> None:
    """From 9 s to 19 s: no reading takes the value, the panel counts on the worst meanwhile, and
    afterwards it goes on by itself (INV-4)."""
    kept: dict[str, scene.Stage] = {}
    original = scene.Stage._devices

    def lying(meter: Any, address: int, _look: Any) -> Any:
        liar: Any = LyingMeter(kept["stage"], quantity, value, 9_000_000, 19_000_000)
        return sdm630(liar, address)

    def devices(stage: scene.Stage, line: str, first: bool) -> Any:
        kept["stage"] = stage
        return original(stage, line, first)

    monkeypatch.setattr(scene, "sdm630", lying)
    monkeypatch.setattr(scene.Stage, "_devices", devices)
    story = document(site__owner__goal="charge", site__http={"token": TOKEN})
    box = Box(tmp_path, story, seconds=27).whole()
    assert box.code == 0 and quiet(box.output), box.output
    assert not box.summary["findings"]
    steps = [s for s in record.Recording(box.record_path).records() if isinstance(s, record.Step)]
    readings = [memoryview(s.readings).cast("i") for s in steps]
    assert all(abs(r[im.NODE_MA + leg]) < 40_000 for r in readings for leg in range(3))
    assert all(abs(r[im.NODE_W + leg]) < 10_000 for r in readings for leg in range(3))
    told = [s for _, s in box.published("state") if "lines" in s]
    errors = [text for s in told for text in s["lines"]["bus"]["meter"]["errors"]]
    assert any(text.startswith(field + ": ") for text in errors), errors
    assert not told[-1]["lines"]["bus"]["meter"]["errors"], "and it is over when it is over"
    offers = [
        (i, memoryview(s.commands).cast("i")[im.SETPOINT + EVSE]) for i, s in enumerate(steps)
    ]
    assert max(ma for i, ma in offers if 60 < i < 90) >= 6_000, "it charged before"
    assert max(ma for i, ma in offers if 150 < i < 185) == 0, "and stopped while it knew nothing"
