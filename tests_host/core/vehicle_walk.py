"""What vehicle and guard decide about one point of the board and its device, walk by walk, for
rows_run.py: with a charging point, and with a gateway that owns its pilot behind the contactor."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial

from firmware import image as im
from firmware.core.vehicle.contactor import Contactor
from firmware.core.vehicle.pilot import Pilot
from firmware.core.vehicle.proximity import Proximity
from firmware.guard import Guard
from firmware.image import Image

STEPS = 1_500
OF_POINT = (
    im.POINT_PILOT_STATE,
    im.POINT_CABLE_MA,
    im.POINT_DUTY_PERMILLE,
    im.POINT_CONTACTOR_STATE,
    im.POINT_UNPLUGS,
    im.POINT_REST_MS,
    im.POINT_WEAR_HOUR_MS,
    im.POINT_WEAR_DAY_MS,
)
LEVELS_MV = (12_000, 9_000, 9_000, 6_000, 6_000, 6_000, 6_000, 3_000, 0)


def wired(image: Image, rows: list[int], gateway: bool, index: int) -> int:
    """The contactor of the board's index point lies in the circuit of the point, or of a gateway
    that owns its pilot; returns its device."""
    site, (point, converter) = image.site, rows
    device = converter if gateway else point
    site[im.DEVICE_CONTACTOR + point] = -1 if gateway else index
    site[im.DEVICE_KIND + point] = im.KIND_NONE if gateway else im.KIND_POINT
    site[im.DEVICE_CONTACTOR + converter] = index if gateway else -1
    site[im.DEVICE_OWNS_PILOT + converter] = int(gateway)
    site[im.DEVICE_MAX_MA + converter] = 32_000
    site[im.POINT_DEVICE + index] = device
    site[im.POINT_AUTH_REQUIRED + index] = 1
    image.requests[im.POINT_AUTHORISED + index] = 1
    return device


def charging(
    image: Image, rows: list[int], die: random.Random, gateway: bool
) -> Iterator[list[int]]:
    point = im.POINTS - 1
    device = wired(image, rows, gateway, point)
    commands, readings, requests = image.commands, image.readings, image.requests
    pilot, proximity = Pilot(image, point), Proximity(image, point)
    contactor = Contactor(image, pilot, point)
    level_mv, low_mv, ohm, closed, ma, lag = 6_000, -12_000, 220, False, 0, 0
    for _ in range(STEPS):
        what = die.randrange(60)
        if what == 0:
            level_mv = die.choice(LEVELS_MV)
            if level_mv == 12_000:
                readings[im.POINT_PILOT_UNPLUGS + point] += 1
        elif what == 1:
            low_mv = die.choice((-12_000,) * 6 + (-6_000,))
        elif what == 2:
            ohm = die.choice((220,) * 6 + (50, 680, 3_000))
        elif what == 3:
            readings[im.DEVICE_AGE_MS + device] = die.choice((0,) * 6 + (400, 2_500))
        elif what == 4:
            commands[im.SETPOINT + device] = die.choice((16_000, 16_000, 16_000, 6_000, 0))
        elif what == 5:
            readings[im.DEVICE_FAULT + device] = int(die.random() < 0.2)
            readings[im.DEVICE_PLUGGED + device] = int(die.random() < 0.8)
        elif what == 6:
            requests[im.ACKNOWLEDGE_SEQ] += 1
        elif what == 7:
            requests[im.POINT_AUTHORISED_FOR + point] = commands[im.POINT_UNPLUGS + point]
        elif what == 8:
            commands[im.DEVICE_OVERDUE + device] = int(die.random() < 0.2)
        elif what == 9:
            commands[im.ISLAND_STATE] = die.choice((im.ISLAND_GRID,) * 6 + (im.ISLAND_ISLANDED,))
        elif what == 10:
            lag = die.choice((0, 0, 0, 3, 8))
        elif what == 11:
            ma = die.choice((0, 0, 500, 8_000, 15_000, 20_000))
        readings[im.POINT_HIGH_MV + point], readings[im.POINT_LOW_MV + point] = level_mv, low_mv
        readings[im.POINT_PILOT_AGE_MS + point] = readings[im.POINT_PROXIMITY_AGE_MS + point] = 0
        readings[im.POINT_PROXIMITY_OHM + point] = ohm
        wanted = contactor.permit != 0
        if wanted != closed and (not lag or die.randrange(lag) == 0):
            closed = wanted
        readings[im.INPUTS] = closes(point) if closed else 0
        readings[im.DEVICE_MA + device * im.LEGS] = ma if closed else 0
        pilot.step(100)
        proximity.step(100)
        contactor.step(100)
        pilot.drive()
        decided = [commands[block + point] for block in OF_POINT]
        decided += [commands[im.FAULTS], int(contactor.permit != 0), contactor.faults]
        yield decided


def closes(point: int) -> int:
    """The auxiliary contact of a point's contactor."""
    return im.IN_CONTACTOR << im.IN_SHIFT * point


def as_of_first(bits: int, point: int, shift: int) -> int:
    """Bits of a word that are the site's or the point's, where those of the first point lie."""
    return bits & (1 << shift) - 1 | bits >> shift * point


class Pins:
    def write_outputs(self, bits: int) -> None:
        self.bits = bits


def guarded(
    image: Image, rows: list[int], die: random.Random, gateway: bool
) -> Iterator[list[int]]:
    point, converter = im.POINTS - 1, rows[1]
    wired(image, rows, gateway, point)
    pins, live, commands = Pins(), image.live, image.commands
    image.site[im.ISLAND_CAPABLE] = 1
    for i in image.ages:
        live[i] = 0
    for leg in range(im.LEGS):
        live[im.FAST_GRID_MV + leg] = 230_000
    guard = Guard(image, pins)
    for _ in range(STEPS):
        what = die.randrange(20)
        commands[im.BEAT] += 1
        if what == 0:
            ma = die.choice((0, 16_000, 16_000, 80_000))
            live[im.POINT_FAST_MA + point * im.LEGS] = ma
        elif what == 1:
            live[im.POINT_HIGH_MV + point] = die.choice(LEVELS_MV)
        elif what == 2:
            live[im.POINT_LOW_MV + point] = die.choice((-12_000,) * 4 + (-6_000,))
        elif what == 3:
            live[im.INPUTS] = die.choice((0, im.IN_ISLAND_OPEN, im.IN_ISLAND_OPEN | im.IN_BOND))
        elif what == 4:
            commands[im.SETPOINT_MODE + converter] = die.choice((1, 1, 2))
        elif what == 5:
            commands[im.PERMITS] = im.OUT_CONTACTOR << im.OUT_SHIFT * point | die.choice(
                (0, im.OUT_ENABLE, im.OUT_BOND)
            )
        elif what < 10:
            commands[im.TRIP_ACK] = image.trips[im.TRIPPED]
        guard.tick(10)
        tripped = as_of_first(image.trips[im.TRIPPED], point, im.TRIP_SHIFT)
        yield [as_of_first(pins.bits, point, im.OUT_SHIFT), tripped, image.trips[im.TRIP_VALUE]]


def both(
    walk: Callable[..., Iterator[list[int]]],
) -> tuple[Callable[..., Iterator[list[int]]], ...]:
    """With a charging point, and with a gateway behind the contactor."""
    return tuple(partial(walk, gateway=gateway) for gateway in (False, True))


ROOMS: dict[str, Callable[..., Iterator[list[int]]]] = {}
ROOMS["vehicle"], ROOMS["vehicle of a gateway"] = both(charging)
ROOMS["guard"], ROOMS["guard of a gateway"] = both(guarded)
