# The short cut before a device's table of what stands against it: on random images, no row of the
# table holds where it says that none does. Prints for each seed how often it said so, and how
# often the table did. Runs on CPython too.
import sys

from firmware import image as im
from firmware.core.limits.clear_kernel import clear
from firmware.core.limits.hardware import Hardware
from tests_host.core.device.die import Die

KINDS = (im.KIND_POINT, im.KIND_CHARGER, im.KIND_CONVERTER, im.KIND_SOURCE)
TURNS = 40


def site(image, die, kind):
    s = image.site
    s[im.DEVICE_KIND], s[im.DEVICE_NODE], s[im.DEVICE_LEGS] = kind, 0, 3
    s[im.DEVICE_CONTACTOR] = 0 if kind == im.KIND_POINT else die.pick(-1, -1, 0)
    s[im.DEVICE_MAY_DISCHARGE] = 1
    s[im.POINT_DEVICE] = 0 if s[im.DEVICE_CONTACTOR] == 0 else -1
    s[im.POINT_AUTH_REQUIRED], s[im.PEN_WATCH] = die.below(2), die.below(2)
    s[im.ENABLE_INPUTS] = die.pick(0, im.PROTECTION_INPUTS, im.IN_ESTOP)


def well(image):
    """A device that nothing stands against."""
    r, c, q = image.readings, image.commands, image.requests
    for i in image.ages:
        r[i] = 0
    r[im.INPUTS], r[im.DEVICE_PLUGGED], r[im.DEVICE_FAULT] = 0, 1, 0
    c[im.ISLAND_STATE], c[im.POINT_PILOT_STATE] = im.ISLAND_GRID, im.PILOT_C
    c[im.POINT_CONTACTOR_STATE], c[im.POINT_CABLE_MA] = im.CONTACTOR_CLOSED, 32_000
    for field in (
        im.FAULTS, im.POINT_FAULTS, im.DEVICE_ENABLE_BAR, im.DEVICE_OBEDIENCE, im.POINT_REST_MS,
        im.POINT_UNPLUGS, im.CLAIM_REASON,
    ):  # fmt: skip
        c[field] = 0
    c[im.DEVICE_PROVED] = 1
    q[im.POINT_AUTHORISED], q[im.POINT_AUTHORISED_FOR] = 1, 0
    image.trips[im.TRIPPED] = 0


def spoil(image, die):
    """One thing is otherwise, which may or may not matter."""
    r, c, q = image.readings, image.commands, image.requests
    what = die.below(22)
    rows = (
        (r, im.INPUTS_AGE_MS, (299, 300, 301)),
        (r, im.DEVICE_AGE_MS, (1_999, 2_000, 2_001)),
        (r, im.GRID_AGE_MS, (2_000, 2_001)),
        (r, im.INPUTS, tuple([1 << bit for bit in range(12)])),
        (r, im.DEVICE_PLUGGED, (0, -1, 2)),
        (r, im.DEVICE_FAULT, (1, -1)),
        (c, im.ISLAND_STATE, tuple(range(12))),
        (c, im.POINT_PILOT_STATE, tuple(range(8))),
        (c, im.POINT_CONTACTOR_STATE, tuple(range(6))),
        (c, im.POINT_CABLE_MA, (-1, 5_999, 6_000)),
        (c, im.FAULTS, (im.FAULT_FORMING, im.FAULT_PEN, im.FAULT_WELD)),
        (c, im.POINT_FAULTS, (im.FAULT_NOT_FOLLOWED, im.FAULT_PILOT)),
        (c, im.DEVICE_ENABLE_BAR, (1, 2, 4, 8, 16)),
        (c, im.DEVICE_OBEDIENCE, tuple(range(5))),
        (c, im.DEVICE_PROVED, (0, 2)),
        (c, im.POINT_REST_MS, (0, 1)),
        (c, im.POINT_UNPLUGS, (1,)),
        (c, im.CLAIM_REASON, (im.REASON_VENTILATION,)),
        (q, im.POINT_AUTHORISED, (0,)),
        (q, im.POINT_AUTHORISED_FOR, (1,)),
        (image.trips, im.TRIPPED, tuple([1 << bit for bit in range(20)])),
    )
    if what < len(rows):
        buffer, at, values = rows[what]
        buffer[at] = die.pick(*values)


def run(seed):
    """(times that nothing stood against it by the short cut, by the table)."""
    die = Die(seed)
    said = table = 0
    for turn in range(TURNS):
        image = im.Image()
        site(image, die, KINDS[turn % len(KINDS)])
        well(image)
        for _ in range(die.below(4)):
            spoil(image, die)
        at = Hardware(image, 0)
        holds = [reason for reason, event in at._blocks if event(at)]
        tripped = image.trips[im.TRIPPED]
        if clear(image.site, image.readings, image.requests, image.commands, tripped, 0, at.point):
            said += 1
            assert not holds, (seed, turn, holds)
        table += not holds
    return said, table


if __name__ == "__main__" and len(sys.argv) > 1:
    for seed in range(int(sys.argv[-1])):
        print(*run(seed))
