"""The packer: what is good becomes bytes, what is not is refused by file and field."""

from __future__ import annotations

import copy
import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from firmware.drivers.profile import Profile
from tests_host.conftest import RunDevice
from tools.pack import PackError
from tools.pack.__main__ import KINDS, ROOT, build, main, pack_file
from tools.pack.profiles import pack

SDM630 = json.loads((ROOT / "firmware/profiles/sdm630.json").read_text())


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("islet_data", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def driven(path: Path) -> bool:
    """Chargers have no driver, so they go into no image."""
    return json.loads(path.read_text()).get("role") != "charger"


def test_the_repository_is_valid_and_packs_the_same_twice(tmp_path: Path) -> None:
    assert main(["--check"]) == 0
    target = tmp_path / "data" / "islet_data.py"
    assert main(["--target", str(target)]) == 0
    first = target.read_bytes()
    stamp = target.stat().st_mtime_ns
    assert main(["--target", str(target)]) == 0
    assert target.read_bytes() == first and target.stat().st_mtime_ns == stamp
    data = load(target)
    for folder, packer, constant in KINDS:
        files = (ROOT / folder).glob("*.json")
        paths = sorted(path for path in files if not path.name.endswith(".schema.json"))
        entries = getattr(data, constant)
        entries = dict(zip(*entries, strict=True)) if isinstance(entries, tuple) else entries
        assert entries == {path.stem: pack_file(path, packer) for path in paths if driven(path)}


def test_check_writes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "islet_data.py"
    assert main(["--check", "--target", str(target)]) == 0
    assert not target.exists()


def test_micropython_reads_the_same_bytes(tmp_path: Path, run_device: RunDevice) -> None:
    assert main(["--target", str(tmp_path / "islet_data.py")]) == 0
    script = (
        "from islet_data import PROFILES; from firmware.drivers.profile import Profile;"
        "names, profiles = PROFILES; packed = profiles[names.index('sdm630')];"
        "print(Profile(packed).rows); print(packed.hex())"
    )
    rows, packed = run_device(script, tmp_path).splitlines()
    assert bytes.fromhex(packed) == pack(SDM630)
    assert rows == repr(Profile(pack(SDM630)).rows)


def test_what_is_packed_is_what_was_written() -> None:
    profile = Profile(pack(SDM630))
    assert (profile.timeout_ms, profile.sample_ms) == (SDM630["timeout_ms"], SDM630["sample_ms"])
    for row, source in zip(profile.rows, SDM630["rows"], strict=True):
        written = tuple(source.get(name, 1) for name in ("num", "den"))
        assert row[4] == source["register"] and row[7:9] == written


KNOWN = {
    "name": "x",
    "function": 3,
    "register": 11,
    "type": "u16",
    "values": [7],
    "from": ["mbmd"],
}


def test_an_identity_costs_a_chip_nothing() -> None:
    assert pack(SDM630 | {"identity": KNOWN}) == pack(SDM630)


def damaged(path: str, value: Any) -> dict[str, Any]:
    """The SDM630 with one field set (None: removed)."""
    document = copy.deepcopy(SDM630)
    *parents, last = path.split(".")
    place: Any = document
    for part in parents:
        place = place[int(part)] if part.isdigit() else place[part]
    key: Any = int(last) if last.isdigit() else last
    if value is None:
        del place[key]
    else:
        place[key] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        ("name", "", "name: '' is not a text"),
        ("sources", None, "sources: is not an object of name and where it is from"),
        ("rows.0.from", None, "rows[0].from: is not a list of 1 to 4 citations"),
        ("rows.0.from", [], "rows[0].from: is not a list of 1 to 4 citations"),
        ("rows.0.from.0", "hearsay p. 1", "rows[0].from: 'hearsay p. 1' does not begin with one"),
        ("rows.0.none", 1 << 32, "rows[0].none: 4294967296 is not an integer of 2 registers"),
        ("rows.0.states", {}, "rows[0].states: a state and a direction have them"),
        ("rows.0.mask", 1, "rows[0].mask: a fault has it"),
        ("identity", [], "identity: is not an object"),
        ("identity", {**KNOWN, "colour": 1}, "identity.colour: unknown"),
        ("identity", {**KNOWN, "name": ""}, "identity.name: '' is not a text"),
        ("identity", {**KNOWN, "type": "f32"}, "identity.type: 'f32' is not one of u16, u32"),
        ("identity", {**KNOWN, "values": []}, "identity.values: is not a list of 1 to 32"),
        ("identity", {**KNOWN, "values": [0]}, "identity.values: 0 is not an integer of 1"),
        ("identity", {**KNOWN, "from": ["no 1"]}, "identity.from: 'no 1' does not begin with"),
        ("ports", {}, "ports: is not an object with rtu, tcp or both"),
        ("ports.rtu.parity", "X", "ports.rtu.parity: 'X' is not one of N, E, O"),
        ("role", "fridge", "role: 'fridge' is not one of meter, converter"),
        ("timeout_ms", 5, "timeout_ms: 5 is not an integer from 20 to 2000"),
        ("timeout_ms", None, "timeout_ms: None is not an integer from 20 to 2000"),
        ("timeout_ms", True, "timeout_ms: True is not an integer from 20 to 2000"),
        ("word_order", "middle", "word_order: 'middle' is not one of high_first, low_first"),
        ("colour", "red", "colour: unknown, allowed are $schema, address"),
        ("rows", [], "rows: is not a list of 1 to 64 rows"),
        ("rows.0", "x", "rows[0]: is not an object"),
        ("rows.1.quantity", "charge", "rows[1].quantity: 'charge' is not one of voltage, current"),
        ("rows.1.leg", 4, "rows[1].leg: 4 is not 1, 2 or 3"),
        ("rows.1.leg", [1], "rows[1].leg: [1] is not 1, 2 or 3"),
        ("rows.10.leg", 1, "rows[10].leg: 1: frequency is of no leg"),
        ("rows.2.function", 6, "rows[2].function: 6 is not an integer from 3 to 4"),
        ("rows.2.register", 65_535, "rows[2].register: 65535 is not an integer from 0 to 65534"),
        ("rows.2.type", "f16", "rows[2].type: 'f16' is not one of f32, i32, u16, i16"),
        ("rows.2.num", 0, "rows[2].num: 0 is not an integer from 1 to 16383"),
        ("rows.2.den", 0.5, "rows[2].den: 0.5 is not an integer from 1 to 65535"),
        ("rows.2.sign", 2, "rows[2].sign: 2 is not 1, 0 or -1"),
        ("rows.2.every", 0, "rows[2].every: 0 is not an integer from 1 to 100"),
        ("rows.2.low", 400_000, "rows[2].high: 400000 mV is not above low, 400000 mV"),
        ("rows.2.high", 2**31, "rows[2].high: 2147483648 is not an integer from 0 to 600000"),
        ("rows.2.scale", 1, "rows[2].scale: unknown"),
        ("rows.1.leg", 1, "rows[1]: measures the same as rows[0]"),
        ("rows.7", None, "rows: leg 2 has no power"),
        ("rows.3.every", 2, "rows[3].every: current and power are read every time"),
    ],
)
def test_a_bad_profile_is_refused_by_field(path: str, value: Any, error: str) -> None:
    with pytest.raises(PackError) as raised:
        pack(damaged(path, value))
    assert str(raised.value).startswith(error)


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("bad.json", "{", "firmware/profiles/bad.json: line 1: is not JSON"),
        ("bad.json", "[]", "firmware/profiles/bad.json: document: is not a JSON object"),
        (
            "bad.json",
            '{"name": "a", "name": "b"}',
            "firmware/profiles/bad.json: name: given twice",
        ),
        ("Bad One.json", "{}", "firmware/profiles/Bad One.json: file name:"),
        ("bad.json", '{"name": "x"}', "firmware/profiles/bad.json: role: None is not one of"),
    ],
)
def test_a_bad_file_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, error: str
) -> None:
    shutil.copytree(ROOT / "firmware/profiles", tmp_path / "firmware/profiles")
    (tmp_path / "firmware/profiles" / name).write_text(text)
    target = tmp_path / "islet_data.py"
    assert main(["--root", str(tmp_path), "--target", str(target)]) == 1
    assert error in capsys.readouterr().err
    assert not target.exists()
    _, errors = build(tmp_path)
    assert len(errors) == 1  # the good one beside it is not blamed
