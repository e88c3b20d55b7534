"""`make prove`: what it asks of a board, says, and leaves behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tools.flash import FlashError, Voice
from tools.prove import __main__ as tool


class Board:
    """Answers as the firmware's console; one phase of the proof a question."""

    def __init__(self, phases: list[str], verdict: str = "obeys", converters: bool = True) -> None:
        self.phases, self.verdict, self.converters = phases, verdict, converters
        self.asked: list[str] = []
        self.runs = False

    def ask(self, what: str) -> dict[str, Any] | None:
        self.asked.append(what)
        if what.startswith("prove "):
            said = json.loads(what[6:])
            self.runs = not said.get("stop", False)
            return {"ok": True}
        if what == "report":
            return {"name": "islet", "version": "0.7.3", "circuit": "pico"}
        phase = self.phases.pop(0) if self.runs and self.phases else "rest"
        done = self.runs and not self.phases
        proof = {
            "phase": phase,
            "text": f"Proof: {phase}." if phase != "rest" else f"It {self.verdict}.",
            "verdict": self.verdict if done else "none",
            "response_ms": 1200,
            "return_s": 9,
            "proved": done and self.verdict == "obeys",
        }
        return {"proofs": {"battery": proof}} if self.converters else {}


def run(board: Board, device: str = "battery") -> int:
    return tool.prove(board, device, Voice("prove"), lambda _: None)


@pytest.mark.parametrize(("verdict", "code"), [("obeys", 0), ("sign", 1), ("refused", 1)])
def test_it_tells_each_phase_and_the_verdict(
    verdict: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    board = Board(["still", "draw", "draw", "silent", "rest", "rest"], verdict)
    assert run(board) == code
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "prove: battery: Proof: still.",
        "prove: battery: Proof: draw.",
        "prove: battery: Proof: silent.",
        f"prove: battery: It {verdict}.",
        f"prove:   verdict: {verdict}",
        "prove:   followed within 1.2 s",
        "prove:   rested 9 s after nobody spoke to it",
        "prove:   phases: still 2 s, draw 4 s, silent 2 s",
    ]


def test_its_record_is_kept(tmp_path: Path) -> None:
    """With the box and the firmware that it is of."""
    board, path = Board(["draw", "rest", "rest"]), tmp_path / "record.json"
    assert tool.prove(board, "battery", Voice("prove"), lambda _: None, path) == 0
    found = json.loads(path.read_text())
    assert (found["proof"], found["device"], found["verdict"]) == (1, "battery", "obeys")
    assert found["response_ms"] == 1200 and found["box"]["version"] == "0.7.3"
    assert found["phases"] == [["draw", 2.0]] and found["at"][:2] == "20"


def test_an_unknown_converter_is_named_with_those_there_are() -> None:
    with pytest.raises(FlashError, match="car is no converter") as error:
        run(Board([]), "car")
    assert "battery" in error.value.remedy


def test_a_site_without_one_says_so() -> None:
    with pytest.raises(FlashError, match="no converter"):
        run(Board([], converters=False))


def test_ctrl_c_stops_the_proof_on_the_board(capsys: pytest.CaptureFixture[str]) -> None:
    board = Board(["draw"] * 9)

    def wait(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tool.prove(board, "battery", Voice("prove"), wait)
    asked = [what for what in board.asked if what.startswith("prove ")]
    assert json.loads(asked[-1].removeprefix("prove ")) == {"stop": True}
    assert board.asked[-1] == "proofs", "and it looks whether it rests"
    assert "the proof is stopped, it is told to rest" in capsys.readouterr().out


def test_a_proof_that_does_not_stop_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    class Stuck(Board):
        def ask(self, what: str) -> dict[str, Any] | None:
            answer = super().ask(what)
            self.runs = True
            return answer

    left = [2]

    def wait(_: float) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tool.prove(Stuck(["draw"] * 99), "battery", Voice("prove"), wait)
    assert "DOES NOT END: look at the device" in capsys.readouterr().out


def test_without_a_device_it_shows_what_is_proved(capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.show(Board([]), Voice("prove")) == 1
    assert "battery: It obeys." in capsys.readouterr().out
