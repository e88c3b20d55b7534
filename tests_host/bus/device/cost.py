# islet: what a poll of the meter costs under MicroPython: bytes of heap, looks at the UART.
# GPL-3.0-or-later
#
# One line in: "<profile in hex> <polls>". Prints bytes per poll and wakes per poll.

import asyncio
import gc
import sys
import time
from binascii import unhexlify

import vclock

from firmware import image as fields
from firmware.bus import pdu
from firmware.bus.line import Line
from firmware.bus.rtu import Rtu
from firmware.drivers.meter import Meter
from tests_host.bus.device.arriving import BAUD, CHAR_US, Arriving


class VirtualPoller:
    wakes = 0

    def ipoll(self, ms):
        if ms > 0:
            VirtualPoller.wakes += 1
            vclock.advance_us(ms * 1000)
        return ()


class Meter630(Arriving):
    """Answers 18 or 2 registers after 8 ms; the voltage moves. Allocates nothing."""

    def __init__(self):
        super().__init__(64)

    def write(self, frame):
        count = frame[5]
        self.size = 5 + 2 * count
        self.taken = 0
        self.buffer[0], self.buffer[1], self.buffer[2] = 1, 4, 2 * count
        self.buffer[7] = self.buffer[8] = 0  # where a shorter answer has its CRC
        self.buffer[6] = (self.buffer[6] + 1) & 0xFF
        crc = pdu.crc16(self.buffer, 0, self.size - 2)
        self.buffer[self.size - 2], self.buffer[self.size - 1] = crc & 0xFF, crc >> 8
        self.first_us = time.ticks_add(time.ticks_us(), len(frame) * CHAR_US + 8000)
        return len(frame)


async def main(profile, polls):
    image = fields.Image()
    image.site[fields.LEG_COUNT] = 3
    line = Line(Rtu(Meter630(), BAUD, 10))
    meter = Meter(image, line, profile, 1, 0)
    task = asyncio.create_task(line.run())
    while meter.polls < 20:
        await asyncio.sleep_ms(100)
    gc.collect()
    gc.disable()
    start, used, wakes = meter.polls, gc.mem_alloc(), VirtualPoller.wakes
    while meter.polls < start + polls:
        await asyncio.sleep_ms(100)
    done = meter.polls - start
    print((gc.mem_alloc() - used) // done, (VirtualPoller.wakes - wakes) * 10 // done / 10)
    task.cancel()


vclock.virtual(True)
asyncio.core._io_queue.poller = VirtualPoller()
first = sys.stdin.readline().split()
asyncio.run(main(unhexlify(first[0]), int(first[1])))
