# islet: what the owner wants: sun, self-consumption, charge, hold, discharge.
# GPL-3.0-or-later
#
# Once a second it turns a goal and the readings into a wish per device: a range that expires after
# 5 s, which the arbiter then cuts to what is allowed. It cannot endanger anything: a policy that
# stops speaks no more, and the devices stand still. It knows the reserve only to be polite.
#
# The meter is 1 to 2 s old and the inverter answers late, so what the house draws by itself
# (meter - inverter - car) is followed with a gain of 1/3 a second: the loop then settles for any
# delay below 4 s (tests_host/policy).

from firmware import image as im

try:
    from micropython import const
except ImportError:
    from firmware.base.viper import const

_TTL_MS = const(5_000)
_GATEWAY = const(2)  # T2
_STALE_MS = const(2_000)  # as INV-4
_SOC_STALE_MS = const(120_000)  # as INV-11
_MINIMUM_MA = const(6_000)  # IEC 61851-1: no offer below 6 A
_START_MS = const(60_000)  # enough sun for so long before the car starts
_STOP_MS = const(180_000)  # too little for so long before it stops: relays and cars wear
_GAIN = const(3)  # a third of the difference per second
_AUTHORISED_MS = const(300_000)  # a user is authorised for so long without a car
_RESERVE_BAND_PERMILLE = const(20)  # discharge again when so far above the reserve

# goal: needs the meter, what the car may take, what the battery does, meaning
GOALS = (
    ("hold", False, "none", "still", "car and battery stand still"),
    ("charge", False, "full", "charge", "car at owner.charge_a, battery at owner.charge_w"),
    ("solar", True, "surplus", "surplus", "surplus to the car from 6 A, the rest to the battery"),
    ("self", True, "full", "balance", "battery covers the house, not the car; no export"),
    ("discharge", False, "none", "discharge", "battery at owner.discharge_w; car stands still"),
)


def documentation():
    """The goals as Markdown lines."""
    yield "| goal | needs the house meter | car | battery | meaning |"
    yield "|---|---|---|---|---|"
    for name, meter, car, battery, text in GOALS:
        yield "| {} | {} | {} | {} | {} |".format(
            name, "yes" if meter else "no", car, battery, text
        )


class Policy:
    """Speaks for the owner by MARKET_* requests.

    settings: "owner.goal", "owner.charge_a", "owner.charge_w", "owner.discharge_w" by path.
    """

    def __init__(self, image, settings):
        self.image = image
        self.charge_ma = int(settings["owner.charge_a"] * 1000)
        self.charge_w = int(settings["owner.charge_w"])
        self.discharge_w = int(settings["owner.discharge_w"])
        self.wish: list = [None] * im.DEVICES  # [value, ms left, only takes away] set by hand
        self.house_w = None  # what the house draws without car and battery, followed
        self.car_on = False
        self._car_ms = 0
        self._low_soc = False
        self._session = False  # a car has been seen since the user was authorised
        self._authorised_ms = 0  # without a car
        self._configured = settings["owner.goal"]
        self.set_goal(self._configured)

    # --- what a person sets ----------------------------------------------------------------

    def set_goal(self, name):
        """Follow another goal; wishes set by hand end."""
        for row in GOALS:
            if row[0] == name:
                self.goal = row
                self.wish = [None] * im.DEVICES
                return
        raise ValueError("goal: {} is not one of {}".format(name, ", ".join(r[0] for r in GOALS)))

    def set_wish(self, device, value, ttl_ms, less=False):
        """Override the goal for one device (mA or W) until ttl_ms have passed. With `less` it only
        takes away from the goal: what is left of a wish after a reset (INV-8)."""
        self.wish[device] = [value, ttl_ms, less]

    # --- what outlives a reset (ledger/keep.py) ----------------------------------------------

    def goal_numbers(self):
        """The goal followed and the configured one, by their rows in GOALS."""
        names = [row[0] for row in GOALS]
        return names.index(self.goal[0]), names.index(self._configured)

    def restore_goal(self, chosen, configured):
        """The goal a person chose before the reset, unless the configuration is another since."""
        if configured == self.goal_numbers()[1] and chosen < len(GOALS):
            self.set_goal(GOALS[chosen][0])

    def start_still(self):
        """Nobody knows what the owner wanted."""
        self.set_goal("hold")

    def state(self):
        """For the published state."""
        return {
            "goal": self.goal[0],
            "text": self.goal[4],
            "house_w": self.house_w,
            "wishes": {
                im.DEVICE_NAMES[device]: {
                    "value": wish[0],
                    "left_s": wish[1] // 1000,
                    "only_takes_away": wish[2],
                }
                for device, wish in enumerate(self.wish)
                if wish
            },
        }

    # --- every second -----------------------------------------------------------------------

    def step(self, dt_ms):
        """Renew the wishes, or withdraw them where they cannot be known."""
        self._expire(dt_ms)
        self._expire_authorisation(dt_ms)
        grid = self.image.commands[im.ISLAND_STATE] == im.ISLAND_GRID
        metered = grid and self._measure()
        if not metered:
            self.house_w = None
        for device, node in (
            (im.EVSE, im.DEVICE_NODE + im.EVSE),
            (im.INVERTER, im.DEVICE_NODE + im.INVERTER),
        ):
            if self.image.site[node] < 0:
                continue
            value = None
            if grid:
                value = self._car_ma(dt_ms) if device == im.EVSE else self._battery_w()
            self._say(device, value)

    def _expire(self, dt_ms):
        for device, wish in enumerate(self.wish):
            if wish:
                wish[1] -= dt_ms
                if wish[1] <= 0:
                    self.wish[device] = None

    def _expire_authorisation(self, dt_ms):
        """INV-8: it is for one connection, and ends with it, however short the car was away;
        unused it lapses."""
        image = self.image
        requests, commands = image.requests, image.commands
        ended = requests[im.POINT_AUTHORISED_FOR] != commands[im.POINT_UNPLUGS]
        if not requests[im.POINT_AUTHORISED] or self._plugged():
            self._session = self._session or commands[im.POINT_PILOT_STATE] != im.PILOT_UNKNOWN
            self._authorised_ms = 0
        else:
            self._authorised_ms += dt_ms
            ended = ended or self._session
        if ended or self._authorised_ms > _AUTHORISED_MS:
            requests[im.POINT_AUTHORISED] = 0
        if not requests[im.POINT_AUTHORISED]:
            self._session = False

    def _plugged(self):
        """A car is there, or nobody knows."""
        image = self.image
        if image.site[im.TOPOLOGY] == _GATEWAY:
            silent = image.readings[im.DEVICE_AGE_MS + im.INVERTER] > _STALE_MS
            return silent or image.readings[im.DEVICE_PLUGGED + im.INVERTER] == 1
        return image.commands[im.POINT_PILOT_STATE] != im.PILOT_A

    def _say(self, device, value):
        """A wish for exactly `value` W, or for up to `value` mA; None withdraws it."""
        requests = self.image.requests
        requests[im.MARKET_HIGH + device] = value or 0
        requests[im.MARKET_LOW + device] = 0 if device == im.EVSE else value or 0
        requests[im.MARKET_TTL_MS + device] = 0 if value is None else _TTL_MS
        seq = requests[im.MARKET_SEQ + device]
        requests[im.MARKET_SEQ + device] = seq + 1 if seq < im.AGE_MAX_MS else 0

    def _measure(self):
        """Follow what the house draws by itself; False if the meter cannot tell."""
        site, readings = self.image.site, self.image.readings
        if readings[im.NODE_AGE_MS] > _STALE_MS:
            return False
        if (
            site[im.DEVICE_NODE + im.INVERTER] >= 0
            and readings[im.DEVICE_AGE_MS + im.INVERTER] > _STALE_MS
        ):
            return False
        house_w = sum(readings[im.NODE_W + leg] for leg in range(site[im.LEG_COUNT]))
        if site[im.DEVICE_NODE + im.INVERTER] >= 0:
            house_w -= readings[im.DEVICE_W + im.INVERTER]
        house_w -= self._car_w()
        if self.house_w is None:
            self.house_w = house_w
        else:
            self.house_w += _towards_zero(house_w - self.house_w, _GAIN)
        return True

    def _car_w(self):
        site, readings = self.image.site, self.image.readings
        if site[im.DEVICE_NODE + im.EVSE] < 0:
            return 0
        ma = sum(
            readings[im.DEVICE_MA + im.EVSE * im.LEGS + leg]
            for leg in range(site[im.DEVICE_LEGS + im.EVSE])
        )
        return ma * (site[im.NOMINAL_MV] // 1000) // 1000

    # --- the car ------------------------------------------------------------------------------

    def _car_ma(self, dt_ms):
        wish = self.wish[im.EVSE]
        if wish and not wish[2]:
            return wish[0]
        goal_ma = self._goal_ma(dt_ms)
        return goal_ma if goal_ma is None or not wish else min(goal_ma, wish[0])

    def _goal_ma(self, dt_ms):
        """Most for the car by the goal, mA; None if it cannot be known."""
        what = self.goal[2]
        if what == "none":
            return 0
        most_ma = min(self.charge_ma, self.image.site[im.DEVICE_MAX_MA + im.EVSE])
        if what == "full":
            return most_ma
        if self.house_w is None:
            self.car_on = False
            return None
        return self._sun_ma(most_ma, dt_ms)

    def _sun_ma(self, most_ma, dt_ms):
        """Surplus in mA per leg; starts after a minute of enough, stops after three of less."""
        site = self.image.site
        volts = site[im.NOMINAL_MV] // 1000 * site[im.DEVICE_LEGS + im.EVSE]
        sun_ma = max(-self.house_w, 0) * 1000 // volts
        if (sun_ma >= _MINIMUM_MA) == self.car_on:
            self._car_ms = 0
        else:
            self._car_ms += dt_ms
            if self._car_ms >= (_STOP_MS if self.car_on else _START_MS):
                self.car_on = not self.car_on
                self._car_ms = 0
        if not self.car_on:
            return 0
        return min(max(sun_ma, _MINIMUM_MA), most_ma)

    # --- the battery ----------------------------------------------------------------------------

    def _battery_w(self):
        site = self.image.site
        watts = self._goal_w()
        peak_w = self._peak_w()
        if peak_w and (watts is None or watts > -peak_w):
            watts = -peak_w
        if watts is None:
            return None
        watts = max(
            min(watts, site[im.DEVICE_CHARGE_W + im.INVERTER]),
            -site[im.DEVICE_DISCHARGE_W + im.INVERTER],
        )
        return 0 if watts < 0 and self._at_reserve() else watts

    def _goal_w(self):
        """The battery's power by wish or goal, W; None if it cannot be known."""
        wish = self.wish[im.INVERTER]
        if wish and not wish[2]:
            return wish[0]
        goal_w = self._own_w()
        if goal_w is None or not wish:
            return goal_w
        return max(min(goal_w, max(wish[0], 0)), min(wish[0], 0))

    def _own_w(self):
        """The battery's power by the goal alone."""
        _, needs_meter, _, what, _ = self.goal
        if needs_meter and self.house_w is None:
            return None
        if what == "charge":
            return self.charge_w
        if what == "discharge":
            return -self.discharge_w
        if what == "balance":
            return -self.house_w
        if what == "surplus":
            return max(0, -self.house_w - self._car_w())
        return 0

    def _peak_w(self):
        """What the battery must deliver for the service to hold its rating, W.

        Only for the house's own load: the panel takes the car back first, so it is left out.
        """
        if self.house_w is None:
            return 0
        site, readings = self.image.site, self.image.readings
        limit_ma = site[im.NODE_RATING_MA] * site[im.NODE_CONTINUOUS_PERMILLE] // 1000
        over_ma = 0
        for leg in range(min(site[im.DEVICE_LEGS + im.INVERTER], im.LEGS)):
            own_ma = (
                readings[im.NODE_MA + leg] - readings[im.DEVICE_MA + im.INVERTER * im.LEGS + leg]
            )
            if site[im.DEVICE_NODE + im.EVSE] >= 0:
                own_ma -= readings[im.DEVICE_MA + im.EVSE * im.LEGS + leg]
            over_ma = max(over_ma, own_ma - limit_ma)
        return over_ma * (site[im.NOMINAL_MV] // 1000) // 1000 * site[im.DEVICE_LEGS + im.INVERTER]

    def _at_reserve(self):
        """True if the battery must not be discharged; with a band, so it does not flutter."""
        readings = self.image.readings
        soc = readings[im.DEVICE_SOC_PERMILLE + im.INVERTER]
        if soc < 0 or readings[im.DEVICE_SOC_AGE_MS + im.INVERTER] > _SOC_STALE_MS:
            return True
        reserve = self.image.requests[im.RESERVE_PERMILLE]
        if soc <= reserve:
            self._low_soc = True
        elif soc >= reserve + _RESERVE_BAND_PERMILLE:
            self._low_soc = False
        return self._low_soc


def _towards_zero(value, divisor):
    """Division that rounds towards zero, but moves by 1 at least."""
    step = abs(value) // divisor or (1 if value else 0)
    return step if value >= 0 else -step
