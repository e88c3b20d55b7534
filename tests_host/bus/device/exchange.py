# islet: the bus room under MicroPython, on virtual time; the devices are behind stdin.
# GPL-3.0-or-later
#
# Lines out: "<ms> <request in hex>"; lines in: "<delay in us> <answer in hex>", "-" for none.
# First line in: "<profile in hex> <seconds>"; last line out: "= <result as JSON>".

import asyncio
import json
import sys
import time
from binascii import hexlify, unhexlify

import vclock

from firmware import image as fields
from firmware.bus.line import Line
from firmware.bus.rtu import Rtu
from firmware.drivers.meter import Meter
from firmware.drivers.sunspec_inverter import Inverter
from tests_host.bus.device.arriving import BAUD, CHAR_US, Arriving
from tests_host.fields import columns

INVERTER = 1  # its row


class VirtualPoller:
    """asyncio waits by it: waiting passes the time at once."""

    def ipoll(self, ms):
        vclock.advance_us(ms * 1000)
        return ()


class Uart(Arriving):
    """Bytes written go out as a line; the answer arrives byte by byte, in its own time."""

    def __init__(self):
        super().__init__(600)
        self.requests = 0

    def write(self, frame):
        now_us = time.ticks_us()
        self.requests += 1
        print(time.ticks_ms(), hexlify(frame).decode())
        line = sys.stdin.readline().split()
        self.size = self.taken = 0
        if line[0] != "-":
            answer = unhexlify(line[1])
            self.size = len(answer)
            self.buffer[: self.size] = answer
            self.first_us = time.ticks_add(now_us, len(frame) * CHAR_US + int(line[0]))
        return len(frame)


async def core(image):
    while True:
        await asyncio.sleep_ms(100)
        image.age(100)
        image.commands[fields.BEAT] += 1


async def main(profile, seconds):
    image = fields.Image()
    site = image.site
    site[fields.LEG_COUNT] = site[fields.DEVICE_LEGS + INVERTER] = 3
    site[fields.NODE_COUNT], site[fields.DEVICE_NODE + INVERTER] = 2, 1
    site[fields.NODE_INSTRUMENT] = fields.INSTRUMENT_METER
    site[fields.NODE_INSTRUMENT + 1] = fields.INSTRUMENT_DEVICE
    columns(site)
    image.commands[fields.ISLAND_STATE] = fields.ISLAND_GRID
    image.commands[fields.SETPOINT_MODE + INVERTER] = fields.MODE_FOLLOW
    image.commands[fields.SETPOINT + INVERTER] = -1000
    uart = Uart()
    line = Line(Rtu(uart, BAUD, 10))
    Meter(image, line, profile, 1, 0)
    Inverter(image, line, INVERTER, 2)
    tasks = asyncio.create_task(line.run()), asyncio.create_task(core(image))
    await asyncio.sleep_ms(4000)
    image.commands[fields.SETPOINT + INVERTER] = 2500
    await asyncio.sleep_ms((seconds - 4) * 1000)
    for task in tasks:
        task.cancel()
    return {"live": list(image.live), "report": line.report(), "requests": uart.requests}


vclock.virtual(True)
asyncio.core._io_queue.poller = VirtualPoller()
first = sys.stdin.readline().split()
print("=", json.dumps(asyncio.run(main(unhexlify(first[0]), int(first[1])))))
