# islet: rules about the circuits and what measures them.
# GPL-3.0-or-later

from firmware import image as im
from firmware.config.each import devices


def derive(site, config):
    for node, row in enumerate(config["nodes"]):
        kind, which = _measured_by(row["instrument"], config)
        site[im.NODE_INSTRUMENT + node] = kind
        site[im.NODE_INSTRUMENT_ROW + node] = which


def _measured_by(name, config):
    """INSTRUMENT_* of what is named, and its row."""
    if name == "none":
        return im.INSTRUMENT_NONE, -1
    if name == "ct":
        return im.INSTRUMENT_CT, -1
    if name in config.names["meters"]:
        return im.INSTRUMENT_METER, config.names["meters"].index(name)
    for _, at, device in devices(config):
        if device["name"] == name and device["kind"] != "point":
            return im.INSTRUMENT_DEVICE, at
        if name in (device["name"], device.get("contactor")):
            name = device["contactor"]
    return im.INSTRUMENT_POINT, config.names["points"].index(name)


def children(node, site):
    return [i for i in range(site[im.NODE_COUNT]) if site[im.NODE_PARENT + i] == node]


def _instruments(site, config, rights):
    """Each where it can measure: main CTs at the service, a meter at one node, a device's own on
    the device's node, which feeds nothing else."""
    seen = []
    for node, row in enumerate(config["nodes"]):
        name = row["instrument"]
        where = "nodes[{}].instrument: ".format(node)
        if name == "none":
            continue
        if name in seen:
            yield where + "{} measures another node already".format(name)
        seen.append(name)
        if name == "ct":
            if node:
                yield where + "ct measures the service, the first node"
        elif name not in config.names["meters"]:
            yield from _of_device(node, row, where, site, config)
    for i, name in enumerate(config.names["meters"]):
        if name not in seen:
            yield "meters[{}].name: {} measures no node, name it in nodes[].instrument".format(
                i, name
            )


def _of_device(node, row, where, site, config):
    name, here = row["instrument"], row["name"]
    for _, _, device in devices(config):
        own = name in (device["name"], device.get("contactor"))
        if own and device["node"] != here:
            yield where + "{} measures {} alone".format(name, device["node"])
            return
    for _, _, device in devices(config):
        if device["node"] == here and name not in (device["name"], device.get("contactor")):
            yield where + "{} does not see {}".format(name, device["name"])
    if children(node, site):
        yield where + name + " does not see the circuits it feeds"


def _measured(site, config, rights):
    """Nothing grows on a service that nobody measures."""
    if config["devices"] and site[im.NODE_INSTRUMENT] == im.INSTRUMENT_NONE:
        yield "nodes[0].instrument: the service must be measured (ct or a meter)"


def _covered(site, config, rights):
    """An unmeasured circuit above a commanded device must hold whatever its circuits can draw."""
    for _, at, device in devices(config):
        node = site[im.DEVICE_NODE + at]
        while node >= 0:
            total_ma = sum(site[im.NODE_RATING_MA + i] for i in children(node, site))
            bare = site[im.NODE_INSTRUMENT + node] == im.INSTRUMENT_NONE
            if bare and total_ma > site[im.NODE_RATING_MA + node]:
                yield (
                    "nodes[{}].instrument: {} lies above {} and its circuits add up to more than "
                    "its rating, so it must be measured (ct or a meter)".format(
                        node, config["nodes"][node]["name"], device["name"]
                    )
                )
            node = site[im.NODE_PARENT + node]


def fits_static(site, at, config):
    """Whether a device's whole nameplate fits INV-4's static rule in both directions: it may feed
    all of it by conductors, busbars and export limit, and draw all of it by circuits that rely on
    no measurement."""
    if 0 <= site[im.EXPORT_LIMIT_W] < _feeds_w(site, config):
        return False
    draw_ma = leg_ma(site[im.DEVICE_CHARGE_W + at], at, site)
    feed_ma = leg_ma(site[im.DEVICE_DISCHARGE_W + at], at, site)
    own = node = site[im.DEVICE_NODE + at]
    while node >= 0:
        others_ma = _sources_ma(node, at, site, config)
        rating_ma = site[im.NODE_RATING_MA + node]
        limit_ma = rating_ma // 1000 * site[im.NODE_CONTINUOUS_PERMILLE + node]
        bus_ma = site[im.NODE_BUS_MA + node] // 1000 * site[im.NODE_BUS_PERMILLE + node]
        measured = site[im.NODE_INSTRUMENT + node] in (im.INSTRUMENT_CT, im.INSTRUMENT_METER)
        if measured and node != own and draw_ma:
            return False
        if draw_ma > limit_ma or feed_ma > limit_ma - others_ma:
            return False
        if bus_ma and feed_ma > (bus_ma - rating_ma) * 4 // 5 - others_ma:
            return False
        node = site[im.NODE_PARENT + node]
    return True


def _feeds_w(site, config):
    """What all devices together may deliver."""
    return sum(site[im.DEVICE_DISCHARGE_W + at] for _, at, _ in devices(config))


def leg_ma(watts, at, site):
    legs = sum(1 for k in range(im.LEGS) if site[im.DEVICE_LEG + at * im.LEGS + k] >= 0)
    return watts // legs * 1000 // (site[im.NOMINAL_MV] // 1000)


def _sources_ma(node, own, site, config):
    """Nameplates of the other sources at and below a node, per leg."""
    total_ma = site[im.NODE_SOURCE_MA + node]
    for _, at, _ in devices(config):
        if at != own and site[im.DEVICE_NODE + at] == node:
            total_ma += leg_ma(site[im.DEVICE_DISCHARGE_W + at], at, site)
    for i in children(node, site):  # a parent stands before its children: this ends
        total_ma += _sources_ma(i, own, site, config)
    return total_ma


REFUSED = (_instruments, _measured, _covered)
