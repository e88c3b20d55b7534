"""The calibration file: all of it is taken, or nothing and the field is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from firmware import image as im
from firmware.chips.circuit import Circuit
from firmware.sense import Sense, calibration
from firmware.sense.atm90e32_setup import Scales
from tests_host.conftest import ROOT, RunDevice
from tools.pack import circuits as packer

DOCUMENT = json.loads((ROOT / "firmware/circuits/pico.json").read_text())
GOOD: dict[str, Any] = {
    "circuit": "pico",
    "date": "2026-11-22",
    "channels": [
        {"signal": "pilot", "gain_ppm": -4_000, "zero_code16": 35},
        {"signal": "evse_ct", "leg": 1, "gain_ppm": 21_000, "delay_us": 40},
    ],
    "meters": [
        {"meter": 1, "leg": 1, "mv_gain_ppm": 1_200, "ma_gain_ppm": -9_000, "input": 2},
        {"meter": 1, "leg": 2, "polarity": -1, "input": 1, "delay_us": -12},
        {"meter": 2, "leg": 3, "ma_offset": -20, "mw_offset": 900, "mv_offset": 3},
    ],
}


def board() -> tuple[Circuit, list[Scales]]:
    circuit = Circuit(packer.pack(DOCUMENT))
    return circuit, [Scales(row) for row in circuit.meters]


def load(document: Any) -> tuple[calibration.Calibration, Circuit, list[Scales]]:
    circuit, scales = board()
    text = document if isinstance(document, str) or document is None else json.dumps(document)
    return calibration.load(text, "pico", circuit.analog, scales), circuit, scales


def test_everything_reaches_its_place() -> None:
    loaded, circuit, scales = load(GOOD)
    assert (loaded.errors, loaded.date) == ([], "2026-11-22")
    analog = circuit.analog
    pilot, fast = analog.find("pilot"), analog.find("evse_ct", 0)
    assert (analog.gain_ppm[pilot], analog.zero_code16[pilot]) == (-4_000, 35)
    assert (analog.gain_ppm[fast], analog.delay_us[fast]) == (21_000, 40)
    first, second = scales
    assert list(first.mv_gain_ppm) == [1_200, 0, 0]
    assert list(first.ma_gain_ppm) == [-9_000, 0, 0]
    assert list(first.input) == [1, 0, 2]
    assert list(first.polarity) == [1, -1, 1]
    assert list(first.delay_us) == [0, -12, 0]
    assert (second.ma_offset[2], second.mw_offset[2], second.mv_offset[2]) == (-20, 900, 3)
    assert list(second.input) == [0, 1, 2]


def test_nobody_has_calibrated() -> None:
    loaded, circuit, _ = load("")
    assert (loaded.errors, loaded.date) == ([], "")
    assert set(circuit.analog.gain_ppm) == {0}


WRONG: list[tuple[Any, str]] = [
    (None, "file: cannot be read"),
    ("x" * 5_000, "file: cannot be read, or has more than 4096 bytes"),
    ('{"circuit": "pico"', "file: is not JSON"),
    ("[" * 3_000, "file: is not JSON"),
    ("[]", "file: is not an object"),
    ({"circuit": "esp32"}, "circuit: made for esp32, this is pico"),
    ({"date": "yesterday"}, "date: is not a date like 2026-11-30"),
    ({"channel": []}, "channel: unknown field"),
    ({"channels": {}}, "channels: is not a list"),
    ({"channels": [7]}, "channels[0]: is not an object"),
    ({"channels": [{"signal": "pilot", "gain": 5}]}, "channels[0].gain: unknown field"),
    ({"channels": [{"signal": "pilot", "gain_ppm": 1.5}]}, "channels[0].gain_ppm: 1.5 is not"),
    ({"channels": [{"signal": "pilot", "gain_ppm": True}]}, "channels[0].gain_ppm: True is not"),
    (
        {"channels": [{"signal": "pilot", "gain_ppm": 200_001}]},
        "channels[0].gain_ppm: 200001 is not a whole number from -200000 to 200000",
    ),
    ({"channels": [{"signal": "grid_v"}]}, "channels[0].signal: the board has no grid_v of leg 1"),
    ({"channels": [{"signal": "volts"}]}, "channels[0].signal: the board has no volts of leg 1"),
    ({"channels": [{"gain_ppm": 1}]}, "channels[0].signal: the board has no None of leg 1"),
    ({"channels": [{"signal": "evse_ct", "leg": 2}]}, "channels[0].signal: the board has no"),
    ({"channels": [{"signal": "evse_ct", "leg": 4}]}, "channels[0].leg: 4 is not a leg"),
    ({"channels": [{"signal": "pilot"}] * 2}, "channels[1]: is given twice"),
    ({"meters": [{"meter": 3}]}, "meters[0].meter: 3 is not one of the board's 2 metering chips"),
    ({"meters": [{"leg": 1}]}, "meters[0].meter: None is not one of"),
    ({"meters": [{"meter": 1, "leg": 0}]}, "meters[0].leg: 0 is not a leg from 1 to 3"),
    (
        {"meters": [{"meter": 1, "polarity": 0}]},
        "meters[0].polarity: 0 is not a whole number from",
    ),
    ({"meters": [{"meter": 1, "delay_us": 500}]}, "meters[0].delay_us: 500 is not"),
    ({"meters": [{"meter": 1, "leg": 1}] * 2}, "meters[1]: is given twice"),
    ({"meters": [{"meter": 2, "leg": 1, "input": 2}]}, "meters: input: chip 2 has one for two"),
]


@pytest.mark.parametrize(("wrong", "expected"), WRONG, ids=[text for _, text in WRONG])
def test_a_bad_file_is_refused_whole(wrong: Any, expected: str) -> None:
    document = {**GOOD, **wrong} if isinstance(wrong, dict) else wrong
    loaded, circuit, scales = load(document)
    assert any(error.startswith(expected) for error in loaded.errors), loaded.errors
    assert loaded.date == ""
    untouched, fresh = board()
    for field in calibration.CHANNEL_FIELDS:
        assert getattr(circuit.analog, field) == getattr(untouched.analog, field)
    for scale, other in zip(scales, fresh, strict=True):
        for field in calibration.METER_FIELDS:
            assert getattr(scale, field) == getattr(other, field)


def test_the_extremes_are_ones_that_sense_and_chip_can_hold() -> None:
    """Whatever the table lets through must not fail later, where nobody names the field."""
    from firmware.sense import atm90e32_setup

    for end in (0, 1):
        channels = [
            {"signal": signal, **{f: r[end] for f, r in calibration.CHANNEL_FIELDS.items()}}
            for signal in ("pilot", "proximity", "evse_ct")
        ]
        fields = {f: r[end] for f, r in calibration.METER_FIELDS.items() if f != "input"}
        meters = [{"meter": m, "leg": leg, **fields} for m in (1, 2) for leg in (1, 2, 3)]
        document = {**GOOD, "channels": channels, "meters": meters}
        loaded, circuit, scales = load(document)
        assert loaded.errors == []
        Sense(im.Image(), circuit.analog)
        for scale in scales:
            atm90e32_setup.registers(scale, 103_000, 20_000, False, -1)


CHIP = """
import islet_data
from firmware.chips.circuit import Circuit
from firmware.sense import calibration
from firmware.sense.atm90e32_setup import Scales
circuit = Circuit(islet_data.CIRCUITS["pico"])
for text in TEXTS:
    scales = [Scales(row) for row in circuit.meters]
    loaded = calibration.load(text, "pico", circuit.analog, scales)
    print(loaded.errors[0] if loaded.errors else list(scales[0].input))
"""


def test_the_same_on_the_chip(run_device: RunDevice) -> None:
    """MicroPython's JSON, its arrays and its messages."""
    given = [({}, "[1, 0, 2]"), *((w, text) for w, text in WRONG if w is not None)]
    texts = [json.dumps({**GOOD, **w}) if isinstance(w, dict) else w for w, _ in given]
    script = CHIP.replace("TEXTS", repr(texts))
    said = run_device(script, ROOT / ".cache/data").splitlines()
    for line, (_, text) in zip(said, given, strict=True):
        assert line.startswith(text)


def test_readings() -> None:
    image = im.Image()
    image.site[im.LEG_COUNT] = 3
    image.site[im.NODE_COUNT] = 2
    image.site[im.NODE_INSTRUMENT] = im.INSTRUMENT_CT
    live = image.live
    for leg in range(3):
        live[im.GRID_MV + leg] = 230_000 + leg
        live[im.NODE_MA + leg], live[im.NODE_W + leg] = 1_000 * leg, -200 * leg
    live[im.GRID_AGE_MS] = live[im.NODE_AGE_MS] = live[im.POINT_PILOT_AGE_MS] = 100
    live[im.POINT_HIGH_MV], live[im.POINT_LOW_MV] = 12_010, -11_990
    said = calibration.readings(image)
    assert said["grid_mv"] == [230_000, 230_001, 230_002]
    assert said["mains_ma"] == [0, 1_000, 2_000]
    assert said["mains_w"] == [0, -200, -400]
    assert said["pilot_mv"] == [12_010, -11_990]
    assert said["house_mv"] is said["evse_ma"] is said["proximity_ohm"] is None
    json.dumps(said)


def test_readings_of_each_point_are_by_the_sites_legs() -> None:
    """A point on L3 and L2 in this order, and one that no device has."""
    image = im.Image()
    site, live = image.site, image.live
    site[im.LEG_COUNT] = 3
    site[im.POINT_DEVICE], site[im.POINT_DEVICE + 1] = -1, 4
    site[im.DEVICE_LEGS + 4] = 2
    site[im.DEVICE_LEG + 4 * im.LEGS], site[im.DEVICE_LEG + 4 * im.LEGS + 1] = 2, 1
    for block, ma in ((im.POINT_MA, 9_000), (im.POINT_FAST_MA, 9_100)):
        live[block + im.LEGS], live[block + im.LEGS + 1] = ma, ma + 10
    live[im.POINT_HIGH_MV + 1], live[im.POINT_LOW_MV + 1] = 5_990, -12_010
    live[im.POINT_PROXIMITY_OHM + 1] = 221
    ages = (im.POINT_MA_AGE_MS, im.POINT_PILOT_AGE_MS, im.POINT_PROXIMITY_AGE_MS)
    live[im.FAST_AGE_MS] = 0
    for age in ages:
        live[age] = live[age + 1] = 100
    said = calibration.readings(image)
    assert said["evse_ma_2"] == [0, 9_010, 9_000] and said["fast_ma_2"] == [0, 9_110, 9_100]
    assert said["pilot_mv_2"] == [5_990, -12_010] and said["proximity_ohm_2"] == 221
    assert said["evse_ma"] is said["fast_ma"] is None
    json.dumps(said)
    for age in ages:
        live[age + 1] = 500
    said = calibration.readings(image)
    assert said["evse_ma_2"] is said["pilot_mv_2"] is said["proximity_ohm_2"] is None


def test_a_channel_of_the_second_point() -> None:
    described = json.loads((ROOT / "firmware/circuits/host.json").read_text())
    circuit = Circuit(packer.pack(described))
    rows = [
        {"signal": "evse_ct", "leg": 2, "gain_ppm": 100},
        {"signal": "evse_ct", "leg": 2, "point": 2, "gain_ppm": 200},
        {"signal": "pilot", "point": 2, "zero_code16": 5},
    ]

    def loaded(rows: list[dict[str, object]]) -> list[str]:
        text = json.dumps({"circuit": "host", "date": "2026-11-22", "channels": rows})
        return calibration.load(text, "host", circuit.analog, []).errors

    assert loaded(rows) == []
    analog = circuit.analog
    gains = [analog.gain_ppm[analog.find("evse_ct", 1, point)] for point in (0, 1)]
    zeros = [analog.zero_code16[analog.find("pilot", 0, point)] for point in (0, 1)]
    assert (gains, zeros) == ([100, 200], [0, 5])
    assert loaded(rows[1:2] * 2) == ["channels[1]: is given twice"]
    for point in (0, 3, "2", True):
        (error,) = loaded([{**rows[1], "point": point}])
        assert error.startswith("channels[0].point: ") and "a point from 1 to 2" in error
    (error,) = loaded([{"signal": "grid_v", "leg": 1, "point": 2}])
    assert error == "channels[0].signal: the board has no grid_v of leg 1 at point 2"
