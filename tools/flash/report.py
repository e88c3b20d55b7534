# islet: the board's own report (firmware/net/console.py), for people.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

from tools.flash.link import Report


def lines(first: Report, second: Report) -> Iterator[str]:
    """What the board says of itself, in sentences; `second` was asked a second later."""
    yield (
        f"the board says: {second['name']}, islet {second['version'] or 'of unknown version'}, "
        f"circuit board {second['circuit']}, MicroPython {second['micropython']} "
        f"on {second['platform']}"
    )
    yield f"  heap: {second['heap_free']:,} of {second['heap_total']:,} bytes free"
    ticks = second["guard_ticks"] - first["guard_ticks"]
    yield f"  guard: {f'runs ({ticks} ticks since)' if ticks else 'does not run'}"
    yield f"  energised: {', '.join(second['energised']) or 'nothing'}"
    yield f"  inputs: {', '.join(second['inputs']) or 'none is active'}"
    for name, state in second["instruments"]:
        yield f"  {name}: {state}"
    if second.get("calibration"):
        yield f"  calibrated: {second['calibration']}"
    if second["trips"]:
        yield f"  tripped: {', '.join(second['trips'])}"
    if second["overlay"]:
        yield f"  OVERLAY: not from the image: {', '.join(second['overlay'])}"
    if second.get("storage"):
        yield f"  file system: {second['storage']}"
    for error in second["errors"]:
        yield f"  configuration: {error}"
    for warning in second.get("warnings", ()):
        yield f"  configuration, a warning: {warning}"


def problems(first: Report, second: Report, circuit: str, configured: bool) -> Iterator[str]:
    """What is not as it should be after flashing; `configured`: a configuration was given."""
    if second.get("circuit") != circuit:
        yield f"the board says it is {second.get('circuit')}, not {circuit}"
        return
    if second["guard_ticks"] == first["guard_ticks"]:
        yield "the guard does not run"
    if second["energised"]:
        yield f"{', '.join(second['energised'])}: at once after a start, that is a fault"
    if second.get("storage"):
        yield f"the file system is not right: {second['storage']}"
    if configured and second["errors"]:
        yield "the board refuses its configuration"
