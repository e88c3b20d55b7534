# islet: `python -m tools.docs.wiring` prints how a circuit board is wired.
# GPL-3.0-or-later
"""The wiring of a circuit board, from its JSON: a page of markdown and a drawing.

Without a name, docs/wiring-NAME.md and docs/wiring-NAME.svg are written for every board of a real
chip; with a name, its page goes to standard output, or its drawing to a file."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tools.docs.wiring.drawing import drawing
from tools.docs.wiring.model import board
from tools.docs.wiring.modules import MODULES
from tools.docs.wiring.table import page
from tools.pack import Document, PackError
from tools.pack.circuits import validate
from tools.workshop import ROOT

CIRCUITS = ROOT / "firmware" / "circuits"
DOCS = ROOT / "docs"


def names() -> list[str]:
    """The boards that have a wiring: those of a real chip."""
    found = (path for path in sorted(CIRCUITS.glob("*.json")) if "." not in path.stem)
    return [path.stem for path in found if json.loads(path.read_text())["chip"] in MODULES]


def read(name: str) -> Document:
    """A board of the repository, or a file; SystemExit in words when there is none."""
    path = CIRCUITS / f"{name}.json" if "." not in name else Path(name)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        validate(document)
    except FileNotFoundError:
        sys.exit(f"wiring: no {path}; boards are {', '.join(names())}")
    except (json.JSONDecodeError, PackError) as error:
        sys.exit(f"wiring: {path.name}: {error}")
    if document["chip"] not in MODULES:
        sys.exit(f"wiring: {name} is simulated, it has no wires; boards are {', '.join(names())}")
    return document


def files(name: str) -> dict[Path, str]:
    """What the documentation has of a board: file and text."""
    document = read(name)
    wiring = board(document)
    picture = DOCS / f"wiring-{name}.svg"
    return {
        DOCS / f"wiring-{name}.md": page(document, wiring, picture.name),
        picture: drawing(wiring),
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.docs.wiring", description=__doc__)
    parser.add_argument("board", nargs="?", help="name of a board, or its file")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write the drawing there")
    parser.add_argument("--check", action="store_true", help="only say whether docs are current")
    options = parser.parse_args(arguments)
    if options.board:
        document = read(options.board)
        wiring = board(document)
        if options.svg:
            options.svg.write_text(drawing(wiring), encoding="utf-8")
        else:
            print(page(document, wiring, f"wiring-{wiring.name}.svg"), end="")
        return 0
    if options.svg:
        parser.error("--svg needs the name of a board")
    stale = 0
    for name in names():
        for path, text in files(name).items():
            if path.exists() and path.read_text(encoding="utf-8") == text:
                continue
            stale = 1
            if options.check:
                print(
                    f"docs/{path.name} is stale: python -m tools.docs.wiring",
                    file=sys.stderr,
                )
            else:
                path.write_text(text, encoding="utf-8")
    return stale if options.check else 0


if __name__ == "__main__":
    sys.exit(main())
