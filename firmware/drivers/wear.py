# islet: how often a device's registers that wear out are written, and how many writes a day are
# left for more power.
# GPL-3.0-or-later
#
# Each write of such a register counts, its value new or not. The device's count is that of the
# register written most, its endurance that of the weakest memory. Nobody measured these for a
# device: they are what a microcontroller's maker guarantees (Microchip DS40002061B, ATmega328P:
# "Write/Erase Cycles: 10,000 Flash/100,000 EEPROM"), and a design life of ten years.
#
# Only more is held back: less, nothing and the other way (which is nothing first) are told at
# once, and so is what relieves a limit. While more than half of a day's writes are left nothing
# is held back; then what is left is spread over the rest of the day, and steps get coarser,
# towards nothing, so that less is told seldom as well.

from array import array

from firmware.base.clock import ticks_add, ticks_diff, ticks_ms
from firmware.base.viper import const
from firmware.bus.registers import INVALID
from firmware.drivers.plans import LEASE, NONE, UNIT, WEAR, WEARS

CYCLES = (0, 100_000, 10_000, 100_000)  # by WEARS; where nobody names the memory, an EEPROM's
LIFE_DAYS = const(3650)
DAY_MS = const(86_400_000)
_RAM = const(0)
_UNKNOWN = const(3)
_GOES_ON = const(2)  # THENS
_STEPS = (
    4,
    2,
)  # most power >> this is a step, of the second quarter of a day's writes left; below


def lasts(plans):
    """Whether it keeps its last setpoint for ever, by what is known: nothing has to be renewed."""
    return plans.lease == NONE and plans.then == _GOES_ON


class Wear:
    """Of one device with these plans. `cycles` 0: nothing wears out."""

    def __init__(self, plans):
        worn = [write for write in plans.writes if write[WEAR] != _RAM]
        self.cycles = min([CYCLES[write[WEAR]] for write in worn]) if worn else 0
        self.memory = WEARS[max([write[WEAR] for write in worn])] if worn else WEARS[_RAM]
        self.budget = self.cycles // LIFE_DAYS  # writes a day
        self.before = 0  # writes before this start, by the record
        self.a_day = -1  # of the last whole day, -1 none yet
        self._counts = array("i", [0] * len(plans.writes))
        self._wears = bytes([write[WEAR] for write in plans.writes])
        # not written where it is known to hold the same: what must not be renewed
        self._spared = bytearray(len(plans.writes))
        for i in range(len(plans.writes)):
            kind = self._wears[i]
            spared = kind != _RAM and (kind != _UNKNOWN or lasts(plans)) and i != plans.lease
            self._spared[i] = spared
        self.paced = False  # the watts are
        for i in range(len(plans.writes)):
            self.paced = self.paced or bool(self._spared[i] and plans.writes[i][UNIT])
        self._most = 0  # of _counts
        self._day_most = 0  # as the day began
        self._day_ms = ticks_ms()  # its begin
        # what was written before a start that day is not known: a quarter counts as gone
        self._spent = self.budget // 4
        self._grown_ms = 0
        self._grew = False

    def spares(self, request):
        for which, what, _ in request:
            if what == LEASE or not self._spared[which]:
                return False
        return True

    def wrote(self, which):
        """A write is on its way."""
        if self._wears[which] != _RAM:
            self._counts[which] += 1
            self._most = max(self._most, self._counts[which])

    def count(self):
        """Of the register that was written most, in all."""
        return self.before + self._most

    def today(self):
        """Since the start, or since the last whole day was over."""
        return self._most - self._day_most

    def step(self, now):
        """Every few hours at least."""
        if ticks_diff(now, self._day_ms) >= DAY_MS:
            self._day_ms = ticks_add(self._day_ms, DAY_MS)
            self.a_day = self.today()
            self._day_most = self._most
            self._spent = 0

    def left(self):
        """Of today's writes."""
        return max(0, self.budget - self.today() - self._spent)

    # --- more, and when ---------------------------------------------------------------------

    def told(self, w, sent_w, most_w, now):
        """What to tell a device that was told sent_w (INVALID: not known) and shall get w."""
        self.step(now)
        on = sent_w != INVALID and ((w > 0 and sent_w > 0) or (w < 0 and sent_w < 0))
        least = self._coarse(abs(w), most_w)
        if on and least <= abs(sent_w) <= abs(w):
            return sent_w
        if not (on and abs(w) < abs(sent_w)) and not self._may_grow(now):
            return sent_w if on else 0
        return least if w > 0 else -least

    def _coarse(self, w, most_w):
        """Of a step that grows as the day's writes run out."""
        left = self.left()
        if 2 * left > self.budget:
            return w
        step_w = max(1, most_w >> _STEPS[4 * left <= self.budget])
        return w - w % step_w

    def _may_grow(self, now):
        left = self.left()
        if 2 * left > self.budget or not self._grew:
            return True
        rest_ms = DAY_MS - ticks_diff(now, self._day_ms)
        return left > 0 and ticks_diff(now, self._grown_ms) >= rest_ms // left

    def grew(self, now):
        """More was told than before."""
        self._grew = True
        self._grown_ms = now
