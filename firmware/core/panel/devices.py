# islet: the devices that islet commands, a row each, and what they drew of late.
# GPL-3.0-or-later

from array import array

from firmware import image as im
from firmware.base.noughts import noughts
from firmware.base.viper import const
from firmware.core.panel import device_kernel as kernel
from firmware.core.panel.layout import (
    D_FEED_MA,
    D_FELL,
    D_HIGH_MA,
    D_HIGH_W,
    D_LEAST_MA,
    D_LEG,
    D_LEGS,
    D_LOW_MA,
    D_LOW_W,
    D_NODE,
    D_OFFERS,
    D_RANK,
    D_ROW,
    D_SETTLES_MS,
    D_STALE_MS,
    D_STIRS_MS,
    D_SURE,
    H_ROW,
    RING,
)
from firmware.core.vehicle.pilot import LEAST_MA

_OWN_STALE_MS = const(500)  # of this board's transformers
_STALE_MS = const(2_000)  # INV-4
_WORST_AGE_MS = const(2_000)  # INV-4
_REVERT_MS = const(10_000)  # longest time-out in the device that islet may rely on


class Devices:
    """`rows`, as many as `many`, and `slots`: a ring of moments; each step writes one. `order`:
    where the rows of those that the site has begin, by rank and within a rank as they are
    configured."""

    def __init__(self, image):
        self._image = image
        self.many = 0  # up to the last that the site has: 1 kB of the ring each
        self._room()
        self.count = 0  # in `order`
        self.head = 0
        self.sure = True  # every one that delivers gives up by itself

    def _room(self):
        """For what the site has now."""
        kinds = self._image.site
        many = im.DEVICES
        while many > 1 and not kinds[im.DEVICE_KIND + many - 1]:
            many -= 1
        if many != self.many:
            self.many = many
            self.rows = noughts(many * D_ROW)
            self.slots = noughts(RING * many * H_ROW)
            self.order = array("i", [0] * many)

    def declare(self):
        """Read the site."""
        self._room()
        site = self._image.site
        rows = self.rows
        self.count = 0
        for device in range(self.many):
            at = device * D_ROW
            kind = site[im.DEVICE_KIND + device]
            rows[at + D_NODE] = site[im.DEVICE_NODE + device] if kind else -1
            if rows[at + D_NODE] < 0:
                continue
            offers = kind == im.KIND_POINT or kind == im.KIND_CHARGER
            rows[at + D_OFFERS] = 1 if offers else 0
            rows[at + D_STALE_MS] = _OWN_STALE_MS if kind == im.KIND_POINT else _STALE_MS
            rows[at + D_SETTLES_MS] = site[im.DEVICE_RESPONSE_MS + device] + _WORST_AGE_MS
            rows[at + D_SURE] = 1 if 0 < site[im.DEVICE_REVERT_MS + device] <= _REVERT_MS else 0
            rows[at + D_RANK] = site[im.DEVICE_RANK + device]
            rows[at + D_FELL + 1] = rows[at + D_FELL + 3] = rows[at + D_STIRS_MS] = -1
            self._legs(site, device, at)
            if offers:
                rows[at + D_LEAST_MA] = max(LEAST_MA, site[im.DEVICE_LEAST + device])
                rows[at + D_HIGH_MA] = site[im.DEVICE_MAX_MA + device]
            else:
                self._powers(site, device, at)
                if not rows[at + D_SURE]:
                    self.sure = False
            self._queue(at)

    def _queue(self, at):
        """Into `order`, behind all of its rank."""
        order = self.order
        i = self.count
        while i > 0 and self.rows[order[i - 1] + D_RANK] > self.rows[at + D_RANK]:
            order[i] = order[i - 1]
            i -= 1
        order[i] = at
        self.count += 1

    def _legs(self, site, device, at):
        rows = self.rows
        legs = 0
        for k in range(im.LEGS):
            leg = site[im.DEVICE_LEG + device * im.LEGS + k]
            if leg >= 0:
                rows[at + D_LEG + legs] = leg
                legs += 1
        rows[at + D_LEGS] = legs

    def _powers(self, site, device, at):
        rows = self.rows
        legs = rows[at + D_LEGS]
        volts = site[im.NOMINAL_MV] // 1000
        rows[at + D_LOW_W] = -site[im.DEVICE_DISCHARGE_W + device]
        rows[at + D_HIGH_W] = site[im.DEVICE_CHARGE_W + device]
        rows[at + D_LOW_MA] = rows[at + D_LOW_W] // legs * 1000 // volts
        rows[at + D_HIGH_MA] = rows[at + D_HIGH_W] // legs * 1000 // volts
        rows[at + D_FEED_MA] = -rows[at + D_LOW_MA]
        rows[at + D_LEAST_MA] = site[im.DEVICE_LEAST + device] // legs * 1000 // volts

    def push(self, plan, dt_ms):
        """What each did in this step; P_FRESH_BITS and P_WORST_BITS of the plan."""
        self.head = (self.head + 1) & (RING - 1)
        kernel.push(
            plan, self.rows, self.many, self.slots, self.head, self._image.readings,
            self._image.commands, dt_ms,
        )  # fmt: skip
