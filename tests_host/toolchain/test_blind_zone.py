"""The matched-load zone: its formulas against a load solved step by step, and its print."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tools.docs import blind_zone

HAZARDS = Path(__file__).resolve().parents[2] / "docs" / "hazards.md"


def test_hazards_print_it() -> None:
    text = HAZARDS.read_text()
    for line in blind_zone.table():
        assert line in text, "python -m tools.docs.blind_zone"


@pytest.mark.parametrize("surplus", [-0.3, -0.1, 0.0, 0.2, 1.0])
def test_the_voltage_settles_where_the_power_goes(surplus: float) -> None:
    """Constant power into a resistor that takes 1 + surplus of it at nominal voltage."""
    volts = 1.0
    for _ in range(2000):
        current = 1.0 / volts
        volts += 0.01 * (current / (1 + surplus) - volts)
    assert volts == pytest.approx(1 / math.sqrt(1 + surplus), rel=1e-3)
    code = {"nominal_mhz": 50_000, "trips": [
        {"kind": "ov", "permille": 1000 * volts, "time_ms": 100},
        {"kind": "uv", "permille": 1000 * volts, "time_ms": 100},
        {"kind": "uf", "mhz": 47_500, "time_ms": 100},
    ]}  # fmt: skip
    low, high, *_ = blind_zone.zone(code)
    assert low == pytest.approx(100 * surplus, abs=0.2) == high


@pytest.mark.parametrize("hertz", [47.5, 49.0, 50.0, 51.5])
def test_the_frequency_settles_at_the_resonance(hertz: float) -> None:
    """L and C of quality 1 that resonate there: their reactive powers at nominal, of R's power."""
    r, nominal = 1.0, 2 * math.pi * 50
    omega = 2 * math.pi * hertz
    inductance, capacity = r / omega, 1 / (r * omega)  # R * sqrt(C / L) = 1
    surplus = r * (1 / (nominal * inductance) - nominal * capacity)
    code = {"nominal_mhz": 50_000, "trips": [
        {"kind": "of", "mhz": 1000 * hertz, "time_ms": 100},
        {"kind": "uf", "mhz": 1000 * hertz, "time_ms": 100},
    ]}  # fmt: skip
    *_, low, high = blind_zone.zone(code)
    assert low == pytest.approx(100 * surplus, abs=0.01) == high


def test_slow_rows_see_nothing_in_time() -> None:
    code = {"nominal_mhz": 50_000, "trips": [{"kind": "ov", "permille": 1100, "time_ms": 3000}]}
    assert blind_zone.levels(code)[1] > 2
