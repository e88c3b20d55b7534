# islet tests: a small house for what people read and the links carry. Runs on the device too.
# GPL-3.0-or-later
from firmware import image as im
from firmware.people.asked import OWNER, TABLE
from firmware.people.names import Names

NODES = ("service", "wallbox", "battery")


def make_site(rows=(0, 1)):
    """Three legs; service, wallbox, battery; on the grid, a car charging below its wish, a battery
    at its reserve; the point and the converter stand in `rows`, all others are idle."""
    image = im.Image()
    point, converter = rows
    site, readings, commands = image.site, image.readings, image.commands
    site[im.LEG_COUNT] = 3
    site[im.NODE_COUNT] = 3
    for node, rating in enumerate((25_000, 20_000, 20_000)):
        site[im.NODE_RATING_MA + node] = rating
        site[im.NODE_PARENT + node] = 0 if node else -1
    site[im.NODE_INSTRUMENT] = im.INSTRUMENT_METER
    for device, kind, behind in (
        (point, im.KIND_POINT, im.BEHIND_CAR),
        (converter, im.KIND_CONVERTER, im.BEHIND_BATTERY),
    ):
        site[im.DEVICE_KIND + device] = kind
        site[im.DEVICE_BEHIND + device] = behind
        for leg in range(3):
            site[im.DEVICE_LEG + device * im.LEGS + leg] = leg
    site[im.DEVICE_NODE + point] = 1
    site[im.DEVICE_MAX_MA + point] = 16_000
    site[im.DEVICE_CONTACTOR + point] = 0
    site[im.POINT_DEVICE] = point
    site[im.DEVICE_NODE + converter] = 2
    site[im.DEVICE_CHARGE_W + converter] = site[im.DEVICE_DISCHARGE_W + converter] = 5000
    site[im.DEVICE_MAY_DISCHARGE + converter] = 1
    site[im.ISLAND_DEVICE] = converter
    readings[im.NODE_AGE_MS] = 300
    readings[im.NODE_MA + 1] = 24_000
    readings[im.WALL_MIN] = 3_000_000
    commands[im.ISLAND_STATE] = im.ISLAND_GRID
    commands[im.GRID_STATE] = im.GRID_IN_SERVICE
    commands[im.POINT_PILOT_STATE] = im.PILOT_C
    commands[im.SETPOINT + point] = 9_000
    claim(image, im.HARDWARE, point, 0, 16_000, im.REASON_RATING)
    claim(image, im.PANEL, point, 0, 9_000, im.REASON_BREAKER, 0, 1, 1000)
    claim(image, im.MARKET, point, 0, 16_000, im.REASON_GOAL)
    commands[im.GRANT_HIGH + point] = 9_000
    commands[im.WINNER_HIGH + point] = im.PANEL
    claim(image, im.RESERVE, converter, 0, 5000, im.REASON_RATING, -1, -1, 300)
    commands[im.CLAIM_LOW_REASON + im.RESERVE * im.DEVICES + converter] = im.REASON_RESERVE
    claim(image, im.MARKET, converter, -2000, -2000, im.REASON_GOAL)
    commands[im.GRANT_HIGH + converter] = 0
    commands[im.WINNER_LOW + converter] = im.RESERVE
    image.requests[im.RESERVE_PERMILLE] = 300
    image.requests[im.OUTAGE_RESERVE_PERMILLE] = 100
    return image


def claim(image, source, device, low, high, reason, node=-1, leg=-1, value=0):
    at = source * im.DEVICES + device
    commands = image.commands
    commands[im.CLAIM_LOW + at], commands[im.CLAIM_HIGH + at] = low, high
    commands[im.CLAIM_REASON + at] = commands[im.CLAIM_LOW_REASON + at] = reason
    commands[im.CLAIM_NODE + at], commands[im.CLAIM_LEG + at] = node, leg
    commands[im.CLAIM_VALUE + at] = value


def whose(name):
    """A role whose right a command is; of what is none, the owner."""
    return next((row[1][0] for row in TABLE if row[0] == name), OWNER)


def names_of(image, rows=(0, 1)):
    """Of the small house: its point and the device there are called evse."""
    devices = [None] * im.DEVICES
    devices[rows[0]], devices[rows[1]] = "evse", "inverter"
    return Names(image.site, NODES, devices, ("evse",))
