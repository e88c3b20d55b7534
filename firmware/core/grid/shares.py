# islet: what the grid's side leaves each device, and what its own power did to the voltage.
# GPL-3.0-or-later

from firmware import image as im
from firmware.base.viper import const
from firmware.core.grid.own_trip import OwnTrip
from firmware.core.vehicle.pilot import LEAST_MA

_STALE_MS = const(2_000)
_OWN_STALE_MS = const(500)  # of this board's transformers


def shares(image):
    """One for each device of the site."""
    site = image.site
    made = []
    for device in range(im.DEVICES):
        kind = site[im.DEVICE_KIND + device]
        if kind == im.KIND_POINT or kind == im.KIND_CHARGER:
            made.append(Offered(image, device))
        elif kind != im.KIND_NONE:
            made.append(Commanded(image, device))
    return made


def complete(made, site):
    """Whether those are the site's."""
    count = 0
    for device in range(im.DEVICES):
        if site[im.DEVICE_KIND + device] != im.KIND_NONE:
            count += 1
    return count == len(made)


def apart(island):
    """Why nothing is to be had from a grid that the house is not on."""
    return im.REASON_BOOT if island == im.ISLAND_SENSING else im.REASON_ISLAND


def ill(grid):
    """What is wrong with it, by the sentences of its reason: it is not measured, dead, or bad."""
    if not grid.supply.known or grid.state == im.GRID_UNKNOWN:
        return 2
    return 1 if grid.supply.dead else 0


class Offered:
    """What takes an offer: a load. It needs no enter-service delay, and may stay on until a trip
    row has run out."""

    def __init__(self, image, device):
        self._image = image
        self._device = device
        self._own = image.site[im.DEVICE_KIND + device] == im.KIND_POINT
        self._drawn = OwnTrip()

    def active(self):
        return self._drawn.active

    def remember(self, dt_ms, supply):
        image, device = self._image, self._device
        readings = image.readings
        ma = image.commands[im.SETPOINT + device]
        stale_ms = _OWN_STALE_MS if self._own else _STALE_MS
        if readings[im.DEVICE_AGE_MS + device] <= stale_ms:
            ma = 0
            first = im.DEVICE_MA + device * im.LEGS
            for leg in range(im.LEGS):
                if readings[first + leg] > ma:
                    ma = readings[first + leg]
        rating_ma = image.site[im.DEVICE_MAX_MA + device]
        supply.moved(self._drawn, dt_ms, im.GRID_UV, ma, rating_ma, LEAST_MA, ma)

    def claim(self, grid, island):
        limits, supply, device = grid.limits, grid.supply, self._device
        if island != im.ISLAND_GRID:
            limits.claim(im.GRID_CODE, device, 0, 0, apart(island))
        elif not supply.known or supply.lost:
            limits.claim(im.GRID_CODE, device, 0, 0, im.REASON_GRID_ABNORMAL, -1, -1, ill(grid))
        elif supply.wait_ms:
            limits.claim(im.GRID_CODE, device, 0, 0, im.REASON_FLAPPING, -1, -1, supply.wait_ms)
        else:
            most_ma = self._image.site[im.DEVICE_MAX_MA + device]
            reason = im.REASON_NONE
            if self._drawn.most < most_ma:
                most_ma = self._drawn.most
                reason = im.REASON_OWN_TRIP
            limits.claim(im.GRID_CODE, device, 0, most_ma, reason, -1, -1, most_ma)


class Commanded:
    """What is told signed power. It waits for enter service and ramps."""

    def __init__(self, image, device):
        self._image = image
        self._device = device
        self._feed = OwnTrip()
        self._charge = OwnTrip()
        self._legs = 0
        for k in range(im.LEGS):
            if image.site[im.DEVICE_LEG + device * im.LEGS + k] >= 0:
                self._legs += 1

    def active(self):
        return self._feed.active or self._charge.active

    def remember(self, dt_ms, supply):
        image, device = self._image, self._device
        site, readings = image.site, image.readings
        watts = image.commands[im.SETPOINT + device]
        if readings[im.DEVICE_AGE_MS + device] <= _STALE_MS:
            watts = readings[im.DEVICE_W + device]
        volts = site[im.NOMINAL_MV] // 1000 * self._legs
        ma = watts * 1000 // volts
        rating_w = site[im.DEVICE_DISCHARGE_W + device]
        supply.moved(self._feed, dt_ms, im.GRID_OV, -watts, rating_w, 0, -watts * 1000 // volts)
        rating_w = site[im.DEVICE_CHARGE_W + device]
        supply.moved(self._charge, dt_ms, im.GRID_UV, watts, rating_w, 0, ma)

    def claim(self, grid, island):
        limits, device, site = grid.limits, self._device, self._image.site
        charge_w = site[im.DEVICE_CHARGE_W + device]
        discharge_w = site[im.DEVICE_DISCHARGE_W + device]
        forms = device == site[im.ISLAND_DEVICE]
        if forms and (island == im.ISLAND_ISLANDED or island == im.ISLAND_STARTING):
            # The grid's rules bind it again when the switch has closed.
            limits.claim(im.GRID_CODE, device, -discharge_w, charge_w, im.REASON_NONE)
        elif island != im.ISLAND_GRID:
            limits.claim(im.GRID_CODE, device, 0, 0, apart(island))
        elif grid.state == im.GRID_WAITING:
            flapping = grid.supply.pause_ms > site[im.ENTER_DELAY_MS]
            reason = im.REASON_FLAPPING if flapping else im.REASON_GRID_WAIT
            limits.claim(im.GRID_CODE, device, 0, 0, reason, -1, -1, grid.remain_ms())
        elif grid.state != im.GRID_IN_SERVICE:
            limits.claim(im.GRID_CODE, device, 0, 0, im.REASON_GRID_ABNORMAL, -1, -1, ill(grid))
        else:
            share = grid.ramp_permille()
            low_w = discharge_w // 1000 * share + discharge_w % 1000 * share // 1000
            why = im.REASON_GRID_RAMP if share < 1000 else im.REASON_NONE
            if self._feed.most < low_w:
                low_w = self._feed.most
                why = im.REASON_OWN_TRIP
            reason = im.REASON_NONE
            if self._charge.most < charge_w:
                charge_w = self._charge.most
                reason = im.REASON_OWN_TRIP
            limits.claim(im.GRID_CODE, device, -low_w, charge_w, reason, -1, -1, low_w, why)
