"""What hangs on a line: found at its speed, named, watched, recorded; and never written to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymodbus.simulator import DataType, SimData, SimDevice

from firmware import config
from firmware import image as im
from tests_host.config.test_config import GOOD, rights
from tests_host.twin.test_buses import make
from tools.flash import FlashError
from tools.probe import profiles, recording, report, scan
from tools.probe.__main__ import main
from tools.probe.bus import Bus, Host, Serial, opened
from tools.twin.buses import devices
from tools.twin.buses.line import Responder, Timing
from tools.twin.buses.recording import recorded
from tools.twin.buses.serial import SerialBus
from tools.twin.buses.tcp import RealGateway, Units


def on_a_line() -> dict[str, Any]:
    """A meter at 1, a SunSpec converter at 2, and at 3 a device that nobody knows."""
    _, meter, _, sunspec = make()
    strange = SimDevice(3, simdata=SimData(7, count=4, values=21_845, datatype=DataType.REGISTERS))
    return {
        "meter": devices.sdm630(meter, 1),  # type: ignore[arg-type]
        "inverter": sunspec.device,
        "strange": strange,
    }


@pytest.fixture
def gateway() -> Iterator[str]:
    found = RealGateway(Units(on_a_line()))
    found.start()
    yield f"127.0.0.1:{found.port}"
    found.stop()


@pytest.fixture
def wire() -> Iterator[str]:
    """19 200 baud; what is sent at another speed is noise there, as on a real wire."""
    there = on_a_line()
    serial = SerialBus(Responder(there), list(there.values()), Timing(19_200, "N"))
    serial.start()
    yield serial.path
    serial.stop()


def pasted(output: str) -> dict[str, Any]:
    return json.loads(output[output.index("\n{\n") :])


def test_over_tcp_it_names_all_and_says_what_to_paste(
    gateway: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--host", gateway, "--address", "1", "2", "3", "9"]) == 0
    said = capsys.readouterr().out
    assert "it is likely sdm630: " in said and "voltage L1: 230 V" in said
    assert "current L3: -1.25 A" in said and "frequency: 50.02 Hz" in said
    assert re.search(r"SunSpec at 40000: .+\n +models 1, 701", said)
    assert "unit 3 on" in said and "fits no profile" in said and "unit 9" not in said
    found = pasted(said)
    host, port = gateway.split(":")
    assert found["lines"] == [{"name": "line 1", "host": host, "port": int(port)}]
    assert found["meters"] == [
        {"name": "meter 1", "profile": "sdm630", "line": "line 1", "address": 1}
    ]
    assert found["devices"][0]["address"] == 2 and found["devices"][0]["base"] == 40_000


def filled(found: dict[str, Any], known: dict[str, Any], node: str) -> dict[str, Any]:
    """A site with what was pasted, once a person has said what only a person knows."""
    document = json.loads(json.dumps(known))
    said = {"node": node, "legs": ["L1", "L2", "L3"], "charge_w": 3000, "discharge_w": 0}
    devices = [row | {key: said[key] for key in report.OPEN} for row in found.get("devices", [])]
    for row in devices:
        if row.get("sun_w") == report.SUN_W:
            row["sun_w"] = 0
    places = [row for row in document["devices"] if row["kind"] != "converter"]
    document |= {"lines": found["lines"], "devices": [*places, *devices]}
    document["meters"] = found.get("meters", document["meters"])
    document.pop("forms_island", None)
    text = json.dumps(document)
    renamed = {}
    if "meters" in found:
        renamed = {row["name"]: found["meters"][0]["name"] for row in known["meters"]}
    if devices:
        old = next(row["name"] for row in known["devices"] if row["kind"] == "converter")
        renamed[old] = devices[0]["name"]
    for old, new in renamed.items():
        text = text.replace(f'"instrument": "{old}"', f'"instrument": "{new}"')
    return json.loads(text)


@pytest.fixture
def second() -> Iterator[str]:
    """Another line: a meter alone, at unit 5."""
    _, meter, _, _ = make()
    found = RealGateway(Units({"meter": devices.sdm630(meter, 5)}))  # type: ignore[arg-type]
    found.start()
    yield f"127.0.0.1:{found.port}"
    found.stop()


def test_several_lines_are_one_configuration_that_is_taken(
    gateway: str, second: str, wire: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two hosts and a wire, meters on each: pasted as it is, but for what only a person knows."""
    words = ["--port", wire, "--baud", "19200", "--host", f"{gateway},{second}"]
    assert main([*words, "--address", "1", "2", "5"]) == 0
    said = capsys.readouterr().out
    assert "devices[0].node: a name of nodes[]" in said
    assert "nodes[].instrument: names each meter" in said
    found = pasted(said)
    assert [line["name"] for line in found["lines"]] == ["line 1", "line 2", "line 3"]
    assert [(row["line"], row["address"]) for row in found["meters"] if row["address"] == 5] == [
        ("line 3", 5)
    ]
    known = next(row for row in GOOD["devices"] if row["kind"] == "converter")
    found["devices"] = found["devices"][1:]  # the same converter hangs on two of them
    site = filled(found, GOOD, known["node"])
    for node, meter in zip(site["nodes"], found["meters"], strict=True):
        node["instrument"] = meter["name"]
    text = json.dumps(site)
    assert config.load(text, im.Image(), rights()).errors == []


def test_on_a_wire_the_speed_is_found(
    wire: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pseudo-terminal has no speed, so the first that is tried finds it; that each is tried is
    asked below."""
    monkeypatch.setattr(scan, "USUAL", (1, 5))
    assert main(["--port", wire]) == 0
    found = pasted(capsys.readouterr().out)
    assert found["lines"] == [{"name": "line 1", "baud": 9600, "parity": "N"}]
    assert found["meters"][0]["address"] == 1


def test_every_usual_speed_is_tried_and_a_said_one_alone() -> None:
    one = Serial("/dev/x", 38_400, "O", 2)
    assert scan.speeds(one, True) == [one]
    tried = [(each.baud, each.parity, each.stop_bits) for each in scan.speeds(one, False)]
    assert tried == [(baud, parity, 2) for baud, parity in scan.SPEEDS]


def test_it_never_writes(gateway: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[int] = []
    answer = Units.answer

    def seen(self: Units, t_us: int, request: bytes, shown: Any = None) -> Any:
        asked.append(request[7])
        return answer(self, t_us, request, shown)

    monkeypatch.setattr(Units, "answer", seen)
    assert main(["--host", gateway, "--address", "1", "2", "3"]) == 0
    kept = tmp_path / "it.json"
    words = ["--host", gateway, "--address", "1", "--record", str(kept), "--spans", "0-80"]
    assert main(words) == 0
    assert set(asked) == {3, 4}


def test_a_recording_has_every_register(gateway: str, tmp_path: Path) -> None:
    kept = tmp_path / "it.json"
    words = ["--host", gateway, "--address", "3", "--record", str(kept), "--spans", "0-120"]
    assert main(words) == 0
    unit, found = recording.load(kept)
    assert unit == 3
    assert found == {
        3: dict.fromkeys(range(7, 11), 21845),
        4: dict.fromkeys(range(7, 11), 21845),
    }


def test_a_recording_served_by_the_twin_is_the_device_again(
    gateway: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "it.json"
    words = ["--host", gateway, "--address", "1", "--record", str(kept), "--spans", "0-120"]
    assert main(words) == 0
    again = RealGateway(Units({"it": recorded(kept, 1)}))
    again.start()
    try:
        capsys.readouterr()
        assert main(["--host", f"127.0.0.1:{again.port}", "--address", "1"]) == 0
    finally:
        again.stop()
    said = capsys.readouterr().out
    assert "it is likely sdm630: " in said and "current L3: -1.25 A" in said


def test_runs_of_registers_come_back(tmp_path: Path) -> None:
    found = {3: {0: 1, 1: 2, 9: 3}, 4: {}}
    recording.save(tmp_path / "a", 5, {"where": "x"}, found)
    assert recording.runs(found[3]) == [[0, 1, 2], [9, 3]]
    assert recording.load(tmp_path / "a") == (5, found)


GOOD_FILE = {"recording": 1, "unit": 5, "registers": {"3": [[0, 1, 2]], "4": []}}


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("recording", 2, "recording: is not 1"),
        ("unit", "5", "unit: '5' is not an integer from 0 to 255"),
        ("registers", {"1": []}, 'registers: is not an object of "3", "4" or both'),
        ("registers", {"3": [[0, 70_000]]}, "registers.3[0]: is not [first register, value"),
        ("registers", {"3": [[65_535, 1, 2]]}, "registers.3[0]: goes beyond register 65535"),
        ("registers", {"3": [[0, 1], [0, 2]]}, "registers.3[1]: register 0 is there already"),
    ],
)
def test_a_spoilt_recording_is_refused_by_field(
    tmp_path: Path, field: str, value: Any, says: str
) -> None:
    path = tmp_path / "it.json"
    path.write_text(json.dumps(GOOD_FILE))
    assert recording.load(path) == (5, {3: {0: 1, 1: 2}, 4: {}})
    path.write_text(json.dumps(GOOD_FILE | {field: value}))
    with pytest.raises(FlashError) as error:
        recording.load(path)
    assert says in str(error.value)


def test_it_watches(gateway: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--host", gateway, "--address", "1", "--watch", "--times", "1"]
    assert main(words) == 0
    assert "voltage L1: 230 V · voltage L2: 231.5 V" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "PORT=/dev/ttyUSB0 for an adapter, HOST="),
        (["--port", "/dev/nothing", "--baud", "9600"], "/dev/nothing cannot be opened"),
        (["--host", "127.0.0.1:x"], "HOST=127.0.0.1:x: 'x' is no port"),
        (["--host", "x", "--address", "300"], "ADDRESS=300 is no unit"),
        (["--host", "x", "--baud", "1"], "BAUD=1 is no speed"),
        (["--host", "x", "--record", "f", "--spans", "5-y"], "--spans 5-y is no range"),
        (["--host", "127.0.0.1:1"], "nobody answers at 127.0.0.1:1"),
        (["--host", "127.0.0.1:1", "--profile", "sdm63"], "PROFILE=sdm63 is none of islet's"),
    ],
)
def test_what_cannot_be_is_said_with_a_remedy(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    said = capsys.readouterr().out
    assert says in said and "remedy: " in said


def test_nobody_there(gateway: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", gateway, "--address", "77"]) == 1
    assert "nobody answers" in capsys.readouterr().out


class Told(Bus):
    """A device that says what it is told to, by (function, register)."""

    def __init__(self, words: dict[tuple[int, int], int]) -> None:
        self.words = words

    def read(self, unit: int, function: int, register: int, count: int) -> list[int] | None:
        asked = range(register, register + count)
        return [self.words[function, at] for at in asked]


@pytest.mark.parametrize(
    ("row", "words", "shown"),
    [
        ({"type": "u16", "num": 100}, [2304], "voltage L1: 230.4 V"),
        ({"type": "i16", "num": 100, "sign": -1}, [63_236], "voltage L1: 230 V"),
        ({"type": "u32", "num": 1}, [3, 33_392], "voltage L1: 230 V"),
        ({"type": "u32", "num": 1, "word_order": "low_first"}, [33_392, 3], "voltage L1: 230 V"),
        ({"type": "f32", "num": 1000}, [0x4366, 0], "voltage L1: 230 V"),
        ({"type": "u16", "none": 65_535}, [65_535], "voltage L1: not there"),
        ({"type": "u16", "none": [65_535, 0]}, [0], "voltage L1: not there"),
        ({"type": "f32", "num": 1000}, [0x7FC0, 0], "voltage L1: not a number"),
        ({"type": "u16", "num": 1000}, [900], "voltage L1: 900000, allowed 0 to 600000"),
    ],
)
def test_rows_are_read_as_their_profile_says(
    row: dict[str, Any], words: list[int], shown: str
) -> None:
    whole = {"quantity": "voltage", "leg": 1, "function": 4, "register": 5, **row}
    bus = Told({(4, 5 + i): word for i, word in enumerate(words)})
    assert str(profiles.look(bus, 1, whole, "high_first")) == shown


@pytest.mark.parametrize(("raw", "shown"), [(64, "state: 64, run"), (7, "not in the profile")])
def test_a_state_is_named(raw: int, shown: str) -> None:
    row = {"quantity": "state", "function": 4, "register": 5, "type": "u16"}
    row["states"] = {"off": [1, 2], "run": [0, 64]}
    assert shown in str(profiles.look(Told({(4, 5): raw}), 1, row, "high_first"))


def test_a_gateway_with_nobody_behind_is_nobody(gateway: str) -> None:
    host, port = gateway.split(":")
    with opened(Host(host, int(port)), 0.3) as bus:
        assert scan.there(bus, 1) and not scan.there(bus, 200)


FAMILIES = [name for name, each in profiles.known().items() if each["role"] != "charger"]


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_pasted_of_each_family_is_taken(name: str) -> None:
    """The site's own checker has nothing against it, but for what the installer has to seal."""
    fit = profiles.Fit(name, profiles.known()[name], [], clues=[profiles.clues.Clue(9, "x")])
    found = report.configuration([report.Found(Host("10.0.0.2"), 1, None, [fit])])
    assert bool(found) == (not fit.undriven)
    if not found:
        return
    legs = {row.get("leg") for row in fit.document["rows"]}
    if fit.role == "meter" and 3 not in legs:
        return  # knows no three legs, as this site has
    known = next(row for row in GOOD["devices"] if row["kind"] == "converter")
    site = json.loads(json.dumps(GOOD))
    if fit.role == "meter":
        site["devices"] = site["devices"][:1]
        site["nodes"][2]["instrument"] = "none"
        site.pop("island", None)
    else:
        found["lines"].append({"name": "rs485"})
        site["meters"].append(GOOD["meters"][0] | {"name": "battery meter", "address": 9})
        site["nodes"][2]["instrument"] = "battery meter"
    loaded = config.load(json.dumps(filled(found, site, known["node"])), im.Image(), rights())
    sealed = [error for error in loaded.errors if "installer" not in error]
    assert sealed == [], loaded.errors
