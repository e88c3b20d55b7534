# islet: who limits what, and the one sentence that matters now; from the claims in the commands.
# GPL-3.0-or-later

from firmware.image import (
    ALARM_LEG,
    ALARM_MA,
    ALARM_NODE,
    CLAIM_HIGH,
    CLAIM_LEG,
    CLAIM_LOW,
    CLAIM_LOW_REASON,
    CLAIM_NODE,
    CLAIM_REASON,
    CLAIM_VALUE,
    DEVICE_NAMES,
    DEVICES,
    EVSE,
    EVSE_NODE,
    FAULTS,
    GRANT_HIGH,
    GRANT_LOW,
    GRID_IN_SERVICE,
    GRID_REMAIN_MS,
    GRID_STATE,
    GRID_WAITING,
    INVERTER,
    INVERTER_NODE,
    ISLAND_GRID,
    ISLAND_STATE,
    MARKET,
    OFFER_MA,
    PILOT_B,
    PILOT_C,
    PILOT_D,
    PILOT_STATE,
    REASON_GRID_WAIT,
    REASON_GROWTH,
    SOURCE_NAMES,
    SOURCES,
    TRIPPED,
    WINNER_HIGH,
    WINNER_LOW,
)
from firmware.net import words

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

    def limits(self):
        """Per device: the grant, who set it, and every source's claim with its sentence.

        low and high are mA for the evse, W for the inverter (`unit`).
        """
        return {DEVICE_NAMES[d]: self.of_device(d) for d in self.devices()}

    def of_device(self, device):
        commands = self.commands
        return {
            "unit": ("mA", "W")[device],
            "grant_low_" + UNITS[device]: commands[GRANT_LOW + device],
            "grant_high_" + UNITS[device]: commands[GRANT_HIGH + device],
            "winner_low": SOURCE_NAMES[commands[WINNER_LOW + device]],
            "winner_high": SOURCE_NAMES[commands[WINNER_HIGH + device]],
            "why": self.explain(device),
            "claims": [self.claim(source, device) for source in range(SOURCES)],
        }

    def claim(self, source, device):
        """One source's claim as a dict; `text` says why HIGH, `low_text` why LOW."""
        commands = self.commands
        at = source * DEVICES + device
        leg = commands[CLAIM_LEG + at]
        node = commands[CLAIM_NODE + at]
        return {
            "source": SOURCE_NAMES[source],
            "low_" + UNITS[device]: commands[CLAIM_LOW + at],
            "high_" + UNITS[device]: commands[CLAIM_HIGH + at],
            "reason": commands[CLAIM_REASON + at],
            "text": self._sentence(at, CLAIM_REASON),
            "low_reason": commands[CLAIM_LOW_REASON + at],
            "low_text": self._sentence(at, CLAIM_LOW_REASON),
            "node": self.node_name(node) if node >= 0 else None,
            "leg": leg if leg >= 0 else None,
            "value": commands[CLAIM_VALUE + at],
        }

    def _sentence(self, at, which):
        commands = self.commands
        node = commands[CLAIM_NODE + at]
        return words.reason_text(
            commands[which + at],
            self.node_name(node) if node >= 0 else None,
            commands[CLAIM_LEG + at],
            commands[CLAIM_VALUE + at],
        )

    def explain(self, device):
        """One sentence: why this device does what it does.

        The wish is what is asked; if the grant cuts it short, the source that cut it says why.
        """
        commands = self.commands
        wish = MARKET * DEVICES + device
        if device == EVSE and 0 < commands[OFFER_MA] < commands[GRANT_HIGH + EVSE] - _STEP_MA:
            return words.reason_text(REASON_GROWTH)
        if device == EVSE:
            source, which = commands[WINNER_HIGH + device], CLAIM_REASON
        elif commands[CLAIM_LOW + wish] > commands[GRANT_HIGH + device]:
            source, which = commands[WINNER_HIGH + device], CLAIM_REASON
        elif commands[CLAIM_HIGH + wish] < commands[GRANT_LOW + device]:
            source, which = commands[WINNER_LOW + device], CLAIM_LOW_REASON
        else:
            source, which = MARKET, CLAIM_REASON
        return self._sentence(source * DEVICES + device, which)

    def headline(self):
        """The sentence for a person who looks for one second: the worst first."""
        commands = self.commands
        if self.errors:
            return "Nothing is switched on: the configuration has an error."
        for rows in (
            words.fault_texts(commands[FAULTS]),
            words.trip_texts(self.trips[TRIPPED]),
        ):
            if rows:
                return rows[0]["text"]
        if commands[ISLAND_STATE] != ISLAND_GRID:
            return words.island_text(commands[ISLAND_STATE])[1]
        node = commands[ALARM_NODE]
        if node >= 0:
            return words.alarm_text(self.node_name(node), commands[ALARM_LEG], commands[ALARM_MA])
        if commands[GRID_STATE] == GRID_WAITING:
            return words.reason_text(REASON_GRID_WAIT, value=commands[GRID_REMAIN_MS])
        if commands[GRID_STATE] != GRID_IN_SERVICE:
            return "Grid: {}.".format(words.grid_text(commands[GRID_STATE])[1])
        return self._device_headline()

    def _device_headline(self):
        """The device that is cut short speaks before the one that does as asked."""
        commands = self.commands
        for device in self.devices():
            wish = MARKET * DEVICES + device
            low, high = commands[CLAIM_LOW + wish], commands[CLAIM_HIGH + wish]
            cut = low > commands[GRANT_HIGH + device] or high < commands[GRANT_LOW + device]
            if device == EVSE:
                cut = high > 0 and high > commands[GRANT_HIGH + device]
            if cut and (
                device == INVERTER or commands[PILOT_STATE] in (PILOT_B, PILOT_C, PILOT_D)
            ):
                name = "The car: " if device == EVSE else "The battery: "
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
            for device, field in ((EVSE, EVSE_NODE), (INVERTER, INVERTER_NODE))
            if site[field] >= 0
        ]
