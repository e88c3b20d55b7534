# islet: a circuit board's description, unpacked from the frozen bytes.
# GPL-3.0-or-later
#
# Source: firmware/boards/<name>.json; layout and rules: tools/pack/boards.py.

import struct
from array import array

from firmware.image import const

_VERSION = const(1)
_HEAD = "<BBHBBBHBBB4B"
_CHANNEL = "<BBii"
_ROW = "<BBB"

GUARD_SOFT = const(0)

# kinds of analogue signals, in the order the packed bytes count them
SIGNALS = ("pilot", "proximity", "evse_ct", "main_ct", "grid_v", "house_v")


class Analog:
    """The channels in order of sampling, as sense needs them: arrays indexed by channel.

    `low`, `high` are a channel's scale: for the pilot mV at code 0 and 4095, for proximity `high`
    is the pull-up in ohm, for currents and voltages `high` is the peak in mA or mV at 2047 codes
    from the middle. Channel c is sampled c * skew_us after its frame began.

    Calibration, nought until somebody calibrates: `gain_ppm` is added to 1, `zero_code16`
    (code/16) to the code of pilot and proximity, `delay_us` is how late the sensor shows what
    it measures.
    """

    def __init__(self, rate_hz, frames, skew_us, channels):
        self.rate_hz = rate_hz
        self.frames = frames
        self.skew_us = skew_us
        self.count = channels
        self.signal = array("i", [0] * channels)  # index into SIGNALS
        self.leg = array("i", [0] * channels)  # 0 first
        self.low = array("i", [0] * channels)
        self.high = array("i", [0] * channels)
        self.gain_ppm = array("i", [0] * channels)
        self.zero_code16 = array("i", [0] * channels)
        self.delay_us = array("i", [0] * channels)

    def find(self, name, leg=0):
        """Channel of a signal (SIGNALS), -1 when the board has none."""
        signal = SIGNALS.index(name)
        for c in range(self.count):
            if self.signal[c] == signal and self.leg[c] == leg:
                return c
        return -1


class Circuit:
    """What the packed description says: outputs and inputs as rows of (bit, pin, how)."""

    def __init__(self, packed):
        head = struct.unpack_from(_HEAD, packed)
        if head[0] != _VERSION:
            raise ValueError("board data has version {}, expected {}".format(head[0], _VERSION))
        self.guard = head[1]
        self.rate_hz = head[2]
        self.frames = head[3]
        self.pilot_pin, self.pilot_hz = head[5], head[6]
        self.uart, self.uart_tx, self.uart_rx = head[7], head[8], head[9]
        channels, outputs, inputs, length = head[10], head[11], head[12], head[13]
        at = struct.calcsize(_HEAD)
        self.name = str(packed[at : at + length], "utf-8")
        at += length
        self.analog = Analog(self.rate_hz, self.frames, head[4], channels)
        for c in range(channels):
            row = struct.unpack_from(_CHANNEL, packed, at)
            at += struct.calcsize(_CHANNEL)
            analog = self.analog
            analog.signal[c], analog.leg[c], analog.low[c], analog.high[c] = row
        self.outputs = self._rows(packed, at, outputs)
        self.inputs = self._rows(packed, at + outputs * struct.calcsize(_ROW), inputs)

    def _rows(self, packed, at, count):
        rows = []
        for i in range(count):
            bit, pin, how = struct.unpack_from(_ROW, packed, at + i * struct.calcsize(_ROW))
            rows.append((1 << bit, pin, how))
        return rows

    def has_outputs(self, bits):
        """All these outputs (OUT_*) are there, hence with their protection declared."""
        for bit, _, _ in self.outputs:
            bits &= ~bit
        return bits == 0
