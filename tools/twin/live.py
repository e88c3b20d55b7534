# islet: one terminal view of the house and of what the firmware thinks.
# GPL-3.0-or-later
"""Drawn with `rich` on 80×24 and wider. `View` holds what there is to show, `draw` makes it."""

from __future__ import annotations

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
from tools.twin.events import Limit, limit_of

WIDTH = 80
HEIGHT = 24
FIXED_ROWS = 15  # rows which do not depend on circuits and events
BLOCKS = " ▏▎▍▌▋▊▉█"
SOURCE_STYLES = {
    "core": "cyan",
    "guard": "red",
    "house": "yellow",
    "scenario": "magenta",
    "bus": "blue",
    "mqtt": "green",
    "referee": "bold red",
    "run": "bold",
    "chip": "white",
}
FRESH_PER_S = 4


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
    circuits = list(_circuits(view, width))
    tail = max(1, height - FIXED_ROWS - len(circuits))
    return Group(
        _head(view, width),
        Rule(style="grey37"),
        *_flows(view),
        Rule(style="grey37"),
        *circuits,
        Rule(style="grey37"),
        _switches(view),
        *_limits(view, width),
        Rule(style="grey37"),
        *_events(view, tail),
    )


def status_line(view: View) -> str:
    """The same in one line, for where there is no terminal."""
    t = view.truth
    parts = [f"{view.t_us // 1_000_000} s"]
    for label, key in (("grid", "grid_w"), ("PV", "pv_w"), ("car", "car_w")):
        parts.append(f"{label} {t.get(key, 0) / 1000:.1f} kW")
    parts.append(f"battery {t.get('inverter_w', 0) / 1000:.1f} kW")
    if view.values.get("commands"):
        limit = limit_of(view.values, tables.EVSE)
        parts.append(f"offer {view.values['commands'][tables.OFFER_MA] / 1000:g} A")
        parts.append(why(view, tables.EVSE, limit))
    return " · ".join(parts)


# --- the rows ------------------------------------------------------------------------------


def _head(view: View, width: int) -> RenderableType:
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


ARROW_IN, ARROW_OUT, ARROW_NONE = "──▶", "◀──", "───"


def _flows(view: View) -> list[RenderableType]:
    """Sources left of the house's rail, users right of it; arrows show where power goes."""
    t = view.truth
    table = Table.grid(padding=(0, 1))
    for justify in ("left", "right", "left", "left", "left", "right", "left"):
        table.add_column(justify=justify)  # type: ignore[arg-type]
    grid_w = float(t.get("grid_w", 0))
    pv_w = -float(t.get("pv_w", 0))
    battery_w = float(t.get("inverter_w", 0))
    gateway = "evse_w" in t and view.site.get("topology") == "T2"
    volts = "/".join(f"{t.get(f'grid_{leg}_v', 0):.0f}" for leg in _legs(view))
    grid_note = f"{t.get('grid_hz', 0):.2f} Hz  {volts} V"
    car_note = f"{t.get('car_state', '?')}  {t.get('car_soc_percent', 0):.0f} %"
    battery = "Gateway" if gateway else "Battery"
    note = f"{t.get('inverter_mode', '')}  {t.get('soc_percent', 0):.0f} %"
    carried = {"grid": "on the grid", "form": "on its own", "drift": "UNINTENDED ISLAND"}
    house_note = carried.get(str(t.get("house_source", "")), "dark")
    left = [
        ("Grid", grid_w, grid_note, "bright_blue", t.get("grid_present", True)),
        ("PV", pv_w, "" if t.get("pv_connected", True) else "not connected", "yellow", True),
    ]
    right = [
        ("House", float(t.get("loads_w", 0)), house_note, "white", True),
        ("Car", float(t.get("car_w", 0)), car_note, "bright_green", t.get("car_plugged", True)),
        (battery, battery_w, note, "magenta", True),
    ]
    for i in range(3):
        sources = _source(left[i]) if i < len(left) else [""] * 3
        table.add_row(*sources, Text("┃", style="bold grey70"), *_user(right[i]))
    return [table]


Flow = tuple[str, float, str, str, Any]


def _source(flow: Flow) -> list[Any]:
    name, w, note, style, there = flow
    arrow = ARROW_NONE if abs(w) < 10 else ARROW_IN if w > 0 else ARROW_OUT
    label = Text.assemble((f"{name:<5}", f"bold {style}" if there else "strike grey50"))
    label.append(f" {note:<24}", style="grey62")
    return [label, Text(_watts(abs(w)), style=style), Text(arrow, style=style)]


def _user(flow: Flow) -> list[Any]:
    name, w, note, style, there = flow
    arrow = ARROW_NONE if abs(w) < 10 else ARROW_IN if w > 0 else ARROW_OUT
    label = Text(name, style=f"bold {style}" if there else "strike grey50")
    label.append(f" {note}", style="grey62")
    return [Text(arrow, style=style), Text(_watts(abs(w)), style=style), label]


def _watts(w: float) -> str:
    return f"{w / 1000:5.2f} kW" if w >= 1000 else f"{w:5.0f} W "


def _legs(view: View) -> list[str]:
    return [f"l{i + 1}" for i in range(int(view.site.get("legs", 1)))]


def _circuits(view: View, width: int) -> list[RenderableType]:
    """A row per circuit: a bar per leg against the rating, signed amperes beside it."""
    legs = _legs(view)
    size = max(6, (width - 20) // len(legs) - 10)
    rows: list[RenderableType] = []
    for node in view.site.get("nodes", []):
        name, rating = str(node["name"]), float(node["rating_a"])
        row = Text(f"{name[:11]:<11} {rating:3.0f} A ", style="bold")
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
    first = view.site["nodes"][0]["name"] == node
    evse = view.site.get("evse", {}).get("node") == node
    inverter = view.site.get("inverter", {}).get("node") == node
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
    text = Text(bar, style=style)
    text.append("─" * (size - len(bar)), style="grey30")
    return text.append(f" {amps:6.1f}A", style="bold red" if abs(amps) > rating else "")


def _switches(view: View) -> RenderableType:
    text = Text()
    for name in ("contactor", "island", "bond", "loads"):
        closed = bool(view.truth.get(f"{name}_closed", False))
        text.append("● " if closed else "○ ", style="bold green" if closed else "grey50")
        text.append(f"{name}  ", style="" if closed else "grey50")
    commands = view.values.get("commands")
    if commands:
        pilot = tables.PILOT_NAMES[commands[tables.PILOT_STATE]]
        duty = commands[tables.PILOT_DUTY_PERMILLE] / 10
        text.append(f"pilot {pilot} {duty:g} %", style="cyan")
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
        return [Text("waiting for the firmware…", style="grey50"), Text("")]
    offer = f"{commands[tables.OFFER_MA] / 1000:g} A"
    setpoint = f"{commands[tables.SETPOINT_W] / 1000:+.2f} kW"
    rows: list[RenderableType] = []
    for device, label, value in (
        (tables.EVSE, "offer", offer),
        (tables.INVERTER, "setpoint", setpoint),
    ):
        limit = limit_of(view.values, device)
        row = Text(f"{label:<9}{value:>9}  ", style="bold")
        row.append(f"{tables.SOURCE_NAMES[limit.source]}: ", style="cyan")
        row.append(why(view, device, limit))
        row.truncate(width, overflow="ellipsis")
        rows.append(row)
    return rows


def why(view: View, device: int, limit: Limit) -> str:
    """The reason in words; its bare number where the firmware's sentences are missing."""
    try:
        from firmware.net.words import reason_text
    except ImportError:
        return f"reason {limit.reason}"
    nodes = view.site.get("nodes", [])
    name = nodes[limit.node]["name"] if 0 <= limit.node < len(nodes) else None
    return reason_text(limit.reason, name, limit.leg, limit.value)


def _events(view: View, count: int) -> list[RenderableType]:
    rows = []
    for t_us, source, text in list(view.events)[-count:]:
        clock = view.start + timedelta(microseconds=t_us)
        row = Text(f"{clock:%H:%M:%S} ", style="grey50", no_wrap=True, overflow="ellipsis")
        row.append(f"{source:<8} ", style=SOURCE_STYLES.get(source, ""))
        row.append(text)
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
        console.save_svg(str(path), title=f"islet: {view.title}")
