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
from tools.twin.view.events import Limit, limit_of

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
DEVICE_SECTIONS = {tables.EVSE: "evse", tables.INVERTER: "inverter"}  # of the site
# In the log, but they would crowd out all else here: every second's state, bouncing contacts (the
# switches are drawn), and what permits and outputs repeat of the states.
UNTOLD = ("mqtt ", "house contact ", "core permits ", "guard outputs ")
FRESH_PER_S = 4
RAISE_MA = 700  # an offer so far below its limit is on the way up, not held there


@dataclass
class View:
    """Everything the picture needs; truth and image may still be empty."""

    title: str
    site: Mapping[str, Any]  # the firmware's configuration
    start: datetime
    t_us: int = 0
    speed: str = "×1"
    page: str = ""
    truth: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Sequence[int]] = field(default_factory=dict)
    events: Sequence[tuple[int, str, str]] = ()
    remarks: int = 0  # of the referee: findings and alarms


def draw(view: View, width: int = WIDTH, height: int = HEIGHT) -> RenderableType:
    """The whole picture, at most `height` rows."""
    line = Rule(style="grey37")
    flows = _flows(view)
    parts = [*_circuits(view, width), line, *_limits(view, width), _switches(view), line]
    left = height - HEAD_ROWS - flows.row_count - len(parts)
    return Group(_head(view), line, flows, line, *parts, *_events(view, max(1, left)))


def status_line(view: View) -> str:
    """The same in one line, for where there is no terminal."""
    t = view.truth
    parts = [f"{view.t_us // 1_000_000} s"]
    for label, key in (("grid", "grid_w"), ("PV", "pv_w"), ("car", "car_w")):
        parts.append(f"{label} {t.get(key, 0) / 1000:.1f} kW")
    parts.append(f"battery {t.get('inverter_w', 0) / 1000:.1f} kW")
    if view.values.get("commands"):
        limit = limit_of(view.values, tables.EVSE)
        parts.append(f"offer {view.values['commands'][tables.SETPOINT + tables.EVSE] / 1000:g} A")
        parts.append(why(view, tables.EVSE, limit))
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
    page = Text(view.page or "virtual time", style="underline" if view.page else "grey50")
    row.add_row(Text.assemble(("referee: ", "grey50"), verdict), page)
    return row


def _flows(view: View) -> Table:
    """Sources left of the house's rail, users right of it; arrows show where power goes."""
    sources, users = _sources(view), _users(view)
    table = Table.grid(padding=(0, 1))
    for justify in ("left", "right", "left", "left", "left", "right", "left"):
        table.add_column(justify=justify)  # type: ignore[arg-type]
    for i in range(max(len(sources), len(users))):
        left = _cells(sources[i], 24) if i < len(sources) else (Text(), Text(), Text())
        right = _cells(users[i], 0)[::-1] if i < len(users) else (Text(), Text(), Text())
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
    sun = t.get("pv_available_w", 1) > 0
    pv = "" if t.get("pv_connected", True) else "not connected" if sun else "no sun"
    found = [
        Flow("Grid", t.get("grid_w", 0), grid, "bright_blue", t.get("grid_present", True)),
        Flow("PV", -t.get("pv_w", 0), pv, "yellow", sun),
    ]
    return found


CAR_SAYS = {"A": "gone", "B": "waits", "C": "draws", "D": "draws"}
CARRIED = {"grid": "on the grid", "form": "on its own", "drift": "UNINTENDED ISLAND"}


def _users(view: View) -> list[Flow]:
    t = view.truth
    source = CARRIED.get(str(t.get("house_source", "")), "dark")
    state = str(t.get("car_state", "?"))
    car = f"{CAR_SAYS.get(state, 'pilot')} {state}  {t.get('car_soc_percent', 0):.0f} %"
    found = [
        Flow("House", t.get("loads_w", 0), source, "white"),
        Flow("Car", t.get("car_w", 0), car, "bright_green", t.get("car_plugged", True)),
    ]
    if "inverter" in view.site and view.site.get("topology") != "T2":  # T2: that is the car
        note = f"{t.get('inverter_mode', '')}  {t.get('soc_percent', 0):.0f} %"
        found.append(Flow("Battery", t.get("inverter_w", 0), note, "magenta"))
    return found


def _cells(flow: Flow, width: int) -> tuple[Text, Text, Text]:
    arrow = "───" if abs(flow.w) < 10 else "━━▶" if flow.w > 0 else "◀━━"
    name = (f"{flow.name:<5}" if width else flow.name, f"bold {flow.style}")
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


def _node_of(view: View, section: str) -> Any:
    part = view.site.get(section)
    return part.get("node") if isinstance(part, dict) else None


def _circuits(view: View, width: int) -> list[RenderableType]:
    """A row per circuit: a bar per leg against the rating, signed amperes beside it."""
    legs = _legs(view)
    size = max(6, (width - 20) // len(legs) - 10)
    head = "".join(f" {leg.upper():<{size + 8}}" for leg in legs)
    rows: list[RenderableType] = [Text(f"{'circuit':<11} limit {head}"[:width], style="grey50")]
    for name, rating in _nodes(view):
        row = Text.assemble((f"{name[:11]:<11} {rating:3.0f} A ", "bold"))
        for leg in legs:
            amps = view.truth.get(_amps_key(view, name, leg))
            row.append(" ")
            row.append_text(_bar(amps, rating, size))
        rows.append(row)
    return rows


def _amps_key(view: View, node: str, leg: str) -> str:
    """Names of nodes need not match the physical circuits; the service is always `main`."""
    key = f"{node}_{leg}_a"
    if key in view.truth:
        return key
    first = _nodes(view)[0][0] == node
    evse = _node_of(view, "evse") == node
    inverter = _node_of(view, "inverter") == node
    return f"main_{leg}_a" if first else f"evse_{leg}_a" if evse and not inverter else key


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


SWITCHES = {
    "contactor": "contactor",
    "island": "to the grid",
    "bond": "bond",
    "loads": "big loads",
}


def _switches(view: View) -> RenderableType:
    """Main contacts as they really are, closed or open; what the firmware takes the pilot for."""
    text = Text("switches ", style="bold")
    for name, label in SWITCHES.items():
        closed = bool(view.truth.get(f"{name}_closed", False))
        text.append(" ●━● " if closed else " ●╱● ", style="bold green" if closed else "grey50")
        text.append(label, style="" if closed else "grey50")
    commands = view.values.get("commands")
    if commands:
        pilot = tables.PILOT_NAMES[commands[tables.POINT_PILOT_STATE]]
        text.append(f"  pilot {pilot}", style="cyan")
        text.append(f"  {tables.ISLAND_NAMES[commands[tables.ISLAND_STATE]]}", style="cyan")
        trips = view.values["trips"][tables.TRIPPED]
        if trips:
            names = [n for i, n in enumerate(tables.TRIP_NAMES) if trips >> i & 1]
            text.append("  TRIP " + " ".join(names), style="bold white on red")
    return text


def _limits(view: View, width: int) -> list[RenderableType]:
    """What each device is granted, and the reason in words."""
    commands = view.values.get("commands")
    if not commands:
        return [Text("waiting for the firmware…", style="grey50")]
    offer = f"{commands[tables.SETPOINT + tables.EVSE] / 1000:.3g} A"
    setpoint = f"{commands[tables.SETPOINT + tables.INVERTER] / 1000:+.2f} kW"
    rows: list[RenderableType] = []
    for device, label, value in (
        (tables.EVSE, "car offer", offer),
        (tables.INVERTER, "battery", setpoint),
    ):
        if DEVICE_SECTIONS[device] not in view.site:
            continue
        limit = limit_of(view.values, device)
        row = Text.assemble((f"{label:<9}{value:>9}  ", "bold bright_white"))
        row.append(f"{tables.SOURCE_NAMES[limit.source]}: ", style="cyan")
        row.append(why(view, device, limit))
        row.truncate(width, overflow="ellipsis")
        rows.append(row)
    return rows


def why(view: View, device: int, limit: Limit) -> str:
    """The reason in words; its bare number where the firmware's sentences are missing."""
    offer_ma = view.values["commands"][tables.SETPOINT + tables.EVSE]
    if device == tables.EVSE and 0 < offer_ma < limit.high - RAISE_MA:
        return f"Growing slowly, up to {limit.high / 1000:.3g} A."
    try:
        from firmware.people.words import reason_text
    except ImportError:
        return f"reason {limit.reason}"
    nodes = _nodes(view)
    name = nodes[limit.node][0] if 0 <= limit.node < len(nodes) else None
    return reason_text(limit.reason, name, limit.leg, limit.value)


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
