# islet: what the owner wants: sun, self-consumption, charge, hold, discharge.
# GPL-3.0-or-later
#
# Once a second it turns a goal and the readings into a wish per device: a range that expires after
# 5 s, which the arbiter then cuts to what is allowed. It cannot endanger anything: a policy that
# stops speaks no more, and the devices stand still. It knows the reserve only to be polite.
#
#   balance  what the house draws by itself      sharing        by rank
#   takers   who shares, and why it gets that    authorisation  how long a user's lasts

from firmware import image as im
from firmware.policy.authorisation import Authorisation
from firmware.policy.balance import Balance, takes_offer
from firmware.policy.sharing import Sharing
from firmware.policy.takers import (
    WHY_GOAL,
    WHY_HAND,
    WHY_METER,
    WHY_NAMES,
    WHY_OFF_GRID,
    Converter,
    Offered,
)

try:
    from micropython import const
except ImportError:
    from firmware.base.viper import const

_TTL_MS = const(5_000)

# goal: needs the meter, what the cars may take, what the batteries do, meaning
GOALS = (
    ("hold", False, "none", "still", "car and battery stand still"),
    ("charge", False, "full", "charge", "car and battery charge as fast as you allow"),
    ("solar", True, "surplus", "surplus", "surplus to the car from 6 A, the rest to the battery"),
    ("self", True, "full", "balance", "battery covers the house, not the car; no export"),
    (
        "discharge",
        False,
        "none",
        "discharge",
        "battery gives as much as you allow; car stands still",
    ),
)


class Policy:
    """Speaks for the owner by MARKET_* requests, with why (WHY_*) and for how long.

    settings: "owner.goal", "owner.charge_a", "owner.charge_w", "owner.discharge_w" by path, and of
    "owner.sun_" start_s, stop_s, start_w, stop_w. names: of the devices, by their rows."""

    def __init__(self, image, settings, names=()):
        self.image = image
        self.balance = Balance(image)
        self._names = names
        charge_ma = int(settings["owner.charge_a"] * 1000)
        self._charge_w = int(settings["owner.charge_w"])
        self._discharge_w = int(settings["owner.discharge_w"])
        site, legs = image.site, self.balance.legs
        rows = sorted(legs, key=lambda d: site[im.DEVICE_RANK + d] * im.DEVICES + d)
        offered = [d for d in rows if takes_offer(site, d)]
        sun = (
            int(settings["owner.sun_start_s"] * 1000),
            int(settings["owner.sun_stop_s"] * 1000),
            int(settings["owner.sun_start_w"]),
            int(settings["owner.sun_stop_w"]),
        )
        self._offered = [Offered(image, d, legs[d], charge_ma, sun) for d in offered]
        self._converters = [Converter(image, d, legs[d]) for d in rows if d not in offered]
        self._takers = self._offered + self._converters
        self._sharing = Sharing(self._offered, self._converters)
        self._authorisations = [
            Authorisation(image, point)
            for point in range(im.POINTS)
            if site[im.POINT_DEVICE + point] >= 0
        ]
        self._configured = settings["owner.goal"]
        self.goal = GOALS[0]
        self.set_goal(self._configured)

    def goals(self):
        """Names of those that this site can follow."""
        site = self.image.site
        sun = self.balance.has_sources()
        delivers = False
        for taker in self._converters:
            if site[im.DEVICE_MAY_DISCHARGE + taker.device]:
                delivers = delivers or site[im.DEVICE_DISCHARGE_W + taker.device] > 0
        able = {"solar": sun, "self": delivers, "discharge": delivers}
        return [row[0] for row in GOALS if able.get(row[0], True)]

    # --- what a person sets ----------------------------------------------------------------

    def set_goal(self, name):
        """Follow another goal; wishes set by hand end."""
        for row in GOALS:
            if row[0] == name:
                for taker in self._takers:
                    taker.hand = None
                if row is not self.goal:
                    self.goal = row
                    self._stand_still()
                return
        raise ValueError("goal: {} is not one of {}".format(name, ", ".join(r[0] for r in GOALS)))

    def set_wish(self, device, value, ttl_ms, less=False):
        """Override the goal for one device (mA or W) until ttl_ms have passed. With `less` it only
        takes away from the goal: what is left of a wish after a reset (INV-8)."""
        for taker in self._takers:
            if taker.device == device:
                taker.hand = [value, ttl_ms, less]

    def wish(self, device):
        """One set by hand: [value, ms left, only takes away], or None."""
        for taker in self._takers:
            if taker.device == device:
                return taker.hand
        return None

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
        wishes = {}
        for taker in self._takers:
            if taker.hand:
                wishes[self._name(taker.device)] = {
                    "value": taker.hand[0],
                    "left_s": taker.hand[1] // 1000,
                    "only_takes_away": taker.hand[2],
                }
        return {
            "goal": self.goal[0],
            "text": self.goal[4],
            "goals": self.goals(),
            "house_w": self.balance.house_w,
            "sources": self.balance.has_sources(),
            "wishes": wishes,
            "reasons": {self._name(t.device): WHY_NAMES[t.why] for t in self._takers},
        }

    def _name(self, device):
        return self._names[device] if device < len(self._names) else str(device)

    # --- every second -----------------------------------------------------------------------

    def step(self, dt_ms):
        """Renew the wishes, or withdraw them where they cannot be known."""
        for taker in self._takers:
            if taker.hand:
                taker.hand[1] -= dt_ms
                if taker.hand[1] <= 0:
                    taker.hand = None
        for authorisation in self._authorisations:
            authorisation.step(dt_ms)
        self.balance.step()
        if self.image.commands[im.ISLAND_STATE] == im.ISLAND_GRID:
            self._decide(dt_ms)
        else:
            self._stand_still()
            for taker in self._takers:
                taker.set(None, WHY_OFF_GRID)
        for taker in self._takers:
            self._say(taker)

    def _say(self, taker):
        """A wish for exactly so many W, or for up to so many mA; None withdraws it."""
        requests, device, value = self.image.requests, taker.device, taker.value
        requests[im.MARKET_HIGH + device] = value or 0
        requests[im.MARKET_LOW + device] = 0 if taker in self._offered else value or 0
        requests[im.MARKET_TTL_MS + device] = 0 if value is None else _TTL_MS
        seq = requests[im.MARKET_SEQ + device]
        requests[im.MARKET_SEQ + device] = seq + 1 if seq < im.AGE_MAX_MS else 0
        requests[im.MARKET_WHY + device] = taker.why
        requests[im.MARKET_LEFT_S + device] = -(-taker.left_ms() // 1000)

    def _stand_still(self):
        for offered in self._offered:
            offered.still()

    def _decide(self, dt_ms):
        """The goal for all; then what is set by hand, and the reserve."""
        for taker in self._takers:
            taker.draw_w = self.balance.draw_w(taker.device) or 0
        self._follow_goal(dt_ms)
        for taker in self._takers:
            self._by_hand(taker)
        for converter in self._converters:
            converter.bound()

    def _follow_goal(self, dt_ms):
        _, needs_meter, car, battery, _ = self.goal
        house_w = self.balance.house_w
        unknown = needs_meter and house_w is None
        if car == "surplus" and not unknown:
            self._sharing.surplus(-house_w, dt_ms)
            return
        for offered in self._offered:
            if car == "surplus":
                offered.turn(0, dt_ms)
                offered.set(None, WHY_METER)
            else:
                offered.set(offered.most_ma if car == "full" else 0, WHY_GOAL)
        if unknown:
            for converter in self._converters:
                converter.set(None, WHY_METER)
        elif battery == "balance":
            self._sharing.order(self._less_by_hand(-house_w))
        else:
            watts = {"charge": self._charge_w, "discharge": -self._discharge_w}
            self._sharing.order(watts.get(battery, 0))

    def _less_by_hand(self, watts):
        """What is left of a balance by what converters told by hand do of it."""
        for converter in self._converters:
            if converter.by_hand() and watts * converter.draw_w > 0:
                watts -= converter.draw_w
                if watts * converter.draw_w < 0:
                    return 0
        return watts

    def _by_hand(self, taker):
        """Instead of the goal, or cutting what it says."""
        if not taker.hand:
            return
        wish, value = taker.hand[0], taker.value
        if taker.by_hand():
            taker.set(wish, WHY_HAND)
        elif value is not None:
            cut = max(min(value, max(wish, 0)), min(wish, 0))
            taker.set(cut, WHY_HAND if cut != value else taker.why)
