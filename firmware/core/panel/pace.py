# islet: how late things are, learned from islet's own steps.
# GPL-3.0-or-later
#
# What a device takes to follow shows in its own current; how old a meter's reading may be shows in
# when a step of that current appears in it. Until three steps were seen the declared worst holds.
# Slower than declared is believed at once, faster only as the largest of the last eight.

from array import array

from firmware import image as im
from firmware.base.viper import const
from firmware.core.panel import device_kernel, step_kernel
from firmware.core.panel.layout import (
    D_LEG,
    D_NOTICED_MS,
    D_OFFERS,
    D_ROW,
    D_TOOK_MS,
    H_LOW,
    H_ROW,
    P_BELOW,
    P_EARLY,
    P_HIDDEN,
    P_LATE,
    P_METERED,
    P_SHOWN,
    P_WORST,
    RING,
    node_at,
)

_WORST_AGE_MS = const(2_000)  # INV-4
# how much later than its age explains an instrument may show a step, until learned: a metering
# chip's mean of 16 periods, and a cycle
_METER_LATE_MS = const(0)
_METER_EARLY_MS = const(200)  # a profile's sample_ms is assumed, and might be nil
_CHIP_LATE_MS = const(400)
_MARGIN_MS = const(200)  # a control cycle and the mean that a current is
_ENOUGH = const(3)
_SEEN = const(8)
_LONGEST_MS = const(30_000)  # a step that has not shown by then shows nothing any more
_SPAN = const(8)  # slots in which a step happens


class Learned:
    """The largest of the last eight of a row of observations, ms; `declared` until three."""

    def __init__(self, rows):
        self._seen = array("H", [0] * (rows * _SEEN))  # none is longer than a minute
        self._count = array("H", [0] * rows)

    def take(self, row, ms):
        count = self._count[row]
        self._seen[row * _SEEN + (count & (_SEEN - 1))] = ms
        self._count[row] = count + 1 if count < 60_000 else _SEEN

    def enough(self, row):
        return self._count[row] >= _ENOUGH

    def most(self, row):
        most = 0
        at = row * _SEEN
        for i in range(at, at + _SEEN):
            if self._seen[i] > most:
                most = self._seen[i]
        return most

    def worst(self, row, declared, besides=-1):
        """Of a row, or of two."""
        most = self.most(row)
        count = self._count[row]
        if besides >= 0:
            count += self._count[besides]
            more = self.most(besides)
            if more > most:
                most = more
        return declared if count < _ENOUGH and most < declared else most


class Pace:
    """Writes LEARNED_AGE_MS, LEARNED_RESPONSE_MS and the plan's P_LATE."""

    def __init__(self, image, devices):
        self._image = image
        self._commands = image.commands
        self._devices = devices
        self._plan = None
        self._responses = Learned(2 * im.DEVICES)  # of each device, and of a car's notice
        self._nodes = nodes = image.site[im.NODE_COUNT]
        self._ages = Learned(nodes)
        self._hidden = Learned(nodes)
        self._device = 0  # whose step is looked for
        self._step_ma = 0
        self._own_ma = 0  # what all devices drew on its leg then
        self._since_ms = 0

    def declare(self, plan, nodes):
        site = self._image.site
        commands = self._commands
        self._plan = plan
        if nodes != self._nodes:
            self._ages = Learned(nodes)
            self._hidden = Learned(nodes)
        self._nodes = nodes
        for device in range(im.DEVICES):
            commands[im.LEARNED_RESPONSE_MS + device] = site[im.DEVICE_RESPONSE_MS + device]
        for node in range(nodes):
            at = node_at(node)
            meter = site[im.NODE_INSTRUMENT + node] == im.INSTRUMENT_METER
            plan[at + P_EARLY] = _METER_EARLY_MS if meter else 0
            plan[at + P_LATE] = _METER_LATE_MS if meter else _CHIP_LATE_MS
            plan[at + P_WORST] = commands[im.LEARNED_AGE_MS + node] = _WORST_AGE_MS

    def step(self, dt_ms):
        image = self._image
        devices = self._devices
        bits = device_kernel.pace(
            devices.rows, devices.many, image.readings, self._commands, dt_ms
        )
        if bits:
            self._follow(bits)
        if self._step_ma:
            self._look(dt_ms)
            return
        found = step_kernel.stepped(
            self._plan, devices.rows, devices.slots, image.readings, self._nodes, devices.many,
            devices.head,
        )  # fmt: skip
        if found:
            self._begin(found - 1)

    def aged_ms(self, node):
        """The oldest a node's reading was seen to be, ms."""
        return self._ages.most(node)

    # --- how long a device takes --------------------------------------------------------------

    def _follow(self, bits):
        rows = self._devices.rows
        seen = self._responses
        for device in range(self._devices.many):
            if bits >> device & 1:
                at = device * D_ROW
                if rows[at + D_TOOK_MS]:
                    seen.take(device, rows[at + D_TOOK_MS])
                notice = im.UNKNOWN
                if rows[at + D_OFFERS]:
                    notice = im.DEVICES + device
                    if rows[at + D_NOTICED_MS]:
                        seen.take(notice, rows[at + D_NOTICED_MS])
                declared_ms = self._image.site[im.DEVICE_RESPONSE_MS + device]
                self._commands[im.LEARNED_RESPONSE_MS + device] = seen.worst(
                    device, declared_ms, notice
                )

    # --- how old a reading may be -------------------------------------------------------------

    def _begin(self, device):
        """A device has made a step on its first leg."""
        self._device = device
        slots = self._devices.slots
        low = device * H_ROW + H_LOW + self._devices.rows[device * D_ROW + D_LEG]
        now_ma = slots[self._slot(0) + low]
        self._step_ma = step_ma = now_ma - slots[self._slot(_SPAN) + low]
        back = 0  # control cycles of 100 ms since half of it was there
        while back < _SPAN:
            ma = slots[self._slot(back + 1) + low]
            short_ma = now_ma - ma if step_ma > 0 else ma - now_ma
            if 2 * short_ma > (step_ma if step_ma > 0 else -step_ma):
                break
            back += 1
        self._since_ms = back * 100
        leg = self._devices.rows[self._device * D_ROW + D_LEG]
        self._own_ma = step_kernel.own(slots, self._devices.many, self._devices.head, leg)

    def _slot(self, back):
        devices = self._devices
        return ((devices.head - back) & (RING - 1)) * devices.many * H_ROW

    def _look(self, dt_ms):
        self._since_ms += dt_ms
        devices = self._devices
        leg = devices.rows[self._device * D_ROW + D_LEG]
        waiting = step_kernel.appear(
            self._plan, self._image.readings, self._nodes, 1 << self._device, leg, self._step_ma,
            self._since_ms,
        )  # fmt: skip
        if waiting and self._since_ms <= _LONGEST_MS:
            gone_ma = self._own_ma - step_kernel.own(
                devices.slots, devices.many, devices.head, leg
            )
            if self._step_ma < 0:
                gone_ma = -gone_ma
            if gone_ma <= (self._step_ma if self._step_ma > 0 else -self._step_ma) >> 2:
                return  # else another of islet's has hidden it since: it tells of no lateness
        self._step_ma = 0
        for node in range(self._nodes):
            self._aged(node)

    def _aged(self, node):
        plan = self._plan
        at = node_at(node)
        shown_ms = plan[at + P_SHOWN]
        if not shown_ms or not plan[at + P_METERED] or not plan[at + P_BELOW] >> self._device & 1:
            return
        self._ages.take(node, shown_ms)
        worst_ms = self._ages.most(node)
        worst_ms += worst_ms // 4 + _MARGIN_MS  # of eight steps none need have met the oldest
        if worst_ms < _WORST_AGE_MS and not self._ages.enough(node):
            worst_ms = _WORST_AGE_MS
        self._commands[im.LEARNED_AGE_MS + node] = worst_ms
        plan[at + P_WORST] = worst_ms if worst_ms > _WORST_AGE_MS else _WORST_AGE_MS
        meter = self._image.site[im.NODE_INSTRUMENT + node] == im.INSTRUMENT_METER
        self._hidden.take(node, plan[at + P_HIDDEN])
        late_ms = self._hidden.worst(node, _METER_LATE_MS if meter else _CHIP_LATE_MS)
        plan[at + P_LATE] = late_ms
