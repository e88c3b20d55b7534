# islet: the voltages on both sides of the islanding switch, leg by leg, and whether the grid's are
# as ever; in viper.
# GPL-3.0-or-later
#
# The same text runs on CPython. Range: a voltage is within 2e6 mV.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32

# what a look finds: mV, then a bit for each leg
HOUSE_LEAST = const(0)
HOUSE_MOST = const(1)
GRID_MOST = const(2)
APART = const(3)  # the largest difference across the switch
DEAD = const(4)  # grid legs that are
RISEN = const(5)  # that are not
ALIVE = const(6)  # at `live_mv` or more
BESIDE = const(7)  # risen ones within `beside_mv` of the house's
FOUND = const(8)

# what a grid as ever is within
LOW_MV = const(0)
HIGH_MV = const(1)
APART_MV = const(2)  # its legs, at most
LOW_MHZ = const(3)
HIGH_MHZ = const(4)
LEGS = const(5)
STALE_MS = const(6)
WITHIN = const(7)


@micropython.viper
def look(
    found, readings, house: int, grid: int, legs: int, dead_mv: int, live_mv: int, beside_mv: int
):
    """Fill `found`; `house` and `grid` are the places of their first legs."""
    f = ptr32(found)
    r = ptr32(readings)
    least_mv = r[house]
    most_mv = least_mv
    grid_mv = r[grid]
    grid_most_mv = grid_mv
    apart_mv = 0
    dead = 0
    alive = 0
    beside = 0
    place = 1
    leg = 0
    while leg < legs:
        house_mv = r[house + leg]
        grid_mv = r[grid + leg]
        if house_mv < least_mv:
            least_mv = house_mv
        if house_mv > most_mv:
            most_mv = house_mv
        if grid_mv > grid_most_mv:
            grid_most_mv = grid_mv
        leg_mv = house_mv - grid_mv
        if leg_mv < 0:
            leg_mv = 0 - leg_mv
        if leg_mv > apart_mv:
            apart_mv = leg_mv
        if grid_mv < dead_mv:
            dead += place
        elif leg_mv <= beside_mv:
            beside += place
        if grid_mv >= live_mv:
            alive += place
        place += place
        leg += 1
    f[HOUSE_LEAST] = least_mv
    f[HOUSE_MOST] = most_mv
    f[GRID_MOST] = grid_most_mv
    f[APART] = apart_mv
    f[DEAD] = dead
    f[RISEN] = place - 1 - dead
    f[ALIVE] = alive
    f[BESIDE] = beside


@micropython.viper
def within(bounds, readings) -> int:
    """Whether the grid is measured and within `bounds`."""
    b = ptr32(bounds)
    r = ptr32(readings)
    if r[im.GRID_AGE_MS] > b[STALE_MS]:
        return 0
    if r[im.GRID_MHZ] < b[LOW_MHZ] or r[im.GRID_MHZ] > b[HIGH_MHZ]:
        return 0
    least_mv = r[im.GRID_MV]
    most_mv = least_mv
    leg = im.GRID_MV + 1
    end = im.GRID_MV + b[LEGS]
    while leg < end:
        leg_mv = r[leg]
        if leg_mv < least_mv:
            least_mv = leg_mv
        if leg_mv > most_mv:
            most_mv = leg_mv
        leg += 1
    if least_mv < b[LOW_MV] or most_mv > b[HIGH_MV] or most_mv - least_mv > b[APART_MV]:
        return 0
    return 1
