"""What people read and ask for on a site with two points, a gateway, a house battery and PV.

python -m tests_host.people.estate ROW ROW ROW ROW [POINT POINT]: with the firmware that
sys.path finds first, whose image has room for them; prints JSON. The gateway stands behind the
first point's contactor, a charging point is the second.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from firmware import image as im
from firmware.people import alerts, leases
from firmware.people.asked import OWNER
from firmware.people.commands import Commands
from firmware.people.events import Events
from firmware.people.names import Names
from firmware.people.standing import energised, instruments
from firmware.people.state import State
from tests_host.net.small_site import claim

NODES = ("service", "garage", "drive", "carport", "cellar", "roof")
DEVICES = ("gateway", "carport", "battery", "roof")
POINTS = ("drive", "carport")
LEGS = ((0, 1, 2), (1, 2), (1,), (0, 1, 2))


def estate(rows: list[int], points: list[int]) -> tuple[im.Image, Names]:
    image = im.Image()
    site, readings, commands = image.site, image.readings, image.commands
    site[im.LEG_COUNT], site[im.NODE_COUNT] = 3, len(NODES)
    for node, (parent, rating) in enumerate(
        ((-1, 35), (0, 32), (1, 20), (1, 20), (0, 20), (0, 16))
    ):
        site[im.NODE_PARENT + node], site[im.NODE_RATING_MA + node] = parent, rating * 1000
        readings[im.NODE_AGE_MS + node] = 400 if node < 2 else im.AGE_MAX_MS
        site[im.NODE_INSTRUMENT + node] = im.INSTRUMENT_METER if node < 2 else 0
    kinds = (im.KIND_CONVERTER, im.KIND_POINT, im.KIND_CONVERTER, im.KIND_SOURCE)
    behind = (im.BEHIND_CAR, im.BEHIND_CAR, im.BEHIND_BATTERY, 0)
    for i, row in enumerate(rows):
        site[im.DEVICE_KIND + row], site[im.DEVICE_BEHIND + row] = kinds[i], behind[i]
        site[im.DEVICE_NODE + row] = i + 2
        readings[im.DEVICE_AGE_MS + row] = readings[im.DEVICE_SOC_AGE_MS + row] = 100
        for k, leg in enumerate(LEGS[i]):
            site[im.DEVICE_LEG + row * im.LEGS + k] = leg
    gateway, carport, battery, roof = rows
    site[im.POINT_DEVICE + points[0]], site[im.POINT_DEVICE + points[1]] = gateway, carport
    site[im.DEVICE_CONTACTOR + gateway], site[im.DEVICE_CONTACTOR + carport] = points
    site[im.DEVICE_OWNS_PILOT + gateway] = 1
    site[im.POINT_AUTH_REQUIRED + points[1]] = 1
    site[im.DEVICE_MAX_MA + carport] = 16_000
    for row, watts in ((gateway, 9_000), (battery, 4_000), (roof, 6_000)):
        site[im.DEVICE_CHARGE_W + row] = 0 if row == roof else watts
        site[im.DEVICE_DISCHARGE_W + row] = watts
    site[im.ISLAND_DEVICE] = battery
    site[im.DEVICE_STRINGS_W + battery], readings[im.DEVICE_SUN_W + battery] = 3_000, 1_200
    commands[im.ISLAND_STATE], commands[im.GRID_STATE] = im.ISLAND_GRID, im.GRID_IN_SERVICE
    commands[im.POINT_PILOT_STATE + points[1]] = im.PILOT_C
    commands[im.POINT_CONTACTOR_STATE + points[1]] = im.CONTACTOR_CLOSED
    commands[im.POINT_CABLE_MA + points[1]] = 20_000
    draw(image, gateway, 5_200, (7_500, 7_600, 7_500))
    draw(image, carport, 0, (10_900, 11_000))
    draw(image, battery, -900, (-3_900,))
    draw(image, roof, -4_100, (-5_900, -6_000, -5_900))
    for row, permille in ((gateway, 620), (battery, 480)):
        readings[im.DEVICE_SOC_PERMILLE + row] = permille
        readings[im.DEVICE_PLUGGED + row] = 1
        readings[im.DEVICE_MODE + row] = im.MODE_FOLLOW
    for row, wish, grant in (
        (gateway, 9_000, 5_300),
        (carport, 16_000, 11_200),
        (battery, -900, 900),
        (roof, 0, 0),
    ):
        claim(image, im.HARDWARE, row, -9_000, 16_000, im.REASON_RATING)
        claim(image, im.MARKET, row, min(wish, 0), wish, im.REASON_GOAL)
        commands[im.SETPOINT + row] = grant if wish > 0 else wish
        commands[im.GRANT_HIGH + row], commands[im.GRANT_LOW + row] = grant, -6_000
    claim(image, im.MARKET, gateway, 9_000, 9_000, im.REASON_GOAL)
    for row in (gateway, carport):
        high = commands[im.GRANT_HIGH + row]
        claim(image, im.PANEL, row, -9_000, high, im.REASON_BREAKER, 1, 1, 300)
        commands[im.WINNER_HIGH + row] = im.PANEL
    commands[im.DEVICE_AFTER + gateway] = carport
    for leg, ma in enumerate((8_200, 19_900, 11_400)):
        readings[im.NODE_MA + leg], readings[im.NODE_W + leg] = ma, ma * 23 // 100
        readings[im.NODE_MA + im.LEGS + leg] = 7_500 + (11_000 if leg else 0)
        readings[im.GRID_MV + leg] = readings[im.HOUSE_MV + leg] = 231_000 + leg * 400
    readings[im.GRID_MHZ] = readings[im.HOUSE_MHZ] = 50_010
    readings[im.GRID_AGE_MS] = readings[im.HOUSE_AGE_MS] = 20
    image.requests[im.RESERVE_PERMILLE] = image.requests[im.OUTAGE_RESERVE_PERMILLE] = 300
    devices: list[str | None] = [None] * im.DEVICES
    for row, name in zip(rows, DEVICES, strict=True):
        devices[row] = name
    named = list(POINTS) if points[0] < points[1] else list(POINTS)[::-1]
    return image, Names(site, NODES, devices, named)


def draw(image: im.Image, row: int, w: int, ma: tuple[int, ...]) -> None:
    image.readings[im.DEVICE_W + row] = w
    for k, each in enumerate(ma):
        image.readings[im.DEVICE_MA + row * im.LEGS + k] = each


class Policy:
    """Notes what it was told, by the device's name."""

    def __init__(self, names: Names) -> None:
        self.names, self.said = names, []

    def goals(self) -> list[str]:
        return ["hold", "charge", "solar", "self", "discharge"]

    def set_goal(self, name: str) -> None:
        self.said.append(["goal", name])

    def set_wish(self, device: int, value: int, ttl_ms: int) -> None:
        self.said.append([self.names.device(device), value, ttl_ms])


ASKED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("charge_ma", {"charge_ma": 7_000}),
    ("charge_ma", {"charge_ma": 7_000, "device": "carport"}),
    ("charge_ma", {"charge_ma": 7_000, "device": "battery"}),
    ("charge_ma", {"charge_ma": 7_000, "device": "drive"}),
    ("target_w", {"target_w": -500}),
    ("target_w", {"target_w": -500, "device": "battery"}),
    ("target_w", {"target_w": -5_000, "device": "battery"}),
    ("target_w", {"target_w": 8_000, "device": "gateway"}),
    ("target_w", {"target_w": 100, "device": "roof"}),
    ("authorise", {"authorised": True}),
    ("authorise", {"authorised": True, "point": "carport"}),
    ("authorise", {"authorised": True, "point": "gateway"}),
    ("authorise", {"authorised": False, "point": "drive"}),
    ("limit", {"device": "battery", "high": 1_000, "ttl_s": 60}),
    ("limit", {"device": "all", "high": 0, "ttl_s": 60}),
    ("limit", {"device": "cellar", "high": 0, "ttl_s": 60}),
    ("limit", {"node": "garage", "high": 9_000, "ttl_s": 60}),
)


def commands(image: im.Image, names: Names, rows: list[int], points: list[int]) -> Any:
    policy = Policy(names)
    made = Commands(image, policy, names)
    answers = [made.handle(name, dict(body), OWNER) for name, body in ASKED]
    wrong = made.handle(
        "charge_ma", {"charge_ma": 0, "device": "carport"}, OWNER, ("device", "roof")
    )
    right = made.handle("charge_ma", b"8000", OWNER, ("device", "carport"))
    authorised = [image.requests[im.POINT_AUTHORISED + point] for point in points]
    owner = im.ISSUER_NAMES.index("owner")
    held = [len([s for s in leases.standing(image, owner, row) if s]) for row in rows]
    return [answers, wrong, right, policy.said, authorised, held]


def reasons(image: im.Image, names: Names, rows: list[int], _points: list[int]) -> Any:
    """The sentence of each device for each reason, as if it were what binds."""
    found: dict[str, dict[str, str]] = {}
    state = State(image, "estate", names)
    for name, code in vars(im).items():
        if not name.startswith("REASON_"):
            continue
        for row in rows:
            claim(image, im.PANEL, row, -1, -1, code, 1, 2, 300)
            claim(image, im.MARKET, row, 0, 0, im.REASON_GOAL)
            image.commands[im.GRANT_HIGH + row] = -1
            image.commands[im.WINNER_HIGH + row] = im.PANEL
            image.commands[im.SETPOINT + row] = 0
        state.take()
        found[name] = {names.device(row): state.reasons.explain(row) for row in rows}
    return found


def faults(image: im.Image, names: Names, rows: list[int], points: list[int]) -> Any:
    """Each fault, of the battery and of the second point where the image can say so."""
    commands, found = image.commands, {}
    commands[im.DEVICE_OBEDIENCE + rows[2]] = im.OBEY_OFF
    commands[im.DEVICE_ENABLE_BAR + rows[2]] = im.BAR_ENABLE
    commands[im.DOUBTED_NODE], commands[im.DOUBTED_LEG] = 4, 1
    for bit, name in enumerate(im.FAULT_NAMES):
        commands[im.FAULTS] = 1 << bit
        commands[im.POINT_FAULTS + points[1]] = 1 << bit & im.FAULTS_OF_POINT
        found[name] = list(alerts.faults(names, commands))
    both = im.FAULT_WELD
    commands[im.FAULTS] = both
    commands[im.POINT_FAULTS + points[0]] = commands[im.POINT_FAULTS + points[1]] = both
    found["weld of both"] = sorted(alerts.faults(names, commands), key=str)
    return found


def trips(image: im.Image, names: Names, _rows: list[int], points: list[int]) -> Any:
    """Each trip, of the second point where it is a point's."""
    found = {}
    for bit, name in enumerate(im.TRIP_NAMES):
        shift = im.TRIP_SHIFT * points[1] if 1 << bit & im.POINT_TRIPS else 0
        found[name] = list(alerts.trips(names, 1 << bit << shift))
    return found


def energised_points(image: im.Image, names: Names, _rows: list[int], points: list[int]) -> Any:
    image.trips[im.OUTPUTS] = im.OUT_CONTACTOR << im.OUT_SHIFT * points[1]
    by_output = energised(image, names)
    image.trips[im.OUTPUTS] = 0
    image.live[im.INPUTS] = im.IN_CONTACTOR << im.IN_SHIFT * points[0]
    return [by_output, energised(image, names), energised(image, names, False)]


def events(image: im.Image, names: Names, rows: list[int], points: list[int]) -> Any:
    made, commands = Events(image, names), image.commands
    for point, state in ((points[1], im.PILOT_B), (points[0], im.PILOT_A), (points[1], 3)):
        commands[im.POINT_PILOT_STATE + point] = state
        made.poll()
    commands[im.FAULTS] = im.FAULT_WELD  # of one point, of both, of the other, of none
    for point, own in ((points[1], im.FAULT_WELD), (points[0], im.FAULT_WELD), (points[1], 0)):
        commands[im.POINT_FAULTS + point] = own
        made.poll()
    commands[im.FAULTS] = commands[im.POINT_FAULTS + points[0]] = 0
    made.poll()
    commands[im.FAULTS] = im.FAULT_ENABLE
    commands[im.DEVICE_ENABLE_BAR + rows[0]] = im.BAR_ENABLE
    made.poll()
    image.trips[im.TRIPPED] = im.TRIP_SHORT
    made.poll()
    commands[im.FAULTS] = 0
    made.poll()
    return [json.loads(text) for text in made.after(0)]


def state(image: im.Image, names: Names, rows: list[int], points: list[int]) -> Any:
    made = State(image, "estate", names).take()
    longest = max(map(len, made.pieces()))
    return {**json.loads("".join(made.pieces())), "longest": longest}


def instrument_names(image: im.Image, names: Names, rows: list[int], points: list[int]) -> Any:
    return instruments(image, names)


PARTS = {
    "state": state,
    "instruments": instrument_names,
    "commands": commands,
    "reasons": reasons,
    "faults": faults,
    "trips": trips,
    "energised": energised_points,
    "events": events,
}


def main(words: list[str]) -> None:
    numbers = [int(word) for word in words]
    rows, points = numbers[:4], numbers[4:] or [0, 1]
    print(
        json.dumps(
            {name: part(*estate(rows, points), rows, points) for name, part in PARTS.items()}
        )
    )


if __name__ == "__main__":
    main(sys.argv[1:])
