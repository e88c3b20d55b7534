# islet: tests of the sample synthesis against the formulas of the front end.
# GPL-3.0-or-later
from __future__ import annotations

import cmath
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests_host.twin.stubs import TURN, StubStretch
from tools.twin.house.segment import Front
from tools.twin.link import signals
from tools.twin.link.signals import CHANNELS, FRAMES_PER_S, Instruments, Synthesis, frame_after

IDEAL = Instruments(noise_codes=0, voltage_harmonics=(), current_harmonics=())
QUIET = Synthesis(IDEAL, 1)
NOISY = Synthesis(Instruments(), 1)


def stretch(t0_us=0, t1_us=1_000_000, **values) -> StubStretch:
    amps = tuple(10 * t for t in TURN)
    return replace(StubStretch(t0_us, t1_us, amps, amps, pp_ohm=220.0), **values)


NOTHING = Front((0j,) * 3, 12.0, -12.0, 1.0, 1000.0, math.inf)
AC = [*range(2, signals.FIRST), 16, 17, 18]


def test_a_second_points_pilot_and_cable_are_its_own():
    front = Front((0j,) * 3, 6.0, -12.0, 0.5, 1000.0, 680.0)
    alone, both = stretch(), stretch(second=front)
    codes, with_it = QUIET.codes([alone], 0, 480), QUIET.codes([both], 0, 480)
    assert (codes[:, : signals.FIRST] == with_it[:, : signals.FIRST]).all()
    assert set(codes[:, 14]) == {round(27 / 30 * 4095)} and set(codes[:, 15]) == {4095}
    assert codes[:, 16:].min() == codes[:, 16:].max() == 2048
    high, low = (round((v + 15) / 30 * 4095) for v in (6, -12))
    assert abs(with_it[:, 14].max() - high) <= 1 and abs(with_it[:, 14].min() - low) <= 1
    assert set(with_it[:, 15]) == {round(4095 * 680 / 1680)}


def expected(channel: int, frame: int, s: StubStretch) -> float:
    """The front end's formula, one sample at a time, written independently."""
    t = frame / FRAMES_PER_S + channel * 5e-6 - s.t0_us / 1e6
    kind, leg = divmod(channel - 2, 3) if channel < signals.FIRST else (0, channel - 16)
    second = s.second.evse_a if s.second else (0j,) * 3
    own = second if channel >= signals.FIRST else s.evse_a
    phasor = (own, s.main_a, s.grid_v, s.house_v)[kind][leg]
    hz, rad = (s.house_hz, s.house_rad) if kind in (0, 3) else (s.grid_hz, s.grid_rad)
    per = (2047 / 120, 2047 / 400, 2047 / 450, 2047 / 450)[kind]
    wave = math.sqrt(2) * abs(phasor) * math.cos(rad + math.tau * hz * t + cmath.phase(phasor))
    return min(4095, max(0, 2048 + wave * per))


@settings(max_examples=40, deadline=None)
@given(
    st.floats(45, 65),
    st.floats(45, 65),
    st.floats(0, 6.28),
    st.floats(0, 6.28),
    st.floats(0, 100),
    st.floats(-3.1, 3.1),
    st.integers(0, 400),
)
def test_every_ac_channel_follows_its_formula(g_hz, h_hz, g_rad, h_rad, amps, angle, first):
    wave = tuple(cmath.rect(amps, angle) * t for t in TURN)
    s = stretch(
        grid_hz=g_hz, house_hz=h_hz, grid_rad=g_rad, house_rad=h_rad, evse_a=wave, main_a=wave,
        second=replace(NOTHING, evse_a=tuple(-a / 2 for a in wave)),
    )  # fmt: skip
    codes = QUIET.codes([s], first, first + 50)
    for frame in range(50):
        for channel in (*range(2, signals.FIRST), 16, 17, 18):
            assert abs(codes[frame, channel] - expected(channel, first + frame, s)) <= 0.75


def test_harmonics_keep_their_place_in_the_wave_on_every_leg():
    synthesis = Synthesis(replace(IDEAL, voltage_harmonics=((3, 0.1),)), 1)
    codes = synthesis.codes([stretch()], 0, 4800).astype(float)[:, 8:11] - 2048
    for leg in range(3):
        spectrum = np.fft.rfft(codes[:, leg]) / 2400
        assert abs(spectrum[150]) / abs(spectrum[50]) == pytest.approx(0.1, rel=0.01)
        turned = np.angle(spectrum[150]) - 3 * np.angle(spectrum[50])
        assert abs((turned + math.pi) % math.tau - math.pi) < 0.02


def test_gain_offset_and_phase_error_belong_to_their_channel():
    wrong = replace(IDEAL, gain_permille={5: -2000.0}, offset_codes={6: 30.0}, phase_deg={7: 5.0})
    good = QUIET.codes([stretch()], 0, 4800).astype(float) - 2048
    bad = Synthesis(wrong, 1).codes([stretch()], 0, 4800).astype(float) - 2048
    assert np.abs(bad[:, 5] + good[:, 5]).max() <= 1.5  # −2000 ‰ turns a CT round
    assert np.abs(bad[:, 6] - good[:, 6] - 30).max() <= 1
    turned = np.angle(np.fft.rfft(bad[:, 7])[50] / np.fft.rfft(good[:, 7])[50])
    assert math.degrees(turned) == pytest.approx(5, abs=0.1)
    untouched = [c for c in range(CHANNELS) if c not in (5, 6, 7)]
    assert (bad[:, untouched] == good[:, untouched]).all()


def test_codes_are_clipped_to_12_bits():
    huge = tuple(1000 * t for t in TURN)
    codes = NOISY.codes([stretch(evse_a=huge)], 0, 480)
    assert codes.max() == 4095 and codes.min() == 0


@pytest.mark.parametrize(("duty", "high", "low"), [(0.1, 9, -12), (0.533, 6, -12), (0.96, 3, -12)])
def test_pilot_has_both_plateaus_locked_to_whole_milliseconds(duty, high, low):
    s = stretch(pilot_duty=duty, pilot_high_v=float(high), pilot_low_v=float(low))
    codes = QUIET.codes([s], 0, 4800)[:, 0]
    top, bottom = int((high + 15) / 30 * 4095 + 0.5), int((low + 15) / 30 * 4095 + 0.5)
    phase = (np.arange(4800) * 5 % 24) / 24
    plateau_high = (phase > 0.002) & (phase < duty)
    plateau_low = phase > duty + 0.002
    assert (codes[plateau_high] == top).all()
    assert (codes[plateau_low] == bottom).all()
    assert np.mean(codes == top) == pytest.approx(duty, abs=1 / 24 + 0.001)


@pytest.mark.parametrize(("duty", "volts"), [(1.0, 12.0), (0.0, -12.0)])
def test_a_steady_pilot_is_steady(duty, volts):
    s = stretch(pilot_duty=duty, pilot_high_v=12.0, pilot_low_v=-12.0)
    codes = QUIET.codes([s], 0, 480)[:, 0]
    assert set(codes) == {int((volts + 15) / 30 * 4095 + 0.5)}


@pytest.mark.parametrize(
    ("ohm", "code"), [(math.inf, 4095), (0, 0), (1000, 2048), (220, 738), (680, 1657)]
)
def test_proximity_divider(ohm, code):
    assert abs(int(QUIET.codes([stretch(pp_ohm=ohm)], 0, 1)[0, 1]) - code) <= 1


def test_noise_belongs_to_the_frame_not_to_the_call():
    whole = NOISY.codes([stretch()], 100, 900)
    parts = [NOISY.codes([stretch()], a, b) for a, b in ((100, 137), (137, 500), (500, 900))]
    assert (np.concatenate(parts) == whole).all()
    again = Synthesis(Instruments(), 1).codes([stretch()], 100, 900)
    assert (again == whole).all()
    assert (Synthesis(Instruments(), 2).codes([stretch()], 100, 900) != whole).any()


def test_noise_has_its_size_and_does_not_repeat_between_channels_or_rounds():
    still = stretch(
        0, 60_000_000, main_a=(0j,) * 3, evse_a=(0j,) * 3, grid_v=(0j,) * 3, house_v=(0j,) * 3
    )
    first = NOISY.codes([still], 65_000, 66_000).astype(float)[:, AC] - 2048  # over the seam
    assert first.std() == pytest.approx(math.sqrt(1.5**2 + 1 / 12), rel=0.05)
    later = NOISY.codes([still], 130_521, 131_521).astype(float)[:, AC] - 2048
    assert abs(np.corrcoef(first[:, 3], later[:, 3])[0, 1]) < 0.1
    assert abs(np.corrcoef(first[:, 3], first[:, 4])[0, 1]) < 0.1


def test_stretches_meet_at_the_frame():
    a, b = stretch(0, 30_000), stretch(30_000, 100_000, main_a=(0j,) * 3, grid_rad=math.tau * 1.5)
    codes = QUIET.codes([a, b], 0, 481)
    border = frame_after(30_000)
    assert border == 145  # frame 144 is at 30 ms itself and still belongs to the first
    assert np.ptp(codes[:border, 5]) > 100
    assert (codes[border:, 5] == 2048).all()
    assert abs(codes[border, 8] - expected(8, border, b)) <= 0.75


def test_frames_that_nobody_described_are_refused():
    with pytest.raises(ValueError, match="frame 481 lies beyond"):
        QUIET.codes([stretch(0, 100_000)], 0, 482)
    with pytest.raises(ValueError, match="frame 100 lies before"):
        QUIET.codes([stretch(30_000, 100_000)], 100, 300)
    with pytest.raises(ValueError, match="at most 4800"):
        QUIET.codes([stretch()], 0, 4801)
    with pytest.raises(ValueError, match="allowed odd orders"):
        Synthesis(replace(IDEAL, voltage_harmonics=((2, 0.1),)), 1)


def test_channel_numbers_are_those_of_the_circuit_board():
    from tools.twin.link.port import read_board

    board = read_board("host")
    first = {"pilot": signals.CP, "proximity": signals.PP, "evse_ct": signals.EVSE_CT,
             "main_ct": signals.MAIN_CT, "grid_v": signals.GRID_V,
             "house_v": signals.HOUSE_V}  # fmt: skip
    assert len(board["channels"]) == CHANNELS
    for row in board["channels"]:
        point = signals.FIRST * (row.get("point", 1) - 1)
        assert row["channel"] == point + first[row["signal"]] + row.get("leg", 1) - 1
    assert board["sampling"]["rate_hz"] == FRAMES_PER_S
