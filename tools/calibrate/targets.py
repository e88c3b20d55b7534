# islet: which channel of a circuit board measures what, and where its calibration stands.
# GPL-3.0-or-later
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from firmware.chips.circuit import AMPS, VOLTS, Circuit
from firmware.sense.atm90e32_setup import Scales
from firmware.sense.calibration import of_point
from tools.calibrate import Doubt

# place -> (name in the board's readings, what a metering chip's inputs must see, else the channel)
VOLTAGES = {"grid": ("grid_mv", "grid", "grid_v"), "house": ("house_mv", "house", "house_v")}
CURRENTS = {"mains": ("mains_ma", "mains", "main_ct"), "evse": ("evse_ma", "evse", "evse_ct")}
FAST = ("fast_ma", "", "evse_ct")  # the guard's own, where a metering chip measures the charger
PEAK = 2**0.5


@dataclass(frozen=True)
class Target:
    """One leg of one quantity: where it is read, and the row that holds its calibration."""

    reading: str
    leg: int  # 0 first
    section: str  # of the calibration file: channels or meters
    key: tuple[tuple[str, Any], ...]  # what identifies the row
    gain: str  # field of the row
    full: float  # end of the range, RMS in the unit of the reading
    what: str  # for people


def channel_key(signal: str, point: int, leg: int | None = None) -> tuple[tuple[str, Any], ...]:
    """Of a channel's row, which names a further point than the first."""
    legs = () if leg is None else (("leg", leg + 1),)
    return (("signal", signal), *legs, *((("point", point + 1),) if point else ()))


def find(circuit: Circuit, place: str, leg: int, point: int = 0) -> Target:
    """The target behind a place (grid, house, mains, evse, fast), leg and point (0 first)."""
    if place not in ("evse", "fast"):
        point = 0
    what = f"{place} L{leg + 1}" + (f" of point {point + 1}" if point else "")
    if place in VOLTAGES:
        reading, seen, signal = VOLTAGES[place]
        names, field = VOLTS, "mv_gain_ppm"
    elif place in CURRENTS or place == "fast":
        reading, seen, signal = CURRENTS.get(place, FAST)
        names, field = AMPS, "ma_gain_ppm"
    else:
        raise Doubt(f"AT: {place} is not one of grid, house, mains, evse, fast")
    for number, meter in enumerate(() if point else circuit.meters, 1):
        index = meter.volts if names is VOLTS else meter.amps
        if seen and names[index] == seen:
            scales = Scales(meter)
            full = scales.full_mv if names is VOLTS else scales.range_ma
            key = (("meter", number), ("leg", leg + 1))
            return Target(reading, leg, "meters", key, field, full, what)
    channel = circuit.analog.find(signal, leg, point)
    if channel < 0:
        raise Doubt(f"the circuit board {circuit.name} does not measure {what}")
    full = circuit.analog.high[channel] / PEAK
    key = channel_key(signal, point, leg)
    return Target(of_point(reading, point), leg, "channels", key, "gain_ppm", full, what)
