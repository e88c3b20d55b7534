# islet: the site's configuration, checked against the table in options.py.
# GPL-3.0-or-later
#
# `load` reads the JSON document, checks every option against its row and fills `image.site`.
# It never guesses: an unknown, missing or impossible option is an error that names the field and
# what is allowed, and the app then energises nothing and keeps its page up to mend it.

import json
import struct

import islet_data

from firmware import image as im
from firmware.base import strict_json
from firmware.config import rules
from firmware.config.options import NODE_OPTIONS, OPTIONS, REQUIRED

LONGER_IS_STRICTER = ("grid_code_overrides.enter_delay_s", "grid_code_overrides.enter_ramp_s")
MAX_BYTES = 8192  # 8.6 kB of JSON takes 28 kB of heap on the chip


class Config:
    """The checked configuration: `settings` by path, `nodes` by name, `errors` and `warnings` as
    sentences, `weaker` as rows (path, why) of what is weaker than the rules."""

    def __init__(self):
        self.settings: dict = {row[0]: None if row[5] is REQUIRED else row[5] for row in OPTIONS}
        self.nodes = []
        self.errors = []
        self.warnings = []
        self.weaker = []

    def __getitem__(self, path):
        return self.settings[path]


def _allowed(kind, unit, low, high):
    if kind in ("number", "whole"):
        what = "number" if kind == "number" else "whole number"
        return "a {} from {} to {} {}".format(what, low, high, unit).rstrip()
    if kind == "text":
        return "a text of {} to {} characters".format(low, high)
    if kind == "bool":
        return "true or false"
    return "one of " + ", ".join(choice for choice in kind if choice)


def _check(where, row, value, errors):
    """Return the option's value if it fits its row, else say why not and return None."""
    _, kind, unit, low, high = row[:5]
    if kind == "number":
        fits = type(value) in (int, float) and low <= value <= high
    elif kind == "whole":
        fits = type(value) is int and low <= value <= high
    elif kind == "text":
        fits = isinstance(value, str) and low <= len(value) <= high
    elif kind == "bool":
        fits = isinstance(value, bool)
    else:
        fits = isinstance(value, str) and value != "" and value in kind
    if fits:
        return value
    try:
        shown = json.dumps(value)[:40]
    except RuntimeError:  # nested deeper than the runtime can print
        shown = "this"
    errors.append("{}: {} is not {}".format(where, shown, _allowed(kind, unit, low, high)))
    return None


def _as_integer(kind, value, factor):
    if kind in ("number", "whole"):
        return int(value * factor + (0.5 if value >= 0 else -0.5))
    if kind == "bool":
        return 1 if value else 0
    return kind.index(value)


def _find(document, row):
    """The value at a row's dotted path, or its default; null only says so where that is none."""
    for part in row[0].split("."):
        if not isinstance(document, dict) or part not in document:
            return row[5]
        document = document[part]
    return document


def _unknown(document, known, where, errors):
    """Report keys that no row knows: a misspelt limit must not be silently ignored."""
    if not isinstance(document, dict):
        errors.append("{}: is not an object".format(where[:-1] or "configuration"))
        return
    for key in document:
        path = where + key
        if path in known:
            continue
        if any(name.startswith(path + ".") for name in known):
            _unknown(document[key], known, path + ".", errors)
        else:
            errors.append("{}: unknown option".format(path))


def _options(document, site, config):
    _unknown(document, [row[0] for row in OPTIONS] + ["nodes"], "", config.errors)
    for row in OPTIONS:
        path, kind, _, _, _, default, field, factor, _ = row
        value = _find(document, row)
        if value is REQUIRED:
            config.errors.append("{}: is missing, needs {}".format(path, _allowed(*row[1:5])))
            continue
        if value is not default:
            value = _check(path, row, value, config.errors)
            if value is None:
                continue
        config.settings[path] = value
        if field is not None and value is not None:
            site[field] = _as_integer(kind, value, factor)


def _nodes(document, site, config):
    nodes = document.get("nodes") if isinstance(document, dict) else None
    if not isinstance(nodes, list) or not 1 <= len(nodes) <= im.NODES:
        config.errors.append("nodes: is not a list of 1 to {} nodes".format(im.NODES))
        return
    known = [row[0] for row in NODE_OPTIONS]
    for number, node in enumerate(nodes):
        where = "nodes[{}].".format(number)
        _unknown(node, [where + name for name in known], where, config.errors)
        if isinstance(node, dict):
            _node(number, where, node, site, config)
    site[im.NODE_COUNT] = len(nodes)


def _node(number, where, node, site, config):
    for row in NODE_OPTIONS:
        name, kind, _, _, _, default, field, factor, _ = row
        value = _find(node, row)
        if value is REQUIRED:
            config.errors.append("{}{}: is missing".format(where, name))
            continue
        if value is not default:
            value = _check(where + name, row, value, config.errors)
        if field is not None and value is not None:
            site[field + number] = _as_integer(kind, value, factor)
        if name == "name":
            if value in config.nodes:
                config.errors.append("{}name: {} is used twice".format(where, value))
            config.nodes.append(value)
        elif name == "parent":
            _parent(number, where, value, site, config)


def _parent(number, where, parent, site, config):
    """A parent stands before its children, so the tree has no cycle and one root."""
    if number == 0:
        if parent is not None:
            config.errors.append(where + "parent: the first node is the service, it has none")
    elif parent in config.nodes[:number]:
        site[im.NODE_PARENT + number] = config.nodes.index(parent)
    else:
        config.errors.append(where + "parent: is not the name of an earlier node")


def _place(path, field, site, config):
    name = config.settings.get(path)
    if name is None:
        return
    if name in config.nodes:
        site[field] = config.nodes.index(name)
    else:
        config.errors.append("{}: {} is not one of nodes".format(path, name))


def _grid_code(document, site, config):
    name = config.settings.get("grid_code")
    if name is None:
        return
    packed = islet_data.GRIDCODES.get(name)
    if packed is None:
        names = ", ".join(sorted(islet_data.GRIDCODES))
        config.errors.append("grid_code: {} is not one of {}".format(name, names))
        return
    for i in range(im.DEAD_GRID_MS - im.TRIP_KIND + 1):
        site[im.TRIP_KIND + i] = struct.unpack_from("<i", packed, 4 * i)[0]
    for row in OPTIONS:  # overrides come after the code they override
        if row[0].startswith("grid_code_overrides.") and config.settings.get(row[0]) is not None:
            value = _as_integer(row[1], config.settings[row[0]], row[7])
            _compare(row[0], value, site[row[6]], row[7], config)
            site[row[6]] = value


def _compare(path, value, coded, factor, config):
    """Remember an override that is weaker than the code it overrides."""
    if (value < coded) == (path in LONGER_IS_STRICTER) and value != coded:
        config.weaker.append((path, "weaker than the grid code's {:g}".format(coded / factor)))


def _rules(site, config, rights):
    """What the rows cannot see: options that contradict each other or the circuit board."""
    errors = config.errors
    if site[im.DEVICE_NODE + im.EVSE] >= 0 and not rights.can_own_contactor:
        errors.append("evse.node: this circuit board may not own a contactor")
    if not site[im.ENTER_LOW_MHZ] <= site[im.NOMINAL_MHZ] <= site[im.ENTER_HIGH_MHZ]:
        errors.append("grid_code: is not made for nominal_hz")
    if site[im.ISLAND_CAPABLE] and not rights.can_island:
        errors.append("island.capable: this circuit board lacks the declared interlocks")
    if site[im.ISLAND_CAPABLE] and site[im.DEVICE_NODE + im.INVERTER] < 0:
        errors.append("island.capable: needs an inverter")
    elif site[im.ISLAND_CAPABLE] and site[im.DEVICE_LEGS + im.INVERTER] < site[im.LEG_COUNT]:
        errors.append("island.capable: needs inverter.legs on all legs of the site")
    if site[im.ISLAND_CAPABLE] and site[im.TOPOLOGY] == 3:
        # T3: no discharge, hence no island, before ISO 15118-20 or SAE J3072 authorises the car
        errors.append("island.capable: must be false under topology T3")
    if site[im.COORDINATED] and not 1000 <= site[im.DEVICE_REVERT_MS + im.INVERTER] <= 10_000:
        errors.append("coordinated: needs inverter.revert_s from 1 to 10")
    if site[im.EXPORT_LIMIT_W] >= 0 and site[im.DEVICE_DISCHARGE_W + im.INVERTER] > 0:
        if (
            not 1000 <= site[im.DEVICE_REVERT_MS + im.INVERTER] <= 10_000
        ):  # a dead islet must not export on
            errors.append("export_limit_w: needs inverter.revert_s from 1 to 10")
    if (
        site[im.DEVICE_NODE + im.EVSE] >= 0
        and site[im.POINT_BREAKING_MA] <= 2 * site[im.DEVICE_MAX_MA + im.EVSE]
    ):
        # the guard trips above twice the rating, and never above what the contacts can break
        errors.append("evse.breaking_a: must be above twice evse.max_a")
    if not rights.network:
        if config["mqtt.host"]:
            errors.append("mqtt.host: this board has no network, leave it empty")
        if config["http.port"]:
            errors.append("http.port: this board has no network, give 0 or leave it out")
    _instruments(site, config)
    for device, field, legs in (
        ("evse", im.DEVICE_NODE + im.EVSE, im.DEVICE_LEGS + im.EVSE),
        ("inverter", im.DEVICE_NODE + im.INVERTER, im.DEVICE_LEGS + im.INVERTER),
    ):
        if site[field] >= 0 and site[legs] > site[im.LEG_COUNT]:
            errors.append("{}.legs: more than the site's legs".format(device))
        _covered(device, site[field], site, config)
    if config.settings.get("meter.profile") not in (None,) + tuple(islet_data.PROFILES):
        errors.append("meter.profile: is not one of " + ", ".join(sorted(islet_data.PROFILES)))


def _instruments(site, config):
    """Each instrument where it can measure: main CTs at the service, one house meter, and a
    device's own on the device's node, which feeds nothing else."""
    meters = 0
    for node in range(site[im.NODE_COUNT]):
        instrument = site[im.NODE_INSTRUMENT + node]
        where = "nodes[{}].instrument: ".format(node)
        if instrument == im.INSTRUMENT_CT and node > 0:
            config.errors.append(where + "ct measures the service, the first node")
        elif instrument == im.INSTRUMENT_METER:
            meters += 1
            if meters > 1:
                config.errors.append(where + "there is one house meter")
            if config.settings.get("meter.profile") is None:
                config.errors.append("meter.profile: is missing, a node is measured by the meter")
        for device, kind, place in (
            ("evse", im.INSTRUMENT_EVSE, im.DEVICE_NODE + im.EVSE),
            ("inverter", im.INSTRUMENT_INVERTER, im.DEVICE_NODE + im.INVERTER),
        ):
            if instrument != kind:
                continue
            if site[place] != node:
                config.errors.append(where + "{0} measures {0}.node alone".format(device))
            elif any(site[im.NODE_PARENT + i] == node for i in range(site[im.NODE_COUNT])):
                config.errors.append(where + device + " does not see the circuits it feeds")


def _wired(site, rights):
    """What the circuit board's hardware does by itself, as facts of the site."""
    circuit = rights.circuit
    if circuit is None:
        return
    # the simulated board's RCD and heat contact hang where its site needs them
    behind = rights.bench and site[im.TOPOLOGY] == 2
    breaks = im.IN_ESTOP | (im.IN_ENABLE if circuit.has_outputs(im.OUT_ENABLE) else 0)
    if circuit.rcd_breaks_enable or behind:
        breaks |= im.IN_RCD
    if circuit.heat_breaks_enable or behind:
        breaks |= im.IN_OVERTEMP
    site[im.ENABLE_INPUTS] = breaks
    site[im.BOND_HOLD_MS] = circuit.bond_hold_ms
    site[im.BOND_NORMALLY_OPEN] = 1 if circuit.bond_normally_open else 0
    site[im.PEN_PARTED] = 1 if circuit.protective_conductor else 0
    site[im.WELD_RELEASE] = 1 if circuit.has_outputs(im.OUT_RELEASE) else 0
    if circuit.stop_cuts_supply:
        site[im.STOP_CUTS_SUPPLY] = 1


def _covered(device, node, site, config):
    """An unmeasured circuit above a commanded device must hold whatever its circuits can draw."""
    while node >= 0:
        children = [i for i in range(site[im.NODE_COUNT]) if site[im.NODE_PARENT + i] == node]
        if site[im.NODE_INSTRUMENT + node] == im.INSTRUMENT_NONE and children:
            total_ma = sum(site[im.NODE_RATING_MA + i] for i in children)
            if total_ma > site[im.NODE_RATING_MA + node]:
                config.errors.append(
                    "nodes[{}].instrument: {} lies above the {} and its circuits add up to more "
                    "than its rating, so it must be measured (ct or meter)".format(
                        node, config.nodes[node], device
                    )
                )
        node = site[im.NODE_PARENT + node]


def load(text, image, rights):
    """Check the JSON `text` and fill image.site and the owner's reserves; return a Config.

    A `text` (str or bytes) of None could not even be read. `rights`: the board's Rights.

    image.site is only to be trusted if `config.errors` is empty.
    """
    config = Config()
    site = image.site
    if text is None:
        config.errors.append("configuration: cannot be read as text")
        return config
    if len(text) > MAX_BYTES:
        config.errors.append("configuration: {} bytes, at most {}".format(len(text), MAX_BYTES))
        return config
    try:
        document = strict_json.loads(text)
    except ValueError as error:
        config.errors.append("configuration: is not JSON, {}".format(error))
        return config
    if not isinstance(document, dict):
        config.errors.append("configuration: is not an object")
        return config
    _options(document, site, config)
    _nodes(document, site, config)
    _place("evse.node", im.DEVICE_NODE + im.EVSE, site, config)
    _place("inverter.node", im.DEVICE_NODE + im.INVERTER, site, config)
    _grid_code(document, site, config)
    if not config.errors:
        if site[im.POINT_OVERCURRENT_MS] == 0 and site[im.DEVICE_NODE + im.EVSE] >= 0:
            config.weaker.append(("evse.overcurrent_ms", "0 is for tests alone"))
        if site[im.DEVICE_RESPONSE_MS + im.EVSE] > 5_000 and site[im.DEVICE_NODE + im.EVSE] >= 0:
            slow = "a car follows within 5 s (IEC 61851-1); circuits stay overloaded for longer"
            config.weaker.append(("evse.response_s", slow))
        site[im.BOND_NEEDED] = 1 if rules.bond_needed(config) else 0
        site[im.DEVICE_FITS + im.INVERTER] = 1 if rules.fits_static(site) else 0
        if rules.certified(config):
            site[im.DEVICE_CERTIFIED + im.INVERTER] = 1
            config.weaker.extend((path, "not asked of the device") for path in rules.CERTIFICATE)
        site[im.PEN_WATCH] = 1 if rules.pen_watched(config) else 0
        _wired(site, rights)
        _rules(site, config, rights)
        rules.judge(site, config, rights)
    if not config.errors:
        image.requests[im.RESERVE_PERMILLE] = int(config["owner.reserve_percent"] * 10)
        image.requests[im.OUTAGE_RESERVE_PERMILLE] = int(
            config["owner.outage_reserve_percent"] * 10
        )
    return config


def table():
    """The options as Markdown lines: this is the documentation of the configuration."""
    yield "| option | allowed | default | meaning |"
    yield "|---|---|---|---|"
    for prefix, rows in (("", OPTIONS), ("nodes[].", NODE_OPTIONS)):
        for path, kind, unit, low, high, default, _, _, text in rows:
            shown = "required" if default is REQUIRED else "–" if default is None else default
            yield "| {}{} | {} | {} | {} |".format(
                prefix, path, _allowed(kind, unit, low, high), shown, text
            )
