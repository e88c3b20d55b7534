# islet: a house meter that is told: by a broker, a value or a small JSON a topic.
# GPL-3.0-or-later
#
# A value is as old as its arrival, and what it was declared to be by then. What comes together is
# one reading: a pause begins another, so that no leg's current meets the power of a second before.
# A reading is taken whole or not at all, and by the same rules as a meter's on a line.

from array import array

from firmware.base import strict_json
from firmware.base.clock import ticks_diff, ticks_ms
from firmware.drivers.meter import SLOWEST_MS, Meter

_PAUSE_MS = 300  # between readings; within one its messages come closer
_MOST_A, _MOST_W = 400, 120_000  # as of a meter on a line
_MILLI = 1000


class Told(Meter):
    """Writes live NODE_MA, NODE_W and NODE_AGE_MS of `node` from what `heard` gets.

    given: the options below meters[].values, each list with an entry per leg of the site."""

    def __init__(self, image, node, name, given: dict):
        self.name = name
        self.errors = {}
        self.image = image
        self.node = node
        self.sample_ms = given["values.sample_ms"]
        self.round_ma = int(given["values.round_a"] * _MILLI)
        self.factors = given["values.current_factor"], given["values.power_factor"]
        legs = len(given["values.current"])
        # (topic, way into its JSON or "", name) of each value: currents, powers, what is delivered
        self.sources = []
        for what in ("current", "power", "export"):
            entries = given["values." + what] or []
            for leg in range(len(entries)):
                topic, _, way = entries[leg].partition("#")
                if given["values.host"]:  # one answer has all
                    topic, way = "", entries[leg]
                self.sources.append((topic.encode(), way, "{} L{}".format(what, leg + 1)))
        self.listens = {source[0] for source in self.sources}
        self.parts = array("i", [0] * len(self.sources))
        self.values = array("i", [0] * (2 * legs))
        self._ma = list(range(legs))
        self._w = list(range(legs, 2 * legs))
        self._mv = ()
        self._has_hz = False
        self.still_ms = self._slow = self.polls = 0
        self._changed = False
        self._come = 0  # values of this reading, as bits
        self._begun_ms = self._heard_ms = self._whole_ms = self._written_ms = ticks_ms()

    def state(self):
        if ticks_diff(ticks_ms(), self._heard_ms) > SLOWEST_MS:
            return "silent"
        return "frozen" if "registers" in self.errors else "ok"

    def report(self):
        """As of a meter on a line."""
        errors = [field + ": " + text for field, text in self.errors.items()]
        return {"state": self.state(), "readings": self.polls, "errors": errors}

    def heard(self, topic, payload):
        """What was said on a topic just now; never what a broker has kept."""
        if topic not in self.listens:
            return
        now = ticks_ms()
        if ticks_diff(now, self._heard_ms) > _PAUSE_MS:
            if self._come:
                self.wrong("values", "of a reading are missing, or come {} ms apart", _PAUSE_MS)
            self._come = 0
        self._heard_ms = now
        if not self._come:
            self._begun_ms = now
        self._read(topic, payload, now)

    def _read(self, topic, payload, now):
        """The values in what was said; what is whole with them is written."""
        try:
            said = strict_json.loads(payload)
        except ValueError:
            said = None
        for i in range(len(self.sources)):
            if self.sources[i][0] == topic:
                self._take(i, _found(said, self.sources[i][1]))
        if self._come == (1 << len(self.sources)) - 1:
            self._come = 0
            self._whole(now)

    def _take(self, i, value):
        """A part of the reading, unless it cannot be."""
        amps = i < len(self._ma)
        name, most = self.sources[i][2], _MOST_A if amps else _MOST_W
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.wrong(name, "not a number")
            return
        value *= self.factors[0 if amps else 1]
        if not -most <= value <= most:
            self.wrong(name, "{}, allowed {}…{} {}", value, -most, most, "A" if amps else "W")
            return
        if self.errors:
            self.right(name)
        self.parts[i] = int(value * _MILLI if amps else value)
        self._come |= 1 << i

    def _whole(self, now):
        """All of a reading has come."""
        legs, parts, values = len(self._ma), self.parts, self.values
        late = ticks_diff(now, self._whole_ms) > SLOWEST_MS
        self._whole_ms = now
        for k in range(2 * legs):
            value = parts[k]
            if k < legs:
                value = abs(value) + self.round_ma if value else 0
            elif len(parts) > 2 * legs:
                value -= parts[k + legs]
            if values[k] != value:
                values[k] = value
                self._changed = True
        if late:  # one that comes so seldom would be fresh and stale in turn
            self.wrong("values", "come more seldom than every {} s", SLOWEST_MS // 1000)
            return
        self.right("values")
        self.polls = (self.polls + 1) & 0xFFFFFF
        self._write()


def _found(said, way):
    """The value at a dotted way into a JSON, or itself where there is none."""
    for part in way.split(".") if way else ():
        if isinstance(said, list) and part.isdigit() and int(part) < len(said):
            said = said[int(part)]
        elif isinstance(said, dict) and part in said:
            said = said[part]
        else:
            return None
    return said


def reports(meters):
    """For the published state."""
    return lambda: {meter.name: meter.report() for meter in meters}
