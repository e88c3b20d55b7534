# islet: the circuit tree: what each commanded device may draw or feed back, per leg.
# GPL-3.0-or-later
#
# Here: what is known (fresh, stale, frozen), what islet's own devices contribute, and the claims.
# The passes over the tree are in panel_kernel.py.

from array import array

from firmware.core import panel_kernel as kernel
from firmware.core.panel_history import History
from firmware.core.panel_kernel import (
    BELOW_EVSE,
    BELOW_INVERTER,
    END_LEG,
    END_NODE,
    END_WHY,
    FRESH,
    P_ALARM,
    P_ALARM_LEG,
    P_ALARM_NODE,
    P_BELOW,
    P_BUS,
    P_BUS_LOAD,
    P_COORDINATED,
    P_HERE,
    P_HIGH,
    P_LEGS,
    P_LIMIT,
    P_LOW,
    P_NODE,
    P_OTHER,
    P_PARENT,
    P_RATING,
    P_RESERVED,
    P_SLOT,
    P_SOURCES,
    P_STATE,
    P_STATIC,
    PLAN_SIZE,
    STALE,
    UNMETERED,
    WHY_STALE,
)
from firmware.image import (
    ALARM_LEG,
    ALARM_MA,
    ALARM_NODE,
    CLAIM_HIGH,
    COORDINATED,
    DEVICES,
    EVSE,
    EVSE_LEGS,
    EVSE_NODE,
    EXPORT_LIMIT_W,
    GRID_AGE_MS,
    GRID_MV,
    HARDWARE,
    INSTRUMENT_CT,
    INSTRUMENT_METER,
    INVERTER,
    INVERTER_LEGS,
    INVERTER_NODE,
    INVERTER_REVERT_MS,
    LEGS,
    MARKET,
    NODE_AGE_MS,
    NODE_BUS_MA,
    NODE_BUS_PERMILLE,
    NODE_CONTINUOUS_PERMILLE,
    NODE_COUNT,
    NODE_INSTRUMENT,
    NODE_MA,
    NODE_PARENT,
    NODE_RATING_MA,
    NODE_SOURCE_MA,
    NODE_W,
    NODES,
    NOMINAL_MV,
    OPERATOR,
    PANEL,
    REASON_BREAKER,
    REASON_BUSBAR,
    REASON_EXPORT,
    REASON_METER_STALE,
    REASON_NONE,
    REASON_STATIC_BACKFEED,
    const,
)

_STALE_MS = const(2_000)  # INV-4
_MOVED_MA = const(3_000)  # a change of islet's own current that no working meter can miss
_REVERT_MS = const(10_000)  # longest time-out in the device that coordination may rely on
_LOWEST_VOLTAGE_PERMILLE = const(850)
_WIDEST_W = const(1_000_000)

_REASONS = (REASON_BREAKER, REASON_BUSBAR, REASON_STATIC_BACKFEED, REASON_METER_STALE)  # by WHY_*


class Panel:
    """Claims of source PANEL for both devices, and ALARM_*.

    `limits` takes `claim(source, device, low, high, reason, node, leg, value, low_reason)`.
    Site fields are read at the first step and taken as constant from there.
    """

    def __init__(self, image, limits):
        self.image = image
        self.limits = limits
        self.plan = array("i", [0] * PLAN_SIZE)
        self.history = History(image)
        self._last_ma = array("i", [0] * (NODES * LEGS))  # each node's last different reading
        self._mark_ma = array("i", [0] * (NODES * LEGS))  # islet's own current at that time
        self._still_ms = array("i", [0] * NODES)  # islet moved and the reading did not
        self._nodes = 0
        self._volts = 0
        self._prepared = False

    def step(self, dt_ms):
        if not self._prepared:
            self._prepare()
            self._prepared = True
        self.history.push(dt_ms)
        self._weigh(dt_ms)
        self._volts = self._lowest_volts()
        kernel.survey(self.plan, self.image.readings, self.history.slots, self._nodes)
        self._claim_evse()
        self._claim_inverter()
        self._alarm()

    # --- what the installer declared ----------------------------------------------------------

    def _prepare(self):
        site = self.image.site
        plan = self.plan
        self._nodes = site[NODE_COUNT]
        self.history.declare()
        for node in range(self._nodes):
            plan[P_PARENT + node] = site[NODE_PARENT + node]
            rating_ma = site[NODE_RATING_MA + node]
            plan[P_RATING + node] = rating_ma
            plan[P_LIMIT + node] = _permille(rating_ma, site[NODE_CONTINUOUS_PERMILLE + node])
            plan[P_HERE + node] = site[NODE_SOURCE_MA + node]
        for node in range(self._nodes):
            self._mark_above(node, P_SOURCES, site[NODE_SOURCE_MA + node])
        if self.history.has_evse:
            self._mark_above(site[EVSE_NODE], P_BELOW, BELOW_EVSE)
        if self.history.has_inverter:
            self._mark_above(site[INVERTER_NODE], P_BELOW, BELOW_INVERTER)
        for node in range(self._nodes):
            self._prepare_bus(node)

    def _mark_above(self, node, column, amount):
        """Add an amount to a column of the plan at a node and all above it."""
        while 0 <= node < self._nodes:
            self.plan[column + node] += amount
            node = self.plan[P_PARENT + node]

    def _prepare_bus(self, node):
        """Static rule: 1.25 sum of sources + OCPD <= bus (x 1.2 at the opposite end).

        NEC 705.12(B)(3)(1) and (2), quoted second-hand in the standards facts §2.
        """
        site = self.image.site
        bus_ma = site[NODE_BUS_MA + node]
        ruled_ma = _permille(bus_ma, site[NODE_BUS_PERMILLE + node])
        coordinated = site[COORDINATED] and 0 < site[INVERTER_REVERT_MS] <= _REVERT_MS
        static_ma = (ruled_ma - site[NODE_RATING_MA + node]) * 4 // 5 - self.plan[P_SOURCES + node]
        self.plan[P_BUS + node] = bus_ma
        self.plan[P_BUS_LOAD + node] = bus_ma if coordinated else ruled_ma
        self.plan[P_STATIC + node] = max(0, static_ma)

    # --- what is known now --------------------------------------------------------------------

    def _weigh(self, dt_ms):
        """Per node: fresh, stale or unmetered, and the slot of history that fits its reading."""
        site = self.image.site
        readings = self.image.readings
        plan = self.plan
        coordinated = site[COORDINATED] and 0 < site[INVERTER_REVERT_MS] <= _REVERT_MS
        if self.history.has_inverter and not self.history.inverter_fresh:
            coordinated = 0
        for node in range(self._nodes):
            plan[P_COORDINATED + node] = 1 if coordinated else 0
            instrument = site[NODE_INSTRUMENT + node]
            # A device's own instrument sees nothing but the device: the rating is all it takes.
            if instrument != INSTRUMENT_CT and instrument != INSTRUMENT_METER:
                plan[P_STATE + node] = UNMETERED
                continue
            age_ms = readings[NODE_AGE_MS + node]
            plan[P_SLOT + node] = self.history.at(age_ms, dt_ms)
            fresh = age_ms <= _STALE_MS and not self._frozen(node, dt_ms)
            plan[P_STATE + node] = FRESH if fresh else STALE

    def _frozen(self, node, dt_ms):
        """Its readings stand still to the milliampere although islet's own current moved."""
        readings = self.image.readings
        changed = moved = False
        for leg in range(LEGS):
            at = node * LEGS + leg
            own_ma = kernel.own_high(self.plan, self.history.slots, node, leg)
            if abs(own_ma - self._mark_ma[at]) >= _MOVED_MA:
                moved = True
            if readings[NODE_MA + at] != self._last_ma[at]:
                changed = True
        if changed:
            for leg in range(LEGS):
                at = node * LEGS + leg
                self._last_ma[at] = readings[NODE_MA + at]
                self._mark_ma[at] = kernel.own_high(self.plan, self.history.slots, node, leg)
            self._still_ms[node] = 0
        elif self._still_ms[node] <= _STALE_MS:  # once frozen, only a new reading thaws it
            self._still_ms[node] = self._still_ms[node] + dt_ms if moved else 0
        return self._still_ms[node] > _STALE_MS

    def _lowest_volts(self):
        """V per leg for turning mA into W: the lower it is, the fewer W make a given current."""
        site = self.image.site
        nominal_mv = site[NOMINAL_MV]
        floor_mv = nominal_mv * _LOWEST_VOLTAGE_PERMILLE // 1000
        lowest_mv = nominal_mv
        if self.image.readings[GRID_AGE_MS] > _STALE_MS:
            lowest_mv = floor_mv
        for leg in range(site[INVERTER_LEGS]):
            lowest_mv = min(lowest_mv, self.image.readings[GRID_MV + leg])
        return max(lowest_mv, floor_mv) // 1000

    # --- claims -------------------------------------------------------------------------------

    def _ask(self, node, legs, other):
        self.plan[P_NODE] = node
        self.plan[P_LEGS] = legs
        self.plan[P_OTHER] = other
        kernel.tightest(self.plan, self.image.readings, self.history.slots)

    def _claim_evse(self):
        plan = self.plan
        if not self.history.has_evse:
            self.limits.claim(PANEL, EVSE, 0, 0, REASON_NONE)
            return
        for leg in range(LEGS):
            plan[P_RESERVED + leg] = self.history.inverter_draw_ma(leg, self._volts)
        self._ask(self.image.site[EVSE_NODE], self.image.site[EVSE_LEGS], BELOW_INVERTER)
        self.limits.claim(
            PANEL,
            EVSE,
            0,
            plan[P_HIGH],
            _REASONS[plan[P_HIGH + END_WHY]],
            node=plan[P_HIGH + END_NODE],
            leg=plan[P_HIGH + END_LEG],
            value=self._value(plan[P_HIGH + END_WHY], plan[P_HIGH + END_NODE], plan[P_HIGH]),
            low_reason=REASON_NONE,
        )

    def _claim_inverter(self):
        plan = self.plan
        if not self.history.has_inverter:
            self.limits.claim(PANEL, INVERTER, 0, 0, REASON_NONE)
            return
        legs = self.image.site[INVERTER_LEGS]
        wanted_ma = self._evse_wants_ma()
        for leg in range(LEGS):
            plan[P_RESERVED + leg] = max(wanted_ma, self.history.evse_draw_ma(leg))
            if leg >= self.image.site[EVSE_LEGS]:
                plan[P_RESERVED + leg] = 0
        self._ask(self.image.site[INVERTER_NODE], legs, BELOW_EVSE)
        high_w = min(_WIDEST_W, plan[P_HIGH] * self._volts // 1000 * legs)
        low_w = min(_WIDEST_W, plan[P_LOW] * self._volts // 1000 * legs)
        low_reason = _REASONS[plan[P_LOW + END_WHY]]
        # One place and value for both ends: the tighter one's.
        end = P_LOW if low_w < high_w else P_HIGH
        node = plan[end + END_NODE]
        leg = plan[end + END_LEG]
        value = self._value(plan[end + END_WHY], node, plan[end])
        export_w = self._export_w()
        if export_w < low_w:
            low_w = export_w
            low_reason = REASON_EXPORT
            if low_w < high_w:
                node, leg, value = 0, -1, low_w
        self.limits.claim(
            PANEL,
            INVERTER,
            -low_w,
            high_w,
            _REASONS[plan[P_HIGH + END_WHY]],
            node=node,
            leg=leg,
            value=value,
            low_reason=low_reason,
        )

    def _value(self, why, node, headroom_ma):
        """What the reason's sentence needs: the age of a stale instrument, else the headroom."""
        if why == WHY_STALE:
            return self.image.readings[NODE_AGE_MS + node]
        return headroom_ma

    def _evse_wants_ma(self):
        """What everybody but the panel would let the car have: the car goes first."""
        commands = self.image.commands
        wants_ma = commands[CLAIM_HIGH + HARDWARE * DEVICES + EVSE]
        wants_ma = min(wants_ma, commands[CLAIM_HIGH + OPERATOR * DEVICES + EVSE])
        return min(wants_ma, commands[CLAIM_HIGH + MARKET * DEVICES + EVSE])

    def _export_w(self):
        """W the inverter may deliver under the site's export limit; a load of islet's own (the
        car) does not enlarge it."""
        limit_w = self.image.site[EXPORT_LIMIT_W]
        if limit_w < 0:
            return _WIDEST_W
        if self._nodes == 0 or self.plan[P_STATE] != FRESH:
            return 0  # INV-4: sites with an export limit export nothing
        house_w = 0
        for leg in range(LEGS):
            house_w += self.image.readings[NODE_W + leg]
        house_w -= self.history.own_high_w(self.plan[P_SLOT], self._volts)
        return max(0, limit_w + house_w)

    def _alarm(self):
        commands = self.image.commands
        over_ma = self.plan[P_ALARM]
        commands[ALARM_MA] = over_ma
        commands[ALARM_NODE] = self.plan[P_ALARM_NODE] if over_ma else -1
        commands[ALARM_LEG] = self.plan[P_ALARM_LEG] if over_ma else -1


def _permille(amount, permille):
    """amount * permille / 1000 without leaving 30 bits."""
    return amount // 1000 * permille + amount % 1000 * permille // 1000
