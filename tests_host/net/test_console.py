"""The console: the report, and a stop that is refused while something is energised."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from firmware import image as im
from firmware.people.names import Names
from firmware.people.published import Reader
from firmware.people.state import State
from tests_host.net.small_site import make_site, names_of


class Chip:
    """Of `machine`, `micropython` and `time` what the console calls."""

    def __init__(self) -> None:
        self.resets = 0
        self.ctrl_c: list[int] = []


@pytest.fixture
def chip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Chip:
    made = Chip()
    modules: dict[str, dict[str, Any]] = {
        "machine": {"reset": lambda: setattr(made, "resets", made.resets + 1),
                    "reset_cause": lambda: 3},
        "micropython": {"kbd_intr": made.ctrl_c.append, "const": lambda value: value},
        "time": {"sleep_ms": lambda _ms: None, "ticks_ms": lambda: 61_000},
        "islet_data": {"VERSION": "0.1.0", "CIRCUIT": "pico"},
        "gc": {"collect": lambda: None, "mem_free": lambda: 150, "mem_alloc": lambda: 90},
    }  # fmt: skip
    for name, values in modules.items():
        module = ModuleType(name)
        vars(module).update(values)
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("firmware.net.console", "firmware.maintenance"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.chdir(tmp_path)
    return made


class Stream:
    """What asyncio's StreamReader gives on the chip."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    async def read(self, _count: int) -> bytes:
        if not self._text:
            raise EOFError
        first, self._text = self._text[:1], self._text[1:]
        return first


def console(chip: Chip, image: im.Image, errors: list[str] | None = None) -> Any:
    module = importlib.import_module("firmware.net.console")
    board = SimpleNamespace(name="pico", console=None)
    return module.Console(board, image, "box", Names(image.site), errors or [])


def type_in(made: Any, text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "StreamReader", lambda _stream: Stream(text))
    with pytest.raises(EOFError):
        asyncio.run(made.run())


def quiet() -> im.Image:
    image = im.Image()
    image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
    return image


def test_the_report(
    chip: Chip, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image = quiet()
    point_only(image)
    image.site[im.NODE_COUNT] = 1
    image.site[im.NODE_INSTRUMENT] = im.INSTRUMENT_METER
    image.live[im.INPUTS_AGE_MS] = image.live[im.POINT_PILOT_AGE_MS] = 10
    image.live[im.NODE_AGE_MS] = 5_400
    image.live[im.INPUTS] = im.IN_ESTOP
    made = console(chip, image, ["evse.max_a: no"])
    made.add("extra", lambda: 7)
    type_in(made, b"noise \xff\x02\rislet report\r", monkeypatch)
    report = json.loads(capsys.readouterr().out)
    assert report["islet"] == "report"
    assert (report["name"], report["version"], report["circuit"]) == ("box", "0.1.0", "pico")
    assert (report["heap_free"], report["heap_total"]) == (150, 240)
    assert report["energised"] == []
    assert report["inputs"] == ["estop"]
    assert report["errors"] == ["evse.max_a: no"]
    assert (report["overlay"], report["storage"]) == ([], "")
    assert report["extra"] == 7
    states = dict(report["instruments"])
    assert states["inputs"] == states["pilot"] == "ok"
    assert states["proximity"] == "silent since start"
    assert states["node 0"] == "silent for 5 s"
    assert "grid voltage" not in states


def test_the_state_is_the_text_that_all_are_served_from(
    chip: Chip, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image = make_site()
    published = State(image, "Zähler", names_of(image)).published
    made = console(chip, image)
    made.publish(published)
    type_in(made, b"islet state\rislet report\r", monkeypatch)
    state, report = map(json.loads, capsys.readouterr().out.splitlines())
    assert state["islet"] == "state" and report["islet"] == "report"
    assert state["state"] == json.loads(bytes(published.text[: published.size]))
    assert state["state"]["site"]["name"] == "Zähler"
    assert published.number == 1 and published.readers == []


def test_a_state_that_is_written_anew_meanwhile_is_no_json(
    chip: Chip, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rather than of two moments; the next one is whole again."""
    image = make_site()
    published = State(image, "box", names_of(image)).published
    made = console(chip, image)
    made.publish(published)
    whole, count = Reader.__anext__, 0

    async def interrupted(reader: Reader) -> bytearray:
        nonlocal count
        count += 1
        if count == 2:
            published.number += 1
        return await whole(reader)

    monkeypatch.setattr(Reader, "__anext__", interrupted)
    type_in(made, b"islet state\rislet state\r", monkeypatch)
    cut, state = capsys.readouterr().out.splitlines()
    assert len(cut) < 1_200 and cut.startswith('{"islet": "state"')
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut)
    assert json.loads(state)["state"]["site"]["name"] == "box"
    assert published.readers == []


def point_only(image: im.Image, device: int = 0) -> None:
    image.site[im.DEVICE_KIND + device] = im.KIND_POINT
    image.site[im.DEVICE_NODE + device] = image.site[im.DEVICE_CONTACTOR + device] = 0
    image.site[im.POINT_DEVICE] = device


ALONE = " reads closed though its coil is off: welded, or not wired"


@pytest.mark.parametrize(
    ("field", "section", "value", "reason"),
    [
        (im.PERMITS, "commands", im.OUT_CONTACTOR, "the contactor is closed"),
        (im.OUTPUTS, "trips", im.OUT_CONTACTOR, "the contactor is closed"),
        (im.INPUTS, "live", im.IN_CONTACTOR, "the feedback contact of the contactor" + ALONE),
        (im.OUTPUTS, "trips", im.OUT_BOND, "the island's bond is closed"),
        (im.INPUTS, "live", im.IN_BOND, "the feedback contact of the island's bond" + ALONE),
        *(
            (im.ISLAND_STATE, "commands", state, "the house is off the grid")
            for state in range(im.ISLAND_STOPPING, im.ISLAND_LOCKOUT)
        ),
    ],
)
def test_no_stop_while_something_is_energised(
    chip: Chip, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    field: int, section: str, value: int, reason: str,
) -> None:  # fmt: skip
    image = quiet()
    point_only(image)
    image.site[im.ISLAND_CAPABLE] = 1
    getattr(image, section)[field] = value
    made = console(chip, image)
    type_in(made, b"islet stop\r", monkeypatch)
    assert json.loads(capsys.readouterr().out) == {"islet": "stop", "refused": [reason]}
    assert chip.resets == 0
    assert not Path("maintenance").exists()
    made.step(1000)
    made.step(1000)
    assert chip.ctrl_c == [-1]
    getattr(image, section)[field] = im.ISLAND_GRID if section == "commands" else 0
    if field == im.PERMITS:
        image.commands[im.PERMITS] = 0
    made.step(1000)
    assert chip.ctrl_c == [-1, 3]


@pytest.mark.parametrize("state", [im.ISLAND_SENSING, im.ISLAND_GRID, im.ISLAND_LOCKOUT])
def test_stopped_for_one_start(
    chip: Chip, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], state: int
) -> None:
    image = quiet()
    image.commands[im.ISLAND_STATE] = state
    image.trips[im.OUTPUTS] = im.OUT_ENABLE | im.OUT_LOADS  # drop safely on the grid
    made = console(chip, image)
    module = sys.modules["firmware.maintenance"]
    assert not module.held()
    type_in(made, b"islet stop\n", monkeypatch)
    assert json.loads(capsys.readouterr().out) == {"islet": "stop", "refused": []}
    assert chip.resets == 1
    assert module.held()
    assert not module.held()


@pytest.mark.parametrize("begins", [False, True])
def test_devices_are_told_before_a_stop_and_it_is_looked_once_more(
    chip: Chip, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], begins: bool
) -> None:
    """The last words take a while, in which a car may begin to charge."""
    image = quiet()
    point_only(image)
    made = console(chip, image)
    said = []

    async def leave() -> None:
        said.append("leave")
        if begins:
            image.commands[im.PERMITS] = im.OUT_CONTACTOR

    made.leave, made.stay = leave, lambda: said.append("stay")
    type_in(made, b"islet stop\r", monkeypatch)
    refused = json.loads(capsys.readouterr().out)["refused"]
    assert (len(refused), chip.resets) == ((1, 0) if begins else (0, 1))
    assert said == (["leave", "stay"] if begins else ["leave"])


def test_nobody_is_told_where_a_stop_is_refused(
    chip: Chip, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image = quiet()
    point_only(image)
    image.commands[im.PERMITS] = im.OUT_CONTACTOR
    made = console(chip, image)

    async def leave() -> None:
        raise AssertionError("told")

    made.leave = leave
    type_in(made, b"islet stop\r", monkeypatch)
    assert json.loads(capsys.readouterr().out)["refused"] and chip.resets == 0


def test_what_is_not_from_the_image_is_said(
    chip: Chip, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    overlay, storage = ModuleType("islet_overlay"), ModuleType("islet_storage")
    vars(overlay).update(MODULES=["firmware.core.vehicle.pilot"])
    vars(storage).update(trouble="no file system: 19")
    monkeypatch.setitem(sys.modules, "islet_overlay", overlay)
    monkeypatch.setitem(sys.modules, "islet_storage", storage)
    type_in(console(chip, quiet()), b"islet report\r", monkeypatch)
    report = json.loads(capsys.readouterr().out)
    assert report["overlay"] == ["firmware.core.vehicle.pilot"]
    assert report["storage"] == "no file system: 19"


def test_further_words(
    chip: Chip, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = console(chip, quiet())
    made.answer("readings", lambda: {"grid_mv": [1, 2]})
    type_in(made, b"islet readings\rislet reading\r", monkeypatch)
    said = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in said] == [{"islet": "readings", "grid_mv": [1, 2]}]


def test_what_is_told_in_pieces(
    chip: Chip, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = console(chip, quiet())
    made.tell("frames", lambda payload: ({"n": n, "of": payload.decode()} for n in range(2)))
    type_in(made, b"islet frames on bus\r", monkeypatch)
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert said == [{"n": n, "of": "on bus", "islet": "frames"} for n in range(2)]


@pytest.mark.parametrize("configured", [True, False])
def test_a_board_on_a_desk_can_be_stopped(
    chip: Chip, monkeypatch: pytest.MonkeyPatch, configured: bool
) -> None:
    """Its open inputs say closed; but no site, or this site, uses them."""
    image = quiet()
    image.live[im.INPUTS] = im.IN_CONTACTOR | im.IN_BOND
    if not configured:
        point_only(image)
    made = console(chip, image, [] if configured else ["nodes: missing"])
    type_in(made, b"islet stop\r", monkeypatch)
    assert chip.resets == 1


def test_long_lines_are_no_words(
    chip: Chip, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = console(chip, quiet())
    type_in(made, b"x" * 9000 + b"islet stop\r" + b"islet stop please\r", monkeypatch)
    assert capsys.readouterr().out == ""
    assert chip.resets == 0


def test_the_owners_commands_and_no_others(
    chip: Chip, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One table for MQTT, page and console; the operator's are not the owner's to give."""
    from firmware.people.asked import OWNER, TABLE
    from firmware.people.commands import Commands
    from firmware.policy import Policy

    image = make_site()
    owner = {
        "goal": "hold",
        "charge_a": 16,
        "charge_w": 3000,
        "discharge_w": 2500,
        "sun_start_s": 60,
        "sun_stop_s": 180,
        "sun_start_w": 0,
        "sun_stop_w": 0,
    }
    policy = Policy(image, {"owner." + key: value for key, value in owner.items()})
    commands = Commands(image, policy, names_of(image))
    made = console(chip, image)
    made.obey(lambda name, payload: commands.handle(name, payload, OWNER))
    lines = [
        b"islet acknowledge", b"islet goal self", b"islet authorise true", b"islet island never",
        b'islet operator {"device": "evse", "release": true}', b"islet nonsense", b"islet ",
    ]  # fmt: skip
    type_in(made, b"\r".join(lines) + b"\r", monkeypatch)
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["ok"] for row in said[:6]] == [True] * 4 + [False] * 2
    assert image.requests[im.ACKNOWLEDGE_SEQ] == 1
    assert image.requests[im.POINT_AUTHORISED] == 1
    assert image.requests[im.ISLAND_WISH] == -1
    assert policy.goal[0] == "self"
    assert "not yours" in said[4]["error"] and "not known" in said[5]["error"]
    for name, who, _ in TABLE:
        type_in(made, b"islet " + name.encode() + b"\r", monkeypatch)
        answer = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert ("not yours" in answer.get("error", "")) == (OWNER not in who), name
