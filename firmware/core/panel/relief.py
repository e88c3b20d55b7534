# islet: an overload by loads that islet does not command, relieved by whoever's owner lets it.
# GPL-3.0-or-later
#
# No limit forces a discharge: every one leaves zero. This is what an owner allows beforehand, a
# wish as his goal is one (core/limits/arbiter.py makes it the MARKET's claim), so whatever is
# stricter cuts it: ratings, grid code, the panel in the other direction, the export limit, leases,
# the reserve, and what is proved (INV-11, INV-15).

from firmware import image as im
from firmware.base.viper import const
from firmware.core.panel import relief_kernel as kernel
from firmware.core.panel.layout import (
    D_CREDIT,
    D_LEG,
    D_LEGS,
    D_OFFERS,
    D_RELIEF,
    D_RELIEF_MS,
    D_ROW,
    END_LEG,
    END_NODE,
    H_ROW,
)

_STALE_MS = const(2_000)
_MARGIN_MA = const(100)  # and 1/32: what devices deliver less than they are told
_WIDEST_W = const(1_000_000)


class Relief:
    """RELIEF_* of the devices whose owners let them."""

    def __init__(self, image, devices):
        self._site = image.site
        self._readings = image.readings
        self._commands = image.commands
        self._devices = devices
        self.may = 0  # bits of them

    def declare(self):
        site = self._site
        devices = self._devices
        self.may = 0
        for i in range(devices.count):
            at = devices.order[i]
            device = at // D_ROW
            if site[im.DEVICE_RELIEVES + device] and site[im.DEVICE_MAY_DISCHARGE + device]:
                if not devices.rows[at + D_OFFERS]:
                    self.may |= 1 << device

    def step(self, plan, dt_ms):
        """Once a step, when it is known what others draw."""
        devices = self._devices
        rows = devices.rows
        commands = self._commands
        tied = commands[im.ISLAND_STATE] == im.ISLAND_GRID
        if tied:
            slot = devices.head * devices.many * H_ROW
            kernel.relieve(
                plan, rows, devices.slots, slot, devices.order, devices.count, self.may, commands,
                dt_ms,
            )  # fmt: skip
        for i in range(devices.count):
            at = devices.order[i]
            device = at // D_ROW
            if self.may >> device & 1:
                if not tied:
                    rows[at + D_RELIEF] = rows[at + D_RELIEF_MS] = rows[at + D_CREDIT] = 0
                relief_ma = rows[at + D_RELIEF]
                commands[im.RELIEF_W + device] = self._watts(at, relief_ma)
                commands[im.RELIEF_NODE + device] = (
                    rows[at + D_RELIEF + END_NODE] if relief_ma else -1
                )
                commands[im.RELIEF_LEG + device] = (
                    rows[at + D_RELIEF + END_LEG] if relief_ma else -1
                )

    def _watts(self, at, ma):
        """The higher the voltage, the more W make a given current."""
        if ma == 0:
            return 0
        rows = self._devices.rows
        readings = self._readings
        highest_mv = self._site[im.NOMINAL_MV]
        if readings[im.GRID_AGE_MS] <= _STALE_MS:
            for k in range(rows[at + D_LEGS]):
                leg_mv = readings[im.GRID_MV + rows[at + D_LEG + k]]
                if leg_mv > highest_mv:
                    highest_mv = leg_mv
        ma += (ma >> 5) + _MARGIN_MA
        watts = ma * (highest_mv // 1000) // 1000 * rows[at + D_LEGS]
        return watts if watts < _WIDEST_W else _WIDEST_W
