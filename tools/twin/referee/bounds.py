# islet: the referee's own copy of the bounds that firmware prints; a test compares the two.
# GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path

BOUNDS: dict[str, int] = json.loads((Path(__file__).parent / "bounds.json").read_text())
