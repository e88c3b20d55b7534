# islet: what a commissioning proof holds for, as one number for each converter.
# GPL-3.0-or-later

from binascii import crc32

import islet_data

from firmware import image as im
from firmware.config.each import devices
from firmware.config.options import DEVICE_OPTIONS, LINE_OPTIONS, METER_OPTIONS, V

# what changes nothing about whether and how it obeys
_FREE = ("name", "rank", "pause_s", "relieves")


def hashes(config, site):
    """By the rows of the converters: its options, its line, the circuits above it with their
    instruments, the site's legs and voltage, and the firmware's family (0.7 of 0.7.3)."""
    family = ".".join(islet_data.VERSION.split(".")[:2])
    own = [row for row in DEVICE_OPTIONS if row[-1] & V and row[0] not in _FREE]
    found = {}
    for _, at, device in devices(config, "converter"):
        parts = [family, site[im.LEG_COUNT], site[im.NOMINAL_MV], site[im.NOMINAL_MHZ]]
        parts += [site[im.ENABLE_WIRED]] + _set(own, device)
        parts += _named(config["lines"], LINE_OPTIONS, device["line"])
        parts += _own(config, device["profile"])
        node = site[im.DEVICE_NODE + at]
        while node >= 0:
            row = config["nodes"][node]
            parts += [row["name"], row["instrument"]]
            parts += _named(config["meters"], METER_OPTIONS, row["instrument"])
            for meter in config["meters"]:
                if meter["name"] == row["instrument"]:
                    parts += _own(config, meter["profile"])
            node = site[im.NODE_PARENT + node]
        found[at] = crc32(repr(parts).encode()) & (1 << 29) - 1
    return found


def _set(options, row):
    """Options that are not as by default: one that a later version adds voids no record."""
    return [part for o in options if row[o[0]] != o[5] for part in (o[0], row[o[0]])]


def _named(rows, options, name):
    """The same of the row of that name; nothing where there is none."""
    return [part for row in rows if row["name"] == name for part in _set(options, row)]


def _own(config, name):
    """A profile of the site's own by what is in it: under its name it may have become another."""
    if config["profiles"] is islet_data.PROFILES:
        return []
    from firmware.config.own import of

    packed = of(config, name)
    return [] if packed is None else [crc32(packed)]
