# islet: the published state, built from the image: an object per section, integers in named units.
# GPL-3.0-or-later
#
# It serves slow links, so it may allocate, but it must not hold the loop: `take` copies the
# buffers in one go and `pieces` then makes the JSON text part by part, so that others run in
# between and the whole is still of one moment. `published` keeps the text for whoever reads it.
# Voltages are mV, currents mA, powers W; a reading that is stale is null, and so is the age of one
# that never came.

import json
from array import array

import islet_data

from firmware import image as im
from firmware.people import alerts, leases, rows, words
from firmware.people.names import takes_offer
from firmware.people.published import Published
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


def _halves(alert):
    """An alert's two sentences, each a part of its own: together they hold the loop for 4 ms."""
    way_out = alert.pop("way_out")
    return alert, {"way_out": way_out}


class State:
    """Builds the published state of `image`.

    name    the site's
    names   Names of its rows
    errors  configuration errors, sentences; empty if the unit runs
    reports further sections (bus, ledger, policy): (name, callable that returns its value)
    """

    # those that hold an object for each row, by their keys; the others are one object
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

    def __init__(self, image, name, names, errors=(), reports=()):
        self.image = image
        self.name = name
        self.names = names
        self.errors = errors
        self.reports = reports
        self.heap_free_bytes: int | None = None  # asking takes 10 ms: somebody does once a second
        self.heap_low_bytes: int | None = None
        self.readings = array("i", image.readings)
        self.requests = image.requests  # no copy: two kB, and what is asked is true at any moment
        self.commands = array("i", image.commands)
        self.trips = im.TRIPS.new()
        self.reasons = Reasons(names, self.readings, self.commands, self.trips, errors)
        self.published = Published(self)

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
        for INV-9: a section, or a part of a node, device or point."""
        yield '{"schema":' + str(SCHEMA)
        for name in self.sections:
            if name in without:
                continue
            yield ',"' + name + '":'
            if name in self.of_rows:
                yield from self.row_pieces(name)
            else:
                yield from self.pieces_of(name)
        for name, report in self.reports:
            yield ',"' + name + '":' + json.dumps(report())
        yield "}"

    def row_pieces(self, name):
        """A section of rows alone as JSON text."""
        begin, end = "[]" if name == "nodes" else "{}"
        lead = begin
        for key, row in self.rows_of(name):
            yield lead if name == "nodes" else lead + json.dumps(key) + ":"
            yield from self.pieces_of(name, row)
            lead = ","
        yield end if lead == "," else begin + end

    def pieces_of(self, name, *row):
        """A section, or one row of it."""
        return rows.text(getattr(self, "_" + name)(*row))

    def rows_of(self, name):
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

    # --- sections, in parts that are dicts (rows.text) ------------------------------------------

    def _site(self):
        site = self.image.site
        wall = self.readings[im.WALL_MIN]
        yield {
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
        yield {"text": self.reasons.headline()}

    def _alerts(self):
        commands, names = self.commands, self.names
        node, leg, over_ma = (commands[at] for at in (im.ALARM_NODE, im.ALARM_LEG, im.ALARM_MA))
        alarm = None
        if node >= 0:
            name = names.node(node)
            text = words.alarm_text(name, leg, over_ma)
            alarm = {"node": name, "leg": leg, "over_ma": over_ma, "text": text}
        yield "faults", (_halves(row) for row in alerts.faults(names, commands))
        yield "trips", (_halves(row) for row in alerts.trips(names, self.trips[im.TRIPPED]))
        yield {"silent": self.reasons.silent()}
        yield {
            "trip_count": self.trips[im.TRIP_COUNT],
            "alarm": alarm,
        }

    def _grid(self):
        name, text = words.state_text("grid", self.commands[im.GRID_STATE])
        yield {
            "state": name,
            "text": text,
            "enter_service_ms": self.commands[im.GRID_REMAIN_MS],
        }
        yield from self._voltage(im.GRID_MV, im.GRID_MHZ, im.GRID_AGE_MS)

    def _house(self):
        return self._voltage(im.HOUSE_MV, im.HOUSE_MHZ, im.HOUSE_AGE_MS)

    def _voltage(self, mv, mhz, age_field):
        readings = self.readings
        legs = self.image.site[im.LEG_COUNT]
        heard = readings[age_field] <= rows.STALE_MS
        yield {
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
        yield {"state": name, "text": text, "capable": capable}

    def _outputs(self):
        yield {
            "on": im.names_of(self.trips[im.OUTPUTS], im.OUTPUT_NAMES),
            "permitted": im.names_of(self.commands[im.PERMITS], im.OUTPUT_NAMES),
            "inputs": im.names_of(self.readings[im.INPUTS], im.INPUT_NAMES)
            if self.readings[im.INPUTS_AGE_MS] <= rows.STALE_MS
            else None,
            "inputs_age_ms": age(self.readings[im.INPUTS_AGE_MS]),
        }

    def _requests(self):
        requests = self.requests
        yield {
            "reserve_permille": requests[im.RESERVE_PERMILLE],
            "outage_reserve_permille": requests[im.OUTAGE_RESERVE_PERMILLE],
            "island": ("never", "auto", "now")[requests[im.ISLAND_WISH] + 1],
        }

    def _limits(self, device):
        """The claims, and who holds which lease."""
        reasons = self.reasons
        yield reasons.grant(device)
        yield "claims", [reasons.claim(source, device) for source in range(im.SOURCES)]
        yield {"leases": leases.shown(self, device, unit(self.image.site, device))}

    def _unit(self):
        """The controller itself: its heap, where the runtime can tell."""
        yield {"heap_free_bytes": self.heap_free_bytes, "heap_low_bytes": self.heap_low_bytes}


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
