"""Resistors and transformers become the scales that sense and the metering driver use."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.chips.circuit import Circuit
from tests_host.chips.kit import damaged, read
from tools.pack.circuits import pack
from tools.pack.circuits.chips import ESP32, RP2040
from tools.pack.circuits.scales import channel_scale, meter_full_scale, meter_scale, pilot_pin_mv


def by_nodes(divider: dict[str, int], pilot_v: float) -> float:
    """The pin's voltage by Kirchhoff, in floats: currents into the node are nought."""
    low, high = -50.0, 50.0
    for _ in range(80):
        pin_v = (low + high) / 2
        into = (pilot_v - pin_v) / divider["series_ohm"]
        into += (divider["supply_mv"] / 1000 - pin_v) / divider["up_ohm"]
        into -= pin_v / divider["down_ohm"]
        low, high = (pin_v, high) if into > 0 else (low, pin_v)
    return low


@given(
    st.fixed_dictionaries(
        {
            "series_ohm": st.integers(10_000, 500_000),
            "up_ohm": st.integers(1_000, 100_000),
            "down_ohm": st.integers(1_000, 100_000),
            "supply_mv": st.sampled_from([3_300, 5_000]),
        }
    ),
    st.integers(-12_600, 12_600),
)
def test_a_code_of_the_pilot_is_its_voltage(divider: dict[str, int], mv: int) -> None:
    """What sense makes of a code between `low` and `high` is the voltage at the contact."""
    pin_v = by_nodes(divider, mv / 1000)
    assert float(pilot_pin_mv(divider, mv)) == pytest.approx(pin_v * 1000, abs=1e-6)
    low, high = channel_scale(RP2040, {"signal": "pilot", "divider": divider})
    code = pin_v / 3.3 * 4096
    assert low + (high - low) * code / 4095 == pytest.approx(mv, abs=1)


@pytest.mark.parametrize(
    ("ct", "peak_a"),
    [
        # 1649 mV across 22 ohm are 75 mA; by 2000 turns 149.9 A
        ({"primary_a": 100, "secondary_ma": 50, "burden_ohm": 22}, 149.9),
        ({"primary_a": 100, "turns": 2_000, "burden_mohm": 22_000}, 149.9),
        ({"primary_a": 100, "secondary_ma": 50, "burden_ohm": 33}, 99.95),
        ({"primary_a": 60, "turns": 1_000, "burden_mohm": 15_500}, 106.4),
    ],
)
def test_the_range_of_a_ct(ct: dict[str, int], peak_a: float) -> None:
    low, high = channel_scale(RP2040, {"signal": "evse_ct", "leg": 1, "ct": ct})
    assert low == 0 and high / 1000 == pytest.approx(peak_a, rel=1e-3)
    # the largest peak makes 2047 codes
    burden = ct.get("burden_mohm", 1000 * ct.get("burden_ohm", 0)) / 1000
    turns = ct.get("turns") or ct["primary_a"] * 1000 / ct["secondary_ma"]
    assert high / 1000 / turns * burden / 3.3 * 4096 == pytest.approx(2047, rel=1e-4)


def test_the_range_of_a_voltage() -> None:
    divider: dict[str, Any] = {"top_ohm": 15_000, "bottom_ohm": 2_000}
    divider["transformer"] = {"primary_mv": 230_000, "secondary_mv": 9_000}
    row = {"signal": "grid_v", "leg": 1, "divider": divider}
    _, high = channel_scale(RP2040, row)
    assert high == pytest.approx(1649.2 * 17 / 2 * 230 / 9, rel=1e-4)


def test_a_scale_given_at_once_is_kept() -> None:
    assert channel_scale(RP2040, {"signal": "main_ct", "range_ma": 400_000}) == (0, 400_000)
    assert channel_scale(ESP32, {"signal": "pilot", "low_mv": -14_000, "high_mv": 16_000}) == (
        -14_000,
        16_000,
    )


def test_the_metering_chips_inputs() -> None:
    """At 230 V and 100 A the reference board's inputs see 375 mV and 600 mV of their 720."""
    row = read("pico")["meters"][0]
    volts_nv, amps_nv = meter_scale(row)
    assert volts_nv * 230 / 1e6 == pytest.approx(375, abs=0.01)
    assert amps_nv * 100 / 1e6 == 600
    assert meter_full_scale(row) == (441_600, 120_000)
    assert meter_full_scale({**row, "pga": 2}) == (441_600, 60_000)


def test_the_device_gets_these_scales() -> None:
    circuit = Circuit(pack(damaged("pico", meters__1__ct__burden_ohm=8, meters__1__pga=2)))
    assert [circuit.analog.low[0], circuit.analog.high[0]] == [-15_000, 15_515]
    assert circuit.analog.high[1] == 1_000
    assert circuit.analog.high[2] == round(2047 * 3.3 / 4096 / 22 * 2000 * 1000)
    assert [meter.amps_nv for meter in circuit.meters] == [6_000_000, 4_000_000]
    assert [meter.pga for meter in circuit.meters] == [1, 2]
    assert all(meter.volts_nv < 2**30 for meter in circuit.meters), "a small int on the device"


def test_the_pilots_whole_range_stays_within_what_each_chip_reads() -> None:
    for name, chip in (("pico", RP2040), ("esp32", ESP32)):
        divider = read(name)["channels"][0]["divider"]
        for pilot_v in (-12.6, 12.6):
            assert chip.adc_mv[1] <= by_nodes(divider, pilot_v) * 1000 <= chip.adc_mv[2]


def test_the_fast_ct_sees_twice_its_rating_at_the_peak() -> None:
    _, high = channel_scale(RP2040, read("pico")["channels"][2])
    assert high / 1000 > 2 * math.sqrt(2) * read("pico")["carries"]["evse_a"]
