# islet: what an ATM90E32AS is told at start: gains, offsets, delays and thresholds as registers.
# GPL-3.0-or-later
#
# Registers, scales and their sources: docs/metering.md. Runs when the chip is configured only:
# floats and allocation do not matter here.

from array import array

from firmware import image as im

METER_EN = 0x00
_CHANNEL_MAP_I = 0x01
_SAG_PEAK_CFG = 0x05
_ZX_CONFIG = 0x07
_SAG_TH = 0x08
_PHASE_LOSS_TH = 0x09
_MMODE0 = 0x33
_MMODE1 = 0x34
_P_OFFSET = 0x41  # phase A; B and C follow in steps of 2
_PQ_GAIN = 0x47
_PHI = 0x48
_U_GAIN = 0x61  # phase A, then in steps of 4: voltage gain, current gain, and both offsets

_FULL_NV = 848_528_137  # RMS at an input at which the converter is full: 1.2 V peak
_RANGE_NV = 720_000_000  # up to which it is linear
_UNIT_GAIN = 32_768  # with this gain, full scale reads as
_FULL_SCALE_MV = 926_819
_FULL_SCALE_MA = 92_682
_MOST_MA = 65_535  # in a register of 1 mA; beyond, it counts 2, 4 or 8 mA

_MV_PER_COUNT = 10 / 512  # of an offset register: 1/512 of what it corrects
_MA_PER_COUNT = 1 / 512
_MW_PER_COUNT = 0.32
_PHI_PER_US = 2.048
_PHI_MOST = 1023
_PHI_VOLTAGE = 0x8000  # the delay is the voltage's

_MMODE0_50HZ, _MMODE0_60HZ = 0x0087, 0x1087
_PGA_ALL = 0b01_01_01  # times 0, 1, 2 for gains of 1, 2, 4
_ZX_OFF = 1
_ZX0_BOTH = 0b011_011_000_11_11_10_0  # crossings of both directions on ZX0, nothing on the others
_SAG_MS = 20  # peaks below the threshold for so long: one period
_PEAK_MS = 20
_PEAK_PER_VOLT = 2_317_047.5  # a threshold's counts per V RMS, times the gain: 50 * sqrt 2 * 32768


class Scales:
    """What stands between the mains and the chip's pins, and the calibration, per leg.

    `row` says what arrives at the pins (firmware/chips/circuit.py, Meter): volts_nv and amps_nv
    per V and A, and the current inputs' gain pga. The calibration is nought until somebody
    calibrates: gains are added to 1, offsets to the reading; `delay_us` is how much later than its
    voltage a current is shown; `polarity` -1 turns a transformer round; `input` is the chip's
    current input (0 first) that carries the leg.
    """

    def __init__(self, row):
        self.pga = row.pga
        self.full_mv = _FULL_NV / row.volts_nv * 1000
        self.full_ma = _FULL_NV / row.amps_nv * 1000 / row.pga
        self.range_ma = int(_RANGE_NV / row.amps_nv * 1000 / row.pga)
        self.unit = 1  # mA in a count of the chip's current registers
        self.w_shift = 10  # a high word of power counts 21475 / 2**w_shift W
        while self.range_ma > _MOST_MA * self.unit:
            self.unit *= 2
            self.w_shift -= 1
        self.mv_gain_ppm = array("i", [0] * im.LEGS)
        self.ma_gain_ppm = array("i", [0] * im.LEGS)
        self.mv_offset = array("i", [0] * im.LEGS)
        self.ma_offset = array("i", [0] * im.LEGS)
        self.mw_offset = array("i", [0] * im.LEGS)
        self.delay_us = array("i", [0] * im.LEGS)
        self.polarity = array("i", [1] * im.LEGS)
        self.input = array("i", range(im.LEGS))


def registers(scales, sag_mv, loss_mv, sixty_hz, crossing_leg):
    """(registers, values) to write, MeterEn last. ValueError for what the chip cannot hold.

    Below sag_mv and loss_mv it reports sag and phase loss; ZX0 shows the crossings of
    `crossing_leg`, -1 none."""
    u_gains = [_gain(leg, "voltage", scales.full_mv / _FULL_SCALE_MV, scales.mv_gain_ppm)
               for leg in range(im.LEGS)]  # fmt: skip
    peak_per_volt = _PEAK_PER_VOLT / max(u_gains)
    rows = [
        (_CHANNEL_MAP_I, scales.input[0] | scales.input[1] << 4 | scales.input[2] << 8),
        (_SAG_PEAK_CFG, _PEAK_MS << 8 | _SAG_MS),
        (_ZX_CONFIG, _ZX_OFF if crossing_leg < 0 else _ZX0_BOTH | crossing_leg << 7),
        (_SAG_TH, min(0xFFFF, int(sag_mv / 1000 * peak_per_volt))),
        (_PHASE_LOSS_TH, min(0xFFFF, int(loss_mv / 1000 * peak_per_volt))),
        (_MMODE0, _MMODE0_60HZ if sixty_hz else _MMODE0_50HZ),
        (_MMODE1, (scales.pga >> 1) * _PGA_ALL),
    ]
    i_gain = scales.full_ma / (_FULL_SCALE_MA * scales.unit)
    ma_per_count = _MA_PER_COUNT * scales.unit
    mw_per_count = _MW_PER_COUNT * scales.unit
    for leg in range(im.LEGS):
        step, base = 2 * leg, _U_GAIN + 4 * leg
        mw_offset = scales.mw_offset[leg] * scales.polarity[leg]
        rows.append((base, u_gains[leg]))
        rows.append((base + 1, _gain(leg, "current", i_gain, scales.ma_gain_ppm)))
        rows.append((base + 2, _offset(leg, "voltage", scales.mv_offset[leg] / _MV_PER_COUNT)))
        rows.append((base + 3, _offset(leg, "current", scales.ma_offset[leg] / ma_per_count)))
        rows.append((_P_OFFSET + step, _offset(leg, "power", mw_offset / mw_per_count)))
        rows.append((_PQ_GAIN + step, 0))
        rows.append((_PHI + step, _phi(leg, scales.delay_us[leg])))
    rows.append((METER_EN, 1))
    return array("H", [row[0] for row in rows]), array("H", [row[1] for row in rows])


def _gain(leg, what, gain, ppm):
    counts = int(gain * (1 + ppm[leg] / 1_000_000) * _UNIT_GAIN + 0.5)
    if not 0 < counts <= 0xFFFF:
        text = "meter L{}: {} gain of {} counts, 1 to 65535"
        raise ValueError(text.format(leg + 1, what, counts))
    return counts


def _offset(leg, what, counts):
    if not -0x8000 <= counts < 0x8000:
        text = "meter L{}: {} offset of {} counts, -32768 to 32767"
        raise ValueError(text.format(leg + 1, what, int(counts)))
    return int(counts) & 0xFFFF


def _phi(leg, delay_us):
    """A late current is met by delaying its voltage, an early one by delaying it."""
    counts = int(abs(delay_us) * _PHI_PER_US + 0.5)
    if counts > _PHI_MOST:
        raise ValueError("meter L{}: delay of {} us, -499 to 499".format(leg + 1, delay_us))
    return counts | _PHI_VOLTAGE if delay_us > 0 else counts
