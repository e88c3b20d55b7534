# islet: what the referee knows of the site's grid code; read with no code of the firmware's.
# GPL-3.0-or-later
from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.workshop import ROOT

GRIDCODES = ROOT / "firmware" / "gridcodes"


@dataclass(frozen=True)
class TripRow:
    kind: str  # ov, uv of nominal; of, uf in Hz
    level: float
    time_s: float

    def beyond(self, volts_pu: list[float], hz: float) -> bool:
        if self.kind == "ov":
            return max(volts_pu) > self.level
        if self.kind == "uv":
            return min(volts_pu) < self.level
        return hz > self.level if self.kind == "of" else 0 < hz < self.level


@dataclass(frozen=True)
class Unbalance:
    """VA that devices may load one leg more than another, 0 any: of what they draw and of what
    they feed, each for itself; or drawing from one and feeding into another added up."""

    draw_va: float = 0
    feed_va: float = 0
    together: bool = False


@dataclass(frozen=True)
class GridCode:
    """Enter-service window, delay, and what ends service."""

    nominal_v: float
    legs: int
    low_pu: float
    high_pu: float
    low_hz: float
    high_hz: float
    delay_s: float
    trips: tuple[TripRow, ...] = ()
    dead_s: float = 1.0  # a dead grid is confirmed after this
    rides: tuple[TripRow, ...] = ()  # the ride-through curve, in steps
    unbalance: Unbalance = field(default_factory=lambda: Unbalance())

    def volts_pu(self, truth: Mapping[str, Any]) -> list[float]:
        names = ("grid_l1_v", "grid_l2_v", "grid_l3_v")[: self.legs]
        return [truth[name] / self.nominal_v for name in names]

    def inside(self, truth: Mapping[str, Any], margin_pu: float, margin_hz: float) -> bool:
        """The grid stands in the window, widened by margins nobody can measure within."""
        if not truth["grid_present"]:
            return False
        volts = self.volts_pu(truth)
        good = min(volts) >= self.low_pu - margin_pu and max(volts) <= self.high_pu + margin_pu
        return good and self.low_hz - margin_hz <= truth["grid_hz"] <= self.high_hz + margin_hz


def grid_code(site: Mapping[str, Any], nominal_v: float, legs: int) -> GridCode:
    """From firmware/gridcodes, with the site's overrides."""
    name = site.get("grid_code", "default_50hz")
    path = GRIDCODES / f"{name}.json"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in GRIDCODES.glob("*.json")))
        raise ValueError(f"site.grid_code: {name!r}, allowed {known}")
    data = json.loads(path.read_text(encoding="utf-8"))
    enter = data["enter"]
    overrides = site.get("grid_code_overrides") or {}
    trips, rides = (
        tuple(
            TripRow(
                row["kind"],
                (row["permille"] if "permille" in row else row["mhz"]) / 1000,
                row["time_ms"] / 1000,
            )
            for row in data.get(rows, ())
        )
        for rows in ("trips", "ride_through")
    )
    return GridCode(
        nominal_v,
        legs,
        enter["low_permille"] / 1000,
        enter["high_permille"] / 1000,
        enter["low_mhz"] / 1000,
        enter["high_mhz"] / 1000,
        overrides.get("enter_delay_s", enter["delay_ms"] / 1000),
        trips,
        overrides.get("grid_loss_s", data["grid_loss"]["ms"] / 1000),
        rides,
        _unbalance(site, data),
    )


def _unbalance(site: Mapping[str, Any], data: Mapping[str, Any]) -> Unbalance:
    """The site's own number is for both directions together."""
    own_va = site.get("unbalance_va")
    if own_va is not None:
        return Unbalance(own_va, own_va, True)
    coded = data.get("unbalance_va", {})
    return Unbalance(coded.get("draw", 0), coded.get("feed", 0))
