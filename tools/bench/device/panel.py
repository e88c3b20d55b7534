# islet: time and heap of the panel's step by nodes and devices, on the interpreter that runs it.
# GPL-3.0-or-later
#
# Arguments: NODES:DEVICES:STEPS. Prints a line for each: nodes, devices, µs a step while every
# device rests, and while all move, bytes allocated a step. For a chip the last lines are replaced
# by calls of measure(). The µs are the median's.

import gc
import sys
import time

import house

from firmware import image as im
from firmware.core.panel.tree import Panel


class Limits:
    def __init__(self, commands):
        self._commands = commands

    def claim(self, source, device, low, high, reason, node=-1, leg=-1, value=0, low_reason=-1):
        slot = source * im.DEVICES + device
        self._commands[im.CLAIM_LOW + slot], self._commands[im.CLAIM_HIGH + slot] = low, high


def prepare(image, devices, number, moves):
    """Fresh readings that never stand still; commands that rest, or move each second."""
    live = image.readings
    for i in image.ages:
        live[i] = 0
    for leg in range(3):
        live[im.GRID_MV + leg] = 231_000
    for device in range(devices):
        ma = 6_000 + (number // 10 % 4 * 1_000 if moves else 0)
        converts = house.converts(device)
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
    house.declare(image, nodes, devices)
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
            panel.witness.narrow()
            took = since(clock_us(), start_us)
            allocated += (gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0) - before
            if i >= 40:
                took_us.append(took)
        took_us.sort()
        median_us.append(took_us[steps // 2])
    print("panel", nodes, devices, median_us[0], median_us[1], allocated / (steps + 40) / 2)


for argument in sys.argv[1:]:
    measure(*[int(word) for word in argument.split(":")])
