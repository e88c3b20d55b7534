# islet: what the end-to-end tests share: the firmware in its house, whole, in this process.
# GPL-3.0-or-later
"""The run is the one of `python -m tools.twin`; being in this process only lets a test see the
physical truth, break things on purpose and read the chip's own output."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests_host import kept
from tools.twin import commission, run, scenario, scene
from tools.twin.buses.realbroker import RealBroker
from tools.twin.link import process

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = ROOT / "tools" / "twin" / "scenarios"
PATIENCE_S = 15.0  # for anything that has to happen in real time
TOKEN = "open-sesame"
PROVED_WITH = ("site__devices", "site__meters", "site__lines", "site__nodes")


def document(name: str = "sunny_day", **changes: Any) -> dict[str, Any]:
    """A shipped scenario without its events and expectations; `changes` by path: site__legs=1."""
    story = json.loads((SCENARIOS / f"{name}.json").read_text(encoding="utf-8"))
    story |= {"events": [], "expect": []}
    story["site"]["http"]["token"] = TOKEN
    for path, value in changes.items():
        *way, last = path.split("__")
        part = story
        for step in way:
            part = part[int(step)] if isinstance(part, list) else part[step]
        part[last] = value
        if path.startswith(PROVED_WITH):
            story.pop("proofs", None)  # void: it is commissioned anew
    return copy.deepcopy(story)


def written(folder: Path, story: dict[str, Any], name: str = "scenario.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(story), encoding="utf-8")
    return path


def commissioned(loaded: scenario.Scenario, story: dict[str, Any]) -> scenario.Scenario:
    """With the records of its proofs, which tests of the same site share."""
    if loaded.proofs is not None:
        return loaded
    text = json.dumps(story, sort_keys=True)
    return kept.kept("proofs", [*kept.HOUSE, text], lambda: commission.commissioned(loaded))


class Box:
    """One run. `site_text` replaces the configuration as written for the chip; `tweak(stage)` may
    change anything of the stage before the chip starts."""

    def __init__(
        self,
        folder: Path,
        story: dict[str, Any],
        *,
        speed: str = "max",
        seconds: float | None = None,
        seed: int = 1,
        main: Path | None = None,
        broker: str | None = None,
        site_text: bytes | None = None,
        tweak: Callable[[scene.Stage], None] = lambda stage: None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.story = commissioned(scenario.load(written(folder, story)), story)
        self.events_path, self.record_path = folder / "events", folder / "record.islet"
        self.out, self.err = io.StringIO(), io.StringIO()
        self.chip_output = ""
        self.code: int | None = None
        self.messages: list[tuple[int, str, bytes]] = []  # t_us, topic, payload
        self._main, self._broker, self._site_text, self._tweak = main, broker, site_text, tweak
        options = run.Options(
            "test", seconds, speed, seed, record=self.record_path, events=self.events_path
        )
        self.run = run.Run(options, self._build, self._command, self.out, self.err)
        self._thread = threading.Thread(target=self._go, name="twin", daemon=True)

    # --- the run --------------------------------------------------------------------------

    def _build(self, context: run.Context) -> run.Scene:
        self.folder = context.folder
        self.stage = stage = scene.Stage(context, self.story)
        if self._broker is not None:
            stage._real_broker = RealBroker(context.folder, self._broker)
        tell = stage._message

        def message(t_us: int, topic: str, payload: bytes) -> None:
            self.messages.append((t_us, topic, payload))
            tell(t_us, topic, payload)

        stage._message = message
        if stage._broker is not None:
            stage._broker.on_message = message
        self._tweak(stage)
        try:
            stage.start_real()
        except BaseException:
            stage.close()
            raise
        made = stage.scene()
        made.close = self._close
        return made

    def _close(self) -> None:
        self.chip_output = (self.folder / "chip.log").read_text(errors="replace")
        self.stage.close()

    def _command(self) -> Sequence[str]:
        if self._site_text is not None:
            (self.folder / "site.json").write_bytes(self._site_text)
        command = process.firmware_command()
        return command if self._main is None else [*command[:-1], str(self._main)]

    def _go(self) -> None:
        self.code = self.run.go()

    def whole(self) -> Box:
        """Run to the end, here and now; the exit code is in `code`."""
        self._go()
        return self

    def __enter__(self) -> Box:
        self._thread.start()
        until(lambda: self._reached() or not self._thread.is_alive(), "the page answers")
        assert self._thread.is_alive(), self.output
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _reached(self) -> bool:
        try:
            return bool(self.page) and self.get("/api/state")[0] == 200
        except (AttributeError, OSError):
            return False

    def stop(self) -> None:
        """End the run as its length would."""
        if self._thread.is_alive() and hasattr(self, "stage"):
            session = self.stage.session
            session.post(lambda: setattr(session, "end_us", session.now_us + 200_000))
        self._thread.join(PATIENCE_S)
        if self._thread.is_alive():  # a chip that says nothing more
            self.kill_chip()
            self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the run does not end"

    def kill_chip(self) -> None:
        os.kill(self.chip_id, 9)

    # --- what can be seen -----------------------------------------------------------------

    @property
    def chip_id(self) -> int:
        assert self.run._chip is not None
        return self.run._chip._process.pid

    @property
    def output(self) -> str:
        """Everything anybody printed."""
        return self.out.getvalue() + self.err.getvalue() + self.chip_output

    @property
    def page(self) -> str:
        return self.stage._page

    @property
    def broker(self) -> RealBroker:
        assert self.stage._real_broker is not None
        return self.stage._real_broker

    @property
    def prefix(self) -> str:
        return self.story.site["mqtt"]["prefix"]

    @property
    def truth(self) -> dict[str, Any]:
        """The house as it physically is, at most 100 ms old."""
        return dict(self.run.view().truth)

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads(self.out.getvalue().splitlines()[-1])

    def lines(self, source: str = "") -> list[tuple[int, str]]:
        """(ms, text) of the event log after the end, of one source or all."""
        found = []
        for line in self.events_path.read_text().splitlines():
            t_ms, who, text = line.split(" ", 2)
            if source in ("", who):
                found.append((int(t_ms), text))
        return found

    def published(self, name: str) -> Iterator[tuple[int, Any]]:
        """(ms, decoded payload) of everything the firmware published under this name."""
        for t_us, topic, payload in list(self.messages):
            if topic == f"{self.prefix}/{name}":
                yield t_us // 1000, json.loads(payload)

    # --- HTTP -----------------------------------------------------------------------------

    def get(self, path: str) -> tuple[int, Any]:
        return ask(self.page + path.lstrip("/"))

    def state(self) -> Any:
        return self.get("/api/state")[1]

    def command(self, body: bytes | dict[str, Any], token: str = TOKEN) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return ask(f"{self.page}api/command", data, {"Authorization": f"Bearer {token}"})


def ask(
    address: str, data: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """(status, JSON) of one request."""
    request = urllib.request.Request(address, data, headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def until(check: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Wait for something to become true; what it was in the end."""
    deadline = time.monotonic() + patience_s
    while not (found := check()):
        assert time.monotonic() < deadline, f"{what}: not within {patience_s:g} s"
        time.sleep(0.1)
    return found


def processes_of(folder: Path) -> list[tuple[int, str]]:
    """(pid, command line) of living processes whose environment names this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(folder).encode() in (entry / "environ").read_bytes():
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found.append((int(entry.name), command.strip()))
    return found


def quiet(text: str) -> bool:
    """No traceback in what people or logs get to see, of CPython or of MicroPython."""
    return "Traceback" not in text
