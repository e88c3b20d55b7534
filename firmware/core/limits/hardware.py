# islet: what the hardware leaves to each device: pilot, cable, ratings, relays, device state.
# GPL-3.0-or-later
#
# A device may do nothing while any row of its kind's table holds; the first that holds is the
# reason. An event returns True, or the value its reason shows, which may be which of the reason's
# sentences it is (people/words.py); the first line of its docstring is what the documentation says
# of it, which costs a chip nothing.

from firmware import image as im
from firmware.base.viper import const
from firmware.core.limits import columns
from firmware.core.limits.clear_kernel import clear
from firmware.core.vehicle.rights import (
    ENABLE_ALONE,
    INPUTS_STALE_MS,
    authorised,
    enable_trips,
    gateway_ready,
    trips_of,
)

_STALE_MS = const(2_000)  # INV-4
_LEAST_MA = const(6_000)
_ENABLE_TRIPS = (
    ENABLE_ALONE
    + im.TRIP_DEAD_GRID
    + im.TRIP_STALE_PERMIT
    + im.TRIP_INTERLOCK
    + im.TRIP_SAMPLING
    + im.TRIP_BOND
)


# --- any device -----------------------------------------------------------------------------


def _sensing(at):
    """State of the site not sensed yet."""
    return at.commands[im.ISLAND_STATE] == im.ISLAND_SENSING


def _protected(at, inputs):
    """Which of these protective inputs cuts the power; True when nobody knows."""
    readings = at.readings
    return readings[im.INPUTS_AGE_MS] > INPUTS_STALE_MS or readings[im.INPUTS] & inputs


def _off_grid(at):
    """House not on the grid."""
    return at.commands[im.ISLAND_STATE] != im.ISLAND_GRID


def _silent(at):
    """No answer for 2 s."""
    age_ms = at.readings[im.DEVICE_AGE_MS + at.device]
    return age_ms if age_ms > _STALE_MS else False


def _faulty(at):
    """It reports a fault, something else commands it too, or nothing is connected to it."""
    readings, device = at.readings, at.device
    if readings[im.DEVICE_FAULT + device]:
        return 2 if readings[im.DEVICE_FAULT + device] == 2 else True
    return 1 if readings[im.DEVICE_PLUGGED + device] == 0 else False


# --- charging point -------------------------------------------------------------------------


def _point_cut(at):
    """Emergency stop, RCD, over-temperature, or not known."""
    return _protected(at, im.PROTECTION_INPUTS)


def _point_tripped(at):
    """A trip waits to be acknowledged; not service and enable."""
    return trips_of(at.image, at.point) & ~ENABLE_ALONE


def _not_followed(at):
    """The car drew more than offered."""
    return at.commands[im.POINT_FAULTS + at.point] & im.FAULT_NOT_FOLLOWED != 0


def _contactor_busy(at):
    """Contactor faulty or opening."""
    state = at.commands[im.POINT_CONTACTOR_STATE + at.point]
    if state == im.CONTACTOR_EMPTYING:
        return 2
    return state == im.CONTACTOR_FAULT or (1 if state == im.CONTACTOR_OPENING else False)


def _no_vehicle(at):
    """Pilot in A."""
    return at.commands[im.POINT_PILOT_STATE + at.point] == im.PILOT_A


def _pilot_fault(at):
    """Pilot not in B, C, D."""
    state = at.commands[im.POINT_PILOT_STATE + at.point]
    if state == im.PILOT_UNKNOWN:
        return 1
    return state != im.PILOT_B and state != im.PILOT_C and state != im.PILOT_D


def _no_cable(at):
    """Cable rating unknown."""
    return at.commands[im.POINT_CABLE_MA + at.point] < _LEAST_MA


def _not_ventilated(at):
    """D without ventilation, until it comes or A or C.

    In D; or in B only because the offer ended for this: the next one would lead to D again.
    """
    if at.readings[im.INPUTS] & im.IN_VENTILATION != 0:
        return False
    commands = at.commands
    state = commands[im.POINT_PILOT_STATE + at.point]
    said = commands[im.CLAIM_REASON + im.HARDWARE * im.DEVICES + at.device]
    return state == im.PILOT_D or (state == im.PILOT_B and said == im.REASON_VENTILATION)


def _not_authorised(at):
    """Nobody authorised."""
    return not authorised(at.image, at.point)


def _pen(at):
    """The PEN conductor is lost by its voltage, or that is not measured.

    Lost, or nobody would see it.
    """
    if at.commands[im.FAULTS] & im.FAULT_PEN:
        return True
    unseen = at.site[im.PEN_WATCH] == 1 and at.readings[im.GRID_AGE_MS] > _STALE_MS
    return 1 if unseen else False


def _rests(at):
    """The contactor rests after an operation (core/vehicle/wear.py).

    How much longer it may not close.
    """
    commands, point = at.commands, at.point
    if commands[im.POINT_CONTACTOR_STATE + point] != im.CONTACTOR_OPEN:
        return False
    return commands[im.POINT_REST_MS + point]


def _unmeasured(at):
    """Its current is not measured."""
    return _silent(at)


POINT_BLOCKS = (
    (im.REASON_BOOT, _sensing),
    (im.REASON_PROTECTION, _point_cut),
    (im.REASON_TRIP, _point_tripped),
    (im.REASON_NOT_FOLLOWED, _not_followed),
    (im.REASON_PEN, _pen),
    (im.REASON_VENTILATION, _not_ventilated),
    (im.REASON_CONTACTOR, _contactor_busy),
    (im.REASON_NO_VEHICLE, _no_vehicle),
    (im.REASON_PILOT_FAULT, _pilot_fault),
    (im.REASON_CABLE, _no_cable),
    (im.REASON_NOT_AUTHORISED, _not_authorised),
    (im.REASON_ISLAND, _off_grid),
    (im.REASON_METER_STALE, _unmeasured),
    (im.REASON_REST, _rests),
)

CHARGER_BLOCKS = (
    (im.REASON_BOOT, _sensing),
    (im.REASON_PROTECTION, _point_cut),
    (im.REASON_DEVICE_SILENT, _silent),
    (im.REASON_DEVICE_FAULT, _faulty),
    (im.REASON_ISLAND, _off_grid),
)


# --- converter ------------------------------------------------------------------------------


def _enable_cut(at):
    """Emergency stop; RCD or heat that break its enable; not known.

    RCD and heat break what their own circuit carries.
    """
    return _protected(at, at.site[im.ENABLE_INPUTS] & im.PROTECTION_INPUTS)


def _enable_tripped(at):
    """A trip that drops its enable waits to be acknowledged."""
    tripped = at.trips[im.TRIPPED]
    return tripped & _ENABLE_TRIPS | enable_trips(at.image) if tripped else 0


def _transfer(at):
    """House neither on the grid nor islanded, or the fault forming."""
    state = at.commands[im.ISLAND_STATE]
    if at.commands[im.FAULTS] & im.FAULT_FORMING:
        return 1
    return state != im.ISLAND_GRID and state != im.ISLAND_ISLANDED


def _no_effect(at):
    """It went on without its enable."""
    return at.commands[im.DEVICE_ENABLE_BAR + at.device] & im.BAR_ENABLE != 0


def _not_obeyed(at):
    """It stayed outside its grant (INV-16)."""
    return at.commands[im.DEVICE_OBEDIENCE + at.device] >= im.OBEY_ZERO


def _unguarded(at):
    """Its anti-islanding is off, or not asked and no certificate."""
    if not at.commands[im.DEVICE_ENABLE_BAR + at.device] & im.BAR_ANTI_ISLANDING:
        return False
    said = at.readings[im.DEVICE_ANTI_ISLANDING + at.device]
    return True if said == 0 else 1 if said < 0 else 2


def _unwitnessed(at):
    """Nothing but itself says what it does, or not even itself."""
    return at.commands[im.DEVICE_ENABLE_BAR + at.device] & im.BAR_UNWITNESSED != 0


def _isolated(at):
    """The contactor in its circuit is not closed."""
    if at.point < 0:
        return False
    state = at.commands[im.POINT_CONTACTOR_STATE + at.point]
    if state == im.CONTACTOR_OPEN:
        return 3
    if state == im.CONTACTOR_CLOSED and gateway_ready(at.image, at.device):
        return False
    return state == im.CONTACTOR_FAULT or 1


def _to_prove(at):
    """It has not shown that it obeys, and is not about to (proof.py)."""
    return at.commands[im.DEVICE_PROVED + at.device] == 0 and not _proving(at)


def _proving(at):
    commands = at.commands
    return commands[im.PROOF_STATE] != im.PROOF_REST and commands[im.PROOF_DEVICE] == at.device


def _gateway_not_authorised(at):
    """Nobody authorised, where the contactor of a point lies in its circuit.

    An island that it already forms goes on.
    """
    if at.point < 0 or at.commands[im.ISLAND_STATE] == im.ISLAND_ISLANDED:
        return False
    return not authorised(at.image, at.point)


CONVERTER_BLOCKS = (
    (im.REASON_BOOT, _sensing),
    (im.REASON_PROTECTION, _enable_cut),
    (im.REASON_TRIP, _enable_tripped),
    (im.REASON_ENABLE, _no_effect),
    (im.REASON_NOT_OBEYED, _not_obeyed),
    (im.REASON_DEVICE_SILENT, _silent),
    (im.REASON_DEVICE_FAULT, _faulty),
    (im.REASON_ISLAND, _transfer),
    (im.REASON_ANTI_ISLANDING, _unguarded),
    (im.REASON_UNWITNESSED, _unwitnessed),
    (im.REASON_COMMISSION, _to_prove),
    (im.REASON_NOT_AUTHORISED, _gateway_not_authorised),
    (im.REASON_CONTACTOR, _isolated),
)

SOURCE_BLOCKS = (
    (im.REASON_BOOT, _sensing),
    (im.REASON_PROTECTION, _enable_cut),
    (im.REASON_DEVICE_SILENT, _silent),
    (im.REASON_DEVICE_FAULT, _faulty),
)


class Hardware:
    """One device's claim of HARDWARE: mA per leg of what takes an offer (in B it stands as PWM),
    else W."""

    def __init__(self, image, device):
        site = self.site = image.site
        self.image = image
        self.readings = image.readings
        self.commands = image.commands
        self.trips = image.trips
        self._requests = image.requests
        self.device = device
        self.point = columns.point(site, device)
        kind = columns.kind(site, device)
        self._blocks, self._able = {
            im.KIND_POINT: (POINT_BLOCKS, self._point),
            im.KIND_CHARGER: (CHARGER_BLOCKS, self._charger),
            im.KIND_CONVERTER: (CONVERTER_BLOCKS, self._converter),
            im.KIND_SOURCE: (SOURCE_BLOCKS, self._source),
        }[kind]
        self._delivers = columns.may_deliver(site, device)
        self._low = self._high = self._reason = self._value = im.UNKNOWN  # as said last

    def claim(self, limits):
        tripped = self.trips[im.TRIPPED]
        if not clear(
            self.site, self.readings, self._requests, self.commands, tripped, self.device,
            self.point,
        ):  # fmt: skip
            for reason, holds in self._blocks:
                value = holds(self)
                if value:
                    self._say(limits, 0, 0, reason, 0 if value is True else value)
                    return
        self._able(limits)

    def _say(self, limits, low, high, reason, value, low_reason=im.UNKNOWN):
        """A claim stays where it is: only another one is written."""
        if (
            value == self._value
            and reason == self._reason
            and high == self._high
            and low == self._low
        ):
            return
        self._low = low
        self._high = high
        self._reason = reason
        self._value = value
        limits.claim(im.HARDWARE, self.device, low, high, reason, -1, -1, value, low_reason)

    def _point(self, limits):
        high_ma = self.site[im.DEVICE_MAX_MA + self.device]
        cable_ma = self.commands[im.POINT_CABLE_MA + self.point]
        reason = im.REASON_RATING
        if cable_ma < high_ma:
            high_ma = cable_ma
            reason = im.REASON_CABLE
        self._say(limits, 0, high_ma, reason, high_ma)

    def _charger(self, limits):
        high_ma = self.site[im.DEVICE_MAX_MA + self.device]
        self._say(limits, 0, high_ma, im.REASON_RATING, high_ma)

    def _converter(self, limits):
        """The lesser of its declared and its present ability."""
        site, readings, device = self.site, self.readings, self.device
        high_w = site[im.DEVICE_CHARGE_W + device]
        if readings[im.DEVICE_CHARGE_MAX_W + device] < high_w:
            high_w = readings[im.DEVICE_CHARGE_MAX_W + device]
        low_w = site[im.DEVICE_DISCHARGE_W + device]
        if readings[im.DEVICE_DISCHARGE_MAX_W + device] < low_w:
            low_w = readings[im.DEVICE_DISCHARGE_MAX_W + device]
        low_reason = im.REASON_RATING
        if not self._delivers:  # until ISO 15118-20 or SAE J3072 authorises the car
            low_w = 0
            low_reason = im.REASON_TOPOLOGY
        elif self.commands[im.DEVICE_PROVED + device] == 2 and not site[im.ENABLE_WIRED]:
            if not _proving(self):  # which ends it by asking
                low_w = 0
                low_reason = im.REASON_NO_RETURN
        self._say(limits, -low_w, high_w, im.REASON_RATING, high_w, low_reason)

    def _source(self, limits):
        low_w = self.site[im.DEVICE_DISCHARGE_W + self.device]
        self._say(limits, -low_w, 0, im.REASON_RATING, low_w)
