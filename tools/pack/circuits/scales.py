# islet: from resistors, ratios and burdens to the scales of codes and metering inputs.
# GPL-3.0-or-later
"""Exact arithmetic on what the board's JSON says; every result is a whole number of its unit.

An alternating signal is biased to half the converter's reference, so 2047 codes from the middle
are its largest peak; a pilot's divider maps code 0 and code 4095 to a voltage each.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from tools.pack.circuits.chips import CHIPS, Chip
from tools.pack.circuits.tables import SCALES

Row = Mapping[str, Any]

CODES = 4096
PEAK_CODES = 2047
# ATM90E32AS, full scale of an input at gain 1: 720 mV RMS; second-hand, by boards built on it
METER_FULL_MV = 720


def ct_ratio(ct: Row) -> Fraction:
    """Primary over secondary current."""
    if "turns" in ct:
        return Fraction(ct["turns"])
    return Fraction(ct["primary_a"] * 1_000, ct["secondary_ma"])


def burden_mohm(ct: Row) -> int:
    return ct["burden_mohm"] if "burden_mohm" in ct else ct["burden_ohm"] * 1_000


def voltage_ratio(divider: Row) -> Fraction:
    """Mains voltage over what the converter sees."""
    ratio = Fraction(divider["top_ohm"] + divider["bottom_ohm"], divider["bottom_ohm"])
    if transformer := divider.get("transformer"):
        ratio *= Fraction(transformer["primary_mv"], transformer["secondary_mv"])
    return ratio


def _peak_mv(chip: Chip) -> Fraction:
    return Fraction(PEAK_CODES * chip.adc_mv[0], CODES)


def pilot_mv(divider: Row, pin_mv: Fraction | int) -> Fraction:
    """The pilot's voltage when the pin stands at `pin_mv`."""
    series = divider["series_ohm"]
    into_pin = Fraction(divider["supply_mv"] - pin_mv, divider["up_ohm"])
    out_of_pin = Fraction(pin_mv, divider["down_ohm"])
    return pin_mv + series * (out_of_pin - into_pin)


def pilot_pin_mv(divider: Row, mv: int) -> Fraction:
    """What the pin sees of a pilot voltage."""
    series, up, down = (Fraction(1, divider[f"{k}_ohm"]) for k in ("series", "up", "down"))
    return (mv * series + divider["supply_mv"] * up) / (series + up + down)


def channel_scale(chip: Chip, row: Row) -> tuple[int, int]:
    """(low, high) of an analogue channel, as firmware/chips/circuit.py explains them."""
    names = [name for name, _, _ in SCALES[row["signal"]]]
    if all(name in row for name in names):
        values = [row[name] for name in names]
        return (values[0], values[1]) if len(values) == 2 else (0, values[0])
    if "ct" in row:
        return 0, round(_peak_mv(chip) * 1_000 * ct_ratio(row["ct"]) / burden_mohm(row["ct"]))
    if row["signal"] == "pilot":
        top = Fraction((CODES - 1) * chip.adc_mv[0], CODES)
        return round(pilot_mv(row["divider"], 0)), round(pilot_mv(row["divider"], top))
    return 0, round(_peak_mv(chip) * voltage_ratio(row["divider"]))


def _meter_nv(row: Row) -> tuple[Fraction, Fraction]:
    volts_nv = 10**9 / voltage_ratio(row["divider"])
    return volts_nv, 10**6 * burden_mohm(row["ct"]) / ct_ratio(row["ct"])


def meter_scale(row: Row) -> tuple[int, int]:
    """nV at a metering chip's inputs per V and per A."""
    volts_nv, amps_nv = _meter_nv(row)
    return round(volts_nv), round(amps_nv)


def meter_full_scale(row: Row) -> tuple[int, int]:
    """(mV, mA) RMS at which a metering chip's inputs are full."""
    volts_nv, amps_nv = _meter_nv(row)
    full = METER_FULL_MV * 10**9
    return int(full / volts_nv), int(full / amps_nv / row.get("pga", 1))


def frame_ns(sampling: Row) -> int:
    if "frame_us" in sampling:
        return sampling["frame_us"] * 1_000
    return 10**9 // sampling["rate_hz"]


def chip_of(document: Row) -> Chip:
    return CHIPS[document["chip"]]
