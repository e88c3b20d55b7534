# islet: the fast path: trips, and the only code that writes the power outputs.
# GPL-3.0-or-later
#
# pins = permits & ~what the latched trips drop. Runs inside the sampling interrupt after sense:
# no allocation, no float, waits for nothing. It is silent until core has sensed the site and
# beats: until then the hardware holds every output (INV-12).

from array import array

from firmware.image import (
    AGE_MAX_MS,
    BEAT,
    BEAT_AGE_MS,
    BOND_NEEDED,
    CONTACTOR_BREAKING_MA,
    DEAD_GRID_MS,
    EVSE_MAX_MA,
    FAST_AGE_MS,
    FAST_GRID_MV,
    FAST_MA,
    GUARD_TICKS,
    IN_BOND,
    IN_ISLAND_OPEN,
    INPUTS,
    INVERTER_FORM,
    ISLAND_CAPABLE,
    ISLAND_SENSING,
    ISLAND_STATE,
    LEG_COUNT,
    LEGS,
    NOMINAL_MV,
    OUT_BOND,
    OUT_CONTACTOR,
    OUT_ENABLE,
    OUT_ISLAND,
    OUTPUT_NAMES,
    OUTPUTS,
    PERMITS,
    PILOT_AGE_MS,
    PILOT_HIGH_MV,
    PROTECTION_INPUTS,
    SETPOINT_MODE,
    TOPOLOGY,
    TRIP_ACK,
    TRIP_COUNT,
    TRIP_DEAD_GRID,
    TRIP_INTERLOCK,
    TRIP_NAMES,
    TRIP_OVERCURRENT,
    TRIP_PILOT,
    TRIP_PROTECTION,
    TRIP_SAMPLING,
    TRIP_STALE_PERMIT,
    TRIP_VALUE,
    TRIPPED,
    const,
)

_GATEWAY = const(2)  # T2: the gateway owns its pilot
_PILOT_HIGH_MV = const(8_000)  # B begins; the gap below it still belongs to C
_PILOT_LOW_MV = const(1_001)  # the gap above E still belongs to D
_PILOT_LOST_MS = const(20)
_BLANK_MS = const(100)  # inrush after closing
_BEAT_MS = const(300)
_SAMPLES_MS = const(50)
_LATER_MS = const(100)  # the enable has taken effect; only now may the bond go
_BEATS = const(2)  # the first beat after a trip may come from a step that began before it
_SITES_TIME = const(-1)  # confirm for the site's DEAD_GRID_MS


class Guard:
    """`tick(dt_ms)` at least every 10 ms; `board` needs write_outputs(bits of OUT_*)."""

    def __init__(self, image, board):
        self._image = image
        self._board = board
        self._armed = False
        self._beat = image.commands[BEAT]
        self._on_ms = 0  # how long the contactor's output has been on
        self._time_ms = array("i", [0] * len(TABLE))  # of the cause, or since the trip
        self._beats = bytearray(len(TABLE))  # core's beats since the trip
        self.value = 0  # what the last cause measured

    def tick(self, dt_ms):
        """Look for trips and write the outputs; allocates nothing."""
        trips = self._image.trips
        ticks = trips[GUARD_TICKS]
        trips[GUARD_TICKS] = ticks + 1 if ticks < AGE_MAX_MS else 0
        self._listen(dt_ms)
        if not self._armed:
            return
        drops = 0
        for i in range(len(TABLE)):
            drops |= self._row(i, dt_ms)
        outputs = self._image.commands[PERMITS] & ~drops
        self._on_ms = _longer(self._on_ms, dt_ms) if outputs & OUT_CONTACTOR else 0
        trips[OUTPUTS] = outputs
        self._board.write_outputs(outputs)

    def _listen(self, dt_ms):
        """Core's beat: its age, and how many came since each trip."""
        commands = self._image.commands
        trips = self._image.trips
        beat = commands[BEAT]
        if beat == self._beat:
            trips[BEAT_AGE_MS] = _longer(trips[BEAT_AGE_MS], dt_ms)
            return
        self._beat = beat
        trips[BEAT_AGE_MS] = 0
        if commands[ISLAND_STATE] != ISLAND_SENSING:
            self._armed = True
        for i in range(len(TABLE)):
            if self._beats[i] < _BEATS:
                self._beats[i] += 1

    def _row(self, i, dt_ms):
        """Advance one row of TABLE; returns the outputs (OUT_*) it drops now."""
        row = TABLE[i]
        bit = row[0]
        trips = self._image.trips
        cause = row[1](self)
        if trips[TRIPPED] & bit:
            time_ms = _longer(self._time_ms[i], dt_ms)
            acknowledged = self._image.commands[TRIP_ACK] & bit
            if not cause and acknowledged and self._beats[i] >= _BEATS:
                trips[TRIPPED] &= ~bit
                self._time_ms[i] = 0
                return 0
            self._time_ms[i] = time_ms
            return row[3] | row[4] if time_ms >= _LATER_MS else row[3]
        if not cause:
            self._time_ms[i] = 0
            return 0
        confirm_ms = row[2]
        if confirm_ms == _SITES_TIME:
            confirm_ms = self._image.site[DEAD_GRID_MS]
        if self._time_ms[i] < confirm_ms:
            self._time_ms[i] = _longer(self._time_ms[i], dt_ms)
            return 0
        self._time_ms[i] = 0
        self._beats[i] = 0
        trips[TRIPPED] |= bit
        trips[TRIP_COUNT] = _longer(trips[TRIP_COUNT], 1)
        trips[TRIP_VALUE] = self.value
        return row[3]

    # --- causes ------------------------------------------------------------------------------

    def overcurrent(self):
        """Twice the rating over a whole cycle; a current the contacts cannot break is left to
        the breaker."""
        if self._on_ms < _BLANK_MS:
            return False
        live = self._image.live
        most_ma = 0
        for leg in range(LEGS):
            if live[FAST_MA + leg] > most_ma:
                most_ma = live[FAST_MA + leg]
        self.value = most_ma
        site = self._image.site
        return 2 * site[EVSE_MAX_MA] < most_ma <= site[CONTACTOR_BREAKING_MA]

    def pilot_lost(self):
        """Contactor permitted, and the pilot not in C or D, or not seen (INV-2)."""
        image = self._image
        if not image.commands[PERMITS] & OUT_CONTACTOR or image.site[TOPOLOGY] == _GATEWAY:
            return False
        high_mv = image.live[PILOT_HIGH_MV]
        self.value = high_mv
        if image.live[PILOT_AGE_MS] > _PILOT_LOST_MS:
            return True
        return high_mv >= _PILOT_HIGH_MV or high_mv < _PILOT_LOW_MV

    def grid_dead(self):
        """On the grid, and every leg below 20 % of nominal."""
        image = self._image
        site = image.site
        if site[ISLAND_CAPABLE] and not image.commands[PERMITS] & OUT_ISLAND:
            return False
        if image.live[FAST_AGE_MS] > _SAMPLES_MS:
            return False
        dead_mv = site[NOMINAL_MV] // 5
        for leg in range(site[LEG_COUNT]):
            self.value = image.live[FAST_GRID_MV + leg]
            if self.value >= dead_mv:
                return False
        return True

    def protection(self):
        self.value = self._image.live[INPUTS] & PROTECTION_INPUTS
        return self.value != 0

    def beat_late(self):
        self.value = self._image.trips[BEAT_AGE_MS]
        return self.value > _BEAT_MS

    def unproved(self):
        """Bond closed while the islanding switch is not proved open (INV-6), or forming asked
        for without switch and bond proved (INV-5)."""
        image = self._image
        inputs = image.live[INPUTS]
        self.value = inputs
        apart = inputs & IN_ISLAND_OPEN != 0
        bonded = inputs & IN_BOND != 0
        if bonded and not apart:
            return True
        commands = image.commands
        if commands[SETPOINT_MODE] != INVERTER_FORM or not commands[PERMITS] & OUT_ENABLE:
            return False
        return not apart or (image.site[BOND_NEEDED] == 1 and not bonded)

    def samples_stopped(self):
        self.value = self._image.live[FAST_AGE_MS]
        return self.value > _SAMPLES_MS


def _longer(time_ms, dt_ms):
    time_ms += dt_ms
    return time_ms if time_ms < AGE_MAX_MS else AGE_MAX_MS


# A cause that lasts for `confirm` ms (0: at once) drops `now` at once and `later` 100 ms after:
# islanded, the inverter's enable goes first and the bond last. The islanding switch is held.
TABLE = (
    # trip, cause, confirm ms, now, later, meaning
    (TRIP_OVERCURRENT, Guard.overcurrent, 20, OUT_CONTACTOR, 0, "twice the rating, one cycle"),
    (TRIP_PILOT, Guard.pilot_lost, 0, OUT_CONTACTOR, 0, "pilot not in C or D"),
    (TRIP_DEAD_GRID, Guard.grid_dead, _SITES_TIME, OUT_ENABLE, 0, "grid below 20 %, all legs"),
    (
        TRIP_PROTECTION,
        Guard.protection,
        10,
        OUT_CONTACTOR + OUT_ENABLE,
        OUT_BOND,
        "emergency stop, RCD, over-temperature",
    ),
    (
        TRIP_STALE_PERMIT,
        Guard.beat_late,
        0,
        OUT_CONTACTOR + OUT_ENABLE,
        OUT_BOND,
        "no beat for 300 ms",
    ),
    (TRIP_INTERLOCK, Guard.unproved, 20, OUT_ENABLE + OUT_BOND, 0, "contacts disagree"),
    (
        TRIP_SAMPLING,
        Guard.samples_stopped,
        0,
        OUT_CONTACTOR + OUT_ENABLE,
        OUT_BOND,
        "no samples for 50 ms",
    ),
)


def table():
    """The trips as lines of markdown."""
    lines = [
        "| trip | cause | after | drops | 100 ms later | meaning |",
        "|---|---|---|---|---|---|",
    ]
    for bit, cause, confirm_ms, now, later, text in TABLE:
        after = "DEAD_GRID_MS" if confirm_ms == _SITES_TIME else "%d ms" % confirm_ms
        name = TRIP_NAMES[len(bin(bit)) - 3]
        row = (name, cause.__name__, after, _names(now), _names(later), text)
        lines.append("| %s | %s | %s | %s | %s | %s |" % row)
    return lines


def _names(bits):
    return " ".join(name for i, name in enumerate(OUTPUT_NAMES) if bits & 1 << i)
