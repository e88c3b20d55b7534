# islet: the site's export limit, and who may deliver how much of it.
# GPL-3.0-or-later

from array import array

from firmware import image as im
from firmware.base.viper import const
from firmware.core.panel import export_kernel
from firmware.core.panel import pairing_kernel as pairing
from firmware.core.panel.layout import FRESH, P_HEAD, P_STATE

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
        self.most = array("i", [_WIDEST_W] * im.DEVICES)  # of each device
        self._has_w = array("i", [0] * im.DEVICES)
        self._house_w = 0
        self._known = 0

    def share(self, plan):
        """Once a step, when the panel's shares are known."""
        if self._site[im.EXPORT_LIMIT_W] < 0:
            return
        devices = self._devices
        export_kernel.share(
            devices.rows, devices.order, devices.count, self._readings, self._commands,
            self._has_w, self.most, self._left_w(plan),
        )  # fmt: skip

    def _left_w(self, plan):
        if not plan[P_HEAD + P_STATE] == FRESH:
            self._known = 0
            return 0  # INV-4: sites with an export limit export nothing
        readings = self._readings
        devices = self._devices
        flow_w = readings[im.NODE_W] + readings[im.NODE_W + 1] + readings[im.NODE_W + 2]
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
        floor_mv = nominal_mv * _LOWEST_VOLTAGE_PERMILLE // 1000
        devices = self._devices
        highest_mv = export_kernel.highest(
            devices.rows, devices.order, devices.count, readings, floor_mv
        )
        return highest_mv // 1000 + 1
