# islet: the circuit tree: what each commanded device may draw or feed back, per leg.
# GPL-3.0-or-later
#
# Here: what is known (fresh, stale, frozen), what islet's own devices contribute, and the claims.
# The passes over the tree are in panel_kernel.py.

from array import array

from firmware import image as im
from firmware.base.viper import const
from firmware.core.panel import kernel
from firmware.core.panel import pairing_kernel as pairing
from firmware.core.panel.history import History
from firmware.core.panel.kernel import (
    BELOW_EVSE,
    BELOW_INVERTER,
    DRAW,
    DRAW_BUS,
    END_LEG,
    END_NODE,
    END_WHY,
    FEED,
    FEED_BUS,
    FRESH,
    OPEN_MA,
    P_ALARM,
    P_ALARM_LEG,
    P_ALARM_NODE,
    P_BEFORE,
    P_BELOW,
    P_BUS,
    P_BUS_LOAD,
    P_HERE,
    P_HIGH,
    P_LEGS,
    P_LIMIT,
    P_LOW,
    P_METERED,
    P_NODE,
    P_OTHER,
    P_PARENT,
    P_RATING,
    P_RESERVED,
    P_ROOM,
    P_SOURCES,
    P_STATE,
    P_STATIC,
    P_WHY,
    PLACES,
    PLAN_SIZE,
    WHY_BUSBAR,
    WHY_STALE,
)
from firmware.core.panel.pace import Pace
from firmware.core.panel.witness import Witness

_STALE_MS = const(2_000)  # INV-4
_REVERT_MS = const(10_000)  # longest time-out in the device that coordination may rely on
_LOWEST_VOLTAGE_PERMILLE = const(850)
_HIGHEST_VOLTAGE_PERMILLE = const(1_150)
_WIDEST_W = const(1_000_000)
_TOLERANCE_MA = const(600)  # of a car's current against the room it has
_OPENING_MS = const(200)  # a contactor's declared time, and a cycle

_REASONS = (
    im.REASON_BREAKER,
    im.REASON_BUSBAR,
    im.REASON_STATIC_BACKFEED,
    im.REASON_METER_STALE,
)  # by WHY_*


class Panel:
    """Claims of source PANEL for both devices, and ALARM_*.

    `limits` takes `claim(source, device, low, high, reason, node, leg, value, low_reason)`.
    Site fields are read at the first step and taken as constant from there.
    """

    def __init__(self, image, limits):
        self.limits = limits
        self._site = image.site
        self._readings = image.readings
        self._commands = image.commands
        self.plan = array("i", [0] * PLAN_SIZE)
        self.history = History(image)
        self.pace = Pace(image, self.plan, self.history)
        self.witness = Witness(image, self.plan)
        self._nodes = 0
        self._coordinated = False  # declared, and safe by the device's own time-out
        self._evse_legs = self._inverter_legs = 0
        self._nominal_mv = self._floor_mv = 0
        self._export_limit_w = 0
        self._volts = 0
        self._house_w = 0
        self._house_known = 0
        self._doubt_ms = 0  # for so long a doubt about the moment of a reading may last
        self._excess_ms = 0
        self._deadline_ms = 0
        self._response_ms = 0
        self._prepared = False

    def step(self, dt_ms):
        if not self._prepared:
            self._prepare()
            self._prepared = True
        self.history.push(dt_ms)
        self._survey(dt_ms)
        self.pace.step(dt_ms)
        self._volts = self._lowest_volts()
        self._claim_evse(dt_ms)
        self._claim_inverter()
        self._alarm()

    # --- what the installer declared ----------------------------------------------------------

    def _prepare(self):
        site = self._site
        plan = self.plan
        self._nodes = site[im.NODE_COUNT]
        self._coordinated = (
            site[im.COORDINATED] and 0 < site[im.DEVICE_REVERT_MS + im.INVERTER] <= _REVERT_MS
        )
        self._evse_legs = site[im.DEVICE_LEGS + im.EVSE]
        self._inverter_legs = site[im.DEVICE_LEGS + im.INVERTER]
        self._nominal_mv = site[im.NOMINAL_MV]
        self._floor_mv = self._nominal_mv * _LOWEST_VOLTAGE_PERMILLE // 1000
        self._export_limit_w = site[im.EXPORT_LIMIT_W]
        self.history.declare()
        self._response_ms = site[im.DEVICE_RESPONSE_MS + im.EVSE]
        self._doubt_ms = _STALE_MS + max(
            self._response_ms, site[im.DEVICE_RESPONSE_MS + im.INVERTER]
        )
        for node in range(self._nodes):
            plan[P_PARENT + node] = site[im.NODE_PARENT + node]
            rating_ma = site[im.NODE_RATING_MA + node]
            plan[P_RATING + node] = rating_ma
            plan[P_LIMIT + node] = _permille(rating_ma, site[im.NODE_CONTINUOUS_PERMILLE + node])
            plan[P_HERE + node] = site[im.NODE_SOURCE_MA + node]
            # A device's own instrument sees nothing but the device: the rating is all it takes.
            instrument = site[im.NODE_INSTRUMENT + node]
            if instrument == im.INSTRUMENT_CT or instrument == im.INSTRUMENT_METER:
                plan[P_METERED + node] = 1
        for node in range(self._nodes):
            self._mark_above(node, P_SOURCES, site[im.NODE_SOURCE_MA + node])
        if self.history.has_evse:
            self._mark_above(site[im.DEVICE_NODE + im.EVSE], P_BELOW, BELOW_EVSE)
        if self.history.has_inverter:
            self._mark_above(site[im.DEVICE_NODE + im.INVERTER], P_BELOW, BELOW_INVERTER)
        for node in range(self._nodes):
            self._prepare_bus(node)
        self.witness.declare()
        self.pace.declare(self._nodes)

    def _mark_above(self, node, column, amount):
        """Add an amount to a column of the plan at a node and all above it."""
        while 0 <= node < self._nodes:
            self.plan[column + node] += amount
            node = self.plan[P_PARENT + node]

    def _prepare_bus(self, node):
        """Static rule: 1.25 sum of sources + OCPD <= bus (x 1.2 at the opposite end).

        NEC 705.12(B)(3)(1) and (2), quoted second-hand in the standards facts §2.
        """
        site = self._site
        plan = self.plan
        bus_ma = site[im.NODE_BUS_MA + node]
        ruled_ma = _permille(bus_ma, site[im.NODE_BUS_PERMILLE + node])
        static_ma = (ruled_ma - site[im.NODE_RATING_MA + node]) * 4 // 5 - plan[P_SOURCES + node]
        plan[P_BUS + node] = bus_ma
        plan[P_BUS_LOAD + node] = bus_ma if self._coordinated else ruled_ma
        plan[P_STATIC + node] = max(0, static_ma)
        plan[P_WHY + DRAW_BUS * im.NODES + node] = WHY_BUSBAR
        for leg in range(im.LEGS):  # the kernel changes them where there is a busbar
            plan[P_ROOM + DRAW_BUS * PLACES + node * im.LEGS + leg] = OPEN_MA
            plan[P_ROOM + FEED_BUS * PLACES + node * im.LEGS + leg] = OPEN_MA

    # --- what is known now --------------------------------------------------------------------

    def _survey(self, dt_ms):
        """From the readings to what each place of the tree leaves to islet's devices."""
        plan = self.plan
        readings = self._readings
        history = self.history
        nodes = self._nodes
        coordinated = 1 if self._coordinated else 0
        if history.has_inverter and not history.inverter_fresh:
            coordinated = 0
        pairing.ages(plan, readings, nodes, dt_ms)
        pairing.pair(
            plan,
            history.slots,
            readings,
            nodes,
            history.head,
            dt_ms,
            self._doubt_ms,
            history.worst_bits,
        )
        kernel.judge(plan, readings, nodes, dt_ms, _STALE_MS, coordinated)
        self.witness.step(dt_ms, history.evse_fresh, history.inverter_fresh)
        kernel.survey(plan, readings, nodes)
        kernel.breakers(plan, nodes)
        self.witness.parents.narrow()
        kernel.busbars(plan, history.slots, nodes, history.head)

    def _lowest_volts(self):
        """V per leg for turning mA into W: the lower it is, the fewer W make a given current."""
        readings = self._readings
        floor_mv = self._floor_mv
        if readings[im.GRID_AGE_MS] > _STALE_MS:
            return floor_mv // 1000
        lowest_mv = self._nominal_mv
        for leg in range(self._inverter_legs):
            leg_mv = readings[im.GRID_MV + leg]
            if leg_mv < lowest_mv:
                lowest_mv = leg_mv
        return (lowest_mv if lowest_mv > floor_mv else floor_mv) // 1000

    def _highest_volts(self):
        """V per leg for turning mA of the car into W: the higher, the more of a reading is its."""
        readings = self._readings
        if readings[im.GRID_AGE_MS] > _STALE_MS:
            return self._nominal_mv // 1000 * _HIGHEST_VOLTAGE_PERMILLE // 1000
        highest_mv = self._floor_mv
        for leg in range(self._evse_legs):
            if readings[im.GRID_MV + leg] > highest_mv:
                highest_mv = readings[im.GRID_MV + leg]
        return highest_mv // 1000 + 1

    # --- claims -------------------------------------------------------------------------------

    def _ask(self, node, legs, other):
        """P_HIGH of the device at a node, P_RESERVED of the other device being set."""
        plan = self.plan
        plan[P_NODE] = node
        plan[P_LEGS] = legs
        plan[P_OTHER] = other
        kernel.tightest(plan, DRAW, P_HIGH)

    def _claim_evse(self, dt_ms):
        history = self.history
        if not history.has_evse:
            self.limits.claim(im.PANEL, im.EVSE, 0, 0, im.REASON_NONE)
            return
        plan = self.plan
        for leg in range(self._evse_legs):
            plan[P_RESERVED + leg] = history.inverter_draw_ma(leg, self._volts)
        self._ask(self._site[im.DEVICE_NODE + im.EVSE], self._evse_legs, BELOW_INVERTER)
        node = plan[P_HIGH + END_NODE]
        why = plan[P_HIGH + END_WHY]
        high_ma = plan[P_HIGH]
        value = self._value(why, node, high_ma)
        leg = plan[P_HIGH + END_LEG]
        reason = self._reason(why, node)
        self.limits.claim(im.PANEL, im.EVSE, 0, high_ma, reason, node, leg, value, im.REASON_NONE)
        self._watch_excess(dt_ms, node, high_ma)

    def _watch_excess(self, dt_ms, node, high_ma):
        """INV-3: EVSE_OVERDUE when the car has drawn more than the place that binds leaves it, for
        longer than its response. An overload is met within 2 s of age + 100 ms + the response; of
        the age that the reading did not need, the car may have the rest."""
        commands = self._commands
        drawn_ma = self.history.drawn_ma()
        if not self.history.evse_fresh or drawn_ma <= high_ma + _TOLERANCE_MA:
            self._excess_ms = commands[im.DEVICE_OVERDUE + im.EVSE] = 0
            return
        if self._excess_ms == 0:
            left_ms = 0
            if node >= 0:
                left_ms = _STALE_MS - self.plan[P_BEFORE + node] - _OPENING_MS
                if left_ms < 0:
                    left_ms = 0
                slow_ms = self.pace.aged_ms(node) - _STALE_MS
                if slow_ms > 0:
                    left_ms -= slow_ms
            self._deadline_ms = self._response_ms + left_ms
        if self._excess_ms < _WIDEST_W:
            self._excess_ms += dt_ms
        if self._excess_ms > self._deadline_ms:
            commands[im.DEVICE_OVERDUE + im.EVSE] = 1

    def _claim_inverter(self):
        history = self.history
        if not history.has_inverter:
            self.limits.claim(im.PANEL, im.INVERTER, 0, 0, im.REASON_NONE)
            return
        plan = self.plan
        legs = self._inverter_legs
        wanted_ma = self._evse_wants_ma()
        for leg in range(legs):
            drawn_ma = history.evse_draw_ma(leg)
            if leg >= self._evse_legs:
                plan[P_RESERVED + leg] = 0
            else:
                plan[P_RESERVED + leg] = drawn_ma if drawn_ma > wanted_ma else wanted_ma
        self._ask(self._site[im.DEVICE_NODE + im.INVERTER], legs, BELOW_EVSE)
        kernel.tightest(plan, FEED, P_LOW)
        high_w = self._watts(plan[P_HIGH])
        low_w = self._watts(plan[P_LOW])
        low_reason = self._reason(plan[P_LOW + END_WHY], plan[P_LOW + END_NODE])
        # One place and value for both ends: the tighter one's.
        end = P_LOW if low_w < high_w else P_HIGH
        node = plan[end + END_NODE]
        leg = plan[end + END_LEG]
        value = self._value(plan[end + END_WHY], node, plan[end])
        export_w = self._export_w()
        if export_w < low_w:
            low_w = export_w
            low_reason = im.REASON_EXPORT
            if low_w < high_w:
                node, leg, value = 0, -1, low_w
        reason = self._reason(plan[P_HIGH + END_WHY], plan[P_HIGH + END_NODE])
        self.limits.claim(
            im.PANEL, im.INVERTER, -low_w, high_w, reason, node, leg, value, low_reason
        )

    def _reason(self, why, node):
        if why == WHY_STALE and self.witness.doubts(node):
            return im.REASON_INSTRUMENT
        return _REASONS[why]

    def _watts(self, per_leg_ma):
        watts = per_leg_ma * self._volts // 1000 * self._inverter_legs
        return watts if watts < _WIDEST_W else _WIDEST_W

    def _value(self, why, node, headroom_ma):
        """What the reason's sentence needs: the age of a stale instrument, else the headroom."""
        if why == WHY_STALE:
            return self._readings[im.NODE_AGE_MS + node]
        return headroom_ma

    def _evse_wants_ma(self):
        """What everybody but the panel would let the car have: the car goes first."""
        commands = self._commands
        wants_ma = commands[im.CLAIM_HIGH + im.HARDWARE * im.DEVICES + im.EVSE]
        ordered_ma = commands[im.CLAIM_HIGH + im.OPERATOR * im.DEVICES + im.EVSE]
        wished_ma = commands[im.CLAIM_HIGH + im.MARKET * im.DEVICES + im.EVSE]
        if ordered_ma < wants_ma:
            wants_ma = ordered_ma
        return wished_ma if wished_ma < wants_ma else wants_ma

    def _export_w(self):
        """W the inverter may deliver under the site's export limit; a load of islet's own (the
        car) does not enlarge it."""
        limit_w = self._export_limit_w
        if limit_w < 0:
            return _WIDEST_W
        if self._nodes == 0 or self.plan[P_STATE] != FRESH:
            self._house_known = 0
            return 0  # INV-4: sites with an export limit export nothing
        flow_w = 0
        for leg in range(im.LEGS):
            flow_w += self._readings[im.NODE_W + leg]
        history = self.history
        self._house_w = pairing.house(
            self.plan, history.slots, history.head, self._highest_volts(), flow_w,
            self._house_w, self._house_known,
        )  # fmt: skip
        self._house_known = 1
        left_w = limit_w + self._house_w
        return left_w if left_w > 0 else 0

    def _alarm(self):
        commands = self._commands
        plan = self.plan
        over_ma = plan[P_ALARM]
        commands[im.ALARM_MA] = over_ma
        commands[im.ALARM_NODE] = plan[P_ALARM_NODE] if over_ma else -1
        commands[im.ALARM_LEG] = plan[P_ALARM_LEG] if over_ma else -1


def _permille(amount, permille):
    """amount * permille / 1000 without leaving 30 bits."""
    return amount // 1000 * permille + amount % 1000 * permille // 1000
