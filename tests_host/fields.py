"""The image's fields by name. Runs on the device too."""

from firmware import image as im

EVSE, INVERTER = 0, 1  # rows of the tests' house

# of the tests' house, which has one charging point and one inverter
SHORT = {
    "EVSE_NODE": im.DEVICE_NODE + EVSE,
    "INVERTER_NODE": im.DEVICE_NODE + INVERTER,
    "EVSE_LEGS": im.DEVICE_LEGS + EVSE,
    "INVERTER_LEGS": im.DEVICE_LEGS + INVERTER,
    "EVSE_MAX_MA": im.DEVICE_MAX_MA + EVSE,
    "EVSE_PAUSE_MS": im.DEVICE_PAUSE_MS + EVSE,
    "EVSE_RESPONSE_MS": im.DEVICE_RESPONSE_MS + EVSE,
    "INVERTER_RESPONSE_MS": im.DEVICE_RESPONSE_MS + INVERTER,
    "INVERTER_CHARGE_W": im.DEVICE_CHARGE_W + INVERTER,
    "INVERTER_DISCHARGE_W": im.DEVICE_DISCHARGE_W + INVERTER,
    "INVERTER_REVERT_MS": im.DEVICE_REVERT_MS + INVERTER,
    "INVERTER_FITS": im.DEVICE_FITS + INVERTER,
    "INVERTER_CERTIFIED": im.DEVICE_CERTIFIED + INVERTER,
    "STOP_MS": im.DEVICE_STOP_MS + INVERTER,
    "ISLAND_SHIFT_MHZ": im.DEVICE_SHIFT_MHZ + INVERTER,
    "ISLAND_SYNCHRONISES": im.DEVICE_SYNCHRONISES + INVERTER,
    "INVERTER_W": im.DEVICE_W + INVERTER,
    "INVERTER_MODE": im.DEVICE_MODE + INVERTER,
    "INVERTER_FAULT": im.DEVICE_FAULT + INVERTER,
    "INVERTER_PLUGGED": im.DEVICE_PLUGGED + INVERTER,
    "INVERTER_CHARGE_MAX_W": im.DEVICE_CHARGE_MAX_W + INVERTER,
    "INVERTER_DISCHARGE_MAX_W": im.DEVICE_DISCHARGE_MAX_W + INVERTER,
    "SOC_PERMILLE": im.DEVICE_SOC_PERMILLE + INVERTER,
    "SOC_AGE_MS": im.DEVICE_SOC_AGE_MS + INVERTER,
    "ANTI_ISLANDING": im.DEVICE_ANTI_ISLANDING + INVERTER,
    "SETPOINT_W": im.SETPOINT + INVERTER,
    "SETPOINT_MODE": im.SETPOINT_MODE + INVERTER,
    "OBEDIENCE": im.DEVICE_OBEDIENCE + INVERTER,
    "ENABLE_BAR": im.DEVICE_ENABLE_BAR + INVERTER,
    "OFFER_MA": im.SETPOINT + EVSE,
    "EVSE_OVERDUE": im.DEVICE_OVERDUE + EVSE,
    "EVSE_AGE_MS": im.DEVICE_AGE_MS + EVSE,
    "INVERTER_AGE_MS": im.DEVICE_AGE_MS + INVERTER,
    "EVSE_MA": im.DEVICE_MA + EVSE * im.LEGS,
    "INVERTER_MA": im.DEVICE_MA + INVERTER * im.LEGS,
}


def at(name: str) -> int:
    """The index of a field, of an element as NAME[i], or of one of SHORT."""
    if name in SHORT:
        return SHORT[name]
    block, _, rest = name.partition("[")
    return getattr(im, block) + (int(rest[:-1]) if rest else 0)


def proved(image) -> None:  # type: ignore[no-untyped-def]
    """Every converter has shown that it obeys: by its record, and as core has it already."""
    for device in range(im.DEVICES):
        image.requests[im.PROOF_RECORD + device] = im.VERDICT_OBEYS
        image.commands[im.DEVICE_PROVED + device] = 1


COLUMNS_OF = {"EVSE_NODE", "EVSE_LEGS", "EVSE_MAX_MA", "INVERTER_NODE", "INVERTER_LEGS"}
COLUMNS_OF |= {"NODE_INSTRUMENT"}


def columns(site, topology: int = 0) -> None:  # type: ignore[no-untyped-def]
    """Fill the columns of a site's devices from the short names above: row 0 a point, or what a
    gateway's contactor is in; row 1 a converter. `topology`: 1 both, 2 the converter is a gateway,
    3 a car's own inverter; 0 as it was."""
    if topology == 0:
        topology = 2 if site[im.DEVICE_OWNS_PILOT + INVERTER] else 1
        if site[im.DEVICE_KIND + INVERTER] and not site[im.DEVICE_MAY_DISCHARGE + INVERTER]:
            topology = 3
    gateway = topology == 2
    wired = site[im.DEVICE_NODE + EVSE] >= 0  # there is a contactor
    kinds = (im.KIND_NONE if gateway else im.KIND_POINT, im.KIND_CONVERTER)
    for device, kind in enumerate(kinds):
        there = site[im.DEVICE_NODE + device] >= 0
        site[im.DEVICE_KIND + device] = kind if there else im.KIND_NONE
        site[im.DEVICE_RANK + device] = device
        for leg in range(im.LEGS):
            used = leg < site[im.DEVICE_LEGS + device]
            site[im.DEVICE_LEG + device * im.LEGS + leg] = leg if used else -1
    site[im.DEVICE_CONTACTOR + EVSE] = 0 if wired and not gateway else -1
    site[im.DEVICE_CONTACTOR + INVERTER] = 0 if wired and gateway else -1
    site[im.POINT_DEVICE] = (INVERTER if gateway else EVSE) if wired else -1
    if gateway:
        site[im.DEVICE_MAX_MA + INVERTER] = site[im.DEVICE_MAX_MA + EVSE]
    site[im.DEVICE_OWNS_PILOT + INVERTER] = int(gateway)
    site[im.DEVICE_MAY_DISCHARGE + INVERTER] = int(topology != 3)
    site[im.ISLAND_DEVICE] = INVERTER
    rows = {im.INSTRUMENT_DEVICE: INVERTER, im.INSTRUMENT_POINT: 0}
    for node in range(site[im.NODE_COUNT]):
        if site[im.NODE_INSTRUMENT + node] in rows:
            site[im.NODE_INSTRUMENT_ROW + node] = rows[site[im.NODE_INSTRUMENT + node]]
