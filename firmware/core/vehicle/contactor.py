# islet: the charging contactor: permission, confirmation, and zero current first.
# GPL-3.0-or-later
#
# T1 and T3: it gives the car power, and only under INV-1. T2: it isolates a gateway from AC; the
# gateway owns its pilot and says over its bus whether a car is connected and locked.
# The stop's 6 s are those of IEC 61851-1 Table A.6, second-hand. How often it may close is
# wear.py's, whether the car follows draw.py's.

from firmware import image as im
from firmware.base.timer import grown, shrunk
from firmware.base.viper import const
from firmware.core.vehicle.draw import Draw, most
from firmware.core.vehicle.rights import (
    ENABLE_ALONE,
    INPUTS_STALE_MS,
    asks_for_power,
    authorised,
    gateway_barred,
    gateway_done,
    gateway_ready,
    set_faults,
    speaks_itself,
    trips_of,
    unprotected,
)
from firmware.core.vehicle.wear import Wear

_MEASURED_MS = const(2_000)  # INV-4
_LEAST_MA = const(6_000)
_EMPTY_MA = const(1_000)
_EMPTY_MS = const(6_000)
_AGAINST_MS = const(500)  # longer than any of them; more would take as long to forget
_CONFIRM_MS = const(100)  # on top of the declared travel time
_DRY = const(2)  # steps in D without ventilation; the guard opens at once
_RELEASE_MS = const(3_000)  # a release that has acted by then has none to act on
_OPENING_TRIPS = (
    im.TRIP_OVERCURRENT
    + im.TRIP_PILOT
    + im.PROTECTION_TRIPS
    + im.TRIP_STALE_PERMIT
    + im.TRIP_SAMPLING
    + im.TRIP_VEHICLE
)
_OWN_FAULTS = im.FAULT_WELD + im.FAULT_STUCK_OPEN + im.FAULT_NOT_FOLLOWED
_FAULTS = _OWN_FAULTS + im.FAULT_STAYS_LIVE
KEPT_FAULTS = _OWN_FAULTS  # they outlive a reset
_CLOSING_FAULTS = _OWN_FAULTS + im.FAULT_PILOT + im.FAULT_DIODE + im.FAULT_CABLE


STATES = range(len(im.CONTACTOR_NAMES))


class Contactor:
    """`permit` is the point's OUT_CONTACTOR or 0; `state` is CONTACTOR_*. See TABLE."""

    def __init__(self, image, pilot, point=0):
        self._image = image
        self._point = point
        self._coil = im.OUT_CONTACTOR << im.OUT_SHIFT * point
        self._released = im.OUT_RELEASE << im.OUT_SHIFT * point
        self._contact = im.IN_CONTACTOR << im.IN_SHIFT * point
        self._device = -1  # in its circuit
        self._gateway = False  # which speaks with the car itself
        self._pilot = pilot
        self._rows = [[row[1:4] for row in TABLE if row[0] == i] for i in STATES]
        self.state = im.CONTACTOR_OPEN
        self.permit = 0
        self.faults = 0
        self.acknowledged = False
        self._seen_acknowledge = 0
        self.state_ms = 0
        self.against_ms = 0  # how long the auxiliary contact has disagreed with the permit
        self.release = 0  # the point's OUT_RELEASE or 0
        self._release_ms = 0
        self._dry = 0
        self.draw = Draw(image, point)
        self.wear = Wear(image, point)

    def recall(self, faults):
        """Start with the faults that stood before a reset."""
        self.faults = faults & _OWN_FAULTS
        self.draw.ignored = faults & im.FAULT_NOT_FOLLOWED != 0
        self.wear.recall()
        if self.faults & (im.FAULT_WELD | im.FAULT_STUCK_OPEN):
            self.state = im.CONTACTOR_FAULT

    def step(self, dt_ms):
        """Write CONTACTOR_STATE and the contactor's faults; set `permit`."""
        commands = self._image.commands
        self._device = self._image.site[im.POINT_DEVICE + self._point]
        self._gateway = speaks_itself(self._image.site, self._point)
        self._observe(dt_ms)
        self.wear.step(dt_ms, self.acknowledged)
        loaded = self.draw.flows  # in the last step: the current is gone when a trip is seen
        self._watch_draw(dt_ms)
        for event, target, fault in self._rows[self.state]:
            if event(self):
                self._enter(target, fault, loaded)
                break
        self._switch_off_above(dt_ms)
        set_faults(commands, self._point, _FAULTS, self.faults)
        commands[im.POINT_CONTACTOR_STATE + self._point] = self.state

    def idles(self):
        """Whether a step changes nothing while no device lies in its circuit and its auxiliary
        contact says open: no time runs that anybody would ask for."""
        return (
            self.state == im.CONTACTOR_OPEN
            and self.faults == 0
            and self.against_ms == 0
            and self.wear.idles()
        )

    # --- what the table asks -----------------------------------------------------------------

    def may_close(self):
        """INV-1, every condition of it."""
        image = self._image
        commands = image.commands
        device, point = self._device, self._point
        if device < 0:
            return False
        trips = trips_of(image, point)
        if not self._gateway:
            trips &= ~ENABLE_ALONE
        if unprotected(image) or trips or commands[im.FAULTS] & im.FAULT_PEN:
            return False
        if commands[im.POINT_FAULTS + point] & _CLOSING_FAULTS:
            return False
        if self.wear.left_ms or not authorised(image, point):
            return False
        if self._auxiliary():  # closed already: a weld, though not yet confirmed
            return False
        island = commands[im.ISLAND_STATE]
        if self._gateway:
            settled = island != im.ISLAND_SENSING and not gateway_barred(image)
            return settled and gateway_ready(image, device)
        return (
            image.site[im.DEVICE_KIND + device] == im.KIND_POINT
            and island == im.ISLAND_GRID
            and asks_for_power(image, point)
            and self._pilot.diode_ok
            and commands[im.POINT_CABLE_MA + point] >= _LEAST_MA
            and image.readings[im.DEVICE_AGE_MS + device] <= _MEASURED_MS
            and commands[im.SETPOINT + device] >= _LEAST_MA
        )

    def lacks_right(self):
        return not self.may_close()

    def urgent(self):
        """No time to empty: pilot left C/D or is lost, D without ventilation, a protection, a lost
        PEN, a car that does not follow or not in the time that INV-3 leaves, or the guard has
        opened."""
        image = self._image
        if unprotected(image) or trips_of(image, self._point) & _OPENING_TRIPS:
            return True
        if image.commands[im.FAULTS] & im.FAULT_PEN or self.faults & im.FAULT_NOT_FOLLOWED:
            return True
        if self._device >= 0 and image.commands[im.DEVICE_OVERDUE + self._device]:
            return True
        if self._gateway:  # nothing else stops it: no zero to wait for
            return image.commands[im.FAULTS] & im.FAULT_ENABLE != 0
        state = image.commands[im.POINT_PILOT_STATE + self._point]
        return (state != im.PILOT_C and state != im.PILOT_D) or self._dry >= _DRY

    def told_to_stop(self):
        """No offer stands (T1), or the gateway has to stop (T2)."""
        image = self._image
        if self._gateway:
            return gateway_done(image, self._device, self._point)
        return self._device < 0 or image.commands[im.SETPOINT + self._device] < _LEAST_MA

    def empty(self):
        """Freshly measured and below 1 A on every leg."""
        readings, device = self._image.readings, self._device
        if device < 0 or readings[im.DEVICE_AGE_MS + device] > INPUTS_STALE_MS:
            return False
        return most(readings, device) < _EMPTY_MA

    def waited(self):
        """6 s; where the panel took the offer away, no longer than the response: INV-3."""
        image = self._image
        if self.state_ms >= _EMPTY_MS:
            return True
        device = self._device
        if self._gateway or device < 0:
            return False
        short = image.commands[im.CLAIM_HIGH + im.PANEL * im.DEVICES + device] < _LEAST_MA
        return short and self.state_ms >= image.site[im.DEVICE_RESPONSE_MS + device]

    def closed(self):
        return self._fresh() and self._auxiliary()

    def opened(self):
        return self._fresh() and not self._auxiliary()

    def never_closed(self):
        return self.against_ms > self._image.site[im.POINT_CLOSE_MS + self._point] + _CONFIRM_MS

    def welded(self):
        """By its auxiliary contact, or by the current through what is told to be open."""
        late_ms = self._image.site[im.POINT_OPEN_MS + self._point] + _CONFIRM_MS
        return self.draw.welded or (self.permit == 0 and self.against_ms > late_ms)

    def mended(self):
        """Contact open again and nothing flows, and acknowledged by a person (a stuck one: or
        replugged)."""
        if not self.opened() or self.draw.welded:
            return False
        replugged = self.faults & im.FAULT_WELD == 0 and self._unplugged()
        return self.acknowledged or replugged

    # --- inside ------------------------------------------------------------------------------

    def _fresh(self):
        return self._image.readings[im.INPUTS_AGE_MS] <= INPUTS_STALE_MS

    def _auxiliary(self):
        return self._image.readings[im.INPUTS] & self._contact != 0

    def _unplugged(self):
        image = self._image
        if self._pilot.unplugged:
            return True
        if self._gateway:
            return image.readings[im.DEVICE_PLUGGED + self._device] == 0
        return image.commands[im.POINT_PILOT_STATE + self._point] == im.PILOT_A

    def _observe(self, dt_ms):
        acknowledge = self._image.requests[im.ACKNOWLEDGE_SEQ]
        self.acknowledged = acknowledge != self._seen_acknowledge
        self._seen_acknowledge = acknowledge
        self.state_ms = grown(self.state_ms, dt_ms)
        if not self._fresh():
            self.against_ms = 0
        elif self._auxiliary() != (self.permit != 0):
            if self.against_ms < _AGAINST_MS:
                self.against_ms += dt_ms
        elif self.against_ms:  # one sample that agrees clears nothing
            self.against_ms = shrunk(self.against_ms, dt_ms)
        state = self._image.commands[im.POINT_PILOT_STATE + self._point]
        if state != im.PILOT_D or asks_for_power(self._image, self._point):
            self._dry = 0
        elif self._dry < _DRY:
            self._dry += 1

    def _enter(self, state, fault, loaded):
        refused = self.state == im.CONTACTOR_EMPTYING and self.waited()
        self.state = state
        self.state_ms = 0
        permit = 0
        if (
            state == im.CONTACTOR_CLOSING
            or state == im.CONTACTOR_CLOSED
            or state == im.CONTACTOR_EMPTYING
        ):
            permit = self._coil
        if permit != self.permit:
            self.permit = permit
            self.against_ms = 0
            if permit:
                self.wear.closed()
            else:
                self.wear.opened(loaded)
                if refused:
                    self.draw.refused()
        if fault:
            self.faults |= fault
        elif state == im.CONTACTOR_OPEN:
            self.faults &= im.FAULT_NOT_FOLLOWED  # this one has its own way out

    def _watch_draw(self, dt_ms):
        """A car that does not follow, until it is unplugged, or acknowledged with it open."""
        draw = self.draw
        if self._unplugged() or (self.acknowledged and self.state == im.CONTACTOR_OPEN):
            draw.forget()
        draw.step(dt_ms, self.permit)
        self.faults &= ~im.FAULT_NOT_FOLLOWED
        if self.draw.ignored:
            self.faults |= im.FAULT_NOT_FOLLOWED

    def _switch_off_above(self, dt_ms):
        """A weld energises the release of what feeds the point, where the circuit declares one;
        else, or where it has no effect, the point stays live, and that is said."""
        self.faults &= ~im.FAULT_STAYS_LIVE
        self.release = 0
        if not self.faults & im.FAULT_WELD:
            self._release_ms = 0
            return
        if self._image.site[im.WELD_RELEASE]:
            self.release = self._released
            if self._release_ms < _RELEASE_MS:
                self._release_ms += dt_ms
                return
            if not self.draw.welded:
                return
        self.faults |= im.FAULT_STAYS_LIVE


# The first row of the present state whose event holds is taken, at most one a step.
TABLE = (
    # state, event, next state, fault, meaning
    (
        im.CONTACTOR_OPEN,
        Contactor.welded,
        im.CONTACTOR_FAULT,
        im.FAULT_WELD,
        "closed without command",
    ),
    (im.CONTACTOR_OPEN, Contactor.may_close, im.CONTACTOR_CLOSING, 0, "INV-1 holds"),
    (im.CONTACTOR_CLOSING, Contactor.urgent, im.CONTACTOR_OPENING, 0, "no time: open at once"),
    (im.CONTACTOR_CLOSING, Contactor.closed, im.CONTACTOR_CLOSED, 0, "auxiliary contact confirms"),
    (
        im.CONTACTOR_CLOSING,
        Contactor.lacks_right,
        im.CONTACTOR_OPENING,
        0,
        "a condition of INV-1 fell",
    ),
    (
        im.CONTACTOR_CLOSING,
        Contactor.never_closed,
        im.CONTACTOR_FAULT,
        im.FAULT_STUCK_OPEN,
        "stuck open",
    ),
    (im.CONTACTOR_CLOSED, Contactor.urgent, im.CONTACTOR_OPENING, 0, "no time: open at once"),
    (
        im.CONTACTOR_CLOSED,
        Contactor.never_closed,
        im.CONTACTOR_FAULT,
        im.FAULT_STUCK_OPEN,
        "dropped out",
    ),
    (
        im.CONTACTOR_CLOSED,
        Contactor.told_to_stop,
        im.CONTACTOR_EMPTYING,
        0,
        "no offer, gateway done: zero first",
    ),
    (
        im.CONTACTOR_EMPTYING,
        Contactor.urgent,
        im.CONTACTOR_OPENING,
        0,
        "car in A or B, or no time",
    ),
    (im.CONTACTOR_EMPTYING, Contactor.empty, im.CONTACTOR_OPENING, 0, "below 1 A"),
    (
        im.CONTACTOR_EMPTYING,
        Contactor.waited,
        im.CONTACTOR_OPENING,
        0,
        "6 s are over: open under load",
    ),
    (im.CONTACTOR_OPENING, Contactor.opened, im.CONTACTOR_OPEN, 0, "auxiliary contact confirms"),
    (
        im.CONTACTOR_OPENING,
        Contactor.welded,
        im.CONTACTOR_FAULT,
        im.FAULT_WELD,
        "did not open: welded",
    ),
    (
        im.CONTACTOR_FAULT,
        Contactor.welded,
        im.CONTACTOR_FAULT,
        im.FAULT_WELD,
        "closed since: welded too",
    ),
    (
        im.CONTACTOR_FAULT,
        Contactor.mended,
        im.CONTACTOR_OPEN,
        0,
        "open, and acknowledged or replugged",
    ),
)
