# Feeds Sense with the heap locked, then times it. Prints "ok" and us per block.
import time
from array import array

import micropython
from islet_data import CIRCUITS

from firmware.chips.circuit import Circuit
from firmware.image import (
    EVSE_AGE_MS,
    EVSE_LEGS,
    EVSE_NODE,
    FAST_AGE_MS,
    GRID_AGE_MS,
    GRID_MHZ,
    HOUSE_AGE_MS,
    INSTRUMENT_CT,
    INSTRUMENT_EVSE,
    LEG_COUNT,
    NODE_AGE_MS,
    NODE_COUNT,
    NODE_INSTRUMENT,
    PILOT_AGE_MS,
    Image,
)
from firmware.sense import Sense

image = Image()
image.site[LEG_COUNT] = image.site[EVSE_LEGS] = 3
image.site[EVSE_NODE] = 1
image.site[NODE_COUNT] = 2
image.site[NODE_INSTRUMENT] = INSTRUMENT_CT
image.site[NODE_INSTRUMENT + 1] = INSTRUMENT_EVSE
sense = Sense(image, Circuit(CIRCUITS["host"]).analog)
# half a second of something like 50 Hz: a triangle with noise, PWM on the pilot
blocks = []
seed = 1
for b in range(50):
    block = array("H", [0] * (48 * 14))
    for n in range(48):
        phase = (b * 48 + n) % 96
        level = (phase if phase < 48 else 96 - phase) * 60 - 1440
        for c in range(14):
            seed = (seed * 1103515245 + 12345) & 0xFFFFFF
            block[n * 14 + c] = 2048 + level // (1 + c % 3) + (seed >> 8) % 5
        block[n * 14] = 3000 if (b * 48 + n) * 10 % 48 < 12 else 400
        block[n * 14 + 1] = 700 + (seed >> 9) % 4
    blocks.append(memoryview(block))
for block in blocks:
    sense.on_block(block, 48)
micropython.heap_lock()
for block in blocks:
    image.age(10)
    sense.on_block(block, 48)
micropython.heap_unlock()
for field in (FAST_AGE_MS, EVSE_AGE_MS, GRID_AGE_MS, HOUSE_AGE_MS, PILOT_AGE_MS, NODE_AGE_MS):
    assert image.live[field] == 0, field
assert 49_900 < image.live[GRID_MHZ] < 50_100, image.live[GRID_MHZ]
start = time.ticks_us()
for _ in range(20):
    for block in blocks:
        sense.on_block(block, 48)
us = time.ticks_diff(time.ticks_us(), start) / 1000
print("ok", us)
