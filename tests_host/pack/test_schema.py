"""The JSON schema of families agrees with the packer on each field, and cannot fall behind it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tools.pack import PackError, profiles
from tools.pack.schema import FILE, main, printed, schema

SCHEMA = Draft202012Validator(schema())
PATHS = sorted(path for path in FILE.parent.glob("*.json") if path != FILE)
FAMILIES = {path.stem: json.loads(path.read_text()) for path in PATHS}
GONE = object()


def test_it_is_printed_from_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    Draft202012Validator.check_schema(json.loads(FILE.read_text()))
    assert FILE.read_text() == printed(), "run: python -m tools.pack.schema"
    assert main(["--check"]) == 0
    with pytest.raises(SystemExit):
        main(["--help"])
    assert FILE.name in capsys.readouterr().out


@pytest.mark.parametrize("name", FAMILIES)
def test_families_keep_to_it(name: str) -> None:
    assert FAMILIES[name]["$schema"] == FILE.name
    assert not list(SCHEMA.iter_errors(FAMILIES[name]))


def fields(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every field of a document, by its path; of a list its first and last alone."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(value, list) and key not in (0, len(value) - 1):
            continue
        yield (*path, key)
        if isinstance(item, (dict, list)):
            yield from fields(item, (*path, key))


def accepted(document: dict[str, Any]) -> bool:
    try:
        profiles.pack(document)
    except PackError:
        return False
    return True


def damaged(document: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    out = copy.deepcopy(document)
    place: Any = out
    for key in path[:-1]:
        place = place[key]
    if value is GONE:
        del place[path[-1]]
    elif value is list:  # something that nobody knows, beside it
        place["colour" if isinstance(place, dict) else 0] = "red"
    else:
        place[path[-1]] = value
    return out


# What only the packer knows: who is cited, values of a type, neighbours, what belongs together.
INSIDE = ("plans", "states", "sources")
BEYOND = ("from", "leg", "none", "write", "least_s", "most_s", "rows", "writes", "unit")


def beyond(path: tuple[Any, ...]) -> bool:
    names = [key for key in path if isinstance(key, str)]
    return names[-1] in BEYOND or bool(set(names) & set(INSIDE)) or names == ["writes", "name"]


@pytest.mark.parametrize("name", ["sdm630", "sungrow_sh", "growatt_vpp", "wallbox_quasar"])
def test_every_field_by_itself(name: str) -> None:
    """Removed, or set to a few values. What the packer takes the schema takes; what it refuses the
    schema refuses, except where fields have to go together."""
    verdicts = {True: 0, False: 0}
    for path in fields(FAMILIES[name]):
        for value in (GONE, list, 2, -1, 1 << 40, "hold", None, [], {}):
            document = damaged(FAMILIES[name], path, value)
            packs, valid = accepted(document), SCHEMA.is_valid(document)
            assert valid or not packs, (path, value)
            assert packs or not valid or beyond(path), (path, value)
            verdicts[valid] += 1
    assert min(verdicts.values()) > 20, "worth nothing if all cases fell on one side"
