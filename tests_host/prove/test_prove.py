"""`make prove`: what it asks of a board, says, and leaves behind."""

from __future__ import annotations

import json
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
        phase = self.phases.pop(0) if self.runs and self.phases else "rest"
        done = self.runs and not self.phases
        proof = {
            "phase": phase,
            "text": f"Proof: {phase}." if phase != "rest" else f"It {self.verdict}.",
            "verdict": self.verdict if done else "none",
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
    ]


def test_an_unknown_converter_is_named_with_those_there_are() -> None:
    with pytest.raises(FlashError, match="car is no converter") as error:
        run(Board([]), "car")
    assert "battery" in error.value.remedy


def test_a_site_without_one_says_so() -> None:
    with pytest.raises(FlashError, match="no converter"):
        run(Board([], converters=False))


def test_ctrl_c_stops_the_proof_on_the_board() -> None:
    board = Board(["draw"] * 9)

    def wait(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tool.prove(board, "battery", Voice("prove"), wait)
    assert json.loads(board.asked[-1].removeprefix("prove ")) == {"stop": True}


def test_without_a_device_it_shows_what_is_proved(capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.show(Board([]), Voice("prove")) == 1
    assert "battery: It obeys." in capsys.readouterr().out
