# islet: what the chips can do on their pins, as data.
# GPL-3.0-or-later
"""The pins of each chip a circuit board may carry, from its data sheet.

RP2040: data sheet, 1.4.3 (GPIO functions), 4.9 (ADC), 2.19.4 (pull-down at reset).
Pico, Pico W: data sheets, "Pinout and design files".
W5500-EVB-Pico: WIZnet's page, "Pinout", and MicroPython's boards/W5500_EVB_PICO/mpconfigboard.h.
ESP32: data sheet, "Strapping Pins", "Pins Mapped to Flash", "IO_MUX" (state at reset), "ADC
Characteristics"; Technical Reference Manual, "IO MUX and GPIO Matrix"; ADC2 and radio: ESP-IDF
Programming Guide, "ADC"; RMII: the same, "Ethernet", and its examples/ethernet/README.md. Where a
figure could only be had second-hand, it says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Chip:
    """What a board's rules ask of a chip; `routes` None: any pin by a matrix."""

    text: str
    pins: frozenset[int]
    adc: Mapping[int, int]  # input of the converter -> pin
    adc_mv: tuple[int, int, int]  # reference of the code scale, lowest and highest usable level
    guards: tuple[str, ...]
    uarts: tuple[int, ...]
    spis: tuple[int, ...]
    routes: Mapping[str, frozenset[int]] | None = None  # "uart0.tx" -> pins
    taken: Mapping[int, str] = field(default_factory=dict)  # pin -> what has it already
    adc_taken: Mapping[int, str] = field(default_factory=dict)  # input -> why not
    input_only: frozenset[int] = frozenset()  # these have no pull resistors either
    strapping: Mapping[int, str] = field(default_factory=dict)  # pin -> level at boot, as a pull
    high_at_reset: frozenset[int] = frozenset()  # pulled or driven high before firmware runs
    dead_man: tuple[str, ...] = ()  # what may let go when the guard stops
    pio: bool = False
    streams: bool = False  # the converter fills memory by itself, at an even pace
    islands: bool = False  # its guard is fast enough for what must open within a cycle
    module_lamp: bool = False  # the module has a lamp of its own,
    bootsel: bool = False  # and a button that can be read
    ethernet: tuple[str, ...] = ()  # network chips that its image has a driver for
    rmii: Mapping[int, str] = field(default_factory=dict)  # pins that a PHY has, by no choice
    soldered: Mapping[str, int] = field(default_factory=dict)  # field -> what the module makes it
    points: int = 1  # charging points that its image has room for
    real: bool = True  # hardware rules hold; the simulated chip has no hardware


def _every(first: int, *more: int) -> frozenset[int]:
    return frozenset((first, *more))


# UART and SPI repeat every 8 and 16 pins, but not evenly: the table, not a formula
RP2040_ROUTES = {
    "uart0.tx": _every(0, 12, 16, 28),
    "uart0.rx": _every(1, 13, 17, 29),
    "uart1.tx": _every(4, 8, 20, 24),
    "uart1.rx": _every(5, 9, 21, 25),
    "spi0.miso": _every(0, 4, 16, 20),
    "spi0.sck": _every(2, 6, 18, 22),
    "spi0.mosi": _every(3, 7, 19, 23),
    "spi1.miso": _every(8, 12, 24, 28),
    "spi1.sck": _every(10, 14, 26),
    "spi1.mosi": _every(11, 15, 27),
}
_GUARDS = ("soft", "hard_interrupt", "hardware")

HOST = Chip(
    text="simulated chip",
    pins=frozenset(range(30)),
    adc=dict.fromkeys(range(32), -1),  # its converter's inputs are no pins
    adc_mv=(3_300, 0, 3_300),
    guards=_GUARDS,
    uarts=(0, 1),
    spis=(0, 1),
    dead_man=("pio",),
    pio=True,
    streams=True,
    islands=True,
    points=2,
    real=False,
)

RP2040 = Chip(
    text="RP2040 on a Raspberry Pi Pico",
    pins=frozenset(range(30)),
    adc={0: 26, 1: 27, 2: 28, 3: 29},
    adc_mv=(3_300, 0, 3_300),
    guards=_GUARDS,
    uarts=(0, 1),
    spis=(0, 1),
    routes=RP2040_ROUTES,
    taken={
        23: "the Pico's power mode",
        24: "the Pico's USB supply sense",
        25: "the Pico's lamp",
        29: "the Pico's supply sense (ADC3)",
    },
    adc_taken={3: "the Pico measures its own supply there, by a divider of 3"},
    module_lamp=True,
    bootsel=True,
    dead_man=("pio",),
    pio=True,
    streams=True,
    islands=True,
    ethernet=("w5500",),
)

_RADIO = "the Pico W's radio"
RP2040_W = replace(
    RP2040,
    text="RP2040 on a Raspberry Pi Pico W",
    taken={
        23: _RADIO + " (power)",
        24: _RADIO + " (data)",
        25: _RADIO + " (select)",
        29: _RADIO + " (clock; ADC3 reads the supply only while the radio is not selected)",
    },
    adc_taken={3: _RADIO + " has GP29 as its clock"},
    ethernet=(),  # the radio is its network
)

# a Pico with the network chip on the module: its SPI may carry the metering chips as well
RP2040_W5500 = replace(
    RP2040,
    text="RP2040 on a WIZnet W5500-EVB-Pico",
    soldered={
        **{"spi.id": 0, "spi.miso": 16, "spi.sck": 18, "spi.mosi": 19},
        **{"ethernet.cs": 17, "ethernet.reset": 20, "ethernet.int": 21},
    },
)

_FLASH = "the flash of the module"
_CONSOLE = "the console, by which the board is flashed"
_ADC2 = "ADC2 does not convert while the radio is on"
ESP32 = Chip(
    text="ESP32 on a WROOM-32 module",
    pins=frozenset((*range(20), 21, 22, 23, 25, 26, 27, *range(32, 37), 39)),
    # ADC1 counts 0...7; ADC2 10...19, named to be refused
    adc={0: 36, 3: 39, 4: 32, 5: 33, 6: 34, 7: 35}
    | {10: 4, 11: 0, 12: 2, 13: 15, 14: 13, 15: 12, 16: 14, 17: 27, 18: 25, 19: 26},
    # read in calibrated mV, then scaled to 4096 codes of 3300 mV; 11 dB of attenuation
    adc_mv=(3_300, 150, 2_450),
    guards=("soft", "hardware"),
    uarts=(1, 2),
    spis=(1, 2),
    taken={1: _CONSOLE, 3: _CONSOLE, **dict.fromkeys(range(6, 12), _FLASH)},
    adc_taken=dict.fromkeys(range(10, 20), _ADC2),
    dead_man=("monostable",),
    input_only=frozenset(range(34, 40)),
    ethernet=("lan8720",),
    rmii={19: "TXD0", 21: "TX_EN", 22: "TXD1", 25: "RXD0", 26: "RXD1", 27: "CRS_DV"},
    strapping={0: "up", 2: "down", 5: "up", 12: "down", 15: "up"},
    high_at_reset=_every(0, 1, 3, 5, 14, 15),
)

# in the order of CHIPS in firmware/chips/circuit.py
CHIPS = {
    "host": HOST,
    "rp2040": RP2040,
    "rp2040_w": RP2040_W,
    "esp32": ESP32,
    "rp2040_w5500": RP2040_W5500,
}
