# islet: time and heap of core.step(), measured by the interpreter that runs it.
# GPL-3.0-or-later
#
# Arguments: NODES or NODES:STEPS, 1000 steps unless said. Prints a line for each: nodes, steps,
# µs a step, bytes allocated a step, locked (1 when the whole measurement ran with the heap locked,
# so that any allocation would have raised MemoryError), busy (1 when car and inverter were still
# at work at its end), bits of the runtime. For a chip, which has no arguments, the last lines are
# replaced by calls of measure(nodes, steps).

import gc
import sys
import time

from firmware import image as im
from firmware.core import Core

EVSE, INVERTER = 0, 1  # rows

try:
    from micropython import heap_lock, heap_unlock
except ImportError:  # CPython, the rival
    heap_lock = heap_unlock = None


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


def site(image, nodes):
    """A three-phase site with all that costs time: `nodes` nodes in a tree of sub-panels, all
    metered, two coordinated busbars, an export limit, a grid code's trip rows, islanding."""
    s = image.site
    s[im.LEG_COUNT], s[im.NODE_COUNT] = 3, nodes
    for i in range(nodes):
        s[im.NODE_PARENT + i] = (i - 1) // 2 if i else -1
        s[im.NODE_RATING_MA + i] = 63_000
        s[im.NODE_INSTRUMENT + i] = im.INSTRUMENT_METER
    s[im.DEVICE_NODE + EVSE], s[im.DEVICE_LEGS + EVSE], s[im.DEVICE_MAX_MA + EVSE] = (
        nodes - 1,
        3,
        16_000,
    )
    s[im.DEVICE_NODE + INVERTER], s[im.DEVICE_LEGS + INVERTER] = nodes - 2, 3
    s[im.DEVICE_CHARGE_W + INVERTER] = s[im.DEVICE_DISCHARGE_W + INVERTER] = 5_000
    for device, kind in ((EVSE, im.KIND_POINT), (INVERTER, im.KIND_CONVERTER)):
        s[im.DEVICE_KIND + device], s[im.DEVICE_RANK + device] = kind, device
        for leg in range(im.LEGS):
            s[im.DEVICE_LEG + device * im.LEGS + leg] = leg
    s[im.DEVICE_CONTACTOR + EVSE] = s[im.POINT_DEVICE] = 0
    s[im.DEVICE_MAY_DISCHARGE + INVERTER], s[im.ISLAND_DEVICE] = 1, INVERTER
    s[im.DEVICE_PAUSE_MS + EVSE] = s[im.ENTER_DELAY_MS] = s[im.ENTER_RAMP_MS] = 1_000
    for d, kind in enumerate((im.KIND_POINT, im.KIND_CONVERTER)):
        s[im.DEVICE_KIND + d], s[im.DEVICE_RANK + d] = kind, d
        for k in range(3):
            s[im.DEVICE_LEG + d * im.LEGS + k] = k
    s[im.DEVICE_CONTACTOR], s[im.POINT_DEVICE], s[im.ISLAND_DEVICE] = 0, 0, 1
    s[im.DEVICE_MAY_DISCHARGE + 1] = 1
    s[im.NODE_BUS_MA], s[im.NODE_BUS_MA + 1] = 200_000, 100_000
    s[im.COORDINATED], s[im.EXPORT_LIMIT_W] = 1, 50_000
    s[im.ISLAND_CAPABLE] = s[im.ISLAND_AUTO] = s[im.BOND_NEEDED] = s[im.SHED_NEEDED] = 1
    for i, (kind, level, time_ms) in enumerate(TRIPS):
        s[im.TRIP_KIND + i], s[im.TRIP_LEVEL + i] = kind, level
        s[im.TRIP_TIME_MS + i] = time_ms


def readings(image):
    """A charging car and a working inverter on a healthy grid."""
    live = image.live
    for i in image.ages:
        live[i] = 0
    live[im.POINT_HIGH_MV], live[im.POINT_PROXIMITY_OHM] = 6_000, 220
    live[im.GRID_MHZ] = live[im.HOUSE_MHZ] = 50_000
    for leg in range(3):
        live[im.GRID_MV + leg] = live[im.HOUSE_MV + leg] = 231_000
    live[im.DEVICE_PLUGGED + INVERTER], live[im.DEVICE_SOC_PERMILLE + INVERTER] = 1, 600
    live[im.DEVICE_MODE + INVERTER] = im.MODE_FOLLOW
    live[im.DEVICE_ANTI_ISLANDING + INVERTER] = 1
    live[im.DEVICE_CHARGE_MAX_W + INVERTER] = live[im.DEVICE_DISCHARGE_MAX_W + INVERTER] = 5_000


def ask(image):
    q = image.requests
    for device, high in ((EVSE, 16_000), (INVERTER, -2_000)):
        q[im.MARKET_LOW + device] = min(0, high)
        q[im.MARKET_HIGH + device] = high
        q[im.MARKET_TTL_MS + device] = 1_000_000  # the wish outlasts the measurement
        q[im.MARKET_SEQ + device] += 1
    q[im.RESERVE_PERMILLE] = 200


def prepare(image, number):
    """The readings of cycle `number`: fresh, and moving: a frozen meter counts as invalid."""
    live = image.live
    for i in image.ages:
        live[i] = 0
    follow(image)
    for node in range(image.site[im.NODE_COUNT]):
        others = (
            0 if node == image.site[im.DEVICE_NODE + INVERTER] else 1
        )  # it is alone on its node
        for leg in range(3):
            live[im.NODE_MA + node * 3 + leg] = others * (3_000 + 37 * node) + 20 * (number % 7)
            live[im.NODE_W + node * 3 + leg] = others * 690 + 5 * (number % 7)
    add(image, im.DEVICE_NODE + EVSE, im.DEVICE_MA + EVSE * im.LEGS)
    add(image, im.DEVICE_NODE + INVERTER, im.DEVICE_MA + INVERTER * im.LEGS)
    image.latch()


def add(image, node_field, device_ma):
    """Every node above a device carries what it draws: else its instrument counts as wrong."""
    live, site_fields = image.live, image.site
    node = site_fields[node_field]
    while node >= 0:
        for leg in range(3):
            live[im.NODE_MA + node * 3 + leg] += live[device_ma + leg]
            live[im.NODE_W + node * 3 + leg] += live[device_ma + leg] * 231 // 1000
        node = site_fields[im.NODE_PARENT + node]


def follow(image):
    """Contacts, pilot, car and inverter follow what was commanded, as on a site without faults."""
    live, commands = image.live, image.commands
    permits = commands[im.PERMITS]
    image.trips[im.OUTPUTS] = permits
    image.trips[im.BEAT_AGE_MS] = 0
    live[im.INPUTS] = (
        (im.IN_CONTACTOR if permits & im.OUT_CONTACTOR else 0)
        | (im.IN_ENABLE if permits & im.OUT_ENABLE else 0)
        | (im.IN_BOND if permits & im.OUT_BOND else 0)
    )
    live[im.POINT_LOW_MV] = -12_000 if commands[im.POINT_DUTY_PERMILLE] < 1000 else 6_000
    watts = commands[im.SETPOINT + INVERTER] if permits & im.OUT_ENABLE else 0
    live[im.DEVICE_W + INVERTER] = watts
    for leg in range(3):
        live[im.DEVICE_MA + EVSE * im.LEGS + leg] = (
            commands[im.SETPOINT + EVSE] if permits & im.OUT_CONTACTOR else 0
        )
        live[im.DEVICE_MA + INVERTER * im.LEGS + leg] = watts * 1000 // 693


def measure(nodes, steps):
    image = im.Image()
    site(image, nodes)
    readings(image)
    core = Core(image)
    for i in range(300):  # warm up, and get through the start states
        if i % 10 == 0:
            ask(image)
        prepare(image, i)
        core.step(100)
    clock_us = getattr(time, "ticks_us", None) or (lambda: time.perf_counter_ns() // 1000)
    since = getattr(time, "ticks_diff", None) or (lambda now, then: now - then)
    total_us = 0
    gc.collect()
    before = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
    if heap_lock:
        heap_lock()
    for i in range(steps):
        prepare(image, i)
        start_us = clock_us()
        core.step(100)
        total_us += since(clock_us(), start_us)
    if heap_unlock:
        heap_unlock()
    after = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
    busy = (
        1 if image.commands[im.SETPOINT + EVSE] and image.commands[im.SETPOINT + INVERTER] else 0
    )
    bits = 64 if sys.maxsize >> 32 else 32
    locked = 1 if heap_lock else 0
    print(nodes, steps, total_us / steps, (after - before) / steps, locked, busy, bits)


for argument in sys.argv[1:]:
    count, _, times = argument.partition(":")
    measure(int(count), int(times or 1000))
