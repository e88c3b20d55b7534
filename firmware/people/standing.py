# islet: what is energised, and what answers: for whoever wants to stop the box or look into it.
# GPL-3.0-or-later

from firmware import image as im

FRESH_MS = 2000
_GATEWAY = 2  # T2: the gateway owns its pilot


def energised(image, configured=True):
    """Why the firmware must not be stopped now, as sentences; empty when it may be.

    A feedback contact counts where the site uses it: a broken wire says closed, and a board on a
    desk has nothing but broken wires."""
    reasons = []
    site = image.site
    outputs = image.trips[im.OUTPUTS] | image.commands[im.PERMITS]
    inputs = image.live[im.INPUTS] if configured else 0
    if site[im.DEVICE_NODE + im.EVSE] < 0 and site[im.TOPOLOGY] != _GATEWAY:
        inputs &= ~im.IN_CONTACTOR
    if not site[im.ISLAND_CAPABLE]:
        inputs &= ~im.IN_BOND
    if outputs & im.OUT_CONTACTOR or inputs & im.IN_CONTACTOR:
        reasons.append("the contactor is closed")
    if image.commands[im.ISLAND_STATE] not in (
        im.ISLAND_SENSING,
        im.ISLAND_GRID,
        im.ISLAND_LOCKOUT,
    ):
        reasons.append("the house is off the grid")
    if outputs & im.OUT_BOND or inputs & im.IN_BOND:
        reasons.append("the island's bond is closed")
    return reasons


def instruments(image):
    """(name, state) of whatever this site measures with: ok, silent, or its age."""
    site, live = image.site, image.live
    rows = [("inputs", im.INPUTS_AGE_MS)]
    if site[im.DEVICE_NODE + im.EVSE] >= 0:
        if site[im.TOPOLOGY] != _GATEWAY:
            rows += [("pilot", im.POINT_PILOT_AGE_MS), ("proximity", im.POINT_PROXIMITY_AGE_MS)]
        rows += [
            ("charging current", im.DEVICE_AGE_MS + im.EVSE),
            ("fast current", im.FAST_AGE_MS),
        ]
    if site[im.ISLAND_CAPABLE] or site[im.DEVICE_NODE + im.INVERTER] >= 0:
        rows.append(("grid voltage", im.GRID_AGE_MS))
    if site[im.ISLAND_CAPABLE]:
        rows.append(("house voltage", im.HOUSE_AGE_MS))
    if site[im.DEVICE_NODE + im.INVERTER] >= 0:
        rows.append(("inverter", im.DEVICE_AGE_MS + im.INVERTER))
    for node in range(site[im.NODE_COUNT]):
        if site[im.NODE_INSTRUMENT + node]:
            rows.append(("node {}".format(node), im.NODE_AGE_MS + node))
    return [(name, _state(live[field])) for name, field in rows]


def _state(age_ms):
    if age_ms >= im.AGE_MAX_MS:
        return "silent since start"
    return "ok" if age_ms <= FRESH_MS else "silent for {} s".format(age_ms // 1000)
