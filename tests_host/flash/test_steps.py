"""`make flash` from end to end, on a board that is a fake."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests_host.config.test_config import GOOD
from tests_host.flash.fake_board import Board, Unplugged
from tools.flash import FlashError, Voice, __main__, files, find, move, report, site, steps
from tools.flash.boards import named
from tools.flash.steps import Wish, flash
from tools.image import uf2
from tools.image.flash import LAYOUTS, MOVED, is_new

BEFORE = b"firmware" * 500  # has the files elsewhere
IMAGE = BEFORE + MOVED
OLD_SITE = b'{"name": "old"}'


@pytest.fixture
def wish(tmp_path: Path, board: Board) -> Wish:
    """A Pico with islet, its image, and a good configuration for it."""
    image, site_file = tmp_path / "firmware.bin", tmp_path / "site.json"
    image.write_bytes(IMAGE)
    site_file.write_text(json.dumps(GOOD))
    board.flash = IMAGE
    board.files["/site.json"] = OLD_SITE
    board.errors_from = lambda content: site.loaded(content, "pico").errors
    return Wish(port="board", file=str(image), site=str(site_file))


def changed(wish: Wish, **values: object) -> Wish:
    return Wish(**{**vars(wish), **values})


def test_a_new_configuration(board: Board, wish: Wish, capsys: pytest.CaptureFixture[str]) -> None:
    assert flash(wish, Voice()) == 0
    assert json.loads(board.files["/site.json"]) == GOOD
    assert board.events == ["stopped", "rename /site.json", "reset"]
    said = capsys.readouterr().out
    for line in (
        "flash: stopped: nothing is energised",
        "flash: the image is there already",
        "flash: configuration: written and read back",
        "flash: the board says: islet, islet 0.1.0, circuit board pico, MicroPython 1.25.0 on rp2",
        "flash:   guard: runs (100 ticks since)",
        "flash:   energised: nothing",
    ):
        assert line in said.splitlines()


def test_twice_the_same(board: Board, wish: Wish) -> None:
    assert flash(wish, Voice()) == 0
    board.events.clear()
    assert flash(wish, Voice()) == 0
    assert board.events == ["stopped", "reset"]


@pytest.mark.parametrize(
    "reason", ["the contactor is closed", "the house is off the grid", "the bond is closed"]
)
def test_not_while_something_is_energised(board: Board, wish: Wish, reason: str) -> None:
    board.energised = [reason]
    with pytest.raises(FlashError, match=f"not now: {reason}"):
        flash(changed(wish, force=True), Voice())
    assert board.events == []
    assert board.state == "islet"


def test_a_bad_configuration_is_refused_by_its_field(
    board: Board, wish: Wish, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(
        json.dumps({**GOOD, "devices": [{**GOOD["devices"][0], "max_a": 4}], "legss": 3})
    )
    with pytest.raises(FlashError) as caught:
        flash(changed(wish, site=str(bad)), Voice())
    assert "devices[0].max_a: 4 is not a number from 6 to 80 A" in str(caught.value)
    assert "legss: unknown option" in str(caught.value)
    assert board.events == []


def test_a_configuration_that_this_circuit_board_may_not_run(tmp_path: Path) -> None:
    islands = tmp_path / "island.json"
    answers = {"neutral_switched": True, "device_bonds": False, "electrode": True}
    island = {"capable": True, "device": "battery", "max_w": 5000} | answers
    islands.write_text(json.dumps({**GOOD, "island": island}))
    assert site.loaded(islands.read_bytes(), "pico").errors == []
    with pytest.raises(FlashError, match=r"island\.capable: this circuit board lacks"):
        site.check(islands, named("esp32"))
    sentence = "configuration: is not JSON, line 1, column 1: no such value"
    assert site.loaded(b"\xff\xfe{", "pico").errors == [sentence]


def test_no_such_file(wish: Wish) -> None:
    with pytest.raises(FlashError, match="SITE: nowhere: No such file"):
        flash(changed(wish, site="nowhere"), Voice())


def test_another_circuit_board(board: Board, wish: Wish) -> None:
    board.circuit = "mybox"
    with pytest.raises(FlashError, match="this is the circuit board mybox, not pico") as caught:
        flash(wish, Voice())
    assert "CIRCUIT=mybox" in caught.value.remedy
    assert board.events == []


def test_a_failure_puts_the_board_back_into_service(board: Board, wish: Wish) -> None:
    board.spoil = lambda _path, data: data[1:]
    with pytest.raises(FlashError, match="does not read back"):
        flash(wish, Voice())
    assert board.events == ["stopped", "reset"]
    assert board.files["/site.json"] == OLD_SITE


def test_ctrl_c_puts_the_board_back_into_service(
    board: Board, wish: Wish, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_path: str, _data: bytes) -> bytes:
        raise KeyboardInterrupt

    board.spoil = interrupt
    words = ["flash", "--port", "board", "--file", wish.file, "--site", wish.site]
    assert __main__.main(words) == 130
    assert "stopped. A file on the board is the old or the new one" in capsys.readouterr().out
    assert board.events == ["stopped", "reset"]
    assert board.files["/site.json"] == OLD_SITE


def test_silence_needs_force(board: Board, wish: Wish) -> None:
    board.state = "silent"
    with pytest.raises(FlashError, match="answers neither as islet nor with a prompt"):
        flash(wish, Voice())
    assert flash(changed(wish, force=True), Voice()) == 0


def test_the_image_by_way_of_the_boot_loader(
    board: Board, wish: Wish, drive: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another image is there: to the boot loader, drop, start, compare byte for byte."""
    board.flash = b"older" * 900
    dropped: list[bytes] = []

    def wait_for_drive(_wait_s: float) -> Path:
        assert board.state == "gone"
        return drive()

    def drop(content: bytes, folder: Path, _voice: Voice) -> None:
        assert folder.name == "RPI-RP2"
        dropped.append(content)
        board.flash, board.state = IMAGE, "islet"

    monkeypatch.setattr(find, "wait_for_drive", wait_for_drive)
    monkeypatch.setattr(steps.writer, "drop", drop)
    assert flash(wish, Voice()) == 0
    assert dropped == [uf2.convert(IMAGE)]
    events = ["stopped", "boot loader", "stopped", "rename /site.json", "reset"]
    assert board.events == events


@pytest.fixture
def older(
    board: Board, wish: Wish, drive: Callable[[], Path], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    """A box of before, and an image that moves its files at its start."""
    board.flash, board.files_bytes = b"older" * 900, 896 * 1024
    board.files |= {"/mine/deep/notes": b"n" * 700, "/maintenance": b"tools/flash\n"}

    def drop(_content: bytes, _folder: Path, _voice: Voice) -> None:
        board.flash, board.state, board.files_bytes = IMAGE, "islet", 512 * 1024
        board.files.pop("/maintenance")

    monkeypatch.setattr(find, "wait_for_drive", lambda _wait_s: drive())
    monkeypatch.setattr(steps.writer, "drop", drop)
    monkeypatch.setattr(move, "KEPT", tmp_path / "kept")


def test_files_of_a_box_of_before_are_kept_and_compared(
    board: Board, wish: Wish, older: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert flash(changed(wish, site=""), Voice()) == 0
    said = capsys.readouterr().out.splitlines()
    told = (
        "the image has the files 1152 kB into the flash and not 896; its first start moves them, "
    )
    assert f"flash: {told}the records stay in place" in said
    assert "flash: moved: 2 of 2 files read back as they were" in said
    (folder,) = (tmp_path / "kept").iterdir()
    assert (folder / "site.json").read_bytes() == OLD_SITE
    assert (folder / "mine/deep/notes").read_bytes() == b"n" * 700
    assert folder.stat().st_mode & 0o77 == 0, "the installer's key may be among it"
    capsys.readouterr()
    assert flash(changed(wish, site=""), Voice()) == 0  # a second time there is nothing to move
    assert "moved" not in capsys.readouterr().out


def test_what_did_not_arrive_is_put_there_from_the_copy(
    board: Board, wish: Wish, older: None, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    drop = steps.writer.drop

    def loses(content: bytes, folder: Path, voice: Voice) -> None:
        drop(content, folder, voice)
        board.files.clear()

    monkeypatch.setattr(steps.writer, "drop", loses)
    assert flash(changed(wish, site=""), Voice()) == 0
    assert board.files == {"/site.json": OLD_SITE, "/mine/deep/notes": b"n" * 700}
    assert "put there from the copy: /mine/deep/notes, /site.json" in capsys.readouterr().out


def test_an_image_too_large_to_move_them_gets_them_from_the_copy(
    board: Board, wish: Wish, older: None, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    layout = replace(LAYOUTS["pico"], moves=False)
    monkeypatch.setitem(LAYOUTS, "pico", layout)
    assert flash(changed(wish, site=""), Voice()) == 0
    assert "and not 896; they are put there from a copy" in capsys.readouterr().out
    assert is_new(bytes(layout.files_before + 1), layout) and not is_new(BEFORE, layout)


def test_an_image_of_before_on_a_box_of_now_needs_force(
    board: Board, wish: Wish, older: None, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(wish.file).write_bytes(BEFORE)
    board.files_bytes = 512 * 1024
    with pytest.raises(
        FlashError, match="older than the board's: it does not find site"
    ) as caught:
        flash(changed(wish, site=""), Voice())
    assert "FORCE=1: then the board starts without a configuration" in caught.value.remedy
    assert board.events == ["stopped", "reset"]
    assert flash(changed(wish, site="", force=True), Voice()) == 0
    assert "a newer image finds them again" in capsys.readouterr().out


def test_an_image_that_did_not_arrive(
    board: Board, wish: Wish, drive: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    board.flash = b"older" * 900

    def drop(_content: bytes, _folder: Path, _voice: Voice) -> None:
        board.state = "prompt"

    monkeypatch.setattr(find, "wait_for_drive", lambda _wait_s: drive())
    monkeypatch.setattr(steps.writer, "drop", drop)
    with pytest.raises(FlashError, match="does not hold the image"):
        flash(wish, Voice())
    assert board.files["/site.json"] == OLD_SITE


def test_what_the_board_says_is_not_glossed_over(board: Board, wish: Wish) -> None:
    board.errors_from = lambda _content: ["nodes: is not a list"]
    assert flash(wish, Voice()) == 1


@pytest.mark.parametrize(
    ("first", "second", "problem"),
    [
        ({}, {"circuit": "other"}, "the board says it is other, not pico"),
        ({"guard_ticks": 7}, {"guard_ticks": 7}, "the guard does not run"),
        ({}, {"energised": ["the contactor is closed"]}, "at once after a start"),
        ({}, {"errors": ["nodes: bad"]}, "the board refuses its configuration"),
    ],
)
def test_problems(first: dict[str, object], second: dict[str, object], problem: str) -> None:
    board = Board()
    asked = {**board.report(), "errors": [], **first}
    again = {**board.report(), "errors": [], **second}
    found = list(report.problems(asked, again, "pico", True))
    assert len(found) == 1
    assert problem in found[0]
    assert list(report.problems(asked, {**asked, "guard_ticks": 999}, "pico", True)) == []


# --- FILES=1 -----------------------------------------------------------------------------------


def few_files(monkeypatch: pytest.MonkeyPatch) -> files.Files:
    loose = {
        "/boot.py": b"# boot",
        "/main.py": b"# main",
        "/firmware/app.mpy": b"M" * 700,
        "/lib/umqtt/simple.mpy": b"M" * 300,
    }
    monkeypatch.setattr(files, "collect", lambda _board: loose)
    return loose


def test_files_with_main_last(board: Board, wish: Wish, monkeypatch: pytest.MonkeyPatch) -> None:
    loose = few_files(monkeypatch)
    board.heap = 8_000_000
    board.files["/main.py"] = b"# old"
    board.files["/firmware/app.py"] = b"# would be taken first"
    assert flash(changed(wish, files=True, site=""), Voice()) == 0
    assert board.files == {**loose, "/site.json": OLD_SITE}
    assert board.folders == {"/", "/firmware", "/lib", "/lib/umqtt"}
    removed, renamed = board.events.index("remove /main.py"), "rename /main.py"
    assert removed < board.events.index("rename /boot.py") < board.events.index(renamed)
    assert board.events[-2:] == [renamed, "reset"]
    board.events.clear()
    assert flash(changed(wish, files=True, site=""), Voice()) == 0
    assert board.events == ["stopped", "reset"]


def test_files_need_the_memory(board: Board, wish: Wish, monkeypatch: pytest.MonkeyPatch) -> None:
    few_files(monkeypatch)
    board.heap = 100_000
    with pytest.raises(FlashError, match="this board has 100 kB of heap") as caught:
        flash(changed(wish, files=True), Voice())
    assert "without FILES=1" in caught.value.remedy
    assert board.events == ["stopped", "reset"]


@pytest.mark.parametrize("after", range(800, 9000, 317))
def test_half_of_the_files_never_run(
    board: Board, wish: Wish, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    loose = few_files(monkeypatch)
    board.heap = 8_000_000
    old = {path: b"old " + path.encode() for path in loose}
    board.files.update(old)
    board.broken_after = after
    try:
        flash(changed(wish, files=True, site=""), Voice())
    except (FlashError, Unplugged):
        present = {path: board.files.get(path) for path in loose}
        if present["/main.py"] == loose["/main.py"]:
            assert present == loose
        elif present["/main.py"]:
            assert present == old


def test_everything_is_compiled_for_the_chip(tmp_path: Path) -> None:
    from tools.flash.boards import named

    board = named("esp32")
    loose = files.collect(board, tmp_path)
    assert {"/boot.py", "/main.py", "/islet_data.mpy"} <= set(loose)
    assert "/firmware/chips/esp32.mpy" in loose
    assert "/lib/umqtt/simple.mpy" in loose
    assert not {"/firmware/chips/host.mpy", "/firmware/chips/rp2_flash.mpy"} & set(loose)
    assert loose["/firmware/sense/kernel.mpy"][:3] == b"M\x06\x2b"  # native code, xtensawin
    assert "CIRCUIT = 'esp32'" in (tmp_path / "islet_data.py").read_text()
