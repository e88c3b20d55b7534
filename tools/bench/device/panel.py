# islet: time and heap of the panel's step by nodes and devices, on the interpreter that runs it.
# GPL-3.0-or-later
#
# Arguments: NODES:DEVICES:STEPS. Prints a line for each: nodes, devices, µs a step while every
# device rests, and while all move, bytes allocated a step. For a chip the last lines are replaced
# by calls of measure(). The µs are the median's.

import gc
import sys
import time

from firmware import image as im
from firmware.core.panel.tree import Panel


class Limits:
    def __init__(self, commands):
        self._commands = commands

    def claim(self, source, device, low, high, reason, node=-1, leg=-1, value=0, low_reason=-1):
        slot = source * im.DEVICES + device
        self._commands[im.CLAIM_LOW + slot], self._commands[im.CLAIM_HIGH + slot] = low, high


def site(image, nodes, devices):
    """A tree of measured sub-panels with two coordinated busbars; three-phase devices at its ends,
    points and converters in turn, two of each rank."""
    s = image.site
    s[im.LEG_COUNT], s[im.NODE_COUNT] = 3, nodes
    for i in range(nodes):
        s[im.NODE_PARENT + i] = (i - 1) // 2 if i else -1
        s[im.NODE_RATING_MA + i] = 63_000
        s[im.NODE_INSTRUMENT + i] = im.INSTRUMENT_METER
    s[im.NODE_BUS_MA], s[im.NODE_BUS_MA + 1] = 200_000, 100_000
    s[im.COORDINATED] = 1
    for device in range(devices):
        s[im.DEVICE_KIND + device] = im.KIND_CONVERTER if device & 1 else im.KIND_CHARGER
        s[im.DEVICE_NODE + device] = nodes - 1 - device % nodes
        s[im.DEVICE_RANK + device] = device // 2
        s[im.DEVICE_MAX_MA + device] = 16_000
        s[im.DEVICE_CHARGE_W + device] = s[im.DEVICE_DISCHARGE_W + device] = 5_000
        for leg in range(3):
            s[im.DEVICE_LEG + device * im.LEGS + leg] = leg


def prepare(image, devices, number, moves):
    """Fresh readings that never stand still; commands that rest, or move each second."""
    live = image.readings
    for i in image.ages:
        live[i] = 0
    for leg in range(3):
        live[im.GRID_MV + leg] = 231_000
    for device in range(devices):
        ma = 6_000 + (number // 10 % 4 * 1_000 if moves else 0)
        converts = device & 1
        commands = image.commands
        commands[im.SETPOINT + device] = -ma * 693 // 1_000 if converts else ma
        live[im.DEVICE_W + device] = -ma * 693 // 1_000
        for leg in range(3):
            live[im.DEVICE_MA + device * im.LEGS + leg] = -ma if converts else ma
        for source in range(im.SOURCES):
            slot = source * im.DEVICES + device
            if source != im.PANEL:
                commands[im.CLAIM_LOW + slot], commands[im.CLAIM_HIGH + slot] = -5_000, 16_000
    for node in range(image.site[im.NODE_COUNT]):
        for leg in range(3):
            ma = 3_000 + 37 * node + 20 * (number % 7)
            live[im.NODE_MA + node * 3 + leg], live[im.NODE_W + node * 3 + leg] = (
                ma,
                ma * 231 // 1000,
            )


def measure(nodes, devices, steps):
    image = im.Image()
    site(image, nodes, devices)
    image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
    panel = Panel(image, Limits(image.commands))
    clock_us = getattr(time, "ticks_us", None) or (lambda: time.perf_counter_ns() // 1000)
    since = getattr(time, "ticks_diff", None) or (lambda now, then: now - then)
    median_us = []
    allocated = 0
    for moves in (0, 1):
        took_us = []
        for i in range(steps + 40):
            prepare(image, devices, i, moves)
            gc.collect()
            before = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
            start_us = clock_us()
            panel.step(100)
            panel.witness.narrow(panel.limits)
            took = since(clock_us(), start_us)
            allocated += (gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0) - before
            if i >= 40:
                took_us.append(took)
        took_us.sort()
        median_us.append(took_us[steps // 2])
    print("panel", nodes, devices, median_us[0], median_us[1], allocated / (steps + 40) / 2)


for argument in sys.argv[1:]:
    measure(*[int(word) for word in argument.split(":")])
