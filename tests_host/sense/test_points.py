"""Each point's pilot, proximity and current go into its own fields."""

from __future__ import annotations

import pytest

from firmware import image as im
from firmware.sense import Sense
from tests_host.sense.waves import EVSE, Bench, Wave, pwm


def bench(point: int, legs: tuple[int, ...] = (2, 0)) -> Bench:
    """The device of row 0 hangs at the point, its own legs on these of the site, and measures
    node 1; the other point has none."""
    made = Bench()
    site = made.image.site
    site[im.NODE_COUNT] = 2
    site[im.POINT_DEVICE], site[im.POINT_DEVICE + 1] = -1, -1
    site[im.POINT_DEVICE + point] = 0
    site[im.DEVICE_LEGS] = len(legs)
    for k in range(im.LEGS):
        site[im.DEVICE_LEG + k] = legs[k] if k < len(legs) else -1
    site[im.NODE_INSTRUMENT + 1], site[im.NODE_INSTRUMENT_ROW + 1] = im.INSTRUMENT_POINT, point
    made.sense, made.point = Sense(made.image, made.analog), point
    made.waves[EVSE] = Wave(11.0)
    made.waves[EVSE + 2] = Wave(7.0)
    made.pilot, made.pp_ohm = pwm(0.25, 6.0), 220.0
    return made


@pytest.mark.parametrize("point", range(im.POINTS))
def test_a_point_is_read_into_its_own_fields(point: int) -> None:
    made = bench(point)
    made.run(0.5)
    live = made.image.live
    other = 1 - point
    assert live[im.POINT_HIGH_MV + point] == pytest.approx(6_000, abs=100)
    assert live[im.POINT_LOW_MV + point] == pytest.approx(-12_000, abs=100)
    assert live[im.POINT_HIGH_MV + other] == pytest.approx(12_000, abs=100)
    assert live[im.POINT_PROXIMITY_OHM + point] == pytest.approx(220, rel=0.02)
    assert live[im.POINT_PROXIMITY_OHM + other] > 100_000
    for block in (im.POINT_MA, im.POINT_FAST_MA):
        at = block + point * im.LEGS
        assert list(live[at : at + 3]) == [pytest.approx(7_000, rel=0.01),
                                           pytest.approx(11_000, rel=0.01), 0]  # fmt: skip
        assert not any(live[block + other * im.LEGS :][:3])
    assert live[im.DEVICE_MA] == live[im.POINT_MA + point * im.LEGS]
    node = im.NODE_MA + im.LEGS
    assert (live[node + 2], live[node]) == (live[im.DEVICE_MA], live[im.DEVICE_MA + 1])
    assert live[im.POINT_MA_AGE_MS + point] < 200 < live[im.POINT_MA_AGE_MS + other]


@pytest.mark.parametrize("point", range(im.POINTS))
def test_a_connection_that_ends_is_counted_at_its_own_point(point: int) -> None:
    made = bench(point)
    made.run(0.3)
    before = list(made.image.live[im.POINT_PILOT_UNPLUGS :][: im.POINTS])
    made.pilot = pwm(0.25, 12.0)
    made.run(0.3)
    after = list(made.image.live[im.POINT_PILOT_UNPLUGS :][: im.POINTS])
    assert after[point] == before[point] + 1
    assert after[1 - point] == before[1 - point]
