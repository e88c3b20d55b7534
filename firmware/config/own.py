# islet: profiles of the site's own, loaded where there are some.
# GPL-3.0-or-later
#
# The box gets them packed (tools/site/own.py, by the rules of tools/pack) and looks at each byte
# again before anything reads it: nobody knows who wrote them. Nothing in them is believed to be
# sure, or measured.

import struct
from binascii import a2b_base64

import islet_data

from firmware import image as im
from firmware.base.viper import const

# as firmware/drivers/profile.py and plans.py have them, from which nothing is imported here
FORMAT = const(2)
HEAD = ">BBBBHHHBBHH"
ROW = ">BBBBHBbHHiiBBH"
PLANS = ">BBHBHHBB"
WRITE = ">BBHBbHHiBBH"
ITEM = ">BBi"
SIZES = b"\x02\x02\x01\x01\x02\x04\x04"  # registers of a type
_MOST_BYTES = const(1200)
_ROLES = const(3)  # meter, converter, gateway
_POWER, _STATE, _PER_LEG = const(2), const(6), const(2)  # quantities; legs have those below
_WHOLE = const(3)
_FACTORED = (1, 2, 3, 4)  # types: integers of at most two registers
_SIGNED = (0, 1, 3)  # types: f32, i32, i16
_UNKNOWN = const(3)  # what it does when islet falls silent, where nothing renews a lease
_NONE = const(255)
_ANY = (1 << 30) - 1
# of a value by quantity, and of what is written by type
BOUNDS = (600_000, 2_000_000, 1_000_000, 70_000, 1_000_000, 1000) + (_ANY,) * 10
WRITTEN = (1_000_000, 1_000_000, 65_535, 32_767, 1_000_000)


def taken(rows, errors):
    """(names, packs) of islet's profiles and of the site's own."""
    names, packs = islet_data.PROFILES
    names, packs = list(names), list(packs)
    for i, row in enumerate(rows):
        where = "profiles[{}].".format(i)
        if row["name"] in islet_data.PROFILES[0]:
            text = "{}name: {} is one of islet's own, take another"
            errors.append(text.format(where, row["name"]))
        if row["packed"] is None or row["name"] in names:  # said already
            continue
        try:
            packed = a2b_base64(row["packed"])
            checked(packed)
        except ValueError as error:
            errors.append(
                "{}packed: {}; python -m tools.site pack FILE writes it anew".format(where, error)
            )
            continue
        names.append(row["name"])
        packs.append(packed)
    return names, packs


def of(config, name):
    """The bytes of a profile that is the site's own, else None."""
    names, packs = config["profiles"]
    if name in islet_data.PROFILES[0] or name not in names:
        return None
    return packs[names.index(name)]


def meters(site, config):
    """What relies on more than the owner's word, of a meter that has no more."""
    for i, meter in enumerate(config["meters"]):
        if of(config, meter["profile"]) is None:
            continue
        for so, path in (
            (site[im.COORDINATED], "coordinated"),
            (site[im.EXPORT_LIMIT_W] >= 0, "export_limit_w"),
            (site[im.ISLAND_CAPABLE], "island.capable"),
        ):
            if so:
                yield (
                    "meters[{}].profile: nobody but the owner says what {} holds, {} needs a "
                    "profile of islet's own".format(i, meter["profile"], path)
                )


def _need(so, what):
    if not so:
        raise ValueError(what + " cannot be")


def checked(packed):
    """ValueError says what of a packed profile cannot be."""
    size = len(packed)
    _need(struct.calcsize(HEAD) < size <= _MOST_BYTES, "its size")
    form, count, role, sure, timeout_ms, pause_ms, sample_ms, gap, _, place, said = (
        struct.unpack_from(HEAD, packed, 0)
    )
    _need(form == FORMAT and said == size and role < _ROLES and not sure, "its head")
    _need(20 <= timeout_ms <= 2000 and pause_ms <= 1000, "a time in its head")
    _need(sample_ms <= 10_000 and gap <= 60, "a time in its head")
    at, step = struct.calcsize(HEAD), struct.calcsize(ROW)
    tables, end = at + count * step, place or size
    _need(1 <= count <= 64 and tables <= end <= size, "its number of rows")
    whole = set()  # quantities of the whole
    for i in range(count):
        row = struct.unpack_from(ROW, packed, at + i * step)
        _row(packed, row, "row {}".format(i), tables, end)
        whole.add(row[0])
    if place:
        _need(role and _POWER in whole and _STATE in whole, "a plan without power and state")
        _plans(packed, place, size)


def _row(packed, row, where, tables, end):
    quantity, leg, function, kind, register, every, sign, num, den, low, high, _, factor, table = (
        row
    )
    _need(quantity < len(BOUNDS) and leg <= _WHOLE, where)
    _need(leg == _WHOLE or quantity <= _PER_LEG, where + ", its leg")
    _need(leg != _WHOLE or quantity >= _PER_LEG, where + ", its leg")
    _need(function in (3, 4) and kind < 16 and kind & 7 < len(SIZES), where)
    count = SIZES[kind & 7]
    _need(register + count <= 65_536 and 1 <= every <= 100, where)
    _need(-1 <= sign <= 1 and 1 <= num <= 16_383 and den, where + ", its factor")
    if factor:
        _need(count <= factor < 60 and register + factor < 65_536, where + ", its factor")
        _need(kind & 7 in _FACTORED, where + ", its factor")
    _need(-BOUNDS[quantity] <= low < high <= BOUNDS[quantity], where + ", its range")
    if table:
        _need(tables <= table < end, where + ", its table")
        _need(table + 1 + packed[table] * (1 + 2 * count) <= end, where + ", its table")


def _plans(packed, place, size):
    at = place + struct.calcsize(PLANS)
    _need(at < size, "its plans")
    controls, count, period_ms, lease, least_s, most_s, then, measured = struct.unpack_from(
        PLANS, packed, place
    )
    _need(controls < 3 and 100 <= period_ms <= 60_000 and not measured, "the head of its plans")
    _need(least_s <= most_s and ((lease < count and least_s) or lease == _NONE), "its lease")
    _need(then == _UNKNOWN, "its lease")
    step = struct.calcsize(WRITE)
    _need(1 <= count <= 32 and at + count * step <= size, "its number of writes")
    writes = [struct.unpack_from(WRITE, packed, at + i * step) for i in range(count)]
    for i, write in enumerate(writes):
        _write(packed, write, "write {}".format(i), at + count * step, size)
    at += count * step
    for plan in range(4):
        at = _plan(packed, at, size, writes, plan)
    for _ in [write for write in writes if write[10]]:  # the tables end it all
        at += 1 + 4 * packed[at] if at < size else size
    _need(at == size, "its end")


def _write(packed, write, where, tables, size):
    function, kind, register, unit, sign, num, den, most, wear, _, never = write
    _need(function in (6, 16) and kind < 16 and kind & 7 < len(WRITTEN), where)
    count = SIZES[kind & 7]
    _need((function == 16 or count == 1) and register + count <= 65_536, where)
    _need(unit < 6 and wear < 4 and 1 <= most <= WRITTEN[kind & 7], where)
    _need(sign == 0 or (sign in (1, -1) and kind & 7 in _SIGNED), where + ", its sign")
    _need(1 <= num <= 16_383 and den, where + ", its factor")
    if never:
        _need(tables <= never < size and never + 1 + 4 * packed[never] <= size, where)


def _plan(packed, at, size, writes, plan):
    """Where the plan ends."""
    where, told = "plan {}".format(plan), 0
    _need(at < size and 1 <= packed[at] <= 16, where)
    requests = packed[at]
    at += 1
    for _ in range(requests):
        _need(at < size and packed[at], where)
        items = packed[at]
        at += 1
        _need(at + items * struct.calcsize(ITEM) <= size, where)
        follows = None
        for _ in range(items):
            which, what, value = struct.unpack_from(ITEM, packed, at)
            at += struct.calcsize(ITEM)
            _need(which < len(writes) and what < 3, where)
            write = writes[which]
            _need(items == 1 or write[0] == 16, where)
            _need(follows is None or follows == write[2], where)
            follows = write[2] + SIZES[write[1] & 7]
            told += what == 1
            _need(_fits(packed, write, what, value), where + ", a value")
    _need(bool(told) == (plan < 2), where + ", its watts")
    return at


def _fits(packed, write, what, value):
    """Whether a write can hold the value, and may."""
    if what:
        return write[3] in ((1, 2) if what == 1 else (3, 4))
    kind, never = write[1] & 7, write[10]
    for i in range(packed[never] if never else 0):
        if struct.unpack_from(">i", packed, never + 1 + 4 * i)[0] == value:
            return False
    if kind in (2, 3):
        return (0, -32_768)[kind - 2] <= value <= WRITTEN[kind]
    return -(1 << 24) < value < 1 << 24 if kind == 0 else kind == 1 or value >= 0
