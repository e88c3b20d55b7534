# islet: rules about the devices, and the points and lines they need.
# GPL-3.0-or-later

import islet_data

from firmware import image as im
from firmware.config.each import devices
from firmware.config.options import LEGS
from firmware.config.rules_tree import fits_static, leg_ma

SLOWEST_RESPONSE_MS = 8_000  # INV-16 has 10 s, the response and 2 s more among them
CAR_RESPONSE_S = 5
LEAST_DEAD_BAND_W = 10
_MOST_MA = 2_000_000  # of a node
MOST_HOSTS = 2  # of a W5500's eight sockets, beside page, broker and datagrams
DRIVEN = ("point", "converter")  # firmware/assembly.py
_MEASURES = (im.INSTRUMENT_CT, im.INSTRUMENT_METER)
# of a device whose anti-islanding cannot be asked
CERTIFICATE = ("certificate.standard", "certificate.number", "certificate.profile")


def derive(site, config):
    weaker = config.weaker
    for _, at, device in devices(config):
        site[im.DEVICE_LEGS + at] = len(device["legs"])
        if site[im.DEVICE_CONTACTOR + at] >= 0:
            site[im.POINT_DEVICE + site[im.DEVICE_CONTACTOR + at]] = at
    for i, point in enumerate(config["points"]):
        if point["overcurrent_ms"] == 0:
            weaker.append(("points[{}].overcurrent_ms".format(i), 0, "0 is for tests alone"))
    for where, _, device in devices(config, "point", "charger"):
        if device["response_s"] > CAR_RESPONSE_S:
            slow = "a car follows within 5 s (IEC 61851-1); circuits stay overloaded for longer"
            weaker.append((where + "response_s", device["response_s"], slow))
    for where, at, device in devices(config, "converter"):
        if device["profile"] is not None:
            from firmware.config import rules_family

            weaker.extend(rules_family.weaker(where, device, config["profiles"]))
        if device["sun_w"]:  # a source that islet does not command, as any other
            node = im.NODE_SOURCE_MA + site[im.DEVICE_NODE + at]
            site[node] = min(site[node] + leg_ma(device["sun_w"], at, site), _MOST_MA)
        if device["dead_band_w"] is None:
            rating_w = max(device["charge_w"], device["discharge_w"])
            site[im.DEVICE_DEAD_BAND_W + at] = max(LEAST_DEAD_BAND_W, rating_w // 200)
        if None not in [device[path] for path in CERTIFICATE]:
            site[im.DEVICE_CERTIFIED + at] = 1
            for path in CERTIFICATE:
                weaker.append((where + path, device[path], "not asked of the device"))
    for _, at, _ in devices(config, "converter"):  # all their suns are known
        site[im.DEVICE_FITS + at] = 1 if fits_static(site, at, config) else 0


def _drivers(site, config, rights):
    """What islet has words for and no driver yet."""
    for where, _, device in devices(config):
        if device["kind"] not in DRIVEN:
            yield "{}kind: there is no driver for a {} yet{}".format(
                where,
                device["kind"],
                ", write source_a of its node" if device["kind"] == "source" else "",
            )


def _legs(site, config, rights):
    for where, _, device in devices(config):
        for leg in device["legs"]:
            if LEGS.index(leg) >= site[im.LEG_COUNT]:
                yield "{}legs: the site has no {}, only {}".format(
                    where, leg, ", ".join(LEGS[: site[im.LEG_COUNT]])
                )


def _contactors(site, config, rights):
    """A point's contactor lies in one device's circuit, and can open it."""
    taken = []
    for where, at, device in devices(config, "point", "converter"):
        point = device["contactor"]
        if point is None:
            continue
        if not rights.can_own_contactor:
            yield where + "contactor: this circuit board may not own a contactor"
        if point in taken:
            yield "{}contactor: {} lies in another device's circuit already".format(where, point)
        taken.append(point)
        if device["max_a"] is None:
            yield where + "max_a: is missing, needs the rating of its circuit behind the contactor"
            continue
        # the guard trips above twice the rating, and never above what the contacts can break
        i = config.names["points"].index(point)
        if site[im.POINT_BREAKING_MA + i] <= 2 * site[im.DEVICE_MAX_MA + at]:
            yield "points[{}].breaking_a: must be above twice {}max_a".format(i, where)
    for i, point in enumerate(config.names["points"]):
        if point not in taken:
            yield "points[{}].name: {} is no device's contactor, leave it out".format(i, point)


def _pilots(site, config, rights):
    """Who speaks with a car, and what isolates it."""
    free = rights.can_own_contactor
    for _, _, device in devices(config, "point", "converter"):
        free = free and device["contactor"] is None
    for where, _, device in devices(config, "converter"):
        if device["owns_pilot"] and free:
            yield (
                "{}contactor: is missing, a gateway delivers nothing while the contactor in its "
                "circuit stays open; needs the name of a row of points".format(where)
            )
        if device["behind"] == "car" and device["may_discharge"] and not device["owns_pilot"]:
            yield (
                "{}owns_pilot: must be true of a gateway, which speaks with the car behind it; of "
                "a car's own inverter {}may_discharge must be false".format(where, where)
            )
        if device["owns_pilot"] and device["behind"] not in ("car", "both"):
            yield where + "behind: must be car or both, it owns a pilot"
        if device["contactor"] is not None and not device["owns_pilot"]:  # INV-1 for T2
            yield where + "contactor: needs owns_pilot: who else says that a car is locked?"


def _reverts(site, config, rights):
    """A dead islet must not feed on."""
    for where, at, _ in devices(config, "converter"):
        limited = site[im.EXPORT_LIMIT_W] >= 0 and site[im.DEVICE_DISCHARGE_W + at] > 0
        for needs, so in (("coordinated", site[im.COORDINATED]), ("export_limit_w", limited)):
            if so and not 1000 <= site[im.DEVICE_REVERT_MS + at] <= 10_000:
                yield "{}revert_s: must be from 1 to 10 for {}".format(where, needs)


def _relieves(site, config, rights):
    """What is allowed must be possible, and seen to be needed."""
    for where, at, device in devices(config, "converter"):
        if not device["relieves"]:
            continue
        for path in ("may_discharge", "discharge_w"):
            if not device[path]:
                yield "{}relieves: it cannot, {}{} is {}".format(
                    where, where, path, "false" if path == "may_discharge" else 0
                )
        node = site[im.DEVICE_NODE + at]
        while node >= 0 and site[im.NODE_INSTRUMENT + node] not in _MEASURES:
            node = site[im.NODE_PARENT + node]
        if node < 0:
            yield where + "relieves: no circuit above it is measured by a meter or by ct"


def _certificates(site, config, rights):
    """Whole or not at all."""
    for where, _, device in devices(config, "converter"):
        missing = [path for path in CERTIFICATE if device[path] is None]
        if len(missing) < len(CERTIFICATE):
            for path in missing:
                yield where + path + ": is missing"


def _slow(site, config, rights):
    """INV-16: what answers so late cannot lose its enable within 10 s."""
    for where, at, _ in devices(config, "converter"):
        slow = site[im.DEVICE_RESPONSE_MS + at] > SLOWEST_RESPONSE_MS
        if slow and not site[im.DEVICE_FITS + at]:
            yield (
                "{}response_s: above {} only where its whole nameplate fits the static rule, "
                "measured by nothing".format(where, SLOWEST_RESPONSE_MS // 1000)
            )


def _built_for(site, config, rights):
    """What the circuit board carries is not less than what the site puts through it."""
    most_a = rights.evse_a
    for where, at, device in devices(config, "point", "converter"):
        if not most_a or device["contactor"] is None:
            continue
        if site[im.DEVICE_MAX_MA + at] > most_a * 1000:
            yield "{}max_a: this circuit board is built for {} A".format(where, most_a)
        for path in ("charge_w", "discharge_w"):
            watts = device.get(path, 0) // len(device["legs"])
            if watts * 1000 // (site[im.NOMINAL_MV] // 1000) > most_a * 1000:
                yield "{}{}: this circuit board is built for {} A a leg".format(
                    where, path, most_a
                )
    through = site[im.ISLAND_CAPABLE] or site[im.NODE_INSTRUMENT] == im.INSTRUMENT_CT
    if rights.mains_a and through and site[im.NODE_RATING_MA] > rights.mains_a * 1000:
        yield "nodes[0].rating_a: this circuit board is built for {} A".format(rights.mains_a)


def _lines(site, config, rights):
    """A line has a transceiver of the board or a network, and a device on it an address of its
    own."""
    wires, hosts = [], []
    for i, line in enumerate(config["lines"]):
        where = "lines[{}].".format(i)
        (hosts if line["host"] else wires).append(line["name"])
        if not line["host"] and len(wires) > rights.lines:
            yield "{}name: this circuit board has {} RS-485 line(s)".format(where, rights.lines)
        if line["host"] and not rights.network:
            yield where + "host: this board has no network, leave it empty"
        if line["host"] and len(hosts) > MOST_HOSTS:
            yield "{}host: at most {} lines over the network".format(where, MOST_HOSTS)
    for i, meter in enumerate(config["meters"]):
        if meter["line"] is None and meter["values.host"]:
            hosts.append(meter["name"])
            if len(hosts) > MOST_HOSTS:
                text = "meters[{}].values.host: at most {} lines and meters over the network"
                yield text.format(i, MOST_HOSTS)
    taken = {}
    for where, row in _on_lines(config):
        place = row["line"], row["address"]
        if place in taken:
            yield "{}address: {} on {} is {}'s already, give {} another".format(
                where, place[1], place[0], taken[place], row["name"]
            )
        taken[place] = row["name"]
        if row["line"] in wires and not 1 <= row["address"] <= 247:
            yield "{}address: {} is not 1 to 247, as on RS-485".format(where, row["address"])


def _families(site, config, rights):
    """What a profile describes is driven as far as it says how."""
    for where, at, device in devices(config, "converter"):
        if device["profile"] is None:
            if device["sun_w"] is not None:
                yield where + "sun_w: leave it out, a setpoint by SunSpec is of its terminals"
        else:
            from firmware.config.rules_family import refused

            yield from refused(where, at, device, site, config["profiles"])


def _own_meters(site, config, rights):
    """A meter whose registers only the owner knows."""
    if config["profiles"] is not islet_data.PROFILES:
        from firmware.config.own import meters

        yield from meters(site, config)


def _meters(site, config, rights):
    """A meter is on a line, or told by a broker."""
    for i, meter in enumerate(config["meters"]):
        where = "meters[{}].".format(i)
        if meter["profile"] is not None and meter["reversed"]:
            text = "{}reversed: is of SunSpec, a {} says its signs itself"
            yield text.format(where, meter["profile"])
        if meter["line"] is None:
            from firmware.config.rules_told import refused

            yield from refused(where, meter, site, config, rights)
        else:
            for path in ("values.current", "values.power", "values.export"):
                if meter[path] is not None:
                    yield where + path + ": is of a meter without a line"


def _told(_site, config, _rights):
    for i, meter in enumerate(config["meters"]):
        if meter["line"] is None:
            text = "meters[{}].values: whoever may speak for it on the network moves the limits"
            yield text.format(i)


def _on_lines(config):
    for i, meter in enumerate(config["meters"]):
        if meter["line"] is None:
            continue
        yield "meters[{}].".format(i), meter
    for where, _, device in devices(config, "charger", "converter", "source"):
        if device["line"] is not None:
            yield where, device


REFUSED = (
    _drivers,
    _legs,
    _contactors,
    _pilots,
    _reverts,
    _relieves,
    _certificates,
    _slow,
    _built_for,
    _lines,
    _families,
    _meters,
    _own_meters,
)
WARNED = (_told,)
