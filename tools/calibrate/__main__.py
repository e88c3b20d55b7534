# islet: `make calibrate`.
# GPL-3.0-or-later
from __future__ import annotations

import argparse
import sys

from firmware import image as im
from tools.calibrate import Doubt
from tools.calibrate.sampler import Sampler
from tools.calibrate.talk import WHAT, Session
from tools.calibrate.trusted import ModbusMeter, Trusted, Typed
from tools.flash import FlashError, Voice, boards, find, site
from tools.flash.link import Link

TEXT = """\
Find gains, offsets, delays and the wiring of current transformers with the firmware running,
against a load that you switch or an instrument that you trust, and store them on the board with
their date. docs/calibration.md says how.
"""


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make calibrate", description=TEXT)
    parser.add_argument("--what", choices=WHAT, default="show", help="WHAT= (show)")
    parser.add_argument("--image", default="pico", help="what it runs (IMAGE=, pico)")
    parser.add_argument("--circuit", default="", help="circuit board on it (CIRCUIT=)")
    parser.add_argument("--port", default="", help="serial port (PORT=)")
    parser.add_argument("--leg", default="", help="1, 2, 3, or all at once (LEG=)")
    parser.add_argument("--at", default="", help="grid, house, mains, evse or fast (AT=)")
    parser.add_argument("--point", type=int, default=1, help="of evse, fast, pilot (POINT=, 1)")
    parser.add_argument("--watts", type=float, default=0, help="the load's, per leg (WATTS=)")
    parser.add_argument("--meter", default="", help="trusted meter: port or tcp:HOST (METER=)")
    parser.add_argument("--profile", default="sdm630", help="its kind (PROFILE=, sdm630)")
    parser.add_argument("--address", type=int, default=1, help="its Modbus unit (ADDRESS=, 1)")
    parser.add_argument("--baud", type=int, default=9600, help="of its line (BAUD=, 9600)")
    parser.add_argument("--parity", default="N", choices="NEO", help="of its line (PARITY=, N)")
    parser.add_argument(
        "--load", choices=("inductive", "capacitive"), default="inductive", help="LOAD="
    )
    parser.add_argument("--keep", default="", help="correct the wiring in the chip (KEEP=1)")
    return parser.parse_args(words)


def legs_of(text: str) -> tuple[int, ...]:
    if text in ("", "all"):
        return ()
    if text not in ("1", "2", "3"):
        raise Doubt(f"LEG: {text} is not 1, 2, 3 or all")
    return (int(text) - 1,)


def point_of(number: int) -> int:
    if not 1 <= number <= im.POINTS:
        raise Doubt(f"POINT: {number} is not one of 1 to {im.POINTS}")
    return number - 1


def run(given: argparse.Namespace, voice: Voice) -> int:
    board = boards.named(given.image, given.circuit)
    circuit = site.circuit(board.circuit)
    legs = legs_of(given.leg)
    port = find.one_port(board.family, given.port)
    if port is None:
        raise FlashError("no board is plugged in", "plug it in, or name its port: PORT=…")
    trusted: Trusted = Typed(input)
    if given.meter:
        trusted = ModbusMeter(given.meter, given.profile, given.address, given.baud, given.parity)
    with Link(port, voice) as link:
        said = link.report()
        if said is None:
            raise Doubt("the board is at its prompt: make flash first, so that islet measures")
        if said["circuit"] != circuit.name:
            raise Doubt(f"this is the circuit board {said['circuit']}: CIRCUIT={said['circuit']}")
        session = Session(
            link, circuit, Sampler(link), trusted, input, voice,
            legs_wanted=legs,
            everywhere=given.leg == "all",
            at=given.at,
            point=point_of(given.point),
            watts=given.watts,
            lagging=given.load == "inductive",
            keep_wiring=given.keep not in ("", "0"),
        )  # fmt: skip
        session.begin(over_waiting=given.what in ("show", "store"))
        return 0 if WHAT[given.what](session) else 1


def main(words: list[str] | None = None) -> int:
    voice = Voice("calibrate")

    def work() -> int:
        try:
            return run(arguments(words), voice)
        except Doubt as doubt:
            voice.say(f"cannot tell: {doubt}")
            return 1

    return voice.guard(work, "stopped; the board has the calibration that it had")


if __name__ == "__main__":
    sys.exit(main())
