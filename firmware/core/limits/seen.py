# islet: what is seen of a converter, by whom, and how old it is (INV-16).
# GPL-3.0-or-later
#
# Witnesses, best first: a meter on its own node; the current of the contactor in its circuit, if
# it has one (no sign). Its own report counts against it, and for it only beside a fresh
# measurement of a circuit above: that one proves delivering (no house delivers what no source is
# declared for). Of drawing it knows only that a step was not as reported, or that the circuit is
# overloaded: then its enable is the step that tells whose draw it is.

from array import array

from firmware import image as im
from firmware.base.timer import longer
from firmware.base.viper import const
from firmware.core.limits import columns
from firmware.core.limits.clear_kernel import (
    O_ABOVE,
    O_ACKNOWLEDGED,
    O_BOUNDED,
    O_DEVICE,
    O_MEASURED,
    O_OTHERS,
    O_OWN,
    O_REPORTS,
    O_SIZE,
    O_SOURCES_W,
    O_TOLERANCE_W,
)
from firmware.core.panel.layout import FRESH

_FRESH_MS = const(2_000)  # a witness is younger
_LEAST_W = const(100)  # tolerance: the larger of this and 3 % of the nameplate
_LEAST_MA = const(500)  # and of a current: the larger of this and 5 %
_LOWEST_PERCENT = const(85)  # of the nominal voltage, where none is measured


class Seen:
    """`look` once a step, then ask. It reads the site at the first look, after the panel."""

    def __init__(self, image, panel, device):
        self._device = device
        self._site = image.site
        self._readings = image.readings
        self._commands = image.commands
        self._panel = panel
        self._witness = panel.witness
        self.gateway = False  # a contactor of this board lies in its circuit
        self.age_ms = 0  # of the best witness; after `outside`, of the one that spoke
        self.blind_ms = im.AGE_MAX_MS  # for so long nothing has witnessed it
        self.bounded = False  # a circuit above is measured freshly
        self.suspect = False  # that one alone spoke against it in the last `outside`
        self.cleared = False  # what it was suspected of went on without its enable
        self._own = self._above = -1
        self._reports = self._measured = self._flows = False
        self._tolerance_w = self._sources_w = 0
        self._point = -1  # whose contactor that is
        self.row = array("i", [0] * O_SIZE)  # the same for obeys()
        self.plan = None
        self._others_now_w = 0  # what these take, of this step, once somebody asks
        self.others_seen = False
        self._prepared = False

    def _prepare(self):
        site = self._site
        panel = self._panel
        device = self._device
        node = site[im.DEVICE_NODE + device]
        alone = site[im.NODE_SOURCE_MA + node] == 0  # or its meter sees the sun as well
        for i in range(site[im.NODE_COUNT]):
            if site[im.NODE_PARENT + i] == node:
                alone = False
        if alone and panel.metered(node):
            self._own = node
        while node >= 0 and self._above < 0:
            if panel.metered(node) and node != self._own:
                self._above = node
            node = site[im.NODE_PARENT + node]
        self._point = columns.point(site, device)
        self.gateway = self._point >= 0
        self._tolerance_w = max(_LEAST_W, columns.rating_w(site, device) * 3 // 100)
        if self._above >= 0:
            volts = site[im.NOMINAL_MV] // 1000
            self._sources_w = panel.sources_ma(self._above) * volts // 1000 * site[im.LEG_COUNT]
            for other in range(im.DEVICES):
                if other != device and columns.kind(site, other) and self._below(other):
                    self.row[O_OTHERS] |= 1 << other
        row = self.row
        row[O_DEVICE], row[O_OWN], row[O_ABOVE] = device, self._own, self._above
        row[O_TOLERANCE_W], row[O_SOURCES_W] = self._tolerance_w, self._sources_w
        self.plan = panel.plan

    def _below(self, device):
        """Whether a device hangs below `_above`, or on it."""
        node = self._site[im.DEVICE_NODE + device]
        while node >= 0 and node != self._above:
            node = self._site[im.NODE_PARENT + node]
        return node >= 0

    def look(self, dt_ms):
        """Which witnesses speak now, and for how long none has."""
        if not self._prepared:
            self._prepared = True
            self._prepare()
        readings = self._readings
        self._reports = readings[im.DEVICE_AGE_MS + self._device] <= _FRESH_MS
        self._measured = self._own >= 0 and self._panel.state(self._own) == FRESH
        self._flows = self.gateway and readings[im.POINT_MA_AGE_MS + self._point] <= _FRESH_MS
        self.bounded = self._above >= 0 and self._panel.state(self._above) == FRESH
        self.others_seen = False
        if self._measured:
            self.age_ms = readings[im.NODE_AGE_MS + self._own]
        elif self._reports:
            self.age_ms = readings[im.DEVICE_AGE_MS + self._device]
        elif self._flows:
            self.age_ms = readings[im.POINT_MA_AGE_MS + self._point]
        elif self.bounded:
            self.age_ms = readings[im.NODE_AGE_MS + self._above]
        else:
            self.age_ms = _FRESH_MS
        blind = not (self._measured or self._flows or (self._reports and self.bounded))
        self.blind_ms = longer(blind, self.blind_ms, dt_ms)

    def rests(self, acknowledged):
        """Whether it is witnessed now by its meter, or by its own report beside a circuit above:
        what obeys() looks at."""
        self.row[O_ACKNOWLEDGED] = acknowledged
        self.row[O_MEASURED] = self._measured
        self.row[O_REPORTS] = self._reports
        self.row[O_BOUNDED] = self.bounded
        return not self.gateway and not self.cleared and self.blind_ms == 0

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
            w = self._readings[im.DEVICE_W + self._device]
            if w < low_w or w > high_w:
                return True
        if self._flows and self._exceeds(high_w if high_w > -low_w else -low_w):
            self.age_ms = self._readings[im.POINT_MA_AGE_MS + self._point]
            return True
        if self.bounded and not self.cleared and self._most_w() < low_w:
            self.age_ms = self.above_age_ms()
            self.suspect = self._reports
            return True
        return False

    def measured(self):
        """Whether a meter on its own node speaks now."""
        return self._measured

    def independent(self):
        """Whether an instrument that is not its own tells its power and sign: its node's, or the
        circuit's above."""
        return self._measured or self.bounded

    def independent_w(self):
        """What that reads, in the second case with all that is on the circuit besides islet's
        devices. Only where `independent`."""
        return self._node_w(self._own) if self._measured else self.above_w()

    def independent_age_ms(self):
        node = self._own if self._measured else self._above
        return self._readings[im.NODE_AGE_MS + node]

    def rests_by_its_word(self):
        """Whether nothing but its own word says that it rests, under a measured circuit without
        other sources, which come and go by themselves."""
        if not (self.bounded and self._reports) or self._measured or self._flows:
            return False
        if self._sources_w:
            return False
        w = self._readings[im.DEVICE_W + self._device]
        return -self._tolerance_w <= w <= self._tolerance_w

    def doubted(self):
        """Whether the circuit above has not shown a step of it, or is overloaded by nothing that
        islet knows of. Only where it `rests_by_its_word`."""
        commands = self._commands
        below = self._panel.below(commands[im.ALARM_NODE]) if commands[im.ALARM_MA] > 0 else 0
        return below >> self._device & 1 != 0 or self._witness.missed(self._above)

    def above_w(self):
        """What flows in the circuit above, without the other devices. Only where `bounded`."""
        return self._node_w(self._above) - self._others_w()

    def delivers(self):
        """Whether the circuit above proves that it delivers. Only where `bounded`."""
        return self._most_w() < -self._tolerance_w

    def above_age_ms(self):
        """Age of the measurement above it."""
        return self._readings[im.NODE_AGE_MS + self._above]

    def runs(self):
        """Whether power flows, by a witness that speaks of it alone, or by its own word. A silent
        one does when the house delivers and it did so by its last word; where a contactor of this
        board lies in its circuit and opening it costs the house nothing, also without that."""
        if self._measured or self._reports or self._flows:
            sun_w = self._readings[im.DEVICE_SUN_W + self._device]  # stays inside, in its battery
            return self.outside(sun_w, sun_w) and not self.suspect
        delivered = self._readings[im.DEVICE_W + self._device] < -self._tolerance_w
        return self.bounded and (delivered or self.gateway) and self.delivers()

    def _node_w(self, node):
        readings = self._readings
        at = im.NODE_W + node * im.LEGS
        return readings[at] + readings[at + 1] + readings[at + 2]

    def _most_w(self):
        """The highest its power can be by the circuit above: all that flows there, plus what other
        sources may deliver, less what the other devices take."""
        site = self._site
        w = self._node_w(self._above)
        w += self._sources_w + abs(w) * site[im.NODE_ERROR_PERMILLE + self._above] // 1000
        return w - self._others_w()

    def _others_w(self):
        """What the other devices below the circuit take at least: a car at a power factor of 7/8,
        a converter that does not answer at its full delivery."""
        if self.others_seen:
            return self._others_now_w
        self.others_seen = True
        site = self._site
        readings = self._readings
        w = 0
        others = self.row[O_OTHERS]
        for row in range(im.DEVICES):
            if not others >> row & 1:
                continue
            fresh = readings[im.DEVICE_AGE_MS + row] <= _FRESH_MS
            if not columns.offered(site, row):
                w += readings[im.DEVICE_W + row] if fresh else -site[im.DEVICE_DISCHARGE_W + row]
            elif fresh:
                at = im.DEVICE_MA + row * im.LEGS
                for leg in range(columns.legs(site, row)):
                    w += readings[at + leg] * 7 // 8 * (site[im.NOMINAL_MV] // 1000) // 1000
        self._others_now_w = w
        return w

    def _exceeds(self, power_w):
        """Whether the contactor carries more on a leg than a power makes, spread evenly."""
        site = self._site
        readings = self._readings
        limit_ma = power_w // columns.legs(site, self._device) * 1000 // self._volts()
        margin_ma = limit_ma // 20
        limit_ma += margin_ma if margin_ma > _LEAST_MA else _LEAST_MA
        node = site[im.DEVICE_NODE + self._device]
        limit_ma += limit_ma * site[im.NODE_ERROR_PERMILLE + node] // 1000
        at = im.POINT_MA + self._point * im.LEGS
        for leg in range(im.LEGS):
            if readings[at + leg] > limit_ma:
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
