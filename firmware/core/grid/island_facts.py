# islet: the transfer's witnesses: what contacts, voltages and the inverter say, as facts.
# GPL-3.0-or-later
#
# A relay's declared time excuses a late answer and a glitch; a contact that contradicts for longer
# takes its worse meaning for the act in question (safety.md section 1). Which act asks what is in
# island_table.py; here each fact is only measured.

from array import array

from firmware import image as im
from firmware.base.timer import longer, shrunk
from firmware.base.viper import const
from firmware.core.grid.island_table import bit
from firmware.core.grid.switch_kernel import (
    ALIVE,
    APART,
    BESIDE,
    DEAD,
    FOUND,
    GRID_MOST,
    HOUSE_LEAST,
    HOUSE_MOST,
    RISEN,
    look,
)

_HEARD = bit("heard")
_FRESH = bit("fresh")
_OPEN = bit("open")
_GONE = bit("gone")
_SHUT = bit("shut")
_CLOSED = bit("closed")
_BOND = bit("bond")
_STUCK = bit("stuck")
_BONDED = bit("bonded")
_PROVED = bit("proved")
_DEAD = bit("dead")
_IDLE = bit("idle")
_LIVE = bit("live")
_GOOD = bit("good")
_UPSET = bit("upset")
_TIED = bit("tied")
_LOCKED = bit("locked")
_APART = bit("apart")
_LONELY = bit("lonely")
_SPLIT = bit("split")
_FOLLOWS = bit("follows")
_FLOWS = bit("flows")
_SUSPECT = bit("suspect")
_FORMING = bit("forming")
_HEEDS = bit("heeds")
_STOPPED = bit("stopped")
_PLUGGED = bit("plugged")
_ALIVE = const(1 << 29)  # for this room alone: every house leg above half its voltage
_FACTS = const((1 << 29) - 1)

_CONTACTS_STALE_MS = const(300)
_VOLTAGE_STALE_MS = const(500)
_INVERTER_STALE_MS = const(2_000)
_DEAD_PERMILLE = const(50)  # dead-bus proof: < 0.05 pu for 100 ms (gridcodes facts, inference)
_DEAD_MS = const(100)
_IDLE_MS = const(5_000)
_LIVE_PERMILLE = const(100)
_LIVE_MS = const(2_000)
_ALIVE_PERMILLE = const(500)
_MATCH_PERMILLE = const(150)  # a pole that did not close shows as a difference across the switch
_MATCH_MS = const(1_000)
_MATCH_MHZ = const(100)  # two readings of one frequency; a drifting island soon leaves it
_LOCK_PERMILLE = const(20)  # the same voltage on both sides
_LOCK_MHZ = const(10)
_LOCK_DEG = const(5)  # where the phase is measured: a weld has none
_LOCK_MS = const(1_000)
_FOLLOW_PERMILLE = const(100)  # a dead grid leg that rises as the house does
_SETTLE_MS = const(200)  # a return's first mean is a part of it: says nothing about locked
_PROOF_MS = const(1_000)  # the bond seen open
_STILL_MA = const(1_000)  # what an idle inverter's filter may draw, and a switch's current
_LATE_MS = const(1_000)  # of a mean behind its age, before a current counts as after the opening


class Witnesses:
    """`step` returns the INSTRUMENTS facts. `permits` are the OUT_* bits of the last step."""

    def __init__(self, image):
        self._site = image.site
        self._readings = image.readings
        self._found = array("i", [0] * FOUND)  # the voltages across the switch
        self._driven = 0  # OUT_ISLAND in the last step
        # timers: for how long the fact's measurement has held
        self.open_ms = self.shut_ms = self.bond_ms = self.loose_ms = 0
        self.held_ms = -1  # left of what stored energy holds the bond for; -1: just started
        self.proved = False  # loose_ms was long enough since the bond's coil was last energised
        self.dead_ms = self.live_ms = self.mismatch_ms = self.apart_ms = self.locked_ms = 0
        self.dead_legs = 0  # grid legs that were dead before the enable, a bit each
        self.risen_ms = 0  # since one of the dead ones came up
        self.returned = False  # it has been seen unlocked since
        self.suspect = False
        self.currents = 0  # readings of current through the switch, one after another
        self._before_ms = 0  # age of that instrument's sample in the last step
        self.all_legs = 0

    def step(self, dt_ms, state, permits):
        readings = self._readings
        site = self._site
        heard = readings[im.INPUTS_AGE_MS] <= _CONTACTS_STALE_MS
        facts = self._inverter() | (_HEARD if heard else 0)
        if not site[im.ISLAND_CAPABLE]:  # no switch, no bond: always on the grid
            return facts | _CLOSED | (_FRESH if heard else 0)
        measured = (
            readings[im.HOUSE_AGE_MS] <= _VOLTAGE_STALE_MS
            and readings[im.GRID_AGE_MS] <= _VOLTAGE_STALE_MS
        )
        if heard and measured:
            facts |= _FRESH
        facts |= self._contacts(dt_ms, permits)
        forms = state == im.ISLAND_STARTING or state == im.ISLAND_ISLANDED
        if measured:
            facts |= self._voltages(dt_ms, state, forms)
        else:
            self.mismatch_ms = self.apart_ms = self.dead_ms = self.live_ms = self.locked_ms = 0
        if self._flowing(dt_ms, forms):
            facts |= _FLOWS
        if forms and facts & (_FLOWS | _FOLLOWS):
            self.suspect = True
        if self.suspect:
            facts |= _SUSPECT
        if not facts & _OPEN and (
            state != im.ISLAND_CLOSING or (measured and self.mismatch_ms == 0 and facts & _ALIVE)
        ):
            facts |= _CLOSED
        return facts & _FACTS

    def rests(self):
        """Whether no time runs here that may still come to say something, in a house on the grid:
        contacts as commanded, both sides of the switch one voltage, for long enough."""
        return not (
            self.open_ms
            or self.shut_ms
            or self.bond_ms
            or self.held_ms
            or self.dead_ms
            or self.mismatch_ms
            or self.apart_ms
            or self.loose_ms < _PROOF_MS
            or self.live_ms < _LIVE_MS
            or self.locked_ms < _LOCK_MS
        )

    # --- contacts -----------------------------------------------------------------------------

    def _contacts(self, dt_ms, permits):
        site = self._site
        inputs = self._readings[im.INPUTS]
        late_ms = site[im.RELAY_FEEDBACK_MS]
        opened = inputs & im.IN_ISLAND_OPEN
        bond = inputs & im.IN_BOND
        driven = self._driven = permits & im.OUT_ISLAND
        bonding = permits & im.OUT_BOND
        self.open_ms = longer(opened, self.open_ms, dt_ms)
        self.shut_ms = longer(not opened and not driven, self.shut_ms, dt_ms)
        held = self._hold(dt_ms, opened and bond, bonding, permits & im.OUT_ENABLE)
        self.bond_ms = longer(bond and not bonding and not held, self.bond_ms, dt_ms)
        self.loose_ms = longer(not bond and not bonding, self.loose_ms, dt_ms)
        if bonding:
            self.proved = False
        elif self.loose_ms >= _PROOF_MS and site[im.BOND_NORMALLY_OPEN]:
            self.proved = True
        facts = 0
        if opened:
            facts = _OPEN
            if self.open_ms > late_ms:
                facts |= _GONE
        elif self.shut_ms > late_ms:
            facts = _SHUT
        if bond:
            facts |= _BOND
            if self.bond_ms > late_ms:
                facts |= _STUCK
        if (bond != 0) == (site[im.BOND_NEEDED] != 0):
            facts |= _BONDED
        if self.proved:
            facts |= _PROVED
        return facts

    def _hold(self, dt_ms, parted, bonding, enabled):
        """The bond may still be held without its coil: for its declared time after the enable,
        and while the house is alive. After a start nobody knows when the enable fell."""
        if bonding or self.held_ms < 0:
            self.held_ms = self._site[im.BOND_HOLD_MS]
        elif not parted:  # it has let go, or its supply is gone: the switch is closed
            self.held_ms = 0
        elif self.held_ms and not enabled and not self.live_ms:
            self.held_ms = shrunk(self.held_ms, dt_ms)
        return self.held_ms

    # --- voltages -----------------------------------------------------------------------------

    def _voltages(self, dt_ms, state, forms):
        readings = self._readings
        site = self._site
        nominal_mv = site[im.NOMINAL_MV]
        dead_mv = nominal_mv * _DEAD_PERMILLE // 1000
        live_mv = nominal_mv * _LIVE_PERMILLE // 1000
        beside_mv = nominal_mv * _FOLLOW_PERMILLE // 1000
        found = self._found
        look(
            found,
            readings,
            im.HOUSE_MV,
            im.GRID_MV,
            site[im.LEG_COUNT],
            dead_mv,
            live_mv,
            beside_mv,
        )
        lowest_mv, highest_mv = found[HOUSE_LEAST], found[HOUSE_MOST]
        apart_mv, alive = found[APART], found[ALIVE]
        follows = found[BESIDE] & self.dead_legs != 0
        self.all_legs = (1 << site[im.LEG_COUNT]) - 1
        house_mhz = readings[im.HOUSE_MHZ]
        grid_mhz = readings[im.GRID_MHZ]
        known = house_mhz > 0 and grid_mhz > 0
        differ = apart_mv > nominal_mv * _MATCH_PERMILLE // 1000
        beside_mhz = abs(house_mhz - grid_mhz) if known else 0
        drift = beside_mhz > _MATCH_MHZ
        unlocked = (
            apart_mv > nominal_mv * _LOCK_PERMILLE // 1000
            or beside_mhz > _LOCK_MHZ
            or readings[im.SWITCH_DEG] > _LOCK_DEG
        )
        self.mismatch_ms = longer(differ, self.mismatch_ms, dt_ms)
        self.apart_ms = longer(differ or drift, self.apart_ms, dt_ms)
        self.dead_ms = longer(highest_mv < dead_mv, self.dead_ms, dt_ms)
        self.live_ms = longer(highest_mv > live_mv, self.live_ms, dt_ms)
        self.locked_ms = longer(alive and not unlocked, self.locked_ms, dt_ms)

        facts = 0
        if self.dead_ms >= _DEAD_MS and readings[im.INPUTS] & im.IN_ISLAND_DEAD:
            facts |= _DEAD
        if self.dead_ms >= _IDLE_MS:
            facts |= _IDLE
        if self.apart_ms >= _MATCH_MS:
            facts |= _APART
        if lowest_mv * 2 >= nominal_mv:
            facts |= _ALIVE
            if known and not differ and not drift:
                facts |= _TIED
        if self.locked_ms >= _LOCK_MS:
            facts |= _LOCKED
        if self.live_ms >= _LIVE_MS:
            facts |= _LIVE
            # each pole: a leg that is as the grid's may hang on it by that one, unless they drift
            proved = self.apart_ms >= _MATCH_MS and (drift or not found[BESIDE])
            proved = proved or found[GRID_MOST] < dead_mv
            if proved and self.open_ms > site[im.RELAY_FEEDBACK_MS] and not self._driven:
                facts |= _LONELY
        margin_mv = nominal_mv // 10
        if lowest_mv >= nominal_mv - margin_mv and highest_mv <= nominal_mv + margin_mv:
            facts |= _GOOD
        high_mv = highest_mv - nominal_mv
        if high_mv * 20 > nominal_mv * 3 or (
            high_mv * 10 > nominal_mv and lowest_mv * 10 < nominal_mv * 9
        ):
            facts |= _UPSET
        if not forms:
            return facts | self._split(facts & _DEAD, alive, found[DEAD])
        came = found[RISEN] & self.dead_legs
        return facts | self._weld(dt_ms, state, came, follows, unlocked)

    def _split(self, house_dead, alive, dead):
        """Before the enable: SPLIT."""
        self.risen_ms = 0
        self.returned = False
        if house_dead:
            self.dead_legs = dead
            if self.suspect and not self.all_legs & ~alive:
                self.suspect = False  # each pole is proved open: that was the grid's return
        return 0 if self.all_legs & ~(alive | dead) else _SPLIT

    def _weld(self, dt_ms, state, came, follows, unlocked):
        """After it: FOLLOWS."""
        self.risen_ms = longer(came, self.risen_ms, dt_ms)
        if not came:
            self.returned = False  # dead again: it may come back welded
        elif unlocked and self.risen_ms > _SETTLE_MS:
            self.returned = True
        if state == im.ISLAND_STARTING:
            return _FOLLOWS if follows else 0
        locked = came and not self.returned and self.risen_ms >= _LOCK_MS
        site = self._site
        waits = site[im.DEVICE_SYNCHRONISES + site[im.ISLAND_DEVICE]]
        return _FOLLOWS if locked and not waits else 0

    def _flowing(self, dt_ms, forms):
        """Two readings, one after the other, of current through the switch, both taken since it
        opened."""
        readings = self._readings
        site = self._site
        age_ms = readings[im.NODE_AGE_MS]
        renewed = age_ms < self._before_ms + dt_ms
        self._before_ms = age_ms
        kind = site[im.NODE_INSTRUMENT]
        if not forms or site[im.LOADS_BEFORE_SWITCH]:
            self.currents = 0
        elif renewed and (kind == im.INSTRUMENT_METER or kind == im.INSTRUMENT_CT):
            noise_ma = site[im.NODE_RATING_MA] // 100 if kind == im.INSTRUMENT_CT else 0
            limit_ma = noise_ma if noise_ma > _STILL_MA else _STILL_MA
            flows = False
            if age_ms + _LATE_MS < self.open_ms:
                for leg in range(site[im.LEG_COUNT]):
                    if not -limit_ma <= readings[im.NODE_MA + leg] <= limit_ma:
                        flows = True
            self.currents = self.currents + 1 if flows and self.currents < 2 else 2 * flows
        return self.currents >= 2

    # --- inverter -----------------------------------------------------------------------------

    def _inverter(self):
        device = self._site[im.ISLAND_DEVICE]
        readings = self._readings
        facts = _PLUGGED if readings[im.DEVICE_PLUGGED + device] else 0
        if readings[im.DEVICE_AGE_MS + device] > _INVERTER_STALE_MS:
            return facts
        if readings[im.DEVICE_MODE + device] == im.MODE_FORM:
            return facts | _FORMING
        for leg in range(im.LEGS):
            if not -_STILL_MA <= readings[im.DEVICE_MA + device * im.LEGS + leg] <= _STILL_MA:
                return facts | _HEEDS
        return facts | _HEEDS | _STOPPED


STATE = (
    "open_ms", "shut_ms", "bond_ms", "loose_ms", "proved", "dead_ms", "live_ms", "mismatch_ms",
    "held_ms", "apart_ms", "locked_ms", "dead_legs", "risen_ms", "returned", "suspect", "currents",
)  # fmt: skip
