# islet: one run: the chip's process in its simulated house, judged, logged and shown.
# GPL-3.0-or-later
"""The loop is the same in real and virtual time: the chip asks, the session answers.

At SPEED=max the chip asks as fast as it can; at SPEED=1 it waits for the wall clock before it
asks, and serial line and broker are real. Where this PC is late, the house stands still: nothing
happens in it that the firmware had no chance to see, and how long it stood is said. An emulated
chip is on virtual time at both; at SPEED=1 it is kept from running ahead of the wall clock, and
falls behind when it has to. Exit codes: 0 all well, 1 the referee or an expectation found
something, 2 the run itself failed, 130 ended by Ctrl-C, a signal or a closed terminal before its
time. A run in real time without a length has no other end than those, so that is 0 there (and
`make` stays silent).
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, Protocol

from tools.twin import record
from tools.twin.link import wire
from tools.twin.link.interfaces import Edges, Truth
from tools.twin.link.process import Chip, ChipDied
from tools.twin.link.session import LinkError, Session
from tools.twin.link.signals import Stretch
from tools.twin.view import live
from tools.twin.view.display import Display, Progress, StatusLines, Terminal, times
from tools.twin.view.events import EventLog, ImageEvents

RESTART_CODES = {75: "watchdog", 76: "reset"}
OBSERVE_US = 100_000
REFUSAL = "configuration: "  # the firmware's log begins so for each error in the site
FINDING, FAILED, INTERRUPTED = 1, 2, 130
STOOD_S = 0.5  # a PC so late is told of
NEVER_DECIDED = {"t_s": 0.0, "rule": "run", "text": "the firmware took no control step"}


class Judge(Protocol):
    """The referee with the scenario's expectations: sees the truth, never the firmware's mind."""

    def observe(self, t_us: int, truth: Truth, image: Mapping[str, array[int]]) -> None: ...

    def restarted(self, t_us: int, asked: bool) -> None:
        """The chip lost its mind; `asked`: the scenario wanted it so."""

    def booted(self, t_us: int) -> None:
        """A chip's new life begins (of one that goes on by itself this is not known)."""

    def findings(self) -> Sequence[str]:
        """Everything held against the run so far, oldest first, a sentence each."""
        ...

    def summary(self) -> dict[str, Any]:
        """Of the whole run; `ok` says whether nothing was found and all expectations hold."""
        ...


@dataclass
class Scene:
    """What a run is made of: everything but the chip (scene.py builds it)."""

    title: str
    seconds: float  # the scenario's own length
    start: datetime
    site: dict[str, Any]
    session: Session
    judge: Judge
    input_names: Mapping[int, str]  # by pin
    environment: dict[str, str] = field(default_factory=dict)
    page: str = ""
    broker: str = ""  # where the run's own listens
    close: Callable[[], None] = lambda: None
    emulated: bool = False  # the chip: on virtual time, whatever the speed
    remarks: Sequence[str] = ()  # said once, at the beginning
    rows: Sequence[live.Place] = ()  # of the house, for the view
    publish: Callable[[int, str, Any], None] = lambda t_us, topic, payload: None


@dataclass
class Options:
    scenario: str = ""
    seconds: float | None = None
    speed: str = "1"
    seed: int = 1
    board: str = "host"
    record: Path | None = None
    events: Path | None = None
    picture: Path | None = None
    offline: bool = False  # an emulated chip's cable is not connected


@dataclass
class Context:
    """What building a scene may use: this run's private folder and its log."""

    options: Options
    folder: Path
    log: EventLog


class Run:
    """One run; go() returns the exit code."""

    def __init__(
        self,
        options: Options,
        build: Callable[[Context], Scene],
        command: Callable[[], Sequence[str]],
        out: IO[str] = sys.stdout,
        err: IO[str] = sys.stderr,
        spread: Callable[[int, bytes], bytes] | None = None,
    ) -> None:
        self.options = options
        self.log = EventLog()
        self._build, self._command = build, command
        self._spread = spread  # sections of an image with fewer rows than the host's
        self._out, self._err = out, err
        self._virtual = options.speed == "max"  # no faster clock than the machine's
        self._judged = 0
        self._restarts = 0
        self._observed_us = -OBSERVE_US
        self._notes: list[Callable[[], object]] = []
        self._truth: Truth = {}
        self._steps = record.Assembler()
        self._recorder: record.Recorder | None = None
        self._chip: Chip | None = None
        self._begin = time.monotonic()
        self._behind_s = self._least_s = self._told_s = 0.0  # the house, behind the wall clock

    def go(self) -> int:
        try:
            with ExitStack() as stack:
                summary = self._in_folder(stack)
            # only now, with the terminal given back and everything else at rest
            print(json.dumps(summary, ensure_ascii=False), file=self._out, flush=True)
            return 0 if summary["ok"] else FINDING
        except KeyboardInterrupt:
            return self._interrupted()
        except ChipDied as death:
            self._complain(str(death), death.tail)
        except (LinkError, wire.WireError, OSError, RuntimeError) as error:
            tail = self._chip.tail() if self._chip is not None else ""
            self._complain(str(error), tail)
        return FAILED

    # --- what a run needs -----------------------------------------------------------------

    def _in_folder(self, stack: ExitStack) -> dict[str, Any]:
        options = self.options
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="islet-")))
        if options.events is not None:
            self.log = EventLog(stack.enter_context(options.events.open("w")))
        self._scene = scene = self._build(Context(options, folder, self.log))
        stack.callback(scene.close)
        self._image = ImageEvents(self.log, scene.site)
        if options.record is not None:
            self._recorder = record.Recorder(options.record, options.scenario, options.seed)
            stack.callback(self._recorder.close)
        session = scene.session
        session.end_us = self._end_us()
        session.future.on_committed = self._committed
        session.on_log = self._said
        session.on_section = self._section
        session.on_reset = self._was_reset
        (folder / "storage").mkdir(exist_ok=True)
        (folder / "site.json").write_text(json.dumps(scene.site))
        self._environment = {
            "ISLET_SPEED": options.speed,
            "ISLET_SITE": str(folder / "site.json"),
            "ISLET_STORAGE": str(folder / "storage"),
            "ISLET_BOARD": options.board,
            **scene.environment,
        }
        self._chip_log = folder / "chip.log"
        stack.callback(self._stop_chip)
        self._start_chip()
        display = self._display(stack)
        for text in scene.remarks:
            self.log.add(0, "run", text)
            if not self._on_screen():
                print(f"islet: {text}", file=self._err, flush=True)
        self._begin = time.monotonic()
        self._least_s = float("inf")
        self._loop(display)
        summary = self._summary()
        if options.picture is not None:
            live.snapshot_svg(options.picture, self.view())
        return summary

    def _start_chip(self) -> None:
        self._chip = Chip(self._command(), self._environment, self._chip_log)

    def _stop_chip(self) -> None:
        if self._chip is not None:
            self._chip.stop()

    def _end_us(self) -> int | None:
        seconds = self.options.seconds
        if seconds is None and self._virtual:
            seconds = self._scene.seconds
        return None if seconds is None else round(seconds * 1e6)

    # --- the loop -------------------------------------------------------------------------

    def _loop(self, display: Display) -> None:
        session = self._scene.session
        while not session.over:
            assert self._chip is not None
            try:
                ask = self._chip.receive()
                if ask.why == wire.BYE:
                    continue  # its exit code is the next thing to be had
                answer = session.exchange(ask)
                if session.lost is not None and not self._scene.emulated and not session.over:
                    self._catch_up()  # what was, before what is to come
                    self._restart(f"scenario: {session.lost.cause}")
                    continue
                self._chip.send(answer)
                self._catch_up()
                if not self._virtual and not self._scene.emulated:
                    self._note_late(session.now_us)
                if session.over:
                    continue
                if self._virtual or self._scene.emulated:
                    session.look_ahead()
                if not self._virtual and self._scene.emulated:
                    self._keep_pace(session.now_us / 1e6)
            except ChipDied as death:
                if death.code not in RESTART_CODES:
                    raise
                self._restart(RESTART_CODES[death.code])
            display.tick(session.now_us)
        display.close()

    def _keep_pace(self, now_s: float) -> None:
        """An emulated chip may be late, but never early."""
        ahead_s = now_s - (time.monotonic() - self._begin)
        if ahead_s > 0:
            time.sleep(ahead_s)

    def _note_late(self, now_us: int) -> None:
        """What the house stood still for a busy PC."""
        gone_s = time.monotonic() - self._begin - now_us / 1e6
        self._least_s = min(self._least_s, gone_s)
        self._behind_s = gone_s - self._least_s
        late_s = self._behind_s - self._told_s
        if late_s < STOOD_S:
            return
        text = f"this PC was late: the house stood still for {late_s:.1f} s"
        self.log.add(now_us, "run", text)
        if not self._told_s and not self._on_screen():
            print(f"islet: {text}, and does so whenever it is", file=self._err, flush=True)
        self._told_s = self._behind_s

    def _restart(self, cause: str) -> None:
        session = self._scene.session
        self._note_reset(session.now_us, cause)
        assert self._chip is not None
        self._chip.kill()
        cut = session.lost is not None and session.lost.cause == "off"
        before_us = session.now_us
        session.restart()
        if not self._virtual:  # whoever looks on has to wait as well
            time.sleep((session.now_us - before_us) / 1e6)
        if session.over:
            return
        self._environment["ISLET_RESET_CAUSE"] = "power" if cut else cause
        self._environment["ISLET_SCRATCH"] = " ".join(map(str, session.scratch))
        self._notes.append(partial(self._scene.judge.booted, session.now_us))
        self._start_chip()

    def _was_reset(self, t_us: int, cause: str) -> None:
        """A chip that goes on by itself."""
        self._notes.append(partial(self._note_reset, t_us, cause))

    def _note_reset(self, t_us: int, cause: str) -> None:
        self._restarts += 1
        self.log.add(t_us, "run", f"{cause}: the chip restarts")
        self._scene.judge.restarted(t_us, cause.startswith("scenario"))
        self._steps = record.Assembler()

    # --- what the session tells -------------------------------------------------------------

    # While the chip waits for its answer only notes are taken; _catch_up() works them off.

    def _committed(
        self,
        t_us: int,
        stretches: Sequence[Stretch],
        edges: Edges,
        truth: Callable[[], Truth],
    ) -> None:
        for edge_us, pin, level in edges:
            name = self._scene.input_names.get(pin, str(pin))
            self._notes.append(partial(self.log.add, edge_us, "house", f"contact {name} {level}"))
        if t_us - self._observed_us >= OBSERVE_US or edges or len(stretches) > 1:
            self._observed_us = t_us
            self._truth = truth()
            self._notes.append(partial(self._observe, t_us, self._truth))

    def _section(self, t_us: int, item: wire.Section | wire.Step) -> None:
        if self._spread is not None and isinstance(item, wire.Section):
            item = wire.Section(item.section, self._spread(item.section, item.data))
        self._notes.append(partial(self._take, t_us, item))

    def _said(self, t_us: int, text: str) -> None:
        self.log.add(t_us, "chip", text)
        if text.startswith(REFUSAL) and not self._on_screen():
            print(f"islet: the firmware refuses its {text}", file=self._err, flush=True)

    def _catch_up(self) -> None:
        notes, self._notes = self._notes, []
        for note in notes:
            note()
        self.log.settle(self._scene.session.future.now_us)

    def _observe(self, t_us: int, truth: Truth) -> None:
        judge = self._scene.judge
        judge.observe(t_us, truth, self._image.values)
        remarks = judge.findings()
        for text in remarks[self._judged :]:
            self.log.add(t_us, "referee", text)
        self._judged = len(remarks)

    def _take(self, t_us: int, item: wire.Section | wire.Step) -> None:
        found = self._steps.take(item)
        if found is None:
            return
        if isinstance(found, record.Boot):
            self._image.boot(found)
        else:
            self._image.step(t_us, found)
        if self._recorder is not None:
            self._recorder.write(found)

    # --- the end --------------------------------------------------------------------------

    def _summary(self) -> dict[str, Any]:
        session = self._scene.session
        self._catch_up()
        judged = self._scene.judge.summary()
        if not self._image.steps:  # a refused configuration is safe, but it is no success
            judged["ok"] = False
            judged["findings"] = [*judged.get("findings", ()), NEVER_DECIDED]
        return {
            "scenario": self._scene.title,
            "seconds": session.now_us // 100_000 / 10,
            "seed": self.options.seed,
            "speed": self.options.speed,
            "restarts": self._restarts,
            "steps": self._image.steps,
            "events": self.log.count,
            "events_sha256": self.log.sha256,
            **({} if self._virtual else {"stood_still_s": round(self._told_s, 1)}),
            **judged,
        }

    def _interrupted(self) -> int:
        remarks = f", {self._judged} remarks of the referee" if self._judged else ""
        begin = "\r" if self._err.isatty() else ""  # over the ^C
        with suppress(OSError):  # a terminal that was closed
            print(f"{begin}islet: ended{remarks}", file=self._err, flush=True)
        return 0 if self.options.seconds is None and not self._virtual else INTERRUPTED

    def _complain(self, text: str, tail: str) -> None:
        with suppress(OSError):  # a terminal that was closed
            if tail:
                print(tail, file=self._err)
            print(f"islet: {text}", file=self._err, flush=True)

    # --- what people see --------------------------------------------------------------------

    def view(self) -> live.View:
        scene = self._scene
        return live.View(
            title=scene.title,
            site=scene.site,
            start=scene.start,
            t_us=scene.session.now_us,
            speed=self._speed(),
            page=scene.page,
            broker=scene.broker,
            truth=self._truth,
            values=self._image.values if self._image.steps else {},
            events=list(self.log.tail),
            remarks=self._judged,
            rows=scene.rows,
        )

    def _speed(self) -> str:
        if self._virtual:
            return "max"
        if not self._scene.emulated and not self._told_s:
            return "×1"
        passed_s = time.monotonic() - self._begin
        return f"×{times(self._scene.session.now_us / 1e6 / passed_s)}" if passed_s > 1 else "×1"

    def _on_screen(self) -> bool:
        """The live view has the terminal, and shows the log itself."""
        return not self._virtual and self._out.isatty()

    def _display(self, stack: ExitStack) -> Display:
        if self._virtual:
            return Progress(self._err, self._end_us())
        if self._on_screen():
            return Terminal(stack.enter_context(live.Screen()), self.view)
        if self._scene.page:
            print(f"islet: page at {self._scene.page}", file=self._err, flush=True)
        return StatusLines(self._err, self.view)
