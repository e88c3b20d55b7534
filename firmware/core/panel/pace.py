# islet: how late things are, learned from islet's own steps.
# GPL-3.0-or-later
#
# What a device takes to follow shows in its own current; how old a meter's reading may be shows in
# when a step of that current appears in it. Until three steps were seen the declared worst holds.
# Slower than declared is believed at once, faster only as the largest of the last eight.

from array import array

from firmware import image as im
from firmware.base.viper import const
from firmware.core.panel import pairing_kernel as kernel
from firmware.core.panel.kernel import (
    BELOW_EVSE,
    BELOW_INVERTER,
    H_EVSE_HIGH,
    H_EVSE_LOW,
    H_INVERTER_HIGH,
    H_INVERTER_LOW,
    P_BELOW,
    P_EARLY,
    P_HIDDEN,
    P_LATE,
    P_METERED,
    P_SHOWN,
    P_WORST,
    RING,
    SLOT_SIZE,
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
_NOTICE = const(2)
_LONGEST_MS = const(30_000)  # a step that has not shown by then shows nothing any more

_STEP_MA = const(3_000)  # INV-15's evidence
_STEADY_MA = const(500)
_BEYOND_MA = const(1_000)  # an order lower than what is drawn by so much is timed
_BEYOND_W = const(300)
_THERE_MA = const(500)
_THERE_W = const(100)
_RAISED_MA = const(500)
_STIRS_MA = const(300)
_NOTICED_MS = const(10_000)
_SPAN = const(8)  # slots in which a step happens
# a device's bit of P_BELOW, and its first leg in a slot of history
_OWN = ((BELOW_EVSE, H_EVSE_LOW, H_EVSE_HIGH), (BELOW_INVERTER, H_INVERTER_LOW, H_INVERTER_HIGH))


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


class Follower:
    """Times how long a device takes from an order towards zero until it has followed."""

    def __init__(self, beyond, there):
        self._beyond = beyond  # what it does more than told, from which on it is timed
        self._there = there  # less is as told
        self._told = 0
        self._since_ms = -1

    def step(self, dt_ms, told, does):
        """`told` and `does` are amounts. The ms it took, once, or 0."""
        since_ms = self._since_ms
        before = self._told
        self._told = told
        over = does - told
        if since_ms < 0:
            if told < before and over > self._beyond:
                self._since_ms = 0
            return 0
        since_ms += dt_ms
        self._since_ms = since_ms
        if told > before + self._there or since_ms > _LONGEST_MS:
            self._since_ms = -1
            return 0
        if over > self._there + (told >> 5):
            return 0
        self._since_ms = -1
        return since_ms


class Pace:
    """Writes LEARNED_AGE_MS, LEARNED_RESPONSE_MS and the plan's P_LATE."""

    def __init__(self, image, plan, history):
        self._image = image
        self._commands = image.commands
        self._plan = plan
        self._history = history
        self._nodes = 0
        self._responses = Learned(3)  # of each device, and of the car's notice
        self._ages = Learned(im.NODES)
        self._hidden = Learned(im.NODES)
        self._car = Follower(_BEYOND_MA, _THERE_MA)
        self._charging = Follower(_BEYOND_W, _THERE_W)
        self._feeding = Follower(_BEYOND_W, _THERE_W)
        self._stirs_ms = -1
        self._stood_ma = self._offered_ma = 0
        self._rested = 0  # bits of devices that have stood still since the last step
        self._bit = 0  # of the device whose step is looked for
        self._leg = 0
        self._step_ma = 0
        self._since_ms = 0

    def declare(self, nodes):
        site = self._image.site
        commands = self._commands
        self._nodes = nodes
        commands[im.LEARNED_RESPONSE_MS + im.EVSE] = site[im.DEVICE_RESPONSE_MS + im.EVSE]
        commands[im.LEARNED_RESPONSE_MS + im.INVERTER] = site[im.DEVICE_RESPONSE_MS + im.INVERTER]
        for node in range(nodes):
            meter = site[im.NODE_INSTRUMENT + node] == im.INSTRUMENT_METER
            self._plan[P_EARLY + node] = _METER_EARLY_MS if meter else 0
            self._plan[P_LATE + node] = _METER_LATE_MS if meter else _CHIP_LATE_MS
            self._plan[P_WORST + node] = commands[im.LEARNED_AGE_MS + node] = _WORST_AGE_MS

    def step(self, dt_ms):
        history = self._history
        if history.has_evse and history.evse_fresh:
            self._follow_car(dt_ms)
        if history.has_inverter and history.inverter_fresh:
            self._follow_inverter(dt_ms)
        if self._step_ma:
            self._look(dt_ms)
        else:
            self._watch()

    def aged_ms(self, node):
        """The oldest a node's reading was seen to be, ms."""
        return self._ages.most(node)

    # --- how long a device takes --------------------------------------------------------------

    def _follow_car(self, dt_ms):
        offer_ma = self._commands[im.SETPOINT + im.EVSE]
        drawn_ma = self._history.drawn_ma()
        took_ms = self._car.step(dt_ms, offer_ma, drawn_ma)
        noticed_ms = self._stirred(dt_ms, offer_ma, drawn_ma)
        if not took_ms and not noticed_ms:
            return
        seen = self._responses
        if took_ms:
            seen.take(im.EVSE, took_ms)
        if noticed_ms:
            seen.take(_NOTICE, noticed_ms)
        declared_ms = self._image.site[im.DEVICE_RESPONSE_MS + im.EVSE]
        self._commands[im.LEARNED_RESPONSE_MS + im.EVSE] = seen.worst(
            im.EVSE, declared_ms, _NOTICE
        )

    def _stirred(self, dt_ms, offer_ma, drawn_ma):
        """How long a car that draws takes to notice a higher offer; how fast it falls is not known
        by that, but it will notice a lower one no sooner."""
        before_ma = self._offered_ma
        self._offered_ma = offer_ma
        if self._stirs_ms < 0:
            stands = -_THERE_MA <= drawn_ma - before_ma <= _THERE_MA
            if before_ma and stands and offer_ma >= before_ma + _RAISED_MA:
                self._stirs_ms = 0
                self._stood_ma = drawn_ma
            return 0
        self._stirs_ms += dt_ms
        if offer_ma < before_ma - _THERE_MA or self._stirs_ms > _NOTICED_MS:
            self._stirs_ms = -1  # it has no use for more, or nothing is known any longer
        elif drawn_ma > self._stood_ma + _STIRS_MA:
            took_ms = self._stirs_ms
            self._stirs_ms = -1
            return took_ms
        return 0

    def _follow_inverter(self, dt_ms):
        told_w = self._commands[im.SETPOINT + im.INVERTER]
        does_w = self._history.inverter_w()
        took_ms = self._charging.step(dt_ms, told_w if told_w > 0 else 0, does_w)
        back_ms = self._feeding.step(dt_ms, -told_w if told_w < 0 else 0, -does_w)
        if back_ms > took_ms:
            took_ms = back_ms
        if took_ms:
            seen = self._responses
            seen.take(im.INVERTER, took_ms)
            declared_ms = self._image.site[im.DEVICE_RESPONSE_MS + im.INVERTER]
            self._commands[im.LEARNED_RESPONSE_MS + im.INVERTER] = seen.worst(
                im.INVERTER, declared_ms
            )

    # --- how old a reading may be -------------------------------------------------------------

    def _watch(self):
        """Wait for a step of a device on its first leg; note the readings while it stands."""
        history = self._history
        for bit, low, high in _OWN:
            slots = history.slots
            now = history.head * SLOT_SIZE
            then = ((history.head - _SPAN) & (RING - 1)) * SLOT_SIZE
            if slots[now + low] != slots[now + high] or slots[then + low] != slots[then + high]:
                continue
            step_ma = slots[now + low] - slots[then + low]
            if -_STEADY_MA <= step_ma <= _STEADY_MA:
                self._rested |= bit
                kernel.appear(self._plan, self._image.readings, self._nodes, bit, 0, 0, 0)
            elif self._rested & bit and (step_ma >= _STEP_MA or step_ma <= -_STEP_MA):
                self._rested = 0
                self._bit = bit
                self._step_ma = step_ma
                self._since_ms = self._half(slots, low, step_ma)
                return

    def _half(self, slots, low, step_ma):
        """ms since half of the step was there, in control cycles of 100 ms."""
        history = self._history
        now_ma = slots[history.head * SLOT_SIZE + low]
        back = 0
        while back < _SPAN:
            ma = slots[((history.head - back - 1) & (RING - 1)) * SLOT_SIZE + low]
            short_ma = now_ma - ma if step_ma > 0 else ma - now_ma
            if 2 * short_ma > (step_ma if step_ma > 0 else -step_ma):
                break
            back += 1
        return back * 100

    def _look(self, dt_ms):
        self._since_ms += dt_ms
        waiting = kernel.appear(
            self._plan, self._image.readings, self._nodes, self._bit, 0, self._step_ma,
            self._since_ms,
        )  # fmt: skip
        if waiting and self._since_ms <= _LONGEST_MS:
            return
        self._step_ma = 0
        for node in range(self._nodes):
            self._aged(node)

    def _aged(self, node):
        plan = self._plan
        shown_ms = plan[P_SHOWN + node]
        if not shown_ms or not plan[P_METERED + node] or not plan[P_BELOW + node] & self._bit:
            return
        self._ages.take(node, shown_ms)
        worst_ms = self._ages.most(node)
        worst_ms += worst_ms // 4 + _MARGIN_MS  # of eight steps none need have met the oldest
        if worst_ms < _WORST_AGE_MS and not self._ages.enough(node):
            worst_ms = _WORST_AGE_MS
        self._commands[im.LEARNED_AGE_MS + node] = worst_ms
        plan[P_WORST + node] = worst_ms if worst_ms > _WORST_AGE_MS else _WORST_AGE_MS
        meter = self._image.site[im.NODE_INSTRUMENT + node] == im.INSTRUMENT_METER
        self._hidden.take(node, plan[P_HIDDEN + node])
        late_ms = self._hidden.worst(node, _METER_LATE_MS if meter else _CHIP_LATE_MS)
        plan[P_LATE + node] = late_ms
