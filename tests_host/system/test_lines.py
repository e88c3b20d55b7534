# islet: a site's lines, each on a UART of its own.
# GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path

from tests_host.system.kit import SCENARIOS, Box, quiet


def test_each_line_reaches_its_own_devices(tmp_path: Path) -> None:
    """Meters of the same address on two lines, at two speeds: each line is answered, and by its
    own. The second is silent for a while, and the first is not the worse for it."""
    story = json.loads((SCENARIOS / "two_points.json").read_text())
    story["expect"] = []
    story["events"] = [{"at_s": 8, "bus": "garage", "fault": "silent", "for_s": 4}]
    box = Box(tmp_path, story, seconds=20).whole()
    assert box.code == 0 and quiet(box.output), box.output
    told = [state["lines"] for _, state in box.published("state") if "lines" in state]
    last = told[-1]
    devices = {line: {name for name in last[line] if isinstance(last[line][name], dict)}
               for line in last}  # fmt: skip
    assert devices == {"house": {"meter", "inverter"}, "cellar": {"garage", "yield", "battery"}}
    for line, names in devices.items():
        for name in names:
            assert last[line][name]["state"] == "ok" and last[line][name]["ok"] > 15, (line, name)
    silent = {name for lines in told for line in lines.values() for name, device in line.items()
              if isinstance(device, dict) and device["timeout"]}  # fmt: skip
    assert silent == {"garage"}
