# islet: the circuit tree: what each commanded device may draw or feed back, per leg.
# GPL-3.0-or-later
#
# Here: what the installer declared, and the claims. The passes are in kernels: what is known
# (fresh, stale, frozen), what others draw, what each place leaves, and to whom by rank.


from array import array

from firmware import image as im
from firmware.base.noughts import noughts
from firmware.base.viper import const
from firmware.core.panel import claims_kernel, has_kernel, kernel, neutral_kernel, share_kernel
from firmware.core.panel import pairing_kernel as pairing
from firmware.core.panel.devices import Devices
from firmware.core.panel.export import Export
from firmware.core.panel.layout import (
    D_DEADLINE_MS,
    D_EXCESS_MS,
    D_HIGH,
    D_LOW,
    D_NODE,
    D_OFFERS,
    D_ROW,
    DRAW_BUS,
    END_NODE,
    FEED_BUS,
    OPEN_MA,
    P_ALARM,
    P_ALARM_LEG,
    P_ALARM_NODE,
    P_BEFORE,
    P_BELOW,
    P_BUS,
    P_BUS_LOAD,
    P_FRESH_BITS,
    P_HEAD,
    P_HERE,
    P_LEGS,
    P_LIMIT,
    P_METERED,
    P_NEUTRAL,
    P_PARENT,
    P_RATING,
    P_ROOM,
    P_ROW,
    P_SOURCES,
    P_STATE,
    P_STATIC,
    P_TOGETHER,
    P_UNBALANCE,
    P_WHY,
    WHY_BUSBAR,
    WHY_LEASE,
    node_at,
)
from firmware.core.panel.pace import Pace
from firmware.core.panel.relief import Relief
from firmware.core.panel.witness import Witness

_STALE_MS = const(2_000)  # INV-4
_LOWEST_VOLTAGE_PERMILLE = const(850)
_WIDEST_W = const(1_000_000)
_OPENING_MS = const(200)  # a contactor's declared time, and a cycle

_REASONS = array(
    "i",
    (
        im.REASON_BREAKER,
        im.REASON_BUSBAR,
        im.REASON_STATIC_BACKFEED,
        im.REASON_METER_STALE,
        im.REASON_NEUTRAL,
        im.REASON_BALANCE,
        im.REASON_OPERATOR,
    )
    + tuple([im.REASON_OWNER + i for i in range(im.ISSUERS - 1)]),
)  # by WHY_*


def _plan(nodes):
    return noughts(P_HEAD + nodes * P_ROW)


class Panel:
    """Claims of source PANEL for every device, and ALARM_*.

    `limits` takes `claim(source, device, low, high, reason, node, leg, value, low_reason)`.
    Site fields are read at the first step and taken as constant from there.
    """

    def __init__(self, image, limits):
        self.limits = limits
        self._site = image.site
        self._readings = image.readings
        self._commands = image.commands
        self._nodes = image.site[im.NODE_COUNT]
        self.plan = _plan(self._nodes)
        self.devices = Devices(image)
        self.pace = Pace(image, self.devices)
        self.witness = Witness(image, self.devices)
        self.export = Export(image, self.devices)
        self.relief = Relief(image, self.devices)
        self._converters = 0  # bits of those that deliver, maybe
        self._coordinated = False  # declared, and safe by the devices' own time-outs
        self._nominal_mv = self._floor_mv = 0
        self._doubt_ms = 0  # for so long a doubt about the moment of a reading may last
        self._requests = image.requests
        self._lease_seq = im.UNKNOWN
        self._leased = False  # an issuer limits a node
        self._prepared = False

    def step(self, dt_ms):
        if not self._prepared:
            self._prepare()
            self._prepared = True
        self.devices.push(self.plan, dt_ms)
        self._survey(dt_ms)
        self.pace.step(dt_ms)
        self._share(dt_ms)
        if self.relief.may:
            self.relief.step(self.plan, dt_ms)
        self._claim(dt_ms)
        self._alarm()

    # --- what the installer declared ----------------------------------------------------------

    def _prepare(self):
        site = self._site
        nodes = self._nodes = site[im.NODE_COUNT]
        if len(self.plan) != P_HEAD + nodes * P_ROW:
            self.plan = _plan(nodes)
        plan = self.plan
        plan[P_LEGS] = site[im.LEG_COUNT]
        plan[P_TOGETHER] = site[im.UNBALANCE_TOGETHER]
        for way in range(2):
            most_va = site[im.UNBALANCE_VA + way]
            plan[P_UNBALANCE + way] = most_va * 1000 // (site[im.NOMINAL_MV] // 1000)
        devices = self.devices
        devices.declare()
        self._coordinated = site[im.COORDINATED] and devices.sure
        self._nominal_mv = site[im.NOMINAL_MV]
        self._floor_mv = self._nominal_mv * _LOWEST_VOLTAGE_PERMILLE // 1000
        for node in range(nodes):
            at = node_at(node)
            plan[at + P_PARENT] = site[im.NODE_PARENT + node]
            rating_ma = site[im.NODE_RATING_MA + node]
            plan[at + P_RATING] = rating_ma
            plan[at + P_NEUTRAL] = site[im.NODE_NEUTRAL_MA + node] or rating_ma
            plan[at + P_LIMIT] = _permille(rating_ma, site[im.NODE_CONTINUOUS_PERMILLE + node])
            plan[at + P_HERE] = site[im.NODE_SOURCE_MA + node]
            # A device's own instrument sees nothing but the device: the rating is all it takes.
            instrument = site[im.NODE_INSTRUMENT + node]
            if instrument == im.INSTRUMENT_CT or instrument == im.INSTRUMENT_METER:
                plan[at + P_METERED] = 1
        for node in range(nodes):
            self._mark_above(node, P_SOURCES, site[im.NODE_SOURCE_MA + node])
        for device in range(im.DEVICES):
            if device >= devices.many or devices.rows[device * D_ROW + D_NODE] < 0:
                self.limits.claim(im.PANEL, device, 0, 0, im.REASON_NONE)
        slowest_ms = 0
        for i in range(devices.count):
            at = devices.order[i]
            device = at // D_ROW
            self._mark_above(devices.rows[at + D_NODE], P_BELOW, 1 << device)
            if not devices.rows[at + D_OFFERS]:
                self._converters |= 1 << device
            slowest_ms = max(slowest_ms, site[im.DEVICE_RESPONSE_MS + device])
        self._doubt_ms = _STALE_MS + slowest_ms
        for node in range(nodes):
            self._prepare_bus(node)
        self.witness.declare(plan)
        self.pace.declare(plan, nodes)
        self.relief.declare()

    def _mark_above(self, node, column, amount):
        """Add an amount to a column of the plan at a node and all above it."""
        while 0 <= node < self._nodes:
            self.plan[node_at(node) + column] += amount
            node = self.plan[node_at(node) + P_PARENT]

    def _prepare_bus(self, node):
        """Static rule: 1.25 sum of sources + OCPD <= bus (x 1.2 at the opposite end).

        NEC 705.12(B)(3)(1) and (2), quoted second-hand in the standards facts §2.
        """
        site = self._site
        plan = self.plan
        at = node_at(node)
        bus_ma = site[im.NODE_BUS_MA + node]
        ruled_ma = _permille(bus_ma, site[im.NODE_BUS_PERMILLE + node])
        static_ma = (ruled_ma - site[im.NODE_RATING_MA + node]) * 4 // 5 - plan[at + P_SOURCES]
        plan[at + P_BUS] = bus_ma
        plan[at + P_BUS_LOAD] = bus_ma if self._coordinated else ruled_ma
        plan[at + P_STATIC] = max(0, static_ma)
        plan[at + P_WHY + DRAW_BUS] = WHY_BUSBAR
        for leg in range(im.LEGS):  # the kernel changes them where there is a busbar
            plan[at + P_ROOM + DRAW_BUS * im.LEGS + leg] = OPEN_MA
            plan[at + P_ROOM + FEED_BUS * im.LEGS + leg] = OPEN_MA

    # --- what is known now --------------------------------------------------------------------

    def _survey(self, dt_ms):
        """From the readings to what each place of the tree leaves to islet's devices."""
        plan = self.plan
        readings = self._readings
        slots, head, many = self.devices.slots, self.devices.head, self.devices.many
        nodes = self._nodes
        pairing.ages(plan, readings, nodes, dt_ms)
        pairing.pair(plan, slots, readings, nodes, many, head, dt_ms, self._doubt_ms)
        coordinated = 0
        if self._coordinated and plan[P_FRESH_BITS] & self._converters == self._converters:
            coordinated = 1
        kernel.judge(plan, readings, nodes, dt_ms, _STALE_MS, coordinated)
        self.witness.step(dt_ms)
        neutral_kernel.flows(plan, readings, nodes, self._nominal_mv, _STALE_MS)
        kernel.survey(plan, readings, nodes)
        kernel.breakers(plan, nodes)
        self._lease()
        self.witness.parents.narrow()
        kernel.busbars(plan, slots, nodes, many, head)

    def _lease(self):
        """What issuers leave of nodes, as found in the step before (core/limits/leases.py)."""
        requests = self._requests
        if requests[im.LEASE_SEQ] != self._lease_seq:
            self._lease_seq = requests[im.LEASE_SEQ]
            self._leased = False
            for issuer in range(im.ISSUERS):
                if 0 <= requests[im.LEASE_NODE + issuer] < self._nodes:
                    self._leased = True
        if not self._leased:
            return
        commands = self._commands
        for issuer in range(im.ISSUERS):
            node = requests[im.LEASE_NODE + issuer]
            if 0 <= node < self._nodes:
                at = issuer * im.LEASED
                low_ma, high_ma = commands[im.HELD_LOW + at], commands[im.HELD_HIGH + at]
                kernel.leased(self.plan, node, low_ma, high_ma, WHY_LEASE + issuer)

    def _share(self, dt_ms):
        plan = self.plan
        readings = self._readings
        devices = self.devices
        rows, many = devices.rows, devices.many
        has_kernel.volts(rows, many, readings, self._nominal_mv, self._floor_mv, _STALE_MS)
        has_kernel.occupy(plan, rows, self._nodes, many, readings, self._commands, dt_ms)
        share_kernel.serve(plan, rows, devices.order, devices.count)
        self.export.share(plan)

    # --- claims -------------------------------------------------------------------------------

    def _claim(self, dt_ms):
        devices = self.devices
        beyond = claims_kernel.claim(
            self.plan, devices.rows, devices.order, devices.count, self._readings, self._commands,
            _REASONS, self.export.most,
        )  # fmt: skip
        device = 0
        while beyond:
            if beyond & 1:
                self._watch_excess(device, dt_ms)
            beyond >>= 1
            device += 1
        if self.witness.named():
            self._doubt()

    def _doubt(self):
        """Claims for want of a reading, where the reading is there and its instrument named."""
        commands, devices = self._commands, self.devices
        for i in range(devices.count):
            at = devices.order[i]
            slot = im.PANEL * im.DEVICES + at // D_ROW
            if commands[im.CLAIM_REASON + slot] == im.REASON_METER_STALE:
                if self.witness.doubts(devices.rows[at + D_HIGH + END_NODE]):
                    commands[im.CLAIM_REASON + slot] = im.REASON_INSTRUMENT
            if commands[im.CLAIM_LOW_REASON + slot] == im.REASON_METER_STALE:
                if self.witness.doubts(devices.rows[at + D_LOW + END_NODE]):
                    commands[im.CLAIM_LOW_REASON + slot] = im.REASON_INSTRUMENT

    def _watch_excess(self, device, dt_ms):
        """INV-3: DEVICE_OVERDUE when a car has drawn more than the place that binds leaves it, for
        longer than its response. An overload is met within 2 s of age + 100 ms + the response; of
        the age that the reading did not need, the car may have the rest."""
        commands = self._commands
        rows = self.devices.rows
        at = device * D_ROW
        node = rows[at + D_HIGH + END_NODE]
        excess_ms = rows[at + D_EXCESS_MS]
        if excess_ms == 0:
            left_ms = 0
            if node >= 0:
                left_ms = _STALE_MS - self.plan[node_at(node) + P_BEFORE] - _OPENING_MS
                if left_ms < 0:
                    left_ms = 0
                slow_ms = self.pace.aged_ms(node) - _STALE_MS
                if slow_ms > 0:
                    left_ms -= slow_ms
            rows[at + D_DEADLINE_MS] = self._site[im.DEVICE_RESPONSE_MS + device] + left_ms
        if excess_ms < _WIDEST_W:
            excess_ms += dt_ms
            rows[at + D_EXCESS_MS] = excess_ms
        if excess_ms > rows[at + D_DEADLINE_MS]:
            commands[im.DEVICE_OVERDUE + device] = 1

    def _alarm(self):
        commands = self._commands
        plan = self.plan
        over_ma = plan[P_ALARM]
        commands[im.ALARM_MA] = over_ma
        commands[im.ALARM_NODE] = plan[P_ALARM_NODE] if over_ma else -1
        commands[im.ALARM_LEG] = plan[P_ALARM_LEG] if over_ma else -1

    # --- for the others -----------------------------------------------------------------------

    def state(self, node):
        """FRESH, UNMETERED or STALE."""
        return self.plan[node_at(node) + P_STATE]

    def metered(self, node):
        return self.plan[node_at(node) + P_METERED] == 1

    def below(self, node):
        """Bits of the devices at and below a node."""
        return self.plan[node_at(node) + P_BELOW]

    def sources_ma(self, node):
        """Nameplate of what islet does not command, at and below a node, per leg."""
        return self.plan[node_at(node) + P_SOURCES]


def _permille(amount, permille):
    """amount * permille / 1000 without leaving 30 bits."""
    return amount // 1000 * permille + amount % 1000 * permille // 1000
