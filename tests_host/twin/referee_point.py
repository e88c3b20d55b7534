# islet: the referee's rules of the point: what breaks them, and what comes close and is right.
# GPL-3.0-or-later
from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

from tests_host.twin.referee_kit import (
    CHARGING,
    CLOSED,
    GATEWAY,
    POLE,
    WELDED,
    Timeline,
    at,
    case,
    commands,
    legs,
)
from tools.twin.referee import obedience, point
from tools.twin.referee.case import Case
from tools.twin.referee.published import bit_of
from tools.twin.scenario import Event

PEN = {"pen_watched": True}
MENDED = (Event(60, "set", "evse.contactor.stuck_open", False),)
DRAWN = {"car.state": "C", **legs(evse=8.6)}


def faults(
    *names: str, outputs: tuple[str, ...] = (), acknowledge: int = 0
) -> dict[str, array[int]]:
    return commands(
        FAULTS=sum(bit_of("FAULTS", n) for n in names),
        OUTPUTS=sum(bit_of("OUTPUTS", n) for n in outputs),
        ACKNOWLEDGE_SEQ=acknowledge,
    )


def drawing(amps: float, offer_a: float, seconds: float, **more: Any) -> Timeline:
    image = commands(SETPOINT=round(offer_a * 1000))
    return at(0, seconds, **CHARGING | legs(evse=amps) | {"image": image} | more)


def cable(ohm: float) -> Case:
    return case(settings={"car.proximity_ohm": ohm, "car.diode": True})


def closings(times: list[float], last_s: float, off_s: float = 20.0) -> Timeline:
    """Closed at each of the times, opened off_s before the next one."""
    rows = [(t, 1, 0) for t in times] + [(t - off_s, 0, 1) for t in times[1:]]
    closed = opened = 0
    yield 0.0, {"evse.closings": 0}
    for t_s, c, o in sorted(rows):
        closed, opened = closed + c, opened + o
        yield t_s, {"evse.closings": closed, "evse.openings": opened}
    yield last_s, {"evse.closings": closed, "evse.openings": opened}


def lost_pen(volts: float, seconds: float, **more: Any) -> Timeline:
    yield from at(0, 5, **CHARGING)
    yield from at(5.1, 5 + seconds, **CHARGING, grid_l2_v=volts, **more)


def again(acknowledge: int) -> Timeline:
    """Opened on a lost PEN, inside again, closed with or without a person."""
    yield from lost_pen(257.0, 4)
    yield from at(9.1, 20, grid_l2_v=257.0, image=faults("pen"))
    yield from at(20.1, 60, image=faults("pen"))
    yield from at(60.1, 70, image=faults(acknowledge=acknowledge))
    yield from at(70.1, 80, image=faults(acknowledge=acknowledge), **CHARGING)


Row = tuple[str, Case, Callable[[], Timeline]]
TABLE: dict[type, tuple[list[Row], list[Row]]] = {
    obedience.Follows: (
        [
            ("beyond its offer", case(), lambda: drawing(11.0, 10.0, 12)),
            ("told to stop", case(), lambda: drawing(6.0, 0.0, 12)),
            ("13 A cable", cable(1500.0), lambda: drawing(14.6, 14.6, 12)),
            ("20 A cable", cable(680.0), lambda: drawing(22.0, 32.0, 12)),
            ("32 A cable", cable(220.0), lambda: drawing(34.0, 40.0, 12)),
            ("no cable", cable(1e6), lambda: drawing(6.0, 6.0, 12)),
            (
                "by turns",
                case(),
                lambda: (
                    row for i in range(60)
                    for row in ((i / 2, CHARGING | legs(evse=0.0 if i % 5 == 4 else 13.0)
                                 | {"image": commands(SETPOINT=10_000)}),)
                ),
            ),
        ],
        [
            ("within", case(), lambda: drawing(10.4, 10.0, 60)),
            ("within 5 %", case(), lambda: drawing(33.4, 32.0, 60)),
            ("13 A", cable(1500.0), lambda: drawing(13.5, 14.0, 60)),
            ("opened", case(), lambda: [*drawing(11.0, 10.0, 9), *at(9.1, 60)]),
            ("welded", case(events=WELDED), lambda: drawing(11.0, 0.0, 60)),
            ("gateway", case(**GATEWAY), lambda: drawing(11.0, 0.0, 60)),
            (
                "follows late",
                case(),
                lambda: (
                    (i / 10, CHARGING | legs(evse=max(6.2, 32 - i / 20 + 3.0))
                     | {"image": commands(SETPOINT=max(6_000, 32_000 - 50 * i))})
                    for i in range(800)
                ),
            ),
        ],
    ),
    point.Through: (
        [
            ("no name", case(), lambda: at(0, 10, **DRAWN, image=faults())),
            ("another's", case(), lambda: at(0, 10, **DRAWN, image=faults("not_followed"))),
            ("one pole", case(events=POLE), lambda: at(0, 10, **CLOSED, image=faults())),
            ("one pole, drawn", case(events=POLE), lambda: at(0, 10, **DRAWN, image=faults())),
            ("nothing drawn", case(events=WELDED), lambda: at(0, 10, **CLOSED, image=faults())),
            ("weld alone", case(), lambda: at(0, 10, **DRAWN, image=faults("weld"))),
            (
                "release in vain",
                case(),
                lambda: at(0, 15, **DRAWN, image=faults("weld", outputs=("release",))),
            ),
            ("gateway", case(**GATEWAY), lambda: at(0, 10, **DRAWN, image=faults())),
        ],
        [
            (
                "permitted",
                case(),
                lambda: at(0, 60, **DRAWN, image=faults(outputs=("contactor",))),
            ),
            (
                "named by its auxiliary",
                case(events=POLE),
                lambda: at(0, 60, **CLOSED, image=faults("weld", "stays_live")),
            ),
            (
                "an auxiliary that lies",
                case(events=(*WELDED, Event(0, "set", "evse.contactor.aux_stuck", False))),
                lambda: at(0, 60, **CLOSED, image=faults()),
            ),
            ("named in time", case(), lambda: [
                *at(0, 3.5, **DRAWN, image=faults()),
                *at(3.6, 60, **DRAWN, image=faults("weld", "stays_live")),
            ]),
            ("released", case(), lambda: [
                *at(0, 3.5, **DRAWN, image=faults()),
                *at(3.6, 7, **DRAWN, image=faults("weld", outputs=("release",))),
                *at(7.1, 60, image=faults("weld", outputs=("release",))),
            ]),
            ("leakage", case(), lambda: at(0, 60, **legs(evse=0.9), image=faults())),
            ("unpublished", case(), lambda: at(0, 60, **DRAWN)),
            (
                "its meter is silent",
                case(events=(Event(0, "bus", "evse", "silent", 60),)),
                lambda: at(0, 50, **DRAWN, image=faults()),
            ),
        ],
    ),
    point.Pen: (
        [
            ("257 V", case(**PEN), lambda: lost_pen(257.0, 6)),
            ("200 V", case(**PEN), lambda: lost_pen(200.0, 6, touch_v=40.0)),
            ("again", case(**PEN), lambda: again(0)),
        ],
        [
            ("in time", case(**PEN), lambda: [*lost_pen(257.0, 4.5), *at(9.6, 60, grid_l2_v=257)]),
            ("no PEN", case(), lambda: lost_pen(257.0, 60)),
            ("inside", case(**PEN), lambda: lost_pen(253.0, 60)),
            ("edge", case(**PEN), lambda: lost_pen(206.5, 60)),
            ("one pole", case(**PEN, events=POLE), lambda: lost_pen(257.0, 60)),
            ("welded", case(**PEN, events=WELDED), lambda: lost_pen(257.0, 60)),
            ("a person", case(**PEN), lambda: again(1)),
            ("outage", case(**PEN), lambda: at(0, 60, **CLOSED, **{
                f"grid_{leg}_v": 0.0 for leg in ("l1", "l2", "l3")})),
            ("glitches", case(**PEN), lambda: (
                row for i in range(20)
                for row in (*at(20 * i, 20 * i + 4, **CHARGING, grid_l2_v=257.0),
                            *at(20 * i + 4.1, 20 * i + 19.9, **CHARGING))
            )),
        ],
    ),
    point.Wear: (
        [
            ("530 an hour", case(), lambda: closings([6.8 * i + 6 for i in range(22)], 160, 5.5)),
            ("13 in an hour", case(), lambda: closings([270.0 * i + 9 for i in range(13)], 3600)),
            ("49 in a day", case(), lambda: closings([1700.0 * i + 9 for i in range(49)], 86_000)),
            ("at once", case(), lambda: closings([10, 60], 90, 2.0)),
        ],
        [
            ("12 in an hour", case(), lambda: closings([290.0 * i + 9 for i in range(12)], 3500)),
            ("one each 10 min", case(), lambda: closings([600.0 * i + 9 for i in range(6)], 9000)),
            ("48 in a day", case(), lambda: closings([1800.0 * i + 9 for i in range(48)], 86_000)),
            ("a person", case(), lambda: [
                *((t, row | {"image": faults()}) for t, row in
                  closings([60.0 * i + 9 for i in range(12)], 700)),
                (720, {"evse.closings": 12, "evse.openings": 11,
                       "image": faults(acknowledge=1)}),
                (721, {"evse.closings": 12, "evse.openings": 12,
                       "image": faults(acknowledge=1)}),
                (740, {"evse.closings": 13, "evse.openings": 12,
                       "image": faults(acknowledge=1)}),
            ]),
            ("meddled with", case(events=MENDED),
             lambda: closings([10, 60], 90, 2.0)),
        ],
    ),
}  # fmt: skip
