# islet: the site's one power balance: what the house draws by itself, what each device does.
# GPL-3.0-or-later
#
# By the circuit tree: what the service's instrument reads, less what each device of islet's draws.
# A gateway behind a contactor is one wire and counts once, by what it reports of itself; the
# point's transformers in the same wire are its witness and no draw of their own. A source counts
# to the house: what it leaves over is what there is to share.
#
# The meter is 1 to 2 s old and a converter answers late, so the difference is followed with a gain
# of 1/3 a second: the loop then settles for any delay below 4 s (tests_host/policy).

from firmware import image as im

try:
    from micropython import const
except ImportError:
    from firmware.base.viper import const

_STALE_MS = const(2_000)  # as INV-4
_GAIN = const(3)  # a third of the difference per second
WANTS = (im.KIND_POINT, im.KIND_CHARGER, im.KIND_CONVERTER)  # what islet asks for something


def legs_of(site, device):
    """The site's legs of a device, in the order of its own."""
    at = im.DEVICE_LEG + device * im.LEGS
    return tuple([site[at + k] for k in range(im.LEGS) if site[at + k] >= 0])


def takes_offer(site, device):
    """It is told mA per leg, and not W."""
    kind = site[im.DEVICE_KIND + device]
    return kind == im.KIND_POINT or kind == im.KIND_CHARGER


class Balance:
    """house_w: what the house draws without islet's devices, followed; None where nobody knows.
    legs: of each of those, by its row."""

    def __init__(self, image):
        self._image = image
        site = image.site
        self.house_w = None
        self.legs = {
            device: legs_of(site, device)
            for device in range(im.DEVICES)
            if site[im.DEVICE_KIND + device] in WANTS and site[im.DEVICE_NODE + device] >= 0
        }

    def has_sources(self):
        """Something on the site gives power, and house_w is less that."""
        site = self._image.site
        for device in range(im.DEVICES):
            if site[im.DEVICE_KIND + device] == im.KIND_SOURCE:
                return True
        for node in range(site[im.NODE_COUNT]):
            if site[im.NODE_SOURCE_MA + node]:
                return True
        return False

    def step(self):
        """Follow what the house draws by itself."""
        site, readings = self._image.site, self._image.readings
        if readings[im.NODE_AGE_MS] > _STALE_MS:
            self.house_w = None
            return
        house_w = 0
        for leg in range(site[im.LEG_COUNT]):
            house_w += readings[im.NODE_W + leg]
        for device in self.legs:
            draw_w = self.draw_w(device)
            if draw_w is None:
                self.house_w = None
                return
            house_w -= draw_w
        if self.house_w is None:
            self.house_w = house_w
        else:
            self.house_w += _towards_zero(house_w - self.house_w, _GAIN)

    def draw_w(self, device):
        """What a device draws, negative what it delivers; None where nobody knows."""
        site, readings = self._image.site, self._image.readings
        if readings[im.DEVICE_AGE_MS + device] > _STALE_MS:
            return None
        if not takes_offer(site, device):
            return readings[im.DEVICE_W + device]
        ma = 0
        for k in range(len(self.legs[device])):
            ma += readings[im.DEVICE_MA + device * im.LEGS + k]
        return ma * (site[im.NOMINAL_MV] // 1000) // 1000


def _towards_zero(value, divisor):
    """Division that rounds towards zero, but moves by 1 at least."""
    step = abs(value) // divisor or (1 if value else 0)
    return step if value >= 0 else -step
