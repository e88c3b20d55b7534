# islet: the metering chip ATM90E32AS (Atmel, now Microchip) on SPI.
# GPL-3.0-or-later
#
# Registers, scales and their sources: docs/metering.md. A control cycle calls poll(): it reads the
# chip or goes on configuring it, allocates nothing, and never waits. What it finds stands in mv,
# ma, w and mhz, and counts while `valid`. The chip renews its registers every 16 periods with the
# means over them: `age_ms` is the time since then, and only then are all of them read.
#
# A word that jumps is read twice, and so is the sign of a renewal: neither a disturbed transfer
# nor words of two different means are believed. A chip that has lost its supply or its
# configuration answers with something else than what was written: it is configured anew, and is
# not valid until its registers hold a mean of that time alone.

from array import array

from firmware import image as im
from firmware.base.viper import const, micropython
from firmware.sense.atm90e32_kernel import amps, doubts, note, repeated, scan, volts, watts
from firmware.sense.atm90e32_setup import METER_EN, Scales, registers

STATES = ("starting", "absent", "settling", "ok", "frozen")
STARTING, ABSENT, SETTLING, OK, FROZEN = const(0), const(1), const(2), const(3), const(4)

# registers; of phase A, B and C follow
_SOFT_RESET = const(0x70)
_EMM_STATE1 = const(0x72)
_CFG_REG_ACC_EN = const(0x7F)
_P_MEAN = const(0xB1)
_P_MEAN_LSB = const(0xC1)
_U_RMS = const(0xD9)
_I_RMS = const(0xDD)
_U_RMS_LSB = const(0xE9)
_FREQ = const(0xF8)

_READ = const(0x80)  # in the first byte: bit 15 of the address
_RESET_WORD = const(0x789A)
_UNLOCK_WORD = const(0x55AA)

_SAG_PERMILLE = const(449)  # just below the under-voltage stages that act within 300 ms
_LOSS_PERMILLE = const(90)  # just below what counts as dead
_PERIODS = const(16_000_000)  # of averaging, over mHz: ms

_RESET_MS = const(100)  # from soft reset to the first write
_RETRY_MS = const(1_000)  # between attempts at a chip that does not answer
_SETTLE_WINDOWS = const(2)  # the first may hold a part from before the configuration
_AT_ONCE = const(6)  # registers written or verified in a poll
_JUMP_MHZ = const(500)  # in 100 ms: 4 Hz/s make 400
_STEADY_MS = const(200)
_SAGS = const(0x7000)  # flags of the phases in EMMState1
_FROZEN_MS = const(2_000)  # INV-4: no word of any register changed for so long

# words of a poll, as atm90e32_kernel.py has them; _SIGN of a renewal
_METERING, _SETTING, _FLAGS, _HZ = const(0), const(1), const(2), const(3)
_SIGN, _MEANS = const(4), const(5)

# steps of configuring
_WAIT, _WRITE, _VERIFY, _DONE = const(0), const(1), const(2), const(3)


class Atm90e32:
    """One chip. `spi` runs in mode 3 at 1 MHz or less, `cs` is a pin that is called, `scales` are
    its Scales or the board's row."""

    def __init__(self, spi, cs, scales):
        self.scales = scales = scales if isinstance(scales, Scales) else Scales(scales)
        self.blind_ma = scales.range_ma // 50  # less may have no direction
        self.mv = array("i", [0] * im.LEGS)
        self.ma = array("i", [0] * im.LEGS)
        self.w = array("i", [0] * im.LEGS)
        self.mhz = 0
        self._heard_mhz = 0  # of the last poll
        self._sags = 0  # of the last poll
        self._steady_ms = 0  # without a jump
        self.age_ms = 0
        self.valid = False
        self.changed = self.read_all = False  # by the last poll
        self.state = STARTING
        self.resets = 0  # times it was found changed and configured anew
        self.disturbed = 0  # polls dropped for a transfer that did not repeat
        self._transfer = spi.write_readinto
        self._cs = cs
        self._rx = bytearray(4)
        self._tx = bytearray(4)
        self._step = _WAIT
        self._at = 0
        self._wait_ms = 0
        self._read_ms = 0  # since all words were read
        self._left = False  # renewed means were left unread by the last poll
        self._still_ms = 0
        self._turn = 0  # of the configuration register verified next
        cs(1)

    def declare(self, legs, nominal_mv, nominal_mhz, with_power, crossing_leg=-1):
        """What the site is: called once, before the first poll. ValueError for a scale or a
        calibration the chip cannot hold. The pin ZX0 shows the crossings of `crossing_leg`."""
        self.legs = legs
        self.with_power = with_power
        self.window_ms = _PERIODS // nominal_mhz
        self._sixty_hz = nominal_mhz > 55_000
        self._crossing_leg = crossing_leg
        self._live_mv = nominal_mv // 10
        self._sag_mv = nominal_mv // 1000 * _SAG_PERMILLE
        self._loss_mv = nominal_mv // 1000 * _LOSS_PERMILLE
        frames = [METER_EN, 0, _EMM_STATE1, _FREQ, _U_RMS_LSB]
        frames += [_U_RMS + leg for leg in range(legs)] + [_I_RMS + leg for leg in range(legs)]
        self._high = self._low = len(frames)  # where the high and low words of power begin
        if with_power:
            self._low += legs
            frames += [_P_MEAN + leg for leg in range(legs)]
            frames += [_P_MEAN_LSB + leg for leg in range(legs)]
        self._frames = [bytearray((_READ, register, 0, 0)) for register in frames]
        self._setting = self._frames[_SETTING]
        self._words = array("H", [0] * len(frames))
        self._last = array("H", [0] * len(frames))
        self.calibrate()

    def calibrate(self):
        """Configure the chip with what `scales` say now."""
        self._registers, self._values = registers(
            self.scales, self._sag_mv, self._loss_mv, self._sixty_hz, self._crossing_leg
        )
        self._restart()

    # --- configuration -----------------------------------------------------------------------

    def _configure(self, dt_ms):
        """Some more of it; ABSENT and again later when the chip does not hold what is written."""
        if self._step == _WAIT:
            # What passed before this wait began does not count.
            self._wait_ms = self._wait_ms + dt_ms if self._wait_ms >= 0 else 0
            if self._wait_ms < (_RETRY_MS if self.state == ABSENT else _RESET_MS):
                return
            if self.state == ABSENT:
                self._restart()
                return
            self._write(_CFG_REG_ACC_EN, _UNLOCK_WORD)
            self._step, self._at = _WRITE, 0
        elif self._step == _WRITE:
            end = min(self._at + _AT_ONCE, len(self._values))
            for i in range(self._at, end):
                self._write(self._registers[i], self._values[i])
            self._at = end
            if end == len(self._values):
                self._write(_CFG_REG_ACC_EN, 0)
                self._step, self._at = _VERIFY, 0
        else:
            end = min(self._at + _AT_ONCE, len(self._values))
            for i in range(self._at, end):
                if not self._holds(i):
                    self._lose()
                    return
            self._at = end
            if end == len(self._values):
                self._step = _DONE
                self.state = SETTLING
                self._wait_ms = 0

    def _holds(self, i):
        """Register i of the configuration has its value; a disturbed reading is repeated."""
        for _ in range(3):
            if self._read(self._registers[i]) == self._values[i]:
                return True
        return False

    def _restart(self):
        self.state = STARTING
        self._step = _WAIT
        self._wait_ms = -1
        self._write(_SOFT_RESET, _RESET_WORD)

    def _lose(self):
        """It answers wrongly: begin anew, at once the first time, then after a pause."""
        self.valid = False
        if self.state == STARTING:
            self.state = ABSENT
            self._step = _WAIT
            self._wait_ms = -1
        else:
            self.resets = (self.resets + 1) & 0xFFFFFF
            self._restart()

    # --- transfers ---------------------------------------------------------------------------

    def _write(self, register, value):
        tx = self._tx
        tx[0] = 0
        tx[1] = register
        tx[2] = value >> 8
        tx[3] = value & 0xFF
        self._cs(0)
        self._transfer(tx, self._rx)
        self._cs(1)

    def _read(self, register):
        tx, rx = self._tx, self._rx
        tx[0] = _READ
        tx[1] = register
        tx[2] = tx[3] = 0
        self._cs(0)
        self._transfer(tx, rx)
        self._cs(1)
        return rx[2] << 8 | rx[3]

    # --- every control cycle -----------------------------------------------------------------

    @micropython.native
    def poll(self, dt_ms, lean=False):
        """Read the chip; True when its readings count. `dt_ms` has passed since the last poll.
        `lean`: leave renewed means for the next time. `read_all` says whether they were read."""
        self.changed = self.read_all = False
        if self._step != _DONE:
            self._configure(dt_ms)
            return False
        words, last = self._words, self._last
        turn = self._turn = (self._turn + 1) % len(self._values)
        self._setting[1] = self._registers[turn]
        select, transfer, received = self._cs, self._transfer, self._rx
        frames = self._frames
        end = _MEANS
        scan(select, transfer, frames, received, words, 0, end)
        if words[_METERING] != 1 and not self._holds(len(self._values) - 1):
            self._lose()
            return False
        if words[_SETTING] != self._values[turn] and not self._holds(turn):
            self._lose()
            return False
        self._pass(dt_ms)
        renewed = words[_SIGN] != last[_SIGN]
        if renewed or self._read_ms >= self.window_ms:
            if lean:
                end = _SIGN
                self._left = renewed
            else:
                end = len(words)
                scan(select, transfer, frames, received, words, _MEANS, end)
        bits = doubts(words, last, end, self._high, self._low)
        if bits and not repeated(select, transfer, frames, received, words, bits):
            self.disturbed = (self.disturbed + 1) & 0xFFFFFF
            return False
        return self._take(end, renewed, dt_ms)

    @micropython.native
    def _take(self, end, renewed, dt_ms):
        """The words below `end` are believed."""
        words = self._words
        if end > _MEANS:
            self.read_all = True
            self._read_ms = 0
            if renewed:
                self.age_ms = dt_ms if self._left else 0
            self._left = False
        self.changed = note(words, self._last, end) != 0
        if self.changed:
            self._still_ms = 0
            self._convert(self._last)
        mhz = self.mhz
        self._follow(words[_HZ] * 10, words[_FLAGS] & _SAGS, dt_ms)
        if self.mhz != mhz:
            self.changed = True
        if self.state == SETTLING:
            self._wait_ms += dt_ms
            if self._wait_ms < _SETTLE_WINDOWS * self.window_ms:
                return False
            self.changed = True
        frozen = self._still_ms >= _FROZEN_MS and self._flows()
        self.state = FROZEN if frozen else OK
        self.valid = not frozen
        return self.valid

    @micropython.native
    def _pass(self, dt_ms):
        """Time goes by; the chip renews its means every window, even if they come out equal."""
        age_ms = self.age_ms + dt_ms
        self.age_ms = age_ms if age_ms < self.window_ms else self.window_ms
        if self._read_ms < self.window_ms:
            self._read_ms += dt_ms
        if self._still_ms < _FROZEN_MS:
            self._still_ms += dt_ms

    def _flows(self):
        """Some voltage or current is there: only nothing may well stand still."""
        for leg in range(self.legs):
            if self.mv[leg] >= self._live_mv or self.ma[leg] * 100 > self.scales.range_ma:
                return True
        return False

    @micropython.native
    def _convert(self, words):
        scales = self.scales
        volts(words, self.legs, self._sag_mv, self._loss_mv, self.mv)
        amps(words, self.legs, scales.unit, self.ma)
        if self.with_power:
            watts(words, self._high, self._low, scales.w_shift, scales.polarity, self.w)

    @micropython.native
    def _follow(self, mhz, sags, dt_ms):
        """The chip measures each single period: average what is mere jitter, follow the rest. One
        that holds a gap or a jump of phase is no frequency, and neither is what lasts for less
        than 200 ms: then it is unknown."""
        step = mhz - self._heard_mhz
        self._heard_mhz = mhz
        moved = sags != self._sags  # a phase that stays lost says nothing of the others
        self._sags = sags
        if moved or step > _JUMP_MHZ or step < -_JUMP_MHZ or not 40_000 <= mhz <= 70_000:
            self._steady_ms = 0
        elif self._steady_ms < _STEADY_MS:
            self._steady_ms += dt_ms
        if self._steady_ms < _STEADY_MS:
            self.mhz = 0
            return
        step = mhz - self.mhz
        self.mhz = mhz if step > 50 or step < -50 else self.mhz + (step + 2) // 4
