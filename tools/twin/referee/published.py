# islet: the published process image, by field name.
# GPL-3.0-or-later
"""The referee judges physical truth; only "setpoint outside the granted range" and a scenario's
own expectations about `islet.<FIELD>` look at what the firmware publishes. Names come from the
table that declares the image, which is data."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from functools import cache

from tools.twin.record import image_tables


@cache
def place(name: str) -> tuple[str, int]:
    """(section, index) of "FIELD" or "FIELD[i]"; KeyError names an unknown one."""
    field, _, rest = name.partition("[")
    offset = int(rest.rstrip("]")) if rest else 0
    for table in image_tables.TABLES:
        for row in table.rows:
            if row[0] == field and 0 <= offset < row[2]:
                return table.name, row[1] + offset
    raise KeyError(f"{name}: no field of the process image")


BITS = {
    "FAULTS": image_tables.FAULT_NAMES,
    "TRIPPED": image_tables.TRIP_NAMES,
    "PERMITS": image_tables.OUTPUT_NAMES,
    "OUTPUTS": image_tables.OUTPUT_NAMES,
}


@cache
def bit_of(field: str, name: str) -> int:
    """Mask of a named bit of a field; KeyError says what there is."""
    names = BITS.get(field)
    if names is None:
        raise KeyError(f"{field} has no named bits, allowed {', '.join(BITS)}")
    if name not in names:
        raise KeyError(f"{name!r}, allowed {', '.join(names)}")
    return 1 << names.index(name)


class Published(Mapping[str, int]):
    """One image by field name; empty as long as nothing was published."""

    def __init__(self, sections: Mapping[str, array[int]]) -> None:
        self._sections = sections

    def __getitem__(self, name: str) -> int:
        section, index = place(name)
        return self._sections[section][index]

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self._sections)

    def __len__(self) -> int:
        return len(self._sections)
