"""The way in on the board itself: what the lamp says, and the button that acknowledges."""

from __future__ import annotations

import pytest

from firmware import image as im
from firmware.people.lamp import PATTERNS, Button, Lamp


def site() -> im.Image:
    image = im.Image()
    image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
    return image


def shown(image: im.Image, errors: list[str], steps: int = 60) -> str:
    """The light, a character for each 100 ms."""
    said = [0]
    lamp = Lamp(image, errors, said.append)
    text = ""
    for _ in range(steps):
        lamp.step(100)
        text += "#" if said[-1] else "."
    return text


@pytest.mark.parametrize(
    ("row", "faults", "tripped", "state", "outputs", "errors"),
    [
        (0, im.FAULT_WELD, im.TRIP_STOP, im.ISLAND_LOCKOUT, 0, ["x"]),
        (2, im.FAULT_BOND, im.TRIP_STOP, im.ISLAND_LOCKOUT, 0, ["x"]),
        (3, im.FAULT_BOND, im.TRIP_STOP, im.ISLAND_LOCKOUT, 0, []),
        (4, im.FAULT_CABLE | im.FAULT_BOND, 0, im.ISLAND_LOCKOUT, 0, []),
        (5, im.FAULT_BOND, 0, im.ISLAND_LOCKOUT, 0, []),
        (6, 0, 0, im.ISLAND_ISLANDED, im.OUT_CONTACTOR, []),
        (7, 0, 0, im.ISLAND_GRID, im.OUT_CONTACTOR, []),
        (8, 0, 0, im.ISLAND_GRID, 0, []),
    ],
)
def test_the_worst_is_shown(
    row: int, faults: int, tripped: int, state: int, outputs: int, errors: list[str]
) -> None:
    image = site()
    image.commands[im.FAULTS], image.trips[im.TRIPPED] = faults, tripped
    image.commands[im.ISLAND_STATE], image.trips[im.OUTPUTS] = state, outputs
    pattern = PATTERNS[row][1]
    assert shown(image, errors) == (pattern * 60)[:60]


def test_a_start_is_announced_above_all_but_a_weld() -> None:
    """safety.md 8: whoever works on the dead house sees it 5 s ahead."""
    image = site()
    image.commands[im.ISLAND_NOTE] = im.NOTE_STARTS
    image.commands[im.FAULTS], image.trips[im.TRIPPED] = im.FAULT_BOND, im.TRIP_RCD
    assert shown(image, ["x"]) == (PATTERNS[1][1] * 60)[:60]


def test_no_fault_or_trip_looks_like_health() -> None:
    """Each bit there is, also one of a later day, is seen from across the room."""
    health = (PATTERNS[-1][1] * 60)[:60]
    charging = (PATTERNS[-2][1] * 60)[:60]
    for bit in range(30):
        for field in ("faults", "trips"):
            image = site()
            image.trips[im.OUTPUTS] = im.OUT_CONTACTOR
            if field == "faults":
                image.commands[im.FAULTS] = 1 << bit
            else:
                image.trips[im.TRIPPED] = 1 << bit
            assert shown(image, []) not in (health, charging)


def test_the_patterns_differ() -> None:
    repeated = {(row[1] * 60)[:60] for row in PATTERNS}
    assert len(repeated) == len(PATTERNS)


class Pressed:
    def __init__(self, image: im.Image) -> None:
        self.down, self.read, self.acted = False, 0, 0
        self.held = 0
        self.button = Button(image, self._look, self._act, self._hold)

    def _look(self) -> bool:
        self.read += 1
        return self.down

    def _act(self) -> None:
        self.acted += 1

    def _hold(self) -> None:
        self.held += 1

    def hold(self, ms: int) -> None:
        self.down = True
        for _ in range(ms // 100):
            self.button.step(100)
        self.down = False
        self.button.step(100)


@pytest.mark.parametrize(
    ("ms", "acts", "holds"),
    [
        (100, 0, 0),
        (900, 0, 0),
        (1_000, 1, 0),
        (4_900, 1, 0),
        (5_000, 0, 1),
        (9_900, 0, 1),
        (10_000, 0, 0),
        (20_000, 0, 0),
    ],
)
def test_what_a_press_is_by_its_length(ms: int, acts: int, holds: int) -> None:
    """A knock is nothing, a second acknowledges, 5 s are a hold, and 10 s a broken button."""
    pressed = Pressed(site())
    pressed.hold(ms)
    assert (pressed.acted, pressed.held) == (acts, holds)
    pressed.hold(2_000)
    assert (pressed.acted, pressed.held) == (acts + 1, holds)


def test_without_something_else_to_do_a_hold_is_a_press() -> None:
    acted = []
    button = Button(site(), lambda: len(acted) < 1 and button._ms < 6_000, lambda: acted.append(1))
    for _ in range(70):
        button.step(100)
    assert acted == [1]


def test_a_hold_during_which_something_is_energised_is_none() -> None:
    """It begins anew once all is off: who holds the button through it opens nothing by mistake."""
    image = site()
    pressed = Pressed(image)
    pressed.down = True
    for at in range(80):
        image.trips[im.OUTPUTS] = im.OUT_CONTACTOR if at == 40 else 0
        pressed.button.step(100)
    pressed.down = False
    pressed.button.step(100)
    assert (pressed.acted, pressed.held) == (1, 0), "of its last 3.9 s"


@pytest.mark.parametrize(
    ("state", "outputs", "reads"),
    [
        (im.ISLAND_GRID, im.OUT_ENABLE | im.OUT_ISLAND | im.OUT_LOADS, True),
        (im.ISLAND_LOCKOUT, 0, True),
        (im.ISLAND_DARK, 0, True),
        (im.ISLAND_SENSING, 0, True),
        (im.ISLAND_GRID, im.OUT_CONTACTOR, False),
        (im.ISLAND_ISLANDED, im.OUT_ENABLE, False),
        (im.ISLAND_LOCKOUT, im.OUT_BOND, False),
    ],
)
def test_it_is_read_while_nothing_is_energised(state: int, outputs: int, reads: bool) -> None:
    image = site()
    image.commands[im.ISLAND_STATE], image.trips[im.OUTPUTS] = state, outputs
    pressed = Pressed(image)
    pressed.hold(2_000)
    assert (pressed.read > 0, pressed.acted > 0) == (reads, reads)
