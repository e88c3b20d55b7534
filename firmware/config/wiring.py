# islet: what a commissioning proof holds for, as one number for each converter.
# GPL-3.0-or-later

from binascii import crc32

import islet_data

from firmware import image as im
from firmware.config.each import devices

# what changes nothing about whether and how it obeys
_FREE = ("name", "rank", "pause_s", "relieves")


def hashes(config, site):
    """By the rows of the converters: its options, its line, the circuits above it with their
    instruments, the site's legs and voltage, and the firmware's family (0.7 of 0.7.3)."""
    family = ".".join(islet_data.VERSION.split(".")[:2])
    found = {}
    for _, at, device in devices(config, "converter"):
        parts = [family, site[im.LEG_COUNT], site[im.NOMINAL_MV], site[im.NOMINAL_MHZ]]
        parts += [site[im.ENABLE_WIRED]]
        parts += [device[path] for path in sorted(device) if path not in _FREE]
        parts += _row(config, "lines", device["line"])
        node = site[im.DEVICE_NODE + at]
        while node >= 0:
            row = config["nodes"][node]
            parts += [row["name"], row["instrument"]]
            parts += _row(config, "meters", row["instrument"])
            node = site[im.NODE_PARENT + node]
        found[at] = crc32(repr(parts).encode()) & (1 << 29) - 1
    return found


def _row(config, of, name):
    """What is written of the row of that name; nothing where there is none."""
    return [row[path] for row in config[of] if row["name"] == name for path in sorted(row)]
