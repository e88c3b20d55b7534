# islet: the wiring of a circuit board as a page of markdown.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

from tools.docs.wiring.model import Board, amps, ct_text, meter_title, signal_text
from tools.pack import Document
from tools.pack.circuits.scales import channel_scale, chip_of, frame_ns, meter_full_scale
from tools.tables import markdown

Row = tuple[str, str, str]
# declaration -> what it means, in the table of what hardware must do
DECLARED = {
    "off_by_pull_down": "off in reset, by a pull-down at the driver's input",
    "hold": "the driver keeps its state while the pin floats: a reset changes nothing",
    "dead_man_within_50_ms": "drops by the dead-man when the guard stops",
    "breaks_coil_supply": "breaks the coil supply, with the chip dead",
    "island_dead_relay": "a relay lets it close only while the island side is dead",
    "force_guided_bond_contact_in_closing_coil": "its closing coil runs through a force-guided "
    "contact that is closed only while the bond is open",
    "supply_through_mirror_contacts": "picked up from the control supply through the mirror "
    "contacts of every pole that switches, the neutral's included",
    "stored_energy": "held by stored energy after the enable has fallen, for its `hold_ms`",
    "above_10_percent": "held besides while the island side is above 10 %",
    "normally_open": "its main contact is open without the coil, which is dead while the switch "
    "is closed: seen open since, it counts as open whatever its auxiliary says later",
    "hard_wired_to_inverter": "a wire to the inverter, not a message",
    "breaks_enable": "breaks the enable's wire, with the chip dead",
    "lockable_in_enable_and_bond_pick_up": "a lockable switch in the enable and in the bond's "
    "pick-up, for whoever works on the dead house",
    "in_enable": "a listed relay in the enable ends an island over 1.20, under 0.5 or with a lost "
    "neutral; the metering chips are too late for that",
    "tethered_cable": "a cable of its own; a socket would need a release for a weld",
    "socket": "a socket, whose supply is released when the contactor is welded",
    "stays": "the house's supply stays while the stop is pressed",
    "cut": "the house's supply is cut as well while the stop is pressed",
}
DEAD_MAN_BY = {
    "pio": "a state machine of the PIO holds it high only while the guard feeds it",
    "monostable": "a retriggerable monostable on the board, fed by the guard's pulses",
}


def page(document: Document, board: Board, picture: str) -> str:
    """The whole page, with a link to the drawing."""
    lines = [
        f"# Wiring of the board `{board.name}`",
        "",
        f"Printed from `firmware/circuits/{board.name}.json` by `python -m tools.docs.wiring`; do "
        "not edit.",
        "",
        f"{board.text}. Chip: {chip_of(document).text}.",
        "",
        f"![Pins and what they go to]({picture})",
    ]
    for heading, text, rows in (
        ("Pins", _pins_text(board), _pins(board)),
        ("What the hardware does without firmware", HARDWARE_TEXT, _declared(document)),
        ("What is measured", _measured_text(document), _seen(document)),
    ):
        lines += ["", f"## {heading}", "", text, "", *rows]
    return "\n".join(lines) + "\n"


def _declared(document: Document) -> Iterator[str]:
    return markdown("output | requirement | met by", _hardware(document))


def _seen(document: Document) -> Iterator[str]:
    return markdown("signal | by | scale", _measured(document))


HARDWARE_TEXT = (
    "Declared in the board's JSON, and to be proved when it is commissioned "
    "([hazards](hazards.md)): islet is the second layer."
)


def _pins_text(board: Board) -> str:
    return (
        f"{len(board.nets)} pins of the {board.module.name} are used. High is what the name says: "
        "an output closes, an input is so. `3V3` is the module's own supply; 10 kΩ where a "
        "resistor has no figure."
    )


def _pins(board: Board) -> Iterator[str]:
    rows = (
        (
            f"{board.module.prefix}{net.pin}",
            board.module.place(net.pin),
            net.label,
            "out" if net.out else "in",
            "; ".join(f"{port.block}: {port.text}" for port in net.ports),
            "; ".join(net.notes),
        )
        for net in board.nets
    )
    return markdown("pin | header | name | direction | goes to | how", rows)


def _hardware(document: Document) -> Iterator[Row]:
    for row in document["outputs"]:
        for field, value in row.items():
            if field not in ("name", "pin"):
                requirement = field.replace("_", " ")
                met = f"{value} ms" if field == "hold_ms" else DECLARED[value]
                yield row["name"], requirement, met
    if stop := document.get("emergency_stop"):
        yield "all", "emergency stop's scope", DECLARED[stop["house_supply"]]
    if dead_man := document.get("dead_man"):
        holds = ", ".join(dead_man["holds"])
        text = f"{DEAD_MAN_BY[dead_man['by']]}; an AND gate before each driver"
        yield holds, f"dead-man, {dead_man['timeout_ms']} ms", text
    if guard := document.get("hardware_guard"):
        text = f"{guard['text']}; within {guard['within_ms']} ms"
        yield "contactor", "hardware guard", text


def _measured_text(document: Document) -> str:
    sampling, carries = document["sampling"], document["carries"]
    frame_us = frame_ns(sampling) // 1000
    frames = sampling["block_frames"] * sampling.get("blocks", 1)
    if chip_of(document).streams:
        block_us = sampling["block_frames"] * frame_us
        how = (
            f"The converter takes a frame every {frame_us} µs, its inputs {sampling['skew_us']} "
            f"µs apart, and hands over a block every {block_us} µs"
        )
    else:
        how = f"The converter is read in bursts of {frames} frames, {frame_us} µs apart"
    return (
        f"{how}. Built for {carries['evse_a']} A at the charger and {carries['mains_a']} A at the "
        "mains, per leg."
    )


def _measured(document: Document) -> Iterator[Row]:
    chip = chip_of(document)
    for row in document["channels"]:
        low, high = channel_scale(chip, row)
        name = signal_text(row["signal"])
        name += f" L{row['leg']}" if "leg" in row else ""
        if row["signal"] == "pilot":
            scale = f"code 0 is {low / 1000:.2f} V, code 4095 is {high / 1000:.2f} V"
        elif row["signal"] == "proximity":
            scale = f"resistor against {high} Ω"
        elif row["signal"] in ("grid_v", "house_v"):
            scale = f"to {high / 1000:.0f} V peak"
        else:
            scale = f"{ct_text(row['ct'])}: " if "ct" in row else ""
            scale += f"to {amps(high)} peak, {high / 2047:.0f} mA a code"
        yield name, f"ADC input {row['adc']}", scale
    for i, row in enumerate(document.get("meters", [])):
        full_mv, full_ma = meter_full_scale(row)
        amps_of = "charger" if row["amps"] == "evse" else row["amps"]
        volts, current = f"to {full_mv // 1000} V RMS", f"to {amps(full_ma)} RMS"
        yield f"{row['volts']} L1, L2, L3", f"{meter_title(i)}, U A, B, C", volts
        current = f"{ct_text(row['ct'])}: {current}"
        yield f"{amps_of} L1, L2, L3", f"{meter_title(i)}, I A, B, C", current
    if crossing := document.get("crossing"):
        pin, leg = crossing["pin"], crossing["leg"]
        yield f"grid's zero crossings, L{leg}", f"pin {pin}", "age, frequency"
