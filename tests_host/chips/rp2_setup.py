"""chips/rp2.py imported on a strict RP2040."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests_host.chips.rp2_chip import Chip
from tests_host.conftest import ROOT
from tools.pack import circuits as packer

DOCUMENT = json.loads((ROOT / "firmware/circuits/pico.json").read_text())
PARTS = ("", "_crossing", "_deadman", "_flash", "_pio", "_serial", "_stream")
MODULES = ("firmware.chips.common", *(f"firmware.chips.rp2{part}" for part in PARTS))
DE = 2


class Setup:
    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.chip = Chip(DOCUMENT)
        data = ModuleType("islet_data")
        vars(data).update(CIRCUIT="pico", CIRCUITS={"pico": packer.pack(DOCUMENT)})
        modules = {"islet_data": data}
        self.chip.install(patch, modules)
        for name, module in modules.items():
            patch.setitem(sys.modules, name, module)
        patch.setitem(sys.modules, "socket", None)  # a Pico has none
        patch.setattr(sys, "stdin", SimpleNamespace(buffer=object()))
        for name in MODULES:
            sys.modules.pop(name, None)

    def load(self, part: str = "") -> Any:
        return importlib.import_module(f"firmware.chips.rp2{part}")

    def board(self) -> Any:
        return self.load().Board()


def prepared(monkeypatch: pytest.MonkeyPatch) -> Iterator[Setup]:
    """Of a fixture."""
    yield Setup(monkeypatch)
    for name in MODULES:
        sys.modules.pop(name, None)
