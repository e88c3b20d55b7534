# islet: a chip's process that needs no firmware, for tests of the run loop.
# GPL-3.0-or-later
"""python stub_chip.py MANNER: lives on the link like the real one, in the manner asked for."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from firmware import image as tables
from tools.twin.link import wire
from tools.twin.link.signals import frame_after

FRAMES = 48


class StubChip:
    def __init__(self) -> None:
        self._in = Path(os.environ["ISLET_LINK_IN"]).open("rb")  # noqa: SIM115
        self._out = Path(os.environ["ISLET_LINK_OUT"]).open("wb")  # noqa: SIM115
        self.now_us = 0
        self.until_us = 0
        self.frames = 0

    def ask(self, why: int, *items: object) -> None:
        frame = frame_after(self.now_us) // FRAMES * FRAMES if why != wire.START else 0
        wire.write_message(self._out, wire.Ask(self.now_us, why, frame, items).encode())
        body = wire.read_message(self._in.read)
        if body is None:
            sys.exit(70)
        answer = wire.Answer.decode(body)
        if any(isinstance(item, wire.Quit) for item in answer.items):
            sys.exit(0)
        self.until_us = answer.until_us

    def step(self, count: int, offer_ma: int) -> list[object]:
        """The image as the board would hand it over after a control step."""
        sections = [table.new() for table in tables.TABLES]
        sections[3][tables.BEAT] = count
        sections[3][tables.SETPOINT] = offer_ma
        first = 0 if count == 0 else 1
        found: list[object] = [
            wire.Section(i, sections[i].tobytes()) for i in range(first, len(sections))
        ]
        return [*found, wire.Step(100)]


def main(manner: str) -> None:
    chip = StubChip()
    chip.ask(wire.START)
    first_life = not (Path(os.environ["ISLET_STORAGE"]) / "lived").exists()
    count = 0
    while True:
        if os.environ["ISLET_SPEED"] == "1":
            time.sleep(0.02)
        chip.now_us = chip.until_us
        chip.ask(wire.BLOCK_END, *chip.step(count, 6000 + count % 30 * 1000))
        count += 1
        if count == 3:
            chip.now_us += 13_000
            chip.ask(wire.OUTPUT_EDGE, wire.Pins(4, 4), wire.Log("contactor on"))
        if count == 5:
            misbehave(chip, manner, first_life)


def misbehave(chip: StubChip, manner: str, first_life: bool) -> None:
    match manner:
        case "crash":
            raise ValueError("a bug in the firmware")
        case "leave":
            sys.exit(0)
        case "watchdog" if first_life:
            (Path(os.environ["ISLET_STORAGE"]) / "lived").touch()
            sys.exit(75)
        case "liar":
            chip.now_us = chip.until_us + 1
            chip.ask(wire.BLOCK_END)
        case "babble":
            chip._out.write(b"\xff" * 40)
            chip._out.flush()
            time.sleep(30)


if __name__ == "__main__":
    main(sys.argv[1])
