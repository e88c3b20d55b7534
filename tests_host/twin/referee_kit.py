# islet: synthetic truth for the referee's tests: a good state, and timelines that change it.
# GPL-3.0-or-later
from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from tools.twin.record import image_tables
from tools.twin.referee import Referee
from tools.twin.referee.case import Case, Circuit, Device, GridCode, TripRow
from tools.twin.referee.gridcode import Unbalance
from tools.twin.referee.published import place
from tools.twin.scenario import Event, Expectation

GOOD: dict[str, Any] = {
    "grid_hz": 50.0, "grid_present": True, "house_source": "grid", "grid_w": 1000.0,
    "car.state": "B", "car.plugged": True, "car.offer_a": 0.0, "ventilation": False,
    "car.parted_live": 0,
    "inverter.soc_percent": 60.0, "inverter.w": 0.0, "inverter.mode": "follow",
    "inverter.fault": "", "inverter.setpoint_w": 0.0, "inverter.enabled": True,
    "evse.closed": False, "island_closed": True, "bond_closed": False, "loads_closed": True,
    "evse.openings": 0, "evse.opened_a": 0.0, "ne_bonds": 1,
    "estop": False, "rcd": False, "overtemp": False,
    "dead_grid_live": False, "inverter.dead_grid_wh": 0.0, "dead_grid_fed_wh": 0.0,
    "service_tripped": False, "wallbox_tripped": False, "battery_tripped": False,
    "roof_tripped": False, "breaker_trips": 0, "evse.released": "",
}  # fmt: skip
for _leg in ("l1", "l2", "l3"):
    GOOD |= {f"grid_{_leg}_v": 230.0, f"house_{_leg}_v": 230.0}
    GOOD |= {f"{what}_{_leg}_a": 0.0 for what in ("wallbox", "battery")}
    GOOD |= {f"{what}.{_leg}_a": 0.0 for what in ("evse", "inverter")}
    GOOD |= {f"service_{_leg}_a": 3.0, f"roof_{_leg}_a": 0.0}

CODE = GridCode(
    230, 3, 0.85, 1.10, 49.5, 50.2, 60.0, (TripRow("uv", 0.7, 1.5), TripRow("of", 51.5, 0.1)), 1.0
)
CIRCUITS = (
    Circuit("service", None, 25, "C", 40, ("evse", "inverter")),
    Circuit("wallbox", "service", 20, "C", 0, ("evse",)),
    Circuit("battery", "service", 16, "C", 0, ("inverter",)),
    Circuit("roof", "service", 40, "C", 0, ()),
)
Timeline = Iterable[tuple[float, dict[str, Any]]]


KINDS = {"evse": "point", "car": "car", "inverter": "converter", "meter": "meter", "pv": "source"}
OF_INVERTER = ("rating_w", "fits", "witnessed")


def case(**changes: Any) -> Case:
    """A point and an inverter, or the inverter behind the point's contactor (gateway)."""
    gateway, meters = changes.pop("gateway", False), changes.pop("meters", ("meter",))
    own = {key: changes.pop(key) for key in OF_INVERTER if key in changes}
    behind: dict[str, Any] = {"point": 0, "contactor": "evse", "car": "car"} if gateway else {}
    point = Device(
        "evse", "point", 0, 0, "evse", gateway="inverter" if gateway else "",
        car="" if gateway else "car", response_s=5, meters=meters,
    )  # fmt: skip
    inverter = Device(
        "inverter", "converter", 1, meters=meters, reserve_percent=30, **behind, **own
    )
    known: dict[str, Any] = {
        "circuits": CIRCUITS, "nominal_v": 230, "enter": CODE, "devices": (point, inverter),
        "former": inverter, "outage_reserve_percent": 10, "kinds": KINDS,
        "settings": {
            "car.diode": True, "car.proximity_ohm": 220.0, "meter.frozen": False,
            "relays.island.open_ms": 20.0, "relays.island.close_ms": 60.0,
        },
    }  # fmt: skip
    return Case(**known | changes)


def at(first: float, last: float, every: Any = 0.1, **changes: Any) -> Timeline:
    """The same state from first to last, both included."""
    for i in range(round((last - first) / every) + 1):
        yield first + i * every, changes


def commands(**values: int) -> dict[str, array[int]]:
    sections = {table.name: table.new() for table in image_tables.TABLES}
    for name, value in values.items():
        section, index = place(name)
        sections[section][index] = value
    return sections


def grants(low: int, high: int, setpoint: int, **more: int) -> dict[str, array[int]]:
    sections = commands(**{"SETPOINT[1]": setpoint}, **more)
    section, index = place("GRANT_LOW[1]")
    sections[section][index] = low
    section, index = place("GRANT_HIGH[1]")
    sections[section][index] = high
    return sections


def play(timeline: Timeline, known: Case, expect: tuple[Expectation, ...] = ()) -> Referee:
    """Run a timeline, each row on top of the good state; `image` and `event` are special."""
    referee = Referee(cast(Any, SimpleNamespace(expect=expect)), known)
    for t_s, changes in timeline:
        row = dict(changes)
        image, event = row.pop("image", None), row.pop("event", None)
        if event:
            referee.event(round(t_s * 1e6), event)
        referee.observe(round(t_s * 1e6), truth(row), image)
    return referee


def truth(row: dict[str, Any]) -> dict[str, Any]:
    """A row on top of the good state; `inverter__w` is inverter.w."""
    return GOOD | {name.replace("__", "."): value for name, value in row.items()}


def counted(
    name: str, last_s: float, on_s: float = 1e9, every_s: float = 1e9, **changes: Any
) -> Timeline:
    """Forming, and a counter of truth that grows for on_s of every every_s from 0.1 s on."""
    state, total, step_s = FORMING | changes, 0.0, 0.05
    for i in range(round(last_s / step_s) + 1):
        yield 0.05 + i * step_s, {**state, name: total}
        if (i * step_s + 1e-9) % every_s < on_s - 1e-9 and i * step_s < last_s - 1e-9:
            total += step_s
    yield last_s + 0.2, {**state, name: total}


def legs(**amps: float) -> dict[str, float]:
    """service=30 -> service_l1_a … service_l3_a = 30; of a device evse.l1_a …"""
    lead = {name: f"{name}." if name in KINDS else f"{name}_" for name in amps}
    return {f"{lead[name]}{leg}_a": a for name, a in amps.items() for leg in ("l1", "l2", "l3")}


def one_leg(**amps: float) -> dict[str, float]:
    """inverter=-20 -> inverter.l1_a and the service's; a closed point besides."""
    return {**CLOSED, "service_l1_a": sum(amps.values())} | {
        f"{name}.l1_a": a for name, a in amps.items()
    }


def german(together: bool = False) -> GridCode:
    """4.6 kVA between the legs."""
    return replace(CODE, unbalance=Unbalance(4600, 4600, together))


CLOSED = {"evse.closed": True}
CHARGING = {**CLOSED, "car.state": "C", **legs(evse=12, wallbox=12, service=15)}
FORMING = {
    "inverter.mode": "form", "house_source": "form", "island_closed": False, "bond_closed": True,
    "grid_present": False, "grid_hz": 0.0, "inverter.w": -800.0,
}  # fmt: skip
DISCHARGE = {"inverter.w": -2000.0, **legs(inverter=-3, battery=-3)}
SILENT = (Event(10, "bus", "meter", "silent", 60),)
GONE = (Event(10, "bus", "inverter", "silent", 60),)
FROZEN = (Event(10, "set", "meter.frozen", True),)
LIES = (Event(0, "set", "relays.island.aux_follows", "coil"),)
SAG = {f"grid_{leg}_v": 191.0 for leg in ("l1", "l2", "l3")}
NO_BOND = (Event(0, "set", "relays.bond.main_lost", True),)
POLE = (Event(0, "set", "evse.contactor.welded_pole", "l2"),)
WELDED = (Event(0, "set", "evse.contactor.welded", True),)
GATEWAY = {"gateway": True, "circuits": CIRCUITS}


def hot(heavy: float) -> dict[str, float]:
    return {**CHARGING, **legs(evse=heavy / 2, wallbox=10, service=heavy)}


def dead() -> dict[str, Any]:
    row: dict[str, Any] = {f"house_{leg}_v": 0.0 for leg in ("l1", "l2", "l3")}
    return row | {"house_source": "dead", "inverter.mode": "off"}


def dying(late_wh: float) -> Timeline:
    """An outage at 1 s: 0.5 Wh until the inverter detects it, and late_wh after 2 s."""
    yield from at(0, 1)
    for i in range(40):
        t_s = 1.1 + i / 10
        fed = min(0.5, 0.05 * i) + (late_wh if t_s > 3.5 else 0.0)
        yield t_s, {"grid_present": False, "inverter.dead_grid_wh": fed}
