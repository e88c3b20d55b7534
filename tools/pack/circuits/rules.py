# islet: what makes a circuit board impossible or unsafe, beyond the shape of its JSON.
# GPL-3.0-or-later
"""Rules between fields of a board whose shape is good; PackError names the field and the remedy.

Each rule is a function of the document; check() calls them in order, and the first that finds
something speaks. Pins are in pins.py, scales and sampling in signals.py."""

from __future__ import annotations

import re

from tools.pack import Document, PackError
from tools.pack.circuits import pins, signals
from tools.pack.circuits.scales import chip_of
from tools.pack.circuits.tables import (
    CONFIRMED_BY,
    DEAD_MAN,
    HELD,
    ISLAND,
    LEGS,
    LOOPS,
    NEEDS_GUARD,
    OF_SECOND,
    PERMITTING,
    PROTECTIVE,
)


def check(document: Document) -> None:
    """Refuse the board at its first broken rule."""
    _name(document)
    for rule in (
        signals.sampling,
        signals.channels,
        _points,
        _guard,
        _outputs,
        _island,
        _outlet,
        _dead_man,
        _inputs,
        _way_in,
        signals.measured,
        signals.meters,
        signals.crossing,
        _ethernet,
        pins.at_boot,
        pins.soldered,
        pins.used_once,
        pins.possible,
        pins.routed,
        _names_once,
    ):
        rule(document)


def output_names(document: Document) -> list[str]:
    return [row["name"] for row in document["outputs"]]


def _name(document: Document) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", document["name"]):
        raise PackError("name", "is not up to 32 lower case letters, digits and _, like its file")


def _guard(document: Document) -> None:
    chip, guard = chip_of(document), document["guard"]
    if guard not in chip.guards:
        allowed = " or ".join(chip.guards)
        raise PackError(
            "guard", f"{guard!r}: MicroPython on {chip.text} has no such thing; {allowed}"
        )
    declared = "hardware_guard" in document
    if guard == "hardware" and chip.real and not declared:
        raise PackError("hardware_guard", 'guard "hardware" needs it declared: what is it?')
    if declared and guard != "hardware":
        raise PackError("hardware_guard", f'guard is {guard!r}; say "hardware", or leave it out')


def _outputs(document: Document) -> None:
    chip, guard = chip_of(document), document["guard"]
    seen = {n for row in document["inputs"] for n in (row["name"], *row.get("also", []))}
    for i, row in enumerate(document["outputs"]):
        where, name = f"outputs.{i}.name", row["name"]
        kind = str(OF_SECOND.get(name, name))
        confirmed = [name if n == kind else n for n in CONFIRMED_BY.get(kind, ())]
        if missing := [n for n in confirmed if n not in seen]:
            raise PackError(where, f"output {name} needs input {', '.join(missing)}")
        if kind in NEEDS_GUARD and guard == "soft":
            raise PackError(where, f"output {name} needs a guard in an interrupt or in hardware")
        if name in ISLAND[:2] and not chip.islands:
            raise PackError(
                where, f"output {name}: {chip.text} may not island, its guard is too slow"
            )
        stops = row.get("firmware_stops")
        if chip.real and stops not in (None, DEAD_MAN):
            raise PackError(
                f"outputs.{i}.firmware_stops",
                f"a watchdog takes seconds; {name} needs {DEAD_MAN} and a section dead_man",
            )


def _points(document: Document) -> None:
    """Nothing of a second point where the chip's image has none, or without its pilot."""
    chip, second = chip_of(document), "pin_2" in document["pilot"]
    used = [
        (f"channels.{i}.point", row.get("point", 1)) for i, row in enumerate(document["channels"])
    ]
    for section in ("outputs", "inputs"):
        rows = enumerate(document[section])
        used += [(f"{section}.{i}.name", 2 if row["name"] in OF_SECOND else 1) for i, row in rows]
    used += [("pilot.pin_2", 2)] if second else []
    for where, point in used:
        if point > chip.points:
            raise PackError(where, f"{chip.text} has room for {chip.points} point")
        if point == 2 and not second:
            raise PackError("pilot.pin_2", f"is missing: {where} is of a second point")


def _island(document: Document) -> None:
    """The switch and the bond exclude each other, so neither is without the other; forming is
    stopped by the enable, and what the source cannot carry is shed."""
    names = output_names(document)
    for name in ISLAND[:2]:
        if name not in names:
            continue
        if missing := [n for n in ISLAND if n not in names]:
            where = f"outputs.{names.index(name)}.name"
            raise PackError(where, f"output {name} needs outputs {', '.join(missing)} besides")
    if ISLAND[0] not in names:
        return
    for output, field, why in (
        ("bond", "hold_ms", "a bond that drops before its source stops leaves it unearthed"),
        ("enable", "service_switch", "somebody may work on the dead house"),
    ):
        i = names.index(output)
        if field not in document["outputs"][i]:
            raise PackError(f"outputs.{i}.{field}", f"is needed to island: {why}")
    if "emergency_stop" not in document:
        raise PackError("emergency_stop", "is needed to island: does it cut the house's supply?")
    i = names.index("enable")
    if (unseen := _unsampled(document)) and "voltage_relay" not in document["outputs"][i]:
        raise PackError(
            f"outputs.{i}.voltage_relay",
            f"is needed to island: no samples of the house's leg {unseen[0]}, and a mean "
            "comes too late for a burning voltage",
        )


def _unsampled(document: Document) -> list[int]:
    """Legs of the house that a metering chip alone sees, or nobody: its mean is 0.84 s late."""
    sides = {side: set[int]() for side in ("grid_v", "house_v")}
    for row in document["channels"]:
        if row["signal"] in sides:
            sides[row["signal"]].add(row["leg"])
    legs = set(range(1, LEGS + 1)) if document.get("meters") else sides["grid_v"]
    return sorted(legs - sides["house_v"]) or ([] if legs else [1])


def _outlet(document: Document) -> None:
    """A socket whose contactor is welded can lose its supply, its plug still locked."""
    names = output_names(document)
    for i, row in enumerate(document["outputs"]):
        release = row["name"].replace("contactor", "release")
        if row.get("outlet") == "socket" and release not in names:
            raise PackError(
                f"outputs.{i}.outlet", f"a socket needs output {release}: a weld's way"
            )


def _dead_man(document: Document) -> None:
    names, dead_man = output_names(document), document.get("dead_man")
    declared = [
        name
        for name, row in zip(names, document["outputs"], strict=True)
        if row.get("firmware_stops") == DEAD_MAN
    ]
    if dead_man is None:
        if declared:
            raise PackError("dead_man", f"{declared[0]} declares {DEAD_MAN}: by which pin?")
        return
    for i, name in enumerate(dead_man["holds"]):
        if name not in names:
            raise PackError(f"dead_man.holds.{i}", f"the board has no output {name}")
        if name not in declared:
            raise PackError(f"dead_man.holds.{i}", f"{name} does not declare {DEAD_MAN}")
    for name in HELD:
        if name in declared and name not in dead_man["holds"]:
            raise PackError("dead_man.holds", f"{name} declares {DEAD_MAN}, hold it")
    chip = chip_of(document)
    if dead_man["by"] not in chip.dead_man:
        raise PackError(
            "dead_man.by",
            f"{chip.text}: {' or '.join(chip.dead_man)}; what else it has goes on when the "
            "interpreter hangs, or has no driver here",
        )


def _inputs(document: Document) -> None:
    chip, rows = chip_of(document), document["inputs"]
    for i, row in enumerate(rows):
        where, names = f"inputs.{i}.", (row["name"], *row.get("also", []))
        pull, resistor = row["pull"], row.get("resistor", row["pull"])
        if "none" not in (pull, resistor) and pull != resistor:
            raise PackError(where + "resistor", f"pulls against the chip's own pull {pull}")
        if chip.real and resistor == "none":
            raise PackError(where + "pull", "would float: pull up or down, or add a resistor")
        protective = [name for name in names if name in PROTECTIVE]
        loops = [name for name in names if name in LOOPS]
        if loops and chip.real and resistor != "up":
            raise PackError(
                where + "pull",
                f"{loops[0]} must trip when its wire breaks: a loop to ground, pulled up",
            )
        permits = [name for name in names if name in PERMITTING]
        if permits and chip.real and resistor != "down":
            raise PackError(
                where + "pull",
                f"{permits[0]} must not be confirmed by a broken wire: a contact to the supply, "
                "pulled down",
            )
        _trip(document, row, where, len(protective))
        for name in names[1:]:
            if name == names[0]:
                raise PackError(where + "also", f"{name} is given twice")
            if name not in PROTECTIVE or names[0] not in PROTECTIVE:
                raise PackError(
                    where + "also",
                    f"{names[0]} and {name} on one pin: only {', '.join(PROTECTIVE)} may share "
                    "one, a confirmation must be its own contact",
                )


def _way_in(document: Document) -> None:
    """Somebody can see a fault and acknowledge it without a network."""
    chip = chip_of(document)
    lamp, button = document.get("lamp", {}), document.get("button", {})
    for has, field, row, name in (
        (chip.module_lamp, "lamp.module", lamp, "module"),
        (chip.bootsel, "button.bootsel", button, "bootsel"),
    ):
        if name in row and not (row[name] and has):
            raise PackError(field, f"{chip.text} has none, or it is not to be used: give a pin")
    if button.get("pin") in chip.input_only:
        raise PackError("button.pull", f"pin {button['pin']} of {chip.text} has no pull resistor")
    if chip.real:
        for name in ("lamp", "button"):
            if name not in document:
                raise PackError(
                    name, "is missing: a latched fault would leave a dark house with no way out"
                )


def _ethernet(document: Document) -> None:
    """Of a chip whose image has its driver; a W5500 hangs on the SPI."""
    ethernet, chip = document.get("ethernet"), chip_of(document)
    if ethernet is None:
        return
    if ethernet["chip"] not in chip.ethernet:
        known = " or ".join(chip.ethernet) or "none"
        raise PackError("ethernet.chip", f"{chip.text}: its image has a driver for {known}")
    if ethernet.get("clock") == "gpio0_in" and "power" not in ethernet:
        raise PackError(
            "ethernet.power",
            "is missing: a clock that runs into GPIO 0 in reset may start the boot loader; a pin "
            "that switches the oscillator, or gpio16_out or gpio17_out",
        )
    if "cs" in ethernet and "spi" not in document:
        raise PackError("spi", f"is missing: the {ethernet['chip']} hangs on it")


def _trip(document: Document, row: Document, where: str, protective: int) -> None:
    """What protects trips in an interrupt, nothing else does."""
    trips, hard = row.get("trip", False), document["guard"] == "hard_interrupt"
    if trips and not protective:
        raise PackError(where + "trip", f"only {', '.join(PROTECTIVE)} trip")
    if trips and not hard:
        raise PackError(where + "trip", "needs a guard in a hard interrupt")
    if protective and hard and chip_of(document).real and not trips:
        raise PackError(where + "trip", f"{row['name']} trips at once on this board: true")


def _names_once(document: Document) -> None:
    """Every output and input is given once."""
    names = output_names(document)
    for i, name in enumerate(names):
        if name in names[:i]:
            raise PackError(f"outputs.{i}.name", f"{name} is given twice")
    seen: set[str] = set()
    for i, row in enumerate(document["inputs"]):
        for field, name in (("name", row["name"]), *(("also", n) for n in row.get("also", []))):
            if name in seen:
                raise PackError(f"inputs.{i}.{field}", f"{name} is given twice")
            seen.add(name)
