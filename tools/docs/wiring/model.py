# islet: what each pin of a circuit board goes to, in words.
# GPL-3.0-or-later
"""Nets from pins to blocks, made from a board's JSON; table.py and drawing.py show them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tools.docs.wiring.modules import MODULES, Module
from tools.pack import Document
from tools.pack.circuits.pins import clock_of, uses
from tools.pack.circuits.scales import (
    burden_mohm,
    channel_scale,
    chip_of,
    ct_ratio,
    meter_full_scale,
)

# group -> (colour, what it is called in the legend)
GROUPS = {
    "power": ("#c62828", "power output"),
    "dead_man": ("#212121", "dead-man"),
    "people": ("#6a1b9a", "lamp and button"),
    "contact": ("#1565c0", "contact"),
    "trip": ("#e65100", "protective loop"),
    "analog": ("#2e7d32", "analogue, pilot"),
    "spi": ("#6a1b9a", "metering"),
    "network": ("#00695c", "network"),
    "rs485": ("#00838f", "RS-485"),
}
SENT = ("TXD0", "TXD1", "TX_EN")  # of RMII
OUTPUT_BLOCKS = {
    "contactor": "Contactor",
    "island": "Islanding switch",
    "bond": "Neutral–earth bond",
    "enable": "Inverter enable",
    "loads": "Sheddable loads",
    "release": "Weld release",
}
# input -> its block and its port there
INPUT_PORTS = {
    "contactor": ("Contactor", "mirror contact"),
    "island_open": ("Islanding switch", "mirror contacts"),
    "bond": ("Neutral–earth bond", "auxiliary contact"),
    "enable": ("Inverter enable", "seen at the inverter"),
    "estop": ("Emergency stop", "loop"),
    "rcd": ("RCD", "trip contact"),
    "overtemp": ("Over-temperature", "loop"),
    "ventilation": ("Ventilation", "running"),
    "island_dead": ("Island-dead relay", "contact"),
    "service_switch": ("Service switch", "loop"),
}

INPUT_LABELS = {
    "contactor": "contactor seen",
    "bond": "bond seen",
    "enable": "enable seen",
    "island_open": "island open",
    "island_dead": "island dead",
    "estop": "E-stop",
    "rcd": "RCD",
    "overtemp": "heat",
    "service_switch": "service",
}
SIGNAL_TEXTS = {
    "evse_ct": "Charger's CT",
    "main_ct": "Mains CT",
    "grid_v": "Grid voltage",
    "house_v": "House voltage",
}


@dataclass(frozen=True)
class Port:
    block: str
    text: str


@dataclass(frozen=True)
class Net:
    """One pin and where it goes."""

    pin: int
    group: str
    label: str
    ports: tuple[Port, ...]
    out: bool
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Board:
    name: str
    text: str
    module: Module
    nets: tuple[Net, ...]
    blocks: dict[str, tuple[str, ...]] = field(default_factory=dict)  # title -> notes


def board(document: Document) -> Board:
    """The wiring of a valid board of a real chip."""
    module = MODULES[document["chip"]]
    nets = tuple(sorted(_nets(document), key=lambda net: net.pin))
    blocks = {port.block: () for net in nets for port in net.ports} | _notes(document)
    return Board(document["name"], document["text"], module, nets, blocks)


def _nets(document: Document) -> Iterator[Net]:
    for use in uses(document):
        section, _, rest = use.field.partition(".")
        row = int(rest.split(".")[0]) if rest[0].isdigit() else 0
        maker = {
            "pilot": _pilot,
            "lines": _line,
            "spi": _spi,
            "channels": _channel,
            "meters": _select,
            "ethernet": _ethernet,
            "crossing": _crossing,
            "dead_man": _dead_man,
            "lamp": _lamp,
            "button": _button,
            "outputs": _output,
            "inputs": _input,
        }[section]
        yield maker(document, use.pin, row, rest)


def _pilot(document: Document, pin: int, row: int, rest: str) -> Net:
    note = f"{document['pilot']['freq_hz']} Hz PWM, high is +12 V"
    return Net(pin, "analog", "pilot PWM", (Port("Pilot driver", "PWM"),), True, (note,))


def line_title(document: Document, row: int) -> str:
    return "RS-485 transceiver" + (f" {row + 1}" if len(document["lines"]) > 1 else "")


def _line(document: Document, pin: int, row: int, rest: str) -> Net:
    line, name = document["lines"][row], rest.split(".")[1]
    notes = {
        "tx": "by PIO" if "de" in line else f"UART {line['uart']}",
        "rx": f"UART {line['uart']}",
        "de": "by the same PIO; pull-down 10 kΩ: silent in reset",
    }
    words = {"tx": "transmit", "rx": "receive", "de": "driver enable"}
    port = Port(line_title(document, row), words[name])
    number = f" {row + 1}" if row else ""
    return Net(
        pin, "rs485", f"RS-485{number} {name.upper()}", (port,), name != "rx", (notes[name],)
    )


def meter_title(number: int) -> str:
    return f"ATM90E32 no. {number + 1}"


def _spi(document: Document, pin: int, row: int, name: str) -> Net:
    titles = [meter_title(i) for i in range(len(document["meters"]))]
    titles += [ethernet_title(document)] if "cs" in document.get("ethernet", {}) else []
    ports = tuple(Port(title, name.upper()) for title in titles)
    spi = document["spi"]
    note = f"SPI {spi['id']}, {spi['baud'] / 1_000_000:g} MHz"
    return Net(pin, "spi", f"SPI {name.upper()}", ports, name != "miso", (note,))


def _select(document: Document, pin: int, row: int, rest: str) -> Net:
    note = "pull-up 10 kΩ: not selected in reset"
    port = Port(meter_title(row), "CS")
    return Net(pin, "spi", f"CS of no. {row + 1}", (port,), True, (note,))


def ethernet_title(document: Document) -> str:
    if "clock" in document["ethernet"]:
        return "LAN8720"
    return "W5500 on the module" if chip_of(document).soldered else "W5500 module"


def _ethernet(document: Document, pin: int, row: int, name: str) -> Net:
    chip = chip_of(document)
    text, note, out = {
        "cs": ("SCSn", "pull-up 10 kΩ: not selected in reset", True),
        "int": ("INTn", "low while it has something to say; chip's pull up", False),
        "reset": ("RSTn", "low resets", True),
        "mdc": ("MDC", "clock of its registers", True),
        "mdio": ("MDIO", "their data, both ways; pull-up 1.5 kΩ", True),
        "power": ("supply or oscillator", "high switches it on; pull-down 10 kΩ", True),
        "clock": _clock(document["ethernet"]),
        "chip": (chip.rmii.get(pin, ""), "RMII, no other pin can", chip.rmii.get(pin) in SENT),
    }[name]
    if chip.soldered:
        note = "soldered"
    label = text if name == "chip" else f"network {name}"
    return Net(pin, "network", label, (Port(ethernet_title(document), text),), out, (note,))


def _clock(ethernet: Document) -> tuple[str, str, bool]:
    """Of RMII: where, how, and whether it goes out."""
    if "clock" not in ethernet:
        return "", "", False
    if clock_of(ethernet)[1] == "out":
        return "XTAL1/CLKIN", "50 MHz of the chip's own; the PHY has no crystal", True
    return "REFCLK", "50 MHz, off in reset: this pin is read at boot", False


def _channel(document: Document, pin: int, row: int, rest: str) -> Net:
    channel = document["channels"][row]
    signal = channel["signal"]
    text = f"ADC input {channel['adc']}"
    if signal == "pilot":
        return Net(pin, "analog", "pilot", (Port("Pilot divider", "tap"),), False, (text,))
    if signal == "proximity":
        port = Port("Proximity", "contact and pull-up")
        return Net(pin, "analog", "proximity", (port,), False, (text,))
    title = f"{SIGNAL_TEXTS[signal]} L{channel['leg']}"
    port = Port(title, "biased to half the reference")
    label = f"{'CT' if 'ct' in channel else 'volts'} L{channel['leg']}"
    return Net(pin, "analog", label, (port,), False, (text,))


def _crossing(document: Document, pin: int, row: int, rest: str) -> Net:
    what = document["crossing"]
    block, text = "Comparator", "zero crossing"
    if what["by"] == "zx_of_meter":
        number = [meter["volts"] for meter in document["meters"]].index("grid")
        block, text = meter_title(number), "ZX output"
    note = f"an edge per zero crossing of grid L{what['leg']}"
    return Net(pin, "spi", "grid crossing", (Port(block, text),), False, (note,))


def _dead_man(document: Document, pin: int, row: int, rest: str) -> Net:
    what = document["dead_man"]
    pulsed = what["by"] == "monostable"
    text = "dead-man monostable (AND)" if pulsed else "dead-man (AND)"
    ports = tuple(Port(OUTPUT_BLOCKS[name], text) for name in what["holds"])
    kind = "pulses" if pulsed else "high"
    notes = (f"{kind} while the guard lives, falls within {what['timeout_ms']} ms", "pull-down")
    return Net(pin, "dead_man", "dead-man", ports, True, notes)


def _lamp(document: Document, pin: int, row: int, rest: str) -> Net:
    port = Port("Lamp", "1 kΩ and lamp to ground")
    return Net(pin, "people", "lamp", (port,), True, ("lights when high",))


def _button(document: Document, pin: int, row: int, rest: str) -> Net:
    pull = document["button"]["pull"]
    port = Port("Button", "to ground" if pull == "up" else "to 3.3 V")
    note = f"acknowledges: held for 1 s and let go; pull {pull}"
    return Net(pin, "people", "button", (port,), False, (note,))


def _output(document: Document, pin: int, row: int, rest: str) -> Net:
    output = document["outputs"][row]
    note = "driver keeps its state while the pin floats" if output["reset"] == "hold" else ""
    port = Port(OUTPUT_BLOCKS[output["name"]], "driver")
    notes = (note or "pull-down 10 kΩ: off in reset",)
    return Net(pin, "power", output["name"], (port,), True, notes)


def _input(document: Document, pin: int, row: int, rest: str) -> Net:
    contact = document["inputs"][row]
    names: list[str] = [contact["name"], *contact.get("also", [])]
    block, text = INPUT_PORTS[names[0]]
    if "also" in contact:
        others = [INPUT_PORTS[name][0].lower() for name in contact["also"]]
        text = f"one loop with {', '.join(others)}"
    up = contact.get("resistor", contact["pull"]) == "up"
    by = "resistor 10 kΩ" if "resistor" in contact else "chip's pull"
    way = "a contact to GND, closed reads 0" if up else "a contact to 3V3, closed reads 1"
    notes = [f"{way} ({by} {'up' if up else 'down'})"]
    trip = "estop" in names or "rcd" in names or "overtemp" in names
    if trip:
        notes.append("normally closed: opening, or a broken wire, trips")
    elif up:
        notes.append("normally closed: a broken wire reads as a contactor that did not open")
    label = ", ".join(INPUT_LABELS.get(name) or name for name in names)
    return Net(
        pin, "trip" if trip else "contact", label, (Port(block, text),), False, tuple(notes)
    )


def signal_text(signal: str) -> str:
    """A channel's signal, inside a sentence."""
    text = SIGNAL_TEXTS.get(signal) or signal
    return text[0].lower() + text[1:]


def amps(milli: int) -> str:
    return f"{milli / 1000:.3g} A"


def ohms(value: int) -> str:
    for size, unit in ((1_000_000, " MΩ"), (1_000, " kΩ")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value} Ω"


def ct_text(ct: Document) -> str:
    if "secondary_ma" in ct:
        ratio = f"{ct['primary_a']} A : {ct['secondary_ma']} mA"
    else:
        ratio = f"{ct['primary_a']} A, 1 : {ct_ratio(ct)}"
    return f"{ratio}, burden {burden_mohm(ct) / 1000:g} Ω"


def _divider_text(divider: Document) -> str:
    text = f"{ohms(divider['top_ohm'])} / {ohms(divider['bottom_ohm'])}"
    if transformer := divider.get("transformer"):
        ratio = " : ".join(f"{transformer[k] / 1000:g} V" for k in ("primary_mv", "secondary_mv"))
        text = f"{ratio}, {text}"
    return text


def _notes(document: Document) -> dict[str, tuple[str, ...]]:
    """What stands in a block below its title."""
    notes: dict[str, tuple[str, ...]] = {}
    words = {
        "contactor": ("E-stop, RCD and heat break its coil supply",),
        "island": (
            "closes only with the island dead, by relay",
            "coil through the bond's contact",
        ),
        "bond": ("picked up through the mirror contacts", "held by stored energy"),
        "enable": ("hard-wired to the inverter",),
        "loads": ("off in reset",),
        "release": ("trips the charging point's supply",),
    }
    for row in document["outputs"]:
        notes[OUTPUT_BLOCKS[row["name"]]] = words[row["name"]]
    if document["guard"] == "hardware":
        notes["Contactor"] += ("hardware guard in its coil circuit",)
    for i, line in enumerate(document["lines"]):
        turns = "" if "de" in line else ", turns by itself"
        notes[line_title(document, i)] = (f"Modbus meters and inverter{turns}",)
    ethernet = document.get("ethernet", {})
    if "clock" in ethernet:
        notes[ethernet_title(document)] = (
            f"registers at address {ethernet['address']} (PHYAD0)",
            "reset by a resistor and a capacitor",
        )
    elif ethernet:
        mega = ethernet["baud"] / 1_000_000
        supply = (
            "the module's supply" if chip_of(document).soldered else "3.3 V of its own, 200 mA"
        )
        notes[ethernet_title(document)] = (f"SPI at {mega:.3g} MHz, in mode 3", supply)
    notes["Pilot driver"] = ("±12 V through 1 kΩ to the pilot contact",)
    for row in document["channels"]:
        notes |= _channel_notes(document, row)
    for i, row in enumerate(document.get("meters", [])):
        full_mv, full_ma = meter_full_scale(row)
        notes[meter_title(i)] = (
            f"U A, B, C: {row['volts']} L1, L2, L3",
            f"{_divider_text(row['divider'])}, full at {full_mv // 1000} V",
            f"I A, B, C: {row['amps'].replace('evse', 'charger')} L1, L2, L3",
            f"CT {ct_text(row['ct'])}, full at {amps(full_ma)}",
        )
    return notes


def _channel_notes(document: Document, row: Document) -> dict[str, tuple[str, ...]]:
    _, high = channel_scale(chip_of(document), row)
    if row["signal"] == "pilot":
        if "divider" not in row:
            return {}
        r = row["divider"]
        return {
            "Pilot divider": (
                f"{ohms(r['series_ohm'])} to the pilot contact",
                f"{ohms(r['up_ohm'])} to {r['supply_mv'] / 1000:g} V, "
                f"{ohms(r['down_ohm'])} to AGND",
            )
        }
    if row["signal"] == "proximity":
        return {"Proximity": (f"{ohms(high)} to {row['supply_mv'] / 1000:g} V",)}
    title = f"{SIGNAL_TEXTS[row['signal']]} L{row['leg']}"
    if "ct" in row:
        return {title: (ct_text(row["ct"]), f"reads to {amps(high)} peak")}
    return {title: (f"reads to {high // 1000} V peak",)}
