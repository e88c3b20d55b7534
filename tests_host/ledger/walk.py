"""What the ledger writes down for a house of a point and a converter in given rows, second by
second; for tests_host/core/rows_run.py."""

from __future__ import annotations

import random
from collections.abc import Iterator

from firmware import image as im
from firmware.ledger import Ledger
from firmware.ledger.seal import Seal
from tests_host.ledger.flash import Flash, blank

SECTORS = (4, 9)


class Board:
    """Where the seal is."""

    def __init__(self) -> None:
        self.bits = 1

    def reset_cause(self) -> str:
        return "reset"

    def sealed(self) -> int:
        return self.bits

    def seal(self, bits: int) -> None:
        self.bits = bits


def ledger(image: im.Image, rows: list[int], die: random.Random) -> Iterator[list[int]]:
    readings, commands = image.readings, image.commands
    names = [""] * im.DEVICES
    for device, name in zip(rows, ("garage", "battery"), strict=True):
        names[device] = name
    flash, board = Flash(blank(sum(SECTORS))), Board()
    book, seal = Ledger(flash, image, SECTORS, names), Seal(board, image)
    for _ in range(1_500):
        what = die.randrange(60)
        if what == 0:
            commands[im.POINT_CONTACTOR_STATE] = die.choice(
                (im.CONTACTOR_OPEN, im.CONTACTOR_CLOSED)
            )
        elif what == 1:
            commands[im.POINT_PILOT_STATE] = die.choice((im.PILOT_A, im.PILOT_B, im.PILOT_C))
        elif what == 2:
            commands[im.POINT_UNPLUGS] += 1
        elif what == 3:
            image.requests[im.POINT_AUTHORISED] = die.randrange(2)
        elif what == 4:
            readings[im.DEVICE_AGE_MS + die.choice(rows)] = die.choice((0, 0, 0, 2_500))
        elif what == 5:
            readings[im.NODE_AGE_MS + 1] = die.choice((0, 0, 2_500))
        elif what == 6:  # off and on again
            book = Ledger(flash, image, SECTORS, names)
        readings[im.NODE_W + im.LEGS + 1] = die.choice((0, 7_200))
        readings[im.DEVICE_MA + rows[0] * im.LEGS] = die.choice((0, 30_000))
        readings[im.DEVICE_W + rows[1]] = die.choice((-3_600, 0, 3_600))
        book.step(1_000)
        seal.step(100)
        decided = [board.bits, image.requests[im.POINT_AUTHORISED]]
        state = book.state()
        for name in ("garage", "battery"):
            decided += state["devices"][name].values()
        for session in (*book.closed(), *state["open"]):
            assert session["name"] == "garage" and session["row"] == rows[0]
            decided += [session[each] for each in ("session", "duration_s", "drawn_wh")]
        yield decided
