# islet: what is asked of a converter whose family is data, in the order its plans say.
# GPL-3.0-or-later
#
# At first contact, and wherever the direction turns, the plan `zero` is written whole before
# another. What is constant is written once, and again where the device is found to hold something
# else or has been silent; watts and lease are renewed. Nobody can ask a family to form an island.

from firmware import image as im
from firmware.base.clock import ticks_ms
from firmware.bus.pdu import EXCEPTION_NAMES, READ_HOLDING
from firmware.bus.peer import EXCEPTION, OK
from firmware.bus.registers import INVALID
from firmware.drivers.contest import Contest
from firmware.drivers.plans import (
    CHARGE,
    DISCHARGE,
    FUNCTION,
    LEASE,
    NONE,
    REGISTER,
    RELEASE,
    SIGN,
    UNIT,
    WATTS,
    ZERO,
)
from firmware.drivers.sunspec_control import WRITE_MS, Control
from firmware.drivers.wear import Wear

_NOWHERE = -1  # nothing is known of what it does
_SINGLE = 6  # function: write single register


class FamilyControl(Control):
    """Follows image.commands; `family` offers rtu, peer, rating_w, wrong() and right()."""

    FORMING = "mode"

    def __init__(self, image, device, family, plans, write_ms=WRITE_MS):
        self.plans = plans
        self.wear = Wear(plans)
        self.contest = Contest(image, family)
        self.leaves = False  # islet ends: zero, then the plan `release`, then nothing
        self._held = [None] * len(plans.writes)  # registers last written, by write
        self._echoes = set()  # writes whose registers have been read back as written
        self._proven = set()  # likewise, of any earlier ones too
        self._look = 0  # the write that is read back next
        Control.__init__(self, image, device, family, max(write_ms, plans.period_ms))
        self.may_form = 0
        if plans.lease != NONE:
            self.lease_s = min(max(self.lease_s, plans.least_s), plans.most_s)
            for way in (CHARGE, DISCHARGE, ZERO):  # where it is in no request, by its write alone
                requests = plans.plans[way]
                if not any(plans.carries(request, LEASE) for request in requests):
                    requests.append(((plans.lease, LEASE, 0),))

    def forget(self):
        Control.forget(self)
        self.way = _NOWHERE  # plan being written, or written
        self._renewing = False
        self._watts = 0  # last written
        self._doubt()

    def settled(self):
        return self.way != _NOWHERE and self._step >= len(self.plans.plans[self.way])

    def left(self):
        """Whether it has been given back, or was never told anything, or is another's."""
        if self.contest.stands or self.way == _NOWHERE:
            return True
        return self.way == RELEASE and self.settled()

    def _knows_forming(self):
        return True  # that it cannot

    def _may_wait(self):
        return True  # no device is told more oftener than its family bears

    def _begin(self):
        Control._begin(self)
        self._renewing = False

    def _again(self):
        self._doubt()
        self._begin()

    def _doubt(self):
        """Nothing counts as held: what would be spared is written too."""
        for which in range(len(self._held)):
            self._held[which] = None

    # --- what is wanted -------------------------------------------------------------------

    def due(self, now):
        if self.leaves:
            return not self.left()
        if self.contest.over():
            self._again()
        if self.contest.stands and self.way == ZERO and self.settled():
            return False  # two hands would write without end
        if self.way in (CHARGE, DISCHARGE):
            self._hurry(now)
        return Control.due(self, now)

    def _hurry(self, now):
        """A zero does not wait for what was refused before it."""
        if self._failures > 1 and not self.wanted_w(now):
            self._failures = 0

    def wanted_w(self, now):
        """More waits, where writes are counted and nothing but the owner's goal wants it."""
        w = 0 if self.contest.stands or self.leaves else Control.wanted_w(self, now)
        if not w or not self.wear.paced or not Control._may_wait(self):
            return w
        most = im.DEVICE_CHARGE_W if w > 0 else im.DEVICE_DISCHARGE_W
        return self.wear.told(w, self.sent_w, self.image.site[most + self.device], now)

    def _told(self, w, now):
        before_w = 0 if self.sent_w == INVALID else self.sent_w
        if w > before_w >= 0 or w < before_w <= 0:
            self.wear.grew(now)
        Control._told(self, w, now)

    def _raw(self, w):
        """Steps of the write that carries the watts, with the sign of the watts; 0 where it may
        not be told so."""
        if not w:
            return 0
        for request in self.plans.plans[CHARGE if w > 0 else DISCHARGE]:
            for item in request:
                if item[1] == WATTS:
                    raw = self.plans.raw(item, w, self.lease_s, self.inverter.rating_w)
                    if raw == INVALID:
                        self.inverter.wrong("watts", "{} W cannot be written to it", w)
                        return 0
                    self.inverter.right("watts")
                    return abs(raw) if w > 0 else -abs(raw)
        return 0

    def _way_of(self, w):
        raw = self._raw(w)
        return CHARGE if raw > 0 else DISCHARGE if raw < 0 else ZERO

    def _turn(self, w):
        """Choose the plan: from one direction to the other, and from the unknown, by zero."""
        wanted = self._way_of(w)
        if self.leaves and self.way in (ZERO, RELEASE):
            wanted = RELEASE
        if self.way == wanted:
            return
        if self.way != ZERO:
            self.way = ZERO
        elif self.settled():
            self.way = wanted
        else:
            return  # zero is still being written
        self._begin()

    # --- writing --------------------------------------------------------------------------

    async def write(self):
        """Make the next request of the plan, or renew what has to be."""
        wanted_w = self.wanted_w(ticks_ms())
        self._turn(wanted_w)
        if self.settled():
            self._renewing = True
            self._step = 0
        step, way = self._following(self._step), self.way
        requests = self.plans.plans[way]
        code = OK  # where there is nothing to renew
        if step < len(requests):
            code = await self._send(requests[step], wanted_w)
        if way == ZERO and code == EXCEPTION:  # a stop is held up by nothing, and asked again
            self._busy = True
            code = OK
        if code != OK:
            self._failures += 1
            self._retry()
            return
        self._failures = 0
        self._step = self._following(step + 1)
        if self.settled():
            self._through(wanted_w)

    def _following(self, step):
        """The next request from here that is to be made: all of a plan, later what bears watts
        or time; neither what wears out and is held already."""
        requests = self.plans.plans[self.way]
        while step < len(requests) and self._passes(requests[step]):
            step += 1
        return step

    def _passes(self, request):
        if self._renewing and not self._lives(request):
            return True
        if not self.wear.spares(request):
            return False
        if self.way == ZERO and not self._renewing and self._lives(request):
            return False  # nothing is written even where it is held
        wanted_w = self.wanted_w(ticks_ms())
        for item in request:
            raw = self.plans.raw(item, wanted_w, self.lease_s, self.inverter.rating_w)
            which = item[0]
            if which not in self._echoes or self._held[which] != self.plans.words(which, raw):
                return False
        return True

    def _lives(self, request):
        for item in request:
            if self.plans.writes[item[0]][UNIT]:
                return True
        return False

    def _through(self, wanted_w):
        """The plan is written, or renewed."""
        self._renewing = False
        if self._busy:
            self._begin()
            self._failures = 2
            self._retry()
        elif self.way == ZERO and self._way_of(wanted_w) != ZERO:
            self.sent_w = INVALID  # and on, in the other direction
        else:
            self._told(self._watts if self.way in (CHARGE, DISCHARGE) else 0, ticks_ms())

    async def _send(self, request, w):
        """One request, of one register or of several that follow each other."""
        family, plans = self.inverter, self.plans
        write = plans.writes[request[0][0]]
        words = []
        for item in request:
            which, what, _ = item
            raw = plans.raw(item, w, self.lease_s, family.rating_w)
            if what == WATTS:
                self._watts = w
            some = plans.words(which, raw)
            self._hold(which, None if what == LEASE else some)
            words.extend(some)
        register = write[REGISTER]
        if write[FUNCTION] == _SINGLE:
            code = await family.rtu.write_single(family.peer, register, words[0])
        else:
            code = await family.rtu.write(family.peer, register, words)
        if code == EXCEPTION:
            why = family.peer.exception
            text = EXCEPTION_NAMES[why] if why < 12 else why
            family.wrong("register {}".format(register), "write refused, {}", text)
        elif code == OK and family.errors:
            family.right("register {}".format(register))
        return code

    def _hold(self, which, words):
        """A write is on its way; another one to the same register is no longer held."""
        self.wear.wrote(which)
        writes = self.plans.writes
        for other in range(len(writes)):
            if writes[other][REGISTER] == writes[which][REGISTER]:
                self._held[other] = None
        self._held[which] = words

    # --- checking -------------------------------------------------------------------------

    async def look(self):
        """Read back one write. Only who has ever given back what was written is believed when it
        gives back something else: some hold other things under the same number."""
        plans, family = self.plans, self.inverter
        if not self.settled() or self._renewing or self.contest.stands or self.leaves:
            return
        for _ in range(len(plans.writes)):
            which = self._look = (self._look + 1) % len(plans.writes)
            held = self._held[which]
            if held is not None:
                break
        else:
            return
        register = plans.writes[which][REGISTER]
        way, sent_w = self.way, self.sent_w
        if await family.rtu.read(family.peer, READ_HOLDING, register, len(held)) != OK:
            return
        if (way, sent_w) != (self.way, self.sent_w) or held != self._held[which]:
            return
        same = True
        for i in range(len(held)):
            same = same and family.rtu.unsigned16(i) == held[i]
        if same:
            self._echoes.add(which)
            self._proven.add(which)
            if family.errors:
                family.right("held {}".format(register))
        elif which in self._echoes or (which in self._proven and self._foreign(which, held)):
            self._echoes.discard(which)  # once; not for ever where it is something else
            family.wrong("held {}".format(register), "is not as written, written again")
            self._begin()
            self.contest.changed(ticks_ms())

    def _foreign(self, which, held):
        """Whether what was just read of a power cannot be less of it, by a limit of its own."""
        write = self.plans.writes[which]
        if not write[UNIT] or which == self.plans.lease or len(held) > 1:
            return False
        read, told = self.inverter.rtu.unsigned16(0), held[0]
        if write[SIGN]:
            read -= (read & 0x8000) << 1
            told -= (told & 0x8000) << 1
        return not (0 <= read <= told or told <= read <= 0)
