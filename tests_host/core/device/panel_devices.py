# Random devices of a house for the cases of the panel's kernels. Runs on the device too.
from array import array

from firmware import image as im
from firmware.core.panel import layout as k


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
