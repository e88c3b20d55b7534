# islet: the event log: what happened, one line each, the same for the same seed.
# GPL-3.0-or-later
"""Lines `t_ms source text`. What is logged of the process image is the tables below."""

from __future__ import annotations

import hashlib
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from firmware import image as tables
from firmware.people import alerts
from tools.twin import record
from tools.twin.view.devices import commanded, names_of, point_names

TAIL = 500  # the state is published each second, and the view leaves that out
LONGEST_TEXT = 160
SILENT_STEPS = 10  # so often it is looked who is silent: each second
SECTION_NAMES = tuple(table.name for table in tables.TABLES)
Values = Mapping[str, Sequence[int]]


class EventLog:
    """Keeps the tail, counts and hashes everything, and writes it to a file where one is given.

    What the house did is known a little later than what the chip said (at most 100 ms), so lines
    wait until settle() says that nothing earlier can follow."""

    def __init__(self, file: IO[str] | None = None) -> None:
        self.count = 0
        self.tail: deque[tuple[int, str, str]] = deque(maxlen=TAIL)
        self._hash = hashlib.sha256()
        self._file = file
        self._waiting: list[tuple[int, str, str]] = []

    def add(self, t_us: int, source: str, text: str) -> None:
        text = " ".join(text.split())
        if len(text) > LONGEST_TEXT:
            text = text[: LONGEST_TEXT - 1] + "…"
        self._waiting.append((t_us, source, text))

    def settle(self, t_us: int) -> None:
        """Everything up to t_us is known: write it in order of time."""
        if not self._waiting:
            return
        self._waiting.sort(key=lambda line: line[0])
        ready = [line for line in self._waiting if line[0] <= t_us]
        del self._waiting[: len(ready)]
        for line in ready:
            self._write(*line)

    def _write(self, t_us: int, source: str, text: str) -> None:
        self.tail.append((t_us, source, text))
        self.count += 1
        line = f"{t_us // 1000} {source} {text}\n"
        self._hash.update(line.encode())
        if self._file is not None:
            self._file.write(line)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


# --- what of the image is worth a line ---------------------------------------------------


def _bits(names: Sequence[str]) -> Callable[[int], str]:
    def text(value: int) -> str:
        return "+".join(tables.names_of(value, names)) or "none"

    return text


def _name(names: Sequence[str]) -> Callable[[int], str]:
    return lambda value: names[value] if 0 <= value < len(names) else str(value)


def _amps(value: int) -> str:
    return "unknown" if value < 0 else f"{value / 1000:g} A"


def reason_names() -> dict[int, str]:
    prefix = "REASON_"
    found = {v: k for k, v in vars(tables).items() if k.startswith(prefix)}
    return {value: name[len(prefix) :].lower() for value, name in found.items()}


REASONS = reason_names()


@dataclass(frozen=True)
class Watched:
    """A field of the image whose changes are logged; `least`: smaller ones are not."""

    section: str
    field: str
    label: str
    text: Callable[[int], str]
    least: int = 1
    offset: int = 0

    @property
    def index(self) -> int:
        return getattr(tables, self.field) + self.offset


def _watt(value: int) -> str:
    return f"{value} W"


_mode = _name(("stop", "follow", "form"))


OF_POINT = (  # (field, label, text) of each point
    ("POINT_PILOT_STATE", "pilot", _name(tables.PILOT_NAMES)),
    ("POINT_CABLE_MA", "cable", _amps),
    ("POINT_CONTACTOR_STATE", "contactor", _name(tables.CONTACTOR_NAMES)),
)
OF_SITE = (
    Watched("commands", "GRID_STATE", "grid", _name(tables.GRID_NAMES)),
    Watched("commands", "ISLAND_STATE", "island", _name(tables.ISLAND_NAMES)),
    Watched("commands", "PERMITS", "permits", _bits(tables.OUTPUT_NAMES)),
    Watched("commands", "FAULTS", "faults", _bits(tables.FAULT_NAMES)),
)
AT_LAST = (
    Watched("commands", "ALARM_NODE", "overload at node", str),
    Watched("trips", "TRIPPED", "trips", _bits(tables.TRIP_NAMES)),
    Watched("trips", "OUTPUTS", "outputs", _bits(tables.OUTPUT_NAMES)),
)


def watched(site: Mapping[str, Any]) -> Iterator[Watched]:
    """All that is logged on this site; where there are several alike, with their names."""
    points, devices = point_names(site), commanded(site)
    for i, name in enumerate(points):
        lead = f"{name} " if len(points) > 1 else ""
        for field, label, text in OF_POINT:
            yield Watched("commands", field, lead + label, text, offset=i)
    yield from OF_SITE
    for device in devices:
        alike = sum(other.offers == device.offers for other in devices)
        lead = f"{device.name} " if alike > 1 else ""
        if device.offers:
            yield Watched("commands", "SETPOINT", f"{lead}offer", _amps, 500, device.row)
            continue
        yield Watched("commands", "SETPOINT", f"{lead}setpoint", _watt, 250, device.row)
        yield Watched("commands", "SETPOINT_MODE", f"{device.name} mode", _mode, 1, device.row)
    yield from AT_LAST


SOURCE_OF = {"commands": "core", "trips": "guard"}


class ImageEvents:
    """Logs changes of the process image from step to step, and who limits each device."""

    def __init__(self, log: EventLog, site: Mapping[str, Any]) -> None:
        self._log = log
        self._watched = tuple(watched(site))
        self._devices = commanded(site)
        self.values: dict[str, array[int]] = {}
        self._known: dict[int, int] = {}
        self._limits: dict[int, tuple[int, int]] = {}
        self._site = site
        self._silent: list[str] = []
        self.steps = 0

    def boot(self, boot: record.Boot) -> None:
        self.values = {"site": array("i", boot.site)}
        self._known.clear()
        self._limits.clear()
        self._silent = []

    def step(self, t_us: int, step: record.Step) -> None:
        self.steps += 1
        values = self.values
        for name in SECTION_NAMES[1:]:
            values[name] = array("i", getattr(step, name))
        for number, row in enumerate(self._watched):
            new = values[row.section][row.index]
            old = self._known.get(number)
            small = old is not None and abs(new - old) < row.least
            if new == old or (small and new != 0 and old != 0):
                continue
            self._known[number] = new
            was = "" if old is None else f"{row.text(old)} -> "
            self._log.add(t_us, SOURCE_OF[row.section], f"{row.label} {was}{row.text(new)}")
        self._limit_changes(t_us, values)
        if self.steps % SILENT_STEPS == 0:
            self._silence(t_us, values)

    def _silence(self, t_us: int, values: Values) -> None:
        now = silent(self._site, values)
        for name in sorted(set(now) ^ set(self._silent)):
            text = "has not answered" if name in now else "answers again"
            self._log.add(t_us, "core", f"{name} {text}")
        self._silent = now

    def _limit_changes(self, t_us: int, values: Values) -> None:
        for device in self._devices:
            limit = limit_of(values, device.row)
            key = (limit.source, limit.reason)
            if self._limits.get(device.row) != key:
                self._limits[device.row] = key
                reason = REASONS.get(limit.reason, str(limit.reason))
                source = tables.SOURCE_NAMES[limit.source]
                self._log.add(t_us, "core", f"{device.name} limited by {source}: {reason}")


def silent(site: Mapping[str, Any], values: Values) -> list[str]:
    """Names of what is configured and does not answer."""
    names, up_s = names_of(site, values["site"]), values["commands"][tables.UP_S]
    return [row["silent"] for row in alerts.silent(names, values["readings"], up_s)]


@dataclass(frozen=True)
class Limit:
    """What a device is granted, and who says so."""

    low: int
    high: int
    source: int
    reason: int
    end: int  # field of the reason, CLAIM_REASON or CLAIM_LOW_REASON


def limit_of(values: Values, device: int) -> Limit:
    """The grant of a device; for one that discharges the reason is that of its lower end."""
    commands = values["commands"]
    low = commands[tables.GRANT_LOW + device]
    high = commands[tables.GRANT_HIGH + device]
    lower = commands[tables.SETPOINT + device] < 0
    source = commands[(tables.WINNER_LOW if lower else tables.WINNER_HIGH) + device]
    at = source * tables.DEVICES + device
    end = tables.CLAIM_LOW_REASON if lower else tables.CLAIM_REASON
    return Limit(low, high, source, commands[end + at], end)
