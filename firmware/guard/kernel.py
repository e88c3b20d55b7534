# islet: is there a cause to trip? All rows of the guard's table at once, in viper.
# GPL-3.0-or-later
#
# It runs every 10 ms in the sampling interrupt, where the rows' own methods (Guard.overcurrent and
# so on, which say the same and are called when there is something to do) would take a tenth of the
# RP2040. The same text runs on CPython; both are tested for equality.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32

# the guard's own limits, and what it has seen: indices of `own`
BLANK_MS = const(0)
PILOT_HIGHEST_MV = const(1)
PILOT_LOWEST_MV = const(2)
PILOT_LOST_MS = const(3)
BEAT_LATE_MS = const(4)
SAMPLES_LATE_MS = const(5)
SEES = const(6)  # SEES_NOTHING, SEES_VOLTAGE or SEES_CROSSINGS: how a dead grid shows
HOUSE = const(7)  # the board samples every leg of the house's side
GOOD = const(8)  # the island that forms has had a good voltage
OFF_MS = const(9)  # since the enable's output went
ON_MS = const(10)  # [point] its contactor's output has been on
LOST = const(12)  # [point] by the samples (fast.py) its pilot is lost: 1, not: 0; unseen: -1
OWN = const(14)  # how many, for two points

PILOT_B_MV = const(8_000)  # B begins; the gap below it still belongs to C
PILOT_D_MV = const(1_001)  # the gap above E still belongs to D
PILOT_C_MV = const(4_001)  # the gap above D still belongs to C
DIODE_LOW_MV = const(-13_000)  # with a diode the car leaves the low plateau alone
DIODE_HIGH_MV = const(-11_000)
SWING_MV = const(1_500)  # plateaus closer together are no PWM, and say nothing about a diode
# an island's limits in percent of nominal, inwards by 1 % (core/grid/island_limits.py: all)
OVER = const(119)
SPLIT_OVER = const(114)
SPLIT_UNDER = const(91)
UNDER = const(51)
FIRST_GOOD = const(86)
OVERDUE = const(600_000)  # ms * mHz: 1.2 half cycles, 12 ms at 50 Hz


@micropython.viper
def causes(site_buffer, live_buffer, commands_buffer, trips_buffer, own_buffer) -> int:
    """TRIP_* of every row whose cause is there now."""
    site = ptr32(site_buffer)
    live = ptr32(live_buffer)
    commands = ptr32(commands_buffer)
    trips = ptr32(trips_buffer)
    own = ptr32(own_buffer)
    permits = commands[int(im.PERMITS)]
    found = 0

    point = 0
    while point < int(im.POINTS):
        device = site[int(im.POINT_DEVICE) + point]
        if device >= 0 and own[ON_MS + point] >= own[BLANK_MS]:
            at = int(im.POINT_FAST_MA) + point * int(im.LEGS)
            most_ma = 0
            leg = 0
            while leg < int(im.LEGS):
                if live[at + leg] > most_ma:
                    most_ma = live[at + leg]
                leg += 1
            if most_ma > 2 * site[int(im.DEVICE_MAX_MA) + device]:
                if most_ma <= site[int(im.POINT_BREAKING_MA) + point]:
                    found |= int(im.TRIP_OVERCURRENT) << int(im.TRIP_SHIFT) * point

        asks = 0
        if device >= 0 and not site[int(im.DEVICE_OWNS_PILOT) + device]:
            asks = permits & int(im.OUT_CONTACTOR) << int(im.OUT_SHIFT) * point
        if asks:
            high_mv = live[int(im.POINT_HIGH_MV) + point]
            low_mv = live[int(im.POINT_LOW_MV) + point]
            lost = own[LOST + point]
            own_trips = 0
            if live[int(im.POINT_PILOT_AGE_MS) + point] > own[PILOT_LOST_MS]:
                own_trips = int(im.TRIP_PILOT)
            elif lost > 0:
                own_trips = int(im.TRIP_PILOT)
            elif lost < 0:
                if high_mv >= own[PILOT_HIGHEST_MV] or high_mv < own[PILOT_LOWEST_MV]:
                    own_trips = int(im.TRIP_PILOT)
            if high_mv - low_mv >= SWING_MV:
                if low_mv > DIODE_HIGH_MV or low_mv < DIODE_LOW_MV:
                    own_trips |= int(im.TRIP_VEHICLE)
            if high_mv < PILOT_C_MV and high_mv >= PILOT_D_MV:
                if not live[int(im.INPUTS)] & int(im.IN_VENTILATION):
                    own_trips |= int(im.TRIP_VEHICLE)
            found |= own_trips << int(im.TRIP_SHIFT) * point
        point += 1

    fast_age_ms = live[int(im.FAST_AGE_MS)]
    if fast_age_ms > own[SAMPLES_LATE_MS]:
        found |= int(im.TRIP_SAMPLING)
    if not site[int(im.ISLAND_CAPABLE)] or permits & int(im.OUT_ISLAND):
        if own[SEES] == int(im.SEES_CROSSINGS):
            age_ms = live[int(im.CROSSING_AGE_MS)]
            if permits & int(im.OUT_ENABLE):
                if age_ms > 1000 or age_ms * site[int(im.NOMINAL_MHZ)] > OVERDUE:
                    found |= int(im.TRIP_DEAD_GRID)
        elif own[SEES] == int(im.SEES_VOLTAGE) and fast_age_ms <= own[SAMPLES_LATE_MS]:
            at = int(im.FAST_GRID_MV)
            legs = site[int(im.LEG_COUNT)]
            nominal_mv = site[int(im.NOMINAL_MV)]
            alive = 0
            leg = 0
            while leg < legs:
                if live[at + leg] * 5 > nominal_mv - 5:  # at least a fifth, rounded down
                    alive = 1
                leg += 1
            if not alive:
                found |= int(im.TRIP_DEAD_GRID)

    inputs = live[int(im.INPUTS)]
    if inputs & int(im.IN_ESTOP):  # one that shares the stop's loop has the stop's meaning
        found |= int(im.TRIP_STOP)
    elif inputs & int(im.IN_RCD):
        found |= int(im.TRIP_RCD)
    elif inputs & int(im.IN_OVERTEMP):
        found |= int(im.TRIP_HEAT)
    if inputs & int(im.IN_SERVICE):
        found |= int(im.TRIP_SERVICE)
    elif site[int(im.ENABLE_INPUTS)] & int(im.IN_ENABLE) and trips[int(im.OUTPUTS)] & int(
        im.OUT_ENABLE
    ):
        if not inputs & int(im.IN_ENABLE):
            found |= int(im.TRIP_ENABLE)
    if trips[int(im.BEAT_AGE_MS)] > own[BEAT_LATE_MS]:
        found |= int(im.TRIP_STALE_PERMIT)

    apart = inputs & int(im.IN_ISLAND_OPEN)
    bonded = inputs & int(im.IN_BOND)
    if bonded and not apart:
        found |= int(im.TRIP_BOND)
    forms = 0
    if permits & int(im.OUT_ENABLE):
        device = int(im.DEVICES) - 1
        while device >= 0:
            if commands[int(im.SETPOINT_MODE) + device] == int(im.MODE_FORM):
                forms = 1
            device -= 1
    if forms:
        if not apart or (site[int(im.BOND_NEEDED)] and not bonded):
            found |= int(im.TRIP_INTERLOCK)
        if own[HOUSE] and fast_age_ms <= own[SAMPLES_LATE_MS]:
            at = int(im.FAST_HOUSE_MV)
            legs = site[int(im.LEG_COUNT)]
            percent_mv = site[int(im.NOMINAL_MV)] // 100
            least = live[at]
            most = least
            leg = 1
            while leg < legs:
                if live[at + leg] < least:
                    least = live[at + leg]
                if live[at + leg] > most:
                    most = live[at + leg]
                leg += 1
            if most > OVER * percent_mv:
                found |= int(im.TRIP_ISLAND)
            if most > SPLIT_OVER * percent_mv and least < SPLIT_UNDER * percent_mv:
                found |= int(im.TRIP_NEUTRAL)
            if own[GOOD] and least < UNDER * percent_mv:
                found |= int(im.TRIP_SHORT)
    return found
