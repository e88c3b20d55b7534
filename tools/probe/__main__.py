# islet: `make probe`.
# GPL-3.0-or-later
from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.progress import Progress

from tools.flash import FlashError, Voice
from tools.probe import profiles, record, report, scan, sunspec, watch
from tools.probe.bus import Bus, Host, Serial, opened

TEXT = """\
Find what hangs on an RS-485 adapter or answers by Modbus TCP, say which of islet's profiles fits,
and print the configuration to paste. It reads and never writes. A line has one master: islet or
anything else that asks on it has to be off meanwhile.
"""


def main(words: list[str] | None = None) -> int:
    given = _parser().parse_args(words)
    voice = Voice("probe")
    return voice.guard(lambda: run(given, voice))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make probe", description=TEXT)
    parser.add_argument("--port", default="", help="serial port of the adapter (PORT=)")
    parser.add_argument(
        "--baud", type=int, help="its speed; else the usual ones are tried (BAUD=)"
    )
    parser.add_argument("--parity", choices="NEO", help="its parity (PARITY=)")
    parser.add_argument("--stop-bits", type=int, choices=(1, 2), default=1, help="1")
    parser.add_argument("--host", default="", help="Modbus TCP instead: host or host:port (HOST=)")
    parser.add_argument("--address", type=int, nargs="*", help="these units alone (ADDRESS=)")
    parser.add_argument("--all", action="store_true", help="every unit from 1 to 247")
    parser.add_argument("--profile", default="", help="judge by this profile alone (PROFILE=)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--watch", action="store_true", help="values each second, until Ctrl-C")
    what.add_argument("--record", type=Path, metavar="FILE", help="all registers into a file")
    parser.add_argument("--times", type=int, default=0, help="--watch: so often, then end")
    parser.add_argument("--spans", nargs="*", default=["0-65535"], help="--record: of registers")
    return parser


def run(given: argparse.Namespace, voice: Voice) -> int:
    if given.profile and given.profile not in profiles.known():
        known = ", ".join(profiles.known())
        raise FlashError(f"PROFILE={given.profile} is none of islet's", f"one of {known}")
    found = _found(given, voice)
    if not found:
        raise FlashError(
            "nobody answers", "A and B swapped? --all asks every unit; BAUD= if known"
        )
    for each in found:
        print("\n".join(report.words(each)), flush=True)
    if given.watch:
        return watch.watch(found[0], given.times, _patience_s(found[0].where))
    if given.record:
        return keep(found[0], given.record, given.spans, voice)
    document = report.configuration(found)
    if document:
        print("\nto paste into the site's configuration:\n" + report.text(document))
    return 0


def _where(given: argparse.Namespace) -> Serial | Host:
    if bool(given.host) == bool(given.port):
        raise FlashError("where?", "PORT=/dev/ttyUSB0 for an adapter, or HOST=192.168.0.20")
    if given.host:
        host, _, port = given.host.partition(":")
        return Host(host, int(port or 502))
    return Serial(given.port, given.baud or 9600, given.parity or "N", given.stop_bits)


def _found(given: argparse.Namespace, voice: Voice) -> list[report.Found]:
    where = _where(given)
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


def _patience_s(where: Serial | Host) -> float:
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
    record.save(path, found.unit, told, got)
    voice.say(f"{path}: {sum(map(len, got.values()))} registers of unit {found.unit}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
