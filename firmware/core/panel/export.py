# islet: the site's export limit, and who may deliver how much of it.
# GPL-3.0-or-later

from array import array

from firmware import image as im
from firmware.base.viper import const
from firmware.core.panel import pairing_kernel as pairing
from firmware.core.panel.layout import (
    D_FRESH,
    D_LEG,
    D_LEGS,
    D_OFFERS,
    D_RANK,
    D_ROW,
    D_TAKES,
    D_VOLTS,
    FRESH,
    P_HEAD,
    P_STATE,
)

_STALE_MS = const(2_000)  # INV-4
_LOWEST_VOLTAGE_PERMILLE = const(850)
_HIGHEST_VOLTAGE_PERMILLE = const(1_150)
_WIDEST_W = const(1_000_000)


class Export:
    """W that each device may deliver: what others draw and the limit, less what those before it
    have. A load of islet's own (a car) does not enlarge it."""

    def __init__(self, image, devices):
        self._site = image.site
        self._readings = image.readings
        self._commands = image.commands
        self._devices = devices
        self._most_w = array("i", [_WIDEST_W] * im.DEVICES)
        self._has_w = array("i", [0] * im.DEVICES)
        self._house_w = 0
        self._known = 0

    def most_w(self, device):
        return self._most_w[device]

    def share(self, plan):
        """Once a step, when the panel's shares are known."""
        if self._site[im.EXPORT_LIMIT_W] < 0:
            return
        left_w = self._left_w(plan)
        devices = self._devices
        rows, order = devices.rows, devices.order
        all_w = 0  # what all have: those served so far what they take, if that is more
        for i in range(devices.count):
            device = order[i] // D_ROW
            has_w = self._now_w(device) if not rows[order[i] + D_OFFERS] else 0
            self._has_w[device] = has_w
            all_w += has_w
        served_w = 0
        first = 0
        while first < devices.count:
            end = first + 1
            while end < devices.count and _rank(devices, end) == _rank(devices, first):
                end += 1
            for i in range(first, end):
                has_w = self._has_w[order[i] // D_ROW]
                takes_w = self._part_w(first, end, i, left_w - served_w)
                if takes_w > has_w:
                    self._has_w[order[i] // D_ROW] = takes_w
                    all_w += takes_w - has_w
            for i in range(first, end):
                has_w = self._has_w[order[i] // D_ROW]
                most_w = left_w - all_w + has_w
                self._most_w[order[i] // D_ROW] = most_w if most_w > 0 else 0
                served_w += has_w
            first = end

    def _now_w(self, device):
        """What it delivers, or is told to."""
        has_w = -self._commands[im.SETPOINT + device]
        if self._devices.rows[device * D_ROW + D_FRESH]:
            now_w = -self._readings[im.DEVICE_W + device]
            if now_w > has_w:
                has_w = now_w
        return has_w if has_w > 0 else 0

    def _part_w(self, first, end, one, left_w):
        """What one of a rank takes of what is left: what it wants, or as much as any other."""
        wants_w = self._wants_w(one)
        count = end - first
        less_w = 0
        if left_w <= 0:
            return 0
        if wants_w * count <= left_w:
            return wants_w
        for i in range(first, end):  # who wants less than its part leaves more to the others
            if self._wants_w(i) * (end - first) <= left_w:
                count -= 1
                less_w += self._wants_w(i)
        part_w = (left_w - less_w) // count
        return part_w if part_w < wants_w else wants_w

    def _wants_w(self, i):
        rows = self._devices.rows
        at = self._devices.order[i]
        return rows[at + D_TAKES + 1] * rows[at + D_VOLTS] // 1000 * rows[at + D_LEGS]

    def _left_w(self, plan):
        if not plan[P_HEAD + P_STATE] == FRESH:
            self._known = 0
            return 0  # INV-4: sites with an export limit export nothing
        readings = self._readings
        devices = self._devices
        flow_w = 0
        for leg in range(im.LEGS):
            flow_w += readings[im.NODE_W + leg]
        self._house_w = pairing.house(
            plan, devices.rows, devices.slots, devices.many, devices.head, self._highest_volts(),
            flow_w, self._house_w, self._known,
        )  # fmt: skip
        self._known = 1
        left_w = self._site[im.EXPORT_LIMIT_W] + self._house_w
        return left_w if left_w > 0 else 0

    def _highest_volts(self):
        """V per leg for turning mA of a car into W: the higher, the more of a reading is its."""
        readings = self._readings
        nominal_mv = self._site[im.NOMINAL_MV]
        if readings[im.GRID_AGE_MS] > _STALE_MS:
            return nominal_mv // 1000 * _HIGHEST_VOLTAGE_PERMILLE // 1000
        highest_mv = nominal_mv * _LOWEST_VOLTAGE_PERMILLE // 1000
        devices = self._devices
        rows = devices.rows
        for i in range(devices.count):
            at = devices.order[i]
            if rows[at + D_OFFERS]:
                for k in range(rows[at + D_LEGS]):
                    leg_mv = readings[im.GRID_MV + rows[at + D_LEG + k]]
                    if leg_mv > highest_mv:
                        highest_mv = leg_mv
        return highest_mv // 1000 + 1


def _rank(devices, i):
    return devices.rows[devices.order[i] + D_RANK]
