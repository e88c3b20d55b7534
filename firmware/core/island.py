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
    ISLAND_LOCKOUT,
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
        self._site = image.site
        self._readings = image.readings
        self._requests = image.requests
        self._commands = image.commands
        self.permits = 0
        self._modes = array("i", [mode for _, mode in MODES])
        # by state: rules as after, mask, value, next, fault; permits as output, mask, value
        self._rules = [array("i", []) for _ in MODES]
        self._permits = [array("i", []) for _ in MODES]
        for state, after_ms, text, following, fault in rules:
            row = (after_ms,) + compile_condition(text) + (following, fault)
            self._rules[state].extend(array("i", row))
        for state, output, text in permits:
            self._permits[state].extend(array("i", (output,) + compile_condition(text)))
        self._rules_end = [len(rows) for rows in self._rules]
        self._permits_end = [len(rows) for rows in self._permits]
        self.state = ISLAND_SENSING
        self.state_ms = 0
        self.faults = 0
        self._recalled = 0  # contacts and relays that had failed before a reset
        self._held = 0
        self._acknowledged_seq = 0
        self._dead_ms = 0  # timers: how long the fact's measurement has held
        self._mismatch_ms = 0
        self._apart_ms = 0
        self._open_ms = 0
        self._loss_ms = 0
        self._ready_ms = 0

    def recall(self, faults):
        """Start with the faults that stood before a reset. What a contact or relay did ends in
        lockout again, though only once the site is sensed: until then every output stays as the
        hardware holds it (INV-12)."""
        self.faults = faults & FAULTS_OF_ISLAND
        self._recalled = self.faults & ~FAULT_FORMING

    def step(self, dt_ms):
        facts = self._facts(dt_ms)
        self.state_ms = self._timer(True, self.state_ms, dt_ms)
        self._follow(facts)
        self._permit(facts)
        commands = self._commands
        commands[ISLAND_STATE] = self.state
        commands[SETPOINT_MODE] = self._modes[self.state]
        commands[FAULTS] = (commands[FAULTS] & ~FAULTS_OF_ISLAND) | self.faults

    # --- the engine ---------------------------------------------------------------------------

    def _follow(self, facts):
        rules = self._rules[self.state]
        for row in range(0, self._rules_end[self.state], 5):
            if facts & rules[row + 1] != rules[row + 2]:
                continue
            after_ms = rules[row]
            if after_ms == RELAY:
                after_ms = self._site[RELAY_FEEDBACK_MS]
            if self.state_ms >= after_ms:
                if self._recalled:
                    self._permit(facts)  # what the contacts show is on, so that it is held
                    self._enter(ISLAND_LOCKOUT, rules[row + 4] | self._recalled, facts)
                    self._recalled = 0
                else:
                    self._enter(rules[row + 3], rules[row + 4], facts)
                return

    def _enter(self, state, fault, facts):
        if fault == CLEARED:
            self.faults = 0
        else:
            self.faults |= fault
        if fault:
            self._acknowledged_seq = self._requests[ACKNOWLEDGE_SEQ]
        self.state = state
        self.state_ms = 0
        carries = facts & (_CLOSED | _TIED)
        self._held = self.permits if carries else self.permits & ~OUT_ISLAND

    def _permit(self, facts):
        rows = self._permits[self.state]
        permits = 0
        for row in range(0, self._permits_end[self.state], 3):
            output = rows[row]
            now = facts | _HELD if self._held & output else facts
            if self.permits & output:
                now |= _KEPT
            if now & rows[row + 1] == rows[row + 2]:
                permits |= output
        self._held &= permits
        self.permits = permits

    # --- facts --------------------------------------------------------------------------------

    def _facts(self, dt_ms):
        requests = self._requests
        facts = self._contacts(dt_ms) | self._inverter() | self._energy() | self._grid(dt_ms)
        if requests[ACKNOWLEDGE_SEQ] != self._acknowledged_seq:
            facts |= _ACK
        if self.faults & FAULT_FORMING:
            facts |= _FAILED
        if self._site[SHED_NEEDED]:
            facts |= _SHED
        if self.permits & OUT_ISLAND:
            facts |= _DRIVEN
        # refilled: a wish that stands must not swing between grid and island about the reserve
        if requests[ISLAND_WISH] == 1 and facts & _REFILLED:
            facts |= _OUTAGE
        if self.state_ms >= _STABLE_MS:
            facts |= _STABLE
        return facts

    def _contacts(self, dt_ms):
        readings = self._readings
        site = self._site
        facts = _HEARD if readings[INPUTS_AGE_MS] <= _CONTACTS_STALE_MS else 0
        if not site[ISLAND_CAPABLE]:  # no switch, no bond: always on the grid
            return facts | _CLOSED | (_FRESH if facts else 0)
        measured = (
            readings[HOUSE_AGE_MS] <= _VOLTAGE_STALE_MS
            and readings[GRID_AGE_MS] <= _VOLTAGE_STALE_MS
        )
        if facts and measured:
            facts |= _FRESH
        facts |= _CAPABLE
        inputs = readings[INPUTS]
        opened = inputs & IN_ISLAND_OPEN
        if opened:
            facts |= _OPEN
        if inputs & IN_BOND:
            facts |= _BOND
        if site[BOND_NEEDED]:
            facts |= _NEEDS_BOND
        if (inputs & IN_BOND != 0) == (site[BOND_NEEDED] != 0):
            facts |= _BONDED
        facts |= self._voltages(measured, dt_ms)
        self._open_ms = self._timer(opened, self._open_ms, dt_ms)
        if self._open_ms >= site[RELAY_FEEDBACK_MS] or self._mismatch_ms >= _MATCH_MS:
            facts |= _PARTED
        # A mirror contact away proves nothing about closing: the voltages must prove it, once.
        if not opened and (self.state != ISLAND_CLOSING or self._mismatch_ms == 0):
            facts |= _CLOSED
        if self._dead_ms >= _DEAD_MS and inputs & IN_ISLAND_DEAD:
            facts |= _DEAD
        return facts

    def _voltages(self, measured, dt_ms):
        """APART, TIED, GOOD, and the timers of a mismatch, of a drift and of a dead house."""
        if not measured:
            self._mismatch_ms = self._apart_ms = self._dead_ms = 0
            return 0
        readings = self._readings
        lowest_mv = highest_mv = readings[HOUSE_MV]
        apart_mv = 0  # the largest difference across the switch
        for leg in range(self._site[LEG_COUNT]):
            house_mv = readings[HOUSE_MV + leg]
            leg_mv = abs(house_mv - readings[GRID_MV + leg])
            if house_mv < lowest_mv:
                lowest_mv = house_mv
            if house_mv > highest_mv:
                highest_mv = house_mv
            if leg_mv > apart_mv:
                apart_mv = leg_mv
        nominal_mv = self._site[NOMINAL_MV]
        house_mhz = readings[HOUSE_MHZ]
        grid_mhz = readings[GRID_MHZ]
        known = house_mhz > 0 and grid_mhz > 0
        differ = apart_mv > nominal_mv * _MATCH_PERMILLE // 1000
        drift = known and abs(house_mhz - grid_mhz) > _MATCH_MHZ
        dead = highest_mv < nominal_mv * _DEAD_PERMILLE // 1000
        self._mismatch_ms = self._timer(differ, self._mismatch_ms, dt_ms)
        self._apart_ms = self._timer(differ or drift, self._apart_ms, dt_ms)
        self._dead_ms = self._timer(dead, self._dead_ms, dt_ms)
        facts = 0
        if self._apart_ms >= _MATCH_MS:
            facts |= _APART
        alive = lowest_mv >= nominal_mv * _ALIVE_PERMILLE // 1000
        if alive and known and not differ and not drift:
            facts |= _TIED
        margin_mv = nominal_mv // 10
        if lowest_mv >= nominal_mv - margin_mv and highest_mv <= nominal_mv + margin_mv:
            facts |= _GOOD
        return facts

    def _inverter(self):
        readings = self._readings
        if readings[INVERTER_AGE_MS] > _INVERTER_STALE_MS:
            return 0
        if readings[INVERTER_MODE] == INVERTER_FORM:
            return _FORMING
        for leg in range(LEGS):
            if not -_STILL_MA <= readings[INVERTER_MA + leg] <= _STILL_MA:
                return _HEEDS
        return _HEEDS | _STOPPED

    def _energy(self):
        """The reserve (INV-11) and whether the inverter could carry the house at all."""
        readings = self._readings
        reserve = self._requests[OUTAGE_RESERVE_PERMILLE]
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
        site = self._site
        readings = self._readings
        wish = self._requests[ISLAND_WISH]
        grid = self._commands[GRID_STATE]
        served = grid == GRID_WAITING or grid == GRID_IN_SERVICE
        lost = False
        if readings[GRID_AGE_MS] <= _VOLTAGE_STALE_MS:
            level_mv = site[NOMINAL_MV] * _GRID_DEAD_PERMILLE // 1000
            lost = True
            for leg in range(site[LEG_COUNT]):
                if readings[GRID_MV + leg] >= level_mv:
                    lost = False
                    break
        self._loss_ms = self._timer(lost, self._loss_ms, dt_ms)
        self._ready_ms = self._timer(served and not lost, self._ready_ms, dt_ms)
        facts = 0
        if served:
            facts |= _SERVED
        if self._ready_ms >= _READY_MS:
            facts |= _READY
        if wish == 0 and site[ISLAND_AUTO] and self._loss_ms >= site[GRID_LOSS_MS]:
            facts |= _OUTAGE
        if wish == -1 or (wish == 0 and grid == GRID_IN_SERVICE):
            facts |= _BACK
        return facts

    def _timer(self, running, timer_ms, dt_ms):
        """For how long something has held."""
        if not running:
            return 0
        timer_ms += dt_ms
        return timer_ms if timer_ms < AGE_MAX_MS else AGE_MAX_MS
