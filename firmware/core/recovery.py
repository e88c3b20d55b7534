# islet: the way out of every trip: what core must see before the guard may clear it.
# GPL-3.0-or-later

from array import array

from firmware.image import (
    ACKNOWLEDGE_SEQ,
    AGE_MAX_MS,
    CONTACTOR_FAULT,
    CONTACTOR_OPEN,
    CONTACTOR_STATE,
    FAST_AGE_MS,
    GRID_DEAD,
    GRID_STATE,
    GRID_UNKNOWN,
    IN_BOND,
    IN_CONTACTOR,
    IN_ISLAND_OPEN,
    INPUTS,
    INPUTS_AGE_MS,
    INVERTER_PLUGGED,
    ISLAND_CAPABLE,
    OUT_CONTACTOR,
    OUT_ENABLE,
    OUTPUTS,
    PILOT_A,
    PILOT_AGE_MS,
    PILOT_B,
    PILOT_C,
    PILOT_D,
    PILOT_STATE,
    PROTECTION_INPUTS,
    TOPOLOGY,
    TRIP_ACK,
    TRIP_DEAD_GRID,
    TRIP_INTERLOCK,
    TRIP_NAMES,
    TRIP_OVERCURRENT,
    TRIP_PILOT,
    TRIP_PROTECTION,
    TRIP_SAMPLING,
    TRIP_STALE_PERMIT,
    TRIPPED,
    const,
)

_GATEWAY = const(2)
_STALE_MS = const(300)


def _inputs(image):
    """INPUTS, or everything at once when they are not fresh (which satisfies nobody)."""
    readings = image.readings
    return readings[INPUTS] if readings[INPUTS_AGE_MS] <= _STALE_MS else -1


def contactor_open(image):
    """Core no longer asks for it, and the auxiliary contact says open."""
    state = image.commands[CONTACTOR_STATE]
    asked = state != CONTACTOR_OPEN and state != CONTACTOR_FAULT
    return not asked and _inputs(image) & IN_CONTACTOR == 0


def unplugged(image):
    if image.site[TOPOLOGY] == _GATEWAY:
        return contactor_open(image) and image.readings[INVERTER_PLUGGED] == 0
    return contactor_open(image) and image.commands[PILOT_STATE] == PILOT_A


def car_at_rest(image):
    state = image.commands[PILOT_STATE]
    fresh = image.readings[PILOT_AGE_MS] <= _STALE_MS
    return contactor_open(image) and fresh and (state == PILOT_A or state == PILOT_B)


def car_still_asks(image):
    state = image.commands[PILOT_STATE]
    return contactor_open(image) and (state == PILOT_C or state == PILOT_D)


def grid_back(image):
    state = image.commands[GRID_STATE]
    return state != GRID_UNKNOWN and state != GRID_DEAD


def off_the_grid(image):
    """The islanding switch is proved open: a dead grid no longer matters."""
    inputs = _inputs(image)
    return image.site[ISLAND_CAPABLE] == 1 and inputs >= 0 and inputs & IN_ISLAND_OPEN != 0


def protections_healthy(image):
    return _inputs(image) & PROTECTION_INPUTS == 0


def outputs_off(image):
    """Beating again (this runs), and nothing of what was dropped is still on."""
    dropped = image.trips[OUTPUTS] & (OUT_CONTACTOR | OUT_ENABLE) == 0
    return dropped and contactor_open(image)


def contacts_consistent(image):
    inputs = _inputs(image)
    return inputs >= 0 and (inputs & IN_BOND == 0 or inputs & IN_ISLAND_OPEN != 0)


def sampling_again(image):
    readings = image.readings
    return readings[FAST_AGE_MS] <= _STALE_MS and readings[PILOT_AGE_MS] <= _STALE_MS


# A trip may be cleared when any of its rows has held for its time and, where the row says so,
# a person has acknowledged while it held.
TABLE = (
    # trip, condition, for ms, person, meaning
    (TRIP_OVERCURRENT, contactor_open, 0, True, "contactor open"),
    (TRIP_OVERCURRENT, unplugged, 0, False, "car unplugged"),
    (TRIP_PILOT, car_at_rest, 0, False, "contactor open, car in A or B"),
    (TRIP_PILOT, car_still_asks, 5_000, False, "contactor open, car steadily in C or D"),
    (TRIP_DEAD_GRID, grid_back, 1_000, False, "grid no longer dead"),
    (TRIP_DEAD_GRID, off_the_grid, 0, False, "islanding switch open"),
    (TRIP_PROTECTION, protections_healthy, 0, True, "protections healthy"),
    (TRIP_STALE_PERMIT, outputs_off, 1_000, False, "beating again, outputs off"),
    (TRIP_INTERLOCK, contacts_consistent, 0, True, "contacts consistent"),
    (TRIP_SAMPLING, sampling_again, 1_000, False, "samples fresh"),
)


class Recovery:
    """Writes TRIP_ACK from TABLE."""

    def __init__(self, image):
        self._image = image
        self._held_ms = array("i", [0] * len(TABLE))
        self._signed = bytearray(len(TABLE))  # a person acknowledged while the row held
        self._acknowledge = 0

    def step(self, dt_ms):
        image = self._image
        acknowledge = image.requests[ACKNOWLEDGE_SEQ]
        person = acknowledge != self._acknowledge
        self._acknowledge = acknowledge
        tripped = image.trips[TRIPPED]
        ack = 0
        i = 0
        for bit, condition, for_ms, needs_person, _ in TABLE:
            if tripped & bit and condition(image):
                if person:
                    self._signed[i] = 1
                if self._held_ms[i] >= for_ms and (self._signed[i] or not needs_person):
                    ack |= bit
                held_ms = self._held_ms[i] + dt_ms
                self._held_ms[i] = held_ms if held_ms < AGE_MAX_MS else AGE_MAX_MS
            else:
                self._held_ms[i] = 0
                self._signed[i] = 0
            i += 1
        image.commands[TRIP_ACK] = ack


def table():
    """The ways out as lines of markdown."""
    lines = ["| trip | clears when | for | and |", "|---|---|---|---|"]
    for bit, _, for_ms, needs_person, text in TABLE:
        name = TRIP_NAMES[len(bin(bit)) - 3]
        person = "a person acknowledged" if needs_person else ""
        lines.append("| %s | %s | %d ms | %s |" % (name, text, for_ms, person))
    return lines
