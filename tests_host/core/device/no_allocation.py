# Sessions, faults and outages under MicroPython with the heap locked. Prints the bytes that 1000
# steps of core and 10000 ticks of the guard allocated, 1 if an allocation would have failed, the
# contactor's and the island's states reached, as bits, and 1 if an overload was to be relieved.
import gc

import micropython

from firmware import image as f
from firmware.core import Core
from firmware.guard import Guard
from firmware.image import Image
from tests_host.fields import EVSE, INVERTER, at, columns, proved


class Board:
    bits = 0

    def write_outputs(self, bits):
        self.bits = bits


SITE = (
    ("LEG_COUNT", 3),
    ("NODE_COUNT", 3),
    ("NODE_RATING_MA", 63_000),
    ("EVSE_NODE", 1),
    ("EVSE_LEGS", 3),
    ("EVSE_MAX_MA", 32_000),
    ("INVERTER_NODE", 2),
    ("INVERTER_LEGS", 3),
    ("INVERTER_CHARGE_W", 1_000_000),
    ("INVERTER_DISCHARGE_W", 1_000_000),
    ("ENTER_DELAY_MS", 2_000),
    ("DEVICE_RELIEVES[1]", 1),
    ("DEVICE_DEAD_BAND_W[1]", 1_000),
    ("ISLAND_CAPABLE", 1),
    ("ISLAND_AUTO", 1),
)
LIVE = (
    ("POINT_PROXIMITY_OHM", 220),
    ("GRID_MHZ", 50_000),
    ("INVERTER_PLUGGED", 1),
    ("INVERTER_CHARGE_MAX_W", 1_000_000),
    ("INVERTER_DISCHARGE_MAX_W", 1_000_000),
    ("SOC_PERMILLE", 600),
)
image = Image()
board = Board()
for name, value in SITE:
    image.site[at(name)] = value
for node in range(3):
    image.site[f.NODE_PARENT + node] = 0 if node else -1
    image.site[f.NODE_RATING_MA + node] = 63_000
    image.site[f.NODE_INSTRUMENT + node] = f.INSTRUMENT_POINT if node else f.INSTRUMENT_METER
columns(image.site)
proved(image)
for name, value in LIVE:
    image.live[at(name)] = value
requests = image.requests
live = image.live
requests[f.MARKET_HIGH] = 32_000
requests[f.MARKET_TTL_MS] = 1_000_000
requests[f.MARKET_SEQ] = 1
requests[f.MARKET_LOW + INVERTER] = -900_000
requests[f.MARKET_HIGH + INVERTER] = -900_000
requests[f.MARKET_TTL_MS + INVERTER] = 1_000_000
requests[f.MARKET_SEQ + INVERTER] = 1
requests[f.RESERVE_PERMILLE] = 300
requests[f.OUTAGE_RESERVE_PERMILLE] = 100
core = Core(image)
guard = Guard(image, board)
AGES = image.ages
PILOT_MV = (12_000, 9_000, 6_000, 6_000, 6_000, 6_000, 9_000, 0)


def cycle(step):
    """One control cycle and its ten ticks, over a plant that keeps changing."""
    for index in AGES:
        live[index] = 0
    outage = step % 400 > 340
    for leg in range(3):
        live[f.GRID_MV + leg] = live[f.FAST_GRID_MV + leg] = 0 if outage else 230_000
        live[f.HOUSE_MV + leg] = 0 if outage else 230_000
        on = image.trips[f.OUTPUTS] & f.OUT_CONTACTOR
        live[f.DEVICE_MA + EVSE * f.LEGS + leg] = live[f.POINT_FAST_MA + leg] = (
            step * 97 % 6_500 if on else 0
        )
        overload = step % 250 < 60
        live[f.NODE_MA + leg] = 70_000 + step if overload else step * 89 % 60_000
    high_mv = PILOT_MV[step // 40 % 8]
    duty = image.commands[f.POINT_DUTY_PERMILLE]
    live[f.POINT_HIGH_MV] = high_mv
    live[f.POINT_LOW_MV] = -12_000 if 0 < duty < 1000 else high_mv
    contact = f.IN_CONTACTOR if board.bits & f.OUT_CONTACTOR else 0
    opened = 0 if board.bits & f.OUT_ISLAND else f.IN_ISLAND_OPEN + f.IN_ISLAND_DEAD
    live[f.INPUTS] = contact + (opened if step > 20 else 0)
    requests[f.ACKNOWLEDGE_SEQ] = step // 50
    requests[f.MARKET_HIGH] = 0 if step % 320 > 200 else 32_000
    requests[f.MARKET_SEQ] = step // 10 + 1
    if step % 333 == 332:
        live[f.INPUTS] += f.IN_RCD
    for _ in range(10):
        guard.tick(10)
    image.age(100)
    image.latch()
    core.step(100)


def run(first, last):
    reached = 0
    for step in range(first, last):
        cycle(step)
        reached |= 1 << image.commands[f.POINT_CONTACTOR_STATE]
        reached |= 256 << image.commands[f.ISLAND_STATE]
        if image.commands[f.RELIEF_W + INVERTER]:
            reached |= 1 << 24
    return reached


run(0, 60)
reached = used = failed = before = 0  # names of their own, before the heap is locked
gc.collect()
micropython.heap_lock()
before = gc.mem_alloc()
try:
    reached = run(60, 1060)
    used = gc.mem_alloc() - before
    failed = 0
    try:
        reached = [reached][0]
    except MemoryError:
        failed = 1
finally:
    micropython.heap_unlock()
print(used, failed, reached & 255, reached >> 8 & 0xFFFF, reached >> 24)
