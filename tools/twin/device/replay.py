# islet: replays recorded process images through core.step() under MicroPython.
# GPL-3.0-or-later
#
# Standard input, written by tools/twin/record.py: b"S" site, or b"T" u16 dt_ms readings requests
# trips commands. Prints one JSON line; "fields" are [index, recorded, replayed] of the first
# step whose commands differ.

import json
import sys
import time
from array import array

import uctypes

from firmware import image as tables
from firmware.core import Core


def into(target, pipe):
    """Fill an array with its next bytes from the pipe."""
    buffer = uctypes.bytearray_at(uctypes.addressof(target), len(target) * 4)
    view = memoryview(buffer)
    done = 0
    while done < len(buffer):
        count = pipe.readinto(view[done:])
        if not count:
            raise EOFError("the recording ends within a step")
        done += count


def main():
    pipe = sys.stdin.buffer
    image = core = None
    expected = tables.COMMANDS.new()
    length = array("H", [0])
    steps = simulated_ms = 0
    core_s = 0.0
    fields = []
    while not fields:
        kind = pipe.read(1)
        if not kind:
            break
        if kind == b"S":
            image = tables.Image()
            into(image.site, pipe)
            core = Core(image)
            continue
        pipe.readinto(uctypes.bytearray_at(uctypes.addressof(length), 2))
        for section in (image.readings, image.requests, image.trips, expected):
            into(section, pipe)
        start_s = time.clock()  # the processor's
        core.step(length[0])
        core_s += time.clock() - start_s
        steps += 1
        simulated_ms += length[0]
        for i in range(len(expected)):
            if image.commands[i] != expected[i]:
                fields.append([i, expected[i], image.commands[i]])
    print(json.dumps({"steps": steps, "ms": simulated_ms, "core_s": core_s, "fields": fields}))


main()
