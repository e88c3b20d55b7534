# islet: rules about a meter that a broker tells or that is asked over HTTP.
# GPL-3.0-or-later

from firmware import image as im

_LISTS = ("current", "power", "export")


def refused(where, meter, site, config, rights):
    """Why its values hold no limit of a leg."""
    legs, asked = site[im.LEG_COUNT], meter["values.host"]
    if (
        not (config["mqtt.host"] or asked) or meter["values.current"] is meter["values.power"]
    ):  # neither
        yield where + "line: is missing, or who tells its values: mqtt.host and topics, or a host"
        return
    if asked and not rights.network:
        yield where + "values.host: this board has no network, leave it empty"
    way = meter["values.path"] or ""
    if way[:1] != "/" or not all("!" <= each <= "~" for each in way):
        yield where + "values.path: begins with / and has neither blanks nor signs beyond ASCII"
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
            if asked:
                continue
            topic = entry.split("#")[0]
            if not topic or "+" in topic or topic.startswith(config["mqtt.prefix"] + "/"):
                yield "{}: {} is no topic of a meter's".format(path, entry)
    for so, path in (
        (site[im.COORDINATED], "coordinated"),
        (site[im.EXPORT_LIMIT_W] >= 0, "export_limit_w"),
        (site[im.ISLAND_CAPABLE], "island.capable"),
    ):
        if so:
            yield "{}values: come over the network, {} needs a meter on a line".format(where, path)
