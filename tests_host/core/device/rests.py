# What a step leaves out while nothing that it reads has changed: random houses, most of which run
# well most of the time, and what their steps command. Runs on the device too, where it prints a
# checksum for each seed up to the last argument.
import sys

from firmware import image as im
from firmware.core import Core
from tests_host.core.device.die import Die
from tools.bench.device import house

WELL = 130  # steps, long ones: by then all that has begun has settled
STEPS = 420
MHZ = (50_000, 50_000, 49_950, 50_090, 50_105, 51_200, 47_400, 0)
MV = (231_000, 230_000, 240_000, 255_000, 265_000, 180_000, 20_000, 0)
PILOT_MV = (
    6_000,
    6_000,
    5_500,
    6_900,
    7_500,
    9_000,
    9_000,
    10_500,
    12_000,
    3_000,
    4_500,
    0,
    -12_000,
)
UNUSED = 1  # a point that no house has
INPUTS = (0, 0, im.IN_ISLAND_OPEN, im.IN_BOND, im.IN_ESTOP, im.IN_ISLAND_DEAD)


class Walk:
    """A house and what befalls it."""

    def __init__(self, seed):
        self.die = die = Die(seed)
        self.devices, self.nodes = 1 + die.below(im.DEVICES), die.pick(3, 5, 10)
        self.image = image = im.Image()
        house.declare(image, self.nodes, self.devices)
        self._declare(image.site, die)
        house.begin(image, self.devices)
        self.core = Core(image)
        self.often = (10, 50, 100)[seed % 3]  # permille of the steps
        self.flip = self.stale_ms = 0
        self.stale = self.low_mv = None
        self.foreign = {}
        self.unused_die, self.unused_closed = Die(seed + 1), 0

    def _declare(self, s, die):
        s[im.ISLAND_CAPABLE], s[im.COORDINATED] = die.pick(1, 1, 0), die.below(2)
        s[im.BOND_NEEDED], s[im.SHED_NEEDED] = die.pick(1, 1, 0), die.below(2)
        s[im.BOND_NORMALLY_OPEN], s[im.BOND_HOLD_MS] = die.pick(1, 1, 0), die.pick(0, 0, 3_000)
        if die.below(3) == 0:
            s[im.LEG_COUNT] = 1
        for device in range(self.devices):
            s[im.DEVICE_CERTIFIED + device] = die.below(2)
            s[im.DEVICE_FITS + device] = die.below(2)
            if die.below(2):  # nothing but its own report
                s[im.NODE_INSTRUMENT + s[im.DEVICE_NODE + device]] = im.INSTRUMENT_NONE
            if s[im.LEG_COUNT] == 1:
                s[im.DEVICE_LEGS + device] = 1
                for leg in range(1, im.LEGS):
                    s[im.DEVICE_LEG + device * im.LEGS + leg] = -1
        for node in range(self.nodes):
            s[im.NODE_SOURCE_MA + node] = die.pick(0, 0, 0, 0, 10_000)
        if self.devices > house.POINT and die.below(5) == 0:
            s[im.DEVICE_OWNS_PILOT + house.POINT] = 1

    def befall(self):
        """One thing is otherwise, for a while or for good."""
        die, image = self.die, self.image
        live, requests = image.live, image.requests
        device, leg = die.below(self.devices), die.below(im.LEGS)
        what = die.below(20)
        rows = (
            (live, im.GRID_MHZ, MHZ),
            (live, im.HOUSE_MHZ, (live[im.GRID_MHZ],) * 3 + (50_000, 50_020, 50_200)),
            (live, im.HOUSE_MV + leg, [live[im.GRID_MV + leg] + by for by in (0, 3_000, -6_000)]),
            (live, im.GRID_MV + leg, (231_000, 245_000, 200_000, 0)),
            (live, im.DEVICE_ANTI_ISLANDING + device, (1, 1, 1, 0, 2, -1)),
            (live, im.DEVICE_PLUGGED + device, (1, 1, 0)),
            (live, im.DEVICE_FAULT + device, (0, 0, 0, 1)),
            (live, im.DEVICE_SOC_PERMILLE + device, (600, 601, 590, 210, 190, -1, 1000)),
            (live, im.DEVICE_MODE + device, (im.MODE_FOLLOW, im.MODE_FOLLOW, im.MODE_FORM)),
            (live, im.SWITCH_DEG, (-1, 0, 3, 20)),
            (live, im.POINT_HIGH_MV, PILOT_MV),
            (live, im.POINT_PROXIMITY_OHM, (220, 220, 230, 680, 1500, 100, -1, 10, 3_000)),
            (live, im.POINT_PILOT_UNPLUGS, (live[im.POINT_PILOT_UNPLUGS] + 1,)),
            (requests, im.ACKNOWLEDGE_SEQ, (requests[im.ACKNOWLEDGE_SEQ] + 1,)),
            (requests, im.ISLAND_WISH, (0, 0, 0, 1, -1)),
            (requests, im.OUTAGE_RESERVE_PERMILLE, (200, 100, 595, 700)),
            (requests, im.PROOF_RECORD + device, (im.VERDICT_OBEYS, im.VERDICT_OBEYS, 0)),
            (image.trips, im.TRIPPED, (0, 0, 0, im.TRIP_DEAD_GRID, im.TRIP_STOP, im.TRIP_SHORT)),
        )
        if what < len(rows):
            buffer, at, values = rows[what]
            buffer[at] = values[die.below(len(values))]
        elif what == 18:
            mv = die.pick(*MV)
            for leg in range(im.LEGS):
                live[im.GRID_MV + leg] = live[im.HOUSE_MV + leg] = mv + die.below(1_000)
        else:
            requests[im.PROVE_DEVICE] = device
            requests[im.PROVE_SEQ] += 1

    def disturb(self):
        """A wish, a contact, an age, a plateau, a load that nothing else shows."""
        die, requests = self.die, self.image.requests
        device, node = die.below(self.devices), die.below(self.nodes)
        what = die.below(5)
        if what == 0:
            high = die.pick(-2_000, -4_000, 0, 3_000, 16_000)
            requests[im.MARKET_LOW + device], requests[im.MARKET_HIGH + device] = (
                min(0, high),
                high,
            )
            requests[im.MARKET_SEQ + device] += 1
        elif what == 1:
            self.flip = die.pick(*INPUTS)
        elif what == 2:
            ages = (
                im.GRID_AGE_MS, im.HOUSE_AGE_MS, im.DEVICE_AGE_MS + device, im.INPUTS_AGE_MS,
                im.NODE_AGE_MS + node, im.DEVICE_SOC_AGE_MS + device, im.POINT_PILOT_AGE_MS,
            )  # fmt: skip
            self.stale = die.pick(None, *ages)
        elif what == 3:
            self.low_mv = die.pick(None, None, -12_500, -10_000, 6_000)
        else:
            self.foreign[node * im.LEGS] = die.pick(0, 0, 2_000, 30_000, -8_000)

    def befall_unused(self):
        """What is wired to no point says something, which is rare."""
        die, readings = self.unused_die, self.image.readings
        if self.unused_closed:
            self.unused_closed -= 1
            readings[im.INPUTS] ^= im.IN_CONTACTOR << im.IN_SHIFT * UNUSED
        elif die.below(1000) < self.often:
            self.unused_closed = die.pick(0, 1, 2, 8)
            if self.unused_closed == 0:
                self.image.live[im.POINT_PILOT_UNPLUGS + UNUSED] += 1

    def step(self, number):
        die, image = self.die, self.image
        if number % 10 == 0 and number < WELL:
            house.ask(image, self.devices)
        if number > WELL and die.below(1000) < self.often:
            self.befall()
            self.disturb()
        house.cycle(image, self.devices, number)
        readings = image.readings
        readings[im.INPUTS] ^= self.flip
        if number > WELL:
            self.befall_unused()
        for at, ma in sorted(self.foreign.items()):
            readings[im.NODE_MA + at] += ma
            readings[im.NODE_W + at] += ma * 231 // 1000
        self.stale_ms = self.stale_ms + 100 if self.stale is not None else 0
        if self.stale is not None:
            readings[self.stale] = self.stale_ms
        if self.low_mv is not None:
            readings[im.POINT_LOW_MV] = self.low_mv
        if number > WELL and die.below(3) == 0:
            at = im.DEVICE_W + die.below(self.devices)
            readings[at] += die.pick(30, -60, 90, -140, 2_500, -2_500)
        self.core.step(die.pick(100, 100, 100, 120, 10) if number > WELL else 250)


def walk(seed, steps=STEPS):
    """A checksum of what each step commands."""
    here = Walk(seed)
    said = []
    for number in range(steps):
        here.step(number)
        total = 0
        for value in here.image.commands:
            total = (total * 31 + value) % 1000003
        said.append(total)
    return said


if __name__ == "__main__" and len(sys.argv) > 1:
    for seed in range(int(sys.argv[-1])):
        total = 0
        for value in walk(seed):
            total = (total * 31 + value) % 1000003
        print(total)
