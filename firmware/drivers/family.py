# islet: a converter whose family is data: read and commanded as its profile says.
# GPL-3.0-or-later
#
# Such a device says neither who it is nor whether its anti-islanding is on, and has no heartbeat:
# what it does is seen by what it draws (core/limits), and its certificate is entered by hand.

import struct
from array import array

from firmware import image as im
from firmware.base.clock import ticks_diff, ticks_ms
from firmware.bus.line import OK, POLL, SETPOINT, Device, Job
from firmware.bus.registers import INVALID
from firmware.drivers.family_control import FamilyControl
from firmware.drivers.meter import blocks_of, field_of
from firmware.drivers.plans import BATTERY, Plans
from firmware.drivers.profile import (
    CURRENT,
    HEAD,
    HIGH,
    LOW,
    MEANINGS,
    POWER,
    QUANTITIES,
    QUANTITY,
    REGISTER,
    SIGN,
    TABLE,
    WHOLE,
    Profile,
)
from firmware.drivers.sunspec_control import WRITE_MS, measured

_NAMES = [name for name, _ in QUANTITIES]
SOC, STATE, FAULT = _NAMES.index("soc"), _NAMES.index("state"), _NAMES.index("fault")
CHARGE_MAX, DISCHARGE_MAX = _NAMES.index("charge_max"), _NAMES.index("discharge_max")
RATING = _NAMES.index("rating")
BATTERY_POWER, DIRECTION = _NAMES.index("battery_power"), _NAMES.index("direction")
_CHARGES = MEANINGS.index("charge")
_RUNS = [MEANINGS.index(name) for name in ("starting", "run", "charging", "feeding")]
_ISLAND, _FAULT, _NO_CAR = [MEANINGS.index(name) for name in ("island", "fault", "no_car")]
_LOCKED = [MEANINGS.index(name) for name in ("run", "waiting", "charging", "feeding")]
_NAMED = (STATE, FAULT, DIRECTION)  # have meanings
_GATEWAY = 2  # role

_POLL_MS = 300
_LOOK_MS = 2000
_LOST = 3  # time-outs in a row: it may have restarted
_DOUBTED = 2
_CANNOT_BE_ASKED = 2  # DEVICE_ANTI_ISLANDING
_LOSS_W = 200  # its conversion loses so much, and an eighth of what it converts
_ODD_MS = 10_000  # it ramps, and its two powers are not of one moment: no chance after so long
_HELD_MS = 300_000  # then it is not believed for so long


class Family(Device):
    """Writes live DEVICE_* of the row `device`, and NODE_* of the node whose instrument it is.
    profile: packed bytes. Sends the row's SETPOINT and SETPOINT_MODE."""

    def __init__(self, image, line, profile, device, address, name="family", write_ms=WRITE_MS):
        self.profile = Profile(profile)
        Device.__init__(self, name, address, self.profile.timeout_ms)
        self.peer.pause_ms = self.profile.pause_ms
        self.image = image
        self.rtu = line.rtu
        self.device = device
        self.node = measured(image.site, device)
        self.legs = image.site[im.DEVICE_LEGS + device]
        head = struct.unpack_from(HEAD, profile, 0)
        self.rating_w = 0  # not read yet
        self._describe(self.profile, blocks_of(self.profile.rows, head[7]))
        self._polls = 0
        self._begun_ms = 0
        self._forgotten = False
        self._odd_ms = self._held_ms = 0  # its powers contradict each other; is not believed
        self._sunned_ms = ticks_ms()
        plans = Plans(profile, head[9])
        self._battery = plans.controls == BATTERY
        self.control = FamilyControl(image, device, self, plans, write_ms)
        self._setpoint = Job(self, SETPOINT, 1, self.control.write)
        self._poll = Job(self, POLL, _POLL_MS, self._read)
        self._look = Job(self, POLL, _LOOK_MS, self.control.look)
        for job in (self._setpoint, self._poll, self._look):
            self.jobs.append(job)
        line.add(self)

    def _describe(self, profile, blocks):
        """What is read, by which requests."""
        self.profile = profile
        self.values = array("i", [INVALID] * len(profile.rows))
        self.meanings = array("i", [-1] * len(profile.rows))
        self._blocks = blocks
        self._next = 0

    def leave(self, so):
        if self.control.leaves and not so:
            self.control.forget()  # it is in its own mode, or on its way there
        self.control.leaves = so

    def left(self):
        return self.control.left()

    def watch(self, now):
        if self.peer.silences < _LOST:
            self._forgotten = False
        elif not self._forgotten:
            self._forgotten = True
            self.control.forget()
        speaks = not self.control.muted()
        heard = self.peer.silences < _DOUBTED
        self._look.on = speaks and heard
        if speaks and not self.control.stops(now):  # a zero is said to who is silent too
            speaks = heard
        self._setpoint.on = speaks and self._polls > 0 and self.control.due(now)
        self._setpoint.rank = self.control.rank(now)

    # --- readings -------------------------------------------------------------------------

    async def _read(self):
        """Read the next block; after the last one of this poll, write the reading."""
        block = self._blocks[self._next]
        rtu = self.rtu
        code = await rtu.read(self.peer, block.function, block.first, block.count)
        if self._next == 0:
            self._begun_ms = rtu.sent_ms
        if code != OK or not self._decode(block):
            self._next = 0
            return
        for k in range(self._next + 1, len(self._blocks)):
            if self._polls % self._blocks[k].every == 0:
                self._next = k
                self._poll.after(0)
                return
        self._next = 0
        self._polls = (self._polls + 1) & 0xFFFFFF
        self._write(self.image.live)

    def _decode(self, block):
        """Take the block's values; False if one of them cannot be."""
        profile, rtu = self.profile, self.rtu
        good = True
        for i in block.rows:
            row = profile.rows[i]
            at = rtu.data() + 2 * (row[REGISTER] - block.first)
            if row[QUANTITY] in _NAMED:
                self.meanings[i] = profile.meaning(row, rtu.frame, at)
                if row[QUANTITY] != FAULT and self.meanings[i] < 0:
                    good = self.wrong(field_of(row), "one that its family does not name")
                elif self.errors:
                    self.right(field_of(row))
                continue
            value = profile.value(row, rtu.frame, at)
            self.values[i] = INVALID
            if value == INVALID:
                if row[TABLE]:  # it says itself that there is nothing
                    continue
                good = self.wrong(field_of(row), "not a number")
            elif not row[LOW] <= value <= row[HIGH]:
                text = "{}, allowed {}…{}"
                good = self.wrong(field_of(row), text, value, row[LOW], row[HIGH])
            else:
                self.values[i] = value
                if self.errors:
                    self.right(field_of(row))
        return good

    def _value(self, quantity, leg=WHOLE):
        """Of the last poll, INVALID if there is none."""
        i = self.profile.find(quantity, leg)
        return self.values[i] if i >= 0 else INVALID

    def _power(self):
        """W at its terminals: the whole, or the sum of its legs."""
        w = self._value(POWER)
        if w != INVALID:
            return w
        w = 0
        for leg in range(self.legs):
            one = self._value(POWER, leg)
            if one == INVALID:
                return INVALID
            w += one
        return w

    def _battery_w(self):
        """W of its storage; some have a register for each direction, or say it in another one."""
        w = 0
        charges = None  # nobody says
        for i in range(len(self.profile.rows)):
            row = self.profile.rows[i]
            if row[QUANTITY] == DIRECTION:
                charges = self.meanings[i] == _CHARGES
        for i in range(len(self.profile.rows)):
            row, one = self.profile.rows[i], self.values[i]
            if row[QUANTITY] == BATTERY_POWER:
                if one == INVALID or (row[SIGN] == 0 and charges is None):
                    return INVALID
                if row[SIGN] == 0:
                    one = abs(one) if charges else -abs(one)
                w += one
        return w

    def _sun_w(self, battery_w, w):
        """W of its own sun: what its battery takes and its terminals do not draw. INVALID where
        the two have contradicted each other for long: one of them has another sign or meaning."""
        now = ticks_ms()
        passed_ms, self._sunned_ms = min(ticks_diff(now, self._sunned_ms), _LOOK_MS), now
        most_w, sun_w = self.image.site[im.DEVICE_STRINGS_W + self.device], battery_w - w
        loss_w = _LOSS_W + (max(abs(battery_w), abs(w)) >> 3)
        odd = not -loss_w <= sun_w <= most_w + loss_w
        self._odd_ms = self._odd_ms + passed_ms if odd else 0
        if self._odd_ms >= _ODD_MS:
            self._odd_ms, self._held_ms = 0, _HELD_MS
            text = "its battery at {} W and its terminals at {} W leave {} W, its sun_w is {}"
            self.wrong("sun", text, battery_w, w, sun_w, most_w)
        if self._held_ms > 0:
            self._held_ms -= passed_ms
            return INVALID
        if self.errors:
            self.right("sun")
        return min(max(sun_w, 0), most_w)

    def _write(self, live):
        w = terminals_w = self._power()
        if self._battery and w != INVALID:
            w = self._battery_w()
        if w == INVALID:
            self.wrong("power", "is not there")
            return
        sun_w = self._sun_w(w, terminals_w) if self._battery else 0
        if sun_w == INVALID:
            return
        device, site = self.device, self.image.site
        state = self._state()
        faulty = state == _FAULT
        for i in range(len(self.meanings)):
            faulty = faulty or (self.profile.rows[i][QUANTITY] == FAULT and self.meanings[i] >= 0)
        mode = im.MODE_FOLLOW if state in _RUNS else im.MODE_STOP
        plugged = state in _LOCKED if self.profile.role == _GATEWAY else state != _NO_CAR
        live[im.DEVICE_W + device] = w
        live[im.DEVICE_SUN_W + device] = sun_w
        live[im.DEVICE_MODE + device] = im.MODE_FORM if state == _ISLAND else mode
        other = 2 if self.control.contest.stands else 0
        live[im.DEVICE_FAULT + device] = 1 if faulty else other
        live[im.DEVICE_PLUGGED + device] = 1 if plugged else 0
        live[im.DEVICE_ANTI_ISLANDING + device] = _CANNOT_BE_ASKED
        live[im.DEVICE_IDENTITY + device] = 0
        age_ms = ticks_diff(ticks_ms(), self._begun_ms) + self.profile.sample_ms
        rating = self._value(RATING)
        if rating != INVALID:
            self.rating_w = rating
        for quantity, field, most in (
            (CHARGE_MAX, im.DEVICE_CHARGE_MAX_W, im.DEVICE_CHARGE_W),
            (DISCHARGE_MAX, im.DEVICE_DISCHARGE_MAX_W, im.DEVICE_DISCHARGE_W),
        ):
            now_w = self._value(quantity)
            live[field + device] = site[most + device] if now_w == INVALID else now_w
        soc = self._value(SOC)
        if soc != INVALID:
            live[im.DEVICE_SOC_PERMILLE + device] = soc
            live[im.DEVICE_SOC_AGE_MS + device] = age_ms
        self._write_legs(live, terminals_w, sun_w, age_ms)
        live[im.DEVICE_AGE_MS + device] = age_ms
        if faulty:
            self.wrong("device", "reports a fault")
        elif self.errors:
            self.right("device")

    def _state(self):
        i = self.profile.find(STATE, WHOLE)
        return self.meanings[i] if i >= 0 else -1

    def _write_legs(self, live, w, sun_w, age_ms):
        """Currents with the sign of their power. Who does not measure them is taken to share its
        power evenly at nominal voltage, and is no node's instrument. What a node measures is its
        terminals' current; the device's own is that without its sun, which is the house's."""
        site = self.image.site
        for k in range(self.legs):
            ma, leg_w = self._value(CURRENT, k), self._value(POWER, k)
            known = ma != INVALID
            if leg_w == INVALID:
                leg_w = w // self.legs if w >= 0 else -(-w // self.legs)
            if not known:
                ma = abs(leg_w) * 1_000_000 // site[im.NOMINAL_MV]
            ma = -abs(ma) if leg_w < 0 else abs(ma)
            own_ma = ma
            if self._battery:
                own_ma += sun_w // self.legs * 1000 // (site[im.NOMINAL_MV] // 1000)
            live[im.DEVICE_MA + self.device * im.LEGS + k] = own_ma
            if self.node >= 0 and known:
                leg = site[im.DEVICE_LEG + self.device * im.LEGS + k]
                live[im.NODE_MA + self.node * im.LEGS + leg] = ma
                live[im.NODE_W + self.node * im.LEGS + leg] = leg_w
                live[im.NODE_AGE_MS + self.node] = age_ms
