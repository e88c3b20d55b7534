"""The image's fields by name. Runs on the device too."""

from firmware import image as im

# of the tests' house, which has one charging point and one inverter
SHORT = {
    "EVSE_NODE": im.DEVICE_NODE + im.EVSE,
    "INVERTER_NODE": im.DEVICE_NODE + im.INVERTER,
    "EVSE_LEGS": im.DEVICE_LEGS + im.EVSE,
    "INVERTER_LEGS": im.DEVICE_LEGS + im.INVERTER,
    "EVSE_MAX_MA": im.DEVICE_MAX_MA + im.EVSE,
    "EVSE_PAUSE_MS": im.DEVICE_PAUSE_MS + im.EVSE,
    "EVSE_RESPONSE_MS": im.DEVICE_RESPONSE_MS + im.EVSE,
    "INVERTER_RESPONSE_MS": im.DEVICE_RESPONSE_MS + im.INVERTER,
    "INVERTER_CHARGE_W": im.DEVICE_CHARGE_W + im.INVERTER,
    "INVERTER_DISCHARGE_W": im.DEVICE_DISCHARGE_W + im.INVERTER,
    "INVERTER_REVERT_MS": im.DEVICE_REVERT_MS + im.INVERTER,
    "INVERTER_FITS": im.DEVICE_FITS + im.INVERTER,
    "INVERTER_CERTIFIED": im.DEVICE_CERTIFIED + im.INVERTER,
    "STOP_MS": im.DEVICE_STOP_MS + im.INVERTER,
    "ISLAND_SHIFT_MHZ": im.DEVICE_SHIFT_MHZ + im.INVERTER,
    "ISLAND_SYNCHRONISES": im.DEVICE_SYNCHRONISES + im.INVERTER,
    "INVERTER_W": im.DEVICE_W + im.INVERTER,
    "INVERTER_MODE": im.DEVICE_MODE + im.INVERTER,
    "INVERTER_FAULT": im.DEVICE_FAULT + im.INVERTER,
    "INVERTER_PLUGGED": im.DEVICE_PLUGGED + im.INVERTER,
    "INVERTER_CHARGE_MAX_W": im.DEVICE_CHARGE_MAX_W + im.INVERTER,
    "INVERTER_DISCHARGE_MAX_W": im.DEVICE_DISCHARGE_MAX_W + im.INVERTER,
    "SOC_PERMILLE": im.DEVICE_SOC_PERMILLE + im.INVERTER,
    "SOC_AGE_MS": im.DEVICE_SOC_AGE_MS + im.INVERTER,
    "ANTI_ISLANDING": im.DEVICE_ANTI_ISLANDING + im.INVERTER,
    "SETPOINT_W": im.SETPOINT + im.INVERTER,
    "SETPOINT_MODE": im.SETPOINT_MODE + im.INVERTER,
    "OBEDIENCE": im.DEVICE_OBEDIENCE + im.INVERTER,
    "ENABLE_BAR": im.DEVICE_ENABLE_BAR + im.INVERTER,
    "OFFER_MA": im.SETPOINT + im.EVSE,
    "EVSE_OVERDUE": im.DEVICE_OVERDUE + im.EVSE,
    "EVSE_AGE_MS": im.DEVICE_AGE_MS + im.EVSE,
    "INVERTER_AGE_MS": im.DEVICE_AGE_MS + im.INVERTER,
    "EVSE_MA": im.DEVICE_MA + im.EVSE * im.LEGS,
    "INVERTER_MA": im.DEVICE_MA + im.INVERTER * im.LEGS,
}


def at(name: str) -> int:
    """The index of a field, of an element as NAME[i], or of one of SHORT."""
    if name in SHORT:
        return SHORT[name]
    block, _, rest = name.partition("[")
    return getattr(im, block) + (int(rest[:-1]) if rest else 0)


COLUMNS_OF = {"TOPOLOGY", "EVSE_NODE", "EVSE_LEGS", "INVERTER_NODE", "INVERTER_LEGS"}
COLUMNS_OF |= {"EVSE_MAX_MA", "NODE_INSTRUMENT"}


def columns(site) -> None:  # type: ignore[no-untyped-def]
    """Fill the columns of a site's devices from the short names above: row 0 a point, or a
    gateway's contactor; row 1 a converter."""
    gateway, cars = site[im.TOPOLOGY] == 2, site[im.TOPOLOGY] == 3
    kinds = (im.KIND_NONE if gateway else im.KIND_POINT, im.KIND_CONVERTER)
    for device, kind in enumerate(kinds):
        there = site[im.DEVICE_NODE + device] >= 0
        site[im.DEVICE_KIND + device] = kind if there else im.KIND_NONE
        site[im.DEVICE_RANK + device] = device
        for leg in range(im.LEGS):
            used = leg < site[im.DEVICE_LEGS + device]
            site[im.DEVICE_LEG + device * im.LEGS + leg] = leg if used else -1
    site[im.DEVICE_CONTACTOR + im.EVSE] = -1 if gateway else 0
    site[im.DEVICE_CONTACTOR + im.INVERTER] = (
        0 if gateway and site[im.DEVICE_NODE + im.EVSE] >= 0 else -1
    )
    site[im.POINT_DEVICE] = -1
    if site[im.DEVICE_NODE + im.EVSE] >= 0:
        site[im.POINT_DEVICE] = im.INVERTER if gateway else im.EVSE
    if gateway:
        site[im.DEVICE_MAX_MA + im.INVERTER] = site[im.DEVICE_MAX_MA + im.EVSE]
    site[im.DEVICE_OWNS_PILOT + im.INVERTER] = int(gateway)
    site[im.DEVICE_MAY_DISCHARGE + im.INVERTER] = int(not cars)
    site[im.ISLAND_DEVICE] = im.INVERTER
    rows = {im.INSTRUMENT_DEVICE: im.INVERTER, im.INSTRUMENT_POINT: 0}
    for node in range(site[im.NODE_COUNT]):
        if site[im.NODE_INSTRUMENT + node] in rows:
            site[im.NODE_INSTRUMENT_ROW + node] = rows[site[im.NODE_INSTRUMENT + node]]
