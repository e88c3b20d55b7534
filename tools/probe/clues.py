# islet: what speaks for a profile, and what against it.
# GPL-3.0-or-later
"""Most registers of most devices read 0, and 0 fits everything. A clue is what few devices show by
chance: a grid's voltage and frequency, legs that add up, a state that has a name, a number that a
wrong type or word order would spoil. Points only rank them; people read the words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tools.probe.profiles import Value

GRID_MV, GRID_MHZ = (80_000, 300_000), (45_000, 65_000)
FLOOR_W = 50  # smaller powers show nothing
APART_W, APART_PERCENT = 30, 10  # between two requests a house moves a little
SIZE_W = (300, 200_000)  # of what people have at home, by its nameplate
LIKELY, POSSIBLE = 6, 2  # points
WHOLE = 0  # the leg of a row that is of none


class Clue(NamedTuple):
    points: int
    text: str


Values = Mapping[tuple[str, int], "Value"]
Find = Callable[[Values], Iterator[Clue]]


def find(values: list[Value]) -> list[Clue]:
    """All that is seen, the strongest first."""
    there = {value.key: value for value in values if value.value is not None}
    clues = [clue for each in FINDERS for clue in each(there)]
    raw = [value.raw for value in values if any(value.raw)]
    if len(raw) > 3 and len({word for words in raw for word in words}) == 1:
        clues.append(Clue(-9, "every register says the same"))
    return sorted(clues, key=lambda clue: -clue.points)


def certainty(clues: list[Clue]) -> str:
    """In a word; "" for none."""
    points = sum(clue.points for clue in clues)
    if points >= LIKELY:
        return "likely"
    return "possible" if points >= POSSIBLE else ""


def _number(values: Values, quantity: str, leg: int = WHOLE) -> float | None:
    value = values.get((quantity, leg))
    return None if value is None or value.wrong else value.value


def _grid(values: Values) -> Iterator[Clue]:
    legs = [_number(values, "voltage", leg) for leg in (1, 2, 3)]
    seen = sum(v is not None and GRID_MV[0] <= v <= GRID_MV[1] for v in legs)
    if seen:
        yield Clue(2 + seen, "voltage of a grid" + (f" on {seen} legs" if seen > 1 else ""))
    hertz = _number(values, "frequency")
    if hertz is not None:
        if GRID_MHZ[0] <= hertz <= GRID_MHZ[1]:
            yield Clue(4, f"{hertz / 1000:g} Hz")
        else:
            yield Clue(-4, f"{hertz / 1000:g} Hz is no grid's")


def _legs(values: Values) -> Iterator[Clue]:
    """The sum is the sum; and no power is above voltage times current."""
    legs = [_number(values, "power", leg) for leg in (1, 2, 3)]
    known = [w for w in legs if w is not None]
    whole = _number(values, "power")
    if whole is not None and len(known) > 1 and max(abs(w) for w in known) > FLOOR_W:
        if _close(whole, sum(known)):
            yield Clue(5, f"its legs add up to {whole:g} W")
        else:
            yield Clue(-3, f"its legs add up to {sum(known):g} W, its sum says {whole:g} W")
    for leg in (1, 2, 3):
        volt, ampere = _number(values, "voltage", leg), _number(values, "current", leg)
        watt = _number(values, "power", leg)
        if volt is None or ampere is None or watt is None or abs(watt) < FLOOR_W:
            continue
        apparent = abs(volt / 1000 * ampere / 1000)
        if abs(watt) > apparent and not _close(abs(watt), apparent):
            yield Clue(-3, f"L{leg}: {watt:g} W, yet its voltage times current is {apparent:.0f}")
        elif abs(watt) > apparent / 20:
            yield Clue(3, f"L{leg}: voltage, current and power agree")


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= APART_W + APART_PERCENT * max(abs(a), abs(b)) / 100


def _names(values: Values) -> Iterator[Clue]:
    for (quantity, _), value in values.items():
        if "states" not in value.row:
            continue
        if name := value.meaning:
            yield Clue(2 if value.value else 1, f"{quantity} {value.value:g} means {name}")
        else:
            yield Clue(-2, f"{quantity} {value.value:g} has no name in the profile")


def _sizes(values: Values) -> Iterator[Clue]:
    for quantity in ("rating", "charge_max", "discharge_max"):
        watt = _number(values, quantity)
        if watt is not None and SIZE_W[0] <= watt <= SIZE_W[1]:
            yield Clue(2, f"{quantity.replace('_', ' ')} {watt:g} W")
    charge = _number(values, "soc")
    if charge is not None and 0 < charge <= 1000:
        yield Clue(1, f"state of charge {charge / 10:g} %")


def _numbers(values: Values) -> Iterator[Clue]:
    """A float read from the wrong place, or turned round, is hardly ever in a row's range."""
    floats = [v for v in values.values() if v.row["type"] in ("f32", "f64") and any(v.raw)]
    good = [v for v in floats if not v.wrong and v.value and abs(v.value) >= 1]
    if good:
        yield Clue(min(len(good), 4), f"{len(good)} numbers of the right size")
    energies = [v for v in values.values() if v.row["quantity"] in ENERGIES and v.value]
    if energies and not good:
        yield Clue(1, "counts energy")


ENERGIES = ("imported", "exported", "charged", "discharged")
FINDERS: tuple[Find, ...] = (_grid, _legs, _names, _sizes, _numbers)
