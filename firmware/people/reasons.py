# islet: who limits what, and the one sentence that matters now; from the claims in the commands.
# GPL-3.0-or-later

from firmware import image as im
from firmware.people import words

_STEP_MA = 200  # an offer this close to its grant is there: the pilot's duty comes in steps
UNITS = ("ma", "w")  # of a device's claims, by DEVICE_NAMES


class Reasons:
    """Explains the buffers `commands` and `trips` of a site with its nodes' names.

    errors: configuration errors, sentences; empty if the unit runs.
    """

    def __init__(self, site, commands, trips, nodes, errors):
        self.site = site
        self.commands = commands
        self.trips = trips
        self.nodes = nodes
        self.errors = errors

    def of_device(self, device):
        """The grant, who set it, and every source's claim with its sentence.

        low and high are mA for the evse, W for the inverter (`unit`).
        """
        commands = self.commands
        return {
            "unit": ("mA", "W")[device],
            "grant_low_" + UNITS[device]: commands[im.GRANT_LOW + device],
            "grant_high_" + UNITS[device]: commands[im.GRANT_HIGH + device],
            "winner_low": im.SOURCE_NAMES[commands[im.WINNER_LOW + device]],
            "winner_high": im.SOURCE_NAMES[commands[im.WINNER_HIGH + device]],
            "why": self.explain(device),
            "claims": [self.claim(source, device) for source in range(im.SOURCES)],
        }

    def claim(self, source, device):
        """One source's claim as a dict; `text` says why HIGH, `low_text` why LOW."""
        commands = self.commands
        at = source * im.DEVICES + device
        leg = commands[im.CLAIM_LEG + at]
        node = commands[im.CLAIM_NODE + at]
        return {
            "source": im.SOURCE_NAMES[source],
            "low_" + UNITS[device]: commands[im.CLAIM_LOW + at],
            "high_" + UNITS[device]: commands[im.CLAIM_HIGH + at],
            "reason": commands[im.CLAIM_REASON + at],
            "text": self._sentence(at, im.CLAIM_REASON),
            "low_reason": commands[im.CLAIM_LOW_REASON + at],
            "low_text": self._sentence(at, im.CLAIM_LOW_REASON),
            "node": self.node_name(node) if node >= 0 else None,
            "leg": leg if leg >= 0 else None,
            "value": commands[im.CLAIM_VALUE + at],
        }

    def _sentence(self, at, which):
        commands = self.commands
        node = commands[im.CLAIM_NODE + at]
        return words.reason_text(
            commands[which + at],
            self.node_name(node) if node >= 0 else None,
            commands[im.CLAIM_LEG + at],
            commands[im.CLAIM_VALUE + at],
        )

    def explain(self, device):
        """One sentence: why this device does what it does.

        The wish is what is asked; if the grant cuts it short, the source that cut it says why.
        """
        commands = self.commands
        wish = im.MARKET * im.DEVICES + device
        if (
            device == im.EVSE
            and 0 < commands[im.SETPOINT + im.EVSE] < commands[im.GRANT_HIGH + im.EVSE] - _STEP_MA
        ):
            return words.reason_text(im.REASON_GROWTH)
        if device == im.EVSE:
            source, which = commands[im.WINNER_HIGH + device], im.CLAIM_REASON
        elif commands[im.CLAIM_LOW + wish] > commands[im.GRANT_HIGH + device]:
            source, which = commands[im.WINNER_HIGH + device], im.CLAIM_REASON
        elif commands[im.CLAIM_HIGH + wish] < commands[im.GRANT_LOW + device]:
            source, which = commands[im.WINNER_LOW + device], im.CLAIM_LOW_REASON
        else:
            source, which = im.MARKET, im.CLAIM_REASON
        return self._sentence(source * im.DEVICES + device, which)

    def headline(self):
        """The sentence for a person who looks for one second: the worst first."""
        commands = self.commands
        if self.errors:
            return "Nothing is switched on: the configuration has an error."
        for rows in (
            words.fault_texts(commands[im.FAULTS]),
            words.trip_texts(self.trips[im.TRIPPED]),
        ):
            if rows:
                return rows[0]["text"]
        if commands[im.ISLAND_STATE] != im.ISLAND_GRID:
            return words.island_text(commands[im.ISLAND_STATE])[1]
        node = commands[im.ALARM_NODE]
        if node >= 0:
            return words.alarm_text(
                self.node_name(node), commands[im.ALARM_LEG], commands[im.ALARM_MA]
            )
        if commands[im.GRID_STATE] == im.GRID_WAITING:
            return words.reason_text(im.REASON_GRID_WAIT, value=commands[im.GRID_REMAIN_MS])
        if commands[im.GRID_STATE] != im.GRID_IN_SERVICE:
            return "Grid: {}.".format(words.grid_text(commands[im.GRID_STATE])[1])
        return self._device_headline()

    def _device_headline(self):
        """The device that is cut short speaks before the one that does as asked."""
        commands = self.commands
        for device in self.devices():
            wish = im.MARKET * im.DEVICES + device
            low, high = commands[im.CLAIM_LOW + wish], commands[im.CLAIM_HIGH + wish]
            cut = low > commands[im.GRANT_HIGH + device] or high < commands[im.GRANT_LOW + device]
            if device == im.EVSE:
                cut = high > 0 and high > commands[im.GRANT_HIGH + device]
            if cut and (
                device == im.INVERTER
                or commands[im.POINT_PILOT_STATE] in (im.PILOT_B, im.PILOT_C, im.PILOT_D)
            ):
                name = "The car: " if device == im.EVSE else "The battery: "
                return name + self.explain(device)
        return "All is well."

    # --- helpers --------------------------------------------------------------------------

    def node_name(self, node):
        """The configured name, or the number where there is none."""
        return self.nodes[node] if 0 <= node < len(self.nodes) else "node {}".format(node)

    def devices(self):
        site = self.site
        return [
            device
            for device, field in (
                (im.EVSE, im.DEVICE_NODE + im.EVSE),
                (im.INVERTER, im.DEVICE_NODE + im.INVERTER),
            )
            if site[field] >= 0
        ]
