# islet: the grid's side: is it dead, abnormal, being waited for, or in service.
# GPL-3.0-or-later
#
# The numbers are data (firmware/gridcodes/*.json, packed into SITE). The inverter is certified and
# trips by itself; this room only decides what may be asked of it, and never claims to be its
# protection. What the grid is, and for how long, is judged in supply.py.

from firmware import image as im
from firmware.base.viper import const
from firmware.core.grid.own_trip import OwnTrip
from firmware.core.grid.supply import Supply
from firmware.core.vehicle.pilot import LEAST_MA

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
        self._state = im.GRID_UNKNOWN
        self._outside_ms = 0  # outside the enter-service window
        self._waited_ms = 0  # inside the window, without interruption
        self._ramp_ms = 0  # since in service
        self._tied = False  # the house was on the grid in the last step
        self._feed = OwnTrip()
        self._charge = OwnTrip()
        self._car = OwnTrip()

    def step(self, dt_ms):
        commands = self._commands
        island = commands[im.ISLAND_STATE]
        tied = island == im.ISLAND_GRID
        if tied and not self._tied:
            self._restart()  # INV-7: after closing, the full delay governs the sources
        self._tied = tied
        self.supply.step(dt_ms, tied)
        self._state = self._next(dt_ms)
        if tied and self.supply.known:
            self._remember(dt_ms)
        commands[im.GRID_STATE] = self._state
        commands[im.GRID_REMAIN_MS] = self._remain_ms()
        self._claim_inverter(island)
        self._claim_evse(island)

    # --- state ------------------------------------------------------------------------------

    def _next(self, dt_ms):
        supply = self.supply
        state = self._state
        if not supply.known:
            self._restart()
            return im.GRID_UNKNOWN
        outside = self._outside()
        if not outside:
            self._outside_ms = 0
        elif self._outside_ms < im.AGE_MAX_MS:
            self._outside_ms += dt_ms
        # With sources running, or about to, an excursion is ridden through: power ends when a
        # trip row has run out, the enable when the ride-through curve is over as well. Not so
        # while the house is apart.
        served = state == im.GRID_IN_SERVICE or state == im.GRID_WAITING
        rides = served and self._tied and not supply.over and not supply.dead_long
        if state == im.GRID_IN_SERVICE and not supply.out:
            if rides or not outside:
                self._ramp_ms += dt_ms if self._ramp_ms < im.AGE_MAX_MS else 0
                return im.GRID_IN_SERVICE
        if outside or supply.out:
            if self._outside_ms >= _RESTART_MS or supply.out:
                self._restart()
            if rides and (supply.rides or self._outside_ms < _ABNORMAL_MS):
                return im.GRID_WAITING
            return im.GRID_DEAD if supply.dead else im.GRID_ABNORMAL
        if state == im.GRID_WAITING:
            self._waited_ms += dt_ms if self._waited_ms < im.AGE_MAX_MS else 0
            if self._waited_ms >= self._delay_ms():
                self._ramp_ms = 0
                return im.GRID_IN_SERVICE
        return im.GRID_WAITING

    def _restart(self):
        self._waited_ms = 0
        self._ramp_ms = 0
        if self._state == im.GRID_IN_SERVICE:
            self._state = im.GRID_WAITING

    def _delay_ms(self):
        """The code's, or longer where the grid has come and gone."""
        delay_ms = self._site[im.ENTER_DELAY_MS]
        pause_ms = self.supply.pause_ms
        return delay_ms if delay_ms > pause_ms else pause_ms

    def _remain_ms(self):
        if self._state == im.GRID_IN_SERVICE:
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

    # --- what islet's own power does to the voltage -------------------------------------------

    def _remember(self, dt_ms):
        strain = self.supply.strain
        feed, charge, car = self._feed, self._charge, self._car
        if not (strain or feed.active or charge.active or car.active):
            return
        site, readings, commands = self._site, self._readings, self._commands
        watts = commands[im.SETPOINT + im.INVERTER]
        if readings[im.DEVICE_AGE_MS + im.INVERTER] <= _INVERTER_STALE_MS:
            watts = readings[im.DEVICE_W + im.INVERTER]
        volts = site[im.NOMINAL_MV] // 1000 * site[im.DEVICE_LEGS + im.INVERTER]
        rating = site[im.DEVICE_DISCHARGE_W + im.INVERTER]
        self._step(feed, dt_ms, strain, im.GRID_OV, -watts, rating, 0, -watts * 1000 // volts)
        rating = site[im.DEVICE_CHARGE_W + im.INVERTER]
        self._step(charge, dt_ms, strain, im.GRID_UV, watts, rating, 0, watts * 1000 // volts)
        ma = commands[im.SETPOINT + im.EVSE]
        if readings[im.DEVICE_AGE_MS + im.EVSE] <= _EVSE_STALE_MS:
            ma = 0
            for leg in range(im.LEGS):
                if readings[im.DEVICE_MA + im.EVSE * im.LEGS + leg] > ma:
                    ma = readings[im.DEVICE_MA + im.EVSE * im.LEGS + leg]
        self._step(
            car, dt_ms, strain, im.GRID_UV, ma, site[im.DEVICE_MAX_MA + im.EVSE], LEAST_MA, ma
        )

    def _step(self, own, dt_ms, strain, kind, power, rating, least, ma):
        supply = self.supply
        pressed = strain & 1 << kind != 0
        mv, level_mv = supply.now[kind], supply.levels[kind]
        nominal_mv = self._site[im.NOMINAL_MV]
        if power < 0:
            power = 0
        own.step(dt_ms, pressed, power, rating, least, supply.idle, mv, level_mv, nominal_mv, ma)

    # --- claims -------------------------------------------------------------------------------

    def _claim_inverter(self, island):
        limits = self.limits
        site = self._site
        charge_w = site[im.DEVICE_CHARGE_W + im.INVERTER]
        discharge_w = site[im.DEVICE_DISCHARGE_W + im.INVERTER]
        if island == im.ISLAND_ISLANDED or island == im.ISLAND_STARTING:
            # It forms; the grid's rules bind it again when the switch has closed.
            limits.claim(im.GRID_CODE, im.INVERTER, -discharge_w, charge_w, im.REASON_NONE)
        elif island != im.ISLAND_GRID:
            limits.claim(im.GRID_CODE, im.INVERTER, 0, 0, self._apart(island))
        elif self._state == im.GRID_WAITING:
            left_ms = self._remain_ms()
            flapping = self.supply.pause_ms > site[im.ENTER_DELAY_MS]
            reason = im.REASON_FLAPPING if flapping else im.REASON_GRID_WAIT
            limits.claim(im.GRID_CODE, im.INVERTER, 0, 0, reason, -1, -1, left_ms)
        elif self._state != im.GRID_IN_SERVICE:
            limits.claim(im.GRID_CODE, im.INVERTER, 0, 0, im.REASON_GRID_ABNORMAL)
        else:
            share = self._ramp_permille()
            low_w = discharge_w // 1000 * share + discharge_w % 1000 * share // 1000
            why = im.REASON_GRID_RAMP if share < 1000 else im.REASON_NONE
            if self._feed.most < low_w:
                low_w = self._feed.most
                why = im.REASON_OWN_TRIP
            reason = im.REASON_NONE
            if self._charge.most < charge_w:
                charge_w = self._charge.most
                reason = im.REASON_OWN_TRIP
            limits.claim(im.GRID_CODE, im.INVERTER, -low_w, charge_w, reason, -1, -1, low_w, why)

    def _apart(self, island):
        return im.REASON_BOOT if island == im.ISLAND_SENSING else im.REASON_ISLAND

    def _ramp_permille(self):
        unit_ms = self._site[im.ENTER_RAMP_MS] // 1000  # ms per permille: no product to overflow
        if unit_ms == 0:
            return 1000
        share = self._ramp_ms // unit_ms
        return share if share < 1000 else 1000

    def _claim_evse(self, island):
        """A load needs no enter-service delay, and may stay on until a trip row has run out."""
        limits = self.limits
        supply = self.supply
        if island != im.ISLAND_GRID:
            limits.claim(im.GRID_CODE, im.EVSE, 0, 0, self._apart(island))
        elif not supply.known or supply.lost:
            limits.claim(im.GRID_CODE, im.EVSE, 0, 0, im.REASON_GRID_ABNORMAL)
        elif supply.wait_ms:
            limits.claim(im.GRID_CODE, im.EVSE, 0, 0, im.REASON_FLAPPING, -1, -1, supply.wait_ms)
        else:
            most_ma = self._site[im.DEVICE_MAX_MA + im.EVSE]
            reason = im.REASON_NONE
            if self._car.most < most_ma:
                most_ma = self._car.most
                reason = im.REASON_OWN_TRIP
            limits.claim(im.GRID_CODE, im.EVSE, 0, most_ma, reason, -1, -1, most_ma)
