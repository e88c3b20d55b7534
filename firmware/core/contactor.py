# islet: the charging contactor: permission, confirmation, and zero current first.
# GPL-3.0-or-later
#
# T1 and T3: it gives the car power, and only under INV-1. T2: it isolates a gateway from AC; the
# gateway owns its pilot and says over its bus whether a car is connected and locked.
# Times of the stop (6 s) and of the over-draw are those of IEC 61851-1 Table A.6 and of EVerest,
# second-hand.

from firmware.image import (
    ACKNOWLEDGE_SEQ,
    AGE_MAX_MS,
    AUTH_REQUIRED,
    AUTHORISED,
    CABLE_MA,
    CONTACTOR_CLOSE_MS,
    CONTACTOR_CLOSED,
    CONTACTOR_CLOSING,
    CONTACTOR_EMPTYING,
    CONTACTOR_FAULT,
    CONTACTOR_NAMES,
    CONTACTOR_OPEN,
    CONTACTOR_OPEN_MS,
    CONTACTOR_OPENING,
    CONTACTOR_STATE,
    EVSE_AGE_MS,
    EVSE_MA,
    EVSE_NODE,
    EVSE_OVERDUE,
    EVSE_RESPONSE_MS,
    FAULT_CABLE,
    FAULT_DIODE,
    FAULT_ENABLE,
    FAULT_FORMING,
    FAULT_NOT_FOLLOWED,
    FAULT_PILOT,
    FAULT_STUCK_OPEN,
    FAULT_WELD,
    FAULTS,
    IN_CONTACTOR,
    IN_VENTILATION,
    INPUTS,
    INPUTS_AGE_MS,
    INVERTER_AGE_MS,
    INVERTER_FAULT,
    INVERTER_MA,
    INVERTER_PLUGGED,
    ISLAND_GRID,
    ISLAND_ISLANDED,
    ISLAND_LOCKOUT,
    ISLAND_SENSING,
    ISLAND_STARTING,
    ISLAND_STATE,
    LEGS,
    OFFER_MA,
    OUT_CONTACTOR,
    PILOT_A,
    PILOT_C,
    PILOT_D,
    PILOT_STATE,
    PROTECTION_INPUTS,
    PROTECTION_TRIPS,
    TOPOLOGY,
    TRIP_OVERCURRENT,
    TRIP_PILOT,
    TRIP_SAMPLING,
    TRIP_STALE_PERMIT,
    TRIPPED,
    const,
)

INPUTS_STALE_MS = 300  # feedback older than this: protections count as unhealthy
_GATEWAY = const(2)
_MEASURED_MS = const(2_000)  # INV-4
_LEAST_MA = const(6_000)
_EMPTY_MA = const(1_000)
_EMPTY_MS = const(6_000)
_CONFIRM_MS = const(100)  # on top of the declared travel time
_OVERDRAW_MS = const(2_000)  # on top of the declared response
_OPENING_TRIPS = (
    TRIP_OVERCURRENT + TRIP_PILOT + PROTECTION_TRIPS + TRIP_STALE_PERMIT + TRIP_SAMPLING
)
_FAULTS = FAULT_WELD + FAULT_STUCK_OPEN + FAULT_NOT_FOLLOWED  # this room's own
KEPT_FAULTS = _FAULTS  # they outlive a reset
_GATEWAY_FAULTS = FAULT_FORMING + FAULT_ENABLE
_CLOSING_FAULTS = (
    FAULT_PILOT + FAULT_DIODE + FAULT_WELD + FAULT_STUCK_OPEN + FAULT_CABLE + FAULT_NOT_FOLLOWED
)


def unprotected(image):
    """Emergency stop, RCD or over-temperature, or nobody knows."""
    readings = image.readings
    return readings[INPUTS_AGE_MS] > INPUTS_STALE_MS or readings[INPUTS] & PROTECTION_INPUTS != 0


def asks_for_power(image):
    """Pilot in C, or in D with ventilation confirmed."""
    state = image.commands[PILOT_STATE]
    if state == PILOT_D:
        return image.readings[INPUTS] & IN_VENTILATION != 0
    return state == PILOT_C


def gateway_ready(image):
    """T2: the device answers, has a car connected and locked, and reports no fault."""
    readings = image.readings
    return (
        readings[INVERTER_AGE_MS] <= _MEASURED_MS
        and readings[INVERTER_PLUGGED] == 1
        and readings[INVERTER_FAULT] == 0
    )


def gateway_barred(image):
    """T2: lockout, forming failed or unasked, or it went on without its enable."""
    commands = image.commands
    return commands[ISLAND_STATE] == ISLAND_LOCKOUT or commands[FAULTS] & _GATEWAY_FAULTS != 0


def gateway_done(image):
    """T2: it is barred, reports no car or a fault, or is silent.

    While it forms the house's island, silence alone says nothing against it, and opening would
    darken the house under load; what it last reported still counts.
    """
    readings = image.readings
    reported = readings[INVERTER_PLUGGED] != 1 or readings[INVERTER_FAULT] != 0
    if reported or gateway_barred(image):
        return True
    island = image.commands[ISLAND_STATE]
    forms = island == ISLAND_STARTING or island == ISLAND_ISLANDED
    return readings[INVERTER_AGE_MS] > _MEASURED_MS and not forms


STATES = range(len(CONTACTOR_NAMES))


class Contactor:
    """`permit` is OUT_CONTACTOR or 0; `state` is CONTACTOR_*. See TABLE."""

    def __init__(self, image, pilot):
        self._image = image
        self._pilot = pilot
        self._rows = [[row[1:4] for row in TABLE if row[0] == i] for i in STATES]
        self.state = CONTACTOR_OPEN
        self.permit = 0
        self.faults = 0
        self.acknowledged = False
        self._seen_acknowledge = 0
        self.state_ms = 0
        self.against_ms = 0  # how long the auxiliary contact has disagreed with the permit
        self._overdraw_ms = 0

    def recall(self, faults):
        """Start with the faults that stood before a reset."""
        self.faults = faults & _FAULTS
        if self.faults & (FAULT_WELD | FAULT_STUCK_OPEN):
            self.state = CONTACTOR_FAULT

    def step(self, dt_ms):
        """Write CONTACTOR_STATE and the contactor's faults; set `permit`."""
        commands = self._image.commands
        self._observe(dt_ms)
        for event, target, fault in self._rows[self.state]:
            if event(self):
                self._enter(target, fault)
                break
        self._watch_draw(dt_ms)
        commands[FAULTS] = commands[FAULTS] & ~_FAULTS | self.faults
        commands[CONTACTOR_STATE] = self.state

    # --- what the table asks -----------------------------------------------------------------

    def may_close(self):
        """INV-1, every condition of it."""
        image = self._image
        commands = image.commands
        if unprotected(image) or image.trips[TRIPPED] or commands[FAULTS] & _CLOSING_FAULTS:
            return False
        if self._auxiliary():  # closed already: a weld, though not yet confirmed
            return False
        island = commands[ISLAND_STATE]
        if image.site[TOPOLOGY] == _GATEWAY:
            settled = island != ISLAND_SENSING and not gateway_barred(image)
            return settled and image.site[EVSE_NODE] >= 0 and gateway_ready(image)
        return (
            image.site[EVSE_NODE] >= 0
            and island == ISLAND_GRID
            and asks_for_power(image)
            and self._pilot.diode_ok
            and (image.site[AUTH_REQUIRED] == 0 or image.requests[AUTHORISED] == 1)
            and commands[CABLE_MA] >= _LEAST_MA
            and image.readings[EVSE_AGE_MS] <= _MEASURED_MS
            and commands[OFFER_MA] >= _LEAST_MA
        )

    def lacks_right(self):
        return not self.may_close()

    def urgent(self):
        """No time to empty: pilot left C/D or is lost, a protection, the guard has opened, or the
        car has not followed in the time that INV-3 leaves."""
        image = self._image
        if unprotected(image) or image.trips[TRIPPED] & _OPENING_TRIPS:
            return True
        if image.commands[EVSE_OVERDUE]:
            return True
        if image.site[TOPOLOGY] == _GATEWAY:  # nothing else stops it: no zero to wait for
            return image.commands[FAULTS] & FAULT_ENABLE != 0
        state = image.commands[PILOT_STATE]
        return state != PILOT_C and state != PILOT_D

    def told_to_stop(self):
        """No offer stands (T1), or the gateway has to stop (T2)."""
        image = self._image
        if image.site[TOPOLOGY] == _GATEWAY:
            return gateway_done(image)
        return image.commands[OFFER_MA] < _LEAST_MA

    def empty(self):
        """Freshly measured and below 1 A on every leg."""
        image = self._image
        readings = image.readings
        gateway = image.site[TOPOLOGY] == _GATEWAY
        if readings[INVERTER_AGE_MS if gateway else EVSE_AGE_MS] > INPUTS_STALE_MS:
            return False
        first = INVERTER_MA if gateway else EVSE_MA
        for leg in range(LEGS):
            if abs(readings[first + leg]) >= _EMPTY_MA:
                return False
        return True

    def waited(self):
        return self.state_ms >= _EMPTY_MS

    def closed(self):
        return self._fresh() and self._auxiliary()

    def opened(self):
        return self._fresh() and not self._auxiliary()

    def never_closed(self):
        return self.against_ms > self._image.site[CONTACTOR_CLOSE_MS] + _CONFIRM_MS

    def welded(self):
        return self.against_ms > self._image.site[CONTACTOR_OPEN_MS] + _CONFIRM_MS

    def mended(self):
        """Contact open again, and acknowledged by a person (a stuck one: or replugged)."""
        if not self.opened():
            return False
        replugged = self.faults & FAULT_WELD == 0 and self._unplugged()
        return self.acknowledged or replugged

    # --- inside ------------------------------------------------------------------------------

    def _fresh(self):
        return self._image.readings[INPUTS_AGE_MS] <= INPUTS_STALE_MS

    def _auxiliary(self):
        return self._image.readings[INPUTS] & IN_CONTACTOR != 0

    def _unplugged(self):
        image = self._image
        if image.site[TOPOLOGY] == _GATEWAY:
            return image.readings[INVERTER_PLUGGED] == 0
        return image.commands[PILOT_STATE] == PILOT_A

    def _observe(self, dt_ms):
        acknowledge = self._image.requests[ACKNOWLEDGE_SEQ]
        self.acknowledged = acknowledge != self._seen_acknowledge
        self._seen_acknowledge = acknowledge
        state_ms = self.state_ms + dt_ms
        self.state_ms = state_ms if state_ms < AGE_MAX_MS else AGE_MAX_MS
        if not self._fresh() or self._auxiliary() == (self.permit != 0):
            self.against_ms = 0
        elif self.against_ms < AGE_MAX_MS:
            self.against_ms += dt_ms

    def _enter(self, state, fault):
        self.state = state
        self.state_ms = 0
        permit = 0
        if state == CONTACTOR_CLOSING or state == CONTACTOR_CLOSED or state == CONTACTOR_EMPTYING:
            permit = OUT_CONTACTOR
        if permit != self.permit:
            self.permit = permit
            self.against_ms = 0
        if fault:
            self.faults |= fault
        elif state == CONTACTOR_OPEN:
            self.faults &= FAULT_NOT_FOLLOWED  # this one has its own way out

    def _watch_draw(self, dt_ms):
        """A car that draws more than 110 % of the offer + 0.5 A for too long is cut off."""
        image = self._image
        if self._unplugged() or (self.acknowledged and self.state == CONTACTOR_OPEN):
            self.faults &= ~FAULT_NOT_FOLLOWED
        readings = image.readings
        over = False
        if image.site[TOPOLOGY] != _GATEWAY and readings[EVSE_AGE_MS] <= _MEASURED_MS:
            offer_ma = image.commands[OFFER_MA]
            limit_ma = offer_ma + offer_ma // 10 + 500
            for leg in range(LEGS):
                if readings[EVSE_MA + leg] > limit_ma:
                    over = True
        if not over:
            self._overdraw_ms = 0
        elif self._overdraw_ms <= image.site[EVSE_RESPONSE_MS] + _OVERDRAW_MS:
            self._overdraw_ms += dt_ms
        else:
            self.faults |= FAULT_NOT_FOLLOWED
        if over and image.commands[EVSE_OVERDUE]:
            self.faults |= FAULT_NOT_FOLLOWED


# The first row of the present state whose event holds is taken, at most one a step.
TABLE = (
    # state, event, next state, fault, meaning
    (CONTACTOR_OPEN, Contactor.welded, CONTACTOR_FAULT, FAULT_WELD, "closed without command"),
    (CONTACTOR_OPEN, Contactor.may_close, CONTACTOR_CLOSING, 0, "INV-1 holds"),
    (CONTACTOR_CLOSING, Contactor.urgent, CONTACTOR_OPENING, 0, "no time: open at once"),
    (CONTACTOR_CLOSING, Contactor.closed, CONTACTOR_CLOSED, 0, "auxiliary contact confirms"),
    (CONTACTOR_CLOSING, Contactor.lacks_right, CONTACTOR_OPENING, 0, "a condition of INV-1 fell"),
    (CONTACTOR_CLOSING, Contactor.never_closed, CONTACTOR_FAULT, FAULT_STUCK_OPEN, "stuck open"),
    (CONTACTOR_CLOSED, Contactor.urgent, CONTACTOR_OPENING, 0, "no time: open at once"),
    (CONTACTOR_CLOSED, Contactor.never_closed, CONTACTOR_FAULT, FAULT_STUCK_OPEN, "dropped out"),
    (
        CONTACTOR_CLOSED,
        Contactor.told_to_stop,
        CONTACTOR_EMPTYING,
        0,
        "no offer, gateway done: zero first",
    ),
    (CONTACTOR_EMPTYING, Contactor.urgent, CONTACTOR_OPENING, 0, "car in A or B, or no time"),
    (CONTACTOR_EMPTYING, Contactor.empty, CONTACTOR_OPENING, 0, "below 1 A"),
    (CONTACTOR_EMPTYING, Contactor.waited, CONTACTOR_OPENING, 0, "6 s are over: open under load"),
    (CONTACTOR_OPENING, Contactor.opened, CONTACTOR_OPEN, 0, "auxiliary contact confirms"),
    (CONTACTOR_OPENING, Contactor.welded, CONTACTOR_FAULT, FAULT_WELD, "did not open: welded"),
    (CONTACTOR_FAULT, Contactor.welded, CONTACTOR_FAULT, FAULT_WELD, "closed since: welded too"),
    (CONTACTOR_FAULT, Contactor.mended, CONTACTOR_OPEN, 0, "open, and acknowledged or replugged"),
)


def table():
    """The state table as lines of markdown."""
    lines = ["| state | event | next | meaning |", "|---|---|---|---|"]
    for state, event, target, _, text in TABLE:
        row = (CONTACTOR_NAMES[state], event.__name__, CONTACTOR_NAMES[target], text)
        lines.append("| %s | %s | %s | %s |" % row)
    return lines
