# islet test: a fast guard on duty: its board, its samples, and the slow guard beside it.
# GPL-3.0-or-later
#
# Runs on CPython and under MicroPython. Samples are those of the reference board: 192 us a frame,
# three inputs one after the other, 13 frames a block, four blocks a tick.

import math
from array import array

from firmware import image as f
from firmware.chips.circuit import SIGNALS, Analog
from tests_host.fields import at, columns

FRAME_US, SKEW_US, FRAMES, BLOCKS = 192, 64, 13, 4
PEAK_MA = 150_000
LOW_MV, HIGH_MV = -15_260, 15_260


def analog():
    made = Analog(1_000_000 // FRAME_US, FRAMES * BLOCKS, SKEW_US, 3, FRAME_US * 1000, BLOCKS)
    rows = ("pilot", LOW_MV, HIGH_MV), ("proximity", 0, 1000), ("evse_ct", 0, PEAK_MA)
    for c, (name, low, high) in enumerate(rows):
        made.signal[c], made.low[c], made.high[c] = SIGNALS.index(name), low, high
    return made


class Blocks:
    """Samples of a pilot and a current."""

    def __init__(self, scales):
        self.scales = scales

    def pilot_code(self, mv):
        low, high = self.scales.low[0], self.scales.high[0]
        return max(0, min(4095, int((mv - low) * 4095 / (high - low) + 0.5)))

    def current_code(self, ma):
        return max(0, min(4095, int(2048 + ma * 2047 / self.scales.high[2] + 0.5)))

    def make(self, start_us, pilot_mv, current_ma):
        """A block that begins at start_us; both are functions of the time in us."""
        codes = array("H", [0] * (FRAMES * 3))
        for n in range(FRAMES):
            at_us = start_us + n * FRAME_US
            codes[3 * n] = self.pilot_code(pilot_mv(at_us))
            codes[3 * n + 1] = 700
            codes[3 * n + 2] = self.current_code(current_ma(at_us + 2 * SKEW_US))
        return codes

    def sine(self, peak_ma, pilot_mv):
        """Any block of a steady pilot and a current around its peak."""
        return self.make(0, lambda _us: pilot_mv, lambda us: peak_ma * math.cos(us * 3.14e-4))


class Crossings:
    def __init__(self):
        self.age = 1_000

    def age_us(self):
        return self.age


class DeadMan:
    def __init__(self):
        self.dropped = self.fed = 0

    def feed(self):
        if self.dropped:
            self.dropped = 0
            return 1
        self.fed += 1
        return 0


class Rig:
    """Guard and fast guard with steady permits and a fresh beat; time goes block by block."""

    def __init__(self, guard, fast, permits=27, **site):
        self.image = f.Image()
        self.analog = analog()
        self.crossings, self.dead_man = Crossings(), DeadMan()
        self.sees_grid = f.SEES_CROSSINGS
        self.written = 0
        self.history = array("i", [0] * 64)  # the last outputs written
        declared = {
            "EVSE_NODE": 0,
            "EVSE_MAX_MA": 32_000,
            "ISLAND_CAPABLE": 1,
            "POINT_OVERCURRENT_MS": 0,
        }
        declared.update(site)
        topology = declared.pop("TOPOLOGY", 1)
        for name, value in declared.items():
            self.image.site[at(name)] = value
        columns(self.image.site, topology)
        for i in self.image.ages:
            self.image.live[i] = 0
        self.image.live[f.POINT_HIGH_MV] = 6_000
        self.image.live[f.POINT_LOW_MV] = -12_000
        self.image.commands[f.PERMITS] = permits
        self.image.commands[f.ISLAND_STATE] = f.ISLAND_GRID
        self.guard = guard(self.image, self)
        self.fast = fast(self.image, self.guard, self, array("i", [2048] * 3))
        self.blocks = 0
        self.now_us = 0
        for _ in range(12):
            self.tick()

    def write_outputs(self, bits):
        self.history[self.written & 63] = bits
        self.written += 1

    @property
    def outputs(self):
        return self.history[(self.written - 1) & 63]

    @property
    def tripped(self):
        return self.image.trips[f.TRIPPED]

    def tick(self):
        commands = self.image.commands
        commands[f.BEAT] = (commands[f.BEAT] + 1) & 0xFFFF
        self.guard.tick(10)

    def one(self, codes):
        """The interrupt of one block."""
        self.fast.on_block(codes, 0)
        self.blocks += 1
        self.now_us += FRAMES * FRAME_US
        if self.blocks % BLOCKS == 0:
            self.tick()

    def run(self, pilot_mv, current_ma, blocks):
        """Blocks of these signals until something has tripped; how long it took, None if not."""
        signals = Blocks(self.analog)
        start_us = self.now_us
        for _ in range(blocks):
            self.one(signals.make(self.now_us, pilot_mv, current_ma))
            if self.tripped:
                return self.now_us - start_us
        return None
