# islet: what a site's configuration says of a house's devices, whatever form it has.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.twin.house import HouseSpec

SECTIONS = (("evse", "points"), ("inverter", "converters"), ("meter", "meters"))
LISTS = ("points", "meters", "devices")


class Told:
    """By the names of the house's rows: `index` is a device's row in the process image, where
    islet commands it.

    A site with a list of devices has them by name, in the list's order. In one without, the
    sections evse and inverter are the house's first point and first converter, rows 0 and 1."""

    def __init__(self, site: Mapping[str, Any], house: HouseSpec | None = None) -> None:
        self.site = site
        self.index: dict[str, int] = {}
        self.rows: dict[str, dict[str, Any]] = {}
        self.listed = isinstance(site.get("devices"), list)
        meters = [row["name"] for row in site.get("meters") or () if self.listed]
        self.measuring = ("ct", *(meters if self.listed else ("meter",)))  # not a device's report
        if self.listed:
            names = [row["name"] for row in site["devices"]]
            self.index = {name: row for row, name in enumerate(names)}
            for key in LISTS:
                for row in site.get(key) or ():
                    self.rows.setdefault(row["name"], {}).update(row)
            return
        for i, (section, rows) in enumerate(SECTIONS):
            for row in getattr(house, rows, ())[:1]:
                given = site.get(section)
                self.rows[row.name] = dict(given) if isinstance(given, Mapping) else {}
                if section != "meter":
                    self.index[row.name] = i

    def of(self, name: str, option: str, default: Any) -> Any:
        """An option of a device, or its default."""
        value = self.rows.get(name, {}).get(option)
        return default if value is None else value

    def at(self, place: str, default: Any) -> Any:
        """An option of the site by its dotted place, or its default."""
        return declared(self.site, place, default)

    def legs(self, name: str) -> int:
        legs = self.of(name, "legs", 1)
        return len(legs) if isinstance(legs, list) else legs

    # --- circuits ---------------------------------------------------------------------------

    def node(self, name: Any) -> Mapping[str, Any]:
        """A circuit as the site has it, empty where it has none of that name."""
        nodes = (n for n in self.site.get("nodes", []) if isinstance(n, dict))
        return next((n for n in nodes if n.get("name") == name), {})

    def line(self, device: str) -> list[Mapping[str, Any]]:
        """The nodes from a device's own up to the service."""
        parents = {n.get("name"): n.get("parent") for n in self.site.get("nodes", [])}
        return [self.node(name) for name in above(self.of(device, "node", None), parents)]

    def rating_a(self, device: str) -> float:
        return self.node(self.of(device, "node", None)).get("rating_a", 0)

    def error(self, device: str) -> float:
        """Declared, of what measures its node."""
        return self.node(self.of(device, "node", None)).get("error_percent", 2) / 100

    def meters(self, device: str, names: list[str]) -> tuple[str, ...]:
        """Of these meters, those that measure a node above a device."""
        found = [node.get("instrument") for node in self.line(device)]
        any_of_them = not self.listed and "meter" in found
        return tuple(name for name in names if name in found or any_of_them)

    def witnessed(self, device: str) -> bool:
        """Something above it measures, and not its own report."""
        found = [node.get("instrument") for node in self.line(device)]
        return any(what in self.measuring for what in found)

    def fits(self, device: str, volts: float) -> bool:
        """INV-4's static rule for a converter's whole nameplate: it may feed all of it by
        conductors, busbars, other sources and export limit, and draw all of it where no
        measurement is relied on."""
        site = self.site
        feed_w = self.of(device, "discharge_w", 0)
        if 0 <= site.get("export_limit_w", -1) < feed_w:
            return False
        legs = self.legs(device)
        feed_a, draw_a = (w / legs / volts for w in (feed_w, self.of(device, "charge_w", 0)))
        parents = {n.get("name"): n.get("parent") for n in site.get("nodes", [])}
        own = self.of(device, "node", None)
        for node in self.line(device):
            name = node.get("name")
            below = [n for n in parents if name in above(n, parents)]
            others_a = sum(self.node(n).get("source_a", 0) for n in below)
            rating_a = node.get("rating_a", 0)
            most_a = rating_a * node.get("continuous_percent", 100) / 100
            bus_a = node.get("bus_a", 0) * node.get("bus_percent", 100) / 100
            measured = node.get("instrument") in self.measuring
            if (measured and name != own and draw_a) or draw_a > most_a:
                return False
            if feed_a > most_a - others_a:
                return False
            if bus_a and feed_a > (bus_a - rating_a) * 0.8 - others_a:
                return False
        return True


def above(name: str | None, parents: Mapping[str, str | None]) -> list[str]:
    """The circuit and all that feed it."""
    line = []
    while name is not None:
        line.append(name)
        name = parents.get(name)
    return line


def declared(site: Mapping[str, Any], place: str, default: Any) -> Any:
    """A dotted option of the site's configuration, or its default."""
    at: Any = site
    for step in place.split("."):
        at = at.get(step) if isinstance(at, Mapping) else None
    return default if at is None else at
