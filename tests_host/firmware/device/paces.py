# islet test: a site's lines as they are assembled; prints the pace that each device begins with.
# GPL-3.0-or-later
import json

from firmware import config, lines
from firmware.image import Image

CONVERTER = {"name": "battery", "kind": "converter", "node": "battery", "legs": ["L1"],
             "charge_w": 5000, "line": "rs485", "address": 2}  # fmt: skip
METER = {"name": "house", "profile": "sdm630", "line": "rs485"}
SAID = {"timeout_ms": 900, "pause_ms": 40}


made = []


class Line(lines.Line):
    def __init__(self, *given):
        super().__init__(*given)
        made.append(self)


lines.Line = Line


class Board:
    can_own_contactor = can_island = network = enable = bench = True
    evse_a = mains_a = 0
    key, circuit, lines = b"", None, 1

    tls = False

    def uart(self, *given):
        return None


class Configured:
    devices = ["battery"]


class Parts:
    def __init__(self):
        self.image, self.board, self.config = Image(), Board(), Configured()
        self.links, self.reports = [], []


def paces(meter, converter):
    site = {"legs": 1, "nominal_v": 230, "nominal_hz": 50, "grid_code": "en50549",
            "nodes": [{"name": "service", "rating_a": 25, "instrument": "house"},
                      {"name": "battery", "parent": "service", "rating_a": 25}],
            "meters": [dict(METER, **meter)], "devices": [dict(CONVERTER, **converter)],
            "lines": [{"name": "rs485"}]}  # fmt: skip
    parts = Parts()
    loaded = config.load(json.dumps(site), parts.image, parts.board)
    assert not loaded.errors, loaded.errors
    instruments = [row["instrument"] for row in loaded.settings["nodes"]]
    lines.add(parts, dict(loaded.settings, instruments=instruments))
    meter, inverter = made.pop().devices
    for device, own in ((meter, meter._gap), (inverter, inverter.control.write_ms)):
        print(device.name, device.peer.timeout_ms, device.peer.pause_ms, own)


paces({}, {})
paces(dict(SAID, gap_registers=4), dict(SAID, write_ms=2000))
