"""Talking to a board: its three states, and files that are never half there."""

from __future__ import annotations

import pytest

from tests_host.flash.fake_board import Board
from tools.flash import FlashError, Voice, find
from tools.flash.link import Link, Silent

PORT = find.Port("board")
OLD, NEW = b'{"name": "old"}', b'{"name": "new"}' * 200


def test_islet_answers_for_itself(board: Board) -> None:
    with Link(PORT, Voice()) as link:
        report = link.report()
    assert report and report["circuit"] == "pico"


def test_a_prompt_is_no_islet(board: Board) -> None:
    board.state = "prompt"
    with Link(PORT, Voice()) as link:
        assert link.report() is None


def test_a_raw_prompt_that_somebody_left(board: Board) -> None:
    board.state = "raw"
    with Link(PORT, Voice()) as link:
        assert link.report() is None


def test_silence_is_left_alone(board: Board) -> None:
    board.state = "silent"
    with Link(PORT, Voice()) as link, pytest.raises(Silent) as caught:
        link.report()
    assert board.events == []
    assert "BOOTSEL" in caught.value.remedy


def test_a_port_that_is_not_there(board: Board) -> None:
    with pytest.raises(FlashError, match="cannot open nothing") as caught:
        Link(find.Port("nothing"), Voice())
    assert "plugged in" in caught.value.remedy


def test_nothing_is_stopped_while_something_is_energised(board: Board) -> None:
    board.energised = ["the contactor is closed"]
    with Link(PORT, Voice()) as link, pytest.raises(FlashError, match="the contactor is closed"):
        link.stop()
    assert board.state == "islet"
    assert board.events == []


def test_stopped_then_started(board: Board) -> None:
    with Link(PORT, Voice()) as link:
        link.stop()
        assert link.run("print(6 * 7)") == "42"
        link.start()
        assert link.report()
    assert board.events == ["stopped", "reset"]


def test_what_the_board_says_against_it(board: Board) -> None:
    board.state = "prompt"
    with Link(PORT, Voice()) as link, pytest.raises(FlashError, match=r"(?s)board says.*Division"):
        link.run("1 / 0")


def test_a_file_takes_the_old_ones_place(board: Board) -> None:
    board.state = "prompt"
    board.files["/site.json"] = OLD
    with Link(PORT, Voice()) as link:
        assert link.put("/site.json", NEW)
        assert board.files == {"/site.json": NEW}
        assert not link.put("/site.json", NEW)
    assert board.events == ["rename /site.json"]


def test_a_file_that_does_not_read_back_takes_nothings_place(board: Board) -> None:
    board.state = "prompt"
    board.files["/site.json"] = OLD
    board.spoil = lambda _path, data: data[:-1] + b"?"
    with Link(PORT, Voice()) as link, pytest.raises(FlashError, match="does not read back"):
        link.put("/site.json", NEW)
    assert board.files["/site.json"] == OLD


@pytest.mark.parametrize("after", range(1, 6000, 97))
def test_the_cable_is_pulled_at_any_moment(board: Board, after: int) -> None:
    """The configuration is the old one or the new one, whole."""
    board.state = "prompt"
    board.files["/site.json"] = OLD
    board.broken_after = after
    try:
        with Link(PORT, Voice()) as link:
            link.put("/site.json", NEW)
    except FlashError as error:
        assert board.files["/site.json"] in (OLD, NEW)
        assert error.remedy
    else:
        assert board.files["/site.json"] == NEW
