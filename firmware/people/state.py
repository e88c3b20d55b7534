# islet: the published state, built from the image: a dict per section, integers in named units.
# GPL-3.0-or-later
#
# It serves slow links, so it may allocate, but it must not hold the loop: `take` copies the
# buffers in one go and `pieces` then makes the JSON text section by section, so the caller can let
# others run in between and the whole is still of one moment. Voltages are mV, currents mA,
# powers W; a reading that is stale is null, and so is the age of one that never came.

import gc
import json
from array import array

import islet_data

from firmware import image as im
from firmware.people import alerts, leases, rows, words
from firmware.people.names import takes_offer
from firmware.people.reasons import Reasons, unit
from firmware.people.rows import age

SCHEMA = 2  # raised when a field changes its meaning

# What counts as a change worth publishing at once: (field, count, step), and of each device that
# takes an offer, of each other (field, count per device, step).
COMMAND_CHANGES = (
    (im.PERMITS, 1, 1),
    (im.POINT_PILOT_STATE, im.POINTS, 1),
    (im.POINT_CONTACTOR_STATE, im.POINTS, 1),
    (im.GRID_STATE, 1, 1),
    (im.ISLAND_STATE, 1, 1),
    (im.FAULTS, 1, 1),
    (im.POINT_FAULTS, im.POINTS, 1),
    (im.ALARM_NODE, 1, 1),
    (im.CLAIM_REASON, im.SOURCES * im.DEVICES, 1),
    (im.WINNER_LOW, im.DEVICES, 1),
    (im.WINNER_HIGH, im.DEVICES, 1),
    (im.DEVICE_OBEDIENCE, im.DEVICES, 1),
)
READING_CHANGES = ((im.INPUTS, 1, 1), (im.NODE_W, im.LEGS, 250))
OFFER_CHANGES = ((im.SETPOINT, 1, 500),), ((im.DEVICE_MA, im.LEGS, 1000),)
POWER_CHANGES = (
    ((im.SETPOINT, 1, 100),),
    ((im.DEVICE_W, 1, 250), (im.DEVICE_SOC_PERMILLE, 1, 10)),
)


def _fold(total, changes, buffer, device):
    """Rows of changes into a signature; of a device's own, or -1."""
    for first, count, step in changes:
        if device >= 0:
            first += device * count
        for i in range(first, first + count):
            total = (total * 31 + buffer[i] // step) & 0xFFFFF
    return total


class State:
    """Builds the published state of `image`.

    name    the site's
    names   Names of its rows
    errors  configuration errors, sentences; empty if the unit runs
    extras  callable returning a dict of further sections (bus, ledger, policy), or None
    """

    # those that hold one piece of text for each row, by their keys; the others are one piece each
    of_rows = ("nodes", "devices", "points", "limits")
    sections = (
        "site",
        "why",
        "alerts",
        "grid",
        "house",
        "nodes",
        "devices",
        "points",
        "island",
        "outputs",
        "requests",
        "limits",
        "unit",
    )

    def __init__(self, image, name, names, errors=(), extras=None):
        self.image = image
        self.name = name
        self.names = names
        self.errors = errors
        self.extras = extras
        self.heap_low_bytes = None
        self.readings = array("i", image.readings)
        self.requests = image.requests  # no copy: two kB, and what is asked is true at any moment
        self.commands = array("i", image.commands)
        self.trips = im.TRIPS.new()
        self.reasons = Reasons(names, self.readings, self.commands, self.trips, errors)

    # --- taking and writing ---------------------------------------------------------------

    def take(self):
        """Copy the image, so that what is built next is of one moment."""
        image = self.image
        for target, source in (
            (self.readings, image.readings),
            (self.commands, image.commands),
            (self.trips, image.trips),
        ):
            target[:] = source
        self.reasons.hear(image.requests)
        return self

    def pieces(self, without=()):
        """The whole state as JSON text, of the moment of the last `take`, in pieces small enough
        for INV-9: a section, or a node, device or point."""
        yield '{"schema":' + str(SCHEMA)
        for name in self.sections:
            if name in without:
                continue
            yield ',"' + name + '":'
            if name in self.of_rows:
                yield from self.row_pieces(name)
            else:
                yield json.dumps(getattr(self, "_" + name)())
        if self.extras:
            for name, value in self.extras().items():
                yield ',"' + name + '":' + json.dumps(value)
        yield "}"

    def row_pieces(self, name):
        """A section of rows alone as JSON text, a piece per row."""
        begin, end = "[]" if name == "nodes" else "{}"
        lead = begin
        for key, row in self._rows(name):
            text = self.row_text(name, row)
            yield lead + text if name == "nodes" else lead + json.dumps(key) + ":" + text
            lead = ","
        yield end if lead == "," else begin + end

    def row_text(self, name, row):
        """One row of it."""
        return json.dumps(getattr(self, "_" + name)(row))

    def _rows(self, name):
        """(key, row) of a section of rows."""
        names = self.names
        if name == "nodes":
            return [(None, node) for node in range(self.image.site[im.NODE_COUNT])]
        if name == "points":
            return [(names.point(row), row) for row in names.points()]
        return [(names.device(row), row) for row in names.devices()]

    def signature(self):
        """An integer that changes when something worth telling has changed; reads the image."""
        image = self.image
        total = _fold(image.trips[im.TRIPPED], COMMAND_CHANGES, image.commands, -1)
        total = _fold(total, READING_CHANGES, image.readings, -1)
        for device in self.names.devices():
            changes = OFFER_CHANGES if takes_offer(image.site, device) else POWER_CHANGES
            total = _fold(total, changes[0], image.commands, device)
            total = _fold(total, changes[1], image.readings, device)
        for why in self.requests[im.MARKET_WHY : im.MARKET_WHY + im.DEVICES]:
            total = (total * 31 + why) & 0xFFFFF
        return total

    # --- sections -------------------------------------------------------------------------

    def _site(self):
        site = self.image.site
        wall = self.readings[im.WALL_MIN]
        return {
            "name": self.name,
            "version": islet_data.VERSION,
            "legs": site[im.LEG_COUNT],
            "nominal_mv": site[im.NOMINAL_MV],
            "nominal_mhz": site[im.NOMINAL_MHZ],
            "config_errors": list(self.errors),
            "wall_min": None if wall < 0 else wall,
            "time": wall_text(wall),
        }

    def _why(self):
        """The one sentence that matters most now."""
        return {"text": self.reasons.headline()}

    def _alerts(self):
        commands, names = self.commands, self.names
        node, leg, over_ma = (commands[at] for at in (im.ALARM_NODE, im.ALARM_LEG, im.ALARM_MA))
        alarm = None
        if node >= 0:
            name = names.node(node)
            text = words.alarm_text(name, leg, over_ma)
            alarm = {"node": name, "leg": leg, "over_ma": over_ma, "text": text}
        return {
            "faults": alerts.faults(names, commands),
            "trips": alerts.trips(names, self.trips[im.TRIPPED]),
            "silent": self.reasons.silent(),
            "trip_count": self.trips[im.TRIP_COUNT],
            "alarm": alarm,
        }

    def _grid(self):
        name, text = words.state_text("grid", self.commands[im.GRID_STATE])
        section = self._voltage(im.GRID_MV, im.GRID_MHZ, im.GRID_AGE_MS)
        section["state"] = name
        section["text"] = text
        section["enter_service_ms"] = self.commands[im.GRID_REMAIN_MS]
        return section

    def _house(self):
        return self._voltage(im.HOUSE_MV, im.HOUSE_MHZ, im.HOUSE_AGE_MS)

    def _voltage(self, mv, mhz, age_field):
        readings = self.readings
        legs = self.image.site[im.LEG_COUNT]
        heard = readings[age_field] <= rows.STALE_MS
        return {
            "mv": [readings[mv + leg] for leg in range(legs)] if heard else None,
            "mhz": readings[mhz] if heard else None,
            "age_ms": age(readings[age_field]),
        }

    def _nodes(self, node):
        return rows.node(self, node)

    def _devices(self, device):
        return rows.device(self, device)

    def _points(self, point):
        return rows.point(self, point)

    def _island(self):
        name, text = words.state_text("island", self.commands[im.ISLAND_STATE])
        capable = self.image.site[im.ISLAND_CAPABLE] != 0
        return {"state": name, "text": text, "capable": capable}

    def _outputs(self):
        return {
            "on": im.names_of(self.trips[im.OUTPUTS], im.OUTPUT_NAMES),
            "permitted": im.names_of(self.commands[im.PERMITS], im.OUTPUT_NAMES),
            "inputs": im.names_of(self.readings[im.INPUTS], im.INPUT_NAMES)
            if self.readings[im.INPUTS_AGE_MS] <= rows.STALE_MS
            else None,
            "inputs_age_ms": age(self.readings[im.INPUTS_AGE_MS]),
        }

    def _requests(self):
        requests = self.requests
        return {
            "reserve_permille": requests[im.RESERVE_PERMILLE],
            "outage_reserve_permille": requests[im.OUTAGE_RESERVE_PERMILLE],
            "island": ("never", "auto", "now")[requests[im.ISLAND_WISH] + 1],
        }

    def _limits(self, device):
        """The claims, and who holds which lease."""
        limits = self.reasons.of_device(device)
        limits["leases"] = leases.shown(self, device, unit(self.image.site, device))
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
    for (name, fields), buffer in zip(islet_data.FIELDS, buffers):
        yield name, _fields(fields, buffer)


def _fields(fields, buffer):
    index = 0
    for name, count, of in fields:
        value = buffer[index] if count == 1 else list(buffer[index : index + count])
        index += count
        yield name, {"value": value, "unit": of}
