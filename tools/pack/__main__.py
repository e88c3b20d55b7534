# islet: `python -m tools.pack` writes islet_data.py; with --check it only validates.
# GPL-3.0-or-later
"""With --circuit NAME only that circuit board is packed, as an image for a chip wants it. CIRCUIT
in the module is its name; without the option it is "host"."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

from tools.image import layout
from tools.pack import PackError, profiles, web
from tools.workshop import ROOT

TARGET = ROOT / ".cache" / "data" / "islet_data.py"

# folder of JSON files, its packer, what they are called in the module
KINDS = (
    ("firmware/circuits", "circuits", "CIRCUITS"),
    ("firmware/profiles", "profiles", "PROFILES"),
    ("firmware/gridcodes", "gridcodes", "GRIDCODES"),
)
CIRCUITS = "firmware/circuits"
HOST = "host"
PAGE = "firmware/web/index.html"
HEADER = """\
# islet: data packed by `python -m tools.pack`; do not edit.
# GPL-3.0-or-later
"""


def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """JSON silently keeps the last of two equal keys; a limit given twice is a mistake."""
    document = dict(pairs)
    if len(document) != len(pairs):
        names = [name for name, _ in pairs]
        raise PackError(next(n for n in names if names.count(n) > 1), "given twice")
    return document


def pack_file(path: Path, packer: str) -> bytes:
    """One JSON file as bytes; PackError names the field."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", path.stem):
        raise PackError("file name", f"{path.stem!r} is not lower case letters, digits and _")
    try:
        document = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise PackError(f"line {error.lineno}", f"is not JSON: {error.msg}") from error
    if not isinstance(document, dict):
        raise PackError("document", "is not a JSON object")
    return importlib.import_module(f"tools.pack.{packer}").pack(document)


def fields(rows: Mapping[str, int]) -> tuple[tuple[str, tuple[tuple[str, int, str], ...]], ...]:
    """(section, (field, count, unit)) of the process image, for who reads it by name; frozen they
    take no heap, as the image's own tables do."""
    return tuple(
        (table.name, tuple((row[0], row[2], row[3]) for row in table.rows))
        for table in layout.tables(rows)
    )


def build(
    root: Path, circuit: str = "", rows: Mapping[str, int] = layout.HOST
) -> tuple[str, list[str]]:
    """The text of islet_data.py from the JSON files below root, and what is wrong with them."""
    lines, errors = [HEADER, f"VERSION = {version()!r}\nCIRCUIT = {circuit or HOST!r}\n"], []
    lines.append(f"FIELDS = {fields(rows)!r}\n")
    for folder, packer, constant in KINDS:
        entries = []
        files = (root / folder).glob("*.json")
        paths = sorted(path for path in files if not path.name.endswith(".schema.json"))
        if circuit and folder == CIRCUITS:
            found = [path.stem for path in paths]
            paths = [path for path in paths if path.stem == circuit]
            if not paths:
                errors.append(f"{folder}: no {circuit}.json, there are {', '.join(found)}")
        for path in paths:
            try:
                packed = pack_file(path, packer)
            except PackError as error:
                errors.append(f"{path.relative_to(root)}: {error}")
                continue
            if packer != "profiles" or profiles.driven(packed):
                entries.append((path.stem, packed))
        if folder == CIRCUITS:
            lines.append(f"{constant} = {dict(entries)!r}\n")
        else:  # names and bytes beside each other, constants: frozen they take no heap
            names, packed = tuple(zip(*entries, strict=True)) or ((), ())
            lines.append(f"{constant} = {names!r}, {packed!r}\n")
    if (page := root / PAGE).exists():
        lines.append(f"WEB_INDEX_GZ = {web.pack(page)!r}\n")
    return "\n".join(lines), errors


def version() -> str:
    """Of islet, for the board's report."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tools.pack", description="Pack the device's data.")
    parser.add_argument("--check", action="store_true", help="validate only, write nothing")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    parser.add_argument("--target", type=Path, default=TARGET, help="file to write")
    parser.add_argument("--circuit", default="", help="pack only this circuit board (all)")
    parser.add_argument(
        "--image", choices=layout.ROWS, help="with this image's numbers of rows (the host's)"
    )
    options = parser.parse_args(arguments)
    rows = layout.ROWS[options.image] if options.image else layout.HOST
    module, errors = build(options.root, options.circuit, rows)
    for error in errors:
        print(error, file=sys.stderr)
    if errors:
        return 1
    target: Path = options.target
    if not options.check and not (target.exists() and target.read_text() == module):
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        part.write_text(module)
        part.replace(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
