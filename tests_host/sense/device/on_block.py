# Feeds Sense with the heap locked, then times it. Prints "ok" and us per block.
import time
from array import array

import micropython
from islet_data import CIRCUITS

from firmware import image as im
from firmware.chips.circuit import Circuit
from firmware.sense import Sense
from tests_host.fields import EVSE, columns

image = im.Image()
image.site[im.LEG_COUNT] = image.site[im.DEVICE_LEGS + EVSE] = 3
image.site[im.DEVICE_NODE + EVSE] = 1
image.site[im.NODE_COUNT] = 2
image.site[im.NODE_INSTRUMENT] = im.INSTRUMENT_CT
image.site[im.NODE_INSTRUMENT + 1] = im.INSTRUMENT_POINT
columns(image.site)
sense = Sense(image, Circuit(CIRCUITS["host"]).analog)
# half a second of something like 50 Hz: a triangle with noise, PWM on the pilot
blocks = []
seed = 1
for b in range(50):
    block = array("H", [0] * (48 * 19))
    for n in range(48):
        phase = (b * 48 + n) % 96
        level = (phase if phase < 48 else 96 - phase) * 60 - 1440
        for c in range(19):
            seed = (seed * 1103515245 + 12345) & 0xFFFFFF
            block[n * 19 + c] = 2048 + level // (1 + c % 3) + (seed >> 8) % 5
        block[n * 19] = 3000 if (b * 48 + n) * 10 % 48 < 12 else 400
        block[n * 19 + 1] = 700 + (seed >> 9) % 4
    blocks.append(memoryview(block))
for block in blocks:
    sense.on_block(block, 48)
micropython.heap_lock()
for block in blocks:
    image.age(10)
    sense.on_block(block, 48)
micropython.heap_unlock()
for field in (
    im.FAST_AGE_MS,
    im.DEVICE_AGE_MS + EVSE,
    im.GRID_AGE_MS,
    im.HOUSE_AGE_MS,
    im.POINT_PILOT_AGE_MS,
    im.NODE_AGE_MS,
):
    assert image.live[field] == 0, field
assert 49_900 < image.live[im.GRID_MHZ] < 50_100, image.live[im.GRID_MHZ]
start = time.ticks_us()
for _ in range(20):
    for block in blocks:
        sense.on_block(block, 48)
us = time.ticks_diff(time.ticks_us(), start) / 1000
print("ok", us)
