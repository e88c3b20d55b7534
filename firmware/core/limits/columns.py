# islet: what the limits ask of a device's columns.
# GPL-3.0-or-later

from firmware import image as im


def kind(site, device):
    """KIND_*; none where it has no node."""
    if site[im.DEVICE_NODE + device] < 0:
        return im.KIND_NONE
    return site[im.DEVICE_KIND + device]


def offered(site, device):
    """Whether it takes an offer, in mA per leg; else a power, in W."""
    its = kind(site, device)
    return its == im.KIND_POINT or its == im.KIND_CHARGER


def point(site, device):
    """The point whose contactor lies in its circuit, -1 none."""
    return site[im.DEVICE_CONTACTOR + device]


def may_deliver(site, device):
    return site[im.DEVICE_MAY_DISCHARGE + device] == 1


def stores(site, device):
    """Whether a battery may be behind it, a car's or the house's."""
    return kind(site, device) == im.KIND_CONVERTER


def legs(site, device):
    """How many it uses."""
    return site[im.DEVICE_LEGS + device]


def rating_w(site, device):
    """The larger of both directions."""
    charge_w, discharge_w = (
        site[im.DEVICE_CHARGE_W + device],
        site[im.DEVICE_DISCHARGE_W + device],
    )
    return charge_w if charge_w > discharge_w else discharge_w
