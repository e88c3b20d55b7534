# islet: active power of one leg from a voltage and a current channel.
# GPL-3.0-or-later
#
# The channels are sampled one after another and the sensors are late, so the current belongs to
# another moment than the voltage. The earlier of the two is carried forward to the later one by a
# straight line between two samples, which for the sum of products means a mix of the products of
# simultaneous and of neighbouring samples.

from firmware.sense import kernel, scale


class Power:
    def __init__(self, analog, voltage, current):
        self._analog = analog
        self._voltage = voltage
        self._current = current
        self._first = voltage  # whose sample before meets the other's sample now
        self._second = current
        self._part = 0  # of the way to the next sample, in 1/1024
        self._last = 2048
        self._gain = self._shift = 0
        self.total = 0
        self.total_late = 0

    def calibrate(self):
        """Factors from `analog`; ValueError when a delay is longer than a frame."""
        analog, voltage, current = self._analog, self._voltage, self._current
        if voltage < 0 or current < 0:
            return
        late_us = (voltage - current) * analog.skew_us
        late_us -= analog.delay_us[voltage] - analog.delay_us[current]
        # late: the current must be carried forward, so the voltage before meets the current now
        self._first, self._second = (voltage, current) if late_us >= 0 else (current, voltage)
        self._part = abs(late_us) * analog.rate_hz * 16 // 15625  # of a frame, in 1/1024
        if self._part > 1024:
            raise ValueError("delay_us: {} us apart, at most one frame".format(late_us))
        watts = self._scale(voltage) * self._scale(current) / 1_000_000
        self._gain, self._shift = scale.factor(watts * 16 / (10 * analog.frames))

    def _scale(self, c):
        """mA or mV per code."""
        return self._analog.high[c] / 2047 * (1 + self._analog.gain_ppm[c] / 1_000_000)

    def on_block(self, samples, frames, stride, middle):
        a, b = self._first, self._second
        if a < 0 or b < 0:
            return
        a0, b0 = middle[a], middle[b]
        self.total += kernel.product(samples, frames, stride, a, b, a0, b0)
        self.total_late += kernel.product_late(samples, frames, stride, a, b, a0, b0, self._last)
        self._last = samples[(frames - 1) * stride + a]

    def watts(self):
        """Mean over the window, + with the arrow of the current transformer."""
        total = scale.between(self.total, self.total_late, self._part)
        return scale.signed(total, self._gain, self._shift)
