# islet test: vectors for the guard's kernels, built alike on CPython and under MicroPython.
# GPL-3.0-or-later
#
# Written so that both run it: the same seed gives the same vectors, so only answers are compared.

from array import array

from firmware import image as f
from firmware.guard import fast_kernel as k
from firmware.guard import kernel as c

FRAMES, STRIDE = 13, 3
PILOT, CURRENT = 0, 2


class Dice:
    """A small generator that is the same everywhere."""

    def __init__(self, seed):
        self.state = seed

    def below(self, count):
        self.state = (self.state * 1103515 + 12345) & 0xFFFFFF
        return (self.state >> 4) % count

    def of(self, *values):
        return values[self.below(len(values))]


def image(dice):
    """A process image around every limit of the guard."""
    made = f.Image()
    site, live, commands, trips = made.site, made.live, made.commands, made.trips
    for row in range(f.DEVICES):
        site[f.DEVICE_OWNS_PILOT + row] = dice.of(0, 0, 1)
        site[f.DEVICE_MAX_MA + row] = dice.of(6_000, 16_000, 32_000)
    site[f.LEG_COUNT] = dice.of(1, 2, 3)
    site[f.NOMINAL_MV] = dice.of(230_000, 230_003, 120_000)
    site[f.NOMINAL_MHZ] = dice.of(50_000, 60_000)
    site[f.ISLAND_CAPABLE] = dice.below(2)
    site[f.BOND_NEEDED] = dice.below(2)
    for point in range(f.POINTS):
        _point(dice, made, point)
    for leg in range(3):
        fifth = site[f.NOMINAL_MV] // 5
        live[f.FAST_GRID_MV + leg] = dice.of(0, fifth - 1, fifth, fifth + 1, 230_000)
        percent = site[f.NOMINAL_MV] // 100
        live[f.FAST_HOUSE_MV + leg] = percent * dice.of(50, 50, 51, 90, 91, 100, 115, 119, 120)
    live[f.FAST_AGE_MS] = dice.of(0, 10, 50, 51, 1_000_000_000)
    live[f.CROSSING_AGE_MS] = dice.of(0, 9, 10, 11, 12, 13, 1_000_000_000)
    live[f.INPUTS] = dice.below(1 << f.IN_SHIFT * f.POINTS)
    site[f.ENABLE_INPUTS] = dice.of(f.IN_ESTOP, f.IN_ESTOP + f.IN_ENABLE)
    commands[f.PERMITS] = dice.below(1 << f.OUT_SHIFT * f.POINTS)
    for row in range(f.DEVICES):
        commands[f.SETPOINT_MODE + row] = dice.of(0, 1, 2)
    trips[f.OUTPUTS] = dice.below(1 << f.OUT_SHIFT * f.POINTS)
    trips[f.BEAT_AGE_MS] = dice.of(0, 100, 300, 301, 1_000_000_000)
    return made


def _point(dice, made, point):
    site, live = made.site, made.live
    site[f.POINT_DEVICE + point] = dice.of(-1, 0, 1, 1)
    site[f.POINT_BREAKING_MA + point] = dice.of(200_000, 199_999)
    for leg in range(3):
        ma = dice.of(0, 11_000, 32_000, 64_000, 64_001, 199_999, 200_000, 200_001)
        live[f.POINT_FAST_MA + point * 3 + leg] = ma
    live[f.POINT_PILOT_AGE_MS + point] = dice.of(0, 20, 21, 1_000_000_000)
    live[f.POINT_HIGH_MV + point] = dice.of(
        -12_000, 1_000, 1_001, 4_000, 4_001, 6_000, 7_999, 8_000, 12_000
    )
    live[f.POINT_LOW_MV + point] = dice.of(-13_001, -13_000, -12_000, -11_000, -10_999, -5_600)
    if dice.below(3) == 0:
        live[f.POINT_LOW_MV + point] = live[f.POINT_HIGH_MV + point] - dice.of(0, 1_499, 1_500)


def own(dice):
    """What the guard itself brings: its limits, and how long the contactor has carried."""
    measures = array("i", [0] * c.OWN)
    measures[c.BLANK_MS], measures[c.PILOT_LOST_MS] = 100, 20
    measures[c.BEAT_LATE_MS], measures[c.SAMPLES_LATE_MS] = 300, 50
    measures[c.PILOT_HIGHEST_MV], measures[c.PILOT_LOWEST_MV] = 8_000, 1_001
    measures[c.SEES] = dice.below(3)
    for point in range(f.POINTS):
        measures[c.ON_MS + point] = dice.of(0, 90, 100, 110)
        measures[c.LOST + point] = dice.of(-1, -1, 0, 1)
    measures[c.HOUSE], measures[c.GOOD] = dice.of(0, 1, 1, 1, 1), dice.of(0, 1, 1, 1)
    return measures


def memory(dice):
    """A fast guard's memory before its first block."""
    made = array("i", [0] * k.SIZE)
    point = made[k.NUMBER] = dice.below(f.POINTS)
    made[k.COIL] = f.OUT_CONTACTOR << f.OUT_SHIFT * point
    made[k.FRAMES], made[k.STRIDE] = FRAMES, STRIDE
    made[k.PILOT], made[k.CURRENT] = dice.of(PILOT, PILOT, -1), dice.of(CURRENT, CURRENT, -1)
    made[k.HIGH], made[k.LOW] = 3121, 2182
    made[k.PEAK_LIMIT], made[k.PEAK_MOST] = dice.of(300, 900, 1500), dice.of(1600, 2040)
    made[k.CONFIRM], made[k.CYCLE], made[k.HALF] = dice.of(0, 0, 3, 8), dice.of(8, 16), 5
    made[k.SQUARES_LIMIT] = dice.of(1_000, 50_000_000, 200_000_000)
    made[k.QUIET] = k.LONG
    made[k.CLEAR] = dice.of(0, 10, 17)
    made[k.GONE_MOST] = dice.of(13, 26, 60)
    return made


def block(dice):
    """13 frames of three channels, of one kind all through or mixed."""
    codes = array("H", [0] * (FRAMES * STRIDE))
    pilot, swing = dice.of(2182, 2850, 3120, 3121, 4000, 400), dice.of(0, 20, 700, 1700, 2047)
    for n in range(FRAMES):
        codes[n * STRIDE] = dice.of(pilot, pilot, pilot, 400, 2181, 3121)
        codes[n * STRIDE + 1] = 700
        code = 2048 + dice.below(2 * swing + 1) - swing
        codes[n * STRIDE + 2] = code if code < 4096 else 4095
    return codes


def causes_of(module, seeds):
    """What the kernel finds in each of the images."""
    answers = []
    for seed in seeds:
        dice = Dice(seed)
        made = image(dice)
        answers.append(module.causes(made.site, made.live, made.commands, made.trips, own(dice)))
    return answers


def looks_of(module, seeds, blocks=40):
    """What the kernel finds in each block, and all it remembers at the end."""
    answers = []
    for seed in seeds:
        dice = Dice(seed)
        remembered, buffers, mine = memory(dice), (), array("i")
        middles = array("i", [2048, 2048, 2000 + dice.below(100)])
        for n in range(blocks):
            if n % 10 == 0:
                made = image(dice)
                made.trips[f.OUTPUTS] = dice.of(made.commands[f.PERMITS], 0)
                mine = own(dice)
                buffers = (made.commands, made.trips, mine)
            codes = block(dice)
            answers.append(module.look(0, 0, 0, codes, middles, remembered, buffers))
            answers.append(10 + mine[c.LOST])
            answers.append(20 + mine[c.LOST + f.POINTS - 1])
        answers.extend(remembered)
    return answers
