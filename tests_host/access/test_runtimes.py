"""Digests, people, sessions, delays, claims, the pace of commands: MicroPython tells the same of
them as CPython, whose own hashlib and hmac say what is right."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

import tests_host.net.conftest  # noqa: F401  (the device packages)
from tests_host.access.device.core import sample, tell
from tests_host.conftest import RunDevice

SCRIPT = """
import json
PLANTED
from tests_host.access.device.core import tell
print(json.dumps(tell({!r})))
"""


def on_the_device(run_device: RunDevice, folder: Path, planted: str = "") -> Any:
    script = SCRIPT.replace("PLANTED", planted).format(f"{folder}/")
    return json.loads(run_device(script).splitlines()[-1])


def here(folder: Path) -> Any:
    return json.loads(json.dumps(tell(f"{folder}/")))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    one, other = tmp_path / "a", tmp_path / "b"
    one.mkdir()
    other.mkdir()
    return one, other


def test_both_tell_the_same(folders: tuple[Path, Path], run_device: RunDevice) -> None:
    told = here(folders[0])
    assert on_the_device(run_device, folders[1]) == told
    found = iter(told["0"])
    for size in (0, 1, 31, 32, 63, 64, 65, 130):
        key, data = sample(size, 1), sample(size * 3, 2) + sample(7, size)
        assert next(found) == hmac.new(key, data, hashlib.sha256).hexdigest()
        for rounds in (1, 2, 4, 5, 33):
            made = hashlib.pbkdf2_hmac("sha256", key, sample(16, 3), rounds)
            assert next(found) == made.hex()
    people, sessions, claims = told["1"], told["2"], told["4"]
    assert people[0][:2] == [True, True] and not any(people[0][2:6])
    assert sum(row is not None for row in sessions) > 3 and None in sessions
    assert ["too soon", 300] in claims and "command" in str(claims)
    assert [["done", "NoneType"], True] in claims


def test_it_would_see_a_difference(folders: tuple[Path, Path], run_device: RunDevice) -> None:
    planted = "from firmware.access import sessions\nsessions._number = int"
    try:
        told = on_the_device(run_device, folders[1], planted)
    except AssertionError:
        return  # it fell over what is no number
    assert told != here(folders[0])
