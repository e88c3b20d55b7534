# islet: `python -m tools.mutate`.
# GPL-3.0-or-later
from __future__ import annotations

import argparse
import json
import queue
import signal
import sys
import threading
import time

from tools.mutate import choose, report
from tools.mutate.operators import Mistake
from tools.mutate.run import HOME, Copy, Seconds, Verdict, files_of

TEXT = """\
Mistakes are planted in copies of the project, one at a time, and the tests that reach the file
are asked, the nearest and quickest first. A mistake that no test finds has survived: a test is
missing, or the mistake changes nothing (tools/mutate/known.json says why). Ends with 1 where one
survived that is not known.
"""


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.mutate", description=TEXT)
    parser.add_argument("--room", default="", help="guard, core, core/grid … (all)")
    parser.add_argument("--number", type=int, default=220, help="how many (220)")
    parser.add_argument("--seed", type=int, default=1, help="which (1)")
    parser.add_argument("--budget", type=float, default=40, help="seconds of tests for each (40)")
    parser.add_argument("--far", action="store_true", help="the tests of other rooms as well")
    parser.add_argument("--processes", type=int, default=1, help="copies at once (1)")
    parser.add_argument(
        "--until", type=float, default=0, help="plant no more after so many minutes"
    )
    parser.add_argument("--again", action="store_true", help="only those that survived last time")
    parser.add_argument("--list", action="store_true", help="name them, and plant nothing")
    parser.add_argument("--write", action="store_true", help="print into docs/measured.md")
    return parser.parse_args(words)


class Work:
    """Jobs that several copies share; one line as they end."""

    def __init__(self, copies: list[Copy], until: float) -> None:
        self._copies = copies
        self._end = until
        self._stop = threading.Event()

    def each(self, jobs: list, do, name) -> None:
        left: queue.SimpleQueue = queue.SimpleQueue()
        for job in jobs:
            left.put(job)
        started, done, lock = time.monotonic(), [0], threading.Lock()

        def work(copy: Copy) -> None:
            while not self._stop.is_set() and not (self._end and time.monotonic() > self._end):
                try:
                    job = left.get_nowait()
                except queue.Empty:
                    return
                said = do(copy, job)
                if self._stop.is_set():
                    return
                with lock:
                    done[0] += 1
                    each_s = (time.monotonic() - started) / done[0]
                    rest_s = each_s * (len(jobs) - done[0])
                    print(f"{name} {done[0]}/{len(jobs)}, {rest_s:.0f} s left: {said}", flush=True)

        threads = [threading.Thread(target=work, args=(c,), daemon=True) for c in self._copies]
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads):
                time.sleep(0.2)
        except KeyboardInterrupt:
            self._stop.set()
            for copy in self._copies:
                copy.stop()
            raise


def planted(asked: argparse.Namespace, some: list[Mistake]) -> list[Verdict]:
    copies = [Copy(i) for i in range(asked.processes)]
    HOME.mkdir(parents=True, exist_ok=True)
    for copy in copies:
        copy.make()
    files = {m.name: files_of(m, asked.far) for m in some}
    seconds = Seconds()
    work = Work(copies, asked.until and time.monotonic() + 60 * asked.until)
    verdicts: list[Verdict] = []

    def measure(copy: Copy, file: str) -> str:
        seconds.measure(copy, file)
        return file

    def plant(copy: Copy, mistake: Mistake) -> str:
        own = files[mistake.name]
        verdict = copy.plant(mistake, own, seconds.of(own), asked.budget)
        verdicts.append(verdict)
        with (HOME / "verdicts.jsonl").open("a") as log:
            told = {"name": mistake.name, "by": verdict.by, "asked": verdict.asked}
            log.write(json.dumps(told) + "\n")
        return f"{mistake.name}: {'found' if verdict.by else f'SURVIVED, {mistake.change}'}"

    for room in dict.fromkeys(m.room for m in some):
        own = [m for m in some if m.room == room]
        reaching = sorted({f for m in own for f in files[m.name]})
        work.each(seconds.missing(reaching), measure, f"{room}: tests")
        work.each([m for m in own if not seconds.missing(files[m.name])], plant, room)
    for test in sorted(seconds.red):
        print(f"not green with nothing planted, not asked: {test}", file=sys.stderr)
    order = {m.name: i for i, m in enumerate(some)}
    return sorted(verdicts, key=lambda v: order[v.mistake.name])


def main(words: list[str] | None = None) -> int:
    asked = arguments(words)
    rooms = choose.rooms_of(asked.room)
    if not rooms:
        print(f"ROOM={asked.room}: rooms are {', '.join(r for r, _ in choose.SHARES)}")
        return 2
    last = HOME / "survivors.json"
    if asked.again:
        some = choose.named(json.loads(last.read_text()) if last.exists() else [])
    else:
        some = choose.chosen(rooms, asked.number, asked.seed)
    if asked.list:
        print("\n".join(f"{m.name}: {m.file}:{m.line}: {m.change}" for m in some))
        return 0
    verdicts = planted(asked, some)
    lost = [v.mistake.name for v in verdicts if not v.by]
    last.write_text(json.dumps(lost, indent=1))
    room = f" ROOM={asked.room}" if asked.room else ""
    how = f"make mutate{room} NUMBER={asked.number} SEED={asked.seed}"
    print("\n" + report.section(verdicts, how))
    if asked.write:
        report.write(verdicts, how)
    return int(any(name not in report.known() for name in lost))


if __name__ == "__main__":
    for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):  # in the background too
        signal.signal(name, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nended", file=sys.stderr)
        sys.exit(130)
