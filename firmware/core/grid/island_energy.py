# islet: what an island can live on: the state of charge it may believe, and room for the loads.
# GPL-3.0-or-later

from firmware import image as im
from firmware.base.viper import const

_SOC_STALE_MS = const(120_000)  # INV-11
_STEP_PERMILLE = const(10)  # what a battery may move, or a coarse display step, between readings
_DOUBT_MS = const(30_000)  # a jump counts after it has stood for so long

_FRESH_MS = const(2_000)
_DECAY = const(6)  # the demand remembered falls by 1/64 each half second: half in 22 s
_AGAIN_MS = const(60_000)  # loads that were too much wait so long, then twice as long each time
_LONGEST_MS = const(3_600_000)


class Charge:
    """`permille` is what may be believed: a jump changes nothing before it has been confirmed, in
    either direction; the last good value counts meanwhile, for as long as INV-11 lets it."""

    def __init__(self, image):
        self._site = image.site
        self._readings = image.readings
        self.permille = im.UNKNOWN
        self.doubted = im.UNKNOWN
        self.doubt_ms = 0
        self.blind_ms = 0

    def step(self, dt_ms):
        device = self._site[im.ISLAND_DEVICE]
        readings = self._readings
        soc = readings[im.DEVICE_SOC_PERMILLE + device]
        if not 0 <= soc <= 1000 or readings[im.DEVICE_SOC_AGE_MS + device] > _SOC_STALE_MS:
            self.blind_ms += dt_ms
            if (
                self.blind_ms > _SOC_STALE_MS
                or readings[im.DEVICE_SOC_AGE_MS + device] > _SOC_STALE_MS
            ):
                self.permille = im.UNKNOWN
                self.blind_ms = _SOC_STALE_MS
            return
        self.blind_ms = 0
        near = -_STEP_PERMILLE <= soc - self.permille <= _STEP_PERMILLE
        if near or self.permille < 0 or not readings[im.DEVICE_PLUGGED + device]:
            self.permille = soc
            self.doubted = im.UNKNOWN
        elif not -_STEP_PERMILLE <= soc - self.doubted <= _STEP_PERMILLE or self.doubted < 0:
            self.doubted = soc
            self.doubt_ms = 0
        else:
            self.doubt_ms += dt_ms
            if self.doubt_ms >= _DOUBT_MS:
                self.permille = soc
                self.doubted = im.UNKNOWN


class Loads:
    """Room for the sheddable loads. The house's demand is remembered from the grid; what of it is
    missing in the island is what would come back. An inverter carries its share on each leg, hence
    even powers: of the worst leg times the legs, where that is more."""

    def __init__(self, image):
        self._site = image.site
        self._readings = image.readings
        self.demand_w = 0  # of the whole house while on the grid, its peaks fading
        self.known = False
        self.excess_w = 0  # learned when they had to go again
        self.without_w = 0  # delivered before they came back
        self.wait_ms = 0
        self._next_ms = _AGAIN_MS

    def on_grid(self):
        """Remember the demand; the meter's and the inverter's samples are of about one moment."""
        readings = self._readings
        site = self._site
        device = site[im.ISLAND_DEVICE]
        if site[im.NODE_INSTRUMENT] == im.INSTRUMENT_NONE or readings[im.NODE_AGE_MS] > _FRESH_MS:
            return
        if readings[im.DEVICE_AGE_MS + device] > _FRESH_MS or readings[im.GRID_AGE_MS] > _FRESH_MS:
            return
        watts = fed_w = -readings[im.DEVICE_W + device]
        legs = site[im.LEG_COUNT]
        worst_w = readings[im.NODE_W]
        for leg in range(legs):
            leg_w = readings[im.NODE_W + leg]
            watts += leg_w
            if leg_w > worst_w:
                worst_w = leg_w
        even_w = worst_w * legs + fed_w
        if watts < even_w:
            watts = even_w
        faded_w = self.demand_w - (self.demand_w >> _DECAY)
        self.demand_w = watts if watts > faded_w else faded_w
        self.known = True
        self.excess_w = 0
        self.wait_ms = 0
        self._next_ms = _AGAIN_MS

    def room(self, dt_ms, most_w, watts):
        """Whether they may come back into an island that now delivers `watts`."""
        wait_ms = self.wait_ms - dt_ms
        self.wait_ms = wait_ms if wait_ms > 0 else 0
        if self._site[im.SHED_NEEDED] or self.wait_ms:
            return False
        self.without_w = watts
        if most_w <= 0:
            return True  # nothing declared to compare with
        if self._readings[im.DEVICE_AGE_MS + self._site[im.ISLAND_DEVICE]] > _FRESH_MS:
            return False
        if not self.known:
            return 2 * watts <= most_w
        missing_w = self.demand_w - watts
        if missing_w < self.excess_w:
            missing_w = self.excess_w
        if missing_w < 0:
            missing_w = 0
        return watts + missing_w <= most_w - most_w // 20

    def went(self, watts):
        """They had to go: what they drew is known now, and the next try waits longer."""
        self.excess_w = watts - self.without_w
        self.wait_ms = self._next_ms
        next_ms = 2 * self._next_ms
        self._next_ms = next_ms if next_ms < _LONGEST_MS else _LONGEST_MS

    def heavy(self, most_w):
        """With them the house drew more than the island carries."""
        return self.known and self.demand_w > most_w > 0

    def stayed(self, watts, most_w):
        """Told to go before the start, and yet the house draws about what it drew with them."""
        return self.heavy(most_w) and watts * 10 >= self.demand_w * 8
