# islet: circuit boards (firmware/boards/*.json), checked and packed for the device.
# GPL-3.0-or-later
"""A circuit board's JSON says which pin carries what, how codes become volts and amperes, and what
the hardware does without firmware. An output whose protection is not declared is refused: firmware
is the second layer, never the only one.

Packed layout, little endian, read by firmware/boards/circuit.py:

    u8 version, u8 guard, u16 rate_hz, u8 block_frames, u8 skew_us, u8 pilot_pin, u16 pilot_hz,
    u8 uart, u8 tx, u8 rx, u8 channels, u8 outputs, u8 inputs, u8 length of name, name
    channel: u8 signal, u8 leg (0 first), i32 low, i32 high     in order of sampling
    output:  u8 bit number of OUT_*, u8 pin, u8 reset (0 off, 1 holds its state)
    input:   u8 bit number of IN_*, u8 pin, u8 pull (0 none, 1 up, 2 down)
"""

from __future__ import annotations

import struct
from typing import Any

from tools.pack import Document, PackError, choice, known, text, whole

VERSION = 1
GUARDS = ("soft", "hard_interrupt", "hardware")
PULLS = ("none", "up", "down")
SIGNALS = ("pilot", "proximity", "evse_ct", "main_ct", "grid_v", "house_v")
OUTPUTS = ("contactor", "island", "bond", "enable", "loads")  # in the order of OUT_*
INPUTS = (  # in the order of IN_*
    "contactor",
    "island_open",
    "bond",
    "enable",
    "estop",
    "rcd",
    "overtemp",
    "ventilation",
    "island_dead",
)
LEGS = 3
LAST_PIN = 29

OFF, HOLD = "off_by_pull_down", "hold"
STOPS = ("dead_man_within_50_ms", "watchdog_and_pull_down")
COIL = ("breaks_coil_supply",)
# output -> what its hardware must do: field -> declarations we accept
PROTECTION: dict[str, dict[str, tuple[str, ...]]] = {
    "contactor": {
        "reset": (OFF,),
        "firmware_stops": STOPS,
        "emergency_stop": COIL,
        "rcd": COIL,
        "over_temperature": COIL,
    },
    "island": {"reset": (HOLD,), "reclose_permissive": ("island_dead_relay",)},
    "bond": {
        "reset": (OFF,),
        "interlock_with_island": ("mechanical", "mirror_contact_in_coil_circuit"),
    },
    "enable": {
        "reset": (OFF,),
        "firmware_stops": STOPS,
        "wiring": ("hard_wired_to_inverter",),
    },
    "loads": {"reset": (OFF,)},
}
# what confirms an output: without it the output is refused
CONFIRMED_BY = {
    "contactor": ("contactor", "estop", "rcd", "overtemp"),
    "island": ("island_open", "island_dead"),
    "bond": ("bond", "island_open"),
    "enable": ("enable",),
}
# a guard slower than an interrupt may not own what must open within a cycle
NEEDS_GUARD = ("contactor", "island", "bond")
# signal -> its fields with their ranges; a leg belongs to those in PER_LEG
SCALES: dict[str, tuple[tuple[str, int, int], ...]] = {
    "pilot": (("low_mv", -20_000, -12_500), ("high_mv", 12_500, 20_000)),
    "proximity": (("pull_up_ohm", 100, 10_000),),
    "evse_ct": (("range_ma", 10_000, 1_000_000),),
    "main_ct": (("range_ma", 10_000, 2_000_000),),
    "grid_v": (("range_mv", 200_000, 600_000),),
    "house_v": (("range_mv", 200_000, 600_000),),
}
PER_LEG = ("evse_ct", "main_ct", "grid_v", "house_v")


def validate(document: Document) -> None:
    """Refuse what the firmware could not run on; PackError names the field."""
    sections = ("sampling", "pilot", "uart", "channels", "outputs", "inputs")
    known(document, "", ("name", "text", "guard", *sections))
    text(document, "", "name")
    text(document, "", "text")
    choice(document, "", "guard", GUARDS)
    _sampling(_object(document, "sampling"))
    _channels(_rows(document, "channels"))
    inputs = _rows(document, "inputs")
    outputs = _rows(document, "outputs")
    _inputs(inputs)
    _outputs(outputs, {row["name"] for row in inputs}, document["guard"])
    _pins(document, outputs, inputs)


def pack(document: Document) -> bytes:
    """The board as the device reads it; PackError when it is not valid."""
    validate(document)
    sampling, pilot, uart = document["sampling"], document["pilot"], document["uart"]
    channels, outputs, inputs = (document[k] for k in ("channels", "outputs", "inputs"))
    name = document["name"].encode()
    counts = len(channels), len(outputs), len(inputs), len(name)
    head = struct.pack(
        "<BBHBBBHBBB4B",
        VERSION,
        GUARDS.index(document["guard"]),
        sampling["rate_hz"],
        sampling["block_frames"],
        sampling["skew_us"],
        pilot["pin"],
        pilot["freq_hz"],
        uart["id"],
        uart["tx"],
        uart["rx"],
        *counts,
    )
    return b"".join(
        (
            head,
            name,
            *(_pack_channel(row) for row in channels),
            *(
                bytes((OUTPUTS.index(row["name"]), row["pin"], row["reset"] == HOLD))
                for row in outputs
            ),
            *(
                bytes((INPUTS.index(row["name"]), row["pin"], PULLS.index(row["pull"])))
                for row in inputs
            ),
        )
    )


def _pack_channel(row: dict[str, Any]) -> bytes:
    values = [row[name] for name, _, _ in SCALES[row["signal"]]]
    low, high = values if len(values) == 2 else (0, values[0])
    return struct.pack("<BBii", SIGNALS.index(row["signal"]), row.get("leg", 1) - 1, low, high)


def _object(document: Document, name: str) -> Document:
    value = document.get(name)
    if not isinstance(value, dict):
        raise PackError(name, f"{value!r} is not an object")
    return value


def _rows(document: Document, name: str) -> list[Document]:
    rows = document.get(name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PackError(name, "is not a list of objects")
    return rows


def _sampling(sampling: Document) -> None:
    known(sampling, "sampling.", ("rate_hz", "block_frames", "bits", "skew_us"))
    rate_hz = whole(sampling, "sampling.", "rate_hz", 2_000, 20_000)
    frames = whole(sampling, "sampling.", "block_frames", 20, 200)
    whole(sampling, "sampling.", "bits", 12, 12)
    whole(sampling, "sampling.", "skew_us", 0, 50)
    if frames * 100 != rate_hz:
        raise PackError("sampling.block_frames", f"{frames} frames are not 10 ms at {rate_hz} Hz")


def _channels(rows: list[Document]) -> None:
    seen: set[tuple[str, int]] = set()
    for i, row in enumerate(rows):
        where = f"channels.{i}."
        signal = choice(row, where, "signal", SIGNALS)
        leg = ("leg",) if signal in PER_LEG else ()
        known(row, where, ("channel", "signal", *leg, *(n for n, _, _ in SCALES[signal])))
        if whole(row, where, "channel", 0, 31) != i:
            raise PackError(where + "channel", f"rows stand in order of sampling: {i} comes here")
        key = signal, whole(row, where, "leg", 1, LEGS) if leg else 1
        for name, low, high in SCALES[signal]:
            whole(row, where, name, low, high)
        if key in seen:
            raise PackError(where + "signal", f"{signal} of leg {key[1]} is given twice")
        seen.add(key)


def _inputs(rows: list[Document]) -> None:
    for i, row in enumerate(rows):
        where = f"inputs.{i}."
        known(row, where, ("name", "pin", "pull"))
        choice(row, where, "name", INPUTS)
        choice(row, where, "pull", PULLS)


def _outputs(rows: list[Document], inputs: set[str], guard: str) -> None:
    for i, row in enumerate(rows):
        where = f"outputs.{i}."
        name = choice(row, where, "name", OUTPUTS)
        known(row, where, ("name", "pin", *PROTECTION[name]))
        for field, allowed in PROTECTION[name].items():
            if field not in row:
                allowed_text = " or ".join(allowed)
                raise PackError(
                    where + field, f"output {name} needs its protection declared: {allowed_text}"
                )
            choice(row, where, field, allowed)
        if missing := [n for n in CONFIRMED_BY.get(name, ()) if n not in inputs]:
            raise PackError(where + "name", f"output {name} needs input {', '.join(missing)}")
        if name in NEEDS_GUARD and guard == "soft":
            raise PackError(
                where + "name", f"output {name} needs a guard in an interrupt or in hardware"
            )


def _pins(document: Document, outputs: list[Document], inputs: list[Document]) -> None:
    """Every pin exists and has one use; every name is given once."""
    pilot, uart = _object(document, "pilot"), _object(document, "uart")
    known(pilot, "pilot.", ("pin", "freq_hz"))
    whole(pilot, "pilot.", "freq_hz", 980, 1_020)  # IEC 61851-1 table A.2, second-hand
    known(uart, "uart.", ("id", "tx", "rx"))
    whole(uart, "uart.", "id", 0, 1)
    uses = [(pilot, "pilot.", "pin"), (uart, "uart.", "tx"), (uart, "uart.", "rx")]
    uses += [(row, f"outputs.{i}.", "pin") for i, row in enumerate(outputs)]
    uses += [(row, f"inputs.{i}.", "pin") for i, row in enumerate(inputs)]
    taken: dict[int, str] = {}
    for row, where, name in uses:
        pin = whole(row, where, name, 0, LAST_PIN)
        if pin in taken:
            raise PackError(where + name, f"pin {pin} is {taken[pin]} already")
        taken[pin] = where + name
    for kind, rows in (("outputs", outputs), ("inputs", inputs)):
        names = [row["name"] for row in rows]
        for i, name in enumerate(names):
            if name in names[:i]:
                raise PackError(f"{kind}.{i}.name", f"{name} is given twice")
