# islet: the site's configuration; one table describes every option.
# GPL-3.0-or-later
#
# `load` reads the JSON document, checks every option against its row and fills `image.site`.
# It never guesses: an unknown, missing or impossible option is an error that names the field and
# what is allowed, and the app then energises nothing and keeps its page up to mend it.

import json
import struct

import islet_data

from firmware.image import (
    BOND_NEEDED,
    AUTH_REQUIRED,
    CONTACTOR_BREAKING_MA,
    CONTACTOR_CLOSE_MS,
    CONTACTOR_OPEN_MS,
    COORDINATED,
    DEAD_GRID_MS,
    ENTER_DELAY_MS,
    ENTER_RAMP_MS,
    EVSE_LEGS,
    EVSE_MAX_MA,
    EVSE_NODE,
    EVSE_PAUSE_MS,
    EVSE_RESPONSE_MS,
    EXPORT_LIMIT_W,
    GRID_LOSS_MS,
    INSTRUMENT_NONE,
    INVERTER_CHARGE_W,
    INVERTER_DISCHARGE_W,
    INVERTER_LEGS,
    INVERTER_NODE,
    INVERTER_RESPONSE_MS,
    INVERTER_REVERT_MS,
    ISLAND_AUTO,
    ISLAND_CAPABLE,
    ISLAND_MAX_W,
    LEG_COUNT,
    LEGS,
    NODE_BUS_MA,
    NODE_BUS_PERMILLE,
    NODE_CONTINUOUS_PERMILLE,
    NODE_COUNT,
    NODE_INSTRUMENT,
    NODE_PARENT,
    NODE_RATING_MA,
    NODE_SOURCE_MA,
    NODES,
    NOMINAL_MHZ,
    NOMINAL_MV,
    OUTAGE_RESERVE_PERMILLE,
    RELAY_FEEDBACK_MS,
    RESERVE_PERMILLE,
    SHED_NEEDED,
    TOPOLOGY,
    TRIP_KIND,
)

MAX_BYTES = 8192  # 8.6 kB of JSON takes 28 kB of heap on the chip

NONE = None
INSTRUMENTS = ("none", "ct", "meter", "inverter", "evse")  # as INSTRUMENT_*
GOALS = ("hold", "charge", "solar", "self", "discharge")


# An option: path, kind or choices, unit, lowest, highest, default (REQUIRED: none),
#            field of image.site and factor into its unit, text.
# kind: "number", "text", "bool", or a tuple of choices whose position is the value.
REQUIRED = object()

OPTIONS = (
    ("name", "text", "", 1, 40, "islet", NONE, 1, "name shown to people"),
    ("topology", ("", "T1", "T2", "T3"), "", 0, 0, REQUIRED, TOPOLOGY, 1,
     "T1 AC charging point, T2 DC gateway, T3 the car's own inverter"),
    ("legs", "number", "", 1, 3, REQUIRED, LEG_COUNT, 1, "1 single, 2 split, 3 three phase"),
    ("nominal_v", "number", "V", 100, 260, REQUIRED, NOMINAL_MV, 1000, "leg to neutral"),
    ("nominal_hz", "number", "Hz", 50, 60, REQUIRED, NOMINAL_MHZ, 1000, "50 or 60"),
    ("grid_code", "text", "", 1, 24, REQUIRED, NONE, 1, "a name from firmware/gridcodes"),
    ("grid_code_overrides.enter_delay_s", "number", "s", 1, 1000, NONE, ENTER_DELAY_MS, 1000,
     "enter service: delay, where the operator allows another"),
    ("grid_code_overrides.enter_ramp_s", "number", "s", 1, 1000, NONE, ENTER_RAMP_MS, 1000,
     "enter service: ramp"),
    ("grid_code_overrides.grid_loss_s", "number", "s", 0.02, 60, NONE, GRID_LOSS_MS, 1000,
     "dead grid confirmed for islanding"),
    ("grid_code_overrides.dead_grid_s", "number", "s", 0, 2, NONE, DEAD_GRID_MS, 1000,
     "guard: dead grid drops the inverter's enable"),
    ("export_limit_w", "number", "W", -1, 1_000_000, -1, EXPORT_LIMIT_W, 1,
     "most the site may export, -1 no limit"),
    ("coordinated", "bool", "", 0, 0, False, COORDINATED, 1,
     "backfeed above the static rule, needs inverter.revert_s of 1 to 10"),
    ("evse.node", "text", "", 1, 24, NONE, NONE, 1, "node of the charging point"),
    ("evse.legs", "number", "", 1, 3, 1, EVSE_LEGS, 1, "legs it uses, from L1"),
    ("evse.max_a", "number", "A", 6, 80, 6, EVSE_MAX_MA, 1000, "its rating"),
    ("evse.pause_s", "number", "s", 0, 3600, 300, EVSE_PAUSE_MS, 1000,
     "shortest pause after a stop for lack of current"),
    ("evse.response_s", "number", "s", 1, 30, 5, EVSE_RESPONSE_MS, 1000,
     "time the car may take to follow a lower offer"),
    ("evse.contactor_open_ms", "number", "ms", 1, 60, 30, CONTACTOR_OPEN_MS, 1,
     "declared drop-out time; slower than 60 ms is refused (INV-2)"),
    ("evse.contactor_close_ms", "number", "ms", 1, 200, 80, CONTACTOR_CLOSE_MS, 1,
     "declared pull-in time"),
    ("evse.breaking_a", "number", "A", 1, 2000, 200, CONTACTOR_BREAKING_MA, 1000,
     "declared breaking capacity of the contactor"),
    ("evse.auth_required", "bool", "", 0, 0, False, AUTH_REQUIRED, 1,
     "charge only for an authorised user"),
    ("inverter.node", "text", "", 1, 24, NONE, NONE, 1, "node of the inverter"),
    ("inverter.legs", "number", "", 1, 3, 1, INVERTER_LEGS, 1, "legs it uses, from L1"),
    ("inverter.charge_w", "number", "W", 0, 100_000, 0, INVERTER_CHARGE_W, 1, "most it may draw"),
    ("inverter.discharge_w", "number", "W", 0, 100_000, 0, INVERTER_DISCHARGE_W, 1,
     "most it may deliver"),
    ("inverter.response_s", "number", "s", 0.1, 60, 2, INVERTER_RESPONSE_MS, 1000,
     "declared response to a setpoint"),
    ("inverter.revert_s", "number", "s", 0, 600, 10, INVERTER_REVERT_MS, 1000,
     "its own time-out without a setpoint"),
    ("inverter.address", "number", "", 1, 247, 1, NONE, 1, "Modbus unit"),
    ("inverter.base", "number", "", 0, 65_000, 40_000, NONE, 1, "first SunSpec register"),
    ("meter.profile", "text", "", 1, 24, NONE, NONE, 1, "a name from firmware/devices"),
    ("meter.address", "number", "", 1, 247, 1, NONE, 1, "Modbus unit"),
    ("bus.baud", "number", "", 1200, 115_200, 19_200, NONE, 1, "RS-485 speed"),
    ("bus.parity", ("N", "E", "O"), "", 0, 0, "N", NONE, 1, "RS-485 parity"),
    ("island.capable", "bool", "", 0, 0, False, ISLAND_CAPABLE, 1,
     "all hardware interlocks are fitted"),
    ("island.auto", "bool", "", 0, 0, False, ISLAND_AUTO, 1, "island by itself on an outage"),
    ("island.max_w", "number", "W", 0, 100_000, 0, ISLAND_MAX_W, 1, "most the island can carry"),
    ("island.bond", "bool", "", 0, 0, True, BOND_NEEDED, 1,
     "the island needs its own neutral-earth bond"),
    ("island.shed", "bool", "", 0, 0, True, SHED_NEEDED, 1,
     "sheddable loads are off before forming"),
    ("island.feedback_ms", "number", "ms", 20, 1000, 150, RELAY_FEEDBACK_MS, 1,
     "relay confirmation time-out"),
    ("owner.goal", GOALS, "", 0, 0, "hold", NONE, 1, "what the owner wants"),
    ("owner.charge_a", "number", "A", 0, 80, 80, NONE, 1, "most the car shall take"),
    ("owner.charge_w", "number", "W", 0, 100_000, 0, NONE, 1, "inverter power of goal charge"),
    ("owner.discharge_w", "number", "W", 0, 100_000, 0, NONE, 1,
     "inverter power of goal discharge"),
    ("owner.reserve_percent", "number", "%", 0, 100, 100, NONE, 1, "reserve while the grid is up"),
    ("owner.outage_reserve_percent", "number", "%", 0, 100, 100, NONE, 1,
     "reserve in an outage"),
    ("mqtt.host", "text", "", 0, 64, "", NONE, 1, "broker, empty for none"),
    ("mqtt.port", "number", "", 1, 65_535, 1883, NONE, 1, "its port"),
    ("mqtt.user", "text", "", 0, 64, "", NONE, 1, "user"),
    ("mqtt.password", "text", "", 0, 64, "", NONE, 1, "password"),
    ("mqtt.prefix", "text", "", 1, 48, "islet", NONE, 1, "first part of every topic"),
    ("http.host", "text", "", 0, 64, "127.0.0.1", NONE, 1, "address the page is bound to"),
    ("http.port", "number", "", 0, 65_535, 0, NONE, 1, "its port, 0 for no page"),
    ("http.token", "text", "", 0, 64, "", NONE, 1, "commands need it; empty: page is read-only"),
)

NODE_OPTIONS = (
    ("name", "text", "", 1, 24, REQUIRED, NONE, 1, "name of the circuit"),
    ("parent", "text", "", 1, 24, NONE, NONE, 1, "name of the feeding node, none for the service"),
    ("rating_a", "number", "A", 1, 2000, REQUIRED, NODE_RATING_MA, 1000, "breaker, per leg"),
    ("continuous_percent", "number", "%", 50, 100, 100, NODE_CONTINUOUS_PERMILLE, 10,
     "continuous-load factor"),
    ("bus_a", "number", "A", 0, 2000, 0, NODE_BUS_MA, 1000, "busbar it feeds, 0 none"),
    ("bus_percent", "number", "%", 100, 120, 100, NODE_BUS_PERMILLE, 10, "static rule"),
    ("instrument", INSTRUMENTS, "", 0, 0, "none", NODE_INSTRUMENT, 1, "what measures it"),
    ("source_a", "number", "A", 0, 2000, 0, NODE_SOURCE_MA, 1000,
     "nameplate of sources islet does not command"),
)


class Config:
    """The checked configuration: `settings` by path, `nodes` by name, `errors` as sentences."""

    def __init__(self):
        self.settings = {}
        self.nodes = []
        self.errors = []

    def __getitem__(self, path):
        return self.settings[path]


def _allowed(kind, unit, low, high):
    if kind == "number":
        return "a number from {} to {} {}".format(low, high, unit).rstrip()
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
    elif kind == "text":
        fits = isinstance(value, str) and low <= len(value) <= high
    elif kind == "bool":
        fits = isinstance(value, bool)
    else:
        fits = isinstance(value, str) and value != "" and value in kind
    if fits:
        return value
    shown = json.dumps(value)
    errors.append("{}: {} is not {}".format(where, shown[:40], _allowed(kind, unit, low, high)))
    return None


def _as_integer(kind, value, factor):
    if kind == "number":
        return int(value * factor + (0.5 if value >= 0 else -0.5))
    if kind == "bool":
        return 1 if value else 0
    return kind.index(value)


def _find(document, path):
    """The value at a dotted path, or None."""
    for part in path.split("."):
        if not isinstance(document, dict):
            return None
        document = document.get(part)
    return document


def _unknown(document, known, where, errors):
    """Report keys that no row knows: a misspelt limit must not be silently ignored."""
    if not isinstance(document, dict):
        errors.append("{}: is not an object".format(where or "configuration"))
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
        value = _find(document, path)
        if value is None:
            if default is REQUIRED:
                config.errors.append("{}: is missing, needs {}".format(path, _allowed(*row[1:5])))
                continue
            value = default
        else:
            value = _check(path, row, value, config.errors)
        config.settings[path] = value
        if field is not None and value is not None:
            site[field] = _as_integer(kind, value, factor)


def _nodes(document, site, config):
    nodes = document.get("nodes") if isinstance(document, dict) else None
    if not isinstance(nodes, list) or not 1 <= len(nodes) <= NODES:
        config.errors.append("nodes: is not a list of 1 to {} nodes".format(NODES))
        return
    known = [row[0] for row in NODE_OPTIONS]
    for number, node in enumerate(nodes):
        where = "nodes[{}].".format(number)
        _unknown(node, [where + name for name in known], where, config.errors)
        if isinstance(node, dict):
            _node(number, where, node, site, config)
    site[NODE_COUNT] = len(nodes)


def _node(number, where, node, site, config):
    for row in NODE_OPTIONS:
        name, kind, _, _, _, default, field, factor, _ = row
        value = node.get(name)
        if value is None:
            if default is REQUIRED:
                config.errors.append("{}{}: is missing".format(where, name))
                continue
            value = default
        else:
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
        site[NODE_PARENT + number] = config.nodes.index(parent)
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
    for i in range(DEAD_GRID_MS - TRIP_KIND + 1):
        site[TRIP_KIND + i] = struct.unpack_from("<i", packed, 4 * i)[0]
    for row in OPTIONS:  # overrides come after the code they override
        if row[0].startswith("grid_code_overrides.") and config.settings.get(row[0]) is not None:
            site[row[6]] = _as_integer(row[1], config.settings[row[0]], row[7])


def _rules(site, config, board):
    """What the rows cannot see: options that contradict each other or the circuit board."""
    errors = config.errors
    if site[EVSE_NODE] >= 0 and not board.can_own_contactor:
        errors.append("evse.node: this circuit board may not own a contactor")
    if site[ISLAND_CAPABLE] and not board.can_island:
        errors.append("island.capable: this circuit board lacks the declared interlocks")
    if site[ISLAND_CAPABLE] and site[INVERTER_NODE] < 0:
        errors.append("island.capable: needs an inverter")
    if site[COORDINATED] and not 1000 <= site[INVERTER_REVERT_MS] <= 10_000:
        errors.append("coordinated: needs inverter.revert_s from 1 to 10")
    for device, field, legs in (("evse", EVSE_NODE, EVSE_LEGS), ("inverter", INVERTER_NODE, INVERTER_LEGS)):
        if site[field] >= 0 and site[legs] > site[LEG_COUNT]:
            errors.append("{}.legs: more than the site's legs".format(device))
        _covered(device, site[field], site, config)
    if config.settings.get("meter.profile") not in (None,) + tuple(islet_data.DEVICES):
        errors.append("meter.profile: is not one of " + ", ".join(sorted(islet_data.DEVICES)))


def _covered(device, node, site, config):
    """An unmeasured circuit above a commanded device must hold whatever its circuits can draw."""
    while node >= 0:
        children = [i for i in range(site[NODE_COUNT]) if site[NODE_PARENT + i] == node]
        if site[NODE_INSTRUMENT + node] == INSTRUMENT_NONE and children:
            total_ma = sum(site[NODE_RATING_MA + i] for i in children)
            if total_ma > site[NODE_RATING_MA + node]:
                config.errors.append(
                    "nodes[{}].instrument: {} lies above the {} and its circuits add up to more "
                    "than its rating, so it must be measured (ct or meter)".format(
                        node, config.nodes[node], device
                    )
                )
        node = site[NODE_PARENT + node]


def load(text, image, board):
    """Check the JSON `text` and fill image.site and the owner's reserves; return a Config.

    image.site is only to be trusted if `config.errors` is empty.
    """
    config = Config()
    site = image.site
    if len(text) > MAX_BYTES:
        config.errors.append("configuration: {} bytes, at most {}".format(len(text), MAX_BYTES))
        return config
    try:
        document = json.loads(text)
    except ValueError:
        config.errors.append("configuration: is not JSON")
        return config
    if not isinstance(document, dict):
        config.errors.append("configuration: is not an object")
        return config
    _options(document, site, config)
    _nodes(document, site, config)
    _place("evse.node", EVSE_NODE, site, config)
    _place("inverter.node", INVERTER_NODE, site, config)
    _grid_code(document, site, config)
    if not config.errors:
        _rules(site, config, board)
    if not config.errors:
        image.requests[RESERVE_PERMILLE] = int(config["owner.reserve_percent"] * 10)
        image.requests[OUTAGE_RESERVE_PERMILLE] = int(config["owner.outage_reserve_percent"] * 10)
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
