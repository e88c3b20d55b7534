# islet: grid codes (firmware/gridcodes/*.json), checked and packed for the device.
# GPL-3.0-or-later
"""A grid code's JSON carries every number with its source; firmware/gridcodes/README.md has the
format. Packed: the SITE fields TRIP_KIND to DEAD_GRID_MS of firmware/image.py, in their order, as
little-endian int32: config copies them into the image as they are.
"""

from __future__ import annotations

import itertools
import struct
from typing import Any

from firmware import image
from tools.pack import Document, PackError, choice, known, text, whole

KINDS = {"ov": image.GRID_OV, "uv": image.GRID_UV, "of": image.GRID_OF, "uf": image.GRID_UF}
VOLTAGE = ("ov", "uv")
GUARD_PERMILLE = 200  # a voltage below is dead to the guard
ENTER = ("low_permille", "high_permille", "low_mhz", "high_mhz", "delay_ms", "ramp_ms")
KNOWN = (
    "title",
    "note",
    "nominal_mhz",
    "trips",
    "ride_through",
    "enter",
    "unbalance_va",
    "ten_minute_mean",
    "dead_grid",
    "grid_loss",
    "sources",
)
WAYS = ("draw", "feed")
CITED = ("source", "unchecked", "note")
NOMINAL_MHZ = (50_000, 60_000)


def fields() -> list[tuple[str, int, int, int]]:
    """(name, count, low, high) of the packed SITE fields, in the image's order."""
    names = [row[0] for row in image.SITE.rows]
    first, last = names.index("TRIP_KIND"), names.index("DEAD_GRID_MS")
    return [(row[0], row[2], row[4], row[5]) for row in image.SITE.rows[first : last + 1]]


def pack(document: Document) -> bytes:
    """A checked document as bytes; PackError names the field and what is allowed."""
    validate(document)
    rows = document["trips"]
    spare = [0] * (image.GRID_TRIPS - len(rows))
    values = [KINDS[row["kind"]] for row in rows] + spare
    values += [_level(row) for row in rows] + spare
    values += [row["time_ms"] for row in rows] + spare
    rides = sorted(document["ride_through"], key=_reach, reverse=True)
    spare = [0] * (image.GRID_RIDES - len(rides))
    values += [KINDS[row["kind"]] for row in rides] + spare
    values += [_level(row) for row in rides] + spare
    values += [row["time_ms"] for row in rides] + spare
    values += [document["enter"][name] for name in ENTER]
    values += [document.get("unbalance_va", {}).get(way, 0) for way in WAYS]
    values += [document["grid_loss"]["ms"], document["dead_grid"]["ms"]]
    return struct.pack(f"<{len(values)}i", *values)


def validate(document: Document) -> None:
    """Raise PackError for the first thing wrong."""
    known(document, "", KNOWN)
    text(document, "", "title")
    nominal_mhz = document.get("nominal_mhz")
    if nominal_mhz not in NOMINAL_MHZ:
        raise PackError("nominal_mhz", f"{nominal_mhz!r} is not one of 50000, 60000")
    sources = _object(document, "", "sources")
    _validate_rows(document, "trips", 1, image.GRID_TRIPS, nominal_mhz, sources)
    _validate_rows(document, "ride_through", 0, image.GRID_RIDES, nominal_mhz, sources)
    _validate_curve(document["ride_through"])
    enter = _validate_enter(document, nominal_mhz, sources)
    _validate_enter_inside_trips(document["trips"], enter)
    if "unbalance_va" in document:
        _validate_unbalance(document, sources)
    if "ten_minute_mean" in document:
        mean = _object(document, "", "ten_minute_mean")
        known(mean, "ten_minute_mean.", ("permille", *CITED))
        whole(mean, "ten_minute_mean.", "permille", 1000, 1500)
        _cited(mean, "ten_minute_mean.", sources)
    dead_ms = _duration(document, "dead_grid", "DEAD_GRID_MS", sources)
    loss_ms = _duration(document, "grid_loss", "GRID_LOSS_MS", sources)
    ride_ms = ride_through_dead_ms(document)
    if dead_ms < ride_ms:
        raise PackError("dead_grid.ms", f"{dead_ms} cuts the ride-through of {ride_ms} ms short")
    if loss_ms < max(ride_ms, dead_ms):
        raise PackError("grid_loss.ms", f"{loss_ms} is below dead_grid.ms or the ride-through")


def ride_through_dead_ms(document: Document) -> int:
    """The longest stay with every voltage below the guard's 20 %."""
    rows = sorted(
        (r["permille"], r["time_ms"]) for r in document["ride_through"] if r["kind"] == "uv"
    )
    near = [time_ms for permille, time_ms in rows if permille >= GUARD_PERMILLE]
    return max([ms for permille, ms in rows if permille < GUARD_PERMILLE] + near[:1], default=0)


def _validate_curve(rows: list[Document]) -> None:
    """Further away never lasts longer, and no level stands twice."""
    for kind in KINDS:
        curve = sorted((row for row in rows if row["kind"] == kind), key=_reach)
        for near, far in itertools.pairwise(curve):
            number = rows.index(far)
            if _level(near) == _level(far) or far["time_ms"] > near["time_ms"]:
                raise PackError(
                    f"ride_through[{number}].time_ms",
                    "lasts longer than a level nearer to nominal",
                )


def _reach(row: Document) -> int:
    """Larger is further from nominal; comparable within a kind."""
    return _level(row) if row["kind"] in ("ov", "of") else -_level(row)


def _validate_rows(
    document: Document, name: str, least: int, most: int, nominal_mhz: int, sources: Document
) -> None:
    rows = document.get(name)
    if not isinstance(rows, list) or not least <= len(rows) <= most:
        raise PackError(name, f"is not a list of {least} to {most} rows")
    for number, row in enumerate(rows):
        where = f"{name}[{number}]."
        if not isinstance(row, dict):
            raise PackError(where[:-1], "is not an object")
        kind = choice(row, where, "kind", KINDS)
        unit = "permille" if kind in VOLTAGE else "mhz"
        known(row, where, ("kind", unit, "time_ms", *CITED))
        middle = 1_000 if kind in VOLTAGE else nominal_mhz
        widest = 500 if kind in VOLTAGE else 10_000
        if kind in ("ov", "of"):
            whole(row, where, unit, middle + 1, middle + widest)
        else:
            whole(row, where, unit, 1 if kind == "uv" else middle - widest, middle - 1)
        whole(row, where, "time_ms", 0, 1_000_000)
        _cited(row, where, sources)


def _validate_enter(document: Document, nominal_mhz: int, sources: Document) -> Document:
    enter = _object(document, "", "enter")
    known(enter, "enter.", (*ENTER, *CITED))
    ranges = {name: (low, high) for name, _, low, high in fields()}
    for name in ENTER:
        low, high = ranges["ENTER_" + name.upper()]
        whole(enter, "enter.", name, low, min(high, 100_000_000))
    if not enter["low_mhz"] < nominal_mhz < enter["high_mhz"]:
        raise PackError("enter.low_mhz", f"nominal_mhz {nominal_mhz} is not inside the window")
    _cited(enter, "enter.", sources)
    return enter


def _validate_unbalance(document: Document, sources: Document) -> None:
    """A direction that is left out is not limited."""
    item = _object(document, "", "unbalance_va")
    known(item, "unbalance_va.", (*WAYS, *CITED))
    _, _, _, high = next(row for row in fields() if row[0] == "UNBALANCE_VA")
    for way in WAYS:
        if way in item:
            whole(item, "unbalance_va.", way, 1, high)
    if not set(WAYS) & set(item):
        raise PackError("unbalance_va", "has neither draw nor feed")
    _cited(item, "unbalance_va.", sources)


def _validate_enter_inside_trips(rows: list[Document], enter: Document) -> None:
    """A window that reaches beyond a trip level would enter service only to trip."""
    for number, row in enumerate(rows):
        unit = "permille" if row["kind"] in VOLTAGE else "mhz"
        over = row["kind"] in ("ov", "of")
        edge = enter[("high_" if over else "low_") + unit]
        if edge > _level(row) if over else edge < _level(row):
            raise PackError(f"trips[{number}].{unit}", f"lies inside the enter window ({edge})")


def _level(row: Document) -> int:
    return row["permille"] if row["kind"] in VOLTAGE else row["mhz"]


def _duration(document: Document, name: str, field: str, sources: Document) -> int:
    low, high = next((low, high) for known_as, _, low, high in fields() if known_as == field)
    item = _object(document, "", name)
    known(item, name + ".", ("ms", *CITED))
    _cited(item, name + ".", sources)
    return whole(item, name + ".", "ms", low, high)


def _cited(item: Document, where: str, sources: Document) -> None:
    choice(item, where, "source", sources)
    if type(item.get("unchecked", False)) is not bool:
        raise PackError(where + "unchecked", "is not true or false")


def _object(document: Document, where: str, name: str) -> dict[str, Any]:
    value = document.get(name)
    if not isinstance(value, dict):
        raise PackError(where + name, "is missing or not an object")
    return value
