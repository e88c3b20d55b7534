# islet: the transfer's tables, and whether anything that it reads has changed, in viper.
# GPL-3.0-or-later
#
# same(): each of its inputs in the words in which witnesses and judge ask for it: a voltage that
# stays in its band and an age below its bound are no change. While none of them changes, all
# timers stand where they begin or end, and a step of island.py would write what it wrote before:
# on the grid alone, and asked only when its parts say that they are at rest. A no may be wrong and
# costs time.
#
# The same text runs on CPython.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr8, ptr32

_CONTACTS_STALE_MS = const(300)  # as in island_facts.py
_VOLTAGE_STALE_MS = const(500)
_INVERTER_STALE_MS = const(2_000)
_SOC_STALE_MS = const(120_000)  # and in island_energy.py
_STILL_MA = const(1_000)
_LOCK_MHZ = const(10)
_LOCK_DEG = const(5)
_INPUTS = const(im.IN_ISLAND_OPEN + im.IN_BOND + im.IN_ESTOP + im.IN_ISLAND_DEAD)

# a rule: bytes, as island_table.py packs them
AFTER = const(0)  # in UNIT_MS; RELAYED: the site's relay feedback time-out
NEXT = const(1)
WHY = const(2)
FACTS = const(3)  # how many there are, which follow
# and a row of PERMITS: its output, how many facts there are, which follow
UNIT_MS = const(100)
RELAYED = const(255)
MADE = const(32)  # a fact of JUDGEMENTS
NOT = const(64)  # it must not hold

TIED = const(0)  # the house's voltages are good, and the grid's on every leg
_WORDS = const(21)
SIZE = const(42)  # what is read now, then what was at rest


@micropython.viper
def first(rows, at: int, end: int, seen: int, made: int, state_ms: int, relay_ms: int) -> int:
    """Where the first rule from `at` on is whose time has come and whose condition holds; `end`:
    none."""
    r = ptr8(rows)
    while at < end:
        after_ms = r[at + AFTER] * UNIT_MS
        if r[at + AFTER] == RELAYED:
            after_ms = relay_ms
        i = at + FACTS + 1
        following = i + r[at + FACTS]
        if state_ms < after_ms:
            i = following + 1
        while i < following:
            fact = r[i]
            word = seen
            if fact & MADE:
                word = made
            if (word >> (fact & 31)) & 1 == fact >> 6:
                i = following
            i += 1
        if i == following:
            return at
        at = following
    return end


@micropython.viper
def permitted(rows, at: int, end: int, seen: int, made: int, kept: int, permits: int) -> int:
    """The outputs of the rows that hold; `kept`, a fact, does for those of `permits`."""
    r = ptr8(rows)
    found = 0
    while at < end:
        now = made
        if permits & r[at]:
            now |= kept
        i = at + 2
        following = i + r[at + 1]
        while i < following:
            fact = r[i]
            word = seen
            if fact & MADE:
                word = now
            if (word >> (fact & 31)) & 1 == fact >> 6:
                i = following
            i += 1
        if i == following:
            found |= r[at]
        at = following
    return found


@micropython.viper
def tied(site, readings) -> int:
    """1: every leg of the house is within 10 % of nominal and the grid's within 2 % of it, in step
    with it."""
    s = ptr32(site)
    r = ptr32(readings)
    if r[im.HOUSE_AGE_MS] > _VOLTAGE_STALE_MS or r[im.GRID_AGE_MS] > _VOLTAGE_STALE_MS:
        return 0
    if r[im.HOUSE_MHZ] <= 0 or r[im.GRID_MHZ] <= 0 or r[im.SWITCH_DEG] > _LOCK_DEG:
        return 0
    apart = r[im.HOUSE_MHZ] - r[im.GRID_MHZ]
    if apart > _LOCK_MHZ or apart < 0 - _LOCK_MHZ:
        return 0
    nominal_mv = s[im.NOMINAL_MV]
    margin_mv = nominal_mv // 10
    lock_mv = nominal_mv // 50
    leg = 0
    while leg < s[im.LEG_COUNT]:
        house_mv = r[im.HOUSE_MV + leg]
        apart = house_mv - r[im.GRID_MV + leg]
        if apart > lock_mv or apart < 0 - lock_mv:
            return 0
        apart = house_mv - nominal_mv
        if apart > margin_mv or apart < 0 - margin_mv:
            return 0
        leg += 1
    return 1


@micropython.viper
def follow(site, commands) -> int:
    """1: every converter is asked to follow the grid."""
    s = ptr32(site)
    c = ptr32(commands)
    device = 0
    while device < im.DEVICES:
        if s[im.DEVICE_KIND + device] == im.KIND_CONVERTER:
            if c[im.SETPOINT_MODE + device] != im.MODE_FOLLOW:
                return 0
        device += 1
    return 1


@micropython.viper
def same(words, site, readings, requests, commands, trips, keep: int) -> int:
    """1: all that is read is as it was when it was kept last; `keep`: keep it."""
    w = ptr32(words)
    s = ptr32(site)
    r = ptr32(readings)
    q = ptr32(requests)
    c = ptr32(commands)
    device = s[im.ISLAND_DEVICE]
    still = 1
    at = im.DEVICE_MA + device * im.LEGS
    end = at + im.LEGS
    while at < end:
        if r[at] > _STILL_MA or r[at] < 0 - _STILL_MA:
            still = 0
        at += 1
    w[TIED] = int(tied(site, readings))
    w[1] = int(follow(site, commands))
    w[2] = 1 if r[im.INPUTS_AGE_MS] > _CONTACTS_STALE_MS else 0
    w[3] = r[im.INPUTS] & _INPUTS
    w[4] = ptr32(trips)[im.TRIPPED]
    w[5] = 1 if r[im.DEVICE_AGE_MS + device] > _INVERTER_STALE_MS else 0
    w[6] = r[im.DEVICE_MODE + device]
    w[7] = still
    w[8] = r[im.DEVICE_PLUGGED + device]
    w[9] = r[im.DEVICE_FAULT + device]
    w[10] = r[im.DEVICE_SOC_PERMILLE + device]
    w[11] = 1 if r[im.DEVICE_SOC_AGE_MS + device] > _SOC_STALE_MS else 0
    w[12] = q[im.OUTAGE_RESERVE_PERMILLE]
    w[13] = q[im.ISLAND_WISH]
    w[14] = q[im.ACKNOWLEDGE_SEQ]
    w[15] = c[im.DEVICE_ENABLE_BAR + device] & im.BAR_SWITCH
    w[16] = c[im.DEVICE_PROVED + device]
    w[17] = c[im.GRID_STATE]
    w[18] = c[im.GRID_LOSS]
    w[19] = c[im.GRID_LOAD_OK]
    w[20] = c[im.ISLAND_STATE]
    i = 0
    while i < _WORDS:
        if keep:
            w[_WORDS + i] = w[i]
        elif w[i] != w[_WORDS + i]:
            return 0
        i += 1
    return 1
