"""Impossible and unsafe circuit boards are refused, each by the field that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests_host.chips.hardware_cases import HARDWARE
from tests_host.chips.kit import GONE, NAMES, damaged, read
from tests_host.chips.pin_cases import PINS
from tests_host.chips.signal_cases import SIGNALS
from tests_host.conftest import ROOT
from tools.pack import PackError
from tools.pack import circuits as boards
from tools.pack.__main__ import main as pack_all


@pytest.mark.parametrize(
    ("board", "changes", "field", "word"),
    [case[1:] for case in (*PINS, *HARDWARE, *SIGNALS)],
    ids=[case[0] for case in (*PINS, *HARDWARE, *SIGNALS)],
)
def test_an_impossible_board_is_refused_by_field(
    board: str, changes: dict[str, Any], field: str, word: str
) -> None:
    with pytest.raises(PackError) as refusal:
        boards.validate(damaged(board, **changes))
    assert refusal.value.field == field, refusal.value
    assert word in str(refusal.value)


@pytest.mark.parametrize("name", NAMES)
def test_the_repositorys_boards_are_good(name: str) -> None:
    document = read(name)
    boards.validate(document)
    assert document["name"] == name, "named as its file: an image finds it so"


GOOD: list[tuple[str, str, dict[str, Any]]] = [
    ("a Pico W", "pico", {"chip": "rp2040_w"}),
    (
        "a strapping pin with its own pull",
        "esp32",
        {"inputs__1": {"name": "enable", "pin": 12, "pull": "down"}},
    ),
    (
        "a PHY's own clock, switched",
        "esp32_lan8720",
        {
            "ethernet__clock": "gpio0_in",
            "ethernet__power": 12,
            "lamp__pin": 17,
            "button": {"pin": 15, "pull": "up"},
            "lines": [],
        },
    ),
    ("a select on a strapping pin", "esp32", {"meters__0__cs": 5}),
    ("a pin freed", "pico", {"outputs__1__pin": 8, "outputs__4__pin": 5}),
    (
        "a CT by turns",
        "pico",
        {"channels__2__ct": {"primary_a": 100, "turns": 2_000, "burden_mohm": 22_000}},
    ),
    (
        "over-temperature with the RCD",
        "pico",
        {"inputs__4__also": GONE, "inputs__5__also": ["overtemp"]},
    ),
    (
        "a soft ESP32 without power",
        "esp32",
        {
            "guard": "soft",
            "hardware_guard": GONE,
            "outputs__0": GONE,
            "dead_man__holds": ["enable"],
        },
    ),
]


@pytest.mark.parametrize(("board", "changes"), [g[1:] for g in GOOD], ids=[g[0] for g in GOOD])
def test_what_is_possible_is_not_refused(board: str, changes: dict[str, Any]) -> None:
    """Each rule has its other side."""
    boards.pack(damaged(board, **changes))


def test_a_section_given_twice_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON would keep the last of two crossings, silently."""
    text = (ROOT / "firmware/circuits/pico.json").read_text()
    crossing = '"crossing": { "pin": 21, "leg": 1, "by": "zx_of_meter" },'
    assert crossing in text
    folder = tmp_path / "firmware/circuits"
    folder.mkdir(parents=True)
    (folder / "pico.json").write_text(text.replace(crossing, crossing + crossing))
    assert pack_all(["--root", str(tmp_path), "--check"]) == 1
    assert "pico.json: crossing: given twice" in capsys.readouterr().err
