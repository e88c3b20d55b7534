"""Through a board: MicroPython at its raw prompt asks the line, and reads alone are passed on."""

from __future__ import annotations

import json
import os
import subprocess
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests_host.flash.conftest import board as board
from tests_host.flash.fake_board import Board as FakeBoard
from tests_host.probe.test_probe import on_a_line, pasted
from tools.flash import FlashError, Voice
from tools.probe import scan
from tools.probe.__main__ import main
from tools.probe.board import Board, BoardClient, Session, Through
from tools.probe.bus import opened
from tools.twin.buses.line import Responder, Timing
from tools.twin.buses.serial import SerialBus

PROMPT = Path(__file__).parent / "device" / "prompt.py"


@pytest.fixture
def port(micropython: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """(the port that the board's prompt is at, what it did to its pins)."""
    there = on_a_line()
    serial = SerialBus(Responder(there), list(there.values()), Timing(19_200, "N"))
    serial.start()
    ours, other = os.openpty()
    tty.setraw(ours)
    tty.setraw(other)
    log = tmp_path / "log"
    command = [str(micropython), str(PROMPT), serial.path, str(log)]
    process = subprocess.Popen(command, stdin=ours, stdout=ours)
    try:
        yield os.ttyname(other), log
    finally:
        process.kill()
        process.wait()
        serial.stop()
        os.close(ours)
        os.close(other)


def test_a_board_finds_what_hangs_on_its_line(
    port: tuple[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Addresses as over an adapter, the driver's enable around each request and nothing else."""
    monkeypatch.setattr(scan, "ANSWER_S", 0.8)  # the cable waits half a second for who is silent
    device, log = port
    words = ["--board", device, "--circuit", "pico", "--baud", "19200", "--address", "1", "3"]
    assert main([*words, "--profile", "sdm630"]) == 0
    said = capsys.readouterr().out
    assert f"unit 1 on line 1 of the board on {device} at 19200 baud 8N1" in said
    assert "it is likely sdm630: " in said and "voltage L2: 231.5 V" in said
    assert "unit 3 on" in said
    found = pasted(said)
    assert found["lines"] == [{"name": "line 1", "baud": 19_200, "parity": "N"}]
    assert found["meters"][0]["address"] == 1
    done = log.read_text().splitlines()
    assert "uart 0 19200 8 None 1 0 1" in done  # as the circuit board's JSON says
    pins = {line.split()[1] for line in done if line.startswith("pin")}
    assert pins == {"0", "1", "2"} - {"0"}, "it touches no pin but the line's"
    moves = [line for line in done if line.startswith(("sends", "pin 2 ="))]
    at = moves.index("sends 8")
    assert moves[at - 1 : at + 2] == ["pin 2 = 1", "sends 8", "pin 2 = 0"]
    assert done[-1] == "end"


class Told:
    """A board's prompt that answers what it is told to."""

    def __init__(self, answer: str = "") -> None:
        self.answer = answer
        self.ran: list[str] = []

    def run(self, code: str, wait_s: int = 1) -> str:
        self.ran.append(code)
        return self.answer


def through(told: Told) -> Through:
    return Through(Board(told, "the board", ((0, 0, 1, 2),)), 0)


def test_each_usual_speed_is_tried_on_it() -> None:
    told = Told()
    assert not scan.everybody(through(told), False, [1], lambda *_: None)
    begun = [code.rpartition("line = ")[2] for code in told.ran if "class _Line" in code]
    parity = {"N": None, "E": 0, "O": 1}
    assert begun[:: len(begun) // len(scan.SPEEDS)] == [
        f"_Line(0, 0, 1, 2, {baud}, {parity[letter]}, 1)" for baud, letter in scan.SPEEDS
    ]


def test_what_writes_is_never_sent() -> None:
    told = Told()
    client = BoardClient(through(told), 0.1)
    with pytest.raises(FlashError, match="function 6 is no read"):
        client.write_register(1, 2, device_id=1)
    assert not any(code.startswith("line.ask") for code in told.ran)


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        ("010402ffffb880", [0xFFFF]),
        ("00010402ffffb880", [0xFFFF]),  # the line moved as the driver let go
        ("010402ffffb881", None),
        ("", None),
    ],
)
def test_an_answer_is_taken_by_its_sum(answer: str, read: list[int] | None) -> None:
    with opened(through(Told(answer)), 0.1) as bus:
        assert bus.read(1, 4, 0, 1) == read


def test_islet_is_stopped_and_started_again(
    board: FakeBoard, capsys: pytest.CaptureFixture[str]
) -> None:
    with Session("pico", "", "board", Voice("probe")) as at:
        assert board.state == "prompt" and at.lines == ((0, 0, 1, 2),)
    assert board.state == "islet"
    said = capsys.readouterr().out
    assert "islet is stopped: nothing is energised" in said and "islet runs again" in said


def test_what_is_energised_is_not_stopped(board: FakeBoard) -> None:
    board.energised = ["contactor"]
    with pytest.raises(FlashError, match="not now: contactor"):
        Session("pico", "", "board", Voice("probe")).__enter__()
    assert board.state == "islet"


def test_an_error_in_the_middle_starts_islet_again(board: FakeBoard) -> None:
    with pytest.raises(KeyboardInterrupt), Session("pico", "", "board", Voice("probe")):
        raise KeyboardInterrupt
    assert board.state == "islet"


def test_a_line_without_anybody_keeps_its_place() -> None:
    from tools.probe import profiles, report

    at = Board(Told(), "the board", ((0, 0, 1, 2), (1, 4, 5, 6)))
    fit = profiles.Fit("sdm630", profiles.known()["sdm630"], [])
    fit.identity, fit.clues = None, [profiles.clues.Clue(9, "x")]
    found = report.Found(Through(at, 1, 19_200), 7, None, [fit])
    document: dict[str, Any] = report.configuration([found])
    assert [line["name"] for line in document["lines"]] == ["line 1", "line 2"]
    assert document["meters"][0]["line"] == "line 2", json.dumps(document)


def test_a_proof_is_the_boards_own_affair(
    board: FakeBoard,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """islet is asked, and not stopped; nothing is written from the PC past its interlocks."""
    asked: list[bytes] = []
    answers = board._in_islet

    def listen(byte: bytes) -> None:
        asked.append(byte)
        if byte == b"\r" and b"".join(asked).endswith(b"islet proofs\r"):
            board._line.clear()
            board._say({"islet": "proofs", "proofs": {"battery": {"text": "x", "proved": True}}})
        else:
            answers(byte)

    board._in_islet = listen  # type: ignore[method-assign]
    assert main(["--board", "board", "--prove"]) == 0
    assert "battery: x" in capsys.readouterr().out
    assert board.state == "islet" and b"islet stop" not in b"".join(asked)
    assert main(["--host", "127.0.0.1", "--prove", "battery"]) == 1
    assert "done by a board that runs islet" in capsys.readouterr().out
