"""The guard's RMS over 20 ms: the kernel, its plain twin, and boards that show few channels."""

from __future__ import annotations

import json
import random
from array import array

import pytest

from firmware import image as f
from firmware.chips.circuit import SIGNALS, Analog
from firmware.sense import Sense, kernel
from tests_host.conftest import RunDevice
from tests_host.fields import EVSE, columns
from tests_host.sense.plain import kernel as kernel_plain

CASES = 60


def case(seed: int) -> dict:
    dice = random.Random(seed)
    channels = [dice.randrange(5) for _ in range(dice.randrange(7))]
    rows = [dice.choice((0, 1, dice.randrange(2**20))) for _ in range(50)]
    for c in range(5):
        rows[10 * c + kernel.FIELDS // 2] = dice.randrange(2)  # bad
    return {
        "rows": rows,
        "channels": channels,
        "fields": dice.sample(range(12), len(channels)),
        "gains": [dice.randrange(2**15) for _ in range(5)],
        "shifts": [dice.randrange(14) for _ in range(5)],
    }


def run(module, case: dict) -> list[int]:
    live = array("i", [7] * 12)
    given = [array("i", case[name]) for name in ("rows", "channels", "fields")]
    factors = array("i", case["gains"]), array("i", case["shifts"])
    return [module.fast(*given, len(given[1]), *factors, live), *live]


SCRIPT = """
import json, sys
from array import array
from firmware.sense import kernel
for case in json.loads({text!r}):
    live = array("i", [7] * 12)
    given = [array("i", case[name]) for name in ("rows", "channels", "fields")]
    factors = array("i", case["gains"]), array("i", case["shifts"])
    bad = kernel.fast(given[0], given[1], given[2], len(given[1]), factors[0], factors[1], live)
    print(json.dumps([bad] + list(live)))
"""


def test_the_kernel_is_its_plain_twin(run_device: RunDevice) -> None:
    cases = [case(seed) for seed in range(CASES)]
    plain = [run(kernel_plain, each) for each in cases]
    assert [run(kernel, each) for each in cases] == plain
    said = run_device(SCRIPT.format(text=json.dumps(cases)))
    assert [json.loads(line) for line in said.splitlines()] == plain


def pico() -> Analog:
    """Pilot, proximity and one current transformer: what a Pico samples itself."""
    analog = Analog(5208, 52, 64, 3, 192_000, 4)
    for c, (name, low, high) in enumerate(
        (("pilot", -15_260, 15_260), ("proximity", 0, 1000), ("evse_ct", 0, 150_000))
    ):
        analog.signal[c], analog.low[c], analog.high[c] = SIGNALS.index(name), low, high
    return analog


@pytest.mark.parametrize("stuck", [False, True])
def test_a_guard_that_sees_one_leg_is_fresh_while_that_is_good(stuck: bool) -> None:
    """Three legs and a grid are declared; the board shows the guard L1 of the charger."""
    image = f.Image()
    (
        image.site[f.DEVICE_NODE + EVSE],
        image.site[f.DEVICE_LEGS + EVSE],
        image.site[f.LEG_COUNT],
    ) = 0, 3, 3
    columns(image.site)
    sense = Sense(image, pico())
    frames = [(2850, 700, 2048 if stuck else 2048 + 500 * (-1) ** n) for n in range(52)]
    block = array("H", [code for frame in frames for code in frame])
    for _ in range(3):
        image.live[f.FAST_AGE_MS] = 99
        sense.on_block(block, 52)
    assert image.live[f.FAST_AGE_MS] == (99 if stuck else 0)
    ma = 0 if stuck else round(500 * 150_000 / 2047)
    assert list(image.live[f.POINT_FAST_MA : f.POINT_FAST_MA + 3]) == [
        pytest.approx(ma, rel=0.002),
        0,
        0,
    ]
