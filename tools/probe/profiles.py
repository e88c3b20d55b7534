# islet: which of islet's profiles fits a device.
# GPL-3.0-or-later
"""A profile fits when each of its rows answers with something that can be, and enough of that is
more than chance (clues.py). What a maker put into a register to be known by decides, where a
profile says it (`identity`)."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from firmware.drivers.profile import FACTOR_MOST
from tools.pack.profiles import DRIVEN, commanded
from tools.probe import clues
from tools.probe.bus import Bus, Refused
from tools.workshop import ROOT

FOLDER = ROOT / "firmware" / "profiles"
# type -> registers, format of struct
TYPES = {
    "u16": (1, "H"), "i16": (1, "h"), "u32": (2, "I"), "i32": (2, "i"), "u64": (4, "Q"),
    "f32": (2, "f"), "float32": (2, "f"), "f64": (4, "d"),
}  # fmt: skip
# quantity -> unit shown, what the project's unit is of it, and its range there
SHOWN = {
    "voltage": ("V", 1000), "current": ("A", 1000), "power": ("W", 1), "frequency": ("Hz", 1000),
    "battery_power": ("W", 1), "soc": ("%", 10), "rating": ("W", 1),
    "charge_max": ("W", 1), "discharge_max": ("W", 1),
    "imported": ("kWh", 1000), "exported": ("kWh", 1000),
    "charged": ("kWh", 1000), "discharged": ("kWh", 1000),
}  # fmt: skip
NO_ANSWER = "no answer"
_MOST_WH = 1 << 40
# what can be at all, in the project's unit
PLAUSIBLE = {
    "voltage": (0, 600_000), "current": (-2_000_000, 2_000_000), "power": (-1_000_000, 1_000_000),
    "battery_power": (-1_000_000, 1_000_000), "frequency": (0, 70_000), "soc": (0, 1000),
    "rating": (0, 1_000_000), "charge_max": (0, 1_000_000), "discharge_max": (0, 1_000_000),
    "imported": (0, _MOST_WH), "exported": (0, _MOST_WH),
    "charged": (0, _MOST_WH), "discharged": (0, _MOST_WH),
}  # fmt: skip
Step = Callable[[str, int, int], None]  # what is asked, how many are, of how many


@dataclass
class Value:
    """A row of a profile and what the device says of it: `value` in the project's unit, None when
    it is not there; `wrong` why it cannot be."""

    row: dict[str, Any]
    value: float | None = None
    wrong: str = ""
    raw: tuple[int, ...] = ()  # as its registers came

    @property
    def key(self) -> tuple[str, int]:
        """Quantity and leg, clues.WHOLE for none."""
        return self.row["quantity"], self.row.get("leg", clues.WHOLE)

    @property
    def meaning(self) -> str:
        """Of a state, "" where the profile has no name for it."""
        states = self.row.get("states", {}).items()
        return next((name for name, raw in states if self.value in _several(raw)), "")

    @property
    def name(self) -> str:
        leg = self.row.get("leg", "all")
        return self.row["quantity"] + ("" if leg == "all" else f" L{leg}")

    def __str__(self) -> str:
        if self.wrong:
            return f"{self.name}: {self.wrong}"
        if self.value is None:
            return f"{self.name}: not there"
        if "states" in self.row:
            return f"{self.name}: {self.value:g}, {self.meaning or 'not in the profile'}"
        unit, of = SHOWN.get(self.row["quantity"], ("", 1))
        return f"{self.name}: {self.value / of:g} {unit}".rstrip()


@dataclass
class Fit:
    """How a profile fits."""

    name: str
    document: dict[str, Any]
    values: list[Value]
    identity: bool | None = None  # what its maker put there is right; None: the profile has none
    clues: list[clues.Clue] = field(default_factory=list)

    @property
    def role(self) -> str:
        return self.document.get("role", "meter")

    @property
    def undriven(self) -> str:
        """Why no site can name it, "" where one can (firmware/config/rules_family.py)."""
        document = self.document
        if self.role not in DRIVEN:
            return f"a {self.role}: no driver yet"
        if self.role == "meter":
            return ""
        if not commanded(document):
            return "it can only be read, nobody says how to command it"
        if document["controls"] == "grid":
            return "it takes a setpoint of its input, whose loads hide the battery"
        quantities = {row["quantity"] for row in document["rows"]}
        if document["controls"] == "battery" and "battery_power" not in quantities:
            return "it takes a setpoint of its battery and does not say what that draws"
        if worn := _worn_out(document):
            return worn
        if any("address" in row for row in (*document["rows"], *document["writes"])):
            return "it answers at several addresses: no driver yet"
        return ""

    @property
    def wrong(self) -> list[Value]:
        return [value for value in self.values if value.wrong]

    @property
    def points(self) -> int:
        return sum(clue.points for clue in self.clues)

    @property
    def certainty(self) -> str:
        """In a word; "" where it does not fit."""
        if self.wrong:
            return ""
        word = clues.certainty(self.clues)
        if self.identity is None or not word:
            return word
        return "certain" if self.identity else "possible"  # a new model's number is not known yet

    @property
    def fits(self) -> bool:
        return bool(self.certainty)

    @property
    def why(self) -> str:
        """What speaks for it, and what against."""
        said = [clue.text for clue in self.clues if clue.points > 0]
        if self.identity is not None:
            known = self.document["identity"]["name"]
            said.insert(0, f"says it is {known}" if self.identity else f"does not say {known}")
        against = [clue.text for clue in self.clues if clue.points < 0]
        against += [str(value) for value in self.wrong[:1]]
        return "; ".join(said + [f"but {text}" for text in against]) or "shows nothing of its own"


def _worn_out(document: dict[str, Any]) -> str:
    """Memory that what must be written would use up."""
    lease = document["lease"]
    carrier = lease.get("write")
    for write in document["writes"]:
        if write["wear"] not in ("eeprom", "flash") or not write.get("unit"):
            continue
        renewed = write["name"] == carrier
        if renewed or (carrier is None and lease["then"] != "goes_on"):
            return f"it lets go unless it is told again, which wears its {write['wear']} out"
        if write["wear"] == "flash":
            return "it keeps its power in a flash memory: that follows nothing"
    return ""


@cache
def known() -> dict[str, dict[str, Any]]:
    """Profiles by name, without what SunSpec finds: its registers are not a device's."""
    paths = sorted(path for path in FOLDER.glob("*.json") if "." not in path.stem)
    paths = [path for path in paths if not path.stem.startswith("sunspec_")]
    return {path.stem: json.loads(path.read_text()) for path in paths}


class Seen(Bus):
    """What was asked once is not asked again: profiles share registers, and an unanswered request
    costs a second."""

    def __init__(self, bus: Bus) -> None:
        self.where = bus.where
        self._bus = bus
        self._answers: dict[tuple[int, ...], list[int] | Refused | None] = {}

    def read(self, unit: int, function: int, register: int, count: int) -> list[int] | None:
        key = unit, function, register, count
        if key not in self._answers:
            try:
                self._answers[key] = self._bus.read(*key)
            except Refused as refused:
                self._answers[key] = refused
        answer = self._answers[key]
        if isinstance(answer, Refused):
            raise answer
        return None if answer is None else list(answer)


def judge(
    bus: Bus, unit: int, names: Iterable[str] = (), step: Step = lambda *_: None
) -> list[Fit]:
    """Each profile's fit, the best first: those that fit before the others, by their clues."""
    seen, asked, fits = Seen(bus), list(names or known()), []
    for i, name in enumerate(asked):
        step(f"unit {unit}: is it {name}?", i, len(asked))
        fits.append(fit(seen, unit, name))
    order = {"certain": 0, "likely": 1, "possible": 2, "": 3}
    return sorted(
        fits, key=lambda f: (order[f.certainty], -f.points, len(f.wrong), -len(f.values))
    )


def fit(bus: Bus, unit: int, name: str) -> Fit:
    """Rows that fail end it: the device is gone, or knows none of it."""
    document, values = known()[name], []
    for row in document["rows"]:
        value = look(bus, unit, row, document.get("word_order", "high_first"))
        values.append(value)
        silent = len(values) == 1 and value.wrong == NO_ANSWER
        if silent or (value.wrong and len([v for v in values if v.wrong]) > 2):
            break
    return Fit(name, document, values, identified(bus, unit, document), clues.find(values))


def identified(bus: Bus, unit: int, document: dict[str, Any]) -> bool | None:
    """Whether what its maker put there is right; None where the profile says nothing of it."""
    row = document.get("identity")
    if row is None:
        return None
    count, _ = TYPES[row["type"]]
    try:
        words = bus.read(unit, row["function"], row["register"], count)
    except Refused:
        return False
    if words is None:
        return False
    return int.from_bytes(struct.pack(f">{count}H", *words), "big") in row["values"]


def look(bus: Bus, unit: int, row: dict[str, Any], order: str) -> Value:
    """What a device says of a row."""
    count, kind = TYPES[row["type"]]
    factor = row.get("factor")
    reach = count if factor is None else factor - row["register"] + 1
    try:
        words = bus.read(row.get("address", unit), row["function"], row["register"], reach)
    except Refused as refused:
        return Value(row, wrong=str(refused))
    if words is None:
        return Value(row, wrong=NO_ANSWER)
    power = 0
    if factor is not None:
        power = words[-1] - (words[-1] >> 15 << 16)
        words = words[:count]
    raw = tuple(words)
    if abs(power) > FACTOR_MOST:
        return Value(row, wrong="its factor is no power of ten", raw=raw)
    if row.get("word_order", order) == "low_first":
        words.reverse()
    data = struct.pack(f">{count}H", *words)
    absent = row.get("none")
    if absent is not None and int.from_bytes(data, "big") in _several(absent):
        return Value(row, raw=raw)
    number = struct.unpack(">" + kind, data)[0]
    if number != number or abs(number) == float("inf"):
        return Value(row, wrong="not a number", raw=raw)
    value = number * 10.0**power * row.get("num", 1) / row.get("den", 1)
    value *= row.get("sign", 1) or 1
    low, high = PLAUSIBLE.get(row["quantity"], (-(1 << 64), 1 << 64))
    low, high = row.get("low", low), row.get("high", high)
    if not low <= value <= high:
        return Value(row, value, f"{value:g}, allowed {low} to {high}", raw)
    return Value(row, value, raw=raw)


def _several(absent: int | list[int]) -> list[int]:
    return absent if isinstance(absent, list) else [absent]


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.json"
