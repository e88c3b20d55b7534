"""The metering chip's words: what the kernels make of them, on CPython and in viper."""

from __future__ import annotations

import json
from array import array
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from firmware.sense import atm90e32
from firmware.sense import atm90e32_kernel as kernel
from tests_host.conftest import ROOT, RunDevice
from tests_host.sense.device.metering import run

DEVICE = ROOT / "tests_host/sense/device/metering.py"
LEGS, HIGH, LOW = 3, 11, 14  # places of a poll of three legs with power
WORD = st.integers(0, 0xFFFF)


@st.composite
def cases(draw: st.DrawFn) -> dict:
    legs = draw(st.integers(1, 3))
    high = kernel.MEANS + 2 * legs
    count = high + 2 * legs
    last = draw(st.lists(WORD, min_size=count, max_size=count))
    step = st.sampled_from([0, 0, 1, -1, 64, 65, -65, 9000])
    near = [min(0xFFFF, max(0, w + draw(step))) for w in last]
    shift = draw(st.integers(6, 10))
    return {
        "words": draw(st.sampled_from([near, draw(st.permutations(last))])),
        "last": last,
        "legs": legs,
        "high": high,
        "low": high + legs,
        "end": draw(st.sampled_from([kernel.SIGN, kernel.MEANS, count])),
        "polarity": draw(st.lists(st.sampled_from([1, -1]), min_size=3, max_size=3)),
        "sag_mv": draw(st.integers(0, 300_000)),
        "loss_mv": draw(st.integers(0, 30_000)),
        "most_ma": draw(st.integers(0, 500_000)),
        "order": draw(st.permutations(range(legs))),
        "unit": 1 << (10 - shift),
        "shift": shift,
    }


def words(**changed: int) -> array:
    """A poll of three legs: 1000 everywhere, save what is named."""
    made = array("H", [1000] * 17)
    for name, value in changed.items():
        made[int(name[1:])] = value
    return made


def test_driver_and_kernel_agree_about_the_places_of_words() -> None:
    places = ("METERING", "SETTING", "HZ", "SIGN", "MEANS")
    assert [getattr(atm90e32, "_" + p) for p in places] == [getattr(kernel, p) for p in places]


def test_what_is_doubted() -> None:
    def doubts(end: int = 17, **changed: int) -> int:
        return kernel.doubts(words(**changed), words(), end, HIGH, LOW)

    sign = 1 << kernel.SIGN
    assert doubts() == sign  # of a renewal: again whenever means were read
    assert doubts(w4=1001, end=5) == doubts(w4=1001, end=4) == 0  # else not
    assert doubts(w2=1001) == sign | 1 << 2  # any change of the state
    assert doubts(w5=1000 + 125 + 64) == sign  # an eighth and a little
    assert doubts(w5=1000 + 125 + 65) == sign | 1 << 5
    assert doubts(w5=1000 - 125 - 65) == sign | 1 << 5
    assert doubts(w11=1001) == doubts(w11=999) == sign  # a high word
    assert doubts(w11=1002) == doubts(w11=998) == sign | 1 << 11
    assert doubts(w14=0) == sign  # a low one may be anything
    assert doubts(w5=9000, w11=0, end=5) == 0  # not read

    words_, last = words(w11=0xFFFF, w12=0), words(w11=0, w12=0xFFFF)  # through nought
    assert kernel.doubts(words_, last, 17, HIGH, LOW) == sign


def test_watts_are_those_of_the_register() -> None:
    polarity, out = array("i", [1, -1, 1]), array("i", [0] * 3)
    for unit, shift in ((1, 10), (2, 9), (4, 8), (16, 6)):
        for high, low in (
            (0, 0),
            (0, 0xFF00),
            (1, 0),
            (0xFFFF, 0xFF00),
            (200, 0x8000),
            (0x8000, 0),
        ):
            registers = words(w11=high, w12=high, w13=high, w14=low, w15=low, w16=low)
            kernel.watts(registers, HIGH, LOW, shift, polarity, out)
            signed = (high << 16 | low) - ((high & 0x8000) << 17)
            watts = signed * 0.00032 * unit
            assert abs(out[0] - watts) <= 0.6 + abs(watts) * 2e-5, (unit, high, low)
            assert out[1] == -out[0]


def test_viper_makes_the_same_of_it(run_device: RunDevice, tmp_path: Path) -> None:
    """And a poll of two chips, from the first to many means, allocates nothing."""
    found: list[dict] = []

    @given(cases())
    def collect(case: dict) -> None:
        found.append(case)

    collect()
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(found))
    script = f"import sys; sys.argv.append({str(path)!r}); "
    script += f"exec(open({str(DEVICE)!r}).read())"
    *lines, polls = run_device(script).splitlines()
    assert len(lines) == len(found)
    for case, line in zip(found, lines, strict=True):
        assert json.loads(line) == run(case), case
    assert polls == "polls [True, True] [0, 0]"
