# islet: for the referee's rules about dark houses, names and what lasts: wrong, and nearly so.
# GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from tests_host.twin.referee_kit import (
    CHARGING,
    FORMING,
    SAG,
    Timeline,
    at,
    case,
    commands,
    dead,
    grants,
    legs,
)
from tests_host.twin.referee_table import Row
from tools.twin.record import image_tables
from tools.twin.referee import lasting, names, supply
from tools.twin.referee.case import Case, GridCode, TripRow
from tools.twin.scenario import Event


def faults(*said: str, **more: int) -> Any:
    bits = sum(1 << image_tables.FAULT_NAMES.index(name) for name in said)
    return commands(FAULTS=bits, **more)


def dark(last_s: float, **changes: Any) -> Timeline:
    """Dark behind an open switch from 10 s on."""
    yield from at(0, 10)
    yield from at(10.1, last_s, island_closed=False, **dead() | changes)


CODE = GridCode(
    230, 3, 0.85, 1.10, 49.5, 50.2, 60.0,
    (TripRow("uv", 0.85, 1.5), TripRow("ov", 1.10, 3.0)), 3.0,
    (TripRow("uv", 0.70, 2.5), TripRow("uv", 0.85, 3.0), TripRow("ov", 1.10, 60.0)),
)  # fmt: skip
GONE = {"grid_present": False, "grid_l1_v": 0.0, "grid_l2_v": 0.0, "grid_l3_v": 0.0}
LOW = {f"{side}_{leg}_v": 138.0 for side in ("grid", "house") for leg in ("l1", "l2", "l3")}
HIGH = {f"{side}_l3_v": 276.0 for side in ("grid", "house")}
ONE_LEG = {"grid_l2_v": 0.0, "house_l2_v": 0.0}


def island(**changes: Any) -> Case:
    return case(**{"islandable": True, "automatic": True, "enter": CODE} | changes)


def fault(name: str, value: Any, at_s: float = 0) -> tuple[Event, ...]:
    return (Event(at_s, "set", name, value),)


def operator(at_s: float, **said: Any) -> Event:
    return Event(at_s, "mqtt", "islet/set/operator", {"device": "evse", **said})


CEASE = operator(10, high=0, until_released=True)
WEAKER = operator(20, high=8000, ttl_s=30)
HOLD = (Event(10, "mqtt", "islet/set/goal", {"goal": "hold"}),)


def heard(high_ma: int, granted_ma: int) -> Any:
    said = {"LEASE_HIGH[3]": high_ma, "LEASE_UNTIL_S[3]": 10**9, "GRANT_HIGH[0]": granted_ma}
    return grants(0, 0, 0, **said)


TABLE: dict[type, tuple[list[Row], list[Row]]] = {
    supply.Dark: (
        [
            ("to the end", case(), lambda: dark(60)),
            ("in a load's window alone", case(), lambda: dark(60, **SAG)),
            ("a name that needs nobody", case(), lambda: dark(60, image=faults("island_stop"))),
            ("bond, not planted", case(), lambda: dark(60, image=faults("bond"))),
        ],
        [
            ("transfer", case(), lambda: dark(39)),
            ("legs apart", case(), lambda: dark(60, grid_l1_v=200.0, grid_l2_v=240.0)),
            ("lost neutral", case(), lambda: dark(60, image=faults("neutral"))),
            ("stop", case(), lambda: dark(60, estop=True)),
            ("named", case(), lambda: dark(500, image=faults("island_close"))),
            (
                "planted bond",
                case(events=fault("relays.bond.aux_stuck", True)),
                lambda: dark(60, image=faults("bond")),
            ),
            (
                "controller off",
                case(events=(Event(5, "controller", "", "off", 60.0),)),
                lambda: dark(60),
            ),
        ],
    ),
    supply.Carried: (
        [
            ("dead", island(), lambda: at(0, 40, **dead() | GONE)),
            ("brown-out", island(), lambda: at(0, 60, **LOW)),
            ("one leg dead", island(), lambda: at(0, 60, **ONE_LEG)),
            ("one leg high", island(), lambda: at(0, 60, **HIGH)),
            ("a name of the car's", island(), lambda: at(0, 40, image=faults("cable"), **GONE)),
        ],
        [
            ("carried", island(), lambda: at(0, 90, **FORMING | GONE)),
            ("for a while", island(), lambda: [*at(0, 20, **dead() | GONE), *at(20.1, 60)]),
            ("rides through", island(), lambda: [*at(0, 2, **LOW), *at(2.1, 60)]),
            ("by hand", island(automatic=False), lambda: at(0, 90, **dead() | GONE)),
            ("cannot", case(enter=CODE), lambda: at(0, 90, **dead() | GONE)),
            ("empty", island(), lambda: at(0, 90, inverter__soc_percent=14.0, **dead() | GONE)),
            ("stop", island(), lambda: at(0, 90, estop=True, **dead() | GONE)),
            ("service", island(), lambda: at(0, 90, service_switch=True, **dead() | GONE)),
            ("named", island(), lambda: at(0, 90, image=faults("island_open"), **GONE)),
            ("never", island(), lambda: at(0, 90, image=commands(ISLAND_WISH=-1), **GONE)),
            (
                "cut wire",
                island(events=fault("inverter.enable_cut", True)),
                lambda: at(0, 90, **dead() | GONE),
            ),
        ],
    ),
    names.Named: (
        [
            ("false alarm", case(), lambda: at(0, 2, image=faults("instrument"))),
            (
                "wrong name",
                case(events=fault("relays.bond.stuck_open", True)),
                lambda: at(0, 2, image=faults("island_open")),
            ),
            (
                "before its cause",
                case(events=fault("car.diode", False, 5)),
                lambda: at(0, 2, image=faults("diode")),
            ),
            ("island", case(islandable=True), lambda: at(0, 2, image=faults("island_load"))),
        ],
        [
            ("a doubt", case(), lambda: [*at(0, 0.9, image=faults("weld")), *at(1, 5)]),
            (
                "its name",
                case(events=fault("relays.bond.stuck_open", True)),
                lambda: at(0, 5, image=faults("bond")),
            ),
            (
                "after it was mended",
                case(events=(*fault("car.diode", False), *fault("car.diode", True, 3))),
                lambda: at(0, 9, image=faults("diode")),
            ),
            (
                "overloaded",
                case(islandable=True, carries_w=5000),
                lambda: at(0, 5, image=faults("island_load"), **FORMING, loads_w=6000.0),
            ),
        ],
    ),
    lasting.Lasts: (
        [
            (
                "forgotten",
                case(events=(CEASE,)),
                lambda: [*at(10, 12, image=heard(0, 0)), *at(12.1, 15, image=heard(0, 9000))],
            ),
            (
                "a weaker one ends it",
                case(events=(CEASE, WEAKER)),
                lambda: [*at(10, 20, image=heard(0, 0)), *at(20.1, 25, image=heard(8000, 8000))],
            ),
            (
                "drawn",
                case(events=(CEASE,)),
                lambda: at(10, 30, image=heard(0, 0), **CHARGING),
            ),
            ("goal", case(events=HOLD), lambda: at(0, 40, **CHARGING)),
            (
                "battery",
                case(events=HOLD),
                lambda: at(0, 40, inverter__w=3000.0, **legs(inverter=4)),
            ),
        ],
        [
            (
                "evse.released",
                case(events=(CEASE, operator(20, release=True))),
                lambda: [*at(10, 20, image=heard(0, 0)), *at(20, 60, **CHARGING)],
            ),
            (
                "ended",
                case(events=(operator(10, high=0, ttl_s=20),)),
                lambda: [*at(10, 28, image=heard(0, 0)), *at(28.1, 60, **CHARGING)],
            ),
            ("not heard", case(events=(CEASE,)), lambda: at(0, 60, image=heard(9000, 9000))),
            (
                "another word",
                case(events=(*HOLD, Event(12, "mqtt", "islet/set/goal", {"goal": "charge"}))),
                lambda: at(0, 60, **CHARGING),
            ),
            (
                "a gateway that forms",
                case(gateway=True, events=HOLD),
                lambda: at(0, 40, inverter__mode="form", **CHARGING),
            ),
            (
                "does not obey",
                case(events=(CEASE, *fault("car.ignores_offer", True))),
                lambda: at(10, 60, image=heard(0, 0), **CHARGING),
            ),
        ],
    ),
}
