"""What the policy wishes for a house of a point and a converter in given rows, second by second;
for tests_host/core/rows_run.py."""

from __future__ import annotations

import random
from collections.abc import Iterator

from firmware import image as im
from firmware.policy import GOALS, Policy

OWNER = {
    "owner.goal": "solar",
    "owner.charge_a": 16,
    "owner.charge_w": 3_000,
    "owner.discharge_w": 2_500,
    "owner.sun_start_s": 60,
    "owner.sun_stop_s": 180,
    "owner.sun_start_w": 0,
    "owner.sun_stop_w": 0,
}
WISHES = (im.MARKET_LOW, im.MARKET_HIGH, im.MARKET_TTL_MS, im.MARKET_SEQ)


def policy(image: im.Image, rows: list[int], die: random.Random) -> Iterator[list[int]]:
    site, readings, commands = image.site, image.readings, image.commands
    point, converter = rows
    site[im.DEVICE_RANK + converter] = 1
    readings[im.POINT_PILOT_AGE_MS] = 0
    owner = Policy(image, OWNER)
    house_w = -3_000
    for _ in range(1_500):
        what = die.randrange(60)
        if what == 0:
            house_w = die.choice((-9_000, -3_000, -1_500, 500, 4_000))
        elif what == 1:
            readings[im.DEVICE_SOC_PERMILLE + converter] = die.choice((290, 310, 330, 800, -1))
        elif what == 2:
            readings[im.DEVICE_AGE_MS + die.choice(rows)] = die.choice((0,) * 6 + (2_500,))
        elif what == 3:
            owner.set_goal(die.choice(("solar", "solar", *(row[0] for row in GOALS))))
        elif what == 4:
            device = die.choice(rows)
            value = die.choice((0, 9_000)) if device == point else die.choice((-2_000, 2_000))
            owner.set_wish(device, value, 20_000, die.random() < 0.5)
        elif what == 5:
            commands[im.ISLAND_STATE] = die.choice((im.ISLAND_GRID,) * 6 + (im.ISLAND_ISLANDED,))
        elif what == 6:
            commands[im.POINT_UNPLUGS] += die.randrange(2)
            image.requests[im.POINT_AUTHORISED] = 1
            image.requests[im.POINT_AUTHORISED_FOR] = commands[im.POINT_UNPLUGS]
        elif what == 7:
            commands[im.POINT_PILOT_STATE] = die.choice((im.PILOT_A, im.PILOT_C))
        for device in rows:
            most = die.choice((0, 20_000, 20_000, 20_000))
            for source in range(im.SOURCES):
                commands[im.CLAIM_HIGH + source * im.DEVICES + device] = most
                commands[im.CLAIM_LOW + source * im.DEVICES + device] = -most
        drawn_ma = die.choice((0, 8_000))
        readings[im.DEVICE_MA + point * im.LEGS] = drawn_ma
        readings[im.DEVICE_W + converter] = image.requests[im.MARKET_LOW + converter]
        readings[im.NODE_W] = house_w + drawn_ma * 230 // 1000
        readings[im.NODE_W] += readings[im.DEVICE_W + converter]
        readings[im.NODE_MA + 1] = die.choice((20_000, 20_000, 36_000))
        owner.step(1_000)
        decided = [image.requests[im.POINT_AUTHORISED], owner.balance.house_w or 0]
        for device in rows:
            decided += [image.requests[block + device] for block in WISHES]
            decided.append(owner.image.requests[im.MARKET_WHY + device])
        yield decided
