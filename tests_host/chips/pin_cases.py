"""Pins that cannot be what a board makes of them."""

from __future__ import annotations

from tests_host.chips.kit import GONE, Case

PINS: list[Case] = [
    ("a pin used twice", "pico", {"outputs__0__pin": 8}, "outputs.4.pin", "outputs.0.pin already"),
    ("an input on the bus", "pico", {"inputs__0__pin": 1}, "inputs.0.pin", "lines.0.rx already"),
    ("an output on a converter", "pico", {"outputs__4__pin": 26}, "outputs.4.pin", "already"),
    ("a crossing on a taken pin", "pico", {"crossing__pin": 22}, "inputs.6.pin", "crossing.pin"),
    ("a pin above the last", "pico", {"outputs__4__pin": 30}, "outputs.4.pin", "no pin 30"),
    ("the Pico's lamp", "pico", {"outputs__4__pin": 25}, "outputs.4.pin", "lamp"),
    ("the Pico's supply switch", "pico", {"outputs__4__pin": 23}, "outputs.4.pin", "power mode"),
    ("ADC3 on a Pico", "pico", {"channels__2__adc": 3}, "channels.2.adc", "its own supply"),
    ("no such ADC input", "pico", {"channels__2__adc": 4}, "channels.2.adc", "but 0, 1, 2"),
    (
        "UART transmit elsewhere",
        "pico",
        {"lines__0__tx": 4, "outputs__0__pin": 0},
        "lines.0.tx",
        "0, 12, 16, 28",
    ),
    (
        "UART receive of the other",
        "pico",
        {"lines__0__uart": 1},
        "lines.0.tx",
        "uart 1: 4, 8, 20, 24",
    ),
    ("SPI input elsewhere", "pico", {"spi__miso": 23}, "spi.miso", "power mode"),
    ("SPI clock and data", "pico", {"spi__sck": 19, "spi__mosi": 18}, "spi.sck", "2, 6, 18, 22"),
    ("no third UART", "pico", {"lines__0__uart": 2}, "lines.0.uart", "0, 1"),
    ("no third SPI", "pico", {"spi__id": 2}, "spi.id", "0, 1"),
    ("driver enable on the line", "pico", {"lines__0__de": 0}, "lines.0.de", "lines.0.tx already"),
    ("an interrupt on a select", "pico_eth", {"ethernet__int": 17}, "ethernet.int", "meters.0.cs"),
    ("a reset on the lamp", "pico_eth", {"ethernet__reset": 25}, "ethernet.reset", "lamp"),
    (
        "a select that is soldered",
        "w5500_evb",
        {"ethernet__cs": 5},
        "ethernet.cs",
        "is 17 on RP2040 on a WIZ",
    ),
    ("a clock that is soldered", "w5500_evb", {"spi__sck": 2}, "spi.sck", "is 18 on"),
    ("no chip on the module", "w5500_evb", {"ethernet": GONE}, "ethernet", "has it soldered"),
    ("a meter's select there", "w5500_evb", {"meters__0__cs": 17}, "ethernet.cs", "meters.0.cs"),
    (
        "an output on RMII",
        "esp32_lan8720",
        {"outputs__0__pin": 25},
        "outputs.0.pin",
        "ethernet.chip",
    ),
    (
        "a select on RMII",
        "esp32_lan8720",
        {"meters__0__cs": 22},
        "ethernet.chip",
        "meters.0.cs alr",
    ),
    (
        "a clock on the button",
        "esp32_lan8720",
        {"ethernet__clock": "gpio0_in", "ethernet__power": 12, "lamp__pin": 17},
        "button.pin",
        "ethernet.clock",
    ),
    (
        "a clock into the boot loader",
        "esp32_lan8720",
        {"ethernet__clock": "gpio0_in"},
        "ethernet.power",
        "boot loader",
    ),
    (
        "a supply that is on in reset",
        "esp32_lan8720",
        {"ethernet__power": 5, "meters__0__cs": 17, "ethernet__clock": "gpio16_out"},
        "ethernet.power",
        "before firmware",
    ),
    (
        "management on an input",
        "esp32_lan8720",
        {"ethernet__mdio": 34, "inputs__0__pin": 18},
        "ethernet.mdio",
        "is an inp",
    ),
    ("flash", "esp32", {"outputs__2__pin": 7}, "outputs.2.pin", "flash"),
    ("console", "esp32", {"inputs__3__pin": 3}, "inputs.3.pin", "console"),
    ("no pin 24", "esp32", {"inputs__3__pin": 24}, "inputs.3.pin", "no pin 24"),
    (
        "output on an input",
        "esp32",
        {"outputs__2__pin": 39, "channels__1__adc": 6, "inputs__0__pin": 27},
        "outputs.2.pin",
        "input only",
    ),
    (
        "select on an input",
        "esp32",
        {"meters__0__cs": 34, "inputs__0__pin": 21},
        "meters.0.cs",
        "input only",
    ),
    ("no pull there", "esp32", {"inputs__0__pull": "up"}, "inputs.0.pull", "no pull resistor"),
    ("ADC2 with the radio", "esp32", {"channels__1__adc": 16}, "channels.1.adc", "radio"),
    ("driver enable without PIO", "esp32", {"lines__0__de": 14}, "lines.0.de", "turns by itself"),
    ("UART 0 is the console", "esp32", {"lines__0__uart": 0}, "lines.0.uart", "1, 2"),
    ("pulled up in reset", "esp32", {"outputs__2__pin": 14}, "outputs.2.pin", "before firmware"),
    ("strapping, pull up", "esp32", {"inputs__3__pin": 12}, "inputs.3.pull", "down at boot"),
    (
        "strapping, pull down",
        "esp32",
        {"inputs__1": {"name": "enable", "pin": 5, "pull": "down"}},
        "inputs.1.pull",
        "up at boot",
    ),
]
PINS += [
    (f"strapping pin {pin}", "esp32", {"outputs__0__pin": pin}, "outputs.0.pin", "at boot")
    for pin in (0, 2, 5, 12, 15)
]
PINS += [("strapping dead-man", "esp32", {"dead_man__pin": 2}, "dead_man.pin", "at boot")]
PINS += [("strapping pilot", "esp32", {"pilot__pin": 15}, "pilot.pin", "at boot")]
PINS += [
    (
        f"the radio's pin {pin}",
        "pico",
        {"chip": "rp2040_w", "outputs__4__pin": pin},
        "outputs.4.pin",
        "radio",
    )
    for pin in (23, 24, 25, 29)
]
PINS += [
    (
        "ADC3 on a Pico W",
        "pico",
        {"chip": "rp2040_w", "channels__2__adc": 3},
        "channels.2.adc",
        "radio",
    )
]
