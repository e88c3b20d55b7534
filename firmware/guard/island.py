# islet: the guard's rows for the island, and the order in which its enable and its bond go.
# GPL-3.0-or-later
#
# Rows take the guard and are those of kernel.causes, one by one.

from firmware import image as im
from firmware.base.viper import const
from firmware.guard.kernel import (
    FIRST_GOOD,
    GOOD,
    HOUSE,
    OFF_MS,
    OVER,
    SAMPLES_LATE_MS,
    SPLIT_OVER,
    SPLIT_UNDER,
    UNDER,
)

_HOUSE_MS = const(500)
_LONG_MS = const(10_000)


def samples_house(board, legs):
    """1 where the board samples the house's side on each of so many legs."""
    analog = getattr(board, "analog", None)
    if analog is None:
        return 0
    for leg in range(legs):
        if analog.find("house_v", leg) < 0:
            return 0
    return 1


def forms(image):
    """Forming is asked of any converter, and permitted: all share the board's one enable."""
    commands = image.commands
    if commands[im.PERMITS] & im.OUT_ENABLE == 0:
        return False
    for device in range(im.DEVICES):
        if commands[im.SETPOINT_MODE + device] == im.MODE_FORM:
            return True
    return False


# --- causes ----------------------------------------------------------------------------------


def both_closed(guard):
    """Bond and islanding switch read closed together (INV-6)."""
    guard.value = inputs = guard.image.live[im.INPUTS]
    return inputs & im.IN_BOND != 0 and inputs & im.IN_ISLAND_OPEN == 0


def unproved(guard):
    """Forming without switch and bond proved (INV-5)."""
    image = guard.image
    guard.value = inputs = image.live[im.INPUTS]
    if not forms(image):
        return False
    lacks_bond = image.site[im.BOND_NEEDED] == 1 and inputs & im.IN_BOND == 0
    return inputs & im.IN_ISLAND_OPEN == 0 or lacks_bond


def over(guard):
    most_mv = guard.value = _highest(guard)
    return _watched(guard) and most_mv > OVER * (guard.image.site[im.NOMINAL_MV] // 100)


def neutral_lost(guard):
    percent_mv = guard.image.site[im.NOMINAL_MV] // 100
    most_mv = guard.value = _highest(guard)
    least_mv = _lowest(guard)
    return _watched(guard) and (
        most_mv > SPLIT_OVER * percent_mv and least_mv < SPLIT_UNDER * percent_mv
    )


def broken_down(guard):
    least_mv = guard.value = _lowest(guard)
    watched = _watched(guard) and guard.own[GOOD] != 0
    return watched and least_mv < UNDER * (guard.image.site[im.NOMINAL_MV] // 100)


def first_good(guard):
    """Every leg of the house has a good voltage, by samples."""
    return _lowest(guard) >= FIRST_GOOD * (guard.image.site[im.NOMINAL_MV] // 100)


def _watched(guard):
    own = guard.own
    fresh = guard.image.live[im.FAST_AGE_MS] <= own[SAMPLES_LATE_MS]
    return own[HOUSE] != 0 and fresh and forms(guard.image)


def _highest(guard):
    live = guard.image.live
    most_mv = live[im.FAST_HOUSE_MV]
    for leg in range(1, guard.image.site[im.LEG_COUNT]):
        if live[im.FAST_HOUSE_MV + leg] > most_mv:
            most_mv = live[im.FAST_HOUSE_MV + leg]
    return most_mv


def _lowest(guard):
    live = guard.image.live
    least_mv = live[im.FAST_HOUSE_MV]
    for leg in range(1, guard.image.site[im.LEG_COUNT]):
        if live[im.FAST_HOUSE_MV + leg] < least_mv:
            least_mv = live[im.FAST_HOUSE_MV + leg]
    return least_mv


# --- the bond goes last (INV-18) -------------------------------------------------------------


def order(guard, outputs, dt_ms):
    """What may be written of `outputs`: never switch and bond together (INV-6); and a bond that is
    on stays for the device's stop time after its enable, besides while the switch is open and the
    house above 10 %, whoever takes it away."""
    image = guard.image
    before = image.trips[im.OUTPUTS]
    own = guard.own
    if before & im.OUT_ENABLE:
        own[OFF_MS] = 0
    elif own[OFF_MS] < _LONG_MS:
        own[OFF_MS] += dt_ms
    if before & im.OUT_BOND and not outputs & im.OUT_BOND and not before & im.OUT_ISLAND:
        stop_ms = image.site[im.DEVICE_STOP_MS + image.site[im.ISLAND_DEVICE]]
        stopped = own[OFF_MS] >= stop_ms + im.BOND_MARGIN_MS
        if not stopped or _holds(image):
            outputs |= im.OUT_BOND
    if outputs & im.OUT_BOND and outputs & im.OUT_ISLAND:
        outputs &= ~im.OUT_BOND if before & im.OUT_ISLAND else ~im.OUT_ISLAND
    return outputs


def _holds(image):
    live = image.live
    if live[im.INPUTS] & im.IN_ISLAND_OPEN == 0 or live[im.HOUSE_AGE_MS] > _HOUSE_MS:
        return False
    for leg in range(image.site[im.LEG_COUNT]):
        if live[im.HOUSE_MV + leg] * 10 > image.site[im.NOMINAL_MV]:
            return True
    return False
