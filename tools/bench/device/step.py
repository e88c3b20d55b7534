# islet: time and heap of core.step(), measured by the interpreter that runs it.
# GPL-3.0-or-later
#
# Arguments: NODES:DEVICES:STEPS. Prints a line for each: nodes, devices, µs a step, bytes
# allocated a step, locked (1 when the whole measurement ran with the heap locked, so that any
# allocation would have raised MemoryError), busy (1 when every device was still at work at its
# end), bits of the runtime. For a chip, which has no arguments, the last lines are replaced by
# calls of measure() and profile().

import gc
import sys
import time

import house

from firmware import image as im
from firmware.core import Core

try:
    from micropython import heap_lock, heap_unlock
except ImportError:  # CPython, the rival
    heap_lock = heap_unlock = None

WARM = 300  # steps: through the start's states

clock_us = getattr(time, "ticks_us", None) or (lambda: time.perf_counter_ns() // 1000)
since_us = getattr(time, "ticks_diff", None) or (lambda now, then: now - then)


def warm(nodes, devices):
    image = im.Image()
    house.declare(image, nodes, devices)
    house.begin(image, devices)
    core = Core(image)
    for i in range(WARM):
        if i % 10 == 0:
            house.ask(image, devices)
        house.cycle(image, devices, i)
        core.step(100)
    return image, core


def measure(nodes, devices, steps):
    image, core = warm(nodes, devices)
    total_us = 0
    gc.collect()
    before = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
    if heap_lock:
        heap_lock()
    for i in range(steps):
        house.cycle(image, devices, i)
        start_us = clock_us()
        core.step(100)
        total_us += since_us(clock_us(), start_us)
    if heap_unlock:
        heap_unlock()
    after = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
    busy = 1 if house.busy(image, devices) else 0
    bits = 64 if sys.maxsize >> 32 else 32
    locked = 1 if heap_lock else 0
    print("step", nodes, devices, total_us / steps, (after - before) / steps, locked, busy, bits)


# --- where the time goes -------------------------------------------------------------------------


def timed(owner, name, spent, at):
    """The method adds its time to spent[at]; what it calls, timed as well, counts twice."""
    plain = getattr(owner, name)

    def method(*arguments):
        start_us = clock_us()
        result = plain(*arguments)
        spent[at] += since_us(clock_us(), start_us)
        return result

    setattr(owner, name, method)


def profile(nodes, devices, steps):
    """A line for each part of a step: its name and its µs."""
    image, core = warm(nodes, devices)
    parts = (
        ("grid", core.grid, "step"),
        ("island", core.island, "step"),
        ("points", core.points[0], "look"),
        ("pen", core.pen, "step"),
        ("panel", core.panel, "step"),
        ("witness", core.panel.witness, "narrow"),
        ("obedience", core.obedience, "step"),
        ("limits", core.limits, "step"),
        ("contactor", core.points[0], "act"),
        ("recovery", core.recovery, "step"),
    )
    spent = [0] * len(parts)
    for at, (_, owner, method) in enumerate(parts):
        timed(owner, method, spent, at)
    for i in range(steps):
        gc.collect()
        house.cycle(image, devices, i)
        core.step(100)
    for at, (name, _, _) in enumerate(parts):
        print("part", nodes, devices, name, spent[at] / steps)


for argument in sys.argv[1:]:
    measure(*[int(word) for word in argument.split(":")])
