# islet: `make probe`.
# GPL-3.0-or-later
from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.progress import Progress

from tools.flash import FlashError, Voice
from tools.probe import profiles, record, recording, report, scan, sunspec, watch
from tools.probe.board import Session, Through
from tools.probe.bus import Bus, Host, Serial, Where, opened
from tools.prove import __main__ as prove_tool

TEXT = """\
Find what hangs on RS-485 adapters, on the lines of a board with islet on it, or answers by Modbus
TCP; say which of islet's profiles fits, how surely and why, and print one configuration to paste.
It reads and never writes. A line has one master: whoever else asks on it has to be off meanwhile;
a board's islet is stopped, with nothing energised, and started again.
"""


def main(words: list[str] | None = None) -> int:
    given = _parser().parse_args(words)
    voice = Voice("probe")
    return voice.guard(lambda: run(given, voice))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make probe", description=TEXT)
    add = parser.add_argument
    add("--port", nargs="*", default=[], help="serial ports of adapters (PORT=)")
    add("--baud", type=int, help="their speed; else the usual ones are tried (BAUD=)")
    add("--parity", choices="NEO", help="their parity (PARITY=)")
    add("--stop-bits", type=int, choices=(1, 2), default=1, help="1")
    add("--host", nargs="*", default=[], help="Modbus TCP: host or host:port (HOST=)")
    add(
        "--board",
        nargs="?",
        const="",
        metavar="PORT",
        help="the RS-485 lines of a board with islet on it, which stops meanwhile (BOARD=1)",
    )
    add("--image", default="pico", help="what the board is flashed with (IMAGE=, pico)")
    add("--circuit", default="", help="circuit board on it, if it does not say (CIRCUIT=)")
    add("--address", type=int, nargs="*", help="these units alone (ADDRESS=)")
    add("--all", action="store_true", help="every unit from 1 to 247")
    add("--profile", default="", help="judge by this profile alone (PROFILE=)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--watch", action="store_true", help="values each second, until Ctrl-C")
    what.add_argument("--record", type=Path, metavar="FILE", help="all registers into a file")
    what.add_argument(
        "--prove",
        nargs="?",
        const="",
        metavar="DEVICE",
        help="the commissioning proof, by the islet that runs on the board: its interlocks hold",
    )
    add("--save", type=Path, metavar="FILE", help="--prove: its record into a file as well")
    add("--times", type=int, default=0, help="--watch: so often, then end")
    add("--spans", nargs="*", default=["0-65535"], help="--record: of registers")
    return parser


def run(given: argparse.Namespace, voice: Voice) -> int:
    if given.profile and given.profile not in profiles.known():
        known = ", ".join(profiles.known())
        raise FlashError(f"PROFILE={given.profile} is none of islet's", f"one of {known}")
    if given.prove is not None:
        return prove(given, voice)
    outside(given)
    if given.board is None:
        return look(given, places(given), voice)
    with Session(given.image, given.circuit, given.board, voice) as board:
        lines = [
            Through(board, line, given.baud or 9600, given.parity or "N", given.stop_bits)
            for line in range(len(board.lines))
        ]
        return look(given, [*lines, *places(given)], voice)


def prove(given: argparse.Namespace, voice: Voice) -> int:
    """Never from here: the box has the interlocks, so it is asked over its console to do it."""
    if given.host or given.port:
        raise FlashError(
            "--prove is done by a board that runs islet, not by an adapter or over the network",
            "BOARD=1, with the converter on the board's own line",
        )
    order = argparse.Namespace(image=given.image, port=given.board or "", device=given.prove)
    order.save = given.save
    return prove_tool.run(order, voice)


def outside(given: argparse.Namespace) -> None:
    """What was asked for is a number that can be, and somewhere."""
    for unit in given.address or []:
        if not 0 <= unit <= 255:
            raise FlashError(f"ADDRESS={unit} is no unit", "0 to 255; on a wire 1 to 247")
    if given.baud is not None and not 300 <= given.baud <= 1_000_000:
        raise FlashError(f"BAUD={given.baud} is no speed", "9600 and 19200 are usual")
    if given.board is None and not (given.host or given.port):
        remedy = "PORT=/dev/ttyUSB0 for an adapter, HOST=192.168.0.20, or BOARD=1"
        raise FlashError("where?", remedy)
    for span in given.spans:
        first, _, last = span.partition("-")
        if not first.isdigit() or not (last or first).isdigit() or int(last or first) > 65_535:
            raise FlashError(f"--spans {span} is no range", "as 30000-31000, each 0 to 65535")


def places(given: argparse.Namespace) -> list[Where]:
    """Adapters and hosts, in their order."""
    found: list[Where] = [
        Serial(port, given.baud or 9600, given.parity or "N", given.stop_bits)
        for port in _each(given.port)
    ]
    for host in _each(given.host):
        name, _, port = host.partition(":")
        if port and not (port.isdigit() and 0 < int(port) < 65_536):
            raise FlashError(f"HOST={host}: {port!r} is no port", "1 to 65535; 502 if left out")
        found.append(Host(name, int(port or 502)))
    return found


def _each(words: list[str]) -> list[str]:
    """Several in one variable of make, with blanks or commas."""
    return [part for word in words for part in word.replace(",", " ").split()]


def look(given: argparse.Namespace, asked: list[Where], voice: Voice) -> int:
    found = []
    for place in asked:
        there = _found(given, place)
        if not there and len(asked) > 1:
            voice.say(f"nobody answers on {place}")
        found += there
    if not found:
        raise FlashError(
            "nobody answers", "A and B swapped? --all asks every unit; BAUD= if known"
        )
    for each in found:
        print("\n".join(report.words(each)), flush=True)
    if (given.watch or given.record) and len(found) > 1:
        raise FlashError("more than one answers", "ADDRESS= names the one, on one line")
    if given.watch:
        return watch.watch(found[0], given.times, _patience_s(found[0].where))
    if given.record:
        return keep(found[0], given.record, given.spans, voice)
    document = report.configuration(found)
    if document:
        left = report.open_fields(document)
        print(
            "\n".join(
                ["", "what only you know, to be filled in:", *(f"  {each}" for each in left)]
            )
        )
        print("\nto paste into the site's configuration:\n" + report.text(document))
    return 0


def _found(given: argparse.Namespace, where: Where) -> list[report.Found]:
    asked = list(range(scan.FIRST, scan.LAST + 1)) if given.all else scan.usual()
    asked = given.address or asked
    with Progress(transient=True) as bar:
        task = bar.add_task("asking")

        def step(text: str, done: int, total: int) -> None:
            bar.update(task, description=text, completed=done, total=total)

        there = scan.everybody(where, given.baud is not None, asked, step)
        found = []
        for at, unit in there:
            with opened(at, _patience_s(at)) as bus:
                found.append(_look(bus, unit, given.profile, step))
    return found


def _patience_s(where: Where) -> float:
    """Of a device that is there: slow ones take most of a second."""
    return 1.0 + scan.timeout_s(where)


def _look(bus: Bus, unit: int, profile: str, step: scan.Step) -> report.Found:
    names = [profile] if profile else []
    fits = profiles.judge(bus, unit, names, step)
    return report.Found(bus.where, unit, sunspec.find(bus, unit), fits)


def keep(found: report.Found, path: Path, spans: list[str], voice: Voice) -> int:
    """Everything that it has, into a file."""
    wanted = [(int(a), int(b or a) + 1) for a, _, b in (span.partition("-") for span in spans)]
    told = {"where": str(found.where)}
    if found.sunspec:
        told |= {"maker": found.sunspec.maker, "model": found.sunspec.model}
    if found.best:
        told["profile"] = found.best.name
    got = {}
    with opened(found.where, _patience_s(found.where)) as bus, Progress(transient=True) as bar:
        for function in (3, 4):
            task = bar.add_task(f"function {function}", total=max(end for _, end in wanted))
            got[function] = record.registers(
                bus,
                found.unit,
                function,
                wanted,
                lambda at, task=task: bar.update(task, completed=at),
            )
    recording.save(path, found.unit, told, got)
    voice.say(f"{path}: {sum(map(len, got.values()))} registers of unit {found.unit}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
