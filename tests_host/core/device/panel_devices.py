# Chance, and random devices of a house for the cases of the panel's kernels. Runs on the device
# too.
import sys
from array import array

from firmware import image as im
from firmware.base.viper import micropython, ptr32
from firmware.core.panel import layout as k


class Die:
    """Numerical Recipes' generator. Each draw is written out: they are most of a case's time."""

    def __init__(self, seed):
        self.state = seed * 2654435761 & 0xFFFFFFFF

    def below(self, count):
        self.state = state = self.state * 1664525 + 1013904223 & 0xFFFFFFFF
        return (state >> 8) % count

    def pick(self, *values):
        return values[self.below(len(values))]

    def ma(self):
        """A current: nil, small, usual, near a kernel's threshold, or at the end of its range."""
        small = self.state * 1664525 + 1013904223 & 0xFFFFFFFF
        usual = small * 1664525 + 1013904223 & 0xFFFFFFFF
        kind = usual * 1664525 + 1013904223 & 0xFFFFFFFF
        self.state = sign = kind * 1664525 + 1013904223 & 0xFFFFFFFF
        small, usual = (small >> 8) % 20, (usual >> 8) % 60_000
        size = (0, small, usual, 500, 501, 3_000, 2_000_000)[(kind >> 8) % 7]
        return size if (sign >> 8) % 3 else -size


class MachineDie(Die):
    """The same numbers in machine code: 32 bits are no small integer on the device."""

    def __init__(self, seed):
        self.state = array("I", [seed * 2654435761 & 0xFFFFFFFF])

    @micropython.viper
    def below(self, count: int) -> int:
        state = ptr32(self.state)
        state[0] = state[0] * 1664525 + 1013904223
        return ((state[0] >> 8) & 0xFFFFFF) % count

    @micropython.viper
    def ma(self) -> int:
        state = ptr32(self.state)
        small = state[0] * 1664525 + 1013904223
        usual = small * 1664525 + 1013904223
        kind = usual * 1664525 + 1013904223
        sign = kind * 1664525 + 1013904223
        state[0] = sign
        kind = ((kind >> 8) & 0xFFFFFF) % 7
        size = 0
        if kind == 1:
            size = ((small >> 8) & 0xFFFFFF) % 20
        elif kind == 2:
            size = ((usual >> 8) & 0xFFFFFF) % 60_000
        elif kind == 3:
            size = 500
        elif kind == 4:
            size = 501
        elif kind == 5:
            size = 3_000
        elif kind == 6:
            size = 2_000_000
        return size if ((sign >> 8) & 0xFFFFFF) % 3 != 0 else 0 - size


if sys.implementation.name == "micropython":
    Die = MachineDie


def place_devices(die, plan, rows, nodes):
    """Any kinds on any nodes and legs; the order in which they are served."""
    legs = ((0,), (1,), (2,), (0, 1), (1, 2, 0), (0, 1, 2))
    legs = [row for row in legs if max(row) < (plan[k.P_LEGS] or 3)]
    ranks = []
    for device in range(im.DEVICES):
        at = device * k.D_ROW
        rows[at + k.D_NODE] = die.below(nodes) if die.below(5) else -1
        if rows[at + k.D_NODE] < 0:
            continue
        on = die.pick(*legs)
        rows[at + k.D_LEGS] = len(on)
        for i, leg in enumerate(on):
            rows[at + k.D_LEG + i] = leg
        rows[at + k.D_OFFERS] = die.below(2)
        rows[at + k.D_RANK] = die.below(3)
        rows[at + k.D_LEAST_MA] = die.pick(0, 6_000, die.below(2_000))
        rows[at + k.D_STALE_MS] = die.pick(500, 2_000)
        rows[at + k.D_SURE] = die.pick(0, 1, 1)
        rows[at + k.D_SETTLES_MS] = 2_000 + die.below(5_000)
        rows[at + k.D_HIGH_MA] = abs(die.ma())
        rows[at + k.D_HIGH_W] = abs(die.ma()) // 2
        if not rows[at + k.D_OFFERS]:
            rows[at + k.D_FEED_MA] = abs(die.ma())
            rows[at + k.D_LOW_MA] = -rows[at + k.D_FEED_MA]
            rows[at + k.D_LOW_W] = -abs(die.ma()) // 2
        rows[at + k.D_MA64_PER_W], rows[at + k.D_VOLTS] = 278 // len(on), 230
        rows[at + k.D_FELL + 1] = rows[at + k.D_FELL + 3] = die.pick(-1, 0, 29_990)
        rows[at + k.D_STIRS_MS] = die.pick(-1, 0, 9_990)
        rows[at + k.D_SPARE_MS] = die.pick(0, 0, 8_000)
        rows[at + k.D_SPARE_TOLD] = die.pick(0, 6_000, 32_000)
        for i in range(len(on)):
            rows[at + k.D_STILL_MS + i] = die.pick(0, 0, -1, 1_900, 8_000)
            rows[at + k.D_BASE_MA + i] = die.pick(0, die.ma())
        above = rows[at + k.D_NODE]
        while above >= 0:
            plan[k.node_at(above) + k.P_BELOW] |= 1 << device
            above = plan[k.node_at(above) + k.P_PARENT]
        ranks.append((rows[at + k.D_RANK], at))
    ranks.sort()
    return array("i", [at for _, at in ranks])
