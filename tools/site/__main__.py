# islet: `python -m tools.site`.
# GPL-3.0-or-later
from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any

from tools.flash import FlashError
from tools.pack import PackError
from tools.site import check, house, own, style
from tools.site.upgrade import Strange, is_old, upgrade

TEXT = """\
Bring files of an older form up to date: a site's configuration, or a scenario with its site and
house. What was not said is not guessed, and all else in a file stays as it is. Without --write the
new text is printed and nothing changes.
"""


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.site", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("upgrade", help="an older form in today's", description=TEXT)
    command.add_argument("files", nargs="+", type=Path, metavar="FILE", help="site or scenario")
    command.add_argument("--write", action="store_true", help="rewrite the files in place")
    command = commands.add_parser(
        "check", help="all there is to say about a site, at once", description=check.__doc__
    )
    command.add_argument("site", type=Path, metavar="SITE", help="site.json")
    command.add_argument("--image", default="", help="what it is flashed with (IMAGE=)")
    command.add_argument("--circuit", default="pico", help="circuit board (CIRCUIT=, pico)")
    command = commands.add_parser(
        "pack", help="a site as the box takes it: its own profiles packed", description=own.__doc__
    )
    command.add_argument("site", type=Path, metavar="SITE", help="site.json")
    return parser.parse_args(words)


def checked(path: Path, circuit: str, image: str) -> int:
    """Print the report; 0 when the board would take the site, 1 when not, 2 when there is none."""
    try:
        lines, good = check.report(path, circuit, image)
    except OSError as error:
        print(f"SITE: {path}: {error.strerror}", file=sys.stderr)
        return 2
    except FlashError as error:
        print(f"{error}; {error.remedy}", file=sys.stderr)
        return 2
    print("\n".join(lines))
    return 0 if good else 1


def packed(path: Path) -> int:
    """Print the site as the box takes it."""
    try:
        print(own.packed(path.read_bytes()).decode())
    except (OSError, UnicodeError, PackError) as error:
        print(f"{path}: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
        return 2
    return 0


def upgraded(content: str) -> tuple[str, list[str]]:
    """A file's new text, the same where nothing in it is old, and remarks for people."""
    try:
        document: Any = json.loads(content)
    except ValueError as error:
        raise Strange(f"is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise Strange("is not a JSON object")
    if "house" in document:
        return _scenario(content, document)
    if not is_old(document):
        return content, []
    site, remarks = upgrade(document)
    return style.dumps(site, style.step_of(content)), remarks


def _scenario(content: str, document: dict[str, Any]) -> tuple[str, list[str]]:
    """Only what changes is written anew."""
    site, remarks = document.get("site"), list[str]()
    new = house.upgrade(document)  # before its site: both say what hangs on the line
    if isinstance(site, str):
        remarks.append(f"its site is the file {site}: upgrade that one")
    elif not isinstance(site, dict):
        raise Strange("site: is not an object")
    elif is_old(site):
        new["site"], remarks = upgrade(site)
    for key, value in new.items():
        if value != document[key]:
            content = style.replaced(content, key, value)
    return content, remarks


def main(words: list[str] | None = None) -> int:
    given = arguments(words)
    if given.command == "check":
        return checked(given.site, given.circuit, given.image)
    if given.command == "pack":
        return packed(given.site)
    bad = 0
    for path in given.files:
        try:
            content = path.read_text(encoding="utf-8")
            new, remarks = upgraded(content)
            if given.write and new != content:
                path.write_text(new, encoding="utf-8")
        except (OSError, UnicodeError, Strange) as error:
            why = getattr(error, "strerror", None) or error
            print(f"{path}: {why}", file=sys.stderr)
            bad = 1
            continue
        if new == content:
            print(f"{path}: is of today's form", file=sys.stderr)
        elif given.write:
            print(f"{path}: rewritten", file=sys.stderr)
        else:
            print(new, end="")
        for remark in remarks:
            print(f"{path}: {remark}", file=sys.stderr)
    return bad


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `make check … | head` is no error
    sys.exit(main())
