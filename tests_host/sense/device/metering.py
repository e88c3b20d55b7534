# The chip's words in viper: a JSON file of cases, a line of results for each. After that a poll of
# two chips with the heap locked, on a bus that answers what a healthy chip would. run() is the
# host's as well.
import json
import sys
from array import array

from firmware import image as im
from firmware.sense import atm90e32_kernel as kernel
from firmware.sense.atm90e32 import OK, Atm90e32
from firmware.sense.metering import Metering
from tests_host.fields import EVSE, columns


def run(case):
    words, last = array("H", case["words"]), array("H", case["last"])
    legs, high, low = case["legs"], case["high"], case["low"]
    results = [kernel.doubts(words, last, case["end"], high, low)]
    results.append(kernel.note(words, last, case["end"]))
    results.extend(last)
    polarity = array("i", case["polarity"])
    mv, ma, w = (array("i", [0] * 3) for _ in range(3))
    kernel.volts(words, legs, case["sag_mv"], case["loss_mv"], mv)
    kernel.amps(words, legs, case["unit"], ma)
    kernel.watts(words, high, low, case["shift"], polarity, w)
    live = array("i", [7] * 14)
    kernel.put(mv, live, 1, legs)
    kernel.put_signed(ma, w, live, 4, 8, legs)
    drawn = array("i", [7] * 14)
    order = array("i", case["order"])
    kernel.put_of(ma, order, drawn, 0, legs)
    kernel.put_drawn(ma, w, order, drawn, 4, 8, legs)
    results.append(kernel.blind(mv, ma, case["sag_mv"], case["most_ma"], legs))
    for buffer in (mv, ma, w, live, drawn):
        results.extend(buffer)
    return results


class Spi:
    """A chip that holds what is written and has new means at every third poll."""

    def __init__(self):
        self.registers = bytearray(512)
        self.polls = 0

    def write_readinto(self, out, into):
        at = out[1] * 2
        if not out[0] & 0x80:
            self.registers[at] = out[2]
            self.registers[at + 1] = out[3]
            return
        if at == 0:
            self.polls += 1
        into[2] = self.registers[at]
        into[3] = self.registers[at + 1] if at < 256 else self.polls // 3


class Row:
    def __init__(self, volts, amps):
        self.volts, self.amps, self.pga = volts, amps, 1
        self.volts_nv, self.amps_nv = 1_630_000, 6_000_000


def polls():
    import micropython

    image = im.Image()
    image.site[im.LEG_COUNT] = image.site[im.DEVICE_LEGS + EVSE] = 3
    image.site[im.DEVICE_NODE + EVSE] = 1
    columns(image.site)
    image.site[im.NODE_COUNT] = 2
    image.site[im.NODE_INSTRUMENT] = im.INSTRUMENT_CT
    rows = [Row(0, 0), Row(1, 1)]
    drivers = [Atm90e32(Spi(), lambda level: None, row) for row in rows]
    metering = Metering(image, rows, drivers, 0)
    micropython.heap_lock()
    for _ in range(60):
        metering.poll(100)
    micropython.heap_unlock()
    return [driver.state == OK for driver in drivers], [driver.disturbed for driver in drivers]


if __name__ == "__main__":
    with open(sys.argv[-1]) as file:
        for case in json.load(file):
            print(json.dumps(run(case)))
    print("polls", *polls())
