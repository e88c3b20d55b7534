# islet: what a circuit board's JSON may say: names, ranges, and the declared hardware.
# GPL-3.0-or-later
from __future__ import annotations

from tools.pack.circuits.chips import CHIPS
from tools.pack.circuits.shape import (
    Choice,
    Either,
    Flag,
    Object,
    Pick,
    Rows,
    Shape,
    Some,
    Text,
    Variants,
    Whole,
)

GUARDS = ("soft", "hard_interrupt", "hardware")
PULLS = ("none", "up", "down")
SIGNALS = ("pilot", "proximity", "evse_ct", "main_ct", "grid_v", "house_v")
OUTPUTS = ("contactor", "island", "bond", "enable", "loads", "release")  # in the order of OUT_*
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
    "service_switch",
)
POINTS = 2  # of a board, at most; a second one's names have its number behind them
PER_POINT = ("pilot", "proximity", "evse_ct")  # signals of a point
OF_SECOND = {name + "_2": name for name in ("contactor", "release")}  # outputs and contacts
PROTECTIVE = ("estop", "rcd", "overtemp")
LOOPS = (*PROTECTIVE, "service_switch")  # a broken wire is a pulled switch
PERMITTING = ("island_open", "bond", "enable", "ventilation", "island_dead")
VOLTS = ("grid", "house")  # in the order of VOLTS in firmware/chips/circuit.py
AMPS = ("mains", "evse")
METERS = ("atm90e32",)
ETHERNET = ("w5500", "lan8720")
CLOCKS = ("gpio0_in", "gpio16_out", "gpio17_out")  # of RMII, in the order of layout.py
ETHERNET_BAUD = (1_000_000, 33_000_000)  # data sheet 5.5.4 guarantees 33.3 MHz
LEGS = 3
PIN_MOST = 39

OFF, HOLD = "off_by_pull_down", "hold"
DEAD_MAN, WATCHDOG = "dead_man_within_50_ms", "watchdog_and_pull_down"
DEAD_MAN_MS = 50
DEAD_MAN_BY = ("pio", "monostable")  # in the order of DEAD_MAN_* in circuit.py
HELD = ("contactor", "enable")  # what a dead-man may drop: the bond goes last, the switch holds
COIL = ("breaks_coil_supply",)
ENABLE = ("breaks_enable",)
# what keeps the car's body off a lost PEN conductor: nothing is claimed without it
PROTECTIVE_CONDUCTOR = ("pole", "listed_device")  # in the order of PEN_* in circuit.py
HOUSE_SUPPLY = ("stays", "cut")
ISOLATION = ("transformer", "isolated_amplifier", "isolated_spi")
# output -> what its hardware must do: field -> declarations we accept
PROTECTION: dict[str, dict[str, tuple[str, ...]]] = {
    "contactor": {
        "reset": (OFF,),
        "firmware_stops": (DEAD_MAN, WATCHDOG),
        "emergency_stop": COIL,
        "rcd": COIL,
        "over_temperature": COIL,
    },
    "island": {
        "reset": (HOLD,),
        "reclose_permissive": ("island_dead_relay",),
        # INV-6: the switch cannot close onto a bond that is closed
        "exclusion": ("force_guided_bond_contact_in_closing_coil",),
    },
    # INV-18: picked up only with every pole of the switch open, held while a source may go on
    "bond": {
        "reset": (OFF,),
        "pick_up": ("supply_through_mirror_contacts",),
        "held_by": ("stored_energy",),
        "held_while_live": ("above_10_percent",),
    },
    "enable": {
        "reset": (OFF,),
        "firmware_stops": (DEAD_MAN, WATCHDOG),
        "wiring": ("hard_wired_to_inverter",),
        "emergency_stop": ENABLE,
    },
    "loads": {"reset": (OFF,)},
    # what it energises opens the supply of the charging point when its contactor is welded
    "release": {"reset": (OFF,), "trips": ("shunt_trip", "under_voltage_release")},
}
# what an output's hardware may do besides; what needs it is a rule (firmware/config/rules.py)
BOND_HOLD_MS = (100, 20_000)
BESIDES: dict[str, dict[str, Shape]] = {
    "contactor": {"outlet": Choice(("tethered_cable", "socket"), "what the car is plugged into")},
    "bond": {
        "hold_ms": Whole(*BOND_HOLD_MS, "it stays so long after the enable has fallen, by itself"),
        "contact": Choice(
            ("normally_open",),
            "its main contact; absent: a bond that reads closed opens the switch until a person",
        ),
    },
    "enable": {
        "service_switch": Choice(
            ("lockable_in_enable_and_bond_pick_up",), "for whoever works on the dead house"
        ),
        "voltage_relay": Choice(
            ("in_enable",),
            "a listed relay that ends an island over 1.20, under 0.5 or with a lost neutral",
        ),
        "rcd": Choice(ENABLE, "where what forms is behind it"),
        "over_temperature": Choice(ENABLE, "likewise"),
    },
}
# what confirms an output: without it the output is refused
CONFIRMED_BY = {
    "contactor": ("contactor", *PROTECTIVE),
    "island": ("island_open", "island_dead"),
    "bond": ("bond", "island_open"),
    "enable": ("enable",),
}
# a guard slower than an interrupt may not own what must open within a cycle
NEEDS_GUARD = ("contactor", "island", "bond")
# an island needs all of them, whichever the site uses: without one the unit may not island
ISLAND = ("island", "bond", "enable", "loads")
# signal -> its scale, given at once
SCALES: dict[str, tuple[tuple[str, int, int], ...]] = {
    "pilot": (("low_mv", -20_000, -12_500), ("high_mv", 12_500, 30_000)),
    "proximity": (("pull_up_ohm", 100, 10_000),),
    "evse_ct": (("range_ma", 10_000, 1_000_000),),
    "main_ct": (("range_ma", 10_000, 2_000_000),),
    "grid_v": (("range_mv", 200_000, 600_000),),
    "house_v": (("range_mv", 200_000, 600_000),),
}
PER_LEG = ("evse_ct", "main_ct", "grid_v", "house_v")

_OHM = Whole(1, 100_000_000)
_LEG = Whole(1, LEGS, "leg of the house, 1 for L1")


def _pin(text: str) -> Whole:
    return Whole(0, PIN_MOST, f"GPIO number: {text}")


CT = Object(
    {"primary_a": Whole(5, 2_000, "rated primary current, RMS")},
    {
        "secondary_ma": Whole(1, 10_000, "secondary current at primary_a"),
        "turns": Whole(10, 100_000, "primary to secondary, in place of secondary_ma"),
        "burden_ohm": Whole(1, 10_000),
        "burden_mohm": Whole(1, 10_000_000),
    },
    "current transformer: its ratio and the resistor across it; its middle is biased to half "
    "the converter's reference",
    either=((("secondary_ma",), ("turns",)), (("burden_ohm",), ("burden_mohm",))),
)
VOLTAGE = Object(
    {
        "top_ohm": Whole(1, 100_000_000, "from the voltage to the tap"),
        "bottom_ohm": Whole(1, 10_000_000, "from the tap to the reference point"),
    },
    {
        "transformer": Object(
            {"primary_mv": Whole(1, 1_000_000), "secondary_mv": Whole(1, 1_000_000)},
            {},
            "measuring transformer before the divider",
        ),
    },
    "from a mains voltage to the converter",
)
PILOT_DIVIDER = Object(
    {
        "series_ohm": Whole(100, 10_000_000, "from the pilot's contact to the pin"),
        "up_ohm": Whole(100, 10_000_000, "from the pin to the supply"),
        "down_ohm": Whole(100, 10_000_000, "from the pin to ground"),
        "supply_mv": Whole(1_000, 5_500, "the supply that biases the pin"),
    },
    {},
    "three resistors that bring -12...+12 V to the converter's range",
)
_BUILT_OF: dict[str, tuple[str, Shape]] = {  # in place of the scale itself
    "pilot": ("divider", PILOT_DIVIDER),
    "evse_ct": ("ct", CT),
    "main_ct": ("ct", CT),
    "grid_v": ("divider", VOLTAGE),
    "house_v": ("divider", VOLTAGE),
}


def _channel(signal: str) -> Object:
    direct = {name: Whole(low, high) for name, low, high in SCALES[signal]}
    may: dict[str, Shape] = {
        "channel": Whole(0, 31, "input of the simulated chip, in order"),
        "adc": Whole(0, 19, "input of the chip's converter"),
    }
    needs: dict[str, Shape] = {"signal": Choice((signal,))}
    either: list[Either] = [(("channel",), ("adc",))]
    if signal in PER_LEG:
        needs["leg"] = _LEG
    if signal in PER_POINT:
        may["point"] = Whole(1, POINTS, "of the board, 1 unless told")
    if signal == "proximity":
        needs.update(direct)
        may["supply_mv"] = Whole(1_000, 5_500, "where the pull-up goes: the ADC's reference")
    else:
        name, shape = _BUILT_OF[signal]
        may.update({**direct, name: shape})
        either.append((tuple(direct), (name,)))
    if signal in ("grid_v", "house_v"):
        may["isolation"] = Choice(ISOLATION[:2], "what keeps the mains off the chip")
    return Object(needs, may, either=tuple(either))


def _output(name: str) -> Object:
    kind = OF_SECOND.get(name, name)
    protection = {field: Choice(names) for field, names in PROTECTION[kind].items()}
    missing = f"output {name} needs its protection declared"
    row = {"name": Choice((name,)), "pin": _pin("high closes")}
    return Object({**row, **protection}, BESIDES.get(kind, {}), missing=missing)


INPUT = Object(
    {
        "name": Choice((*INPUTS, "contactor_2")),
        "pin": _pin("high is what the name says"),
        "pull": Choice(PULLS, "the chip's own pull resistor"),
    },
    {
        "resistor": Choice(PULLS[1:], "a pull resistor on the board"),
        "also": Some(INPUTS, "other names of the same contact"),
        "trip": Flag("the guard takes it by a pin interrupt, at once"),
    },
)
METER = Object(
    {
        "chip": Choice(METERS),
        "cs": _pin("select, low is selected"),
        "volts": Choice(VOLTS, "its voltage inputs A, B, C see L1, L2, L3 of this side"),
        "amps": Choice(AMPS, "its current inputs A, B, C see L1, L2, L3 of these"),
        "ct": CT,
        "divider": VOLTAGE,
        "isolation": Choice(ISOLATION, "what keeps the mains off the chip"),
    },
    {"pga": Pick((1, 2, 4), "gain of its current inputs, 1 unless told")},
)
LINE = Object(
    {"uart": Whole(0, 2), "tx": _pin("transmit"), "rx": _pin("receive")},
    {"de": _pin("driver enable; absent: the transceiver turns by itself")},
)
SAMPLING = Object(
    {
        "block_frames": Whole(10, 200, "frames in a block of the converter"),
        "bits": Whole(12, 12),
        "skew_us": Whole(0, 1_000, "from one channel to the next"),
    },
    {
        "frame_us": Whole(50, 1_000, "from one frame to the next"),
        "rate_hz": Whole(2_000, 20_000, "frames per second, in place of frame_us"),
        "blocks": Whole(1, 10, "blocks in 10 ms, 1 unless told"),
    },
    "frames are evenly spaced; a frame is one sample of each channel",
    either=((("frame_us",), ("rate_hz",)),),
)
BOARD = Object(
    {
        "name": Text("the file's name"),
        "text": Text("what this board is"),
        "chip": Choice(tuple(CHIPS)),
        "guard": Choice(GUARDS, "where the fast path runs"),
        "sampling": SAMPLING,
        "pilot": Object(
            {
                "pin": _pin("PWM of the control pilot"),
                "freq_hz": Whole(980, 1_020),  # IEC 61851-1 table A.2, second-hand
            },
            {"pin_2": _pin("that of a second point")},
        ),
        "lines": Rows(LINE, "RS-485, in the order of a site's lines"),
        "channels": Rows(Variants("signal", {name: _channel(name) for name in SIGNALS})),
        "outputs": Rows(
            Variants("name", {name: _output(name) for name in (*OUTPUTS, *OF_SECOND)})
        ),
        "inputs": Rows(INPUT),
    },
    {
        "$schema": Text(),
        "carries": Object(
            {
                "evse_a": Whole(6, 125, "the charger's circuit"),
                "mains_a": Whole(6, 1_000, "the mains"),
            },
            {},
            "RMS per leg for which wiring, contacts and CTs are built",
        ),
        "spi": Object(
            {
                "id": Whole(0, 2),
                "sck": _pin("clock"),
                "mosi": _pin("to the chips on it"),
                "miso": _pin("from the chips on it"),
                "baud": Whole(10_000, 1_000_000, "of the metering chips"),
            },
            {},
        ),
        "meters": Rows(METER),
        "ethernet": Variants(
            "chip",
            {
                "w5500": Object(
                    {
                        "chip": Choice(ETHERNET[:1]),
                        "cs": _pin("select, low is selected"),
                        "int": _pin("interrupt, low while the chip has something to say"),
                        "reset": _pin("reset, low resets"),
                        "baud": Whole(*ETHERNET_BAUD, "its own; the metering chips keep theirs"),
                    },
                    {},
                    "a network chip on the SPI, with a driver of ours (firmware/lan)",
                ),
                "lan8720": Object(
                    {
                        "chip": Choice(ETHERNET[1:]),
                        "address": Whole(
                            0, 31, "of its registers; a LAN8720 has 0 or 1 by PHYAD0"
                        ),
                        "mdc": _pin("clock of its registers"),
                        "mdio": _pin("their data"),
                        "clock": Choice(CLOCKS, "the 50 MHz: into GPIO 0, or out of 16 or 17"),
                    },
                    {"power": _pin("high gives it power, or its oscillator; low at reset")},
                    "a PHY on the chip's own Ethernet (RMII), by MicroPython's network.LAN",
                ),
            },
        ),
        "crossing": Object(
            {
                "pin": _pin("an edge per zero crossing of the grid's voltage"),
                "leg": _LEG,
                "by": Choice(("zx_of_meter",)),  # a rising edge for each crossing
            },
            {},
        ),
        "dead_man": Object(
            {
                "pin": _pin("high, or pulsed, while the guard lives"),
                "holds": Some(HELD, "outputs that drop without it, by an AND in hardware"),
                "timeout_ms": Whole(10, DEAD_MAN_MS),
                "by": Choice(DEAD_MAN_BY, "what lets go when the guard stops"),
            },
            {},
        ),
        "emergency_stop": Object(
            {"house_supply": Choice(HOUSE_SUPPLY, "while the stop is pressed")},
            {},
            "what it breaks besides the coils and the enable",
        ),
        "lamp": Object(
            {},
            {"pin": _pin("lights when high"), "module": Flag("the module's own lamp")},
            "says how it stands (firmware/people/lamp.py)",
            either=((("pin",), ("module",)),),
        ),
        "button": Object(
            {},
            {
                "pin": _pin("a button to acknowledge, against its pull"),
                "pull": Choice(PULLS[1:], "the chip's own pull resistor"),
                "bootsel": Flag("the module's BOOTSEL button, read while nothing is energised"),
            },
            "acknowledges faults and trips: held for 1 s and let go",
            either=((("pin", "pull"), ("bootsel",)),),
        ),
        "protective_conductor": Choice(
            PROTECTIVE_CONDUCTOR,
            "what parts the car's body from a lost PEN: a pole of the contactor in the protective "
            "conductor, or a listed device in the supply; absent: nothing does",
        ),
        "hardware_guard": Object(
            {
                "text": Text("what it is"),
                "pilot_lost": Choice(("opens_coil_circuit",)),
                "over_current": Choice(("opens_coil_circuit",)),
                "within_ms": Whole(1, 20),
            },
            {},
            "a guard that works without the chip",
        ),
    },
)
