# islet: `make flash` and `make overlay`, step by step.
# GPL-3.0-or-later
from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.flash import FlashError, Voice, files, find, move, overlay, report, site, writer
from tools.flash.boards import Board, named
from tools.flash.link import RESET, Link, Report, Silent, refuse

DRIVE_S = 30
WORD_S = 40  # a board that starts comes up in two seconds, an emulated one takes longer


@dataclass(frozen=True)
class Wish:
    """What was asked for, by the names of make's variables."""

    image: str = "pico"
    circuit: str = ""
    port: str = ""
    drive: str = ""
    site: str = ""
    key: str = ""
    file: str = ""
    files: bool = False
    force: bool = False
    modules: tuple[str, ...] = ()


def flash(wish: Wish, voice: Voice) -> int:
    """Image, configuration, and the board's own word; 0 when all of it is right."""
    board = named(wish.image, wish.circuit, wish.file)
    content, key = None, wish.key.encode()
    if wish.site:
        content, warnings = site.check(Path(wish.site), board, key)
        voice.say(f"{wish.site} is a good configuration for the circuit board {board.circuit}")
        for warning in warnings:
            voice.say(f"  a warning: {warning}")
    loose = files.collect(board) if wish.files else None
    if loose is None:
        writer.check(board)  # before anything is stopped
    with connect(board, wish, voice, needs_image=loose is None) as link:
        with back_in_service(link):
            if loose is not None:
                files.check_heap(link, loose)
                voice.say(f"{len(loose)} files for {board.arch}")
                voice.say(f"  {files.install(link, loose, voice)} of them written and read back")
            if key:
                link.put(site.KEY, key)
            if content is not None:
                done = "written and read back" if link.put(site.PATH, content) else "already there"
                voice.say(f"configuration: {done}")
        link.start()
        return last_word(link, board, content is not None, voice)


@contextlib.contextmanager
def back_in_service(link: Link) -> Iterator[None]:
    """What goes wrong here must not leave the box dark: it starts again with what it has."""
    try:
        yield
    except BaseException:
        link.leave(RESET)
        raise


def connect(board: Board, wish: Wish, voice: Voice, needs_image: bool) -> Link:
    """A board at its prompt, with the right image on it."""
    port = None if wish.drive else find.one_port(board.family, wish.port)
    if port is None and board.family == "rp2" and (drive := find.one_drive(wish.drive)):
        voice.say(
            f"a Pico in its boot loader: {drive}; the image keeps what files it has by itself"
        )
        if needs_image:
            return drop(board, drive, voice)
        raise FlashError("files need MicroPython on the board", "flash a stock image first")
    if port is None:
        raise FlashError(
            f"no board for {board.name} is plugged in",
            "plug it in by a cable that carries data, a Pico without MicroPython with BOOTSEL "
            "held; or name the port: PORT=…",
        )
    link = Link(port, voice)
    with contextlib.ExitStack() as stack:
        stack.enter_context(link)
        make_room(link, board, wish, voice)
        if needs_image:
            with back_in_service(link):
                link = write_image(link, board, voice, wish.force)
        stack.pop_all()
    return link


def make_room(link: Link, board: Board, wish: Wish, voice: Voice) -> None:
    """Bring the board to its prompt, if nothing is energised."""
    try:
        said = link.report()
    except Silent:
        if not wish.force:
            raise
        voice.say(f"{link.port} does not answer; FORCE=1 interrupts what runs there")
        return
    if said is None:
        voice.say(f"{link.port} is at its prompt: nothing runs there")
        return
    voice.say(f"{link.port} runs islet {said.get('version', '')}".rstrip())
    refuse(said.get("energised", ["the board does not say what is energised"]))
    circuit = said.get("circuit", "")
    if circuit != board.circuit and not wish.force:
        problem = f"this is the circuit board {circuit}, not {board.circuit}: its pins differ"
        raise FlashError(problem, f"CIRCUIT={circuit}, or FORCE=1 if it was rewired")
    link.stop()
    voice.say("stopped: nothing is energised")


def write_image(link: Link, board: Board, voice: Voice, force: bool = False) -> Link:
    """The image onto a board at its prompt, unless it is there; the link to go on with."""
    if board.family == "esp32":
        link.close()
        voice.say(f"image {board.image} by esptool (not exercised on a real ESP32)")
        writer.write_esp32(link.port.device, board.image)
        fresh = Link(link.port, voice)
        make_prompt(fresh)
        return fresh
    _, flash_content = writer.read_image(board.image)
    voice.say("comparing the image with the board's flash")
    if writer.same(link.run, flash_content):
        voice.say("the image is there already")
        return link
    kept = move.before(link, flash_content, board.name, force, voice)
    voice.say("to the boot loader")
    link.leave("import machine; machine.bootloader()")
    link.close()
    fresh = drop(board, find.wait_for_drive(DRIVE_S), voice, link.port)
    with contextlib.ExitStack() as stack:
        stack.enter_context(fresh)
        move.after(fresh, kept, voice)
        stack.pop_all()
    return fresh


def drop(board: Board, drive: Path, voice: Voice, port: find.Port | None = None) -> Link:
    """A UF2 onto the boot loader's drive; the link to the board that starts from it.

    `port` is where the board was before, if it was anywhere."""
    content, flash_content = writer.read_image(board.image)
    before = find.ports(board.family)
    voice.say(f"image {board.image}: {len(flash_content):,} bytes")
    writer.drop(content, drive, voice)
    link = open_again(port, before, voice)
    with contextlib.ExitStack() as stack:
        stack.enter_context(link)
        make_prompt(link)
        if not writer.same(link.run, flash_content):
            raise FlashError("the board's flash does not hold the image", "again, other cable")
        stack.pop_all()
    voice.say("the board's flash holds the image, byte for byte")
    return link


def open_again(port: find.Port | None, before: list[find.Port], voice: Voice) -> Link:
    """A board that has just started: where it was, else the port that was not there before."""
    end = time.monotonic() + WORD_S
    while True:
        fresh = [found for found in find.ports("rp2") if found not in before]
        with contextlib.suppress(FlashError):
            if port or fresh:
                return Link(find.again(port) if port else fresh[0], voice)
        if time.monotonic() > end:
            raise FlashError("the image is on the board, but no port appears", "replug it")
        time.sleep(0.5)


def make_prompt(link: Link) -> None:
    """A board that has just started: islet makes room, MicroPython alone is at its prompt."""
    end = time.monotonic() + WORD_S
    while True:
        try:
            said = link.report()
            break
        except FlashError:
            if time.monotonic() > end:
                raise
            link.reconnect()
    if said is not None:
        link.stop()


def last_word(link: Link, board: Board, configured: bool, voice: Voice) -> int:
    """The board's own report, printed; 0 when it says that all is right."""
    first = awaited(link)
    time.sleep(1)
    second = link.report() or {}
    for line in report.lines(first, second):
        voice.say(line)
    problems = list(report.problems(first, second, board.circuit, configured))
    for problem in problems:
        voice.say(f"NOT RIGHT: {problem}")
    return 1 if problems else 0


def awaited(link: Link) -> Report:
    """Islet's report after a start."""
    end = time.monotonic() + WORD_S
    while True:
        with contextlib.suppress(FlashError):
            if said := link.report():
                return said
        if time.monotonic() > end:
            raise FlashError(
                "islet does not start", "its last words are on the port: .venv/bin/mpremote"
            )
        link.reconnect()


def run_overlay(wish: Wish, voice: Voice) -> int:
    """The working tree over the frozen firmware, until Ctrl-C; then the image again."""
    board = named(wish.image, wish.circuit, wish.file)
    paths = overlay.changed(board, wish.modules)
    if not paths:
        voice.say("nothing changed since the image was built: the frozen firmware runs")
        return 0
    table = overlay.stage(paths, board.arch)
    with connect(board, wish, voice, needs_image=False) as link:
        try:
            overlay.load(link, table, voice)
            link.begin(overlay.RUN)
            voice.say("islet runs with the overlay; Ctrl-C ends it")
            for line in link.lines():
                print(line, flush=True)
        except KeyboardInterrupt:
            pass
        end_overlay(link, voice)
    return 0


def end_overlay(link: Link, voice: Voice) -> None:
    """Back to the image by a reset, which islet refuses while something is energised."""
    print()
    try:
        link.stop()
    except Silent:
        pass  # it ended by an error: the raw prompt does not answer
    except FlashError as error:
        voice.say(f"{error}; the overlay runs on until the board is next reset")
        return
    link.start()
    voice.say("the image runs again")
