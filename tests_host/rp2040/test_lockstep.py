# islet: the firmware's image on the emulated board, in lockstep with the house.
# GPL-3.0-or-later
"""Short scenarios, for the board is about as fast as real time. Each says what must hold, so that
a board whose outputs do nothing, or one that is killed, is seen to fail."""

from __future__ import annotations

import functools
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware import image as im
from tests_host import kept
from tests_host.fields import EVSE
from tests_host.system.kit import SCENARIOS, processes_of, quiet, written
from tools.twin import chips, record, run, scenario, scene
from tools.twin.link.process import ROOT

pytestmark = pytest.mark.timeout(400)
PATIENCE_S = 300  # two busy cores may be slow
BOARD = "pico"


@pytest.fixture(scope="module", autouse=True)
def image() -> Path:
    assert chips.IMAGE.exists(), "no image: `make image IMAGE=pico`"
    return chips.IMAGE


def story(**changes: Any) -> dict[str, Any]:
    """A car that begins to charge within a few seconds of power-up."""
    made = json.loads((SCENARIOS / "overload_25a.json").read_text(encoding="utf-8"))
    made |= {"events": [], "expect": [
        {"that": "evse.closed", "when": "ever", "equals": True, "text": "the car is let on"},
        {"that": "evse.l1_a", "when": "end", "at_least": 5.8, "text": "and charges"},
        {"that": "breaker_trips", "equals": 0, "text": "no breaker trips"},
    ]}  # fmt: skip
    return made | changes


class Done:
    """A run that has ended; `event_bytes` and `recorded` are what it wrote."""

    def __init__(
        self, folder: Path, code: int, out: str, err: str, event_bytes: bytes, recorded: bytes
    ) -> None:
        self.code, self.out, self.err = code, out, err
        self.events = event_bytes.decode()
        self.record = folder / "run.islet"
        self.record.write_bytes(recorded)

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads(self.out.splitlines()[-1])


def steps(done: Done) -> list[record.Step]:
    records = record.Recording(done.record).records()
    return [each for each in records if isinstance(each, record.Step)]


def command(folder: Path, made: dict[str, Any], *options: str) -> list[str]:
    path = written(folder, made)
    return [
        sys.executable, "-m", "tools.twin", "--chip", "rp2040", "--scenario", str(path),
        "--speed", "max", "--events", str(folder / "events"), *options,
    ]  # fmt: skip


def twin(folder: Path, made: dict[str, Any], *options: str) -> Done:
    """A run, kept as long as nothing changes of what it is made of."""
    image = chips.built("pico_eth" if "pico_eth" in options else BOARD)
    inputs = [*kept.HOUSE, *kept.CHIP, kept.node(), *image, made, options]
    return Done(folder, *kept.kept("lockstep", inputs, lambda: ran(folder, made, *options)))


def ran(folder: Path, made: dict[str, Any], *options: str) -> tuple[int, str, str, bytes, bytes]:
    """Exit code, output, messages, event log and recording of a run now."""
    folder.mkdir(parents=True, exist_ok=True)
    events, recorded = folder / "events", folder / "run.islet"
    done = subprocess.run(
        command(folder, made, "--record", str(recorded), *options),
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert quiet(done.stderr), done.stderr
    return (
        done.returncode, done.stdout, done.stderr, events.read_bytes(), recorded.read_bytes()
    )  # fmt: skip


@pytest.fixture(scope="module")
def charging(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """9 s."""
    return twin(tmp_path_factory.mktemp("charging"), story(), "--seconds", "9")


def test_a_car_charges_on_the_emulated_board(charging: Done) -> None:
    assert charging.code == 0, charging.out + charging.err + charging.events
    summary = charging.summary
    assert summary["ok"] and summary["restarts"] == 0
    assert summary["steps"] > 60
    assert "core pilot B -> C" in charging.events
    assert "house contact contactor 1" in charging.events


def test_the_meter_is_read_over_rs485_without_a_lost_character(charging: Done) -> None:
    assert "rs-485" not in charging.events
    last = np.frombuffer(steps(charging)[-1].readings, "<i4")
    assert 0 <= last[im.NODE_AGE_MS] < 2000
    assert last[im.NODE_MA] > 5000  # L1 of the service: the car is on it


def test_the_network_chip_carries_state_commands_and_a_meter(tmp_path: Path) -> None:
    """With the W5500's image: a wish by MQTT in the midst of it, and the house's meter read by
    Modbus TCP, and never late."""
    wish = {"topic": "islet/overload/set/charge_ma", "payload": {"charge_ma": 8000}}
    made = story(events=[{"at_s": 9, "mqtt": wish}], expect=[])
    (line,) = made["site"]["lines"]
    made["site"]["lines"] = [{"name": line["name"], "host": "meter.lan"}]
    made["house"]["lines"] = [{"name": line["name"], "port": 502}]
    done = twin(tmp_path, made, "--seconds", "12", "--image", "pico_eth")
    assert "a W5500 on a small network of its own" in done.err
    (answer,) = re.findall(r"mqtt islet/overload/answer (.*)", done.events)
    assert '"ok": true' in answer
    assert re.search(r"mqtt islet/overload/state \{", done.events)
    told = [np.frombuffer(step.readings, "<i4") for step in steps(done)]
    assert max(each[im.NODE_AGE_MS] for each in told[-40:]) < 1000
    assert told[-1][im.NODE_MA] > 5000


def test_the_chip_measures_what_the_house_does(charging: Done) -> None:
    """Through converter, metering chips and firmware; within 2 %, as a plausibility check."""
    last = np.frombuffer(steps(charging)[-1].readings, "<i4")
    figures = charging.summary["figures"]
    assert last[im.POINT_HIGH_MV] == pytest.approx(6000, abs=250)
    assert last[im.POINT_LOW_MV] == pytest.approx(-12000, abs=500)
    assert last[im.POINT_PROXIMITY_OHM] == pytest.approx(220, rel=0.2)
    assert last[im.GRID_MV] == pytest.approx(230_000, rel=0.03)
    assert last[im.GRID_MHZ] == pytest.approx(50_000, abs=100)
    assert last[im.DEVICE_MA + EVSE * im.LEGS] > 5_500
    assert figures["contactor_closings"] == 1


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    made = story()
    a, b, c = (
        Done(tmp_path / name, *ran(tmp_path / name, made, "--seconds", "3", "--seed", seed))
        for name, seed in (("a", "5"), ("b", "5"), ("c", "6"))
    )
    assert a.events == b.events
    assert steps(a) == steps(b)
    assert a.summary["events_sha256"] == b.summary["events_sha256"]
    assert steps(a) != steps(c)  # the converter's noise, at least


def test_without_a_network_the_site_has_none(tmp_path: Path) -> None:
    done = twin(tmp_path, story(), "--seconds", "2")
    assert "no network: without mqtt, http of the site" in done.err
    assert "configuration:" not in done.events
    assert " mqtt " not in done.events
    assert done.summary["steps"] > 5


def test_a_bad_configuration_is_told_and_is_no_success(tmp_path: Path) -> None:
    made = story()
    made["site"]["legs"] = 7
    done = twin(tmp_path, made, "--seconds", "2")
    assert done.code == 1
    assert "islet: the firmware refuses its configuration: legs" in done.err
    assert "the firmware took no control step" in done.out


def in_process(folder: Path, made: dict[str, Any], seconds: float, **changes: Any) -> run.Run:
    """One run whose stage a test may spoil before the chip starts."""
    loaded = scenario.load(written(folder, made))
    options = run.Options("test", seconds, "max", board=BOARD, events=folder / "events")

    def build(context: run.Context) -> run.Scene:
        stage = scene.Stage(context, loaded)
        for name, value in changes.items():
            setattr(stage._port, name, value)
        return stage.scene()

    launch = functools.partial(chips.emulator_command, BOARD)
    return run.Run(
        options, build, launch, io.StringIO(), io.StringIO(), chips.KINDS["rp2040"].spread()
    )


def test_with_dead_outputs_the_scenario_fails(tmp_path: Path) -> None:
    """The wires of all outputs are cut: everything else works, and the run must not pass."""
    one = in_process(tmp_path, story(), 8, set_pins=lambda driven, level: None)
    assert one.go() == run.FINDING
    assert isinstance(one._out, io.StringIO)
    expected = json.loads(one._out.getvalue())["expectations"]
    assert [e["ok"] for e in expected] == [False, False, True]
    assert "core contactor open -> closing" in (tmp_path / "events").read_text()


def test_the_watchdog_restarts_a_board_whose_program_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C at the console, as long as nothing is energised: nobody feeds the watchdog."""
    prepare = chips.prepare

    def prepared(folder: Path, board: str, site: Any, wiring: Any, *more: Any) -> dict[str, str]:
        return prepare(folder, board, site, {**wiring, "typed": [[1500, "\x03"]]}, *more)

    monkeypatch.setattr(chips, "prepare", prepared)
    one = in_process(tmp_path, story(expect=[]), 5.5)
    assert one.go() == run.FINDING  # the referee does not forgive it
    summary = json.loads(one._out.getvalue())  # type: ignore[attr-defined]
    assert [(f["rule"], f["text"]) for f in summary["findings"]] == [
        ("INV-9", "the watchdog reset the chip")
    ]
    assert summary["restarts"] == 1
    lines = (tmp_path / "events").read_text().splitlines()
    times = [int(line.split()[0]) for line in lines if "watchdog: the chip restarts" in line]
    assert len(times) == 1 and 3000 < times[0] < 3700
    assert any("KeyboardInterrupt" in line for line in lines)
    assert [line for line in lines if "house contact" in line] == []
    again = [line for line in lines if "core permits none -> island+loads" in line]
    assert len(again) == 2 and int(again[1].split()[0]) < times[0] + 2000  # running in 2 s


def started(folder: Path, *options: str) -> subprocess.Popen[str]:
    """A run in the background that has begun to live."""
    one = subprocess.Popen(
        command(folder, story(), *options), cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )  # fmt: skip
    assert one.stderr is not None
    assert "no network" in one.stderr.readline()
    deadline = time.monotonic() + 60
    while not nodes(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)
    return one


def nodes(folder: Path) -> list[int]:
    return [pid for pid, line in processes_of(folder) if "lockstep.mjs" in line]


def test_a_killed_emulator_is_told_in_one_line_with_exit_code_2(tmp_path: Path) -> None:
    one = started(tmp_path, "--seconds", "60")
    (chip,) = nodes(tmp_path)
    os.kill(chip, signal.SIGKILL)
    out, err = one.communicate(timeout=60)
    assert one.returncode == 2 and out == ""
    assert err.splitlines()[-1].startswith("islet: the firmware's process ended unexpectedly")
    assert "SIGKILL" in err
    assert not list(tmp_path.glob("islet-*"))


def test_ctrl_c_ends_cleanly_and_leaves_nothing(tmp_path: Path) -> None:
    one = started(tmp_path, "--seconds", "60")
    os.killpg(one.pid, signal.SIGINT)
    out, err = one.communicate(timeout=60)
    assert one.returncode == run.INTERRUPTED and out == ""
    assert err.endswith("islet: ended\n")
    assert nodes(tmp_path) == [] and not list(tmp_path.glob("islet-*"))
