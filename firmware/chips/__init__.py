# islet: the board the firmware runs on.
# GPL-3.0-or-later

import sys


def current():
    """The board of this chip. An image freezes its own chip's file only."""
    if sys.platform == "rp2":
        from firmware.chips.rp2 import Board
    elif sys.platform == "esp32":
        from firmware.chips.esp32 import Board
    else:
        from firmware.chips.host import Board

    return Board()
