# islet: what is asked of the inverter, and in which order it is written.
# GPL-3.0-or-later

from firmware import image as im
from firmware.base.clock import ticks_add, ticks_diff, ticks_ms
from firmware.base.viper import const
from firmware.bus.line import POLL, SETPOINT, SPARE, ZERO
from firmware.bus.pdu import ACKNOWLEDGE, BUSY, EXCEPTION_NAMES
from firmware.bus.peer import EXCEPTION, OK
from firmware.bus.registers import INVALID, signed32

REVERT_W, LEASE, VALUE, WATTS, START, STOP, GUARD_ON, GUARD_OFF = range(8)
# model, offset, points: one request each
WRITES = (
    (704, 26, "WSetRvrt = 0"),
    (704, 30, "WSetEnaRvrt = 1, WSetRvrtTms"),
    (704, 23, "WSetMod = WATTS, WSet"),
    (704, 22, "WSetEna = 1, WSetMod = WATTS, WSet"),
    (715, 8, "OpCtl = START"),
    (715, 8, "OpCtl = STOP"),
    (704, 52, "AntiIslEna = 1"),
    (704, 52, "AntiIslEna = 0"),
)
# What a mode asks for, write by write. The value stands before it is enabled; anti-islanding is
# off only between a stop and the next mode; a stop is never held up by a write that is refused.
PLANS = (
    (WATTS, STOP, GUARD_ON),  # INVERTER_STOP
    (GUARD_ON, REVERT_W, LEASE, VALUE, WATTS, START),  # INVERTER_FOLLOW
    (REVERT_W, LEASE, VALUE, WATTS, STOP, GUARD_OFF, START),  # INVERTER_FORM
)
WRITE_MS = 500  # least interval of setpoints that only grow
CHECKED = 56  # registers of 704, from its ID to WSet_SF

_BEAT_MS = 300  # core's beat older than this: nobody stands behind the setpoint
_FRESH_MS = 2000
_RETRY_MS = 500  # after a second failure
_GROW_MS = 500  # a setpoint that only grows has waited so long: it takes its turn
_LOOK_MS = 2000  # after a write that was acknowledged and is still being carried out
_RENEW_MIN_MS = 300
_RENEW_MAX_MS = 10_000
_INT32 = 0x7FFFFFFF
_SPEAKS, _LAST, _MUTED = const(0), const(1), const(2)


class Control:
    """Follows image.commands; `inverter` offers rtu, peer, models, scales, wrong() and right()."""

    FORMING = "702.IntIslandCatRtg"  # what says whether it can

    def __init__(self, image, device, inverter, write_ms=WRITE_MS):
        self.image = image
        self.device = device  # its row
        self.inverter = inverter
        revert_ms = image.site[im.DEVICE_REVERT_MS + device]
        self.lease_s = (revert_ms + 999) // 1000
        self.renew_ms = _RENEW_MAX_MS
        if revert_ms:
            self.renew_ms = min(max(revert_ms // 3, _RENEW_MIN_MS), _RENEW_MAX_MS)
        self.write_ms = write_ms
        self.may_form = im.UNKNOWN  # 702.IntIslandCatRtg: 0 or 1
        self._beat = im.UNKNOWN
        self._beat_ms = 0
        self._high = self._low = 0  # words of the WSet last written
        self._obedience = 0  # OBEDIENCE last seen
        self._words = _SPEAKS
        self._wanted = False  # something was, when it was last looked at
        self.forget()

    def forget(self):
        """The device may have lost its settings: write everything anew."""
        self.mode = im.UNKNOWN
        self.sent_w = INVALID
        self._step = 0
        self._failures = 0
        self._odd_checks = 0
        self._busy = False  # a write of this plan has to be made again
        self._retry_ms = self.written_ms = ticks_ms()

    def settled(self):
        """Whether everything the mode asks for has been written."""
        return self.mode != im.UNKNOWN and self._step == len(PLANS[self.mode])

    # --- what is wanted -------------------------------------------------------------------

    def due(self, now):
        """Whether something has to be written now."""
        commands = self.image.commands
        self._watch_beat(commands[im.BEAT], now)
        if commands[im.ISLAND_STATE] == im.ISLAND_SENSING:
            return False  # INV-12: change nothing before the site's state is known
        mode = commands[im.SETPOINT_MODE + self.device]
        if mode != im.MODE_FORM:
            self.inverter.right(self.FORMING)
        if mode == im.MODE_FORM and self.mode != im.MODE_FORM and not self._knows_forming():
            return False
        if mode == im.MODE_FORM and not self.may_form:
            self.inverter.wrong(self.FORMING, "does not say it can form an island")
            mode = im.MODE_STOP
        if mode != self.mode:
            self.mode = mode
            self._begin()
            self._failures = 0
        if commands[im.DEVICE_OBEDIENCE + self.device] != self._obedience:
            self._obedience = commands[im.DEVICE_OBEDIENCE + self.device]
            if self._obedience == im.OBEY_AGAIN:
                self._again()
        if self._failures > 1 and ticks_diff(now, self._retry_ms) < 0:
            return False
        since_ms = ticks_diff(now, self.written_ms)
        if not self.settled() or self._words == _LAST or since_ms >= self.renew_ms:
            return True
        wanted_w = self.wanted_w(now)
        if wanted_w == self.sent_w:
            return False
        if self.grows(now) and since_ms < self.write_ms and self._may_wait():
            return False
        return self.sent_w == INVALID or self._raw(wanted_w) != self._raw(self.sent_w)

    def grows(self, now):
        """Whether what is due is only more of what it does already: no reading may grow old for
        it."""
        sent_w = self.sent_w
        if not self.settled() or sent_w == INVALID:
            return False
        if ticks_diff(now, self.written_ms) >= self.renew_ms:
            return False
        wanted_w = self.wanted_w(now)
        return wanted_w > sent_w >= 0 or wanted_w < sent_w <= 0

    def rank(self, now):
        """Of what is due: a zero first; what only grows when nothing else is due, or waits for its
        turn no longer."""
        if self.stops(now):
            return ZERO
        if not self.grows(now):
            return SETPOINT
        return POLL if ticks_diff(now, self.written_ms) >= _GROW_MS else SPARE

    def stops(self, now):
        """Whether nothing is wanted of it, and it has yet to be told. The news wakes it."""
        commands = self.image.commands
        self._watch_beat(commands[im.BEAT], now)
        forms = commands[im.SETPOINT_MODE + self.device] == im.MODE_FORM
        if forms or self.wanted_w(now):
            self._wanted = True
            return False
        if self._wanted:
            self._wanted = False
            self.inverter.peer.wake(now)
        return not (self.settled() and self.sent_w == 0)

    def _may_wait(self):
        """As in core/limits/growth.py: only what the owner's goal wants, beside the grid."""
        reason = self.image.commands[im.CLAIM_REASON + im.MARKET * im.DEVICES + self.device]
        goal = reason == im.REASON_GOAL and self.mode == im.MODE_FOLLOW
        return goal and not self.image.site[im.COORDINATED]

    def _begin(self):
        self._step = 0
        self._busy = False

    def _again(self):
        """All of it, to a device that did not obey."""
        self._begin()

    def _knows_forming(self):
        """Whether it is known that the device can form, and whether it does so already."""
        return (
            self.may_form != im.UNKNOWN
            and self.image.live[im.DEVICE_AGE_MS + self.device] < _FRESH_MS
        )

    def _watch_beat(self, beat, now):
        if beat != self._beat:
            self._beat = beat
            self._beat_ms = now

    def muted(self):
        """Nothing is said to it: its commissioning proof times how long it goes on, from a last
        word."""
        commands = self.image.commands
        silent = (
            commands[im.PROOF_STATE] == im.PROOF_SILENT
            and commands[im.PROOF_DEVICE] == self.device
        )
        if not silent:
            self._words = _SPEAKS
        elif self._words == _SPEAKS:
            self._words = _LAST
        return self._words == _MUTED

    def wanted_w(self, now):
        """W to ask for, + drawn; 0 when stopped or when core's beat stands."""
        if self.mode == im.MODE_STOP or ticks_diff(now, self._beat_ms) > _BEAT_MS:
            return 0
        return self.image.commands[im.SETPOINT + self.device]

    # --- writing --------------------------------------------------------------------------

    async def write(self):
        """Make the next write of the plan, or renew the setpoint."""
        plan = PLANS[self.mode]
        if self._step < len(plan) and plan[self._step] == STOP and self._carries_house():
            self._step += 1
        step, mode = self._step, self.mode
        what = plan[step] if step < len(plan) else WATTS
        wanted_w = self.wanted_w(ticks_ms())
        inverter = self.inverter
        model, offset, points = WRITES[what]
        code = await inverter.rtu.write(
            inverter.peer, inverter.models[model] + offset, self._values(what, wanted_w)
        )
        field = "{}.{}".format(model, points.split(" ")[0])
        why = inverter.peer.exception if code == EXCEPTION else 0
        if why == ACKNOWLEDGE:  # accepted, and done when it is done
            code = OK
            inverter.look_again(_LOOK_MS)
        if code == EXCEPTION:
            inverter.wrong(field, "write refused, {}", EXCEPTION_NAMES[why] if why < 12 else why)
        elif code == OK:
            inverter.right(field)
        if code == OK and what == WATTS:
            self._told(wanted_w, inverter.rtu.sent_ms)
        # a device that refuses AntiIslEna cannot have it switched off either; one that is busy is
        # asked again, in a stop when all else of it is written
        skips = code == EXCEPTION and mode == im.MODE_STOP
        skips = skips or (code == EXCEPTION and what == GUARD_ON and why != BUSY)
        if skips and why == BUSY:
            self._busy = True
        if code == OK or (skips and step < len(plan)):
            self._failures = 0
            if step < len(plan):
                self._step = step + 1
        else:
            self._failures += 1
            self._retry()
        if self._busy and self.settled():
            self._begin()
            self._failures = 2
            self._retry()

    def _told(self, w, now):
        """It holds this setpoint."""
        if self._words == _LAST:
            self._words = _MUTED
        self.sent_w = w
        self.written_ms = now

    def _retry(self):
        self._retry_ms = ticks_add(ticks_ms(), _RETRY_MS)

    def _carries_house(self):
        """It forms already, as it should: islet has restarted, or writes its settings anew."""
        forms = self.image.live[im.DEVICE_MODE + self.device] == im.MODE_FORM
        return self.mode == im.MODE_FORM and forms

    def _values(self, what, w):
        """Registers of a write."""
        if what == REVERT_W:
            return (0, 0)
        if what == LEASE:
            return (1, self.lease_s >> 16, self.lease_s & 0xFFFF)
        if what in (VALUE, WATTS):
            self._split(w)
            value = (1, self._high, self._low)
            return value if what == VALUE else (1,) + value
        return (1,) if what in (START, GUARD_ON) else (0,)

    def _raw(self, w):
        """WSet of that: + is generation there, and rounding is towards zero."""
        num, den = self.inverter.scales.factor(704, "WSet", 0)
        raw = min(abs(w) * den // num, _INT32)
        return -raw if w > 0 else raw

    def _split(self, w):
        """WSet as two words."""
        raw = self._raw(w)
        self._high, self._low = (raw >> 16) & 0xFFFF, raw & 0xFFFF

    # --- checking -------------------------------------------------------------------------

    def check(self):
        """Compare what 704 holds (its read is in rtu) with what was written; else start again."""
        if not self.settled():
            return
        rtu = self.inverter.rtu
        guard = 0 if self.mode == im.MODE_FORM else 1
        good = (
            rtu.unsigned16(22) == 1  # WSetEna
            and rtu.unsigned16(23) == 1  # WSetMod
            and self._holds(signed32(rtu.frame, rtu.data() + 48, rtu.data() + 50))  # WSet
            and rtu.unsigned16(52) in (guard, 0xFFFF)  # AntiIslEna
        )
        if self.mode != im.MODE_STOP:
            good = good and rtu.unsigned16(26) == rtu.unsigned16(27) == 0  # WSetRvrt
            good = good and rtu.unsigned16(30) == 1  # WSetEnaRvrt, WSetRvrtTms
            good = good and (rtu.unsigned16(31) << 16 | rtu.unsigned16(32)) == self.lease_s
        if not good:
            self.inverter.wrong("704", "settings are not as written, written again")
            self._begin()
        else:
            self.inverter.right("704")
        self._check_mode()

    def _holds(self, held):
        """Whether WSet is as written, or less of it: a device that cuts it down to a limit of its
        own does so again, however often it is told."""
        raw = self._high << 16 | self._low
        raw -= (raw & 0x80000000) << 1
        if held == raw:
            return self.inverter.right("704.WSet")
        if not (0 < held < raw or raw < held < 0):
            return False
        self.inverter.wrong("704.WSet", "{} of {} held, a limit of the device's own", held, raw)
        return True

    def _check_mode(self):
        """A device that stopped by itself is asked again after two checks."""
        stands = self.image.live[im.DEVICE_MODE + self.device] == im.MODE_STOP
        if self.mode in (im.MODE_FOLLOW, im.MODE_FORM) and stands:
            self._odd_checks += 1
        else:
            self._odd_checks = 0
        if self._odd_checks >= 2:
            self._odd_checks = 0
            self._begin()


def measured(site, device):
    """The node whose instrument the device is, -1 none."""
    for node in range(site[im.NODE_COUNT]):
        if (
            site[im.NODE_INSTRUMENT + node] == im.INSTRUMENT_DEVICE
            and site[im.NODE_INSTRUMENT_ROW + node] == device
        ):
            return node
    return -1
