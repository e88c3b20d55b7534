# islet: how often the contactor may close: it rests after each opening, and has two accounts.
# GPL-3.0-or-later
#
# A minimum off time for every cause, and pauses that double while it opens under load or soon
# after it closed: a loose pilot wire, a car that asks and does not, a grid that flickers. Behind
# them an account each for hour and day, which refills with time: exhausted, it stays open and says
# for how long. Opening is never delayed. 48 a day are what contacts rated for 50 000 operations
# (IEC 61851-1 asks so much, second-hand) bear for three years of the worst days, 10 a day for 13.

from firmware import image as im
from firmware.base.timer import grown, shrunk
from firmware.base.viper import const

MIN_OFF_MS = const(5_000)
SOON_MS = const(60_000)  # closed for less counts as too soon
LONGEST_MS = const(600_000)
GOOD_MS = const(600_000)  # closed for so long: the next pause is the least one again
UNPLUGGED_MS = const(60_000)  # so it is unplugged for so long; a loose wire reads as A too
HOUR_MS, HOUR_HOLDS_MS = const(600_000), const(3_600_000)  # an operation costs, the account holds
DAY_MS, DAY_HOLDS_MS = const(3_600_000), const(86_400_000)
_SHARE = const(32)  # MEMORY_WEAR: hours of the day's account * 32 + tenths of the hour's, plus 1


class Wear:
    """`left_ms`: the contactor stays open for so long; closed() and opened() tell what it did."""

    def __init__(self, image, point=0):
        self._image = image
        self._point = point
        self.left_ms = 0
        self._pause_ms = 0
        self._next_ms = MIN_OFF_MS
        self._on_ms = -1  # closed for so long, -1 open
        self._unplugged_ms = 0
        self._hour_ms = 0
        self._day_ms = 0

    def recall(self):
        """The accounts as they stood before a reset or power cut; time without power is none. One
        that ever closed may just have opened: it rests."""
        memory = im.MEMORY_WEAR + self._point
        word = self._image.requests[im.REMEMBERED + memory] - 1
        if word >= 0:
            self._hour_ms = min(word % _SHARE * HOUR_MS, HOUR_HOLDS_MS)
            self._day_ms = min(word // _SHARE * DAY_MS, DAY_HOLDS_MS)
            self._pause_ms = MIN_OFF_MS  # it may have opened just now
        self._image.commands[im.MEMORY + memory] = word + 1 if word >= 0 else 0

    def step(self, dt_ms, person):
        """Let the pauses and the accounts run; a person or a minute without a car shortens a pause
        to the least one, which nobody does away with: it may have opened just now."""
        commands = self._image.commands
        self._pause_ms = shrunk(self._pause_ms, dt_ms)
        self._hour_ms = shrunk(self._hour_ms, dt_ms)
        self._day_ms = shrunk(self._day_ms, dt_ms)
        if self._on_ms >= 0:
            self._on_ms = grown(self._on_ms, dt_ms)
            if self._on_ms >= GOOD_MS:
                self._next_ms = MIN_OFF_MS
        if commands[im.POINT_PILOT_STATE + self._point] != im.PILOT_A:
            self._unplugged_ms = 0
        elif self._unplugged_ms < UNPLUGGED_MS:
            self._unplugged_ms += dt_ms
        if person or self._unplugged_ms >= UNPLUGGED_MS:
            self._next_ms = MIN_OFF_MS
            if self._pause_ms > MIN_OFF_MS:
                self._pause_ms = MIN_OFF_MS
        if person:
            self._hour_ms = 0
        left_ms = self._pause_ms
        if self._on_ms < 0:
            left_ms = max(left_ms, self._hour_ms + HOUR_MS - HOUR_HOLDS_MS)
            left_ms = max(left_ms, self._day_ms + DAY_MS - DAY_HOLDS_MS)
        self.left_ms = commands[im.POINT_REST_MS + self._point] = left_ms
        commands[im.POINT_WEAR_HOUR_MS + self._point] = self._hour_ms
        commands[im.POINT_WEAR_DAY_MS + self._point] = self._day_ms

    def idles(self):
        """Whether both accounts are empty, and it is neither closed nor rests."""
        return self._on_ms < 0 and not (self._pause_ms or self._hour_ms or self._day_ms)

    def closed(self):
        """The contactor was told to close: an operation of both accounts."""
        self._on_ms = 0
        self._hour_ms += HOUR_MS
        self._day_ms += DAY_MS
        hours = (self._day_ms + DAY_MS - 1) // DAY_MS
        tenths = (self._hour_ms + HOUR_MS - 1) // HOUR_MS
        memory = im.MEMORY + im.MEMORY_WEAR + self._point
        self._image.commands[memory] = hours * _SHARE + tenths + 1

    def opened(self, loaded):
        """It was told to open, `loaded` with current flowing, or not known."""
        soon = 0 <= self._on_ms < SOON_MS
        self._on_ms = -1
        if not loaded and not soon:
            self._pause_ms = MIN_OFF_MS
            return
        self._pause_ms = self._next_ms
        self._next_ms = min(2 * self._next_ms, LONGEST_MS)
