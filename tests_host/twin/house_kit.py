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


def build(seed: int = 1, start: datetime = NOON, **over: Any) -> House:
    """A quiet three-phase house: car, battery inverter, no base load, no sun; `over` adds."""
    data: dict[str, Any] = {
        "circuits": CIRCUITS,
        "charger": {"circuit": "wallbox"},
        "inverter": {"circuit": "battery"},
        "loads": {"annual_kwh": 0, "profile": "none", "flicker_percent": 0},
    }
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(data.get(key), dict)
        data[key] = {**data[key], **value} if both else value
    return House(from_dict(HouseSpec, data), start, seed)


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
    assert house.inverter is not None
    drive(house, enable=True)
    house.inverter.write_setpoint(w, True, 0, 3600)
    return after(house, 8)


def islanded(house: House) -> House:
    """Grid lost; switch open, bond closed, the inverter forms."""
    assert house.inverter is not None
    house.apply("grid.outage", True)
    drive(house, island=False, enable=False)
    after(house, 1)
    drive(house, bond=True)
    after(house, 0.3)
    house.inverter.allow_forming(True)
    drive(house, enable=True)
    return after(house, 3)
