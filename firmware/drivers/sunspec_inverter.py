# islet: the bidirectional inverter: SunSpec models 1, 701, 702, 704, 713 and 715.
# GPL-3.0-or-later
#
# Sign: SunSpec's W is + for generation (701.W; 704.WSet presumably follows it, but its model file
# does not say so: check per device). It is turned here and in setpoint.py: + is drawn elsewhere.
#
# A setpoint lives on a lease: 704's reversion timer takes the device to 0 W when islet falls
# silent, and the setpoint is rewritten three times as often. 715's heartbeats tell each side that
# the other still thinks; a heartbeat that stands makes its device silent, however well it answers.
#
# Forming an island: no SunSpec point asks for it, 701.DERMode only says it. We clear
# 704.AntiIslEna and start by 715.OpCtl, on a device whose 702.IntIslandCatRtg says it can. That is
# our reading of the models (pysunspec2 1.3.7), device-specific, and unchecked on any real device.
#
# Once found is not found for ever: after time-outs, after a heartbeat that stood, and where 704 no
# longer begins with its ID or another factor, models and factors are read again before any write.

from binascii import crc32

from firmware import image as im
from firmware.base.clock import ticks_diff, ticks_ms
from firmware.bus.line import HEARTBEAT, OK, POLL, SETPOINT, Device, Job
from firmware.bus.pdu import READ_HOLDING
from firmware.bus.peer import EXCEPTION
from firmware.bus.registers import INVALID, scaled
from firmware.drivers.sunspec_control import CHECKED, WRITE_MS, Control, measured
from firmware.drivers.sunspec_models import (
    FOUND,
    NOT_INT16,
    NOT_UINT16,
    REFUSED,
    SET_FACTOR,
    WALKING,
    Scales,
    Walk,
    later,
)

# job: period in ms, model, first point's offset, registers
_IDENTITY = (600_000, 1, 42, 24)  # Vr, SN; short, so that no reading grows old for it
_STATUS = (300, 701, 2, 17)  # ACType … Hz
_LEGS = (400, 701, 41, 0)  # WL1 … AL1, VL1 of each leg, 23 registers apart
_STORE = (1000, 713, 2, 5)  # WHRtg, WHAvail, SoC, SoH, Sta
_BEAT = (1000, 715, 2, 3)  # LocRemCtl, DERHb
_RATINGS = (10_000, 702, 2, 34)  # WMaxRtg … WDisChaRteMax
_CHECK = (2000, 704, 0, CHECKED)  # ID, L … WSet_SF
_LEG_STRIDE = 23

_TIMEOUT_MS = 300
_AGAIN_MS = 5000  # after a refused register map
_DOUBTED = 2  # time-outs in a row: 704 is read again before anything is written
_LOST = 3  # it may have restarted, or be another: discovered anew
_STILL_MS = 3000  # 715.DERHb changes each second

# 701.Alrm. Those about the grid are its own business, and normal in an outage.
_ALARMS_LOW = 0xF0E3  # ground fault, DC over-voltage, cabinet, shutdown, temperature, fuse, tests
_ALARMS_HIGH = 0x0001  # manufacturer's
_DC_DISCONNECT = 8
_INV_STARTING, _INV_RUNNING, _INV_THROTTLED, _INV_FAULT, _INV_LAST = 2, 3, 4, 6, 7
_FORMING = 2  # bit of 701.DERMode
_STORE_ERROR = 2
_INT_ISL_CAPABLE = 2  # bit of 702.IntIslandCatRtg

_WORD = (1 << 29) - 1
_W_MAX = 1_000_000
_MA_MAX = 2_000_000


class Inverter(Device):
    """Writes live DEVICE_* of the row `device`, and NODE_* of the node whose instrument it is.

    base: register of the SunS marker, tried before the standard ones. Sends the row's SETPOINT
    and SETPOINT_MODE; write_ms: one that only grows is written no oftener.
    """

    def __init__(
        self, image, line, device, address, base=40_000, name="inverter", write_ms=WRITE_MS
    ):
        Device.__init__(self, name, address, _TIMEOUT_MS)
        self.image = image
        self.device = device
        self.rtu = line.rtu
        self.legs = image.site[im.DEVICE_LEGS + self.device]
        self.node = measured(image.site, device)
        self.walk = Walk(self.rtu, self.peer, base)
        self.scales = None
        self.ready = False
        self.controller_beats = 0
        self._der_beat = -1  # low word last read
        self._der_beat_ms = 0  # ticks when it changed
        self._alive = False  # it has been seen to change
        self._hung = False  # it has been seen to stand
        self._doubted = False
        self._local = False  # 715.LocRemCtl
        self._store_fault = False
        self._stored = False  # a storage is connected
        self._ma = [0] * im.LEGS  # of its own legs; a leg's reading is written as a whole
        self._w = [0] * im.LEGS
        self.control = Control(image, device, self, write_ms)
        self._discovery = Job(self, POLL, 20, self._discover)
        self._setpoint = Job(self, SETPOINT, 1, self.control.write)
        self.jobs.append(self._discovery)
        self.jobs.append(self._setpoint)
        self._heartbeat = Job(self, HEARTBEAT, 1000, self._send_beat)
        self.jobs.append(self._heartbeat)
        for row, run in (
            (_IDENTITY, self._read_identity),  # first: who it is says whether it is proved
            (_RATINGS, self._read_ratings),
            (_BEAT, self._read_beat),
            (_STORE, self._read_store),
            (_STATUS, self._read_status),
            (_LEGS, self._read_legs),
            (_CHECK, self._read_check),
        ):
            self.jobs.append(Job(self, POLL, row[0], run))
        self._settings = self.jobs[-1]  # _CHECK's
        self._identity = self.jobs[3]
        self._enter(False)
        line.add(self)

    @property
    def models(self):
        """Register of each model's id."""
        return self.walk.models

    def _enter(self, ready):
        """Discovering, or at work."""
        self.ready = ready
        for job in self.jobs:
            job.on = ready
            job.after(0)
        self._discovery.on = not ready
        if not ready:
            self.scales = None
            self._alive = self._hung = self._doubted = False
            self._der_beat = -1
            self.walk.restart()
        self.control.forget()

    def watch(self, now):
        stops = self.control.stops(now)
        if self.ready and self.peer.silences >= _LOST:
            self._enter(False)
        if not self.ready:
            return
        if self.peer.silences >= _DOUBTED and not self._doubted:
            self._doubted = True
            self._settings.after(0)
        self._settings.rank = SETPOINT if self._doubted and stops else POLL
        speaks = not self._doubted and not self.control.muted()
        self._heartbeat.on = speaks
        self._setpoint.on = speaks and not self._hung and self.control.due(now)
        self._setpoint.rank = self.control.rank(now)

    def state(self):
        if self.peer.silences:
            return "silent"
        if not self.ready:
            return "refused" if "discovery" in self.errors else "discovering"
        return "ok" if self._alive else "hung"

    # --- discovery ------------------------------------------------------------------------

    async def _discover(self):
        """One read of the discovery: first the models, then their scale factors."""
        part = self.scales or self.walk
        found = await part.step()
        if found == WALKING and self.walk.overdue(part):
            found = REFUSED
        if found == REFUSED:
            self.right("discovery")
            self.wrong("discovery", "{}", part.error)
            self.walk.restart()
            self.scales = None
            self._discovery.after(_AGAIN_MS)
        elif found == FOUND and not self.scales:
            self.scales = Scales(self.rtu, self.peer, self.models)
        elif found == FOUND:
            self.right("discovery")
            self._enter(True)

    async def _read(self, row, count=0):
        """Make the read of a job's row; True if answered."""
        _, model, offset, usual = row
        code = await self.rtu.read(
            self.peer, READ_HOLDING, self.models[model] + offset, count or usual
        )
        return code == OK

    def _signed(self, i, factor, field, limit):
        """Register i in the project's unit, or INVALID with a named error."""
        raw = self.rtu.signed16(i)
        value = INVALID if raw == NOT_INT16 else scaled(raw, factor[0], factor[1])
        return self._plausible(value, field, -limit, limit)

    def _plausible(self, value, field, low, high):
        if value == INVALID:
            self.wrong(field, "not implemented or not a number")
        elif low <= value <= high:
            self.right(field)
            return value
        else:
            self.wrong(field, "{}, allowed {}…{}", value, low, high)
        return INVALID

    # --- heartbeats -----------------------------------------------------------------------

    async def _send_beat(self):
        beat = self.controller_beats + 1 & 0x3FFFFFFF
        code = await self.rtu.write(self.peer, self.models[715] + 5, (beat >> 16, beat & 0xFFFF))
        if code == OK:
            self.controller_beats = beat

    async def _read_beat(self):
        if not await self._read(_BEAT):
            return
        high, low = self.rtu.unsigned16(1), self.rtu.unsigned16(2)
        now = ticks_ms()
        if high == low == NOT_UINT16:
            self._alive = self.wrong("715.DERHb", "not implemented: it might hang unnoticed")
        elif low != self._der_beat and self._hung:
            self.right("715.DERHb")
            self._enter(False)
            return
        elif low != self._der_beat:
            self._alive = self._der_beat >= 0 and self.right("715.DERHb")
            self._der_beat = low
            self._der_beat_ms = now
        elif ticks_diff(now, self._der_beat_ms) > _STILL_MS:
            self._alive = self.wrong("715.DERHb", "stands, the device hangs")
            self._hung = True
        self._local = self.rtu.unsigned16(0) == 1
        if self._local:
            self.wrong("715.LocRemCtl", "local: it does not obey")
        else:
            self.right("715.LocRemCtl")

    # --- readings -------------------------------------------------------------------------

    def _age_ms(self):
        """Of what the last answer says: its registers may have been filled before the request."""
        return ticks_diff(ticks_ms(), self.rtu.sent_ms)

    async def _read_status(self):
        if not await self._read(_STATUS):
            return
        rtu = self.rtu
        w = self._signed(8, self.scales.factor(701, "W", 0), "701.W", _W_MAX)
        state = self._plausible(rtu.unsigned16(2), "701.InvSt", 0, _INV_LAST)
        if INVALID in (w, state) or not self._alive:
            return
        alarms_high, alarms = rtu.unsigned16(4), rtu.unsigned16(5)
        if alarms_high & 0x8000:  # bit field not implemented
            alarms_high = alarms = 0
        der_mode = 0 if rtu.unsigned16(6) & 0x8000 else rtu.unsigned16(7)
        faulty = state == _INV_FAULT or alarms & _ALARMS_LOW or alarms_high & _ALARMS_HIGH
        faulty = faulty or self._local or self._store_fault
        live = self.image.live
        live[im.DEVICE_W + self.device] = -w
        live[im.DEVICE_MODE + self.device] = self._mode(state, der_mode)
        live[im.DEVICE_FAULT + self.device] = 1 if faulty else 0
        live[im.DEVICE_PLUGGED + self.device] = (
            1 if self._stored and not alarms & _DC_DISCONNECT else 0
        )
        live[im.DEVICE_AGE_MS + self.device] = self._age_ms()
        if faulty:
            self.wrong("701", "state {}, alarms {:#x}", state, alarms_high << 16 | alarms)
        else:
            self.right("701")

    def _mode(self, state, der_mode):
        if state not in (_INV_STARTING, _INV_RUNNING, _INV_THROTTLED):
            return im.MODE_STOP
        return im.MODE_FORM if der_mode & _FORMING else im.MODE_FOLLOW

    async def _read_legs(self):
        """Current per leg takes the sign of the leg's power."""
        if not await self._read(_LEGS, _LEG_STRIDE * (self.legs - 1) + 5):
            return
        amps = self.scales.factor(701, "A", 3)
        watts = self.scales.factor(701, "W", 0)
        for k in range(self.legs):
            at = _LEG_STRIDE * k
            w = self._signed(at, watts, "701.WL{}".format(k + 1), _W_MAX)
            ma = self._signed(at + 4, amps, "701.AL{}".format(k + 1), _MA_MAX)
            if INVALID in (w, ma):
                return
            self._w[k] = -w
            self._ma[k] = -abs(ma) if w > 0 else abs(ma)
        if self._alive:
            self._write_legs(self.image.live)

    def _write_legs(self, live):
        site = self.image.site
        node_at = self.node * im.LEGS
        for k in range(self.legs):
            live[im.DEVICE_MA + self.device * im.LEGS + k] = self._ma[k]
            if self.node >= 0:
                leg = site[im.DEVICE_LEG + self.device * im.LEGS + k]
                live[im.NODE_MA + node_at + leg] = self._ma[k]
                live[im.NODE_W + node_at + leg] = self._w[k]
        if self.node >= 0:
            live[im.NODE_AGE_MS + self.node] = self._age_ms()

    async def _read_store(self):
        if not await self._read(_STORE):
            return
        rtu = self.rtu
        self._store_fault = rtu.unsigned16(4) == _STORE_ERROR
        self._stored = rtu.unsigned16(0) not in (0, NOT_UINT16)
        raw = rtu.unsigned16(2)
        num, den = self.scales.factor(713, "Pct", 1)
        soc = INVALID if raw == NOT_UINT16 else scaled(raw, num, den)
        soc = self._plausible(soc, "713.SoC", 0, 1000)
        if soc != INVALID and self._alive:
            self.image.live[im.DEVICE_SOC_PERMILLE + self.device] = soc
            self.image.live[im.DEVICE_SOC_AGE_MS + self.device] = self._age_ms()

    async def _read_identity(self):
        """As one number. A device that refuses to say who it is cannot be told from another; one
        that is busy or was not heard is asked again soon, for without a name it stays unproved."""
        known = await self._read(_IDENTITY)
        code = self.peer.code
        if not known and (code != EXCEPTION or later(self.peer, code)):
            self._identity.after(_AGAIN_MS)
            return
        at = self.rtu.data()
        who = crc32(memoryview(self.rtu.frame)[at : at + 2 * _IDENTITY[3]]) if known else 0
        self.image.live[im.DEVICE_IDENTITY + self.device] = who & _WORD

    async def _read_ratings(self):
        if not await self._read(_RATINGS):
            return
        rtu = self.rtu
        islands = rtu.unsigned16(23)
        capable = islands != NOT_UINT16 and islands & _INT_ISL_CAPABLE
        self.control.may_form = 1 if capable else 0
        charge = self._least((8, 32)) if self._least((8, 32)) != INVALID else self._least((0, 24))
        discharge = self._least((0, 24, 9, 33))
        charge = self._plausible(charge, "702.WChaRteMaxRtg", 0, _W_MAX)
        discharge = self._plausible(discharge, "702.WDisChaRteMaxRtg", 0, _W_MAX)
        if INVALID not in (charge, discharge):
            self.image.live[im.DEVICE_CHARGE_MAX_W + self.device] = charge
            self.image.live[im.DEVICE_DISCHARGE_MAX_W + self.device] = discharge

    def _least(self, registers):
        """Least of the implemented among these ratings and settings, in W, or INVALID."""
        num, den = self.scales.factor(702, "W", 0)
        least = INVALID
        for i in registers:
            raw = self.rtu.unsigned16(i)
            w = INVALID if raw == NOT_UINT16 else scaled(raw, num, den)
            if w != INVALID and (least == INVALID or w < least):
                least = w
        return least

    async def _read_check(self):
        if not await self._read(_CHECK):
            return
        rtu = self.rtu
        same = rtu.signed16(SET_FACTOR) == self.scales.exponent(704, "WSet")
        if rtu.unsigned16(0) != 704 or not same:
            self._enter(False)
            return
        self._doubted = False
        guard = rtu.unsigned16(52)
        self.image.live[im.DEVICE_ANTI_ISLANDING + self.device] = (
            2 if guard == NOT_UINT16 else 1 if guard == 1 else 0
        )
        self.control.check()

    def look_again(self, ms):
        """Read back what 704 holds in so many ms."""
        self._settings.after(ms)
