# islet: which pin may carry what.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tools.pack import Document, PackError
from tools.pack.circuits.chips import Chip
from tools.pack.circuits.scales import chip_of

# what a pin is used for; OUT drives power, the others are told apart where a chip cares
OUT, IN, ANALOG, PWM, SELECT, BUS = "output", "input", "analog", "pwm", "select", "bus"
LAMP, POWER = "lamp", "power"  # of a network chip
LISTENS = (IN, ANALOG)
NETWORK = {"cs": SELECT, "int": IN, "reset": BUS, "mdc": BUS, "mdio": BUS, "power": POWER}
RECEIVED = ("RXD0", "RXD1", "CRS_DV")  # of RMII


@dataclass(frozen=True)
class Use:
    """One pin's use: the field that says so, and how."""

    pin: int
    field: str
    kind: str
    name: str  # in words, for errors and the wiring table


def uses(document: Document) -> Iterator[Use]:
    """Every pin the board uses, in the order of the JSON."""
    chip = chip_of(document)
    yield Use(document["pilot"]["pin"], "pilot.pin", PWM, "pilot")
    if "pin_2" in document["pilot"]:
        yield Use(document["pilot"]["pin_2"], "pilot.pin_2", PWM, "pilot of point 2")
    for i, line in enumerate(document["lines"]):
        number = f" {i + 1}" if i else ""
        for name in ("tx", "rx", "de"):
            if name in line:
                kind = IN if name == "rx" else BUS
                yield Use(line[name], f"lines.{i}.{name}", kind, f"RS-485{number} {name}")
    for name in ("sck", "mosi", "miso"):
        if spi := document.get("spi"):
            kind = IN if name == "miso" else BUS
            yield Use(spi[name], f"spi.{name}", kind, f"SPI {name}")
    for i, row in enumerate(document["channels"]):
        if "adc" in row and row["adc"] in chip.adc:
            leg = f" L{row['leg']}" if "leg" in row else ""
            yield Use(chip.adc[row["adc"]], f"channels.{i}.adc", ANALOG, row["signal"] + leg)
    for i, row in enumerate(document.get("meters", [])):
        yield Use(row["cs"], f"meters.{i}.cs", SELECT, f"select of meter {i + 1}")
    if ethernet := document.get("ethernet"):
        for name, kind in NETWORK.items():
            if name in ethernet:
                yield Use(ethernet[name], f"ethernet.{name}", kind, f"{name} of the network chip")
        if "clock" in ethernet:
            clock, way = clock_of(ethernet)
            yield Use(clock, "ethernet.clock", IN if way == "in" else BUS, f"RMII clock {way}")
            for pin, signal in chip.rmii.items():
                kind = IN if signal in RECEIVED else BUS
                yield Use(pin, "ethernet.chip", kind, f"RMII {signal}")
    if crossing := document.get("crossing"):
        yield Use(crossing["pin"], "crossing.pin", IN, f"zero crossing of L{crossing['leg']}")
    if dead_man := document.get("dead_man"):
        yield Use(dead_man["pin"], "dead_man.pin", OUT, "dead-man")
    if "pin" in document.get("lamp", {}):
        yield Use(document["lamp"]["pin"], "lamp.pin", LAMP, "lamp")
    if "pin" in document.get("button", {}):
        yield Use(document["button"]["pin"], "button.pin", IN, "button")
    for kind, section in ((OUT, "outputs"), (IN, "inputs")):
        for i, row in enumerate(document[section]):
            yield Use(row["pin"], f"{section}.{i}.pin", kind, row["name"])


def soldered(document: Document) -> None:
    """What the module has wired stands as it is there."""
    chip = chip_of(document)
    for field, number in chip.soldered.items():
        section, _, name = field.partition(".")
        if section not in document:
            raise PackError(section, f"is missing: {chip.text} has it soldered")
        if document[section][name] != number:
            raise PackError(field, f"is {number} on {chip.text}: soldered")


def clock_of(ethernet: Mapping[str, str]) -> tuple[int, str]:
    """The pin of a PHY's clock, and its way: "in" or "out"."""
    pin, way = ethernet["clock"].removeprefix("gpio").split("_")
    return int(pin), way


def used_once(document: Document) -> None:
    taken: dict[int, str] = {}
    for use in uses(document):
        if use.pin in taken:
            raise PackError(use.field, f"pin {use.pin} is {taken[use.pin]} already")
        taken[use.pin] = use.field


def possible(document: Document) -> None:
    """The pin exists, nothing on the module has it, and it can do what is asked."""
    chip = chip_of(document)
    for i, row in enumerate(document["channels"]):
        number = row.get("adc")
        if number is None:
            continue
        if number not in chip.adc:
            known = ", ".join(str(n) for n in chip.adc if n not in chip.adc_taken)
            raise PackError(f"channels.{i}.adc", f"{chip.text} has no input {number}, but {known}")
        if number in chip.adc_taken:
            raise PackError(f"channels.{i}.adc", f"input {number}: {chip.adc_taken[number]}")
    for use in uses(document):
        if use.pin not in chip.pins:
            raise PackError(use.field, f"{chip.text} has no pin {use.pin}")
        if use.pin in chip.taken:
            raise PackError(use.field, f"pin {use.pin} is {chip.taken[use.pin]}")
        if use.pin in chip.input_only and use.kind not in LISTENS:
            raise PackError(use.field, f"pin {use.pin} of {chip.text} is an input only")
    for i, row in enumerate(document["inputs"]):
        if row["pin"] in chip.input_only and row["pull"] != "none":
            raise PackError(
                f"inputs.{i}.pull",
                f"pin {row['pin']} of {chip.text} has no pull resistor: none, and a resistor on "
                "the board",
            )


def routed(document: Document) -> None:
    """UART and SPI reach their pins; a driver enable needs the PIO."""
    chip, spi = chip_of(document), document.get("spi")
    for i, line in enumerate(document["lines"]):
        _free(f"lines.{i}.uart", line["uart"], chip.uarts, chip)
        for j, other in enumerate(document["lines"][:i]):
            if other["uart"] == line["uart"]:
                raise PackError(f"lines.{i}.uart", f"{line['uart']} is lines.{j}.uart already")
        if "de" in line and not chip.pio:
            raise PackError(
                f"lines.{i}.de",
                f"{chip.text} has no PIO to switch it in time: take a transceiver that turns by "
                "itself and leave it out",
            )
        _reaches(chip, f"lines.{i}", f"uart {line['uart']}", line, ("tx", "rx"))
    if spi is not None:
        _free("spi.id", spi["id"], chip.spis, chip)
        _reaches(chip, "spi", f"spi {spi['id']}", spi, ("sck", "mosi", "miso"))


def _free(field: str, number: int, free: tuple[int, ...], chip: Chip) -> None:
    if number not in free:
        known = ", ".join(map(str, free))
        raise PackError(field, f"{number} is not free on {chip.text}: {known}")


def _reaches(
    chip: Chip, field: str, unit: str, row: Mapping[str, int], names: tuple[str, ...]
) -> None:
    """The unit of the chip reaches the pins that carry its signals."""
    for name in names:
        pin, reach = row[name], (chip.routes or {}).get(f"{unit.replace(' ', '')}.{name}")
        if reach is not None and pin not in reach:
            known = ", ".join(map(str, sorted(reach)))
            raise PackError(f"{field}.{name}", f"pin {pin} is no {name} of {unit}: {known}")


def at_boot(document: Document) -> None:
    """Nothing is energised, and nothing stops the chip from starting, before firmware runs."""
    chip = chip_of(document)
    pulls = {row["pin"]: row.get("resistor", row["pull"]) for row in document["inputs"]}
    if "pin" in document.get("button", {}):
        pulls[document["button"]["pin"]] = document["button"]["pull"]
    for use in uses(document):
        level = chip.strapping.get(use.pin)
        if level is not None:
            if use.kind in (OUT, PWM):
                raise PackError(
                    use.field,
                    f"pin {use.pin} of {chip.text} is read at boot: no power output there",
                )
            if pulls.get(use.pin, level) != level:
                raise PackError(
                    use.field.replace(".pin", ".pull"),
                    f"pin {use.pin} of {chip.text} must stand {level} at boot",
                )
        if use.kind in (OUT, POWER) and use.pin in chip.high_at_reset:
            raise PackError(
                use.field,
                f"pin {use.pin} of {chip.text} is pulled up in reset: it would energise "
                f"{use.name} before firmware runs",
            )
