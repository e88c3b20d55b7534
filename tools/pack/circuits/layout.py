# islet: the bytes of a circuit board, as the device reads them.
# GPL-3.0-or-later
"""Packed layout, little endian, read by firmware/chips/circuit.py; absent numbers are -1:

u8 version, u8 chip, u8 guard, u32 frame_ns, u16 rate_hz, u8 block_frames, u8 blocks,
u16 skew_us, u8 pilot pin, u16 pilot Hz, i8 pilot pin of a second point,
i8 spi, i8 sck, i8 mosi, i8 miso, u32 baud, i8 crossing pin, i8 its leg (0 first),
i8 dead-man pin, u8 bits of OUT_* it holds, u8 ms, u8 by (0 PIO, 1 monostable),
u16 evse_a, u16 mains_a, u8 protective conductor (0 nothing, 1 pole, 2 device),
u16 ms for which the bond holds itself, u8 bits of FLAGS,
i8 lamp, i8 button (-2 the module's own), u8 its pull (0 none, 1 up, 2 down),
i8 cs, i8 interrupt, i8 reset of a W5500, u32 its baud,
i8 mdc, i8 mdio of a LAN8720, u8 its address, i8 pin of its clock, u8 1 if it goes out, i8 power,
u8 lines, u8 channels, u8 outputs, u8 inputs, u8 meters,
u8 length of name, name
line:    i8 UART, i8 tx, i8 rx, i8 de, RS-485
channel: u8 input of the converter, i8 pin, u8 signal, u8 leg, u8 point (0 first),
         i32 low, i32 high                                  in order of sampling
output:  u8 bit number of OUT_*, u8 pin, u8 reset (0 off, 1 holds its state)
input:   u32 bits of IN_*, u8 pin, u8 pull (0 none, 1 up, 2 down), u8 trips by interrupt
meter:   u8 cs, u8 volts, u8 amps, u8 gain, u32 nV per V, u32 nV per A
"""

from __future__ import annotations

import struct
from typing import Any

from tools.pack import Document
from tools.pack.circuits.chips import CHIPS
from tools.pack.circuits.pins import clock_of
from tools.pack.circuits.scales import channel_scale, chip_of, frame_ns, meter_scale
from tools.pack.circuits.tables import (
    AMPS,
    DEAD_MAN_BY,
    GUARDS,
    HOLD,
    HOUSE_SUPPLY,
    INPUTS,
    OF_SECOND,
    OUTPUTS,
    PROTECTIVE_CONDUCTOR,
    PULLS,
    SIGNALS,
    VOLTS,
)

VERSION = 10
# output, field: what its hardware does besides, a bit each, in the order of circuit.py
FLAGS = (
    ("enable", "voltage_relay", "in_enable"),
    ("enable", "rcd", "breaks_enable"),
    ("enable", "over_temperature", "breaks_enable"),
    ("contactor", "outlet", "socket"),
    ("bond", "contact", "normally_open"),
)
STOP_CUTS_SUPPLY = 1 << len(FLAGS)
MODULES_OWN = -2


def layout(document: Document) -> bytes:
    """The bytes of a valid board."""
    name = document["name"].encode()
    return b"".join(
        (
            _head(document),
            bytes((len(name),)),
            name,
            *(_line(row) for row in document["lines"]),
            *(_channel(document, row) for row in document["channels"]),
            *(
                bytes((bit_of(OUTPUTS, row["name"]), row["pin"], row["reset"] == HOLD))
                for row in document["outputs"]
            ),
            *(_input(row) for row in document["inputs"]),
            *(_meter(row) for row in document.get("meters", [])),
        )
    )


def _head(document: Document) -> bytes:
    sampling, pilot = document["sampling"], document["pilot"]
    spi, crossing = document.get("spi", {}), document.get("crossing", {})
    dead_man, carries = document.get("dead_man", {}), document.get("carries", {})
    parted = document.get("protective_conductor")
    lamp, button = document.get("lamp", {}), document.get("button", {})
    ethernet = document.get("ethernet", {})
    step_ns = frame_ns(sampling)
    held = sum(1 << bit_of(OUTPUTS, name) for name in dead_man.get("holds", []))
    return struct.pack(
        "<BBBIHBBHBHbbbbbIbbbBBBHHBHBbbBbbbIbbBbBbBBBBB",
        VERSION,
        list(CHIPS).index(document["chip"]),
        GUARDS.index(document["guard"]),
        step_ns,
        sampling.get("rate_hz", 10**9 // step_ns),
        sampling["block_frames"],
        sampling.get("blocks", 1),
        sampling["skew_us"],
        pilot["pin"],
        pilot["freq_hz"],
        pilot.get("pin_2", -1),
        *(spi.get(k, -1) for k in ("id", "sck", "mosi", "miso")),
        spi.get("baud", 0),
        crossing.get("pin", -1),
        crossing.get("leg", 0) - 1,
        dead_man.get("pin", -1),
        held,
        dead_man.get("timeout_ms", 0),
        DEAD_MAN_BY.index(dead_man.get("by", DEAD_MAN_BY[0])),
        carries.get("evse_a", 0),
        carries.get("mains_a", 0),
        PROTECTIVE_CONDUCTOR.index(parted) + 1 if parted else 0,
        _declared(document, "bond").get("hold_ms", 0),
        _flags(document),
        MODULES_OWN if lamp.get("module") else lamp.get("pin", -1),
        MODULES_OWN if button.get("bootsel") else button.get("pin", -1),
        PULLS.index(button.get("pull", PULLS[0])),
        *(ethernet.get(k, -1) for k in ("cs", "int", "reset")),
        ethernet.get("baud", 0),
        *_phy(ethernet),
        *(len(document.get(k, [])) for k in ("lines", "channels", "outputs", "inputs", "meters")),
    )


def _phy(ethernet: dict[str, Any]) -> tuple[int, ...]:
    clock, way = clock_of(ethernet) if "clock" in ethernet else (-1, "")
    mdc, mdio, power = (ethernet.get(name, -1) for name in ("mdc", "mdio", "power"))
    return mdc, mdio, ethernet.get("address", 0), clock, way == "out", power


def bit_of(names: tuple[str, ...], name: str) -> int:
    """Bit number of an output or contact; a second point's lie above all names."""
    if name in names:
        return names.index(name)
    return len(names) + names.index(OF_SECOND[name])


def _declared(document: Document, output: str) -> dict[str, Any]:
    return next((row for row in document["outputs"] if row["name"] == output), {})


def _flags(document: Document) -> int:
    bits = 0
    for i, (output, field, said) in enumerate(FLAGS):
        bits |= (_declared(document, output).get(field) == said) << i
    cut = document.get("emergency_stop", {}).get("house_supply") == HOUSE_SUPPLY[1]
    return bits | (STOP_CUTS_SUPPLY if cut else 0)


def _line(row: dict[str, Any]) -> bytes:
    return struct.pack("<bbbb", *(row.get(name, -1) for name in ("uart", "tx", "rx", "de")))


def _channel(document: Document, row: dict[str, Any]) -> bytes:
    chip = chip_of(document)
    number = row["adc"] if "adc" in row else row["channel"]
    signal, leg = SIGNALS.index(row["signal"]), row.get("leg", 1) - 1
    point = row.get("point", 1) - 1
    return struct.pack(
        "<BbBBBii", number, chip.adc[number], signal, leg, point, *channel_scale(chip, row)
    )


def _input(row: dict[str, Any]) -> bytes:
    bits = sum(1 << bit_of(INPUTS, name) for name in (row["name"], *row.get("also", [])))
    return struct.pack("<IBBB", bits, row["pin"], PULLS.index(row["pull"]), row.get("trip", 0))


def _meter(row: dict[str, Any]) -> bytes:
    volts, amps = VOLTS.index(row["volts"]), AMPS.index(row["amps"])
    return struct.pack("<BBBBII", row["cs"], volts, amps, row.get("pga", 1), *meter_scale(row))
