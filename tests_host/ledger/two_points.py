# islet: two points of one board, each with its session, its authorisation and its bit of the seal.
# GPL-3.0-or-later
"""python -m tests_host.ledger.two_points, with a firmware that has rows for them."""

from __future__ import annotations

from firmware import image as im
from firmware.ledger import Ledger
from firmware.ledger.seal import Seal
from firmware.policy import Policy
from tests_host.ledger.flash import Flash, blank
from tests_host.ledger.walk import SECTORS, Board

ROWS = (3, 1)  # of the points' devices
OWNER = {
    "goal": "charge",
    "charge_a": 16,
    "charge_w": 0,
    "discharge_w": 0,
    "sun_start_s": 60,
    "sun_stop_s": 180,
    "sun_start_w": 0,
    "sun_stop_w": 0,
}


def house() -> im.Image:
    image = im.Image()
    site = image.site
    site[im.LEG_COUNT] = 1
    for point, device in enumerate(ROWS):
        site[im.DEVICE_KIND + device] = im.KIND_POINT
        site[im.DEVICE_NODE + device] = point
        site[im.DEVICE_LEG + device * im.LEGS] = 0
        site[im.DEVICE_MAX_MA + device] = 16_000
        site[im.DEVICE_CONTACTOR + device] = point
        site[im.POINT_DEVICE + point] = device
        image.commands[im.POINT_PILOT_STATE + point] = im.PILOT_A
        image.readings[im.DEVICE_AGE_MS + device] = 0
        image.readings[im.DEVICE_MA + device * im.LEGS] = 15_653 * (point + 1)  # 1, 2 Wh a second
    image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
    return image


def plug(image: im.Image, point: int, there: bool) -> None:
    commands = image.commands
    commands[im.POINT_PILOT_STATE + point] = im.PILOT_C if there else im.PILOT_A
    commands[im.POINT_CONTACTOR_STATE + point] = (
        im.CONTACTOR_CLOSED if there else im.CONTACTOR_OPEN
    )
    commands[im.POINT_UNPLUGS + point] += not there


def sessions() -> None:
    image = house()
    names = ["", "left", "", "right"]
    flash = Flash(blank(sum(SECTORS)))
    ledger = Ledger(flash, image, SECTORS, names)
    for second in range(90):
        if second in (0, 50):
            plug(image, 0, second == 0)
        if second in (20, 80):
            plug(image, 1, second == 20)
        if second == 40:  # a pause, while the other one ends
            image.commands[im.POINT_PILOT_STATE + 1] = im.PILOT_B
            image.commands[im.POINT_CONTACTOR_STATE + 1] = im.CONTACTOR_OPEN
        ledger.step(1_000)
    first, second_ = ledger.closed()
    assert (first["name"], first["row"], first["session"]) == ("right", 3, 1), first
    assert (second_["name"], second_["row"], second_["session"]) == ("left", 1, 2), second_
    assert (first["drawn_wh"], second_["drawn_wh"]) == (50, 120), (first, second_)
    assert not ledger.state()["open"]


def authorisations() -> None:
    image = house()
    requests = image.requests
    policy = Policy(image, {"owner." + key: OWNER[key] for key in OWNER})
    for point in (0, 1):
        plug(image, point, True)
        requests[im.POINT_AUTHORISED + point] = 1
    policy.step(1_000)
    plug(image, 1, False)
    image.commands[im.POINT_PILOT_STATE + 1] = im.PILOT_C  # for less than a second
    policy.step(1_000)
    assert [requests[im.POINT_AUTHORISED + point] for point in (0, 1)] == [1, 0]


def seals() -> None:
    for kept in range(4):
        image, board = house(), Board()
        board.bits = kept
        seal = Seal(board, image)
        plug(image, 0, True)
        image.commands[im.POINT_PILOT_STATE + 1] = im.PILOT_UNKNOWN
        seal.step(100)
        assert board.bits == kept, "one is back, the other not yet seen"
        assert image.requests[im.POINT_AUTHORISED] == kept & 1
        image.commands[im.POINT_PILOT_STATE + 1] = im.PILOT_A
        seal.step(100)
        assert board.bits == kept & 1 and not image.requests[im.POINT_AUTHORISED + 1]


if __name__ == "__main__":
    assert im.POINTS == 2 and max(ROWS) < im.DEVICES
    sessions()
    authorisations()
    seals()
