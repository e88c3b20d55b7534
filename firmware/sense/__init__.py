# islet: raw samples to RMS, power, frequency, pilot plateaus and the cable's resistor.
# GPL-3.0-or-later
#
# Runs in the sampling interrupt: no allocation, no float, every number within 30 bits.
# A channel that is stuck (all codes equal) or clipped does not make its reading fresh: the age
# grows, and core treats it as stale. Accuracy holds where 100 ms are whole cycles, 50 or 60 Hz;
# 1 % beside them adds up to 0.5 %.

from array import array

from firmware import image as im
from firmware.base.viper import const
from firmware.sense import kernel, scale
from firmware.sense.frequency import Frequency
from firmware.sense.power import Power

BLOCKS = const(10)  # of 10 ms in a window of 100 ms

_MIDDLE = const(2048)
_OFFSET_MOST = const(128 * 256)  # a front end may be off by so many codes/256
_OFFSET_SHARE = const(4)  # an offset moves by 1/16 of the difference per window
_RAIL = const(4095)
_BAD_MOST = const(2)  # bad blocks a window may have
_SWING = const(205)  # 1.5 V: less is no PWM but noise
_AWAY_MV = const(11_000)  # state A, and so many blocks of it end a connection (100 ms)
_AWAY_BLOCKS = const(10)
_RISES = const(2)  # of a PWM in a block; one rise is a change of state
_OPEN_OHM = const(1_000_000)
_PILOT, _PROXIMITY = const(1), const(2)

# a channel's row, as kernel.scan writes it
_ROW = const(10)
_SUM, _SQUARES, _LOWEST, _HIGHEST = const(0), const(1), const(2), const(3)
_BAD, _BEFORE = const(5), const(6)
_WINDOW_SUM, _WINDOW_SQUARES, _WINDOW_BAD = const(7), const(8), const(9)


class Sense:
    """Turns blocks of 10 ms into the live readings of an image.

    `analog` describes the channels (firmware/chips/circuit.py, class Analog)."""

    def __init__(self, image, analog):
        self._site = image.site
        self._live = image.live
        self._analog = analog
        self._frames = analog.frames
        self._stride = count = analog.count
        points = range(im.POINTS)
        self._pilots = array("i", [analog.find("pilot", 0, point) for point in points])
        self._proximities = array("i", [analog.find("proximity", 0, point) for point in points])
        self._main = self._legs("main_ct")
        self._grid = self._legs("grid_v")
        self._house = self._legs("house_v")
        self._steady = bytearray(count)  # 0: alternates around a middle
        for kind, channels in ((_PILOT, self._pilots), (_PROXIMITY, self._proximities)):
            for c in channels:
                if c >= 0:
                    self._steady[c] = kind
        self._block = 0
        self._middle256 = array("i", [_MIDDLE * 256] * count)
        self.middles = array("i", [_MIDDLE] * count)
        self._settled = array("i", [0] * count)
        self._rows = array("i", [0] * (count * _ROW))
        self._plateaus = array("i", [0] * 5)
        self._away = bytearray(im.POINTS)  # blocks of 10 ms in A
        self._counted = bytearray(im.POINTS)  # as an unplugging
        self._grid_frequency = Frequency(analog.rate_hz, analog.frames)
        self._house_frequency = Frequency(analog.rate_hz, analog.frames)
        self._power = [Power(analog, self._grid[leg], self._main[leg]) for leg in range(im.LEGS)]
        self._plan()
        self._gain = array("i", [0] * count)
        self._shift = array("i", [0] * count)
        self.calibrate()

    def _legs(self, name):
        return array("i", [self._analog.find(name, leg) for leg in range(im.LEGS)])

    def _plan(self):
        """What the board measures of the site, which is declared by now."""
        site = self._site
        self._fast_channels = array("i", [])
        self._fast_fields = array("i", [])
        self._point_legs = bytearray(im.POINTS)
        self._behind_channels = [self._behind_of(point) for point in range(im.POINTS)]
        groups = [
            (channels, self._point_legs[point], im.POINT_FAST_MA + point * im.LEGS)
            for point, channels in enumerate(self._behind_channels)
        ]
        groups += [
            (self._grid, site[im.LEG_COUNT], im.FAST_GRID_MV),
            (self._house, site[im.LEG_COUNT] if site[im.ISLAND_CAPABLE] else 0, im.FAST_HOUSE_MV),
        ]
        for channels, legs, field in groups:
            for leg in range(legs):
                if channels[leg] >= 0:
                    self._fast_channels.append(channels[leg])
                    self._fast_fields.append(field + leg)
        self._fast_count = len(self._fast_channels)
        self._measured = [
            self._power[leg]
            for leg in range(site[im.LEG_COUNT])
            if self._grid[leg] >= 0 and self._main[leg] >= 0
        ]

    def _behind_of(self, point):
        """Channels of a point's currents, in the order of its device's legs."""
        site = self._site
        device = site[im.POINT_DEVICE + point]
        if device < 0:
            return array("i", [])
        self._point_legs[point] = legs = site[im.DEVICE_LEGS + device]
        first = im.DEVICE_LEG + device * im.LEGS
        find = self._analog.find
        return array("i", [find("evse_ct", site[first + k], point) for k in range(legs)])

    def calibrate(self):
        """Take the scales and the calibration of `analog` into the integer factors."""
        analog = self._analog
        window = (BLOCKS * self._frames / 16) ** 0.5
        for c in range(self._stride):
            gain = (1 + analog.gain_ppm[c] / 1_000_000) * 4096 / analog.span
            if self._steady[c] == _PILOT:  # of code/16; gain below 2**14, as codes/16 have 16 bits
                value = (analog.high[c] - analog.low[c]) / (_RAIL * 16) * gain
                self._gain[c], self._shift[c] = scale.factor(value, 16384)
            elif self._steady[c] == 0:
                value = analog.high[c] / 2047 / window * gain
                self._gain[c], self._shift[c] = scale.factor(value)
        for power in self._power:
            power.calibrate()

    # --- every 10 ms -----------------------------------------------------------------------

    def on_block(self, samples, frames):
        """One block: `frames` frames of interleaved 16-bit codes. Allocates nothing."""
        if frames != self._frames:
            return
        kernel.scan(samples, frames, self._stride, self.middles, self._rows, self._analog.steps)
        self._fast()
        for point in range(im.POINTS):
            if self._pilots[point] >= 0:
                self._plateau(samples, point)
        self._accumulate(samples)
        self._block += 1
        if self._block == BLOCKS:
            self._block = 0
            self._window()

    def _fast(self):
        """RMS of the last 20 ms, for the guard, of the legs that the board shows it; clipped
        currents count, but are not fresh."""
        bad = kernel.fast(
            self._rows,
            self._fast_channels,
            self._fast_fields,
            self._fast_count,
            self._gain,
            self._shift,
            self._live,
        )
        if not bad:
            self._live[im.FAST_AGE_MS] = 0

    def _plateau(self, samples, point):
        """Both plateaus of a pilot; without PWM the mean is both."""
        live, c, rows = self._live, self._pilots[point], self._rows
        row = c * _ROW
        if rows[row + _BAD]:
            return
        lowest, highest = rows[row + _LOWEST], rows[row + _HIGHEST]
        found = self._plateaus
        swings = highest - lowest >= _SWING
        if swings:
            kernel.plateaus(samples, self._frames, self._stride, c, lowest, highest, found)
        if swings and found[4] >= _RISES:
            live[im.POINT_HIGH_MV + point] = self._pilot_mv(c, found[0], found[1])
            live[im.POINT_LOW_MV + point] = self._pilot_mv(c, found[2], found[3])
        else:
            mv = self._pilot_mv(c, rows[row + _SUM], self._frames)
            live[im.POINT_HIGH_MV + point] = live[im.POINT_LOW_MV + point] = mv
        live[im.POINT_PILOT_AGE_MS + point] = 0
        self._count_unplugs(live, point)

    def _count_unplugs(self, live, point):
        """A for 100 ms counts once, however long it then lasts; shorter is a glitch. A block that
        reads otherwise takes one back, and A begins anew when all are taken back."""
        blocks = self._away[point]
        if live[im.POINT_HIGH_MV + point] < _AWAY_MV:
            if blocks:
                self._away[point] = blocks - 1
                if blocks == 1:
                    self._counted[point] = 0
        elif blocks < _AWAY_BLOCKS:
            self._away[point] = blocks + 1
            if blocks + 1 == _AWAY_BLOCKS and not self._counted[point]:
                self._counted[point] = 1
                if live[im.POINT_PILOT_UNPLUGS + point] < im.AGE_MAX_MS:
                    live[im.POINT_PILOT_UNPLUGS + point] += 1

    def _pilot_mv(self, c, total, count):
        code16 = total * 16 // count + self._analog.zero_code16[c]
        return ((code16 * self._gain[c]) >> self._shift[c]) + self._analog.low[c]

    def _accumulate(self, samples):
        stride, middles = self._stride, self.middles
        for power in self._measured:
            power.on_block(samples, self._frames, stride, middles)
        side = self._grid_frequency
        if side.channel >= 0:
            side.on_block(samples, stride, middles[side.channel])
        side = self._house_frequency
        if side.channel >= 0:
            side.on_block(samples, stride, middles[side.channel])

    # --- every 100 ms ----------------------------------------------------------------------

    def _window(self):
        live, site = self._live, self._site
        legs = site[im.LEG_COUNT]
        for point in range(im.POINTS):
            self._carries(point)
            if self._proximities[point] >= 0:
                self._cable(point)
        if self._rms(self._grid, legs, im.GRID_MV, True):
            live[im.GRID_AGE_MS] = 0
            live[im.GRID_MHZ] = self._frequency(self._grid_frequency, self._grid, im.GRID_MV)
        if self._rms(self._house, legs, im.HOUSE_MV):
            live[im.HOUSE_AGE_MS] = 0
            live[im.HOUSE_MHZ] = self._frequency(self._house_frequency, self._house, im.HOUSE_MV)
        if self._house[0] >= 0:
            live[im.SWITCH_DEG] = self._phase()
        for node in range(site[im.NODE_COUNT]):
            if site[im.NODE_INSTRUMENT + node] == im.INSTRUMENT_CT:
                self._mains(node, legs)
            elif site[im.NODE_INSTRUMENT + node] == im.INSTRUMENT_POINT:
                self._behind(node, site[im.NODE_INSTRUMENT_ROW + node])
        self._track_offsets()
        for power in self._measured:
            power.total = power.total_late = 0
        kernel.clear(self._rows, self._stride)

    def _good(self, c):
        return c >= 0 and self._rows[c * _ROW + _WINDOW_BAD] <= _BAD_MOST

    def _rms(self, channels, legs, field, burning=False):
        """RMS of the window into live[field...]; False and unchanged when a leg is invalid.
        `burning`: a leg beyond the range counts with what is left of it."""
        for leg in range(legs):
            if not self._good(channels[leg]) and not (burning and self._clipped(channels[leg])):
                return False
        for leg in range(legs):
            self._live[field + leg] = self._channel_rms(channels[leg])
        return True

    def _clipped(self, c):
        """A sine that reaches over both ends of the range; at one end it is 1.4 times as much."""
        if c < 0:
            return False
        share = self._channel_rms(c) * 10 // (self._analog.high[c] // 100)  # permille of the peak
        return 690 < share < 970

    def _channel_rms(self, c):
        squares = self._rows[c * _ROW + _WINDOW_SQUARES]
        return kernel.rms(squares, self._gain[c], self._shift[c])

    def _phase(self):
        """Degrees between both sides of the islanding switch on L1, 0...180; -1 unknown."""
        grid, house = self._grid_frequency, self._house_frequency
        since, beside = grid.since(), house.since()
        if since < 0 or beside < 0:
            return -1
        if grid.channel != self._grid[0] or house.channel != self._house[0]:
            return -1
        cycle = self._analog.rate_hz * 256 // (self._site[im.NOMINAL_MHZ] // 1000)
        degrees = abs(since - beside) % cycle * 360 // cycle
        return degrees if degrees <= 180 else 360 - degrees

    def _frequency(self, side, channels, field):
        """Of the first leg with at least 30 % of the nominal voltage, 0 when there is none."""
        nominal_mv = self._site[im.NOMINAL_MV]
        for leg in range(self._site[im.LEG_COUNT]):
            if self._live[field + leg] * 10 >= nominal_mv * 3:
                c = channels[leg]
                # armed below 5 % of the nominal peak
                side.follow(c, nominal_mv * 71 // 1000 * 2047 // self._analog.high[c])
                side.update()
                return side.mhz
        side.follow(-1, 0)
        return 0

    def _cable(self, point):
        """Proximity resistor to earth; open counts as a million ohm."""
        c, live = self._proximities[point], self._live
        total = self._rows[c * _ROW + _WINDOW_SUM]
        code16 = total * 16 // (BLOCKS * self._frames) + self._analog.zero_code16[c]
        if code16 >= (_RAIL - 1) * 16:
            live[im.POINT_PROXIMITY_OHM + point] = (
                _OPEN_OHM  # at the rail, where a converter may well stand still
            )
        elif not self._good(c) and code16 > 16:
            return
        else:
            ohm = code16 * self._analog.high[c] // (_RAIL * 16 - code16) if code16 > 0 else 0
            live[im.POINT_PROXIMITY_OHM + point] = ohm if ohm < _OPEN_OHM else _OPEN_OHM
        live[im.POINT_PROXIMITY_AGE_MS + point] = 0

    def _mains(self, node, legs):
        """Current of the mains CTs with the direction of its power: + into the house."""
        live = self._live
        for leg in range(legs):
            if not self._good(self._main[leg]) or not self._good(self._grid[leg]):
                return
            c = self._main[leg]
            current_ma = self._channel_rms(c)
            dead = live[im.GRID_MV + leg] * 10 < self._site[im.NOMINAL_MV]
            if dead and current_ma * 50 > self._analog.high[c]:
                return  # a current without a voltage has no direction
            power_w = 0 if dead else self._power[leg].watts()
            live[im.NODE_W + node * im.LEGS + leg] = power_w
            live[im.NODE_MA + node * im.LEGS + leg] = current_ma if power_w >= 0 else -current_ma
        live[im.NODE_AGE_MS + node] = 0

    def _carries(self, point):
        """What flows behind a contactor: a point draws it, a gateway says itself what it does."""
        live, legs = self._live, self._point_legs[point]
        first = im.POINT_MA + point * im.LEGS
        if not legs or not self._rms(self._behind_channels[point], legs, first):
            return
        live[im.POINT_MA_AGE_MS + point] = 0
        device = self._site[im.POINT_DEVICE + point]
        if self._site[im.DEVICE_KIND + device] != im.KIND_POINT:
            return
        for k in range(legs):
            live[im.DEVICE_MA + device * im.LEGS + k] = live[first + k]
        live[im.DEVICE_AGE_MS + device] = 0

    def _behind(self, node, point):
        """A node measured by a point's own CTs; it only draws, at cos phi 1."""
        live, site = self._live, self._site
        if point < 0 or live[im.POINT_MA_AGE_MS + point]:
            return
        device = site[im.POINT_DEVICE + point]
        for k in range(self._point_legs[point]):
            leg = site[im.DEVICE_LEG + device * im.LEGS + k]
            current_ma = live[im.POINT_MA + point * im.LEGS + k]
            live[im.NODE_MA + node * im.LEGS + leg] = current_ma
            live[im.NODE_W + node * im.LEGS + leg] = (
                current_ma * (live[im.HOUSE_MV + leg] // 1000) // 1000
            )
        live[im.NODE_AGE_MS + node] = 0

    def _track_offsets(self):
        """The middle of each alternating channel follows its slow mean."""
        count = BLOCKS * self._frames
        for c in range(self._stride):
            if self._steady[c] or self._rows[c * _ROW + _WINDOW_BAD]:
                continue
            mean256 = self._rows[c * _ROW + _WINDOW_SUM] * 256 // count
            step = mean256 - self._middle256[c]
            if self._settled[c]:
                step >>= _OFFSET_SHARE
            self._settled[c] = 1
            middle = self._middle256[c] + step - _MIDDLE * 256
            middle = max(-_OFFSET_MOST, min(_OFFSET_MOST, middle)) + _MIDDLE * 256
            self._middle256[c] = middle
            self.middles[c] = (middle + 128) >> 8
