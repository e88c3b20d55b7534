# islet: what the rows of a site are called, and which of them are there.
# GPL-3.0-or-later

from firmware import image as im

# what may be named in a command, a word of its table
DEVICE, DEVICES, POINT, NODE = "device", "device or all", "point", "node"


def takes_offer(site, device):
    """Its claims are mA per leg; those of all other kinds are W."""
    return site[im.DEVICE_KIND + device] in (im.KIND_POINT, im.KIND_CHARGER)


def least_offer(site, device):
    """mA; IEC 61851-1 has none below 6 A."""
    return max(site[im.DEVICE_LEAST + device], 6_000)


def legs_of(site, device):
    """(k, leg of the site) of each of its legs."""
    first = im.DEVICE_LEG + device * im.LEGS
    return [(k, site[first + k]) for k in range(im.LEGS) if site[first + k] >= 0]


def plain(name):
    """What stands for a name in a topic: letters of ASCII, digits, - and _ alone."""
    kept = [c if ord(c) < 128 and (c.isalpha() or c.isdigit() or c in "-_") else "_" for c in name]
    return "".join(kept)


class Names:
    """Names of `nodes`, `devices` and `points` by row, as configured: None where a row is unused,
    its number where it has none."""

    def __init__(self, site, nodes=(), devices=(), points=()):
        self.site = site
        self._nodes = nodes
        self._devices = devices
        self._points = points

    def node(self, row):
        return _name(self._nodes, row, NODE)

    def device(self, row):
        return _name(self._devices, row, DEVICE)

    def point(self, row):
        return _name(self._points, row, POINT)

    def devices(self):
        """Rows of the devices that the site has."""
        site = self.site
        return [
            d
            for d in range(im.DEVICES)
            if site[im.DEVICE_KIND + d] != im.KIND_NONE and site[im.DEVICE_NODE + d] >= 0
        ]

    def points(self):
        """Rows of the points that the site has."""
        return [p for p in range(im.POINTS) if self.site[im.POINT_DEVICE + p] >= 0]

    def subject(self, device):
        """How a sentence about a device begins: the car or the battery, where there is one."""
        behind = self.site[im.DEVICE_BEHIND + device]
        alike = [d for d in self.devices() if self.site[im.DEVICE_BEHIND + d] & behind]
        if len(alike) == 1 and behind in (im.BEHIND_CAR, im.BEHIND_BATTERY):
            return "The car" if behind == im.BEHIND_CAR else "The battery"
        return self.device(device)

    def all_of(self, what):
        """Names that a command may give for DEVICE, DEVICES, POINT or NODE, by their rows."""
        if what == NODE:
            return {self.node(n): n for n in range(self.site[im.NODE_COUNT])}
        if what == POINT:
            return {self.point(p): p for p in self.points()}
        return {self.device(d): d for d in self.devices()}


def _name(names, row, what):
    name = names[row] if 0 <= row < len(names) else None
    return "{} {}".format(what, row) if name is None else name
