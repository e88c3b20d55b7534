# islet: for the referee's rules about the owner's goal: wrong, and nearly so.
# GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from tests_host.twin.referee_kit import Timeline, at, case, commands
from tests_host.twin.referee_table import Row
from tools.twin.record import image_tables
from tools.twin.referee import goals
from tools.twin.referee.case import Case
from tools.twin.referee.told import Told
from tools.twin.scenario import Event

LEAST_W = 6 * 230 * 3
FREE = {f"CLAIM_LOW[{i}]": -10_000 for i in range(48)}
FREE |= {f"CLAIM_HIGH[{i}]": 40_000 for i in range(48)}


def owner(goal: str, *events: Event, **more: Any) -> Case:
    """A point on three legs and a converter of 5 kW."""
    relieves = more.pop("relieves", False)
    site = {
        "devices": [
            {"name": "evse", "legs": ["L1", "L2", "L3"]},
            {"name": "inverter", "relieves": relieves},
        ],
        "owner": {"goal": goal, "charge_w": 3000, "discharge_w": 2500} | more,
    }
    return case(told=Told(site), events=events, rating_w=5000)


def flows(
    first: float, last: float, house: float = 0, car: float = 0, battery: float = 0, **more: Any
) -> Timeline:
    """W; `left` is what the other sources leave the converter, in (low, high)."""
    low, high = more.pop("left", (-10_000, 40_000))
    lefts = {f"CLAIM_LOW[{image_tables.DEVICES + 1}]": low}
    lefts |= {f"CLAIM_HIGH[{image_tables.DEVICES + 1}]": high}
    row = {"grid_w": house + car + battery, "car.w": car, "inverter.w": battery}
    return at(first, last, 0.5, image=commands(**FREE | lefts), **row | more)


def day(period_s: int, sun_s: int, hold_s: int, many: int, battery: float = 0) -> list[Any]:
    """7 kW of sun for so long of each period; by then the car is at its least for hold_s."""
    found: list[Any] = [*flows(0, 45, -7000, 6900)]
    for k in range(many):
        at_s = 45.5 + k * period_s
        found += flows(at_s, at_s + sun_s, -7000, 6900)
        found += flows(at_s + sun_s + 0.5, at_s + sun_s + hold_s, 500, LEAST_W, battery)
        found += flows(at_s + sun_s + hold_s + 0.5, at_s + period_s, 500)
    return found


HOLD, CHARGE, GIVE = owner("hold"), owner("charge"), owner("discharge")
SUN, SELF = owner("solar"), owner("self")
SAID = Event(60, "mqtt", "islet/set/goal", "hold")
HAND = Event(5, "mqtt", "islet/device/inverter/set/target_w", {"target_w": 900, "ttl_s": 900})
STUCK = Event(5, "set", "inverter.stuck_w", 900)

TABLE: dict[type, tuple[list[Row], list[Row]]] = {
    goals.StandsStill: (
        [
            ("hold, draws", HOLD, lambda: flows(0, 90, battery=300)),
            ("hold, gives", HOLD, lambda: flows(0, 90, battery=-300)),
            ("hold, a car", HOLD, lambda: flows(0, 90, car=1400)),
            ("said to hold", owner("charge", SAID), lambda: flows(0, 150, battery=2000)),
            ("charge, too much", CHARGE, lambda: flows(0, 90, battery=3600)),
            ("charge, gives", CHARGE, lambda: flows(0, 90, battery=-500)),
            ("discharge, too much", GIVE, lambda: flows(0, 90, battery=-2900)),
            ("discharge, a car", GIVE, lambda: flows(0, 90, car=1400)),
        ],
        [
            ("hold", HOLD, lambda: flows(0, 90, house=2000, battery=60)),
            ("hold, late", HOLD, lambda: [*flows(0, 50, car=1400), *flows(50.5, 90)]),
            ("charge", CHARGE, lambda: flows(0, 90, car=7000, battery=3000)),
            ("discharge", GIVE, lambda: flows(0, 90, battery=-2500)),
            ("by hand", owner("hold", HAND), lambda: flows(0, 400, battery=900)),
            ("planted", owner("hold", STUCK), lambda: flows(0, 400, battery=900)),
            ("said", owner("charge", SAID), lambda: [*flows(0, 62, car=2000), *flows(63, 150)]),
            ("relieves", owner("hold", relieves=True), lambda: flows(0, 90, battery=-900)),
            (
                "an island",
                HOLD,
                lambda: flows(0, 90, battery=-900, house_source="form", island_closed=False),
            ),
        ],
    ),
    goals.BySun: (
        [
            ("no sun at all", SUN, lambda: flows(0, 400, 500, LEAST_W)),
            ("twice what there is", SUN, lambda: flows(0, 400, -4000, 8000)),
            ("a battery as well", SUN, lambda: flows(0, 400, -4000, 4100, 3000)),
            ("a battery feeds the car", SUN, lambda: flows(0, 400, -1000, 4100, -3100)),
            ("kept by blips", SUN, lambda: day(170, 8, 161, 4)),
            ("started for each", SUN, lambda: day(300, 30, 180, 4)),
            ("stops sooner", owner("solar", sun_stop_s=30), lambda: day(300, 100, 100, 1)),
        ],
        [
            ("by the sun", SUN, lambda: flows(0, 400, -4000, 4000)),
            ("holds, and stops", SUN, lambda: day(1800, 900, 180, 2)),
            (
                "waits for as much sun",
                SUN,
                lambda: [
                    *day(600, 10, 180, 1),
                    *flows(646, 886, -7000),
                    *flows(886.5, 1066, 500, LEAST_W),
                ],
            ),
            ("shade by the minute", SUN, lambda: day(60, 45, 15, 30)),
            ("late", SUN, lambda: [*flows(0, 60, -9000, 9000), *flows(60.5, 72, 0, 9000)]),
            (
                "a little of the grid",
                owner("solar", sun_stop_w=1500),
                lambda: flows(0, 900, -2900, LEAST_W),
            ),
            ("another goal", CHARGE, lambda: flows(0, 400, 500, 9000)),
            ("the rest to the battery", SUN, lambda: flows(0, 400, -7000, 4140, 2860)),
        ],
    ),
    goals.Balances: (
        [
            ("covers half", SELF, lambda: flows(0, 150, 3000, 0, -1500)),
            ("charges from the grid", SELF, lambda: flows(0, 150, -3500, 0, 5000)),
            ("covers the car", SELF, lambda: flows(0, 150, 500, 4000, -4500)),
            ("exports", SELF, lambda: flows(0, 150, 500, 0, -2500)),
            ("leaves the sun", SELF, lambda: flows(0, 150, -3000, 0, 1000)),
            ("less than it may", SELF, lambda: flows(0, 150, 3000, 0, -500, left=(-1500, 0))),
            (
                "below its reserve",
                SELF,
                lambda: flows(0, 150, 3000, 0, -3000, inverter__soc_percent=20.0),
            ),
        ],
        [
            ("covers it", SELF, lambda: flows(0, 150, 3000, 0, -2950)),
            ("covers what it may", SELF, lambda: flows(0, 150, 3000, 0, -1500, left=(-1500, 0))),
            ("takes the sun", SELF, lambda: flows(0, 150, -3000, 6900, 2950)),
            (
                "at its reserve",
                SELF,
                lambda: flows(0, 150, 3000, 0, 0, inverter__soc_percent=31.0),
            ),
            ("full", SELF, lambda: flows(0, 150, -3000, 0, 0, inverter__soc_percent=99.0)),
            ("late", SELF, lambda: [*flows(0, 60, 3000, 0, -3000), *flows(60.5, 80, 0, 0, -3000)]),
            (
                "a kettle by the minute",
                SELF,
                lambda: [
                    row
                    for k in range(6)
                    for row in (
                        *flows(k * 60, k * 60 + 20, 2500, 0, -500),
                        *flows(k * 60 + 20.5, k * 60 + 59.5, 500, 0, -500),
                    )
                ],
            ),
            ("by hand", owner("self", HAND), lambda: flows(0, 400, 3000, 0, 900)),
        ],
    ),
}
