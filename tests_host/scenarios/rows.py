"""A recording of a run with its devices in the last rows of the image, idle ones before them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from firmware import image as im
from tools.twin import record

Ints = npt.NDArray[np.int32]
LEASED_STEPS = im.LEASED * im.LEASE_STEPS


def behind(site: Ints) -> list[int]:
    """The new row of each device."""
    kinds = site[im.DEVICE_KIND : im.DEVICE_KIND + im.DEVICES]
    used = [device for device in range(im.DEVICES) if kinds[device] != im.KIND_NONE]
    idle = [device for device in range(im.DEVICES) if kinds[device] == im.KIND_NONE]
    assert used and idle
    rows = [0] * im.DEVICES
    for row, device in enumerate(idle + used):
        rows[device] = row
    return rows


def places(section: int, rows: list[int]) -> Ints:
    """For each place of a section, whence its value comes."""
    table = im.TABLES[section]
    came = np.arange(table.size, dtype=np.int32)
    old = [rows.index(row) for row in range(im.DEVICES)]
    columns = {
        im.DEVICES: old,
        im.LEASED: [0, *(1 + device for device in old)],
        LEASED_STEPS: [
            step if leased < 0 else (1 + leased) * im.LEASE_STEPS + step
            for leased in (-1, *old)
            for step in range(im.LEASE_STEPS)
        ],
    }
    for name, first, count, *_ in table.rows:
        shape = table.shapes.get(name, (1, count))
        block = came[first : first + count].reshape(shape)
        if shape == (im.DEVICES, im.LEGS):
            block[:] = block[old]
        if shape[1] in columns and name != "LEASE_NODE":
            block[:] = block[:, columns[shape[1]]]
    return came


def mapped(values: Ints, rows: list[int], at: int, count: int) -> None:
    """Fields whose value is a device's row."""
    for i in range(at, at + count):
        if values[i] >= 0:
            values[i] = rows[values[i]]


def moved(recording: record.Recording, target: Path) -> list[int]:
    """Write it so; the rows it has given."""
    recorder = record.Recorder(target, "moved", 1)
    rows: list[int] = []
    for entry in told(recording, rows):
        recorder.write(entry)
    recorder.close()
    return rows


def told(recording: record.Recording, rows: list[int]) -> Iterator[record.Boot | record.Step]:
    came: dict[int, Ints] = {}
    for entry in recording.records():
        if isinstance(entry, record.Boot):
            site = np.frombuffer(entry.site, "<i4")
            rows[:] = behind(site)
            came = {section: places(section, rows) for section in range(len(im.TABLES))}
            yield record.Boot(of_site(site[came[record.SITE]], rows).tobytes())
            continue
        sections = {
            im.TABLES[section].name: np.frombuffer(getattr(entry, im.TABLES[section].name), "<i4")[
                came[section]
            ]
            for section in record.STEP_SECTIONS
        }
        mapped(sections["commands"], rows, im.DEVICE_AFTER, im.DEVICES)
        yield record.Step(entry.dt_ms, **{name: part.tobytes() for name, part in sections.items()})


def of_site(site: Ints, rows: list[int]) -> Ints:
    mapped(site, rows, im.POINT_DEVICE, im.POINTS)
    mapped(site, rows, im.ISLAND_DEVICE, 1)
    for node in range(im.NODES):
        if site[im.NODE_INSTRUMENT + node] == im.INSTRUMENT_DEVICE:
            mapped(site, rows, im.NODE_INSTRUMENT_ROW + node, 1)
    return site
