# islet: what the hardware leaves to each device: pilot, cable, ratings, relays, device state.
# GPL-3.0-or-later
#
# A device may do nothing while any row of its table holds; the first that holds is the reason.
# An event returns True, or the value its reason shows; the first line of its docstring is what the
# documentation says of it, which costs a chip nothing.

from firmware import image as im
from firmware.base.viper import const
from firmware.core.vehicle.rights import (
    ENABLE_ALONE,
    INPUTS_STALE_MS,
    authorised,
    enable_trips,
    gateway_ready,
)

_GATEWAY = const(2)  # T2
_CARS_INVERTER = const(3)  # T3
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


# --- either device --------------------------------------------------------------------------


def _sensing(image):
    """State of the site not sensed yet."""
    return image.commands[im.ISLAND_STATE] == im.ISLAND_SENSING


def _protected(image, inputs):
    """Which of these protective inputs cuts the power; True when nobody knows."""
    readings = image.readings
    return readings[im.INPUTS_AGE_MS] > INPUTS_STALE_MS or readings[im.INPUTS] & inputs


# --- charging point -------------------------------------------------------------------------


def _no_charging_point(image):
    """No charging point, or the gateway owns its pilot."""
    return image.site[im.DEVICE_NODE + im.EVSE] < 0 or image.site[im.TOPOLOGY] == _GATEWAY


def _evse_cut(image):
    """Emergency stop, RCD, over-temperature, or not known."""
    return _protected(image, im.PROTECTION_INPUTS)


def _point_tripped(image):
    """A trip waits to be acknowledged; not service and enable."""
    return image.trips[im.TRIPPED] & ~ENABLE_ALONE


def _off_grid(image):
    """House not on the grid."""
    return image.commands[im.ISLAND_STATE] != im.ISLAND_GRID


def _not_followed(image):
    """The car drew more than offered."""
    return image.commands[im.FAULTS] & im.FAULT_NOT_FOLLOWED != 0


def _contactor_busy(image):
    """Contactor faulty or opening."""
    state = image.commands[im.POINT_CONTACTOR_STATE]
    return (
        state == im.CONTACTOR_FAULT
        or state == im.CONTACTOR_EMPTYING
        or state == im.CONTACTOR_OPENING
    )


def _no_vehicle(image):
    """Pilot in A."""
    return image.commands[im.POINT_PILOT_STATE] == im.PILOT_A


def _pilot_fault(image):
    """Pilot not in B, C, D."""
    state = image.commands[im.POINT_PILOT_STATE]
    return state != im.PILOT_B and state != im.PILOT_C and state != im.PILOT_D


def _no_cable(image):
    """Cable rating unknown."""
    return image.commands[im.POINT_CABLE_MA] < _LEAST_MA


def _not_ventilated(image):
    """D without ventilation, until it comes or A or C.

    In D; or in B only because the offer ended for this: the next one would lead to D again.
    """
    if image.readings[im.INPUTS] & im.IN_VENTILATION != 0:
        return False
    commands = image.commands
    state = commands[im.POINT_PILOT_STATE]
    said = commands[im.CLAIM_REASON + im.HARDWARE * im.DEVICES + im.EVSE]
    return state == im.PILOT_D or (state == im.PILOT_B and said == im.REASON_VENTILATION)


def _not_authorised(image):
    """Nobody authorised."""
    return not authorised(image)


def _pen(image):
    """The PEN conductor is lost by its voltage, or that is not measured.

    Lost, or nobody would see it.
    """
    if image.commands[im.FAULTS] & im.FAULT_PEN:
        return True
    return image.site[im.PEN_WATCH] == 1 and image.readings[im.GRID_AGE_MS] > _STALE_MS


def _rests(image):
    """The contactor rests after an operation (core/vehicle/wear.py).

    How much longer it may not close.
    """
    state = image.commands[im.POINT_CONTACTOR_STATE]
    return image.commands[im.POINT_REST_MS] if state == im.CONTACTOR_OPEN else False


def _evse_unmeasured(image):
    """Its current is not measured."""
    age_ms = image.readings[im.DEVICE_AGE_MS + im.EVSE]
    return age_ms if age_ms > _STALE_MS else False


EVSE_BLOCKS = (
    (im.REASON_TOPOLOGY, _no_charging_point),
    (im.REASON_BOOT, _sensing),
    (im.REASON_PROTECTION, _evse_cut),
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
    (im.REASON_METER_STALE, _evse_unmeasured),
    (im.REASON_REST, _rests),
)


# --- inverter -------------------------------------------------------------------------------


def _no_inverter(image):
    """No inverter."""
    return image.site[im.DEVICE_NODE + im.INVERTER] < 0


def _inverter_cut(image):
    """Emergency stop; RCD or heat that break its enable; not known.

    RCD and heat break what their own circuit carries.
    """
    return _protected(image, image.site[im.ENABLE_INPUTS] & im.PROTECTION_INPUTS)


def _enable_tripped(image):
    """A trip that drops its enable waits to be acknowledged."""
    tripped = image.trips[im.TRIPPED]
    return tripped & _ENABLE_TRIPS | enable_trips(image) if tripped else 0


def _transfer(image):
    """House neither on the grid nor islanded, or the fault forming."""
    state = image.commands[im.ISLAND_STATE]
    if image.commands[im.FAULTS] & im.FAULT_FORMING:
        return True
    return state != im.ISLAND_GRID and state != im.ISLAND_ISLANDED


def _silent(image):
    """No answer for 2 s."""
    age_ms = image.readings[im.DEVICE_AGE_MS + im.INVERTER]
    return age_ms if age_ms > _STALE_MS else False


def _faulty(image):
    """It reports a fault, or nothing is connected to it."""
    return (
        image.readings[im.DEVICE_FAULT + im.INVERTER] != 0
        or image.readings[im.DEVICE_PLUGGED + im.INVERTER] == 0
    )


def _no_effect(image):
    """It went on without its enable."""
    return image.commands[im.DEVICE_ENABLE_BAR + im.INVERTER] & im.BAR_ENABLE != 0


def _not_obeyed(image):
    """It stayed outside its grant (INV-16)."""
    return image.commands[im.DEVICE_OBEDIENCE + im.INVERTER] >= im.OBEY_ZERO


def _unguarded(image):
    """Its anti-islanding is off, or not asked and no certificate."""
    return image.commands[im.DEVICE_ENABLE_BAR + im.INVERTER] & im.BAR_ANTI_ISLANDING != 0


def _unwitnessed(image):
    """Nothing but itself says what it does, or not even itself."""
    return image.commands[im.DEVICE_ENABLE_BAR + im.INVERTER] & im.BAR_UNWITNESSED != 0


def _isolated(image):
    """T2: its AC contactor is not closed."""
    return (
        image.site[im.TOPOLOGY] == _GATEWAY
        and image.site[im.DEVICE_NODE + im.EVSE] >= 0
        and (
            image.commands[im.POINT_CONTACTOR_STATE] != im.CONTACTOR_CLOSED
            or not gateway_ready(image)
        )
    )


def _gateway_not_authorised(image):
    """T2: nobody authorised.

    T2; an island that it already forms goes on.
    """
    island = image.commands[im.ISLAND_STATE] == im.ISLAND_ISLANDED
    return image.site[im.TOPOLOGY] == _GATEWAY and not island and not authorised(image)


INVERTER_BLOCKS = (
    (im.REASON_TOPOLOGY, _no_inverter),
    (im.REASON_BOOT, _sensing),
    (im.REASON_PROTECTION, _inverter_cut),
    (im.REASON_TRIP, _enable_tripped),
    (im.REASON_ENABLE, _no_effect),
    (im.REASON_NOT_OBEYED, _not_obeyed),
    (im.REASON_DEVICE_SILENT, _silent),
    (im.REASON_DEVICE_FAULT, _faulty),
    (im.REASON_ISLAND, _transfer),
    (im.REASON_ANTI_ISLANDING, _unguarded),
    (im.REASON_UNWITNESSED, _unwitnessed),
    (im.REASON_NOT_AUTHORISED, _gateway_not_authorised),
    (im.REASON_CONTACTOR, _isolated),
)


def claim_evse(image, limits):
    """HARDWARE claim of the charging point, mA per leg; in B an offer stands as PWM."""
    for reason, holds in EVSE_BLOCKS:
        value = holds(image)
        if value:
            limits.claim(im.HARDWARE, im.EVSE, 0, 0, reason, -1, -1, 0 if value is True else value)
            return
    high_ma = image.site[im.DEVICE_MAX_MA + im.EVSE]
    cable_ma = image.commands[im.POINT_CABLE_MA]
    if cable_ma < high_ma:
        limits.claim(im.HARDWARE, im.EVSE, 0, cable_ma, im.REASON_CABLE, -1, -1, cable_ma)
    else:
        limits.claim(im.HARDWARE, im.EVSE, 0, high_ma, im.REASON_RATING, -1, -1, high_ma)


def claim_inverter(image, limits):
    """HARDWARE claim of the inverter, W: the lesser of its declared and its present ability."""
    for reason, holds in INVERTER_BLOCKS:
        value = holds(image)
        if value:
            limits.claim(
                im.HARDWARE, im.INVERTER, 0, 0, reason, -1, -1, 0 if value is True else value
            )
            return
    site = image.site
    readings = image.readings
    high_w = site[im.DEVICE_CHARGE_W + im.INVERTER]
    if readings[im.DEVICE_CHARGE_MAX_W + im.INVERTER] < high_w:
        high_w = readings[im.DEVICE_CHARGE_MAX_W + im.INVERTER]
    low_w = site[im.DEVICE_DISCHARGE_W + im.INVERTER]
    if readings[im.DEVICE_DISCHARGE_MAX_W + im.INVERTER] < low_w:
        low_w = readings[im.DEVICE_DISCHARGE_MAX_W + im.INVERTER]
    low_reason = im.REASON_RATING
    if site[im.TOPOLOGY] == _CARS_INVERTER:  # until ISO 15118-20 or SAE J3072 authorises the car
        low_w = 0
        low_reason = im.REASON_TOPOLOGY
    limits.claim(
        im.HARDWARE, im.INVERTER, -low_w, high_w, im.REASON_RATING, -1, -1, high_w, low_reason
    )


def table():
    """Why a device may do nothing, as lines of markdown."""
    lines = []
    for title, rows in (("charging point", EVSE_BLOCKS), ("inverter", INVERTER_BLOCKS)):
        lines += ["| %s at zero while | reason |" % title, "|---|---|"]
        for reason, holds in rows:
            text = (holds.__doc__ or "").split(chr(10))[0][:-1]
            lines.append("| %s | %d |" % (text, reason))
        lines.append("")
    return lines
