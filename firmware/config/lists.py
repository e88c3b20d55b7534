# islet: the lists of a configuration: their names first, then row by row.
# GPL-3.0-or-later

import json

import islet_data

from firmware import image as im
from firmware.config import check
from firmware.config.options import DEVICE_OPTIONS, FIXED, KINDS, LISTS

_WORDS = ("none", "ct")  # what measures a node besides the rows that are named


def names(document, config):
    """Who can be named, by list."""
    known = config.names
    known["gridcodes"] = islet_data.GRIDCODES[0]
    instruments = known["instruments"] = list(_WORDS)
    for name, _, least, most in LISTS:
        rows = document.get(name, [])
        if not isinstance(rows, list) or not least <= len(rows) <= most:
            config.errors.append("{}: is not a list of {} to {}".format(name, least, most))
            rows = []
        config.settings[name] = rows  # checked ones in their place by `rows`
        known[name] = [_name(row) for row in rows]
        _once(name, known[name], (), config.errors)
    own = [each for each in known["profiles"] if each is not None]
    known["profiles"] = list(islet_data.PROFILES[0]) + own if own else islet_data.PROFILES[0]
    for name in ("meters", "devices", "points"):
        own, others = known[name], instruments
        if name == "points":  # a device that is a point may bear its name
            others = [other for other in others if not _is_point(other, config["devices"])]
        _once(name, own, others, config.errors)
        instruments += [each for each in own if each not in instruments]


def _name(row):
    name = row.get("name") if isinstance(row, dict) else None
    return name if isinstance(name, str) else None


def _is_point(name, devices):
    for row in devices:
        if isinstance(row, dict) and row.get("kind") == "point" and row.get("name") == name:
            return row.get("contactor") == name
    return False


def _once(what, own, others, errors):
    """A name means one row: of its list, and of all that measure."""
    for i, name in enumerate(own):
        if name is not None and (name in own[:i] or name in others):
            errors.append("{}[{}].name: {} is used twice".format(what, i, name))


def rows(site, config):
    """Check every row and fill its fields."""
    for name, options, _, _ in LISTS:
        checked = []
        for i, row in enumerate(config.settings[name]):
            where = "{}[{}].".format(name, i)
            own, hints = options, ()
            if name == "devices":
                own, hints = _of_kind(row, i, site)
            elif name == "profiles" and isinstance(row, dict):
                hints = [(key, "python -m tools.site pack FILE packs it") for key in row]
            known = [option[0] for option in own]
            check.unknown(row, known, where, config.errors, hints)
            row = row if isinstance(row, dict) else {}
            checked.append(check.rows(own, row, where, config.names, config.errors, site, i))
        config.settings[name] = checked
    _profiles(config)
    _parents(config)
    site[im.NODE_COUNT] = len(config["nodes"])


def _profiles(config):
    """(names, packs), islet's and the site's own: who needs one finds it there."""
    own = config["profiles"]
    config.settings["profiles"] = islet_data.PROFILES
    if own:
        from firmware.config.own import taken

        config.settings["profiles"] = taken(own, config.errors)


def _parents(config):
    """A parent stands before its children, so the tree has no cycle and one root."""
    for i, node in enumerate(config["nodes"]):
        where, parent = "nodes[{}].parent: ".format(i), node["parent"]
        if i == 0 and parent is not None:
            config.errors.append(where + "the first node is the service, it has none")
        elif [error for error in config.errors if error.startswith(where)]:
            continue  # said already
        elif i and parent not in config.names["nodes"][:i]:
            earlier = ", ".join([name for name in config.names["nodes"][:i] if name])
            config.errors.append(
                "{}{} is not the name of an earlier node: {}".format(
                    where, "nothing" if parent is None else json.dumps(parent), earlier
                )
            )


def _of_kind(device, at, site):
    """The options of a device's kind, and a hint at each that other kinds have; what the kind
    says without being asked is filled."""
    kind = device.get("kind") if isinstance(device, dict) else None
    if not isinstance(kind, str) or kind not in KINDS[1:]:
        hint = "depends on the kind"
        return DEVICE_OPTIONS[:2], [(row[0].split(".")[0], hint) for row in DEVICE_OPTIONS]
    bit = 1 << (KINDS.index(kind) - 1)
    for field, kinds, value in FIXED:
        if kinds & bit:
            site[field + at] = value
    hint = "is no option of a " + kind
    own = [row for row in DEVICE_OPTIONS if row[9] & bit]
    return own, [(row[0].split(".")[0], hint) for row in DEVICE_OPTIONS if not row[9] & bit]
