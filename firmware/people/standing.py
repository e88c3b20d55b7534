# islet: what is energised, and what answers: for whoever wants to stop the box or look into it.
# GPL-3.0-or-later

from firmware import image as im

FRESH_MS = 2000
_ALONE = " reads closed though its coil is off: welded, or not wired"


def energised(image, names, configured=True):
    """Why the firmware must not be stopped now, as sentences; empty when it may be.

    A feedback contact counts where the site uses it, and what it alone says is called that: a
    broken wire says closed, and a board on a desk has nothing but broken wires."""
    reasons = []
    site = image.site
    outputs = image.trips[im.OUTPUTS] | image.commands[im.PERMITS]
    inputs = image.live[im.INPUTS] if configured else 0
    if not site[im.ISLAND_CAPABLE]:
        inputs &= ~im.IN_BOND
    points = names.points()
    for point in range(im.POINTS):
        of = " of " + names.point(point) if len(points) > 1 else ""
        if outputs >> im.OUT_SHIFT * point & im.OUT_CONTACTOR:
            reasons.append("the contactor" + of + " is closed")
        elif point in points and inputs >> im.IN_SHIFT * point & im.IN_CONTACTOR:
            reasons.append("the feedback contact of the contactor" + of + _ALONE)
    if im.off_grid(image):
        reasons.append("the house is off the grid")
    if outputs & im.OUT_BOND:
        reasons.append("the island's bond is closed")
    elif inputs & im.IN_BOND:
        reasons.append("the feedback contact of the island's bond" + _ALONE)
    return reasons


def instruments(image, names):
    """(name, state) of whatever this site measures with: ok, silent, or its age."""
    site, live = image.site, image.live
    rows = [("inputs", im.INPUTS_AGE_MS)]
    points = names.points()
    for point in points:
        of = " of " + names.point(point) if len(points) > 1 else ""
        if not site[im.DEVICE_OWNS_PILOT + site[im.POINT_DEVICE + point]]:
            rows.append(("pilot" + of, im.POINT_PILOT_AGE_MS + point))
            rows.append(("proximity" + of, im.POINT_PROXIMITY_AGE_MS + point))
        rows.append(("charging current" + of, im.POINT_MA_AGE_MS + point))
    if points:
        rows.append(("fast current", im.FAST_AGE_MS))
    devices = [
        device for device in names.devices() if site[im.DEVICE_KIND + device] != im.KIND_POINT
    ]
    if site[im.ISLAND_CAPABLE] or devices:
        rows.append(("grid voltage", im.GRID_AGE_MS))
    if site[im.ISLAND_CAPABLE]:
        rows.append(("house voltage", im.HOUSE_AGE_MS))
    for device in devices:
        rows.append((names.device(device), im.DEVICE_AGE_MS + device))
    for node in range(site[im.NODE_COUNT]):
        if site[im.NODE_INSTRUMENT + node]:
            rows.append((names.node(node), im.NODE_AGE_MS + node))
    return [(name, _state(live[field])) for name, field in rows]


def _state(age_ms):
    if age_ms >= im.AGE_MAX_MS:
        return "silent since start"
    return "ok" if age_ms <= FRESH_MS else "silent for {} s".format(age_ms // 1000)
