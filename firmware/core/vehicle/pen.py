# islet: a lost PEN conductor, by its voltage.
# GPL-3.0-or-later
#
# Where the supply's neutral is its protective conductor as well (PME, TN-C-S) and it breaks, the
# leg's voltage leaves its band and the car's body may become live. BS 7671 722.411.4.1, second-
# hand: open within 5 s when a leg is outside 90...110 % of nominal. A voltage cannot see a break
# whose legs happen to be balanced, nor a neighbour's current in a conductor that still holds the
# voltage; opening two or four poles does not part the car's body: see FAULT_BODY_LIVE.

from firmware import image as im
from firmware.base.viper import const

LOW_PERMILLE, HIGH_PERMILLE = const(900), const(1100)
DEAD_PERMILLE = const(200)  # every leg below: the grid is gone, which is no lost PEN
OUTSIDE_MS = const(4_000)  # of the 5 s
_STALE_MS = const(2_000)  # INV-4
_FAULTS = im.FAULT_PEN + im.FAULT_BODY_LIVE
KEPT_FAULTS = im.FAULT_PEN  # it outlives a reset


class Pen:
    """`lost` until a person acknowledges with the voltage inside; `unseen`: not measured."""

    def __init__(self, image):
        self._image = image
        self.lost = self.unseen = False
        self._outside_ms = 0
        self._acknowledge = 0

    def recall(self, faults):
        self.lost = faults & im.FAULT_PEN != 0

    def step(self, dt_ms):
        """Write FAULT_PEN and FAULT_BODY_LIVE."""
        image = self._image
        site = image.site
        acknowledge = image.requests[im.ACKNOWLEDGE_SEQ]
        person = acknowledge != self._acknowledge
        self._acknowledge = acknowledge
        commands = image.commands
        if not site[im.PEN_WATCH]:
            self.lost = self.unseen = False
        else:
            self.unseen = image.readings[im.GRID_AGE_MS] > _STALE_MS
            if not self.unseen and commands[im.ISLAND_STATE] == im.ISLAND_GRID:
                self._look(dt_ms)
            if self._outside_ms > OUTSIDE_MS:
                self.lost = True
            elif person and self._outside_ms == 0:
                self.lost = False
        faults = commands[im.FAULTS] & ~_FAULTS
        if self.lost:
            faults |= im.FAULT_PEN if site[im.PEN_PARTED] else _FAULTS
        commands[im.FAULTS] = faults

    def _look(self, dt_ms):
        """Time outside adds up; time inside takes it back, so that a flickering one counts."""
        image = self._image
        nominal = image.site[im.NOMINAL_MV] // 1000
        outside = alive = False
        for leg in range(image.site[im.LEG_COUNT]):
            mv = image.readings[im.GRID_MV + leg]
            if mv >= nominal * DEAD_PERMILLE:
                alive = True
            if not nominal * LOW_PERMILLE <= mv <= nominal * HIGH_PERMILLE:
                outside = True
        if outside and alive:
            if self._outside_ms <= OUTSIDE_MS:
                self._outside_ms += dt_ms
        else:
            left_ms = self._outside_ms - dt_ms
            self._outside_ms = left_ms if left_ms > 0 else 0
