# islet: rules about a converter that a profile describes, loaded where there is one.
# GPL-3.0-or-later

import struct

import islet_data

from firmware import image as im
from firmware.drivers import plans as form
from firmware.drivers.profile import ADDRESS, CURRENT, HEAD, QUANTITY, Profile

_DRIVEN = (1, 2)  # roles: converter, gateway
_TWO_SOURCES = 1
_SUNSPEC_BASE = 40_000  # said of a row that says nothing


def refused(where, at, device, site):
    """Why this row cannot be driven."""
    name = device["profile"]
    names, packs = islet_data.PROFILES
    packed = packs[names.index(name)]
    profile = Profile(packed)
    plans_at = struct.unpack_from(HEAD, packed, 0)[9]
    if device["base"] != _SUNSPEC_BASE:
        yield where + "base: is of SunSpec, leave it out beside a profile"
    if profile.role not in _DRIVEN:
        yield "{}profile: {} is no converter".format(where, name)
        return
    if not plans_at:
        yield "{}profile: {} can only be read, nobody says how to command it".format(where, name)
        return
    plans = form.Plans(packed, plans_at)
    controls = form.CONTROLS[plans.controls]
    if controls != "ac":
        yield (
            "{}profile: {} takes a setpoint of its {}; what it draws holds the sun or loads too, "
            "and whether it obeys could not be seen".format(where, name, controls)
        )
    if any(row[ADDRESS] for row in profile.rows) or any(row[form.ADDRESS] for row in plans.writes):
        yield "{}profile: {} answers at several addresses, no driver for that yet".format(
            where, name
        )
    if plans.lease != form.NONE:
        revert_ms = site[im.DEVICE_REVERT_MS + at]
        if not plans.least_s * 1000 <= revert_ms <= plans.most_s * 1000:
            yield "{}revert_s: {} takes {} to {} s".format(
                where, name, plans.least_s, plans.most_s
            )
    yield from _trusted(where, at, name, site, profile, plans)


def _trusted(where, at, name, site, profile, plans):
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
        if not plans.measured:
            yield (
                "{}profile: nobody has measured when a {} lets go after islet falls silent, "
                "{} needs it".format(where, name, path)
            )
        elif profile.sure < _TWO_SOURCES:
            yield "{}profile: a single source describes {}, {} needs more".format(
                where, name, path
            )
    measured = len([row for row in profile.rows if row[QUANTITY] == CURRENT])
    for node in range(site[im.NODE_COUNT]):
        if (
            site[im.NODE_INSTRUMENT + node] == im.INSTRUMENT_DEVICE
            and site[im.NODE_INSTRUMENT_ROW + node] == at
            and measured < site[im.DEVICE_LEGS + at]
        ):
            yield "nodes[{}].instrument: a {} does not measure the current of each leg".format(
                node, name
            )
