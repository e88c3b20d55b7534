# ruff: noqa: F403, F405
# Panel, GridCode and Island on a restless house with the heap locked. Prints for each size of
# tree: nodes, bytes allocated, checksum of all commands, us per step. Runs on CPython too.
import gc
import time

try:
    import micropython
except ImportError:
    micropython = None

from firmware.core.grid.gridcode import GridCode
from firmware.core.grid.island import Island
from firmware.core.panel.tree import Panel
from firmware.image import *
from tests_host.fields import EVSE, INVERTER, columns, proved

STEPS = 1000


class Claims:
    def __init__(self, image):
        self.commands = image.commands

    def claim(self, source, device, low, high, reason, node=-1, leg=-1, value=0, low_reason=-1):
        slot = source * DEVICES + device
        self.commands[CLAIM_LOW + slot] = low
        self.commands[CLAIM_HIGH + slot] = high
        self.commands[CLAIM_REASON + slot] = reason
        self.commands[CLAIM_LOW_REASON + slot] = low_reason
        self.commands[CLAIM_NODE + slot] = node
        self.commands[CLAIM_LEG + slot] = leg
        self.commands[CLAIM_VALUE + slot] = value


def build(nodes):
    image = Image()
    proved(image)
    site = image.site
    site[LEG_COUNT] = site[DEVICE_LEGS + EVSE] = site[DEVICE_LEGS + INVERTER] = 3
    site[NODE_COUNT] = nodes
    for node in range(nodes):
        site[NODE_PARENT + node] = (node - 1) // 2
        site[NODE_RATING_MA + node] = 63000 - node * 1000
        site[NODE_INSTRUMENT + node] = INSTRUMENT_METER
    site[NODE_PARENT] = -1
    site[NODE_BUS_MA] = 200000
    site[COORDINATED] = 1
    site[EXPORT_LIMIT_W] = 5000
    site[DEVICE_NODE + EVSE] = nodes - 1
    site[DEVICE_NODE + INVERTER] = nodes - 2
    site[DEVICE_MAX_MA + EVSE] = 32000
    site[DEVICE_CHARGE_W + INVERTER] = site[DEVICE_DISCHARGE_W + INVERTER] = 10000
    site[ISLAND_CAPABLE] = site[ISLAND_AUTO] = site[BOND_NEEDED] = site[SHED_NEEDED] = 1
    site[TRIP_KIND] = GRID_UV
    site[TRIP_LEVEL] = 800
    site[TRIP_TIME_MS] = 1500
    site[ENTER_DELAY_MS] = 10000
    columns(site)
    image.requests[OUTAGE_RESERVE_PERMILLE] = 200
    for index in (INPUTS_AGE_MS, GRID_AGE_MS, HOUSE_AGE_MS, DEVICE_SOC_AGE_MS + INVERTER):
        image.readings[index] = 0
    image.readings[DEVICE_SOC_PERMILLE + INVERTER] = 700
    image.readings[DEVICE_PLUGGED + INVERTER] = 1
    return image


def disturb(image, step, nodes, island):
    """Everything moves: loads, ages, an outage from step 300 to 700, obedient relays."""
    readings = image.readings
    out = 300 <= step < 700
    for leg in range(3):
        for node in range(nodes):
            readings[NODE_MA + node * LEGS + leg] = (
                step * 137 + node * 911 + leg * 53
            ) % 70000 - 9000
        readings[GRID_MV + leg] = 0 if out else 230000
        readings[DEVICE_MA + EVSE * LEGS + leg] = step * 31 % 17000
        readings[DEVICE_MA + INVERTER * LEGS + leg] = 0 if out else step * 17 % 20000 - 10000
    for node in range(nodes):
        readings[NODE_AGE_MS + node] = step * (node + 3) % 23 * 100
    readings[GRID_MHZ] = 0 if out else 50000
    readings[DEVICE_AGE_MS + EVSE] = step % 7 * 100
    readings[DEVICE_AGE_MS + INVERTER] = step % 22 * 100
    forming = island.permits & OUT_ENABLE and image.commands[SETPOINT_MODE + INVERTER] == MODE_FORM
    closed = island.permits & OUT_ISLAND
    live = forming or (closed and not out)
    readings[DEVICE_MODE + INVERTER] = MODE_FORM if forming else MODE_STOP
    for leg in range(3):
        readings[HOUSE_MV + leg] = 230000 if live else 0
    inputs = 0 if closed else IN_ISLAND_OPEN
    if island.permits & OUT_BOND:
        inputs |= IN_BOND
    if not live:
        inputs |= IN_ISLAND_DEAD
    readings[INPUTS] = inputs


def checksum(image, total):
    commands = image.commands
    for index in range(len(commands)):
        total = ((total << 1) ^ (total >> 23) ^ commands[index]) & 0xFFFFFF
    return total


def run(nodes):
    image = build(nodes)
    claims = Claims(image)
    grid, island, panel = GridCode(image, claims), Island(image), Panel(image, claims)
    total = 0
    seen = 0
    gc.collect()
    if micropython:
        used = gc.mem_alloc()
        micropython.heap_lock()
    for step in range(STEPS):
        disturb(image, step, nodes, island)
        grid.step(100)
        island.step(100)
        panel.step(100)
        total = checksum(image, total)
        seen |= 1 << island.state
    bytes_allocated = 0
    if micropython:
        micropython.heap_unlock()
        bytes_allocated = gc.mem_alloc() - used
    clock = time.ticks_us if micropython else lambda: time.perf_counter_ns() // 1000
    start = clock()
    for _ in range(STEPS):
        grid.step(100)
        island.step(100)
        panel.step(100)
    per_step_us = (clock() - start) // STEPS
    print(nodes, bytes_allocated, total, seen, per_step_us)


for count in (10, 30):
    run(count)
