# islet: what the hardware leaves to each device: pilot, cable, ratings, relays, device state.
# GPL-3.0-or-later
#
# A device may do nothing while any row of its table holds; the first that holds is the reason.
# An event returns True, or the value its reason shows; the first line of its docstring is what the
# documentation says of it, which costs a chip nothing.

from firmware.core.rights import (
    ENABLE_ALONE,
    INPUTS_STALE_MS,
    authorised,
    enable_trips,
    gateway_ready,
)
from firmware.image import (
    BAR_ANTI_ISLANDING,
    BAR_ENABLE,
    BAR_UNWITNESSED,
    CABLE_MA,
    CLAIM_REASON,
    CONTACTOR_CLOSED,
    CONTACTOR_EMPTYING,
    CONTACTOR_FAULT,
    CONTACTOR_OPEN,
    CONTACTOR_OPENING,
    CONTACTOR_STATE,
    DEVICES,
    ENABLE_BAR,
    ENABLE_INPUTS,
    EVSE,
    EVSE_AGE_MS,
    EVSE_MAX_MA,
    EVSE_NODE,
    FAULT_FORMING,
    FAULT_NOT_FOLLOWED,
    FAULT_PEN,
    FAULTS,
    GRID_AGE_MS,
    HARDWARE,
    IN_VENTILATION,
    INPUTS,
    INPUTS_AGE_MS,
    INVERTER,
    INVERTER_AGE_MS,
    INVERTER_CHARGE_MAX_W,
    INVERTER_CHARGE_W,
    INVERTER_DISCHARGE_MAX_W,
    INVERTER_DISCHARGE_W,
    INVERTER_FAULT,
    INVERTER_NODE,
    INVERTER_PLUGGED,
    ISLAND_GRID,
    ISLAND_ISLANDED,
    ISLAND_SENSING,
    ISLAND_STATE,
    OBEDIENCE,
    OBEY_ZERO,
    PEN_WATCH,
    PILOT_A,
    PILOT_B,
    PILOT_C,
    PILOT_D,
    PILOT_STATE,
    PROTECTION_INPUTS,
    REASON_ANTI_ISLANDING,
    REASON_BOOT,
    REASON_CABLE,
    REASON_CONTACTOR,
    REASON_DEVICE_FAULT,
    REASON_DEVICE_SILENT,
    REASON_ENABLE,
    REASON_ISLAND,
    REASON_METER_STALE,
    REASON_NO_VEHICLE,
    REASON_NOT_AUTHORISED,
    REASON_NOT_FOLLOWED,
    REASON_NOT_OBEYED,
    REASON_PEN,
    REASON_PILOT_FAULT,
    REASON_PROTECTION,
    REASON_RATING,
    REASON_REST,
    REASON_TOPOLOGY,
    REASON_TRIP,
    REASON_UNWITNESSED,
    REASON_VENTILATION,
    REST_MS,
    TOPOLOGY,
    TRIP_BOND,
    TRIP_DEAD_GRID,
    TRIP_INTERLOCK,
    TRIP_SAMPLING,
    TRIP_STALE_PERMIT,
    TRIPPED,
    const,
)

_GATEWAY = const(2)  # T2
_CARS_INVERTER = const(3)  # T3
_STALE_MS = const(2_000)  # INV-4
_LEAST_MA = const(6_000)
_ENABLE_TRIPS = (
    ENABLE_ALONE + TRIP_DEAD_GRID + TRIP_STALE_PERMIT + TRIP_INTERLOCK + TRIP_SAMPLING + TRIP_BOND
)


# --- either device --------------------------------------------------------------------------


def _sensing(image):
    """State of the site not sensed yet."""
    return image.commands[ISLAND_STATE] == ISLAND_SENSING


def _protected(image, inputs):
    """Which of these protective inputs cuts the power; True when nobody knows."""
    readings = image.readings
    return readings[INPUTS_AGE_MS] > INPUTS_STALE_MS or readings[INPUTS] & inputs


# --- charging point -------------------------------------------------------------------------


def _no_charging_point(image):
    """No charging point, or the gateway owns its pilot."""
    return image.site[EVSE_NODE] < 0 or image.site[TOPOLOGY] == _GATEWAY


def _evse_cut(image):
    """Emergency stop, RCD, over-temperature, or not known."""
    return _protected(image, PROTECTION_INPUTS)


def _point_tripped(image):
    """A trip waits to be acknowledged; not service and enable."""
    return image.trips[TRIPPED] & ~ENABLE_ALONE


def _off_grid(image):
    """House not on the grid."""
    return image.commands[ISLAND_STATE] != ISLAND_GRID


def _not_followed(image):
    """The car drew more than offered."""
    return image.commands[FAULTS] & FAULT_NOT_FOLLOWED != 0


def _contactor_busy(image):
    """Contactor faulty or opening."""
    state = image.commands[CONTACTOR_STATE]
    return state == CONTACTOR_FAULT or state == CONTACTOR_EMPTYING or state == CONTACTOR_OPENING


def _no_vehicle(image):
    """Pilot in A."""
    return image.commands[PILOT_STATE] == PILOT_A


def _pilot_fault(image):
    """Pilot not in B, C, D."""
    state = image.commands[PILOT_STATE]
    return state != PILOT_B and state != PILOT_C and state != PILOT_D


def _no_cable(image):
    """Cable rating unknown."""
    return image.commands[CABLE_MA] < _LEAST_MA


def _not_ventilated(image):
    """D without ventilation, until it comes or A or C.

    In D; or in B only because the offer ended for this: the next one would lead to D again.
    """
    if image.readings[INPUTS] & IN_VENTILATION != 0:
        return False
    commands = image.commands
    state = commands[PILOT_STATE]
    said = commands[CLAIM_REASON + HARDWARE * DEVICES + EVSE]
    return state == PILOT_D or (state == PILOT_B and said == REASON_VENTILATION)


def _not_authorised(image):
    """Nobody authorised."""
    return not authorised(image)


def _pen(image):
    """The PEN conductor is lost by its voltage, or that is not measured.

    Lost, or nobody would see it.
    """
    if image.commands[FAULTS] & FAULT_PEN:
        return True
    return image.site[PEN_WATCH] == 1 and image.readings[GRID_AGE_MS] > _STALE_MS


def _rests(image):
    """The contactor rests after an operation (core/wear.py).

    How much longer it may not close.
    """
    state = image.commands[CONTACTOR_STATE]
    return image.commands[REST_MS] if state == CONTACTOR_OPEN else False


def _evse_unmeasured(image):
    """Its current is not measured."""
    age_ms = image.readings[EVSE_AGE_MS]
    return age_ms if age_ms > _STALE_MS else False


EVSE_BLOCKS = (
    (REASON_TOPOLOGY, _no_charging_point),
    (REASON_BOOT, _sensing),
    (REASON_PROTECTION, _evse_cut),
    (REASON_TRIP, _point_tripped),
    (REASON_NOT_FOLLOWED, _not_followed),
    (REASON_PEN, _pen),
    (REASON_VENTILATION, _not_ventilated),
    (REASON_CONTACTOR, _contactor_busy),
    (REASON_NO_VEHICLE, _no_vehicle),
    (REASON_PILOT_FAULT, _pilot_fault),
    (REASON_CABLE, _no_cable),
    (REASON_NOT_AUTHORISED, _not_authorised),
    (REASON_ISLAND, _off_grid),
    (REASON_METER_STALE, _evse_unmeasured),
    (REASON_REST, _rests),
)


# --- inverter -------------------------------------------------------------------------------


def _no_inverter(image):
    """No inverter."""
    return image.site[INVERTER_NODE] < 0


def _inverter_cut(image):
    """Emergency stop; RCD or heat that break its enable; not known.

    RCD and heat break what their own circuit carries.
    """
    return _protected(image, image.site[ENABLE_INPUTS] & PROTECTION_INPUTS)


def _enable_tripped(image):
    """A trip that drops its enable waits to be acknowledged."""
    tripped = image.trips[TRIPPED]
    return tripped & _ENABLE_TRIPS | enable_trips(image) if tripped else 0


def _transfer(image):
    """House neither on the grid nor islanded, or the fault forming."""
    state = image.commands[ISLAND_STATE]
    if image.commands[FAULTS] & FAULT_FORMING:
        return True
    return state != ISLAND_GRID and state != ISLAND_ISLANDED


def _silent(image):
    """No answer for 2 s."""
    age_ms = image.readings[INVERTER_AGE_MS]
    return age_ms if age_ms > _STALE_MS else False


def _faulty(image):
    """It reports a fault, or nothing is connected to it."""
    return image.readings[INVERTER_FAULT] != 0 or image.readings[INVERTER_PLUGGED] == 0


def _no_effect(image):
    """It went on without its enable."""
    return image.commands[ENABLE_BAR] & BAR_ENABLE != 0


def _not_obeyed(image):
    """It stayed outside its grant (INV-16)."""
    return image.commands[OBEDIENCE] >= OBEY_ZERO


def _unguarded(image):
    """Its anti-islanding is off, or not asked and no certificate."""
    return image.commands[ENABLE_BAR] & BAR_ANTI_ISLANDING != 0


def _unwitnessed(image):
    """Nothing but itself says what it does, or not even itself."""
    return image.commands[ENABLE_BAR] & BAR_UNWITNESSED != 0


def _isolated(image):
    """T2: its AC contactor is not closed."""
    return (
        image.site[TOPOLOGY] == _GATEWAY
        and image.site[EVSE_NODE] >= 0
        and (image.commands[CONTACTOR_STATE] != CONTACTOR_CLOSED or not gateway_ready(image))
    )


def _gateway_not_authorised(image):
    """T2: nobody authorised.

    T2; an island that it already forms goes on.
    """
    island = image.commands[ISLAND_STATE] == ISLAND_ISLANDED
    return image.site[TOPOLOGY] == _GATEWAY and not island and not authorised(image)


INVERTER_BLOCKS = (
    (REASON_TOPOLOGY, _no_inverter),
    (REASON_BOOT, _sensing),
    (REASON_PROTECTION, _inverter_cut),
    (REASON_TRIP, _enable_tripped),
    (REASON_ENABLE, _no_effect),
    (REASON_NOT_OBEYED, _not_obeyed),
    (REASON_DEVICE_SILENT, _silent),
    (REASON_DEVICE_FAULT, _faulty),
    (REASON_ISLAND, _transfer),
    (REASON_ANTI_ISLANDING, _unguarded),
    (REASON_UNWITNESSED, _unwitnessed),
    (REASON_NOT_AUTHORISED, _gateway_not_authorised),
    (REASON_CONTACTOR, _isolated),
)


def claim_evse(image, limits):
    """HARDWARE claim of the charging point, mA per leg; in B an offer stands as PWM."""
    for reason, holds in EVSE_BLOCKS:
        value = holds(image)
        if value:
            limits.claim(HARDWARE, EVSE, 0, 0, reason, -1, -1, 0 if value is True else value)
            return
    high_ma = image.site[EVSE_MAX_MA]
    cable_ma = image.commands[CABLE_MA]
    if cable_ma < high_ma:
        limits.claim(HARDWARE, EVSE, 0, cable_ma, REASON_CABLE, -1, -1, cable_ma)
    else:
        limits.claim(HARDWARE, EVSE, 0, high_ma, REASON_RATING, -1, -1, high_ma)


def claim_inverter(image, limits):
    """HARDWARE claim of the inverter, W: the lesser of its declared and its present ability."""
    for reason, holds in INVERTER_BLOCKS:
        value = holds(image)
        if value:
            limits.claim(HARDWARE, INVERTER, 0, 0, reason, -1, -1, 0 if value is True else value)
            return
    site = image.site
    readings = image.readings
    high_w = site[INVERTER_CHARGE_W]
    if readings[INVERTER_CHARGE_MAX_W] < high_w:
        high_w = readings[INVERTER_CHARGE_MAX_W]
    low_w = site[INVERTER_DISCHARGE_W]
    if readings[INVERTER_DISCHARGE_MAX_W] < low_w:
        low_w = readings[INVERTER_DISCHARGE_MAX_W]
    low_reason = REASON_RATING
    if site[TOPOLOGY] == _CARS_INVERTER:  # until ISO 15118-20 or SAE J3072 authorises the car
        low_w = 0
        low_reason = REASON_TOPOLOGY
    limits.claim(HARDWARE, INVERTER, -low_w, high_w, REASON_RATING, -1, -1, high_w, low_reason)


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
