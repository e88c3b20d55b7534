# islet: JSON as RFC 8259 says, against CPython's parser, on both interpreters.
# GPL-3.0-or-later
from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.base import json_kernel as kernel
from firmware.base import json_text, strict_json

# what came, what is said of it
REFUSED = [
    ('{"target_w":2,500}', "line 1, column 15: a name in double quotes is missing"),
    ('{"ttl_s":86 400}', "line 1, column 13: a comma or a closing bracket is missing"),
    ('{"dead_grid_s":0,2}', "line 1, column 18: a name in double quotes is missing"),
    ('{\n "a": 1,\n "a": 2\n}', "line 3, column 2: this field is given twice"),
    ('{"a":1,"\\u0061":2}', "line 1, column 8: this field is given twice"),
    ('{"ä":{"b":1},"c":2,"ä":3}', "line 1, column 20: this field is given twice"),
    ('{"a":1 "b":2}', "line 1, column 8: a comma or a closing bracket is missing"),
    ('{"a" 1}', "line 1, column 6: a colon is missing"),
    ("[1,]", "line 1, column 4: a value is missing"),
    ('{"a":1,}', "line 1, column 8: a name in double quotes is missing"),
    ("[1}", "line 1, column 3: a comma or a closing bracket is missing"),
    ("{]", "line 1, column 2: a name in double quotes is missing"),
    ("[1]]", "line 1, column 4: there is more behind the end"),
    ("1 2", "line 1, column 3: there is more behind the end"),
    ("[1,2", "line 1, column 5: it is cut short"),
    ('"abc', "line 1, column 5: it is cut short"),
    ("", "line 1, column 1: it is cut short"),
    (" \n ", "line 2, column 2: it is cut short"),
    ("nul", "line 1, column 1: no such value"),
    ("falsy", "line 1, column 1: no such value"),
    ("True", "line 1, column 1: no such value"),
    ("NaN", "line 1, column 1: no such value"),
    ("-Infinity", "line 1, column 2: not a number as JSON writes it"),
    ("01", "line 1, column 3: not a number as JSON writes it"),
    ("+1", "line 1, column 1: no such value"),
    (".5", "line 1, column 1: no such value"),
    ("5.", "line 1, column 3: not a number as JSON writes it"),
    ("1e", "line 1, column 3: not a number as JSON writes it"),
    ("1" * 33, "line 1, column 1: too long a number"),
    ('"\\x41"', "line 1, column 2: not an escape"),
    ('"\\', "line 1, column 2: it is cut short"),
    ('"\\u12g4"', "line 1, column 2: not an escape"),
    ('"\\ud83d"', "line 1, column 2: half of a surrogate pair"),
    ('"\\ud83d\\u0041"', "line 1, column 2: half of a surrogate pair"),
    ('"\\ude00"', "line 1, column 2: half of a surrogate pair"),
    ('"a\nb"', "line 1, column 3: a control character inside a text"),
    ("[" * 17, "line 1, column 17: nested too deep"),
    (b'"\xff"', "line 1, column 2: not UTF-8"),
    (b'"\xc0\xaf"', "line 1, column 2: not UTF-8"),
    (b'"\xed\xa0\x80"', "line 1, column 2: not UTF-8"),
    (b'"\xf4\x90\x80\x80"', "line 1, column 2: not UTF-8"),
]
TAKEN = [
    '"\\ud83d\\ude00"',  # what Python's json.dumps sends for an emoji
    '"\\u0000\\u001f\\b\\f\\n\\r\\t\\"\\\\\\/\\u007f\\u00e9\\u20ac"',
    '"😀 é €"',
    ' { "a" : [ 1 , -2.5e-3 , true , false , null , { } , [ ] ] } ',
    '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}',
    "[" * 16 + "]" * 16,
    '{"' + '":1,"'.join(f"k{i}" for i in range(64)) + '":1}',
    "-0",
    "1E+2",
    "0",
]
MANY = '{"' + '":1,"'.join(f"k{i}" for i in range(65)) + '":1}'


def oracle(data: bytes) -> Any:
    """CPython's parser, told to be as strict; raises ValueError."""

    def no_constant(name: str) -> None:
        raise ValueError(name)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError("twice")
        return dict(pairs)

    text = data.decode()
    value = json.loads(text, parse_constant=no_constant, object_pairs_hook=once)
    json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate is no text
    return value


def parsed(data: str | bytes) -> Any:
    """The value, or the sentence that refuses it."""
    try:
        return ["value", strict_json.loads(data)]
    except ValueError as error:
        return ["error", str(error)]


@pytest.mark.parametrize(("data", "sentence"), REFUSED)
def test_refuses_and_says_where(data: str | bytes, sentence: str) -> None:
    assert parsed(data) == ["error", sentence]


@pytest.mark.parametrize("text", TAKEN)
def test_takes_what_the_standard_allows(text: str) -> None:
    assert parsed(text) == ["value", json.loads(text)]
    assert parsed(text.encode()) == ["value", json.loads(text)]


def test_too_many_fields_are_refused() -> None:
    assert parsed(MANY)[1].endswith("too many fields")
    many_objects = [{"a": i, "b": i} for i in range(500)]
    assert strict_json.loads(json.dumps(many_objects)) == many_objects


def test_the_kernel_s_two_files_agree_on_their_constants() -> None:
    """A kernel's constants must stand in its own file."""
    shared = [n for n in vars(json_text) if n[0] == "_" and n[1].isupper() and n in vars(kernel)]
    assert {"_SHORT", "_QUOTE"} <= set(shared)
    for name in ("READ", "WRITTEN", *shared):
        assert getattr(json_text, name) == getattr(kernel, name), name


def test_every_error_of_the_kernel_has_a_sentence() -> None:
    names = [line for line in Path(kernel.__file__).read_text().splitlines() if "const(" in line]
    last = max(int(line.split("const(")[1].split(")")[0]) for line in names if "_LONG" in line)
    assert last == len(strict_json.ERRORS) - 1


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
@settings(max_examples=300)
def test_any_value_comes_through(value: Any, ascii_only: bool, indent: int | None) -> None:
    try:
        text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    except UnicodeEncodeError:  # a lone surrogate cannot be sent
        return
    found = parsed(text)
    if found[0] == "error":
        assert "nested" in found[1] or "surrogate" in found[1], found
        return
    assert found[1] == value


@given(st.sampled_from([t.encode() for t in TAKEN] + [b'{"a":[1,{"b":"\\u00e9x"}]}']), st.data())
@settings(max_examples=600)
def test_agrees_with_cpython_on_damaged_documents(whole: bytes, data: st.DataObject) -> None:
    """One or two bytes removed, changed or added: accepted exactly where CPython accepts it."""
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(damaged)))
        added = data.draw(
            st.sampled_from([b"", *(bytes([c]) for c in b'"\\{}[],:0-.eu\n\x00\xc3')])
        )
        damaged[at : at + data.draw(st.integers(0, 1))] = added
    try:
        wanted = ["value", oracle(bytes(damaged))]
    except (ValueError, UnicodeError):
        wanted = ["error"]
    found = parsed(bytes(damaged))
    bounded = "nested" in str(found[1]) or "too " in str(found[1])
    assert found[: len(wanted)] == wanted or (found[0] == "error" and bounded), damaged


@given(st.binary(max_size=60))
@settings(max_examples=300)
def test_no_bytes_upset_it(data: bytes) -> None:
    found = parsed(data)
    try:
        wanted = oracle(data)
    except (ValueError, UnicodeError):
        assert found[0] == "error"
    else:
        assert found[1] == wanted or (isinstance(wanted, float) and math.isinf(wanted))


def test_the_same_on_micropython(run_device: Callable[..., str]) -> None:
    """The viper text: the same sentences, and texts that are whole UTF-8."""
    cases = [case for case, _ in REFUSED] + TAKEN + [MANY]
    script = f"""
from firmware.base import strict_json
for data in {[c.encode() if isinstance(c, str) else c for c in cases]!r}:
    try:
        print("value", repr(strict_json.loads(data)).encode("utf-8").hex())
    except ValueError as error:
        print("error", error)
"""
    for case, line in zip(cases, run_device(script).splitlines(), strict=True):
        kind, said = line.split(" ", 1)
        wanted = parsed(case)
        assert kind == wanted[0], case
        if kind == "error":
            assert said == wanted[1]
        else:
            bytes.fromhex(said).decode()
    script = "import json; from firmware.base import strict_json\n"
    script += f"print(json.dumps(strict_json.loads({TAKEN[0]!r})).encode())"
    assert run_device(script).strip() == repr('"😀"'.encode())
