# islet: small houses for the tests of the twin.
# GPL-3.0-or-later
from __future__ import annotations

from datetime import datetime
from typing import Any

from tools.twin.house import House, HouseSpec, from_dict

NOON = datetime.fromisoformat("2026-06-15T12:00:00+02:00")
SECOND = 1_000_000
DUTY_16_A = 16 / 60
DUTY_10_A = 10 / 60

CIRCUITS = [
    {"name": "service", "breaker_a": 63},
    {"name": "wallbox", "parent": "service", "breaker_a": 32},
    {"name": "battery", "parent": "service", "breaker_a": 32},
    {"name": "roof", "parent": "service", "breaker_a": 32},
    {"name": "rooms", "parent": "service", "breaker_a": 16},
]


ROWS: dict[str, tuple[str, dict[str, Any]]] = {  # name: list, and the usual row of that name
    "evse": ("points", {"circuit": "wallbox"}),
    "car": ("cars", {"at": "evse"}),
    "inverter": ("converters", {"circuit": "battery"}),
    "pv": ("sources", {"circuit": "roof"}),
    "household": ("storages", {}),
    "meter": ("meters", {}),
}
GATEWAY: dict[str, Any] = {"car": {"at": "inverter"}, "inverter": {"point": "evse"}}


def document(**over: Any) -> dict[str, Any]:
    """A quiet three-phase house: car, battery inverter, no base load, no sun. `over` adds to its
    parts and to its rows of these names, or takes them out (None)."""
    data: dict[str, Any] = {
        "circuits": CIRCUITS,
        "loads": {"annual_kwh": 0, "profile": "none", "flicker_percent": 0},
    }
    given = {"evse": {}, "car": {}, "inverter": {}, "meter": {}} | over
    for key, value in given.items():
        if key in ROWS:
            rows, usual = ROWS[key]
            data[rows] = [{"name": key, **usual, **value}] if value is not None else []
        else:
            both = isinstance(value, dict) and isinstance(data.get(key), dict)
            data[key] = {**data[key], **value} if both else value
    return data


def build(seed: int = 1, start: datetime = NOON, **over: Any) -> House:
    """The house of `document`."""
    return House(from_dict(HouseSpec, document(**over)), start, seed)


def after(house: House, seconds: float) -> House:
    """Let time pass in the runner's 100 ms."""
    end = house.now_us + round(seconds * SECOND)
    while house.now_us < end:
        house.advance(min(end, house.now_us + 100_000))
    return house


def drive(house: House, **levels: bool | None) -> House:
    for name, level in levels.items():
        house.set_output(name, level)
    return house


def charging(house: House, duty: float = DUTY_16_A) -> House:
    """Plugged car, contactor closed, drawing what is offered."""
    drive(house, contactor=True).set_pilot(1000, duty)
    return after(house, 10)


def following(house: House, w: float) -> House:
    drive(house, enable=True)
    house.rows["inverter"].write_setpoint(w, True, 0, 3600)
    return after(house, 8)


def islanded(house: House) -> House:
    """Grid lost; switch open, bond closed, the inverter forms."""
    house.apply("grid.outage", True)
    drive(house, island=False, enable=False)
    after(house, 1)
    drive(house, bond=True)
    after(house, 0.3)
    house.rows["inverter"].allow_forming(True)
    drive(house, enable=True)
    return after(house, 3)
