"""The JSON schema an editor completes by agrees with the validator on every shape."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from firmware.chips.circuit import Circuit
from tests_host.chips.kit import GONE, NAMES, place, read
from tools.pack import PackError
from tools.pack import circuits as boards
from tools.pack.circuits.__main__ import FILE, main, printed, schema
from tools.pack.circuits.tables import BOARD

CIRCUITS = {name: read(name) for name in NAMES}
SCHEMA = Draft202012Validator(schema())


def test_the_schema_is_printed_from_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    Draft202012Validator.check_schema(json.loads(FILE.read_text()))
    assert FILE.read_text() == printed(), "run: python -m tools.pack.circuits"
    assert main(["--check"]) == 0
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "circuit.schema.json" in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_boards_keep_to_it(name: str) -> None:
    assert CIRCUITS[name]["$schema"] == FILE.name
    assert not list(SCHEMA.iter_errors(CIRCUITS[name]))


def paths(value: Any, prefix: str = "") -> Iterator[str]:
    """Every field of a document, by its dotted path."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield f"{prefix}{key}"
        if isinstance(item, (dict, list)):
            yield from paths(item, f"{prefix}{key}.")


# no 1.0: JSON schema takes it for an integer, the validator does not
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**33), 2**33),
    st.integers(-1, 40),
    st.sampled_from(
        [1.5, "", "  ", "\t", "x", "up", "contactor", "hold", "pilot", "esp32", [], {}]
    ),
    st.lists(st.sampled_from(["contactor", "enable", "estop", "rcd", 1]), max_size=3),
)


@st.composite
def damage(draw: st.DrawFn) -> tuple[str, Any]:
    """A board with one to three fields set, removed, added, doubled or taken from elsewhere."""
    name = draw(st.sampled_from(NAMES))
    document: Any = copy.deepcopy(CIRCUITS[name])
    for _ in range(draw(st.integers(1, 3))):
        known = sorted(paths(document))
        container, key = place(document, draw(st.sampled_from(known)))
        match draw(st.sampled_from(["set", "remove", "add", "double", "move"])):
            case "set":
                container[key] = draw(VALUES)
            case "remove":
                del container[key]
            case "add" if isinstance(container, dict):
                container[draw(st.sampled_from(["leg", "adc", "channel", "also", "colour"]))] = 1
            case "double" if isinstance(container, list):
                container.append(copy.deepcopy(container[key]))
            case "move":
                other, from_key = place(document, draw(st.sampled_from(known[:40])))
                container[key] = copy.deepcopy(other.get(from_key)) if other is document else 1
            case _:
                pass
        if not document:
            break
    return name, document


def accepted(document: Any) -> bool:
    try:
        BOARD.check(document, "")
    except PackError:
        return False
    return True


@given(damage())
@settings(max_examples=200)
def test_schema_and_validator_agree_on_the_shape(case: tuple[str, Any]) -> None:
    _, document = case
    assert accepted(document) == SCHEMA.is_valid(document)


@given(damage())
@settings(max_examples=200)
def test_a_damaged_board_is_refused_or_packed_never_misread(case: tuple[str, Any]) -> None:
    """Whatever is in the JSON, the packer names a field, or the device reads what was written."""
    _, document = case
    try:
        packed = boards.pack(document)
    except PackError as refusal:
        assert refusal.field
        return
    circuit = Circuit(packed)
    assert SCHEMA.is_valid(document)
    assert circuit.name == document["name"]
    assert [row[1] for row in circuit.outputs] == [row["pin"] for row in document["outputs"]]
    assert [row[1] for row in circuit.inputs] == [row["pin"] for row in document["inputs"]]
    assert [meter.cs for meter in circuit.meters] == [
        row["cs"] for row in document.get("meters", [])
    ]


def test_every_field_by_itself() -> None:
    """Each field of a board removed, and set to a few values: the two agree, on either side."""
    verdicts = {True: 0, False: 0}
    for path in paths(CIRCUITS["pico"]):
        for value in (GONE, 2, -1, "hold", True, []):
            document = copy.deepcopy(CIRCUITS["pico"])
            container, key = place(document, path)
            if value is GONE:
                del container[key]
            else:
                container[key] = value
            verdict = accepted(document)
            assert verdict == SCHEMA.is_valid(document), (path, value)
            verdicts[verdict] += 1
    assert min(verdicts.values()) > 50, "worth nothing if all cases fell on one side"
