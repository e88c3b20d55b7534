# islet: which pin of the simulated chip carries what, from the circuit board's JSON.
# GPL-3.0-or-later

import json
import os

with open("firmware/circuits/" + (os.getenv("ISLET_BOARD") or "host") + ".json") as _file:
    _board = json.load(_file)

SAMPLING = _board["sampling"]
CHANNELS = [row["channel"] for row in _board["channels"]]

# pin -> what the board connects it to
NETS = {}
for _row in _board["outputs"]:
    NETS[_row["pin"]] = "output"
for _row in _board["inputs"]:
    NETS[_row["pin"]] = "input"
for _pin in ("pin", "pin_2"):
    if _pin in _board["pilot"]:
        NETS[_board["pilot"][_pin]] = "pwm"
for _row in _board["lines"]:
    NETS[_row["tx"]] = "uart tx"
    NETS[_row["rx"]] = "uart rx"
