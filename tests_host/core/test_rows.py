"""No row of the image means one particular device: with more rows, and the wanted devices behind
idle ones, each room of core decides the same."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests_host.conftest import ROOT
from tests_host.copies import copied
from tests_host.core import rows_run

SEEDS = (1, 2, 3)
VEHICLE, GUARD = "core/vehicle", "guard"
GEOMETRIES = {
    # rows of the image -> numbers of them, and the rows of point and converter
    "as shipped": ({}, (0, 1)),
    "the other way round": ({}, (1, 0)),
    "one idle row before": ({}, (1, 2)),
    "the last rows": ({}, (6, 7)),
    "as few as a chip": ({"DEVICES": 4, "POINTS": 1, "ISSUERS": 4, "NODES": 32}, (0, 3)),
    "one more of everything": ({"DEVICES": 9, "ISSUERS": 9, "NODES": 101}, (0, 8)),
}


def decided(
    firmware: Path, rows: tuple[int, ...], seeds: tuple[int, ...]
) -> Iterator[tuple[int, str, list[list[int]]]]:
    """(seed, room, what it decides step by step), as they come; who has seen enough asks for no
    more."""
    command = [sys.executable, "-m", "tests_host.core.rows_run", *map(str, (*rows, *seeds))]
    path = os.pathsep.join((str(firmware.parent), str(ROOT), str(ROOT / ".cache/data")))
    beside = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")  # bytecode, to be copied with it
    env = dict(os.environ) if firmware.parent == ROOT else os.environ | dict.fromkeys(beside, "")
    with tempfile.TemporaryFile("w+") as said, subprocess.Popen(
        command, cwd=firmware.parent, env={**env, "PYTHONPATH": path},
        stdout=subprocess.PIPE, stderr=said, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            for seed in seeds:
                for name in rows_run.ROOMS:
                    line = process.stdout.readline()
                    if not line:
                        process.wait()
                        said.seek(0)
                        pytest.fail(said.read()[-2000:])
                    room, steps = json.loads(line)
                    assert room == name
                    yield seed, room, steps
            assert process.stdout.readline() == "" and process.wait() == 0
        finally:
            process.kill()


@functools.cache
def shipped() -> dict[tuple[int, str], list[list[int]]]:
    found = decided(ROOT / "firmware", (0, 1), SEEDS)
    return {(seed, room): steps for seed, room, steps in found}


@pytest.mark.parametrize("name", [name for name in GEOMETRIES if name != "as shipped"])
def test_the_same_is_decided_wherever_the_devices_stand(name: str, tmp_path: Path) -> None:
    numbers, rows = GEOMETRIES[name]
    firmware = copied(tmp_path, numbers)
    for seed, room, steps in decided(firmware, rows, SEEDS):
        for step, (a, b) in enumerate(zip(shipped()[seed, room], steps, strict=True)):
            assert a == b, f"{room}, seed {seed}, step {step}"


def test_the_walk_meets_what_it_should() -> None:
    """Offers and setpoints stood, the reserve held, leases bound, and one was disobeyed."""
    steps = [step for seed in SEEDS for step in shipped()[seed, "limits"]]
    width = len(rows_run.RESULTS)
    setpoint, level, low, high = 3 + 4, 3 + 6, 3 + 2, 3 + 3
    other = (len(steps[0]) - 3) // 2
    assert max(step[setpoint] for step in steps) > 6_000
    assert min(step[setpoint + other] for step in steps) < -1_000
    assert max(step[level + other] for step in steps) > 0
    winners = {step[end + at] for step in steps for end in (low, high) for at in (0, other)}
    assert winners == set(range(6)) - {1} and width == 8


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The firmware with four rows of devices, in which the wanted ones stand last."""
    firmware = copied(tmp_path_factory.mktemp("four"), {"DEVICES": 4})
    assert not differs(firmware)
    return firmware


def differs(firmware: Path) -> bool:
    """Whether a room decides otherwise than as shipped."""
    found = decided(firmware, (2, 3), SEEDS[:1])
    return any(steps != shipped()[seed, room] for seed, room, steps in found)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("growth.py", "commands[im.GRANT_HIGH + self._device]", "commands[im.GRANT_HIGH]"),
        ("hardware.py", "readings[im.DEVICE_AGE_MS + at.device]", "readings[im.DEVICE_AGE_MS]"),
        (
            "reserve.py",
            "readings, device = self._image.readings, self._device",
            "readings, device = self._image.readings, 1",
        ),
        ("obedience.py", "self.device = device", "self.device = 1"),
        ("leases.py", "for device in range(im.DEVICES):", "for device in (0, 1):"),
        ("kernel.py", "while device < devices:", "while device < 2:"),
        ("policy/takers.py", "self.device = device", "self.device = 1"),
        ("policy/balance.py", "readings[im.DEVICE_W + device]", "readings[im.DEVICE_W + 1]"),
        ("ledger/accounts.py", "im.DEVICE_MA + device * im.LEGS", "im.DEVICE_MA"),
        ("ledger/accounts.py", "readings[im.DEVICE_W + device]", "readings[im.DEVICE_W + 1]"),
        (
            "policy/__init__.py",
            "requests[im.MARKET_HIGH + device]",
            "requests[im.MARKET_HIGH]",
        ),
        ("people/rows.py", "im.GRANT_LOW + device", "im.GRANT_LOW"),
        ("people/reasons.py", "im.WINNER_HIGH + device", "im.WINNER_HIGH"),
        ("people/state.py", "first += device * count", "first += 0"),
        (
            f"{VEHICLE}/contactor.py",
            "commands[im.SETPOINT + device] >=",
            "commands[im.SETPOINT] >=",
        ),
        (f"{VEHICLE}/contactor.py", "im.DEVICE_OVERDUE + self._device]", "im.DEVICE_OVERDUE]"),
        (f"{VEHICLE}/rights.py", "readings[im.DEVICE_FAULT + device] == 0", "True"),
        (f"{VEHICLE}/draw.py", "im.DEVICE_MA + device * im.LEGS", "im.DEVICE_MA"),
        (f"{VEHICLE}/pilot.py", "commands[im.SETPOINT + device]", "commands[im.SETPOINT]"),
        (f"{GUARD}/kernel.py", "site[int(im.DEVICE_OWNS_PILOT) + device]", "0"),
        (
            f"{GUARD}/kernel.py",
            "site[int(im.DEVICE_MAX_MA) + device]",
            "site[int(im.DEVICE_MAX_MA)]",
        ),
        (
            f"{GUARD}/kernel.py",
            "commands[int(im.SETPOINT_MODE) + device]",
            "commands[int(im.SETPOINT_MODE)]",
        ),
    ],
)
def test_a_row_that_means_a_device_is_noticed(
    four: Path, file: str, old: str, new: str, tmp_path: Path
) -> None:
    firmware = shutil.copytree(four, tmp_path / "firmware")
    path = firmware / (file if "/" in file else "core/limits/" + file)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert differs(firmware)
