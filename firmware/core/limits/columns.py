# islet: what the limits ask of a device's columns.
# GPL-3.0-or-later
#
# Where nobody has filled DEVICE_KIND yet, a site has its point in the first row and its converter
# in the second, and TOPOLOGY says the rest; this goes with TOPOLOGY.

from firmware import image as im
from firmware.base.viper import const

_GATEWAY, _CARS_INVERTER = const(2), const(3)  # T2, T3


def kind(site, device):
    """KIND_*; none where it has no node."""
    if site[im.DEVICE_NODE + device] < 0:
        return im.KIND_NONE
    if _filled(site):
        return site[im.DEVICE_KIND + device]
    if device == 0:
        return im.KIND_NONE if site[im.TOPOLOGY] == _GATEWAY else im.KIND_POINT
    return im.KIND_CONVERTER if device == 1 else im.KIND_NONE


def offered(site, device):
    """Whether it takes an offer, in mA per leg; else a power, in W."""
    its = kind(site, device)
    return its == im.KIND_POINT or its == im.KIND_CHARGER


def point(site, device):
    """The point whose contactor lies in its circuit, -1 none."""
    if _filled(site):
        return site[im.DEVICE_CONTACTOR + device]
    if kind(site, device) == im.KIND_POINT:
        return 0
    isolated = site[im.TOPOLOGY] == _GATEWAY and site[im.DEVICE_NODE] >= 0
    return 0 if isolated and kind(site, device) == im.KIND_CONVERTER else -1


def may_deliver(site, device):
    if _filled(site):
        return site[im.DEVICE_MAY_DISCHARGE + device] == 1
    return site[im.TOPOLOGY] != _CARS_INVERTER


def stores(site, device):
    """Whether a battery may be behind it, a car's or the house's."""
    return kind(site, device) == im.KIND_CONVERTER


def legs(site, device):
    """How many it uses."""
    count = 0
    for k in range(im.LEGS):
        if site[im.DEVICE_LEG + device * im.LEGS + k] >= 0:
            count += 1
    return count if count else site[im.DEVICE_LEGS + device]


def rating_w(site, device):
    """The larger of both directions."""
    charge_w, discharge_w = (
        site[im.DEVICE_CHARGE_W + device],
        site[im.DEVICE_DISCHARGE_W + device],
    )
    return charge_w if charge_w > discharge_w else discharge_w


def _filled(site):
    for device in range(im.DEVICES):
        if site[im.DEVICE_KIND + device]:
            return True
    return False
