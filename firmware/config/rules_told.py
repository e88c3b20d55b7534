# islet: rules about a meter that is told by a broker, loaded where there is one.
# GPL-3.0-or-later

from firmware import image as im

_LISTS = ("current", "power", "export")


def refused(where, meter, site, config):
    """Why its values hold no limit of a leg."""
    legs = site[im.LEG_COUNT]
    if not config["mqtt.host"] or meter["values.current"] is meter["values.power"]:  # neither
        yield where + "line: is missing, or mqtt.host and the topics that tell its values"
        return
    for path in ("profile", "reversed"):
        if meter[path]:
            yield "{}{}: is of a meter on a line, and line is missing".format(where, path)
    for path in ("values.current_factor", "values.power_factor"):
        if not meter[path]:
            yield where + path + ": 0 would hide whatever flows"
    for name in _LISTS:
        path, given = where + "values." + name, meter["values." + name]
        if given is None:
            if name != "export":
                yield "{}: is missing, needs a topic for each of {} leg(s)".format(path, legs)
            continue
        if len(given) != legs:
            yield (
                "{}: {} topic(s) for {} leg(s); a meter that knows only the sum of its legs "
                "holds no leg's limit".format(path, len(given), legs)
            )
        for entry in given:
            topic = entry.split("#")[0]
            if not topic or "+" in topic or topic.startswith(config["mqtt.prefix"] + "/"):
                yield "{}: {} is no topic of a meter's".format(path, entry)
    for so, path in (
        (site[im.COORDINATED], "coordinated"),
        (site[im.EXPORT_LIMIT_W] >= 0, "export_limit_w"),
        (site[im.ISLAND_CAPABLE], "island.capable"),
    ):
        if so:
            yield "{}values: come over a broker, {} needs a meter on a line".format(where, path)
