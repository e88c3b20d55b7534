# islet: who limits what, and the one sentence that matters now; from the claims in the commands.
# GPL-3.0-or-later

from firmware import image as im
from firmware.people import alerts, words
from firmware.people.names import takes_offer
from firmware.people.standing import FRESH_MS

_STEP_MA = 200  # an offer this close to its grant is there: the pilot's duty comes in steps
_CAR = (im.PILOT_B, im.PILOT_C, im.PILOT_D)


def unit(site, device):
    """Of a device's claims, as it stands in names of fields."""
    return "ma" if takes_offer(site, device) else "w"


class Reasons:
    """Explains the buffers `readings`, `commands` and `trips` of a site whose rows have `names`.

    errors: configuration errors, sentences; empty if the unit runs.
    `hear` what the policy says of its wishes, or they have no reasons of their own.
    """

    def __init__(self, names, readings, commands, trips, errors):
        self.names = names
        self.site = names.site
        self.readings = readings
        self.commands = commands
        self.trips = trips
        self.errors = errors
        self._wishes, self._left_s = [], []

    def hear(self, requests):
        """The policy's WHY_* and for how long each stands, as of now."""
        self._wishes = requests[im.MARKET_WHY : im.MARKET_WHY + im.DEVICES]
        self._left_s = requests[im.MARKET_LEFT_S : im.MARKET_LEFT_S + im.DEVICES]
        return self

    def grant(self, device):
        """Of a device, and who set it."""
        commands = self.commands
        of = unit(self.site, device)
        return {
            "unit": "mA" if of == "ma" else "W",
            "grant_low_" + of: commands[im.GRANT_LOW + device],
            "grant_high_" + of: commands[im.GRANT_HIGH + device],
            "winner_low": im.SOURCE_NAMES[commands[im.WINNER_LOW + device]],
            "winner_high": im.SOURCE_NAMES[commands[im.WINNER_HIGH + device]],
        }

    def claim(self, source, device):
        """One source's claim in parts; `text` says why HIGH, `low_text` why LOW."""
        commands = self.commands
        of = unit(self.site, device)
        at = source * im.DEVICES + device
        leg = commands[im.CLAIM_LEG + at]
        node = commands[im.CLAIM_NODE + at]
        yield {
            "source": im.SOURCE_NAMES[source],
            "low_" + of: commands[im.CLAIM_LOW + at],
            "high_" + of: commands[im.CLAIM_HIGH + at],
            "reason": commands[im.CLAIM_REASON + at],
            "text": self.sentence(source, device, im.CLAIM_REASON),
        }
        yield {
            "low_reason": commands[im.CLAIM_LOW_REASON + at],
            "low_text": self.sentence(source, device, im.CLAIM_LOW_REASON),
            "node": self.names.node(node) if node >= 0 else None,
            "leg": leg if leg >= 0 else None,
            "value": commands[im.CLAIM_VALUE + at],
        }

    def sentence(self, source, device, which):
        """Why a source's claim is as it is: CLAIM_REASON its HIGH, CLAIM_LOW_REASON its LOW."""
        commands = self.commands
        at = source * im.DEVICES + device
        if source == im.MARKET:
            text = self._wish(device, commands[which + at])
            if text:
                return text
        code, value = commands[which + at], commands[im.CLAIM_VALUE + at]
        node, after = commands[im.CLAIM_NODE + at], -1
        if code == im.REASON_EXPORT:
            value = self.site[im.EXPORT_LIMIT_W]  # a claim has what of it is left to the device
        elif code == im.REASON_BALANCE:
            way = 0 if which == im.CLAIM_REASON else 1
            value = self.site[im.UNBALANCE_VA + way]
        elif source == im.PANEL:
            after = commands[im.DEVICE_AFTER + device]
            low_w, high_w = commands[im.CLAIM_LOW + at], commands[im.CLAIM_HIGH + at]
            high = which == im.CLAIM_REASON
            if not takes_offer(self.site, device) and (high_w + low_w > 0) == high:
                for reason, text in words.LOOSE:
                    if reason == code:
                        return text.format(words.amount(high_w if high else -low_w, "W"))
        elif code in (im.REASON_METER_STALE, im.REASON_DEVICE_SILENT):
            node = self.site[im.DEVICE_NODE + device]
            value = alerts.heard_ms(value, commands[im.UP_S])
        return words.reason_text(
            code,
            self.names.node(node) if node >= 0 else None,
            commands[im.CLAIM_LEG + at],
            value,
            self.names.device(after) if after >= 0 else None,
        )

    def _wish(self, device, reason):
        """What the policy says of its own wish; None where that is not what is claimed."""
        if not self._wishes or reason not in (im.REASON_GOAL, im.REASON_NO_GOAL):
            return None
        return words.wish_text(
            self._wishes[device],
            reason == im.REASON_GOAL,
            self.names.node(0),
            ", ".join([self.names.device(d) for d in self._before(device)]),
            self._left_s[device],
            self.sentence(im.RESERVE, device, im.CLAIM_LOW_REASON),
        )

    def _before(self, device):
        """Those of no higher rank that something is wished of."""
        commands, rank = self.commands, im.DEVICE_RANK
        wish = im.MARKET * im.DEVICES
        return [
            d
            for d in self.names.devices()
            if d != device
            and self.site[rank + d] <= self.site[rank + device]
            and (commands[im.CLAIM_HIGH + wish + d] > 0 or commands[im.CLAIM_LOW + wish + d] < 0)
            and commands[im.CLAIM_REASON + wish + d] == im.REASON_GOAL
        ]

    def explain(self, device):
        """One sentence, with the device's name: why it does what it does.

        The wish is what is asked; if the grant cuts it short, the source that cut it says why.
        """
        return "{}: {}".format(self.names.subject(device), self._why(device))

    def of_all(self):
        """By the devices' names why each does what it does."""
        names = self.names
        return {names.device(device): self._why(device) for device in names.devices()}

    def _why(self, device):
        text, sun_w = self._cause(device), self.readings[im.DEVICE_SUN_W + device]
        if sun_w and self.readings[im.DEVICE_AGE_MS + device] <= FRESH_MS:
            text += words.OWN_SUN.format(words.amount(sun_w, "W"))
        return text

    def _cause(self, device):
        commands = self.commands
        wish = im.MARKET * im.DEVICES + device
        low, high = commands[im.GRANT_LOW + device], commands[im.GRANT_HIGH + device]
        source, which = im.MARKET, im.CLAIM_REASON
        if takes_offer(self.site, device):
            if 0 < commands[im.SETPOINT + device] < high - _STEP_MA:
                return words.reason_text(im.REASON_GROWTH)
            source = commands[im.WINNER_HIGH + device]
        elif commands[im.CLAIM_LOW + wish] > high:
            source = commands[im.WINNER_HIGH + device]
        elif commands[im.CLAIM_HIGH + wish] < low:
            source, which = commands[im.WINNER_LOW + device], im.CLAIM_LOW_REASON
        return self.sentence(source, device, which)

    def headline(self):
        """The sentence for a person who looks for one second: the worst first."""
        commands = self.commands
        if self.errors:
            return "Nothing is switched on: the configuration has an error."
        for rows in (
            alerts.faults(self.names, commands),
            alerts.trips(self.names, self.trips[im.TRIPPED]),
        ):
            for worst in rows:
                return worst["text"]
        if commands[im.ISLAND_STATE] != im.ISLAND_GRID:
            return words.state_text("island", commands[im.ISLAND_STATE])[1]
        node = commands[im.ALARM_NODE]
        if node >= 0:
            return words.alarm_text(
                self.names.node(node), commands[im.ALARM_LEG], commands[im.ALARM_MA]
            )
        if commands[im.GRID_STATE] == im.GRID_WAITING:
            return words.reason_text(im.REASON_GRID_WAIT, value=commands[im.GRID_REMAIN_MS])
        if commands[im.GRID_STATE] != im.GRID_IN_SERVICE:
            return "Grid: {}.".format(words.state_text("grid", commands[im.GRID_STATE])[1])
        return self._device_headline()

    def silent(self):
        return alerts.silent(self.names, self.readings, self.commands[im.UP_S])

    def _device_headline(self):
        """What is silent speaks first, then the device that is cut short."""
        for row in self.silent():
            return row["text"]
        for device in self.names.devices():
            if self._cut_short(device):
                return self.explain(device)
        return "All is well."

    def _cut_short(self, device):
        commands, site = self.commands, self.site
        wish = im.MARKET * im.DEVICES + device
        low, high = commands[im.CLAIM_LOW + wish], commands[im.CLAIM_HIGH + wish]
        if not takes_offer(site, device):
            return low > commands[im.GRANT_HIGH + device] or high < commands[im.GRANT_LOW + device]
        point = site[im.DEVICE_CONTACTOR + device]
        if point >= 0 and commands[im.POINT_PILOT_STATE + point] not in _CAR:
            return False
        return 0 < high > commands[im.GRANT_HIGH + device]
