"""How fast virtual time passes on the chip's side, with the stub twin at the other end.

    python -m tests_host.chip.speed [seconds of virtual time]

Sense runs on every block, the image is recorded every 100 ms, five tasks idle at 100 ms. The stub
answers from one prepared block, so nearly all of the time is the chip's process and the pipes.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from tests_host.chip.stub_twin import CHANNELS, RATE_HZ, StubTwin

SCRIPT = """
import asyncio
from firmware.chips import current
from firmware.image import *
from firmware.sense import Sense
board = current()
image = Image()
image.site[LEG_COUNT] = image.site[DEVICE_LEGS] = 3
image.site[DEVICE_NODE] = 1
image.site[NODE_COUNT] = 2
image.site[NODE_INSTRUMENT] = INSTRUMENT_CT
sense = Sense(image, board.analog)
def on_block(samples, frames):
    board.sample_inputs(image)
    if SENSE:
        sense.on_block(samples, frames)
async def idle():
    while True:
        await asyncio.sleep_ms(100)
async def main():
    board.start_sampling(on_block, None)
    for _ in range(5):
        asyncio.create_task(idle())
    while True:
        await asyncio.sleep_ms(100)
        board.record(image, 100)
asyncio.run(main())
"""


def prepared() -> bytes:
    """200 ms of 50 Hz on all channels: whole cycles, so it can be repeated."""
    n = np.arange(RATE_HZ // 5)[:, None]
    channel = np.arange(CHANNELS)[None, :]
    noise = np.random.default_rng(1).normal(0, 1.5, (len(n), CHANNELS))
    wave = 2048 + 1000 * np.sin(2 * np.pi * 50 * n / RATE_HZ - channel) + noise
    return np.rint(wave).astype("<u2").tobytes()


def measure(seconds: int, sense: bool) -> float:
    """Virtual seconds per second."""
    data = prepared() * 2
    frame = CHANNELS * 2
    period = RATE_HZ // 5

    def codes(first: int, count: int) -> bytes:
        at = first % period * frame
        return data[at : at + count * frame]

    start = time.perf_counter()
    script = f"SENSE = {sense}\n{SCRIPT}"
    twin = StubTwin(quit_us=seconds * 1_000_000, codes=codes).run(script)
    assert twin.code == 0, twin.stderr
    return seconds / (time.perf_counter() - start)


if __name__ == "__main__":
    length = int(sys.argv[1]) if len(sys.argv) > 1 else 120
    print(f"chip with sense   {measure(length, True):6.0f} times real time")
    print(f"chip alone        {measure(length, False):6.0f} times real time")
