# islet: what today's core means by the image's rows of devices, and what it cannot do yet.
# GPL-3.0-or-later
#
# It means the charging point, or a gateway's contactor, by row 0 and the converter by row 1, and
# reads TOPOLOGY and DEVICE_LEGS. Once it reads the columns alone, this file goes: a device's place
# is then its place in the list, and nothing is refused here.

from firmware import image as im
from firmware.config.options import LEGS


def places(devices):
    """The image's row of each device, by its kind as it is written."""
    free = list(range(im.DEVICES))
    placed = []
    for device in devices:
        kind = device.get("kind") if isinstance(device, dict) else None
        wanted = im.EVSE if kind in ("point", "charger") else im.INVERTER
        placed.append(wanted if wanted in free else free[0])
        free.remove(placed[-1])
    return placed


def declare(site, config):
    """Fill what today's core reads besides the columns of its devices."""
    site[im.TOPOLOGY] = 1
    for at, device in zip(config.places, config["devices"]):
        site[im.DEVICE_LEGS + at] = len(device["legs"])
        if device["kind"] != "converter":
            continue
        if device["owns_pilot"]:
            site[im.TOPOLOGY] = 2
        elif not device["may_discharge"]:
            site[im.TOPOLOGY] = 3
        if device["contactor"] is not None:
            for field in (im.DEVICE_NODE, im.DEVICE_LEGS, im.DEVICE_MAX_MA):
                site[field + im.EVSE] = site[field + at]
    if site[im.DEVICE_KIND + im.EVSE] == im.KIND_NONE:
        site[im.DEVICE_RESPONSE_MS + im.EVSE] = 5_000


def refused(site, config, rights):
    """What a configuration may say, and this firmware cannot do yet."""
    kinds = [device["kind"] for device in config["devices"]]
    for i, device in enumerate(config["devices"]):
        where = "devices[{}].".format(i)
        kind = device["kind"]
        if kind == "charger":
            yield where + "kind: this firmware cannot command a charger over a line yet"
            continue
        if kind == "source":
            yield (
                where
                + "kind: this firmware cannot command a source yet, write source_a of its node"
            )
            continue
        if kind in kinds[:i]:
            yield where + "kind: this firmware commands one {} yet".format(kind)
        legs = LEGS[: len(device["legs"])]
        if tuple(device["legs"]) != legs:
            yield where + "legs: this firmware counts from L1 yet, as in " + ", ".join(legs)
        if kind == "point":
            continue
        if device["contactor"] is not None and not device["owns_pilot"]:
            yield where + "contactor: this firmware wants owns_pilot beside it yet"
        if device["owns_pilot"] and "point" in kinds:
            yield where + "owns_pilot: this firmware commands no point beside it yet"
        if device["owns_pilot"] and not device["may_discharge"]:
            yield where + "may_discharge: this firmware wants true with owns_pilot yet"
