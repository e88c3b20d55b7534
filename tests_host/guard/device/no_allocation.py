# islet test: the fast guard's blocks, trips and a strike with the heap locked.
# GPL-3.0-or-later
import gc

import micropython

from firmware import image as f
from firmware.guard import Guard
from firmware.guard.fast import Fast
from tests_host.guard import rig

post = rig.Rig(Guard, Fast)
blocks = rig.Blocks(post.analog)
calm, over, lost = (
    blocks.sine(30_000, 6_000),
    blocks.sine(140_000, 6_000),
    blocks.sine(30_000, 12_000),
)


def run():
    for _ in range(60):
        post.one(calm)
    post.one(over)
    for _ in range(8):
        post.one(lost)
    post.crossings.age = 700_000_000
    post.dead_man.dropped = 1
    post.one(calm)
    post.guard.strike(f.TRIP_STOP)
    for _ in range(8):
        post.one(calm)


gc.collect()
before = gc.mem_alloc()
micropython.heap_lock()  # an allocation raises MemoryError
run()
micropython.heap_unlock()
print(gc.mem_alloc() - before, post.image.trips[f.TRIPPED])
