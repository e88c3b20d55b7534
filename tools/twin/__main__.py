# islet: `python -m tools.twin`: the firmware in its simulated house, or a replay of a recording.
# GPL-3.0-or-later
from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from tools.twin import record

if TYPE_CHECKING:
    from tools.twin.scenario import Scenario

HERE = Path(__file__).resolve().parent
DEFAULT = "sunny_day"
# no outputs for an island
OF_IMAGE: dict[str, str] = dict.fromkeys(("pico_eth", "w5500"), "overload_25a")
OK, DIFFERS, FAILED = 0, 1, 2


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m tools.twin",
        description="Run the firmware against the simulated house. `replay FILE` replays a "
        "recording through core.step().",
    )
    made.add_argument(
        "--scenario", help=f"scenario file, or a shipped name ({DEFAULT}, or what an image can do)"
    )
    made.add_argument(
        "--site", type=Path, help="a site's configuration, in a house made around it"
    )
    made.add_argument("--seconds", type=_seconds, help="end after so long")
    made.add_argument("--speed", choices=("1", "max"), default="1", help="real or virtual time")
    made.add_argument("--seed", type=_seed, default=1, help="of everything random")
    made.add_argument("--chip", default="", help="where it runs: host, or rp2040, emulated")
    made.add_argument("--circuit", default="", help="its circuit board, by the JSON's name")
    made.add_argument("--image", default="", help="of an emulated chip: pico, or pico_eth")
    made.add_argument("--record", type=Path, help="write a recording to this file")
    made.add_argument("--events", type=Path, help="write the event log to this file")
    made.add_argument("--picture", type=Path, help="draw the end of the run into this SVG file")
    made.add_argument("--offline", action="store_true", help="leave out what needs a network")
    return made


def replay_parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m tools.twin replay", description="Replay a recording through core.step()."
    )
    made.add_argument("file", type=Path)
    made.add_argument(
        "--micropython", action="store_true", help="under the MicroPython interpreter"
    )
    return made


def _seconds(text: str) -> float:
    value = float(text) if text.replace(".", "", 1).isdigit() else 0.0
    if not 0 < value <= 4_000_000:
        raise argparse.ArgumentTypeError(f"{text!r}, allowed above 0 up to 4000000")
    return value


def _seed(text: str) -> int:
    if not text.isdigit() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"{text!r}, allowed 0…2**63-1")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] == "replay":
        return replay(replay_parser().parse_args(arguments[1:]))
    return simulate(parser().parse_args(arguments))


def simulate(options: argparse.Namespace) -> int:
    from tools.twin import chips, commission, run, scenario, scene
    from tools.twin.link import port
    from tools.workshop import SetupError

    try:
        path = options.site or _shipped(Path(options.scenario or default(options.image)))
        story, remarks = _around(path) if options.site else (scenario.load(path), [])
        board = chips.circuit_of(options.chip, options.circuit, options.image)
        chip = chips.kind_of(port.read_board(board))
        chip.command(board)
    except (scenario.ScenarioError, port.BoardError, OSError) as error:
        print(f"islet: {error}", file=sys.stderr)
        return FAILED
    except SetupError as error:
        print(f"islet: {error}: {error.remedy}", file=sys.stderr)
        return FAILED
    story = commission.commissioned(story, lambda text: print(f"islet: {text}", file=sys.stderr))
    chosen = run.Options(
        str(path),
        options.seconds,
        options.speed,
        options.seed,
        board,
        options.record,
        options.events,
        options.picture,
        options.offline,
    )
    for remark in remarks:
        print(f"islet: {remark}", file=sys.stderr)
    stage = run.Run(
        chosen, lambda c: scene.build(c, story), lambda: chip.command(board), spread=chip.spread()
    )
    return stage.go()


def default(image: str) -> str:
    """The shipped scenario of who names none."""
    return OF_IMAGE.get(image, DEFAULT)


def _shipped(path: Path) -> Path:
    """A scenario's file, which may be named as the shipped ones are."""
    shipped = HERE / "scenarios" / f"{path.name}.json"
    if path.exists() or shipped.exists():
        return path if path.exists() else shipped
    names = ", ".join(sorted(file.stem for file in (HERE / "scenarios").glob("*.json")))
    raise FileNotFoundError(f"--scenario {path}: no such file; shipped are {names}")


def _around(path: Path) -> tuple[Scenario, list[str]]:
    """The house around a site that the simulated board takes."""
    from tools.flash import FlashError, site
    from tools.site import around
    from tools.twin import scenario

    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileNotFoundError(f"--site {path}: {error.strerror}") from None
    try:
        content = site.own_packed(content)
    except FlashError as error:
        raise scenario.ScenarioError(path, [str(error)]) from None
    if errors := site.loaded(content, "host", True).errors:
        raise scenario.ScenarioError(path, errors)
    made, remarks = around.scenario(json.loads(content))
    return scenario.parse(made, path), remarks


def replay(options: argparse.Namespace) -> int:
    try:
        recording = record.Recording(options.file)
        if options.micropython:
            result = record.replay_micropython(recording)
        else:
            result = record.replay(recording)
    except (record.RecordingError, OSError) as error:
        print(f"islet: {error}", file=sys.stderr)
        return FAILED
    print(
        f"{result.steps} steps, {result.simulated_ms / 1000:.1f} s of the house in "
        f"{result.core_s:.2f} s of core.step(): {result.speed:.0f} times real time"
    )
    if result.difference is not None:
        print(f"differs at {result.difference}")
        return DIFFERS
    print("every command is the same, to the byte")
    return OK


class End:
    """What a signal does: clean up as for Ctrl-C, undisturbed by what comes after it, for a closed
    terminal sends several."""

    asked = False

    def __call__(self, _signal: int, _frame: FrameType | None) -> None:
        if not self.asked:
            self.asked = True
            raise KeyboardInterrupt


if __name__ == "__main__":
    end = End()
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # Ctrl-C, kill, a closed terminal
        if signal.getsignal(each) is not signal.SIG_IGN:  # as under nohup
            signal.signal(each, end)
    sys.exit(main())
