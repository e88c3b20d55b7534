# islet: leaving the grid, forming an island, and coming back.
# GPL-3.0-or-later
#
# What happens is a table (island_table.py); here are the facts it names, and the small engine.

from array import array

from firmware.core.island_table import (
    CLEARED,
    FAULTS_OF_ISLAND,
    MODES,
    PERMITS,
    RELAY,
    RULES,
    bit,
    compile_condition,
)
from firmware.image import (
    ACKNOWLEDGE_SEQ,
    AGE_MAX_MS,
    BOND_NEEDED,
    FAULT_FORMING,
    FAULTS,
    GRID_AGE_MS,
    GRID_IN_SERVICE,
    GRID_LOSS_MS,
    GRID_MHZ,
    GRID_MV,
    GRID_STATE,
    GRID_WAITING,
    HOUSE_AGE_MS,
    HOUSE_MHZ,
    HOUSE_MV,
    IN_BOND,
    IN_ISLAND_DEAD,
    IN_ISLAND_OPEN,
    INPUTS,
    INPUTS_AGE_MS,
    INVERTER_AGE_MS,
    INVERTER_FAULT,
    INVERTER_FORM,
    INVERTER_MA,
    INVERTER_MODE,
    INVERTER_PLUGGED,
    ISLAND_AUTO,
    ISLAND_CAPABLE,
    ISLAND_CLOSING,
    ISLAND_SENSING,
    ISLAND_STATE,
    ISLAND_WISH,
    LEG_COUNT,
    LEGS,
    NOMINAL_MV,
    OUT_ISLAND,
    OUTAGE_RESERVE_PERMILLE,
    RELAY_FEEDBACK_MS,
    SETPOINT_MODE,
    SHED_NEEDED,
    SOC_AGE_MS,
    SOC_PERMILLE,
    const,
)

_HEARD = bit("heard")
_FRESH = bit("fresh")
_OPEN = bit("open")
_CLOSED = bit("closed")
_PARTED = bit("parted")
_TIED = bit("tied")
_APART = bit("apart")
_BOND = bit("bond")
_BONDED = bit("bonded")
_DEAD = bit("dead")
_GOOD = bit("good")
_FORMING = bit("forming")
_HEEDS = bit("heeds")
_STOPPED = bit("stopped")
_OUTAGE = bit("outage")
_ABLE = bit("able")
_REFILLED = bit("refilled")
_RESERVE = bit("reserve")
_SERVED = bit("served")
_READY = bit("ready")
_BACK = bit("back")
_SHED = bit("shed")
_STABLE = bit("stable")
_HELD = bit("held")
_KEPT = bit("kept")
_DRIVEN = bit("driven")
_FAILED = bit("failed")
_ACK = bit("acknowledged")
_CAPABLE = bit("capable")
_NEEDS_BOND = bit("needs_bond")

# --- measures ---------------------------------------------------------------------------------

_CONTACTS_STALE_MS = const(300)
_VOLTAGE_STALE_MS = const(500)
_INVERTER_STALE_MS = const(2_000)
_SOC_STALE_MS = const(120_000)  # INV-11
_DEAD_PERMILLE = const(50)  # dead-bus proof: < 0.05 pu for 100 ms (gridcodes facts, inference)
_DEAD_MS = const(100)
_MATCH_PERMILLE = const(150)  # a pole that did not close shows as a difference across the switch
_MATCH_MS = const(1_000)
_MATCH_MHZ = const(100)  # two readings of one frequency; a drifting island soon leaves it
_ALIVE_PERMILLE = const(500)
_GRID_DEAD_PERMILLE = const(100)
_READY_MS = const(5_000)
_STABLE_MS = const(10_000)
_STILL_MA = const(1_000)  # what an idle inverter's filter may draw
_REFILL_PERMILLE = const(50)


class Island:
    """Interprets the tables. Writes ISLAND_STATE, SETPOINT_MODE, its bits of FAULTS.

    `permits` holds this room's OUT_* bits; core puts them together with the contactor's.
    """

    def __init__(self, image, rules=RULES, permits=PERMITS):
        self.image = image
        self.permits = 0
        self._modes = array("i", [mode for _, mode in MODES])
        self._rules = array("i", [])  # state, after, mask, value, next, fault
        for state, after_ms, text, following, fault in rules:
            self._rules.extend(
                array("i", (state, after_ms) + compile_condition(text) + (following, fault))
            )
        self._permits = array("i", [])  # state, output, mask, value
        for state, output, text in permits:
            self._permits.extend(array("i", (state, output) + compile_condition(text)))
        self.state = ISLAND_SENSING
        self.state_ms = 0
        self.faults = 0
        self._held = 0
        self._acknowledged_seq = 0
        self._dead_ms = 0  # timers: how long the fact's measurement has held
        self._mismatch_ms = 0
        self._apart_ms = 0
        self._open_ms = 0
        self._loss_ms = 0
        self._ready_ms = 0

    def step(self, dt_ms):
        facts = self._facts(dt_ms)
        self.state_ms = self._timer(True, self.state_ms, dt_ms)
        self._follow(facts)
        self._permit(facts)
        commands = self.image.commands
        commands[ISLAND_STATE] = self.state
        commands[SETPOINT_MODE] = self._modes[self.state]
        commands[FAULTS] = (commands[FAULTS] & ~FAULTS_OF_ISLAND) | self.faults

    # --- the engine ---------------------------------------------------------------------------

    def _follow(self, facts):
        rules = self._rules
        for row in range(0, len(rules), 6):
            if rules[row] != self.state or facts & rules[row + 2] != rules[row + 3]:
                continue
            after_ms = rules[row + 1]
            if after_ms == RELAY:
                after_ms = self.image.site[RELAY_FEEDBACK_MS]
            if self.state_ms >= after_ms:
                self._enter(rules[row + 4], rules[row + 5], facts)
                return

    def _enter(self, state, fault, facts):
        if fault == CLEARED:
            self.faults = 0
        else:
            self.faults |= fault
        if fault:
            self._acknowledged_seq = self.image.requests[ACKNOWLEDGE_SEQ]
        self.state = state
        self.state_ms = 0
        carries = facts & (_CLOSED | _TIED)
        self._held = self.permits if carries else self.permits & ~OUT_ISLAND

    def _permit(self, facts):
        rows = self._permits
        permits = 0
        for row in range(0, len(rows), 4):
            if rows[row] != self.state:
                continue
            output = rows[row + 1]
            now = facts | _HELD if self._held & output else facts
            if self.permits & output:
                now |= _KEPT
            if now & rows[row + 2] == rows[row + 3]:
                permits |= output
        self._held &= permits
        self.permits = permits

    # --- facts --------------------------------------------------------------------------------

    def _facts(self, dt_ms):
        image = self.image
        facts = self._contacts(dt_ms) | self._inverter() | self._energy() | self._grid(dt_ms)
        if image.requests[ACKNOWLEDGE_SEQ] != self._acknowledged_seq:
            facts |= _ACK
        if self.faults & FAULT_FORMING:
            facts |= _FAILED
        if image.site[SHED_NEEDED]:
            facts |= _SHED
        if self.permits & OUT_ISLAND:
            facts |= _DRIVEN
        # refilled: a wish that stands must not swing between grid and island about the reserve
        if image.requests[ISLAND_WISH] == 1 and facts & _REFILLED:
            facts |= _OUTAGE
        if self.state_ms >= _STABLE_MS:
            facts |= _STABLE
        return facts

    def _contacts(self, dt_ms):
        readings = self.image.readings
        site = self.image.site
        facts = _HEARD if readings[INPUTS_AGE_MS] <= _CONTACTS_STALE_MS else 0
        measured = (
            readings[HOUSE_AGE_MS] <= _VOLTAGE_STALE_MS
            and readings[GRID_AGE_MS] <= _VOLTAGE_STALE_MS
        )
        if not site[ISLAND_CAPABLE]:  # no switch, no bond: always on the grid
            return facts | _CLOSED | (_FRESH if facts else 0)
        if facts and measured:
            facts |= _FRESH
        facts |= _CAPABLE
        inputs = readings[INPUTS]
        if inputs & IN_ISLAND_OPEN:
            facts |= _OPEN
        if inputs & IN_BOND:
            facts |= _BOND
        if site[BOND_NEEDED]:
            facts |= _NEEDS_BOND
        if (inputs & IN_BOND != 0) == (site[BOND_NEEDED] != 0):
            facts |= _BONDED
        self._open_ms = self._timer(inputs & IN_ISLAND_OPEN, self._open_ms, dt_ms)
        differ = measured and self._differ()
        drift = measured and self._drift()
        self._mismatch_ms = self._timer(differ, self._mismatch_ms, dt_ms)
        self._apart_ms = self._timer(differ or drift, self._apart_ms, dt_ms)
        if self._apart_ms >= _MATCH_MS:
            facts |= _APART
        if measured and not differ and not drift and self._alive():
            facts |= _TIED
        if self._open_ms >= site[RELAY_FEEDBACK_MS] or self._mismatch_ms >= _MATCH_MS:
            facts |= _PARTED
        # A mirror contact away proves nothing about closing: the voltages must prove it, once.
        if not inputs & IN_ISLAND_OPEN:
            if self.state != ISLAND_CLOSING or self._mismatch_ms == 0:
                facts |= _CLOSED
        low = measured and self._house_below(_DEAD_PERMILLE)
        self._dead_ms = self._timer(low, self._dead_ms, dt_ms)
        if self._dead_ms >= _DEAD_MS and inputs & IN_ISLAND_DEAD:
            facts |= _DEAD
        if measured and self._house_good():
            facts |= _GOOD
        return facts

    def _inverter(self):
        readings = self.image.readings
        if readings[INVERTER_AGE_MS] > _INVERTER_STALE_MS:
            return 0
        if readings[INVERTER_MODE] == INVERTER_FORM:
            return _FORMING
        for leg in range(LEGS):
            if abs(readings[INVERTER_MA + leg]) > _STILL_MA:
                return _HEEDS
        return _HEEDS | _STOPPED

    def _energy(self):
        """The reserve (INV-11) and whether the inverter could carry the house at all."""
        readings = self.image.readings
        reserve = self.image.requests[OUTAGE_RESERVE_PERMILLE]
        soc = readings[SOC_PERMILLE]
        facts = 0
        if readings[SOC_AGE_MS] <= _SOC_STALE_MS and reserve < soc <= 1000:
            facts |= _RESERVE
            if soc >= reserve + _REFILL_PERMILLE:
                facts |= _REFILLED
            answering = readings[INVERTER_AGE_MS] <= _INVERTER_STALE_MS
            if answering and readings[INVERTER_PLUGGED] and not readings[INVERTER_FAULT]:
                facts |= _ABLE
        return facts

    def _grid(self, dt_ms):
        image = self.image
        site = image.site
        wish = image.requests[ISLAND_WISH]
        grid = image.commands[GRID_STATE]
        served = grid == GRID_WAITING or grid == GRID_IN_SERVICE
        lost = image.readings[GRID_AGE_MS] <= _VOLTAGE_STALE_MS and self._grid_dead()
        self._loss_ms = self._timer(lost, self._loss_ms, dt_ms)
        self._ready_ms = self._timer(served and not lost, self._ready_ms, dt_ms)
        facts = 0
        if served:
            facts |= _SERVED
        if self._ready_ms >= _READY_MS:
            facts |= _READY
        automatic = site[ISLAND_AUTO] and wish == 0 and self._loss_ms >= site[GRID_LOSS_MS]
        if automatic:
            facts |= _OUTAGE
        if wish == -1 or (wish == 0 and grid == GRID_IN_SERVICE):
            facts |= _BACK
        return facts

    # --- small things -------------------------------------------------------------------------

    def _timer(self, running, timer_ms, dt_ms):
        if not running:
            return 0
        timer_ms += dt_ms
        return timer_ms if timer_ms < AGE_MAX_MS else AGE_MAX_MS

    def _house_below(self, permille):
        level_mv = self.image.site[NOMINAL_MV] * permille // 1000
        for leg in range(self.image.site[LEG_COUNT]):
            if self.image.readings[HOUSE_MV + leg] >= level_mv:
                return False
        return True

    def _grid_dead(self):
        level_mv = self.image.site[NOMINAL_MV] * _GRID_DEAD_PERMILLE // 1000
        for leg in range(self.image.site[LEG_COUNT]):
            if self.image.readings[GRID_MV + leg] >= level_mv:
                return False
        return True

    def _house_good(self):
        nominal_mv = self.image.site[NOMINAL_MV]
        for leg in range(self.image.site[LEG_COUNT]):
            if abs(self.image.readings[HOUSE_MV + leg] - nominal_mv) > nominal_mv // 10:
                return False
        return True

    def _alive(self):
        """House side up on every leg, with a frequency known on both sides."""
        readings = self.image.readings
        level_mv = self.image.site[NOMINAL_MV] * _ALIVE_PERMILLE // 1000
        for leg in range(self.image.site[LEG_COUNT]):
            if readings[HOUSE_MV + leg] < level_mv:
                return False
        return readings[HOUSE_MHZ] > 0 and readings[GRID_MHZ] > 0

    def _drift(self):
        house_mhz = self.image.readings[HOUSE_MHZ]
        grid_mhz = self.image.readings[GRID_MHZ]
        return house_mhz > 0 and grid_mhz > 0 and abs(house_mhz - grid_mhz) > _MATCH_MHZ

    def _differ(self):
        readings = self.image.readings
        level_mv = self.image.site[NOMINAL_MV] * _MATCH_PERMILLE // 1000
        for leg in range(self.image.site[LEG_COUNT]):
            if abs(readings[HOUSE_MV + leg] - readings[GRID_MV + leg]) > level_mv:
                return True
        return False
