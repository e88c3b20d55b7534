# islet: the headers of the modules that carry the chips, as seen from above, USB at the top.
# GPL-3.0-or-later
from __future__ import annotations

from dataclasses import dataclass, replace

# A row of a header from the top: a GPIO number, or the name of what is no GPIO.
Row = int | str


@dataclass(frozen=True)
class Module:
    name: str
    prefix: str  # of a pin's printed name
    left: tuple[Row, ...]
    right: tuple[Row, ...]
    around: bool  # numbered down the left and up the right, else down both

    def place(self, pin: int) -> str:
        """Where a GPIO is found on the header."""
        if pin in self.left:
            number = self.left.index(pin) + 1
            return str(number) if self.around else f"left {number}"
        at = self.right.index(pin)
        if self.around:
            return str(len(self.left) + len(self.right) - at)
        return f"right {at + 1}"


PICO = Module(
    name="Raspberry Pi Pico",
    prefix="GP",
    left=(0, 1, "GND", 2, 3, 4, 5, "GND", 6, 7, 8, 9, "GND", 10, 11, 12, 13, "GND", 14, 15),
    right=(
        *("VBUS", "VSYS", "GND", "3V3_EN", "3V3", "ADC_VREF", 28, "AGND", 27, 26, "RUN", 22),
        *("GND", 21, 20, 19, 18, "GND", 17, 16),
    ),
    around=True,
)
DEVKIT = Module(
    name="ESP32-DevKitC V4",
    prefix="IO",
    left=("3V3", "EN", 36, 39, 34, 35, 32, 33, 25, 26, 27, 14, 12, "GND", 13, 9, 10, 11, "5V"),
    right=("GND", 23, 22, 1, 3, 21, "GND", 19, 18, 5, 17, 16, 4, 0, 2, 15, 8, 7, 6),
    around=False,
)
PICO_W = replace(PICO, name="Raspberry Pi Pico W")
W5500_EVB = replace(PICO, name="WIZnet W5500-EVB-Pico")
MODULES = {"rp2040": PICO, "rp2040_w": PICO_W, "rp2040_w5500": W5500_EVB, "esp32": DEVKIT}
