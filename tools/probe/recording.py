# islet: the file that a recording of a device is.
# GPL-3.0-or-later
"""docs/probe.md describes it: JSON with `recording` (FORMAT), `unit`, `where`, what it is taken
for if anything (`profile`, `maker`, `model`), and `registers`: by function ("3", "4") runs of
neighbours, each [first register, value, value, ...]."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tools.flash import FlashError

FORMAT = 1


def save(path: Path, unit: int, told: dict[str, Any], found: dict[int, dict[int, int]]) -> None:
    """Who it is, and by function its registers."""
    registers = {str(function): runs(each) for function, each in found.items()}
    document = {"recording": FORMAT, "unit": unit, **told, "registers": registers}
    path.write_text(written(document))


def written(document: dict[str, Any]) -> str:
    """A run a line: what two recordings differ in is seen."""
    lists = [
        f'  "{function}": [\n' + ",\n".join(f"   {json.dumps(run)}" for run in each) + "\n  ]"
        for function, each in document["registers"].items()
    ]
    rest = {key: value for key, value in document.items() if key != "registers"}
    head = "".join(f" {json.dumps(key)}: {json.dumps(value)},\n" for key, value in rest.items())
    return "{\n" + head + ' "registers": {\n' + ",\n".join(lists) + "\n }\n}\n"


def runs(found: dict[int, int]) -> list[list[int]]:
    out: list[list[int]] = []
    last = -2
    for register in sorted(found):
        if register != last + 1:
            out.append([register])
        out[-1].append(found[register])
        last = register
    return out


def load(path: Path) -> tuple[int, dict[int, dict[int, int]]]:
    """(unit, {function: {register: value}}) of what `save` wrote; FlashError names the field."""
    try:
        document = json.loads(path.read_text())
    except OSError as error:
        raise FlashError(
            f"{path}: cannot be read: {error.strerror}", "name what `make probe FILE=` wrote"
        ) from None
    except ValueError as error:
        raise FlashError(
            f"{path}: is not JSON: {error}", "name what `make probe FILE=` wrote"
        ) from None
    if not isinstance(document, dict) or document.get("recording") != FORMAT:
        raise FlashError(f"{path}: recording: is not {FORMAT}", "record it with `make probe`")
    unit = document.get("unit")
    if type(unit) is not int or not 0 <= unit <= 255:
        raise FlashError(f"{path}: unit: {unit!r} is not an integer from 0 to 255")
    registers = document.get("registers")
    if not isinstance(registers, dict) or set(registers) - {"3", "4"}:
        raise FlashError(f'{path}: registers: is not an object of "3", "4" or both')
    found: dict[int, dict[int, int]] = {}
    for function, each in registers.items():
        where = f"{path}: registers.{function}"
        found[int(function)] = there = {}
        for i, run in enumerate(each if isinstance(each, list) else [each]):
            there.update(_run(run, f"{where}[{i}]", there))
    return unit, found


def _run(run: Any, where: str, there: dict[int, int]) -> dict[int, int]:
    words: list[Any] = run if isinstance(run, list) and len(run) > 1 else [None]
    if any(type(word) is not int or not 0 <= word <= 0xFFFF for word in words):
        raise FlashError(f"{where}: is not [first register, value, ...], each 0 to 65535")
    first, values = words[0], words[1:]
    if first + len(values) > 0x10000:
        raise FlashError(f"{where}: goes beyond register 65535")
    out = dict(enumerate(values, first))
    if twice := sorted(out.keys() & there.keys()):
        raise FlashError(f"{where}: register {twice[0]} is there already")
    return out
