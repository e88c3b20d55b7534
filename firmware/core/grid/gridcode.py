# islet: the grid's side: is it dead, abnormal, being waited for, or in service.
# GPL-3.0-or-later
#
# The numbers are data (firmware/gridcodes/*.json, packed into SITE). The inverter is certified and
# trips by itself; this room only decides what may be asked of it, and never claims to be its
# protection. What the grid is, and for how long, is judged in supply.py.

from array import array

from firmware import image as im
from firmware.base.timer import grown, longer
from firmware.base.viper import const
from firmware.core.grid.shares import complete, shares
from firmware.core.grid.supply import Supply
from firmware.core.grid.switch_kernel import WITHIN, within

_RESTART_MS = const(50)  # an excursion this long restarts the delay (UL 1741 SB test: 50-100 ms)
_ABNORMAL_MS = const(1_000)  # outside the window, inside all trip levels: the enable waits so long


class GridCode:
    """GRID_STATE and GRID_REMAIN_MS from the grid-side readings; claims as source GRID_CODE."""

    def __init__(self, image, limits):
        self.limits = limits
        self.supply = Supply(image)
        self._image = image
        self._site = image.site
        self._readings = image.readings
        self._commands = image.commands
        self.state = im.GRID_UNKNOWN
        self._outside_ms = 0  # outside the enter-service window
        self._waited_ms = 0  # inside the window, without interruption
        self._ramp_ms = 0  # since in service
        self._tied = False  # the house was on the grid in the last step
        self._shares = shares(image)
        self._stands = False  # the claims are those of a grid that leaves devices all they have
        self._rests = False  # and a step changes nothing while the readings stay `_within`
        self._within = array("i", [0] * WITHIN)
        self._first = True

    def step(self, dt_ms):
        commands = self._commands
        island = commands[im.ISLAND_STATE]
        tied = island == im.ISLAND_GRID
        if self._rests and tied and within(self._within, self._readings):
            return
        self._rests = False
        if tied and not self._tied:
            self._restart()  # INV-7: after closing, the full delay governs the sources
        self._tied = tied
        self.supply.step(dt_ms, tied)
        self.state = self._next(dt_ms)
        commands[im.GRID_STATE] = self.state
        commands[im.GRID_REMAIN_MS] = self.remain_ms()
        if self._first:
            self._first = False
            if not complete(self._shares, self._site):  # a replay has its site only now
                self._shares = shares(self._image)
        supply = self.supply
        plain = tied and self.state == im.GRID_IN_SERVICE and self.ramp_permille() == 1000
        plain = plain and not (supply.strain or supply.lost or supply.wait_ms)
        if plain and self._stands:  # a claim stays where it is
            self._rests = supply.rests(self._within) and within(self._within, self._readings) == 1
            return
        for share in self._shares:
            if tied and supply.known and (supply.strain or share.active()):
                share.remember(dt_ms, supply)
                plain = False
            share.claim(self, island)
        self._stands = plain

    # --- state ------------------------------------------------------------------------------

    def _next(self, dt_ms):
        supply = self.supply
        state = self.state
        if not supply.known:
            self._restart()
            return im.GRID_UNKNOWN
        outside = self._outside()
        self._outside_ms = longer(outside, self._outside_ms, dt_ms)
        # With sources running, or about to, an excursion is ridden through: power ends when a
        # trip row has run out, the enable when the ride-through curve is over as well. Not so
        # while the house is apart.
        served = state == im.GRID_IN_SERVICE or state == im.GRID_WAITING
        rides = served and self._tied and not supply.over and not supply.dead_long
        if state == im.GRID_IN_SERVICE and not supply.out:
            if rides or not outside:
                self._ramp_ms = grown(self._ramp_ms, dt_ms)
                return im.GRID_IN_SERVICE
        if outside or supply.out:
            if self._outside_ms >= _RESTART_MS or supply.out:
                self._restart()
            if rides and (supply.rides or self._outside_ms < _ABNORMAL_MS):
                return im.GRID_WAITING
            return im.GRID_DEAD if supply.dead else im.GRID_ABNORMAL
        if state == im.GRID_WAITING:
            self._waited_ms = grown(self._waited_ms, dt_ms)
            if self._waited_ms >= self._delay_ms():
                self._ramp_ms = 0
                return im.GRID_IN_SERVICE
        return im.GRID_WAITING

    def _restart(self):
        self._waited_ms = 0
        self._ramp_ms = 0
        if self.state == im.GRID_IN_SERVICE:
            self.state = im.GRID_WAITING

    def _delay_ms(self):
        """The code's, or longer where the grid has come and gone."""
        delay_ms = self._site[im.ENTER_DELAY_MS]
        pause_ms = self.supply.pause_ms
        return delay_ms if delay_ms > pause_ms else pause_ms

    def remain_ms(self):
        if self.state == im.GRID_IN_SERVICE:
            return 0
        left_ms = self._delay_ms() - self._waited_ms
        return left_ms if left_ms > 0 else 0

    def _outside(self):
        """Outside the enter-service window. An unknown frequency (0) is outside."""
        site = self._site
        supply = self.supply
        nominal_mv = site[im.NOMINAL_MV]
        mhz = self._readings[im.GRID_MHZ]
        return (
            mhz < site[im.ENTER_LOW_MHZ]
            or mhz > site[im.ENTER_HIGH_MHZ]
            or supply.lowest_mv < nominal_mv * site[im.ENTER_LOW_PERMILLE] // 1000
            or supply.highest_mv > nominal_mv * site[im.ENTER_HIGH_PERMILLE] // 1000
        )

    def ramp_permille(self):
        unit_ms = self._site[im.ENTER_RAMP_MS] // 1000  # ms per permille: no product to overflow
        if unit_ms == 0:
            return 1000
        share = self._ramp_ms // unit_ms
        return share if share < 1000 else 1000
