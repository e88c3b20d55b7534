# islet: one terminal view of the house and of what the firmware thinks.
# GPL-3.0-or-later
"""Drawn with `rich` on 80×24 and wider. `View` holds what there is to show, `draw` makes it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from firmware import image as tables
from firmware.people.reasons import Reasons
from tools.twin.view.devices import Commanded, commanded, names_of, own_pilots, point_names
from tools.twin.view.events import Limit, limit_of, silent

WIDTH = 80
HEIGHT = 24
HEAD_ROWS = 4  # with the rules around the flows
BLOCKS = " ▏▎▍▌▋▊▉█"
SOURCE_STYLES = {
    "core": "cyan",
    "guard": "red",
    "house": "yellow",
    "scenario": "magenta",
    "bus": "blue",
    "referee": "bold red",
    "run": "bold",
    "chip": "white",
}
# In the log, but they would crowd out all else here: every second's state, bouncing contacts (the
# switches are drawn), and what permits and outputs repeat of the states.
UNTOLD = ("mqtt ", "house contact ", "core permits ", "guard outputs ")
FRESH_PER_S = 4
RAISE_MA = 700  # an offer so far below its limit is on the way up, not held there


@dataclass(frozen=True)
class Place:
    """A row of the house: its kind (point, car, converter, source, storage), and what it is at: a
    car's point or converter, the point before a converter."""

    name: str
    kind: str
    at: str = ""

    @property
    def label(self) -> str:
        return self.name.upper() if len(self.name) < 3 else self.name.replace("_", " ").title()


@dataclass
class View:
    """Everything the picture needs; truth and image may still be empty."""

    title: str
    site: Mapping[str, Any]  # the firmware's configuration
    start: datetime
    t_us: int = 0
    speed: str = "×1"
    page: str = ""
    broker: str = ""  # where it listens
    truth: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Sequence[int]] = field(default_factory=dict)
    events: Sequence[tuple[int, str, str]] = ()
    remarks: int = 0  # of the referee: findings and alarms
    rows: Sequence[Place] = ()  # of the house

    def of(self, kind: str) -> list[Place]:
        return [row for row in self.rows if row.kind == kind]


def draw(view: View, width: int = WIDTH, height: int = HEIGHT) -> RenderableType:
    """The whole picture, at most `height` rows."""
    line = Rule(style="grey37")
    flows = _flows(view)
    parts = [line, *_limits(view, width), *_switches(view, width), line]
    left = height - HEAD_ROWS - flows.row_count - len(parts)
    circuits = _circuits(view, width, left - 2)
    parts = [*circuits, *parts, *_events(view, max(1, left - len(circuits)))]
    return Group(_head(view), line, flows, line, *parts)


def status_line(view: View) -> str:
    """The same in one line, for where there is no terminal."""
    t = view.truth
    parts = [f"{view.t_us // 1_000_000} s"]
    parts.append(f"grid {t.get('grid_w', 0) / 1000:.1f} kW")
    for row in (*view.of("source"), *view.of("car"), *_batteries(view)):
        parts.append(f"{row.name} {t.get(f'{row.name}.w', 0) / 1000:.1f} kW")
    commands = view.values.get("commands")
    for device in commanded(view.site):
        if commands and device.offers:
            limit = limit_of(view.values, device.row)
            parts.append(f"offer {commands[tables.SETPOINT + device.row] / 1000:g} A")
            parts.append(why(view, device, limit))
    return " · ".join(parts)


# --- the rows ------------------------------------------------------------------------------


def _head(view: View) -> RenderableType:
    row = Table.grid(expand=True)
    row.add_column()
    row.add_column(justify="right")
    clock = view.start + timedelta(microseconds=view.t_us)
    left = Text.assemble(("islet ", "bold green"), (view.title, "bold"))
    right = Text(f"{clock:%a %d %b %H:%M:%S}  {view.speed}", style="grey70")
    row.add_row(left, right)
    verdict = (f"{view.remarks} remarks", "bold red") if view.remarks else ("all well", "green")
    where = Text(view.page or "virtual time", style="underline" if view.page else "grey50")
    if view.broker:
        where.append(f"  mqtt {view.broker}", style="not underline grey70")
    row.add_row(Text.assemble(("referee: ", "grey50"), verdict), where)
    return row


def _flows(view: View) -> Table:
    """Sources left of the house's rail, users right of it; arrows show where power goes."""
    sources, users = _sources(view), _users(view)
    table = Table.grid(padding=(0, 1))
    most = max(len(flow.name) for flow in sources)
    for justify in ("left", "right", "left", "left", "left", "right", "left"):
        table.add_column(justify=justify)  # type: ignore[arg-type]
    for i in range(max(len(sources), len(users))):
        left = _cells(sources[i], 24, most) if i < len(sources) else (Text(), Text(), Text())
        right = _cells(users[i], 0, 0)[::-1] if i < len(users) else (Text(), Text(), Text())
        table.add_row(*left, Text("┃", style="bold grey70"), *right)
    return table


@dataclass(frozen=True)
class Flow:
    name: str
    w: float  # + to the right
    note: str
    style: str
    there: bool = True


def _sources(view: View) -> list[Flow]:
    t = view.truth
    volts = "/".join(f"{t.get(f'grid_{leg}_v', 0):.0f}" for leg in _legs(view))
    grid = f"{t.get('grid_hz', 0):.2f} Hz  {volts} V"
    found = [Flow("Grid", t.get("grid_w", 0), grid, "bright_blue", t.get("grid_present", True))]
    for row in view.of("source"):
        sun = t.get(f"{row.name}.available_w", 1) > 0
        note = "not connected" if sun else "no sun"
        note = "" if t.get(f"{row.name}.connected", True) else note
        found.append(Flow(row.label, -t.get(f"{row.name}.w", 0), note, "yellow", sun))
    return found


CAR_SAYS = {"A": "gone", "B": "waits", "C": "draws", "D": "draws"}
CARRIED = {"grid": "on the grid", "form": "on its own", "drift": "UNINTENDED ISLAND"}


def _users(view: View) -> list[Flow]:
    t = view.truth
    source = CARRIED.get(str(t.get("house_source", "")), "dark")
    found = [Flow("House", t.get("loads_w", 0), source, "white")]
    for row in (*view.of("car"), *_batteries(view)):
        name, car = row.name, row.kind == "car"
        state = str(t.get(f"{name}.state", "?"))
        note = f"{CAR_SAYS.get(state, 'pilot')} {state}" if car else t.get(f"{name}.mode", "")
        note = f"{note}  {t.get(f'{name}.soc_percent', 0):.0f} %"
        style = "bright_green" if car else "magenta"
        there = t.get(f"{name}.plugged", True)
        found.append(Flow(row.label, t.get(f"{name}.w", 0), note, style, there))
    return found


def _batteries(view: View) -> list[Place]:
    """Converters and storages, but gateways: those are their cars."""
    gateways = {car.at for car in view.of("car")}
    return [c for c in view.of("converter") if c.name not in gateways] + view.of("storage")


def _cells(flow: Flow, width: int, longest: int) -> tuple[Text, Text, Text]:
    arrow = "───" if abs(flow.w) < 10 else "━━▶" if flow.w > 0 else "◀━━"
    name = (f"{flow.name:<{longest}}", f"bold {flow.style}")
    gone = (name[0], "grey50")
    label = Text.assemble(name if flow.there else gone, (f" {flow.note:<{width}}", "grey62"))
    return label, Text(_watts(abs(flow.w)), style=flow.style), Text(arrow, style=flow.style)


def _watts(w: float) -> str:
    return f"{w / 1000:5.2f} kW" if w >= 1000 else f"{w:5.0f} W "


# The site's configuration is the firmware's to check: a bad one must not end the view.


def _legs(view: View) -> list[str]:
    count = view.site.get("legs")
    return [f"l{i + 1}" for i in range(count if count in (1, 2, 3) else 3)]


def _nodes(view: View) -> list[tuple[str, float]]:
    rows = view.site.get("nodes")
    found = []
    for row in rows if isinstance(rows, list) else ():
        rating = row.get("rating_a") if isinstance(row, dict) else None
        if isinstance(rating, (int, float)):
            found.append((str(row.get("name")), float(rating)))
    return found


def _circuits(view: View, width: int, most: int) -> list[RenderableType]:
    """A row per circuit: a bar per leg against the rating, signed amperes beside it. Where not all
    of them fit, the fullest."""
    legs = _legs(view)
    size = max(6, (width - 20) // len(legs) - 10)
    head = "".join(f" {leg.upper():<{size + 8}}" for leg in legs)
    rows: list[RenderableType] = [Text(f"{'circuit':<11} limit {head}"[:width], style="grey50")]
    nodes = _nodes(view)
    if len(nodes) > max(1, most):
        nodes.sort(key=lambda node: -_fullness(view, *node))
        shown = {name for name, _ in nodes[: max(1, most - 1)]}
        nodes = [node for node in _nodes(view) if node[0] in shown]
    for name, rating in nodes:
        row = Text.assemble((f"{name[:11]:<11} {rating:3.0f} A ", "bold"))
        for leg in legs:
            amps = view.truth.get(_amps_key(view, name, leg))
            row.append(" ")
            row.append_text(_bar(amps, rating, size))
        rows.append(row)
    return rows


def _fullness(view: View, name: str, rating: float) -> float:
    amps = (view.truth.get(_amps_key(view, name, leg)) or 0.0 for leg in _legs(view))
    return max(abs(a) for a in amps) / rating if rating else 0.0


def _amps_key(view: View, node: str, leg: str) -> str:
    """Names of nodes need not match the physical circuits; the service is always `main`, and what
    a device has for itself is that device's."""
    key = f"{node}_{leg}_a"
    if key in view.truth:
        return key
    if _nodes(view)[0][0] == node:
        return f"main_{leg}_a"
    own = [device.name for device in commanded(view.site) if device.node == node]
    return f"{own[0]}.{leg}_a" if len(own) == 1 else key


def _bar(amps: float | None, rating: float, size: int) -> Text:
    if amps is None:
        return Text("·" * size + "        ", style="grey37")
    part = min(1.0, abs(amps) / rating) if rating else 0.0
    style = "red" if part > 0.98 else "yellow" if part > 0.8 else "green"
    if amps < 0:
        style = "red" if part > 0.98 else "bright_blue"
    eighths = round(part * size * 8)
    full, rest = divmod(eighths, 8)
    bar = "█" * full + (BLOCKS[rest] if rest else "")
    text = Text.assemble((bar, style))
    text.append("─" * (size - len(bar)), style="grey30")
    return text.append(f" {amps:6.1f}A", style="bold red" if abs(amps) > rating else "")


SWITCHES = {"island_closed": "to the grid", "bond_closed": "bond", "loads_closed": "big loads"}


def _switches(view: View, width: int) -> list[RenderableType]:
    """Main contacts as they really are, closed or open; what the firmware takes the pilots for."""
    text = Text("switches ", style="bold")
    points = [row.name for row in view.of("point")]
    one = len(points) == 1
    switches = {f"{name}.closed": "contactor" if one else name for name in points} | SWITCHES
    for fact, label in switches.items():
        closed = bool(view.truth.get(fact, False))
        text.append(" ●━● " if closed else " ●╱● ", style="bold green" if closed else "grey50")
        text.append(label, style="" if closed else "grey50")
    commands = view.values.get("commands")
    if commands:
        names = point_names(view.site)
        elsewhere = own_pilots(view.site)
        for i, name in enumerate(names):
            if name in elsewhere:
                continue
            pilot = tables.PILOT_NAMES[commands[tables.POINT_PILOT_STATE + i]]
            text.append(f"  {'pilot' if len(names) == 1 else name} {pilot}", style="cyan")
        text.append(f"  {tables.ISLAND_NAMES[commands[tables.ISLAND_STATE]]}", style="cyan")
        trips = view.values["trips"][tables.TRIPPED]
        if trips:
            names = tables.names_of(trips, tables.TRIP_NAMES)
            text.append("  TRIP " + " ".join(names), style="bold white on red")
        if quiet := silent(view.site, view.values):
            text.append("  SILENT " + " ".join(quiet), style="bold white on red")
    return list(text.wrap(Console(), width))


def _limits(view: View, width: int) -> list[RenderableType]:
    """What each device is granted, and the reason in words."""
    commands = view.values.get("commands")
    if not commands:
        return [Text("waiting for the firmware…", style="grey50")]
    rows: list[RenderableType] = []
    devices = commanded(view.site)
    most = max((len(device.name) for device in devices), default=0)
    for device in devices:
        setpoint = commands[tables.SETPOINT + device.row] / 1000
        value = f"offer {setpoint:.3g} A" if device.offers else f"{setpoint:+.2f} kW"
        limit = limit_of(view.values, device.row)
        row = Text.assemble((f"{device.name:<{most}} {value:>12}  ", "bold bright_white"))
        row.append(f"{tables.SOURCE_NAMES[limit.source]}: ", style="cyan")
        row.append(why(view, device, limit))
        row.truncate(width, overflow="ellipsis")
        rows.append(row)
    return rows


def why(view: View, device: Commanded, limit: Limit) -> str:
    """The reason in words, the firmware's own."""
    offer_ma = view.values["commands"][tables.SETPOINT + device.row]
    if device.offers and 0 < offer_ma < limit.high - RAISE_MA:
        return f"Growing slowly, up to {limit.high / 1000:.3g} A."
    values = view.values
    names = names_of(view.site, values["site"])
    said = Reasons(names, values["readings"], values["commands"], values["trips"], ())
    if "requests" in values:
        said.hear(values["requests"])
    return said.sentence(limit.source, device.row, limit.end)


def _untold(source: str, text: str) -> bool:
    return f"{source} {text}".startswith(UNTOLD)


def _events(view: View, count: int) -> list[RenderableType]:
    rows = []
    told = [event for event in view.events if not _untold(*event[1:])]
    for t_us, source, text in told[-count:]:
        clock = view.start + timedelta(microseconds=t_us)
        style = SOURCE_STYLES.get(source, "")
        row = Text.assemble((f"{clock:%H:%M:%S} ", "grey50"), (f"{source:<8} ", style), text)
        row.no_wrap, row.overflow = True, "ellipsis"
        rows.append(row)
    return rows


# --- where it is shown -------------------------------------------------------------------


class Screen:
    """The picture on a terminal, refreshed as often as eyes need it."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._live = Live(console=self._console, screen=True, auto_refresh=False)

    def __enter__(self) -> Screen:
        self._live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._live.__exit__(*error)

    def show(self, view: View) -> None:
        width, height = self._console.size
        self._live.update(draw(view, width, height), refresh=True)


def snapshot_svg(path: Path, view: View, width: int = WIDTH, height: int = HEIGHT) -> None:
    """The picture as an SVG file, for the README."""
    with open("/dev/null", "w") as nowhere:
        console = Console(
            width=width, height=height, record=True, file=nowhere, force_terminal=True
        )
        console.print(draw(view, width, height))
        svg = console.export_svg(title=f"islet: {view.title}")
    # rich asks a web host for its font; the reader's own will do
    path.write_text(re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL))
