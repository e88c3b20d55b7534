# islet: rules about a converter that a profile describes, loaded where there is one.
# GPL-3.0-or-later

import struct
from binascii import crc32

import islet_data

from firmware import image as im
from firmware.config.rules_tree import leg_ma

# as firmware/drivers/profile.py and plans.py have them, from which nothing is imported here
HEAD = ">BBBBHHHBBHH"
ROW = ">BBBBHBbHHiiBBH"
PLANS = ">BBHBHHBB"
WRITE = ">BBHBbHHiBBH"
CONTROLS = ("ac", "battery", "grid")
WEARS = ("ram", "eeprom", "flash", "unknown")
THENS = ("own_mode", "stops", "goes_on", "unknown")
NO_LEASE = 255
CYCLES, LIFE_DAYS = (0, 100_000, 10_000, 100_000), 3650  # as wear.py
RENEW_S = 10  # the longest of sunspec_control.py
CURRENT = 1
BATTERY_POWER = 4
_DRIVEN = (1, 2)  # roles: converter, gateway
_TWO_SOURCES = 1
_SUNSPEC_BASE = 40_000  # said of a row that says nothing


def refused(where, at, device, site, profiles):
    """Why this row cannot be driven. profiles: names and packs."""
    name = device["profile"]
    names, packs = profiles
    packed = packs[names.index(name)]
    head = struct.unpack_from(HEAD, packed, 0)
    if device["base"] != _SUNSPEC_BASE:
        yield where + "base: is of SunSpec, leave it out beside a profile"
    if head[2] not in _DRIVEN:
        yield "{}profile: {} is no converter".format(where, name)
        return
    place = head[9]
    if not place:
        yield "{}profile: {} can only be read, nobody says how to command it".format(where, name)
        return
    controls, writes, _, lease, least_s, most_s, then, timed = struct.unpack_from(
        PLANS, packed, place
    )
    rows = list(_columns(packed, struct.calcsize(HEAD), ROW, head[1]))
    if CONTROLS[controls] == "grid":
        yield (
            "{}profile: {} takes a setpoint of its input, which what it feeds behind itself has a "
            "part of: zero would not be zero of its battery".format(where, name)
        )
    elif CONTROLS[controls] == "battery":
        measured = [row for row in rows if row[0] == BATTERY_POWER]
        yield from _sunny(where, at, name, device, site, measured)
    elif device["sun_w"] is not None:
        yield "{}sun_w: leave it out, the setpoint of a {} is of its terminals".format(where, name)
    if any(row[11] for row in rows) or any(
        write[9] for write in _columns(packed, place + struct.calcsize(PLANS), WRITE, writes)
    ):
        yield "{}profile: {} answers at several addresses, which has no driver yet".format(
            where, name
        )
    revert_ms = site[im.DEVICE_REVERT_MS + at]
    if lease != NO_LEASE and not least_s * 1000 <= revert_ms <= most_s * 1000:
        yield "{}revert_s: {} takes {} to {} s".format(where, name, least_s, most_s)
    if lease == NO_LEASE and THENS[then] in ("goes_on", "unknown"):  # as every own profile says
        yield from _endless(where, at, name, device, site)
    yield from _worn_out(where, name, _writes(packed, place), lease, THENS[then])
    measured = len([row for row in rows if row[0] == CURRENT])
    yield from _trusted(where, at, name, site, timed, head[3], measured)


def weaker(where, device, profiles):
    """(path, value, why) of what an installer has to stand by."""
    name = device["profile"]
    names, packs = profiles
    if name not in names:  # the option's row says so
        return
    packed = packs[names.index(name)]
    if name not in islet_data.PROFILES[0]:  # by its content: another of the name is another
        why = "only its owner says how it is told, how it stops and that its memory bears it"
        yield where + "profile", "{} {:08x}".format(name, crc32(packed)), why
        return
    place = struct.unpack_from(HEAD, packed, 0)[9]
    writes = _writes(packed, place) if place else ()
    if any(write[8] and WEARS[write[8]] != "unknown" for write in writes):
        why = "it is told by way of memory that wears out: more power waits when a day's are used"
        yield where + "profile", name, why
    elif any(write[3] and WEARS[write[8]] == "unknown" for write in writes):
        why = "nobody says that its registers bear being written every few seconds for years"
        yield where + "profile", name, why


def _sunny(where, at, name, device, site, measured):
    """A setpoint of the battery: what its terminals draw is that less its own sun, which is a
    source that islet does not command (rules_devices.derive)."""
    if not measured:
        yield (
            "{}profile: {} takes a setpoint of its battery and does not say what that draws, so "
            "nobody could see whether it obeys".format(where, name)
        )
    if device["sun_w"] is None:
        yield (
            "{}sun_w: is missing, a {} takes a setpoint of its battery: what does the sun on its "
            "own DC side give at most? 0 where there is none".format(where, name)
        )
        return
    if device["contactor"] is not None:
        yield "{}contactor: its current is the sun's too, a {} cannot be behind one".format(
            where, name
        )
    node = site[im.DEVICE_NODE + at]
    bears_ma = site[im.NODE_RATING_MA + node] // 1000 * site[im.NODE_CONTINUOUS_PERMILLE + node]
    if device["sun_w"] and leg_ma(site[im.DEVICE_CHARGE_W + at], at, site) > bears_ma:
        yield "{}charge_w: without its sun that is more than {} bears".format(
            where, device["node"]
        )
    if device["sun_w"] and site[im.EXPORT_LIMIT_W] >= 0:
        yield "{}sun_w: goes on feeding whatever islet says, export_limit_w forbids it".format(
            where
        )


def _writes(packed, place):
    at = place + struct.calcsize(PLANS)
    return list(_columns(packed, at, WRITE, packed[place + 1]))


def _worn_out(where, name, writes, lease, then):
    """Memory that what must be written would use up long before its device's life is over."""
    for i, write in enumerate(writes):
        memory = WEARS[write[8]]
        if not write[8] or memory == "unknown" or not write[3]:
            continue
        if i == lease or (lease == NO_LEASE and then != "goes_on"):
            days = CYCLES[write[8]] * RENEW_S // 86_400
            yield (
                "{}profile: {} lets go unless it is told again every few seconds, and keeps that "
                "in its {}, which would be worn out in {} days".format(where, name, memory, days)
            )
        elif memory == "flash":
            yield (
                "{}profile: {} keeps its power in a flash memory, which bears {} writes a day "
                "for ten years: that follows nothing".format(
                    where, name, CYCLES[write[8]] // LIFE_DAYS
                )
            )


def _endless(where, at, name, device, site):
    """Nobody says that it stops when islet falls silent."""
    if site[im.DEVICE_REVERT_MS + at]:
        yield "{}revert_s: must be 0, a {} has no time-out that anybody knows of".format(
            where, name
        )
    if device["may_discharge"] and site[im.DEVICE_DISCHARGE_W + at]:
        yield (
            "{}may_discharge: must be false, a {} would feed on when islet falls silent, below "
            "any reserve".format(where, name)
        )


def _columns(packed, at, form, count):
    for i in range(count):
        yield struct.unpack_from(form, packed, at + i * struct.calcsize(form))


def _trusted(where, at, name, site, timed, sure, measured):
    """Where others rely on what nobody has seen it do."""
    if site[im.ISLAND_CAPABLE] and site[im.ISLAND_DEVICE] == at:
        yield "island.device: {} is a {}, which nobody can ask to form an island".format(
            where[:-1], name
        )
    for so, path in (
        (site[im.COORDINATED], "coordinated"),
        (site[im.EXPORT_LIMIT_W] >= 0, "export_limit_w"),
    ):
        if not so:
            continue
        if not timed:
            yield (
                "{}profile: nobody has measured when a {} lets go after islet falls silent, "
                "{} needs it".format(where, name, path)
            )
        elif sure < _TWO_SOURCES:
            yield "{}profile: a single source describes {}, {} needs more".format(
                where, name, path
            )
    for node in range(site[im.NODE_COUNT]):
        if (
            site[im.NODE_INSTRUMENT + node] == im.INSTRUMENT_DEVICE
            and site[im.NODE_INSTRUMENT_ROW + node] == at
            and measured < site[im.DEVICE_LEGS + at]
        ):
            yield "nodes[{}].instrument: a {} does not measure the current of each leg".format(
                node, name
            )
