# islet: the grid's side: is it dead, abnormal, being waited for, or in service.
# GPL-3.0-or-later
#
# The numbers are data (firmware/gridcodes/*.json, packed into SITE). The inverter is certified and
# trips by itself; this room only decides what may be asked of it, and never claims to be its
# protection. What the grid is, and for how long, is judged in supply.py.

from firmware.core.growth import LEAST_MA
from firmware.core.own_trip import OwnTrip
from firmware.core.supply import Supply
from firmware.image import (
    AGE_MAX_MS,
    ENTER_DELAY_MS,
    ENTER_HIGH_MHZ,
    ENTER_HIGH_PERMILLE,
    ENTER_LOW_MHZ,
    ENTER_LOW_PERMILLE,
    ENTER_RAMP_MS,
    EVSE,
    EVSE_AGE_MS,
    EVSE_MA,
    EVSE_MAX_MA,
    GRID_ABNORMAL,
    GRID_CODE,
    GRID_DEAD,
    GRID_IN_SERVICE,
    GRID_MHZ,
    GRID_OV,
    GRID_REMAIN_MS,
    GRID_STATE,
    GRID_UNKNOWN,
    GRID_UV,
    GRID_WAITING,
    INVERTER,
    INVERTER_AGE_MS,
    INVERTER_CHARGE_W,
    INVERTER_DISCHARGE_W,
    INVERTER_LEGS,
    INVERTER_W,
    ISLAND_GRID,
    ISLAND_ISLANDED,
    ISLAND_SENSING,
    ISLAND_STARTING,
    ISLAND_STATE,
    LEGS,
    NOMINAL_MV,
    OFFER_MA,
    REASON_BOOT,
    REASON_FLAPPING,
    REASON_GRID_ABNORMAL,
    REASON_GRID_RAMP,
    REASON_GRID_WAIT,
    REASON_ISLAND,
    REASON_NONE,
    REASON_OWN_TRIP,
    SETPOINT_W,
    const,
)

_RESTART_MS = const(50)  # an excursion this long restarts the delay (UL 1741 SB test: 50-100 ms)
_INVERTER_STALE_MS = const(2_000)
_EVSE_STALE_MS = const(500)
_ABNORMAL_MS = const(1_000)  # outside the window, inside all trip levels: the enable waits so long


class GridCode:
    """GRID_STATE and GRID_REMAIN_MS from the grid-side readings; claims as source GRID_CODE."""

    def __init__(self, image, limits):
        self.limits = limits
        self.supply = Supply(image)
        self._site = image.site
        self._readings = image.readings
        self._commands = image.commands
        self._state = GRID_UNKNOWN
        self._outside_ms = 0  # outside the enter-service window
        self._waited_ms = 0  # inside the window, without interruption
        self._ramp_ms = 0  # since in service
        self._tied = False  # the house was on the grid in the last step
        self._feed = OwnTrip()
        self._charge = OwnTrip()
        self._car = OwnTrip()

    def step(self, dt_ms):
        commands = self._commands
        island = commands[ISLAND_STATE]
        tied = island == ISLAND_GRID
        if tied and not self._tied:
            self._restart()  # INV-7: after closing, the full delay governs the sources
        self._tied = tied
        self.supply.step(dt_ms, tied)
        self._state = self._next(dt_ms)
        if tied and self.supply.known:
            self._remember(dt_ms)
        commands[GRID_STATE] = self._state
        commands[GRID_REMAIN_MS] = self._remain_ms()
        self._claim_inverter(island)
        self._claim_evse(island)

    # --- state ------------------------------------------------------------------------------

    def _next(self, dt_ms):
        supply = self.supply
        state = self._state
        if not supply.known:
            self._restart()
            return GRID_UNKNOWN
        outside = self._outside()
        if not outside:
            self._outside_ms = 0
        elif self._outside_ms < AGE_MAX_MS:
            self._outside_ms += dt_ms
        # With sources running, or about to, an excursion is ridden through: power ends when a
        # trip row has run out, the enable when the ride-through curve is over as well. Not so
        # while the house is apart.
        served = state == GRID_IN_SERVICE or state == GRID_WAITING
        rides = served and self._tied and not supply.over and not supply.dead_long
        if state == GRID_IN_SERVICE and not supply.out:
            if rides or not outside:
                self._ramp_ms += dt_ms if self._ramp_ms < AGE_MAX_MS else 0
                return GRID_IN_SERVICE
        if outside or supply.out:
            if self._outside_ms >= _RESTART_MS or supply.out:
                self._restart()
            if rides and (supply.rides or self._outside_ms < _ABNORMAL_MS):
                return GRID_WAITING
            return GRID_DEAD if supply.dead else GRID_ABNORMAL
        if state == GRID_WAITING:
            self._waited_ms += dt_ms if self._waited_ms < AGE_MAX_MS else 0
            if self._waited_ms >= self._delay_ms():
                self._ramp_ms = 0
                return GRID_IN_SERVICE
        return GRID_WAITING

    def _restart(self):
        self._waited_ms = 0
        self._ramp_ms = 0
        if self._state == GRID_IN_SERVICE:
            self._state = GRID_WAITING

    def _delay_ms(self):
        """The code's, or longer where the grid has come and gone."""
        delay_ms = self._site[ENTER_DELAY_MS]
        pause_ms = self.supply.pause_ms
        return delay_ms if delay_ms > pause_ms else pause_ms

    def _remain_ms(self):
        if self._state == GRID_IN_SERVICE:
            return 0
        left_ms = self._delay_ms() - self._waited_ms
        return left_ms if left_ms > 0 else 0

    def _outside(self):
        """Outside the enter-service window. An unknown frequency (0) is outside."""
        site = self._site
        supply = self.supply
        nominal_mv = site[NOMINAL_MV]
        mhz = self._readings[GRID_MHZ]
        return (
            mhz < site[ENTER_LOW_MHZ]
            or mhz > site[ENTER_HIGH_MHZ]
            or supply.lowest_mv < nominal_mv * site[ENTER_LOW_PERMILLE] // 1000
            or supply.highest_mv > nominal_mv * site[ENTER_HIGH_PERMILLE] // 1000
        )

    # --- what islet's own power does to the voltage -------------------------------------------

    def _remember(self, dt_ms):
        strain = self.supply.strain
        feed, charge, car = self._feed, self._charge, self._car
        if not (strain or feed.active or charge.active or car.active):
            return
        site, readings, commands = self._site, self._readings, self._commands
        watts = commands[SETPOINT_W]
        if readings[INVERTER_AGE_MS] <= _INVERTER_STALE_MS:
            watts = readings[INVERTER_W]
        volts = site[NOMINAL_MV] // 1000 * site[INVERTER_LEGS]
        rating = site[INVERTER_DISCHARGE_W]
        self._step(feed, dt_ms, strain, GRID_OV, -watts, rating, 0, -watts * 1000 // volts)
        rating = site[INVERTER_CHARGE_W]
        self._step(charge, dt_ms, strain, GRID_UV, watts, rating, 0, watts * 1000 // volts)
        ma = commands[OFFER_MA]
        if readings[EVSE_AGE_MS] <= _EVSE_STALE_MS:
            ma = 0
            for leg in range(LEGS):
                if readings[EVSE_MA + leg] > ma:
                    ma = readings[EVSE_MA + leg]
        self._step(car, dt_ms, strain, GRID_UV, ma, site[EVSE_MAX_MA], LEAST_MA, ma)

    def _step(self, own, dt_ms, strain, kind, power, rating, least, ma):
        supply = self.supply
        pressed = strain & 1 << kind != 0
        mv, level_mv = supply.now[kind], supply.levels[kind]
        nominal_mv = self._site[NOMINAL_MV]
        if power < 0:
            power = 0
        own.step(dt_ms, pressed, power, rating, least, supply.idle, mv, level_mv, nominal_mv, ma)

    # --- claims -------------------------------------------------------------------------------

    def _claim_inverter(self, island):
        limits = self.limits
        site = self._site
        charge_w = site[INVERTER_CHARGE_W]
        discharge_w = site[INVERTER_DISCHARGE_W]
        if island == ISLAND_ISLANDED or island == ISLAND_STARTING:
            # It forms; the grid's rules bind it again when the switch has closed.
            limits.claim(GRID_CODE, INVERTER, -discharge_w, charge_w, REASON_NONE)
        elif island != ISLAND_GRID:
            limits.claim(GRID_CODE, INVERTER, 0, 0, self._apart(island))
        elif self._state == GRID_WAITING:
            left_ms = self._remain_ms()
            flapping = self.supply.pause_ms > site[ENTER_DELAY_MS]
            reason = REASON_FLAPPING if flapping else REASON_GRID_WAIT
            limits.claim(GRID_CODE, INVERTER, 0, 0, reason, -1, -1, left_ms)
        elif self._state != GRID_IN_SERVICE:
            limits.claim(GRID_CODE, INVERTER, 0, 0, REASON_GRID_ABNORMAL)
        else:
            share = self._ramp_permille()
            low_w = discharge_w // 1000 * share + discharge_w % 1000 * share // 1000
            why = REASON_GRID_RAMP if share < 1000 else REASON_NONE
            if self._feed.most < low_w:
                low_w = self._feed.most
                why = REASON_OWN_TRIP
            reason = REASON_NONE
            if self._charge.most < charge_w:
                charge_w = self._charge.most
                reason = REASON_OWN_TRIP
            limits.claim(GRID_CODE, INVERTER, -low_w, charge_w, reason, -1, -1, low_w, why)

    def _apart(self, island):
        return REASON_BOOT if island == ISLAND_SENSING else REASON_ISLAND

    def _ramp_permille(self):
        unit_ms = self._site[ENTER_RAMP_MS] // 1000  # ms per permille: no product to overflow
        if unit_ms == 0:
            return 1000
        share = self._ramp_ms // unit_ms
        return share if share < 1000 else 1000

    def _claim_evse(self, island):
        """A load needs no enter-service delay, and may stay on until a trip row has run out."""
        limits = self.limits
        supply = self.supply
        if island != ISLAND_GRID:
            limits.claim(GRID_CODE, EVSE, 0, 0, self._apart(island))
        elif not supply.known or supply.lost:
            limits.claim(GRID_CODE, EVSE, 0, 0, REASON_GRID_ABNORMAL)
        elif supply.wait_ms:
            limits.claim(GRID_CODE, EVSE, 0, 0, REASON_FLAPPING, -1, -1, supply.wait_ms)
        else:
            most_ma = self._site[EVSE_MAX_MA]
            reason = REASON_NONE
            if self._car.most < most_ma:
                most_ma = self._car.most
                reason = REASON_OWN_TRIP
            limits.claim(GRID_CODE, EVSE, 0, most_ma, reason, -1, -1, most_ma)
