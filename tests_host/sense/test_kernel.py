"""The kernels equal their plain twin: on CPython, and in viper under MicroPython."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.sense import kernel, scale
from tests_host.conftest import RunDevice
from tests_host.sense.device.kernels import run
from tests_host.sense.plain import kernel as kernel_plain
from tests_host.sense.waves import ROOT

DEVICE = ROOT / "tests_host/sense/device/kernels.py"
CODE = st.integers(0, 4095)


@st.composite
def cases(draw: st.DrawFn) -> dict:
    """Samples of any shape a board may have, extremes included, and the kernels' arguments."""
    frames = draw(st.integers(1, 60))
    stride = draw(st.integers(1, 14))
    code = draw(st.sampled_from([CODE, st.sampled_from([0, 4095]), st.integers(2000, 2100)]))
    samples = draw(st.lists(code, min_size=frames * stride, max_size=frames * stride))
    channel = st.integers(0, stride - 1)
    offsets = draw(st.lists(CODE, min_size=stride, max_size=stride))
    c, b = draw(channel), draw(channel)
    column = samples[c::stride]
    return {
        "samples": samples,
        "frames": frames,
        "stride": stride,
        "offsets": offsets,
        "a": c,
        "b": b,
        "before": draw(CODE),
        "state": [draw(CODE), draw(st.integers(0, 1))],
        "hysteresis": draw(st.integers(0, 300)),
        "lowest": min(column),
        "highest": max(column),
        "square": draw(st.integers(0, 2**30 - 1)),
        "gain": draw(st.integers(0, 2**15 - 1)),
        "shift": draw(st.integers(0, 14)),
        "steps": draw(st.sampled_from([[0, 0, 0, 0], [10, 9, 9, 10], [3, 12, 0, 7]])),
        "rows": draw(st.lists(st.integers(0, 2**20), min_size=10 * stride, max_size=10 * stride)),
    }


@settings(max_examples=150, deadline=None)
@given(cases())
def test_kernel_is_its_plain_twin_on_cpython(case: dict) -> None:
    assert run(kernel, case) == run(kernel_plain, case)


@settings(max_examples=150, deadline=None)
@given(cases())
def test_results_stay_within_30_bits(case: dict) -> None:
    """Beyond, the chip would allocate or wrap. The sum before its shift is 16 times the result."""
    values = run(kernel_plain, case)
    assert all(-(2**30) < value < 2**30 for value in values)
    assert all(abs(value) << kernel.SHIFT < 2**30 + 16 for value in values[-4:-2])


def test_viper_is_the_plain_twin_under_micropython(run_device: RunDevice, tmp_path: Path) -> None:
    vectors: list[dict] = []

    @settings(max_examples=60, deadline=None, database=None)
    @given(cases())
    def collect(case: dict) -> None:
        vectors.append(case)

    collect()
    file = tmp_path / "vectors.json"
    file.write_text(json.dumps(vectors))
    script = f"import sys; sys.argv.append({str(file)!r}); exec(open({str(DEVICE)!r}).read())"
    answers = [json.loads(line) for line in run_device(script).splitlines()]
    assert len(answers) == len(vectors) > 30
    for case, (viper, plain) in zip(vectors, answers, strict=True):
        assert viper == run(kernel_plain, case)
        assert plain == viper


def test_a_wrong_kernel_is_found(run_device: RunDevice) -> None:
    """The comparison can fail: a kernel that forgets the shift differs."""

    class Wrong:
        def __getattr__(self, name: str):
            return getattr(kernel, name)

        @staticmethod
        def product(*args: int) -> int:
            return kernel.product(*args) << 4

    case = {
        "samples": [4000, 100] * 4, "frames": 4, "stride": 2, "offsets": [2048, 2048],
        "a": 0, "b": 1, "before": 0, "state": [2048, 0], "hysteresis": 5,
        "lowest": 4000, "highest": 4000, "square": 9, "gain": 7, "shift": 1, "rows": [5] * 20,
        "steps": [10, 9, 9, 10],
    }  # fmt: skip
    assert run(kernel, case) == run(kernel_plain, case)
    assert run(Wrong(), case) != run(kernel_plain, case)


@given(st.floats(1e-6, 16000), st.integers(-(2**29), 2**29))
def test_signed_scaling_is_accurate(value: float, total: int) -> None:
    gain, shift = scale.factor(value)
    if shift < 15:
        return  # a factor above one would leave 30 bits: not used
    assert scale.signed(total, gain, shift) == _near(total * value, 2.0)


@given(st.floats(0.01, 500), st.integers(0, 2**30 - 1))
def test_rms_scaling_is_accurate(value: float, squares: int) -> None:
    gain, shift = scale.factor(value)
    assert kernel.rms(squares, gain, shift) == _near(squares**0.5 * value, 1.5)


@given(st.integers(-(2**29), 2**29 - 1), st.integers(-(2**29), 2**29 - 1), st.integers(0, 1024))
def test_between_lies_between(first: int, second: int, part: int) -> None:
    exact = first + (second - first) * part / 1024
    assert abs(scale.between(first, second, part) - exact) <= 1025


class _near:
    """Equal within 0.02 % and an absolute margin."""

    def __init__(self, value: float, margin: float) -> None:
        self.value, self.margin = value, margin

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, int)
        return abs(other - self.value) <= abs(self.value) * 2e-4 + self.margin

    def __repr__(self) -> str:
        return f"{self.value} ± {self.margin}"
