"""What each room decides for a house of a point and a converter in given rows.

python -m tests_host.core.rows_run ROW ROW SEED…: with the firmware that sys.path finds first; so
test_rows.py runs it with other numbers of rows. Columns alone say what a row is. A room joins by
a function in ROOMS: it takes (image, rows, die) and yields, step by step, what it decided for the
devices in the order of `rows`, and nothing that depends on where they stand.
"""

from __future__ import annotations

import json
import random
import sys
from array import array
from collections.abc import Iterator

from firmware import image as im
from firmware.core.limits.arbiter import OPEN, Limits
from firmware.core.limits.obedience import Obedience
from firmware.core.panel.layout import FRESH, P_HEAD, P_ROW, P_STATE
from firmware.image import Image
from firmware.people import leases
from firmware.people.events import Events
from firmware.people.names import Names
from firmware.people.standing import energised, instruments
from firmware.people.state import State
from tests_host.core import vehicle_walk
from tests_host.fields import proved
from tests_host.ledger.walk import ledger
from tests_host.policy.walk import policy

STEPS = 1_500
NODES = (-1, 0, 0)
CLAIMS = (
    im.CLAIM_LOW,
    im.CLAIM_HIGH,
    im.CLAIM_REASON,
    im.CLAIM_LOW_REASON,
    im.CLAIM_NODE,
    im.CLAIM_LEG,
    im.CLAIM_VALUE,
)
RESULTS = (
    im.GRANT_LOW,
    im.GRANT_HIGH,
    im.WINNER_LOW,
    im.WINNER_HIGH,
    im.SETPOINT,
    im.SETPOINT_MODE,
    im.DEVICE_OBEDIENCE,
    im.DEVICE_ENABLE_BAR,
)
TWO = ("point", "converter")


def house(rows: list[int]) -> Image:
    """A point on L2 and a three-phase converter with a meter above; all other rows are idle."""
    image = Image()
    proved(image)
    site, readings, commands = image.site, image.readings, image.commands
    site[im.LEG_COUNT] = 3
    site[im.NODE_COUNT] = len(NODES)
    for node, parent in enumerate(NODES):
        site[im.NODE_PARENT + node] = parent
        site[im.NODE_RATING_MA + node] = 32_000
    site[im.NODE_INSTRUMENT] = im.INSTRUMENT_METER
    point, converter = rows
    for device, kind, node, legs in (
        (point, im.KIND_POINT, 1, (1,)),
        (converter, im.KIND_CONVERTER, 2, (0, 1, 2)),
    ):
        site[im.DEVICE_KIND + device] = kind
        site[im.DEVICE_NODE + device] = node
        site[im.DEVICE_RESPONSE_MS + device] = 2_000
        for k, leg in enumerate(legs):
            site[im.DEVICE_LEG + device * im.LEGS + k] = leg
        readings[im.DEVICE_AGE_MS + device] = 0
    site[im.DEVICE_CONTACTOR + point] = 0
    site[im.POINT_DEVICE] = point
    site[im.DEVICE_MAX_MA + point] = 32_000
    site[im.DEVICE_PAUSE_MS + point] = 5_000
    site[im.DEVICE_CHARGE_W + converter] = site[im.DEVICE_DISCHARGE_W + converter] = 5_000
    site[im.DEVICE_MAY_DISCHARGE + converter] = 1
    site[im.DEVICE_BEHIND + converter] = im.BEHIND_BATTERY
    site[im.DEVICE_CERTIFIED + converter] = 1
    site[im.ISLAND_DEVICE] = converter
    for node in range(len(NODES)):
        readings[im.NODE_AGE_MS + node] = 0
    readings[im.INPUTS_AGE_MS] = readings[im.GRID_AGE_MS] = 0
    readings[im.DEVICE_PLUGGED + converter] = 1
    readings[im.DEVICE_CHARGE_MAX_W + converter] = 5_000
    readings[im.DEVICE_DISCHARGE_MAX_W + converter] = 5_000
    readings[im.DEVICE_SOC_AGE_MS + converter] = 0
    readings[im.DEVICE_SOC_PERMILLE + converter] = 380
    readings[im.DEVICE_ANTI_ISLANDING + converter] = 1
    image.requests[im.RESERVE_PERMILLE] = 300
    commands[im.ISLAND_STATE] = im.ISLAND_GRID
    commands[im.POINT_PILOT_STATE] = im.PILOT_C
    commands[im.POINT_CABLE_MA] = 32_000
    image.trips[im.OUTPUTS] = im.OUT_ENABLE
    return image


class Tree:
    """What the room asks of the panel: the service is measured, the converter is not."""

    def __init__(self) -> None:
        self.witness = self
        self.plan = array("i", [0] * (P_HEAD + len(NODES) * P_ROW))
        for node in range(len(NODES)):
            self.plan[P_HEAD + node * P_ROW + P_STATE] = FRESH

    def metered(self, node: int) -> bool:
        return node == 0

    def state(self, _node: int) -> int:
        return FRESH

    def below(self, _node: int) -> int:
        return 0

    def sources_ma(self, _node: int) -> int:
        return 0

    def missed(self, _node: int) -> bool:
        return False


def limits(image: Image, rows: list[int], die: random.Random) -> Iterator[list[int]]:
    room = Limits(image)
    obedience = Obedience(image, Tree())
    commands, readings, requests = image.commands, image.readings, image.requests
    converter = rows[1]
    room_ma = 32_000
    stubborn = 0  # steps for which it does not follow
    for _ in range(STEPS):
        what = die.randrange(40)
        if what == 0:
            readings[im.DEVICE_SOC_PERMILLE + converter] = die.choice((300, 305, 340, 380, 390))
        elif what == 1:
            commands[im.POINT_PILOT_STATE] = die.choice(
                (im.PILOT_C,) * 6 + (im.PILOT_A, im.PILOT_B)
            )
        elif what == 2:
            readings[im.DEVICE_AGE_MS + die.choice(rows)] = die.choice((0,) * 6 + (2_500,))
        elif what == 3:
            device = die.choice(rows)
            if die.random() < 0.6:
                leases.release(image, die.randrange(3), device)
            else:
                high = die.choice((0, 3_000, 8_000))
                leases.give(image, die.randrange(3), device, -high, high, die.choice((None, 5)))
        elif what == 4:
            commands[im.ISLAND_STATE] = die.choice((im.ISLAND_GRID,) * 6 + (im.ISLAND_ISLANDED,))
        elif what == 5:
            readings[im.DEVICE_FAULT + converter] = int(die.random() < 0.2)
        elif what == 6:
            requests[im.ACKNOWLEDGE_SEQ] += 1
        elif what < 10:
            device = die.choice(rows)
            wish = die.choice((-4_000, 0, 3_000, 5_000)) if device == converter else 16_000
            requests[im.MARKET_LOW + device] = wish if device == converter else 0
            requests[im.MARKET_HIGH + device] = wish
            requests[im.MARKET_TTL_MS + device] = die.choice((500, 60_000))
            requests[im.MARKET_SEQ + device] += 1
        elif what == 10:  # as it was granted, or not
            readings[im.DEVICE_W + converter] = die.choice((0, 0, 0, 0, -4_500, 5_000))
            stubborn = die.choice((0, 0, 60))
        elif what < 20 and not stubborn:
            readings[im.DEVICE_W + converter] = commands[im.SETPOINT + converter]
            readings[im.NODE_W] = readings[im.DEVICE_W + converter] + 500
        stubborn = max(0, stubborn - 1)
        if die.random() < 0.01:
            room_ma = die.choice((32_000, 32_000, 5_000, 9_000))
        for device in rows:
            room.claim(im.GRID_CODE, device, -OPEN, OPEN, im.REASON_NONE)
            room.claim(im.PANEL, device, -room_ma, room_ma, im.REASON_BREAKER, 1, 1, room_ma)
        commands[im.SETPOINT_MODE + converter] = im.MODE_FOLLOW
        obedience.step(100)
        room.step(100)
        decided = [commands[im.FAULTS], commands[im.MEMORY + im.MEMORY_OBEDIENCE]]
        decided.append(obedience.withheld)
        for device in rows:
            decided += [commands[block + device] for block in RESULTS]
            for source in range(im.SOURCES):
                at = source * im.DEVICES + device
                decided += [commands[block + at] for block in CLAIMS]
        yield decided


def people(image: Image, rows: list[int], die: random.Random) -> Iterator[list[object]]:
    """What is published, and whether it would be told at once, of a house whose limits walk."""
    devices: list[str | None] = [None] * im.DEVICES
    for row, name in zip(rows, TWO, strict=True):
        devices[row] = name
    names = Names(image.site, ("service", "wallbox", "battery"), devices, ("socket",))
    state, events = State(image, "home", names), Events(image, names)
    signature = 0
    for step, _ in enumerate(limits(image, rows, die)):
        if step % 25:
            continue
        events.poll(1)
        told, signature = signature != state.signature(), state.signature()
        # the headline is of the first that is cut short
        whole = json.loads("".join(state.take().pieces(("unit", "why"))))
        yield [told, whole, events.count, instruments(image, names), energised(image, names)]


ROOMS = {"limits": limits, "policy": policy, "ledger": ledger, "people": people}
ROOMS |= vehicle_walk.ROOMS


def main(words: list[str]) -> None:
    rows, seeds = [int(word) for word in words[:2]], words[2:]
    for seed in seeds:
        for name, run in ROOMS.items():
            decided = list(run(house(rows), rows, random.Random(int(seed))))
            print(json.dumps([name, decided]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
