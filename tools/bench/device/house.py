# islet: the site that time is measured on, by nodes and devices, and its readings.
# GPL-3.0-or-later
#
# Runs on a chip, under the interpreter here and on CPython. Three phases with all that costs time:
# a tree of sub-panels, all metered, two coordinated busbars, an export limit, a grid code's trip
# rows, islanding. Converters and what takes an offer in turn, at the tree's ends, two of each
# rank: the first converter forms the island, the first that takes an offer is this board's point.

from firmware import image as im

FORMING, POINT = 0, 1  # devices
RATED_W, CAR_MA = 5_000, 16_000

TRIPS = (
    (im.GRID_OV, 1_200, 160),
    (im.GRID_OV, 1_100, 2_000),
    (im.GRID_UV, 800, 1_000),
    (im.GRID_UV, 450, 160),
    (im.GRID_OF, 51_500, 160),
    (im.GRID_OF, 51_000, 3_000),
    (im.GRID_UF, 47_500, 160),
    (im.GRID_UF, 48_500, 3_000),
)


def converts(device):
    return device & 1 == 0


def declare(image, nodes, devices):
    """Fill SITE."""
    s = image.site
    s[im.LEG_COUNT], s[im.NODE_COUNT] = 3, nodes
    for i in range(nodes):
        s[im.NODE_PARENT + i] = (i - 1) // 2 if i else -1
        s[im.NODE_RATING_MA + i] = 63_000
        s[im.NODE_INSTRUMENT + i] = im.INSTRUMENT_METER
    s[im.NODE_BUS_MA], s[im.NODE_BUS_MA + 1] = 200_000, 100_000
    for device in range(devices):
        _device(s, device, nodes - 1 - (device ^ 1) % nodes)
    s[im.ISLAND_DEVICE] = FORMING
    if devices > POINT:
        s[im.DEVICE_KIND + POINT] = im.KIND_POINT
        s[im.DEVICE_CONTACTOR + POINT], s[im.POINT_DEVICE] = 0, POINT
    s[im.ENTER_DELAY_MS] = s[im.ENTER_RAMP_MS] = 1_000
    s[im.COORDINATED], s[im.EXPORT_LIMIT_W] = 1, 50_000
    s[im.ISLAND_CAPABLE] = s[im.ISLAND_AUTO] = s[im.BOND_NEEDED] = s[im.SHED_NEEDED] = 1
    for i, (kind, level, time_ms) in enumerate(TRIPS):
        s[im.TRIP_KIND + i], s[im.TRIP_LEVEL + i] = kind, level
        s[im.TRIP_TIME_MS + i] = time_ms


def _device(s, device, node):
    s[im.DEVICE_KIND + device] = im.KIND_CONVERTER if converts(device) else im.KIND_CHARGER
    s[im.DEVICE_NODE + device] = node
    s[im.DEVICE_LEGS + device] = 3
    s[im.DEVICE_RANK + device] = device // 2
    for leg in range(3):
        s[im.DEVICE_LEG + device * im.LEGS + leg] = leg
    s[im.DEVICE_MAX_MA + device] = CAR_MA
    s[im.DEVICE_CHARGE_W + device] = s[im.DEVICE_DISCHARGE_W + device] = RATED_W
    s[im.DEVICE_MAY_DISCHARGE + device] = 1
    s[im.DEVICE_PAUSE_MS + device] = 1_000


def begin(image, devices):
    """Charging cars and working converters on a healthy grid."""
    live = image.live
    live[im.POINT_HIGH_MV], live[im.POINT_PROXIMITY_OHM] = 6_000, 220
    live[im.GRID_MHZ] = live[im.HOUSE_MHZ] = 50_000
    for leg in range(3):
        live[im.GRID_MV + leg] = live[im.HOUSE_MV + leg] = 231_000
    for device in range(devices):
        live[im.DEVICE_PLUGGED + device], live[im.DEVICE_SOC_PERMILLE + device] = 1, 600
        live[im.DEVICE_MODE + device] = im.MODE_FOLLOW
        live[im.DEVICE_ANTI_ISLANDING + device] = 1
        live[im.DEVICE_CHARGE_MAX_W + device] = RATED_W
        live[im.DEVICE_DISCHARGE_MAX_W + device] = RATED_W


def ask(image, devices):
    """The owner's wish: every car charges, every converter delivers 2 kW."""
    q = image.requests
    for device in range(devices):
        high = -2_000 if converts(device) else CAR_MA
        q[im.MARKET_LOW + device] = min(0, high)
        q[im.MARKET_HIGH + device] = high
        q[im.MARKET_TTL_MS + device] = 1_000_000  # the wish outlasts the measurement
        q[im.MARKET_SEQ + device] += 1
        q[im.PROOF_RECORD + device] = im.VERDICT_OBEYS
    q[im.RESERVE_PERMILLE] = 200


def cycle(image, devices, number):
    """The readings of cycle `number`: fresh, and moving: a frozen meter counts as invalid."""
    live = image.live
    for i in image.ages:
        live[i] = 0
    _follow(image, devices)
    site = image.site
    nodes = site[im.NODE_COUNT]
    for i in range(nodes * im.LEGS):
        live[im.NODE_MA + i] = 20 * (number % 7)
    for device in range(devices):
        at = im.NODE_MA + site[im.DEVICE_NODE + device] * im.LEGS
        _add(live, at, im.DEVICE_MA + device * im.LEGS)
    for node in range(nodes - 1, -1, -1):
        at = im.NODE_MA + node * im.LEGS
        if 2 * node + 1 < nodes:  # the house's own loads: at the ends there are devices alone
            for leg in range(3):
                live[at + leg] += 400 + 37 * node
        if node:
            _add(live, im.NODE_MA + site[im.NODE_PARENT + node] * im.LEGS, at)
        for leg in range(3):
            live[im.NODE_W + node * im.LEGS + leg] = live[at + leg] * 231 // 1000
    image.latch()


def _add(live, to, ma):
    for leg in range(3):
        live[to + leg] += live[ma + leg]


def _follow(image, devices):
    """Contacts, pilot, cars and converters follow what was commanded: a site without faults."""
    live, commands, trips = image.live, image.commands, image.trips
    permits = trips[im.OUTPUTS] = commands[im.PERMITS]
    trips[im.BEAT_AGE_MS] = 0
    live[im.INPUTS] = (
        (im.IN_CONTACTOR if permits & im.OUT_CONTACTOR else 0)
        | (im.IN_ENABLE if permits & im.OUT_ENABLE else 0)
        | (im.IN_BOND if permits & im.OUT_BOND else 0)
    )
    live[im.POINT_LOW_MV] = -12_000 if commands[im.POINT_DUTY_PERMILLE] < 1000 else 6_000
    for device in range(devices):
        ma = commands[im.SETPOINT + device]
        if converts(device):
            watts = ma if permits & im.OUT_ENABLE else 0
            live[im.DEVICE_W + device] = watts
            ma = watts * 1000 // 693
        elif device == POINT and not permits & im.OUT_CONTACTOR:
            ma = 0
        for leg in range(3):
            live[im.DEVICE_MA + device * im.LEGS + leg] = ma


def busy(image, devices):
    """Whether every device works."""
    return all(image.commands[im.SETPOINT + device] for device in range(devices))
