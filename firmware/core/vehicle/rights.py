# islet: who may have power: protections, the car's own asking, authorisation, a gateway's report.
# GPL-3.0-or-later
#
# Pure functions over a cycle's image, for the contactor's table and for the claims.

from firmware import image as im
from firmware.base.viper import const

INPUTS_STALE_MS = const(300)  # feedback older than this: protections count as unhealthy
_GATEWAY_FAULTS = im.FAULT_FORMING + im.FAULT_ENABLE
ENABLE_ALONE = im.TRIP_SERVICE + im.TRIP_ENABLE  # nothing to a car that charges from the grid (T1)
_MEASURED_MS = const(2_000)  # INV-4


def trips_of(image, point):
    """TRIP_* that concern a point: the site's, and its own."""
    tripped = image.trips[im.TRIPPED]
    return tripped & im.SITE_TRIPS | tripped >> im.TRIP_SHIFT * point & im.POINT_TRIPS


def set_faults(commands, point, mask, bits):
    """Of a point's own faults those in `mask` are `bits` now; FAULTS has them of every point."""
    at = im.POINT_FAULTS + point
    if commands[at] & mask == bits:
        return
    commands[at] = commands[at] & ~mask | bits
    faults = commands[im.FAULTS] & ~im.FAULTS_OF_POINT
    for at in range(im.POINT_FAULTS, im.POINT_FAULTS + im.POINTS):
        faults |= commands[at]
    commands[im.FAULTS] = faults


def unprotected(image):
    """Emergency stop, RCD or over-temperature, or nobody knows."""
    readings = image.readings
    return (
        readings[im.INPUTS_AGE_MS] > INPUTS_STALE_MS
        or readings[im.INPUTS] & im.PROTECTION_INPUTS != 0
    )


def enable_trips(image):
    """Which trips of the protective contacts that break the enable hard-wired stand."""
    breaks = image.site[im.ENABLE_INPUTS]
    trips = im.TRIP_STOP
    if breaks & im.IN_RCD:
        trips |= im.TRIP_RCD
    if breaks & im.IN_OVERTEMP:
        trips |= im.TRIP_HEAT
    return image.trips[im.TRIPPED] & trips


def asks_for_power(image, point):
    """Pilot in C, or in D with ventilation confirmed."""
    state = image.commands[im.POINT_PILOT_STATE + point]
    if state == im.PILOT_D:
        return image.readings[im.INPUTS] & im.IN_VENTILATION != 0
    return state == im.PILOT_C


def authorised(image, point):
    """Nobody need be, or somebody was for the present connection."""
    requests = image.requests
    return image.site[im.POINT_AUTH_REQUIRED + point] == 0 or (
        requests[im.POINT_AUTHORISED + point] == 1
        and requests[im.POINT_AUTHORISED_FOR + point] == image.commands[im.POINT_UNPLUGS + point]
    )


def speaks_itself(site, point):
    """T2: the point's contactor only isolates a device that speaks with the car itself."""
    device = site[im.POINT_DEVICE + point]
    return device >= 0 and site[im.DEVICE_OWNS_PILOT + device] == 1


def gateway_ready(image, device):
    """T2: the device answers, has a car connected and locked, and reports no fault."""
    readings = image.readings
    return (
        readings[im.DEVICE_AGE_MS + device] <= _MEASURED_MS
        and readings[im.DEVICE_PLUGGED + device] == 1
        and readings[im.DEVICE_FAULT + device] == 0
    )


def gateway_barred(image):
    """T2: lockout, forming failed or unasked, or it went on without its enable."""
    commands = image.commands
    return (
        commands[im.ISLAND_STATE] == im.ISLAND_LOCKOUT
        or commands[im.FAULTS] & _GATEWAY_FAULTS != 0
    )


def gateway_done(image, device, point):
    """T2: it is barred, reports no car or a fault, or is silent, or nobody is authorised.

    While it forms the house's island, silence alone says nothing against it, and opening would
    darken the house under load; what it last reported still counts.
    """
    readings = image.readings
    reported = readings[im.DEVICE_PLUGGED + device] != 1 or readings[im.DEVICE_FAULT + device] != 0
    if reported or gateway_barred(image):
        return True
    island = image.commands[im.ISLAND_STATE]
    forms = island == im.ISLAND_STARTING or island == im.ISLAND_ISLANDED
    if forms and device == image.site[im.ISLAND_DEVICE]:
        return False
    return readings[im.DEVICE_AGE_MS + device] > _MEASURED_MS or not authorised(image, point)
