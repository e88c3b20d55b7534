"""chips/esp32.py on a strict ESP32, and all of the firmware compiled for both chips."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from firmware import image as im
from firmware.chips.circuit import Circuit
from firmware.ledger import open_store
from firmware.sense import Sense
from tests_host.chips.esp32_chip import Chip, Partition
from tests_host.conftest import ROOT
from tools.image import folded
from tools.pack import circuits as packer

DOCUMENT = json.loads((ROOT / "firmware/circuits/esp32.json").read_text())
PARTS = ("common", "plain", "esp32", "esp32_flash")
MODULES = tuple(f"firmware.chips.{part}" for part in PARTS)
PILOT, PROXIMITY = 36, 39
CONTACTOR, ENABLE, LOADS, DEAD_MAN = 25, 26, 27, 33


class Setup:
    """A chip on a circuit board, and the board file that runs on it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
        self.document = {**DOCUMENT, **changes}
        self.chip = Chip(self.document)
        data = ModuleType("islet_data")
        vars(data).update(CIRCUIT="esp32", CIRCUITS={"esp32": packer.pack(self.document)})
        for name, module in {**self.chip.modules(), "islet_data": data}.items():
            monkeypatch.setitem(sys.modules, name, module)
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=object()))
        for name in MODULES:
            sys.modules.pop(name, None)

    def board(self) -> Any:
        return importlib.import_module("firmware.chips.esp32").Board()


@pytest.fixture
def setup(monkeypatch: pytest.MonkeyPatch) -> Iterator[Setup]:
    Partition.there = {}
    yield Setup(monkeypatch)
    for name in MODULES:
        sys.modules.pop(name, None)


def changed(monkeypatch: pytest.MonkeyPatch, **changes: object) -> Setup:
    return Setup(monkeypatch, **changes)


# --- outputs, inputs ---------------------------------------------------------------------------


def test_everything_is_off_at_the_start(setup: Setup) -> None:
    setup.board()
    for pin in (CONTACTOR, ENABLE, LOADS, DEAD_MAN):
        assert setup.chip.driven >> pin & 1 and not setup.chip.level(pin)
    assert [pin for _, pin, level in setup.chip.edges if level and pin not in (21, 22)] == []
    assert setup.chip.duty == 65_535


def test_the_guards_outputs_reach_their_pins(setup: Setup) -> None:
    board = setup.board()
    for bits in (im.OUT_CONTACTOR, im.OUT_CONTACTOR | im.OUT_ENABLE, im.OUT_LOADS, 0):
        board.write_outputs(bits)
        level = setup.chip.level
        assert level(CONTACTOR) == bool(bits & im.OUT_CONTACTOR)
        assert level(ENABLE) == bool(bits & im.OUT_ENABLE)
        assert level(LOADS) == bool(bits & im.OUT_LOADS)


def test_each_tick_of_the_guard_retriggers_the_dead_man(setup: Setup) -> None:
    board, seen = setup.board(), []
    board.start_sampling(lambda *_: None)
    for _ in range(4):
        setup.chip.tick()
        seen.append(setup.chip.level(DEAD_MAN))
    assert seen == [1, 0, 1, 0]


def test_a_guard_that_fails_does_not(setup: Setup) -> None:
    board = setup.board()

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    board.start_sampling(fail)
    for _ in range(4):
        with pytest.raises(ZeroDivisionError):  # which MicroPython's timer prints
            setup.chip.tick()
    assert [level for _, pin, level in setup.chip.edges if pin == DEAD_MAN] == [0]


def test_inputs(setup: Setup) -> None:
    board, image = setup.board(), im.Image()
    setup.chip.levels = 1 << 34 | 1 << 4
    board.sample_inputs(image)
    assert image.live[im.INPUTS] == im.IN_CONTACTOR | im.IN_ESTOP | im.IN_OVERTEMP
    assert image.live[im.INPUTS_AGE_MS] == 0


# --- what it may do ----------------------------------------------------------------------------


def test_a_contactor_only_with_a_hardware_guard_and_never_an_island(setup: Setup) -> None:
    board = setup.board()
    assert board.rights.can_own_contactor
    assert not board.rights.can_island
    assert board.rights.network and board.rights.tls


def test_no_contactor_with_a_soft_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {key: value for key, value in DOCUMENT.items() if key != "hardware_guard"}
    soft = Setup(monkeypatch, **document)
    packed = bytearray(packer.pack(DOCUMENT))
    packed[2] = 0  # guard: soft; the packer refuses such a contactor before the firmware has to
    assert Circuit(packed).guard == 0
    vars(sys.modules["islet_data"])["CIRCUITS"]["esp32"] = bytes(packed)
    assert not soft.board().rights.can_own_contactor


def test_a_direction_pin_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = changed(monkeypatch, lines=[*DOCUMENT["lines"]])
    circuit = Circuit(packer.pack(DOCUMENT))
    circuit.lines = [(2, 17, 16, 5)]
    module = importlib.import_module("firmware.chips.common")
    monkeypatch.setattr(module, "Circuit", lambda _packed: circuit)
    with pytest.raises(ValueError, match=r"lines\.0\.de: no direction pin on ESP32"):
        setup.board()


def test_the_rs485_line(setup: Setup) -> None:
    board = setup.board()
    for parity, expected in (("N", None), ("E", 0), ("O", 1)):
        line = board.uart(0, 19_200, parity, 2).line
        assert vars(line) == {"id": 2, "baud": 19_200, "bits": 8, "parity": expected, "stop": 2}
    with pytest.raises(ValueError, match="parity: 'X' is not one of N, E, O"):
        board.uart(0, 19_200, "X")


def test_the_metering_chips_share_one_spi(setup: Setup) -> None:
    board = setup.board()
    (spi, first, row), (again, second, _) = board.meters
    assert spi is again
    assert spi.baud == 1_000_000
    assert (first.number, second.number, row.cs) == (21, 22, 21)
    assert [setup.chip.level(pin) for pin in (21, 22)] == [1, 1]  # nobody is selected


# --- the burst ---------------------------------------------------------------------------------


def pilot_volts(high_v: float, duty: float) -> Any:
    """The pin behind the board's divider: 100k to the pilot, 22k to 3.3 V, 15k to ground."""
    rows = DOCUMENT["channels"][0]["divider"]
    series, up, down = rows["series_ohm"], rows["up_ohm"], rows["down_ohm"]
    conductance = 1 / series + 1 / up + 1 / down

    def volts(pin: int, now_us: int) -> float:
        noise = (now_us * 7919 % 13 - 6) / 1000  # the chip's own, some mV
        if pin == PROXIMITY:
            return 3.3 * 220 / (1000 + 220) + noise
        level = high_v if now_us % 1000 < duty * 1000 else -12.0
        return (level / series + 3.3 / up) / conductance + noise

    return volts


@pytest.mark.parametrize("duty", [0.1, 0.16, 0.25, 0.53, 0.8, 0.9])
@pytest.mark.parametrize("high_v", [12.0, 9.0, 6.0, 3.0])
def test_plateaus_of_the_pilot(setup: Setup, high_v: float, duty: float) -> None:
    board, image = setup.board(), im.Image()
    sense = Sense(image, board.analog)
    setup.chip.volts = pilot_volts(high_v, duty)
    blocks: list[int] = []

    def on_block(samples: Any, frames: int, gone_ms: int) -> None:
        blocks.append(gone_ms)
        sense.on_block(samples, frames)

    board.start_sampling(on_block)
    for _ in range(12):
        image.live[im.POINT_PILOT_AGE_MS] = 99
        setup.chip.tick()
        assert image.live[im.POINT_PILOT_AGE_MS] == 0
        assert image.live[im.POINT_HIGH_MV] == pytest.approx(1000 * high_v, abs=150)
        assert image.live[im.POINT_LOW_MV] == pytest.approx(-12_000, abs=150)
    assert image.live[im.POINT_PROXIMITY_OHM] == pytest.approx(220, rel=0.02)
    assert min(blocks) >= 10


def test_an_open_proximity_is_open(setup: Setup) -> None:
    board, image = setup.board(), im.Image()
    sense = Sense(image, board.analog)
    setup.chip.volts = lambda pin, _us: 3.3 if pin == PROXIMITY else 1.0
    board.start_sampling(lambda samples, frames, _ms: sense.on_block(samples, frames))
    for _ in range(12):
        setup.chip.tick()
    assert image.live[im.POINT_PROXIMITY_OHM] > 100_000


def test_a_burst_spans_four_periods_and_leaves_more_than_half_the_time(setup: Setup) -> None:
    board = setup.board()
    board.start_sampling(lambda *_: None)
    before = setup.chip.now_us
    setup.chip.tick()
    burst_us = setup.chip.now_us - before - 10_000
    assert 3_900 < burst_us < 4_500


def test_how_late_the_guard_was(setup: Setup) -> None:
    board = setup.board()
    gone: list[int] = []
    board.start_sampling(lambda _samples, _frames, ms: gone.append(ms))
    setup.chip.now_us += 36_000
    setup.chip.tick()
    assert gone == [46]
    assert board.late_ms == 36


# --- time, records, configuration --------------------------------------------------------------


def test_the_clock_starts_in_2000_and_is_not_believed(setup: Setup) -> None:
    board = setup.board()
    assert board.wall_minute() == -1
    setup.chip.date = (2026, 3, 1, 6, 12, 34, 0, 0)
    assert board.wall_minute() == (2251 * 24 + 12) * 60 + 34


def test_the_watchdog(setup: Setup) -> None:
    board = setup.board()
    board.feed_watchdog()
    assert setup.chip.fed == 0
    board.start_watchdog(2000)
    board.feed_watchdog()
    assert setup.chip.fed == 1


def test_a_seal_survives_a_reset_and_no_power_cut(setup: Setup) -> None:
    assert setup.board().sealed() == -1
    setup.board().seal(0xFFFF)
    assert setup.board().sealed() == 0xFFFF
    setup.chip.memory = b""
    assert setup.board().sealed() == -1


@pytest.mark.parametrize(
    ("cause", "said"), [(1, "power"), (2, "power"), (3, "reset"), (5, "reset")]
)
def test_why_it_started(setup: Setup, cause: int, said: str) -> None:
    setup.chip.cause = cause
    assert setup.board().reset_cause() == said


def test_stopped(setup: Setup) -> None:
    board = setup.board()
    board.start_sampling(lambda *_: None)
    board.stop()
    assert setup.chip.timer is None


def test_records_in_their_partition(setup: Setup) -> None:
    partition = Partition.there["records"] = Partition("records", 256 * 1024)
    storage = setup.board().storage
    assert (storage.size, storage.sector) == (256 * 1024, 4096)
    storage.program(5000, b"\x0f\xf0")
    storage.program(5001, b"\x30")
    assert bytes(storage.read(4999, 4)) == b"\xff\x0f\x30\xff"
    for may_erase in (None, lambda: False):
        storage.may_erase = may_erase
        with pytest.raises(RuntimeError, match="no erase"):
            storage.erase(4096)
    assert (storage.refused, partition.erased) == (2, 0)
    storage.may_erase = lambda: True
    storage.erase(4096)
    assert bytes(storage.read(5000, 2)) == b"\xff\xff"


def test_inv_9_without_the_partition_nothing_may_be_kept(setup: Setup) -> None:
    """INV-9: a file system erases as it writes, and asks nobody; so nothing is energised."""
    storage = setup.board().storage
    with pytest.raises(ValueError, match="partition 'records'"):
        open_store(storage, im.Image())


ASKING = ("app.py", "assembly.py", "net/console.py", "guard/__init__.py", "config/__init__.py")


def test_it_has_all_that_the_firmware_asks_a_board_for(setup: Setup) -> None:
    """The interface is what app, guard and console use of a board (guard/fast.py is for boards
    with fast blocks)."""
    used = set()
    for path in ASKING:
        for node in ast.walk(ast.parse((ROOT / "firmware" / path).read_text())):
            if isinstance(node, ast.Attribute):
                owner = node.value
                name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
                if name.lstrip("_") == "board":
                    used.add(node.attr)
    board = setup.board()
    assert {name for name in used if not hasattr(board, name)} == set()
    assert {"write_outputs", "read_config", "start_sampling", "console"} <= used


# --- compiled ----------------------------------------------------------------------------------

SOURCES = sorted(folded.texts().rglob("*.py"))


@pytest.mark.parametrize(("arch", "others"), [("xtensawin", "rp2"), ("armv6m", "esp32")])
def test_every_frozen_file_compiles(tmp_path: Path, arch: str, others: str) -> None:
    """Also what is viper: each chip's machine code, from the very files of the image."""
    cross = ROOT / ".cache/bin/mpy-cross"
    wrong = []
    for path in SOURCES:
        if path.parent.name == "chips" and path.stem.split("_")[0] in (others, "host"):
            continue
        command = [cross, f"-march={arch}", "-o", tmp_path / "out.mpy", path]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            wrong.append(f"{path.name}: {done.stderr.strip()}")
    assert wrong == []


def test_the_lamp_and_the_button_against_its_pull(setup: Setup) -> None:
    board, chip = setup.board(), setup.chip
    board.lamp(1)
    assert chip.level(DOCUMENT["lamp"]["pin"]) == 1
    pin = DOCUMENT["button"]["pin"]
    chip.levels = 1 << pin
    assert not board.button()
    chip.levels = 0
    assert board.button()
