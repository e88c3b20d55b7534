# islet: what is seen of the inverter, by whom, and how old it is (INV-16).
# GPL-3.0-or-later
#
# Witnesses, best first: a meter on its own node; in T2 the contactor's own current (no sign). Its
# own report counts against it, and for it only beside a fresh measurement of a circuit above: that
# one proves delivering (no house delivers what no source is declared for). Of drawing it knows
# only that a step was not as reported, or that the circuit is overloaded: then its enable is the
# step that tells whose draw it is.

from firmware import image as im
from firmware.base.viper import const
from firmware.core.panel.layout import FRESH

_GATEWAY = const(2)  # T2
_FRESH_MS = const(2_000)  # a witness is younger
_LEAST_W = const(100)  # tolerance: the larger of this and 3 % of the nameplate
_LEAST_MA = const(500)  # and of a current: the larger of this and 5 %
_LOWEST_PERCENT = const(85)  # of the nominal voltage, where none is measured


class Seen:
    """`look` once a step, then ask. `node` is -1 where there is no inverter."""

    def __init__(self, image, panel):
        self._site = image.site
        self._readings = image.readings
        self._commands = image.commands
        self._panel = panel
        self._witness = panel.witness
        self.node = -1
        self.gateway = False  # T2 with a contactor of its own
        self.age_ms = 0  # of the best witness; after `outside`, of the one that spoke
        self.blind_ms = im.AGE_MAX_MS  # for so long nothing has witnessed it
        self.bounded = False  # a circuit above is measured freshly
        self.suspect = False  # that one alone spoke against it in the last `outside`
        self.cleared = False  # what it was suspected of went on without its enable
        self._own = self._above = -1
        self._reports = self._measured = self._flows = False
        self._tolerance_w = self._sources_w = 0

    def prepare(self):
        """Read the site; the panel's plan stands."""
        site = self._site
        panel = self._panel
        node = self.node = site[im.DEVICE_NODE + im.INVERTER]
        if node < 0:
            return
        alone = True
        for i in range(site[im.NODE_COUNT]):
            if site[im.NODE_PARENT + i] == node:
                alone = False
        if alone and panel.metered(node):
            self._own = node
        while node >= 0 and self._above < 0:
            if panel.metered(node) and node != self._own:
                self._above = node
            node = site[im.NODE_PARENT + node]
        self.gateway = site[im.TOPOLOGY] == _GATEWAY and site[im.DEVICE_NODE + im.EVSE] >= 0
        rating_w = site[im.DEVICE_CHARGE_W + im.INVERTER]
        if site[im.DEVICE_DISCHARGE_W + im.INVERTER] > rating_w:
            rating_w = site[im.DEVICE_DISCHARGE_W + im.INVERTER]
        self._tolerance_w = max(_LEAST_W, rating_w * 3 // 100)
        if self._above >= 0:
            volts = site[im.NOMINAL_MV] // 1000
            self._sources_w = panel.sources_ma(self._above) * volts // 1000 * site[im.LEG_COUNT]

    def look(self, dt_ms):
        """Which witnesses speak now, and for how long none has."""
        readings = self._readings
        self._reports = readings[im.DEVICE_AGE_MS + im.INVERTER] <= _FRESH_MS
        self._measured = self._own >= 0 and self._panel.state(self._own) == FRESH
        self._flows = self.gateway and readings[im.DEVICE_AGE_MS + im.EVSE] <= _FRESH_MS
        self.bounded = self._above >= 0 and self._panel.state(self._above) == FRESH
        if self._measured:
            self.age_ms = readings[im.NODE_AGE_MS + self._own]
        elif self._reports:
            self.age_ms = readings[im.DEVICE_AGE_MS + im.INVERTER]
        elif self._flows:
            self.age_ms = readings[im.DEVICE_AGE_MS + im.EVSE]
        elif self.bounded:
            self.age_ms = readings[im.NODE_AGE_MS + self._above]
        else:
            self.age_ms = _FRESH_MS
        if self._measured or self._flows or (self._reports and self.bounded):
            self.blind_ms = 0
        elif self.blind_ms < im.AGE_MAX_MS:
            self.blind_ms += dt_ms

    def outside(self, low_w, high_w):
        """Whether any witness sees it outside a range, beyond tolerance and its own error."""
        self.suspect = False
        low_w -= self._tolerance_w
        high_w += self._tolerance_w
        if self._measured:
            w = self._node_w(self._own)
            error_w = abs(w) * self._site[im.NODE_ERROR_PERMILLE + self._own] // 1000
            return w < low_w - error_w or w > high_w + error_w
        if self._reports:
            w = self._readings[im.DEVICE_W + im.INVERTER]
            if w < low_w or w > high_w:
                return True
        if self._flows and self._exceeds(high_w if high_w > -low_w else -low_w):
            self.age_ms = self._readings[im.DEVICE_AGE_MS + im.EVSE]
            return True
        if self.bounded and not self.cleared and self._most_w() < low_w:
            self.age_ms = self.above_age_ms()
            self.suspect = self._reports
            return True
        return False

    def rests_by_its_word(self):
        """Whether nothing but its own word says that it rests, under a measured circuit without
        other sources, which come and go by themselves."""
        if not (self.bounded and self._reports) or self._measured or self._flows:
            return False
        if self._sources_w:
            return False
        w = self._readings[im.DEVICE_W + im.INVERTER]
        return -self._tolerance_w <= w <= self._tolerance_w

    def doubted(self):
        """Whether the circuit above has not shown a step of it, or is overloaded by nothing that
        islet knows of. Only where it `rests_by_its_word`."""
        commands = self._commands
        below = self._panel.below(commands[im.ALARM_NODE]) if commands[im.ALARM_MA] > 0 else 0
        return below >> im.INVERTER & 1 != 0 or self._witness.missed(self._above)

    def above_w(self):
        """What flows in the circuit above, without the car. Only where `bounded`."""
        return self._node_w(self._above) - self._car_w()

    def delivers(self):
        """Whether the circuit above proves that it delivers. Only where `bounded`."""
        return self._most_w() < -self._tolerance_w

    def above_age_ms(self):
        """Age of the measurement above it."""
        return self._readings[im.NODE_AGE_MS + self._above]

    def runs(self):
        """Whether power flows, by a witness that speaks of it alone, or by its own word. A silent
        one does when the house delivers and it did so by its last word; in T2, where opening its
        contactor costs the house nothing, also without that."""
        if self._measured or self._reports or self._flows:
            return self.outside(0, 0) and not self.suspect
        delivered = self._readings[im.DEVICE_W + im.INVERTER] < -self._tolerance_w
        return self.bounded and (delivered or self.gateway) and self.delivers()

    def _node_w(self, node):
        readings = self._readings
        at = im.NODE_W + node * im.LEGS
        return readings[at] + readings[at + 1] + readings[at + 2]

    def _most_w(self):
        """The highest its power can be by the circuit above: all that flows there, plus what other
        sources may deliver, less what the car takes (at a power factor of 7/8)."""
        site = self._site
        w = self._node_w(self._above)
        w += self._sources_w + abs(w) * site[im.NODE_ERROR_PERMILLE + self._above] // 1000
        return w - self._car_w()

    def _car_w(self):
        """What the car takes at least."""
        site = self._site
        readings = self._readings
        w = 0
        if (
            not self.gateway
            and site[im.DEVICE_NODE + im.EVSE] >= 0
            and readings[im.DEVICE_AGE_MS + im.EVSE] <= _FRESH_MS
        ):
            for leg in range(site[im.DEVICE_LEGS + im.EVSE]):
                w += (
                    readings[im.DEVICE_MA + im.EVSE * im.LEGS + leg]
                    * 7
                    // 8
                    * (site[im.NOMINAL_MV] // 1000)
                    // 1000
                )
        return w

    def _exceeds(self, power_w):
        """T2: whether the contactor carries more on a leg than a power makes, spread evenly."""
        site = self._site
        readings = self._readings
        limit_ma = power_w // site[im.DEVICE_LEGS + im.INVERTER] * 1000 // self._volts()
        margin_ma = limit_ma // 20
        limit_ma += margin_ma if margin_ma > _LEAST_MA else _LEAST_MA
        limit_ma += (
            limit_ma * site[im.NODE_ERROR_PERMILLE + site[im.DEVICE_NODE + im.EVSE]] // 1000
        )
        for leg in range(im.LEGS):
            if readings[im.DEVICE_MA + im.EVSE * im.LEGS + leg] > limit_ma:
                return True
        return False

    def _volts(self):
        """V of the lowest leg: the lower, the more current a power may make."""
        site = self._site
        readings = self._readings
        lowest_mv = site[im.NOMINAL_MV] // 100 * _LOWEST_PERCENT
        if readings[im.GRID_AGE_MS] > _FRESH_MS:
            return lowest_mv // 1000
        least_mv = readings[im.GRID_MV]
        for leg in range(site[im.LEG_COUNT]):
            if readings[im.GRID_MV + leg] < least_mv:
                least_mv = readings[im.GRID_MV + leg]
        return (least_mv if least_mv > lowest_mv else lowest_mv) // 1000
