# islet: what a trip drops at this site.
# GPL-3.0-or-later

from firmware import image as im

# RCD and heat break what their own circuit carries. Where the circuit board declares that they
# break the enable too (what forms the island is behind them), they drop this as well.
BEHIND = (
    # trip, input, now, later
    (im.TRIP_RCD, im.IN_RCD, im.OUT_ENABLE, im.OUT_BOND),
    (im.TRIP_HEAT, im.IN_OVERTEMP, im.OUT_ENABLE, im.OUT_BOND),
)


def of(rows, site):
    """What each row of the guard's table drops at this site: now, and later."""
    now = bytearray([row[3] for row in rows])
    later = bytearray([row[4] for row in rows])
    for bit, contact, also_now, also_later in BEHIND:
        if site[im.ENABLE_INPUTS] & contact:
            for i in range(len(rows)):
                if rows[i][0] == bit:
                    now[i] |= also_now
                    later[i] |= also_later
    return now, later


def protection_trip(inputs):
    """TRIP_* of the protective inputs (IN_*) that are there, 0 if none is; allocates nothing."""
    if inputs & im.IN_ESTOP:
        return im.TRIP_STOP
    if inputs & im.IN_RCD:
        return im.TRIP_RCD
    return im.TRIP_HEAT if inputs & im.IN_OVERTEMP else 0
