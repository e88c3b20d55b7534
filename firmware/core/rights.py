# islet: who may have power: protections, the car's own asking, authorisation, a gateway's report.
# GPL-3.0-or-later
#
# Pure functions over a cycle's image, for the contactor's table and for the claims.

from firmware.image import (
    AUTH_REQUIRED,
    AUTHORISED,
    AUTHORISED_FOR,
    ENABLE_INPUTS,
    FAULT_ENABLE,
    FAULT_FORMING,
    FAULTS,
    IN_OVERTEMP,
    IN_RCD,
    IN_VENTILATION,
    INPUTS,
    INPUTS_AGE_MS,
    INVERTER_AGE_MS,
    INVERTER_FAULT,
    INVERTER_PLUGGED,
    ISLAND_ISLANDED,
    ISLAND_LOCKOUT,
    ISLAND_STARTING,
    ISLAND_STATE,
    PILOT_C,
    PILOT_D,
    PILOT_STATE,
    PROTECTION_INPUTS,
    TRIP_ENABLE,
    TRIP_HEAT,
    TRIP_RCD,
    TRIP_SERVICE,
    TRIP_STOP,
    TRIPPED,
    UNPLUGS,
    const,
)

INPUTS_STALE_MS = 300  # feedback older than this: protections count as unhealthy
_GATEWAY = const(2)
_GATEWAY_FAULTS = FAULT_FORMING + FAULT_ENABLE
ENABLE_ALONE = TRIP_SERVICE + TRIP_ENABLE  # nothing to a car that charges from the grid (T1)
_MEASURED_MS = const(2_000)  # INV-4


def unprotected(image):
    """Emergency stop, RCD or over-temperature, or nobody knows."""
    readings = image.readings
    return readings[INPUTS_AGE_MS] > INPUTS_STALE_MS or readings[INPUTS] & PROTECTION_INPUTS != 0


def enable_trips(image):
    """Which trips of the protective contacts that break the enable hard-wired stand."""
    breaks = image.site[ENABLE_INPUTS]
    trips = TRIP_STOP
    if breaks & IN_RCD:
        trips |= TRIP_RCD
    if breaks & IN_OVERTEMP:
        trips |= TRIP_HEAT
    return image.trips[TRIPPED] & trips


def asks_for_power(image):
    """Pilot in C, or in D with ventilation confirmed."""
    state = image.commands[PILOT_STATE]
    if state == PILOT_D:
        return image.readings[INPUTS] & IN_VENTILATION != 0
    return state == PILOT_C


def authorised(image):
    """Nobody need be, or somebody was for the present connection."""
    requests = image.requests
    return image.site[AUTH_REQUIRED] == 0 or (
        requests[AUTHORISED] == 1 and requests[AUTHORISED_FOR] == image.commands[UNPLUGS]
    )


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
    """T2: it is barred, reports no car or a fault, or is silent, or nobody is authorised.

    While it forms the house's island, silence alone says nothing against it, and opening would
    darken the house under load; what it last reported still counts.
    """
    readings = image.readings
    reported = readings[INVERTER_PLUGGED] != 1 or readings[INVERTER_FAULT] != 0
    if reported or gateway_barred(image):
        return True
    island = image.commands[ISLAND_STATE]
    forms = island == ISLAND_STARTING or island == ISLAND_ISLANDED
    return (readings[INVERTER_AGE_MS] > _MEASURED_MS or not authorised(image)) and not forms
