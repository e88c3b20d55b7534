# islet: the table of claims and its arbiter, in viper; the same text runs on CPython.
# GPL-3.0-or-later
#
# `commands` holds the table: blocks [source][device] that follow one another as image.py declares
# them: low, high, reason, reason of low, node, leg, value. Ranges stay within 2e6, values 1e9.

from firmware.base.viper import const, micropython, ptr32

_DEVICES = const(2)
_SOURCES = const(6)
_HIGH = const(12)  # where the other blocks begin, after the first
_REASON = const(24)
_LOW_REASON = const(36)
_NODE = const(48)
_LEG = const(60)
_VALUE = const(72)


@micropython.viper
def claim(
    commands, at: int, widest: int, low: int, high: int,
    reason: int, node: int, leg: int, value: int, low_reason: int, wish: int,
):  # fmt: skip
    """Write one claim; `at` is the place of its low end. The range is made to contain zero unless
    it is a wish, and to be no wider than `widest`."""
    table = ptr32(commands)
    if not wish:
        if low > 0:
            low = 0
        if high < 0:
            high = 0
    if low < 0 - widest:
        low = 0 - widest
    if high > widest:
        high = widest
    if low_reason < 0:
        low_reason = reason
    table[at] = low
    table[at + _HIGH] = high
    table[at + _REASON] = reason
    table[at + _LOW_REASON] = low_reason
    table[at + _NODE] = node
    table[at + _LEG] = leg
    table[at + _VALUE] = value


@micropython.viper
def arbitrate(commands, first: int, grant_low: int, grant_high: int, won_low: int, won_high: int):
    """Intersect all claims in the order of their sources; remember who moved each end. `first` is
    the place of the table; the others of the results, per device."""
    table = ptr32(commands)
    device = 0
    while device < _DEVICES:
        at = first + device
        low = table[at]
        high = table[at + _HIGH]
        low_winner = 0
        high_winner = 0
        source = 1
        while source < _SOURCES:
            at += _DEVICES
            bottom = table[at]
            top = table[at + _HIGH]
            if bottom > high:
                bottom = high
            if top < low:
                top = low
            if bottom > low:
                low_winner = source
                low = bottom
            if top < high:
                high_winner = source
                high = top
            source += 1
        table[grant_low + device] = low
        table[grant_high + device] = high
        table[won_low + device] = low_winner
        table[won_high + device] = high_winner
        device += 1
