# islet: time and heap of core.step(), measured by the interpreter that runs it.
# GPL-3.0-or-later
#
# Arguments: NODES:DEVICES:STEPS. Prints a line for each: nodes, devices, µs a step, bytes
# allocated a step, locked (1 when the whole measurement ran with the heap locked, so that any
# allocation would have raised MemoryError), busy (1 when every device was still at work at its
# end), bits of the runtime. For a chip, which has no arguments, the last lines are replaced by
# calls of measure(), profile() and, before those whose steps leave nothing out, change().

import gc
import sys
import time

import house

from firmware import image as im
from firmware.core import Core
from firmware.core.grid import gridcode, island
from firmware.core.limits import hardware, obedience, reserve
from firmware.core.vehicle import point

try:
    from micropython import heap_lock, heap_unlock
except ImportError:  # CPython, the rival
    heap_lock = heap_unlock = None

WARM = 300  # steps: through the start's states
GATES = (  # what says that something need not be done, as nothing has changed for it
    (gridcode, "within"),
    (island, "same"),
    (obedience, "obeys"),
    (reserve, "charged"),
    (point, "as_ever"),
    (hardware, "clear"),
)
changed = False  # all that a step looks at has changed since the step before

clock_us = getattr(time, "ticks_us", None) or (lambda: time.perf_counter_ns() // 1000)
since_us = getattr(time, "ticks_diff", None) or (lambda now, then: now - then)


def no(_, __, c=0, d=0, e=0, f=0, g=0):
    return 0


def change():
    """From now on all that a step looks at has changed: nothing is left out."""
    global changed
    changed = True
    for module, name in GATES:
        setattr(module, name, no)


def disturb(core):
    """What rests is asked again whether anything has changed."""
    core.grid._rests = core.island._rests = True
    core.grid._stands, core.island._seen = False, -1
    for each in core.points:
        each._rests = True
    for each in core.obedience.rows:
        each._rests = True


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
        if changed:
            disturb(core)
        start_us = clock_us()
        core.step(100)
        total_us += since_us(clock_us(), start_us)
    if heap_unlock:
        heap_unlock()
    after = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
    busy = 1 if house.busy(image, devices) else 0
    bits = 64 if sys.maxsize >> 32 else 32
    locked = 1 if heap_lock else 0
    what = "all" if changed else "step"
    print(what, nodes, devices, total_us / steps, (after - before) / steps, locked, busy, bits)


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
        if changed:
            disturb(core)
        core.step(100)
    for at, (name, _, _) in enumerate(parts):
        print("all" if changed else "step", "part", name, spent[at] / steps)


for argument in sys.argv[1:]:
    measure(*[int(word) for word in argument.split(":")])
