# islet: the lines of a site, each with the meters and devices that name it.
# GPL-3.0-or-later
#
# On a chip this module is let go of once they are made, so nothing that lasts may be its own.

from firmware.bus.line import Line, reports


def add(parts, settings):
    """To the parts (assembly.py)."""
    lines = {}
    serial = 0
    for row in settings["lines"]:
        name = row["name"]
        lines[name] = line = Line(_master(parts, row, serial))
        parts.links.append(("line " + name, line.run))
        serial += not row["host"]
    parts.reports.append(("lines", reports(lines)))
    parts.lines = lines
    _meters(parts, settings, lines)
    _converters(parts, settings, lines)


def _master(parts, row, serial):
    """Who asks on a line: over the network, or by the board's next UART."""
    if row["host"]:
        from firmware.bus.tcp import Tcp
        from firmware.net.link import Link

        return Tcp(Link(row["host"], row["port"], parts.network))
    from firmware.bus.rtu import Rtu

    baud, parity, stop = row["baud"], row["parity"], row["stop_bits"]
    uart = parts.board.uart(serial, baud, parity, stop)
    return Rtu(uart, baud, 9 + stop + (parity != "N"))


def _meters(parts, settings, lines):
    node_of = {name: node for node, name in enumerate(settings["instruments"])}
    profiles, packed = settings["profiles"]
    for row in settings["meters"]:
        if row["line"] is None:  # it is told
            continue
        name = row["name"]
        if row["profile"]:
            from firmware.drivers.meter import Meter as Made

            profile = packed[profiles.index(row["profile"])]
        else:
            from firmware.drivers.sunspec_meter import SunSpecMeter as Made

            profile = -1 if row["reversed"] else 1
        line, gap = lines[row["line"]], row["gap_registers"]
        meter = Made(parts.image, line, profile, row["address"], node_of[name], name, gap)
        meter.begin_with(row["timeout_ms"], row["pause_ms"])


def _converters(parts, settings, lines):
    wears = {}
    for row in settings["devices"]:
        if row["kind"] != "converter":
            continue
        device, line = parts.config.devices.index(row["name"]), lines[row["line"]]
        if row["profile"]:
            profiles, packed = settings["profiles"]
            made = _family(parts.image, line, device, row, packed[profiles.index(row["profile"])])
            if made.control.wear.cycles:
                wears[device] = made.control.wear
        else:
            made = _sunspec(parts.image, line, device, row)
        made.begin_with(row["timeout_ms"], row["pause_ms"])
    if wears:
        from firmware.ledger.worn import Worn

        parts.worn = Worn(parts.keep, parts.names, wears)
        parts.slow_parts.append(("writes", parts.worn))
        parts.reports.append(("writes", parts.written))


def _sunspec(image, line, device, row):
    from firmware.drivers.sunspec_inverter import Inverter

    base, name, write_ms = row["base"], row["name"], row["write_ms"]
    return Inverter(image, line, device, row["address"], base, name, write_ms)


def _family(image, line, device, row, profile):
    if row["profile"] == "sunspec_124":
        from firmware.drivers.sunspec_storage import Storage as Family
    else:
        from firmware.drivers.family import Family

    return Family(image, line, profile, device, row["address"], row["name"], row["write_ms"])
