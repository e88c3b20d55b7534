# islet: the published state, built from the image: a dict per section, integers in named units.
# GPL-3.0-or-later
#
# It serves slow links, so it may allocate, but it must not hold the loop: `take` copies the
# buffers in one go and `pieces` then makes the JSON text section by section, so the caller can let
# others run in between and the whole is still of one moment. Voltages are mV, currents mA,
# powers W; a reading of an instrument that never spoke is null, its age too.

import gc
import json
from array import array

import islet_data

from firmware import image as im
from firmware.people import leases, words
from firmware.people.reasons import UNITS, Reasons

SCHEMA = 1  # raised when a field changes its meaning
MODE_NAMES = ("stop", "follow", "form")
INSTRUMENT_NAMES = ("none", "ct", "meter", "inverter", "evse")

# What counts as a change worth publishing at once: (field, count, step).
CHANGES = (
    (im.PERMITS, 1, 1),
    (im.SETPOINT + im.INVERTER, 1, 100),
    (im.SETPOINT + im.EVSE, 1, 500),
    (im.POINT_PILOT_STATE, 1, 1),
    (im.POINT_CONTACTOR_STATE, 1, 1),
    (im.GRID_STATE, 1, 1),
    (im.ISLAND_STATE, 1, 1),
    (im.FAULTS, 1, 1),
    (im.ALARM_NODE, 1, 1),
    (im.CLAIM_REASON, im.SOURCES * im.DEVICES, 1),
    (im.WINNER_LOW, im.DEVICES, 1),
    (im.WINNER_HIGH, im.DEVICES, 1),
)
READING_CHANGES = (
    (im.INPUTS, 1, 1),
    (im.NODE_W, im.LEGS, 250),
    (im.DEVICE_W + im.INVERTER, 1, 250),
    (im.DEVICE_SOC_PERMILLE + im.INVERTER, 1, 10),
    (im.DEVICE_MA + im.EVSE * im.LEGS, im.LEGS, 1000),
)


def _bits(mask, names):
    return [name for bit, name in enumerate(names) if mask & (1 << bit)]


def _age(age_ms):
    return None if age_ms >= im.AGE_MAX_MS else age_ms


class State:
    """Builds the published state of `image`.

    name, nodes  the site's name and its nodes' names, as configured
    errors       configuration errors, sentences; empty if the unit runs
    extras       callable returning a dict of further sections (bus, ledger, policy), or None
    """

    sections = (
        "site",
        "why",
        "alerts",
        "grid",
        "house",
        "nodes",
        "evse",
        "inverter",
        "island",
        "outputs",
        "requests",
        "limits",
        "unit",
    )

    def __init__(self, image, name="islet", nodes=(), errors=(), extras=None):
        self.image = image
        self.name = name
        self.nodes = nodes
        self.errors = errors
        self.extras = extras
        self.heap_low_bytes = None
        self.readings = array("i", image.readings)
        self.requests = im.REQUESTS.new()
        self.commands = array("i", image.commands)
        self.trips = im.TRIPS.new()
        self.reasons = Reasons(image.site, self.commands, self.trips, nodes, errors)

    # --- taking and writing ---------------------------------------------------------------

    def take(self):
        """Copy the image, so that what is built next is of one moment."""
        image = self.image
        for target, source in (
            (self.readings, image.readings),
            (self.requests, image.requests),
            (self.commands, image.commands),
            (self.trips, image.trips),
        ):
            target[:] = source
        return self

    def build(self):
        """The whole state as a dict, of the moment of the last `take`."""
        return {name: getattr(self, "_" + name)() for name in self.sections}

    def pieces(self, without=()):
        """The same as JSON text, in pieces small enough for INV-9: a section, node or device."""
        yield '{"schema":' + str(SCHEMA)
        for name in self.sections:
            if name in without:
                continue
            yield ',"' + name + '":'
            if name == "limits":
                yield from self.limits_pieces()
            elif name == "nodes":
                yield from self._node_pieces()
            else:
                yield json.dumps(getattr(self, "_" + name)())
        if self.extras:
            for name, value in self.extras().items():
                yield ',"' + name + '":' + json.dumps(value)
        yield "}"

    def _node_pieces(self):
        lead = "["
        for node in range(self.image.site[im.NODE_COUNT]):
            yield lead + json.dumps(self._node(node))
            lead = ","
        yield "]" if lead == "," else "[]"

    def limits_pieces(self):
        """The limits alone as JSON text, a piece per device."""
        lead = "{"
        for device in self.reasons.devices():
            text = json.dumps(self._limits_of(device))
            yield '{}"{}":{}'.format(lead, im.DEVICE_NAMES[device], text)
            lead = ","
        yield "}" if lead == "," else "{}"

    def signature(self):
        """An integer that changes when something worth telling has changed; reads the image."""
        total = self.image.trips[im.TRIPPED]
        for rows, buffer in (
            (CHANGES, self.image.commands),
            (READING_CHANGES, self.image.readings),
        ):
            for first, count, step in rows:
                for i in range(first, first + count):
                    total = (total * 31 + buffer[i] // step) & 0xFFFFF
        return total

    # --- sections -------------------------------------------------------------------------

    def _site(self):
        site = self.image.site
        wall = self.readings[im.WALL_MIN]
        return {
            "name": self.name,
            "version": islet_data.VERSION,
            "topology": "T{}".format(site[im.TOPOLOGY]),
            "legs": site[im.LEG_COUNT],
            "nominal_mv": site[im.NOMINAL_MV],
            "nominal_mhz": site[im.NOMINAL_MHZ],
            "config_errors": list(self.errors),
            "wall_min": None if wall < 0 else wall,
            "time": wall_text(wall),
        }

    def _why(self):
        """The one sentence that matters most now, and one per device."""
        reasons = self.reasons
        why = {im.DEVICE_NAMES[device]: reasons.explain(device) for device in reasons.devices()}
        why["text"] = reasons.headline()
        return why

    def _alerts(self):
        commands = self.commands
        node = commands[im.ALARM_NODE]
        alarm = None
        if node >= 0:
            alarm = {
                "node": self.reasons.node_name(node),
                "leg": commands[im.ALARM_LEG],
                "over_ma": commands[im.ALARM_MA],
                "text": words.alarm_text(
                    self.reasons.node_name(node), commands[im.ALARM_LEG], commands[im.ALARM_MA]
                ),
            }
        return {
            "faults": words.fault_texts(commands[im.FAULTS]),
            "trips": words.trip_texts(self.trips[im.TRIPPED]),
            "trip_count": self.trips[im.TRIP_COUNT],
            "alarm": alarm,
        }

    def _grid(self):
        name, text = words.grid_text(self.commands[im.GRID_STATE])
        section = self._voltage(im.GRID_MV, im.GRID_MHZ, im.GRID_AGE_MS)
        section["state"] = name
        section["text"] = text
        section["enter_service_ms"] = self.commands[im.GRID_REMAIN_MS]
        return section

    def _house(self):
        return self._voltage(im.HOUSE_MV, im.HOUSE_MHZ, im.HOUSE_AGE_MS)

    def _voltage(self, mv, mhz, age):
        readings = self.readings
        legs = self.image.site[im.LEG_COUNT]
        return {
            "mv": [readings[mv + leg] for leg in range(legs)],
            "mhz": readings[mhz],
            "age_ms": _age(readings[age]),
        }

    def _nodes(self):
        return [self._node(node) for node in range(self.image.site[im.NODE_COUNT])]

    def _node(self, node):
        site, readings = self.image.site, self.readings
        parent = site[im.NODE_PARENT + node]
        rows = range(node * im.LEGS, node * im.LEGS + site[im.LEG_COUNT])
        heard = readings[im.NODE_AGE_MS + node] < im.AGE_MAX_MS
        return {
            "name": self.reasons.node_name(node),
            "parent": None if parent < 0 else self.reasons.node_name(parent),
            "limit_ma": site[im.NODE_RATING_MA + node]
            * site[im.NODE_CONTINUOUS_PERMILLE + node]
            // 1000,
            "instrument": INSTRUMENT_NAMES[site[im.NODE_INSTRUMENT + node]],
            "ma": [readings[im.NODE_MA + row] for row in rows] if heard else None,
            "w": [readings[im.NODE_W + row] for row in rows] if heard else None,
            "age_ms": _age(readings[im.NODE_AGE_MS + node]),
            "leases": leases.of_node(self, node),
        }

    def _evse(self):
        if self.image.site[im.DEVICE_NODE + im.EVSE] < 0:
            return None
        readings, commands = self.readings, self.commands
        pilot, pilot_text = words.pilot_text(commands[im.POINT_PILOT_STATE])
        contactor, contactor_text = words.contactor_text(commands[im.POINT_CONTACTOR_STATE])
        return {
            "pilot": pilot,
            "pilot_text": pilot_text,
            "contactor": contactor,
            "contactor_text": contactor_text,
            "offer_ma": commands[im.SETPOINT + im.EVSE],
            "cable_ma": commands[im.POINT_CABLE_MA],
            "ma": [
                readings[im.DEVICE_MA + im.EVSE * im.LEGS + leg]
                for leg in range(self.image.site[im.LEG_COUNT])
            ],
            "age_ms": _age(readings[im.DEVICE_AGE_MS + im.EVSE]),
        }

    def _inverter(self):
        if self.image.site[im.DEVICE_NODE + im.INVERTER] < 0:
            return None
        readings, commands = self.readings, self.commands
        soc = readings[im.DEVICE_SOC_PERMILLE + im.INVERTER]
        return {
            "w": readings[im.DEVICE_W + im.INVERTER],
            "ma": [
                readings[im.DEVICE_MA + im.INVERTER * im.LEGS + leg]
                for leg in range(self.image.site[im.LEG_COUNT])
            ],
            "setpoint_w": commands[im.SETPOINT + im.INVERTER],
            "mode": MODE_NAMES[readings[im.DEVICE_MODE + im.INVERTER]],
            "mode_asked": MODE_NAMES[commands[im.SETPOINT_MODE + im.INVERTER]],
            "fault": readings[im.DEVICE_FAULT + im.INVERTER] != 0,
            "plugged": readings[im.DEVICE_PLUGGED + im.INVERTER] != 0,
            "anti_islanding": words.ANTI_ISLANDING[
                readings[im.DEVICE_ANTI_ISLANDING + im.INVERTER] + 1
            ],
            "age_ms": _age(readings[im.DEVICE_AGE_MS + im.INVERTER]),
            "soc_permille": None if soc < 0 else soc,
            "soc_age_ms": _age(readings[im.DEVICE_SOC_AGE_MS + im.INVERTER]),
        }

    def _island(self):
        name, text = words.island_text(self.commands[im.ISLAND_STATE])
        return {"state": name, "text": text}

    def _outputs(self):
        return {
            "on": _bits(self.trips[im.OUTPUTS], im.OUTPUT_NAMES),
            "permitted": _bits(self.commands[im.PERMITS], im.OUTPUT_NAMES),
            "inputs": _bits(self.readings[im.INPUTS], im.INPUT_NAMES),
            "inputs_age_ms": _age(self.readings[im.INPUTS_AGE_MS]),
        }

    def _requests(self):
        requests = self.requests
        return {
            "reserve_permille": requests[im.RESERVE_PERMILLE],
            "outage_reserve_permille": requests[im.OUTAGE_RESERVE_PERMILLE],
            "authorised": requests[im.POINT_AUTHORISED] != 0,
            "island": ("never", "auto", "now")[requests[im.ISLAND_WISH] + 1],
        }

    def _limits(self):
        return {im.DEVICE_NAMES[d]: self._limits_of(d) for d in self.reasons.devices()}

    def _limits_of(self, device):
        """The claims, and who holds which lease."""
        limits = self.reasons.of_device(device)
        limits["leases"] = leases.shown(self, device, UNITS[device])
        return limits

    def _unit(self):
        """The controller itself: its heap, where the runtime can tell."""
        mem_free = getattr(gc, "mem_free", None)
        if not mem_free:
            return {"heap_free_bytes": None, "heap_low_bytes": None}
        free = mem_free()
        if self.heap_low_bytes is None or free < self.heap_low_bytes:
            self.heap_low_bytes = free
        return {"heap_free_bytes": free, "heap_low_bytes": self.heap_low_bytes}


def wall_text(wall_min):
    """Minutes since 2020-01-01 UTC as 'YYYY-MM-DDTHH:MMZ', None if unknown."""
    if wall_min < 0:
        return None
    days, minutes = wall_min // 1440, wall_min % 1440
    year = 2020
    while days >= 365 + (year % 4 == 0):  # right until 2100
        days -= 365 + (year % 4 == 0)
        year += 1
    month = 0
    lengths = (31, 28 + (year % 4 == 0), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    while days >= lengths[month]:
        days -= lengths[month]
        month += 1
    return "{}-{:02d}-{:02d}T{:02d}:{:02d}Z".format(
        year, month + 1, days + 1, minutes // 60, minutes % 60
    )


def raw(image):
    """The image decoded: pairs of a section's name and its (field, dict) pairs."""
    buffers = (image.site, image.readings, image.requests, image.commands, image.trips)
    for (name, rows), buffer in zip(islet_data.FIELDS, buffers):
        yield name, _fields(rows, buffer)


def _fields(rows, buffer):
    index = 0
    for name, count, unit in rows:
        value = buffer[index] if count == 1 else list(buffer[index : index + count])
        index += count
        yield name, {"value": value, "unit": unit}
