# islet: a file that is printed from tables: written anew, or only compared.
# GPL-3.0-or-later
from __future__ import annotations

import argparse
import sys
from pathlib import Path


def command(module: str, file: Path, text: str, arguments: list[str] | None) -> int:
    """What `python -m module [--check]` does; 1 where the file is out of date."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}", description=f"Write {file.name} from the tables."
    )
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    if not parser.parse_args(arguments).check:
        file.write_text(text)
    elif not file.exists() or file.read_text() != text:
        print(f"{file.name} is out of date: python -m {module}", file=sys.stderr)
        return 1
    return 0
