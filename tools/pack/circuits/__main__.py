# islet: `python -m tools.pack.circuits` writes the JSON schema of circuit boards.
# GPL-3.0-or-later
from __future__ import annotations

import json
import sys
from typing import Any

from tools.pack.circuits.tables import BOARD, CT, VOLTAGE
from tools.pack.printed import command
from tools.workshop import ROOT

FILE = ROOT / "firmware" / "circuits" / "circuit.schema.json"
PARTS = {"ct": CT, "voltage": VOLTAGE}  # written once


def schema() -> dict[str, Any]:
    """JSON schema of a board: fields and ranges, without the rules between fields."""
    parts = {name: shape.schema() for name, shape in PARTS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "islet circuit board",
        **_shared(BOARD.schema(), parts),
        "$defs": parts,
    }


def _shared(value: Any, parts: dict[str, Any]) -> Any:
    """The same schema with references in place of the parts."""
    for name, part in parts.items():
        if value == part:
            return {"$ref": f"#/$defs/{name}"}
    if isinstance(value, dict):
        return {key: _shared(item, parts) for key, item in value.items()}
    return [_shared(item, parts) for item in value] if isinstance(value, list) else value


def printed() -> str:
    return json.dumps(schema(), indent=2) + "\n"


def main(arguments: list[str] | None = None) -> int:
    return command("tools.pack.circuits", FILE, printed(), arguments)


if __name__ == "__main__":
    sys.exit(main())
