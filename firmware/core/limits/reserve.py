# islet: the owner's reserve of energy, per device that stores it (INV-11).
# GPL-3.0-or-later

from firmware import image as im
from firmware.base.viper import const
from firmware.core.limits.clear_kernel import SOC_STALE_MS, charged

_SOC_JUMP_PERMILLE = const(100)  # no battery moves so far between two readings
_SOC_DOUBT_MS = const(60_000)
_RESERVE_GAP_PERMILLE = const(10)  # above the reserve before discharge begins again
_WIDEST = const(2_000_000)


class Reserve:
    """INV-11: no discharge at or below the owner's reserve, or when the charge is not known."""

    def __init__(self, image, device):
        self._image = image
        self._device = device
        self._reached = True
        self._last = im.UNKNOWN
        self._doubt_ms = 0
        self._low = 1  # as said last: nothing yet
        self._bound = im.UNKNOWN

    def claim(self, dt_ms, limits):
        image = self._image
        if self._last >= 0 and not self._doubt_ms:
            if charged(
                image.readings, image.requests, image.commands, self._device, self._last,
                self._bound,
            ):  # fmt: skip
                return  # as said last
        soc = self._plausible(dt_ms)
        reserve = im.UNKNOWN if soc < 0 else self._reserve()
        low = 0 if soc < 0 else self._lowest(soc, reserve)
        if soc < 0:
            self._reached = True
        if low == self._low and reserve == self._bound:
            return  # a claim stays where it is
        self._low = low
        self._bound = reserve
        if soc < 0:
            limits.claim(im.RESERVE, self._device, 0, _WIDEST, im.REASON_SOC_UNKNOWN)
        else:
            limits.claim(
                im.RESERVE, self._device, low, _WIDEST, im.REASON_RESERVE, -1, -1, reserve
            )

    def _reserve(self):
        """The one that holds now, permille."""
        image = self._image
        state = image.commands[im.ISLAND_STATE]
        outage = state == im.ISLAND_ISLANDED or state == im.ISLAND_STARTING
        return image.requests[im.OUTAGE_RESERVE_PERMILLE if outage else im.RESERVE_PERMILLE]

    def _lowest(self, soc, reserve):
        """How far the reserve lets it discharge, W."""
        if soc <= reserve:
            self._reached = True
        elif soc >= reserve + _RESERVE_GAP_PERMILLE or soc == 1000:
            self._reached = False
        return 0 if self._reached else -_WIDEST

    def _plausible(self, dt_ms):
        """SoC in permille, or -1: unknown, old, or jumped while the same car was connected."""
        readings, device = self._image.readings, self._device
        soc = readings[im.DEVICE_SOC_PERMILLE + device]
        if soc < 0 or soc > 1000 or readings[im.DEVICE_SOC_AGE_MS + device] > SOC_STALE_MS:
            self._last = im.UNKNOWN
            return im.UNKNOWN
        if not readings[im.DEVICE_PLUGGED + device]:
            self._last = soc
            self._doubt_ms = 0
            return soc
        doubt_ms = self._doubt_ms - dt_ms
        moved = soc - self._last
        if self._last >= 0 and not -_SOC_JUMP_PERMILLE <= moved <= _SOC_JUMP_PERMILLE:
            doubt_ms = _SOC_DOUBT_MS
        self._doubt_ms = doubt_ms if doubt_ms > 0 else 0
        self._last = soc
        return soc if doubt_ms <= 0 else im.UNKNOWN
