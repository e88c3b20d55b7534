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


def test_a_line_over_the_network_serves_meters_and_a_converter(tmp_path: Path) -> None:
    """The same house with its second line behind a gateway: what hangs there is read and
    commanded as on a wire; silence, broken frames and noise pass, and leave no wrong value."""
    story = json.loads((SCENARIOS / "two_points.json").read_text())
    story["site"]["lines"][1] = {"name": "cellar", "host": "192.168.0.30"}
    story["house"]["lines"][1] = {"name": "cellar", "port": 502}
    story["expect"] = []
    story["events"] = [
        {"at_s": at_s, "bus": "garage", "fault": fault, "for_s": 3}
        for at_s, fault in ((20, "silent"), (30, "crc"), (40, "noise"), (50, "late"))
    ]
    box = Box(tmp_path, story, seconds=70).whole()
    assert box.code == 0 and quiet(box.output), box.output
    told = [state["lines"]["cellar"] for _, state in box.published("state") if "lines" in state]
    devices = ("garage", "yield", "battery")
    assert all(told[-1][name]["state"] == "ok" for name in devices), told[-1]
    assert all(told[-1][name]["ok"] > 50 for name in devices)
    assert told[-1]["battery"]["writes"] > 3
    faults = told[-1]["garage"]
    assert faults["timeout"] and faults["line"] and not faults["crc"]
