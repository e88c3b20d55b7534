# islet: the way in on the board itself: a lamp that says how it stands, a button to acknowledge.
# GPL-3.0-or-later
#
# A unit without a network has these two and its console. The first row of PATTERNS that holds is
# shown, from its beginning to its end; a character is 100 ms, # is lit. Dark is no supply, or a
# firmware that has stopped.

from firmware import image as im
from firmware.base.viper import const

STEP_MS = const(100)
_POINT = (
    im.FAULT_PILOT
    + im.FAULT_DIODE
    + im.FAULT_STUCK_OPEN
    + im.FAULT_CABLE
    + im.FAULT_NOT_FOLLOWED
    + im.FAULT_WELD
)
_PRESSED_MS = const(1_000)  # for so long at least, so that a knock is nothing
_HELD_MS = const(5_000)  # for so long, and it means something else, where there is something
_STUCK_MS = const(10_000)  # for so long, and it is a broken button
_ABOVE_ALL = const(2)  # rows of PATTERNS: live though off, or soon to be


PATTERNS = (
    # what holds, pattern; what each means: tools/docs/vehicle.py
    ("weld", "#.#.#.#.#.#."),
    ("an island starts", "###.###.###."),
    ("configuration", "#####....."),
    ("tripped", "##.........."),
    ("a fault of a point", "##..##.........."),
    ("a fault", "##..##..##.........."),
    ("off the grid", "#########."),
    ("charging", "##########"),
    ("always", "#..................."),
)


class Lamp:
    """`light(1 or 0)` switches it; errors: the configuration's; way_in: a pattern that whoever
    opened the way in has to see."""

    way_in = ""

    def __init__(self, image, errors, light):
        self.image = image
        self.errors = errors
        self._light = light
        self._pattern = PATTERNS[-1][1]
        self._at = len(self._pattern)
        self._ms = 0
        self._lit = None

    def step(self, dt_ms):
        """Every 100 ms, more or less."""
        self._ms += dt_ms
        if self._ms < STEP_MS:
            return
        self._ms = 0
        if self._at >= len(self._pattern):
            self._at = 0
            row = self._holds()
            self._pattern = PATTERNS[row][1]
            if self.way_in and row >= _ABOVE_ALL:
                self._pattern = self.way_in
        lit = self._pattern[self._at] == "#"
        self._at += 1
        if lit != self._lit:
            self._lit = lit
            self._light(1 if lit else 0)

    def _holds(self):
        """The first row of PATTERNS that does."""
        commands, trips = self.image.commands, self.image.trips
        faults, state = commands[im.FAULTS], commands[im.ISLAND_STATE]
        rows = (
            faults & im.FAULT_WELD,
            commands[im.ISLAND_NOTE] == im.NOTE_STARTS,
            self.errors,
            trips[im.TRIPPED],
            faults & _POINT,
            faults,
            state != im.ISLAND_GRID and state != im.ISLAND_SENSING,
            trips[im.OUTPUTS] & im.OUT_CONTACTORS,
            True,
        )
        at = 0
        while not rows[at]:
            at += 1
        return at


def idle(image):
    """Nothing hangs on islet: reading a button that shares the flash's select is no matter."""
    if image.trips[im.OUTPUTS] & (im.OUT_CONTACTORS | im.OUT_BOND):
        return False
    return not im.off_grid(image) or image.commands[im.ISLAND_STATE] == im.ISLAND_DARK


class Button:
    """Held for 1 s and let go again: a person acknowledges. `pressed()` reads it, `act()` is what
    it does, `hold()`, if any, what it does after 5 s; it is read while nothing is energised."""

    def __init__(self, image, pressed, act, hold=None):
        self._image = image
        self._pressed = pressed
        self._act = act
        self._hold = hold or act
        self._ms = 0

    def step(self, dt_ms):
        if not idle(self._image):
            self._ms = 0
        elif self._pressed():
            self._ms = min(self._ms + dt_ms, _STUCK_MS)
        else:
            if _HELD_MS <= self._ms < _STUCK_MS:
                self._hold()
            elif _PRESSED_MS <= self._ms < _HELD_MS:
                self._act()
            self._ms = 0
