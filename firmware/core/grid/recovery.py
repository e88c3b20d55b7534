# islet: the way out of every trip: what core must see before the guard may clear it.
# GPL-3.0-or-later

from array import array

from firmware import image as im
from firmware.base.timer import grown
from firmware.base.viper import const
from firmware.core.vehicle.rights import speaks_itself

_STALE_MS = const(300)
_COOL_MS = const(60_000)  # hysteresis in time: the contact tells no temperature


def _inputs(image):
    """INPUTS, or everything at once when they are not fresh (which satisfies nobody)."""
    readings = image.readings
    return readings[im.INPUTS] if readings[im.INPUTS_AGE_MS] <= _STALE_MS else -1


def contactor_open(image, point):
    """Core no longer asks for it, and the auxiliary contact says open."""
    state = image.commands[im.POINT_CONTACTOR_STATE + point]
    asked = state != im.CONTACTOR_OPEN and state != im.CONTACTOR_FAULT
    return not asked and _inputs(image) & im.IN_CONTACTOR << im.IN_SHIFT * point == 0


def unplugged(image, point):
    if speaks_itself(image.site, point):
        device = image.site[im.POINT_DEVICE + point]
        away = image.readings[im.DEVICE_PLUGGED + device] == 0
        return away and contactor_open(image, point)
    away = image.commands[im.POINT_PILOT_STATE + point] == im.PILOT_A
    return away and contactor_open(image, point)


def car_at_rest(image, point):
    state = image.commands[im.POINT_PILOT_STATE + point]
    fresh = image.readings[im.POINT_PILOT_AGE_MS + point] <= _STALE_MS
    return contactor_open(image, point) and fresh and (state == im.PILOT_A or state == im.PILOT_B)


def car_still_asks(image, point):
    state = image.commands[im.POINT_PILOT_STATE + point]
    return contactor_open(image, point) and (state == im.PILOT_C or state == im.PILOT_D)


def grid_back(image, _point):
    state = image.commands[im.GRID_STATE]
    return state != im.GRID_UNKNOWN and state != im.GRID_DEAD


def off_the_grid(image, _point):
    """The islanding switch is proved open: a dead grid no longer matters."""
    inputs = _inputs(image)
    return image.site[im.ISLAND_CAPABLE] == 1 and inputs >= 0 and inputs & im.IN_ISLAND_OPEN != 0


def stop_released(image, _point):
    return _inputs(image) & im.IN_ESTOP == 0


def service_over(image, _point):
    return _inputs(image) & im.IN_SERVICE == 0


def enable_off(image, _point):
    return image.trips[im.OUTPUTS] & im.OUT_ENABLE == 0


def rcd_set(image, _point):
    return _inputs(image) & im.IN_RCD == 0


def cooled(image, _point):
    return _inputs(image) & im.IN_OVERTEMP == 0


def outputs_off(image, _point):
    """Beating again (this runs), and nothing of what was dropped is still on."""
    if image.trips[im.OUTPUTS] & (im.OUT_CONTACTORS | im.OUT_ENABLE):
        return False
    for point in range(im.POINTS):
        used = image.site[im.POINT_DEVICE + point] >= 0
        if used and not contactor_open(image, point):
            return False
    return True


def contacts_consistent(image, _point):
    inputs = _inputs(image)
    return inputs >= 0 and (inputs & im.IN_BOND == 0 or inputs & im.IN_ISLAND_OPEN != 0)


def not_forming(image, _point):
    """The island has ended; whether there is another is for the transfer's own faults."""
    return image.commands[im.SETPOINT_MODE + image.site[im.ISLAND_DEVICE]] != im.MODE_FORM


def sampling_again(image, _point):
    readings = image.readings
    for point in range(im.POINTS):
        used = image.site[im.POINT_DEVICE + point] >= 0
        if used and readings[im.POINT_PILOT_AGE_MS + point] > _STALE_MS:
            return False
    return readings[im.FAST_AGE_MS] <= _STALE_MS


# A trip may be cleared when any of its rows has held for its time and, where the row says so,
# a person has acknowledged while it held. A point's own trip has its rows for each point.
TABLE = (
    # trip, condition, for ms, person, meaning
    (im.TRIP_OVERCURRENT, contactor_open, 0, True, "contactor open"),
    (im.TRIP_OVERCURRENT, unplugged, 0, False, "car unplugged"),
    (im.TRIP_PILOT, car_at_rest, 0, False, "contactor open, car in A or B"),
    (im.TRIP_PILOT, car_still_asks, 5_000, False, "contactor open, car steadily in C or D"),
    (im.TRIP_DEAD_GRID, grid_back, 1_000, False, "grid no longer dead"),
    (im.TRIP_DEAD_GRID, off_the_grid, 0, False, "islanding switch open"),
    (im.TRIP_STOP, stop_released, 0, True, "stop released"),
    (im.TRIP_STALE_PERMIT, outputs_off, 1_000, False, "beating again, outputs off"),
    (im.TRIP_INTERLOCK, contacts_consistent, 1_000, False, "contacts consistent"),
    (im.TRIP_BOND, contacts_consistent, 1_000, False, "contacts consistent"),
    (im.TRIP_ISLAND, not_forming, 1_000, False, "no island asked for"),
    (im.TRIP_NEUTRAL, not_forming, 1_000, False, "no island asked for"),
    (im.TRIP_SHORT, not_forming, 1_000, False, "no island asked for"),
    (im.TRIP_SAMPLING, sampling_again, 1_000, False, "samples fresh"),
    (im.TRIP_SERVICE, service_over, 0, True, "service switch back"),
    (im.TRIP_ENABLE, enable_off, 0, True, "its output is off"),
    (im.TRIP_RCD, rcd_set, 0, True, "RCD set again"),
    (im.TRIP_HEAT, cooled, _COOL_MS, False, "no longer too hot"),
    (
        im.TRIP_VEHICLE,
        contactor_open,
        1_000,
        False,
        "contactor open; INV-1 decides about the next",
    ),
)

KEPT_TRIPS = 0  # those that a reset or power cut does not clear, for only a person may
for _row in TABLE:
    for _point in range(im.POINTS if _row[0] & im.POINT_TRIPS else 1):
        KEPT_TRIPS |= _row[0] << im.TRIP_SHIFT * _point if _row[3] else 0


class Recovery:
    """Writes TRIP_ACK from TABLE."""

    def __init__(self, image):
        self._image = image
        self._held_ms = array("i", [0] * (len(TABLE) * im.POINTS))
        self._signed = bytearray(len(TABLE) * im.POINTS)  # acknowledged while the row held
        self._acknowledge = 0
        self._tripped = 0  # in the last step

    def step(self, dt_ms):
        image = self._image
        acknowledge = image.requests[im.ACKNOWLEDGE_SEQ]
        person = acknowledge != self._acknowledge
        self._acknowledge = acknowledge
        tripped = image.trips[im.TRIPPED]
        ack = 0
        if tripped or self._tripped:  # once more after the last trip, so that its rows forget
            ack = self._clearable(tripped, person, dt_ms)
        self._tripped = tripped
        image.commands[im.TRIP_ACK] = ack

    def _clearable(self, tripped, person, dt_ms):
        """Advance every row of TABLE; the trips of which one has held long enough."""
        ack = 0
        i = 0
        for bit, condition, for_ms, needs_person, _ in TABLE:
            for point in range(im.POINTS):
                if point == 0 or bit & im.POINT_TRIPS:
                    its = bit << im.TRIP_SHIFT * point
                    holds = tripped & its and condition(self._image, point)
                    if self._advance(i, holds, for_ms, needs_person, person, dt_ms):
                        ack |= its
                i += 1
        return ack

    def _advance(self, i, holds, for_ms, needs_person, person, dt_ms):
        """One more step of a row; whether it clears its trip."""
        if not holds:
            self._held_ms[i] = 0
            self._signed[i] = 0
            return False
        if person:
            self._signed[i] = 1
        held_ms = self._held_ms[i]
        self._held_ms[i] = grown(held_ms, dt_ms)
        return held_ms >= for_ms and (self._signed[i] or not needs_person)
