# islet: whether each converter, following the grid, does what it was granted (INV-16).
# GPL-3.0-or-later
#
# A late device is not a disobedient one: a measurement counts when it lies outside everything that
# was granted during the device's response. One that nothing witnesses keeps its enable only where
# its whole nameplate fits the static rule. One that forms an island is judged by the island.

from firmware import image as im
from firmware.base.noughts import noughts
from firmware.base.timer import grown, longer, shrunk
from firmware.base.viper import const
from firmware.core.limits import columns
from firmware.core.limits.clear_kernel import obeys
from firmware.core.limits.grants import G_HIGH, G_LOW, G_SIZE, enter, since
from firmware.core.limits.seen import Seen

_GRACE_MS = const(2_000)  # beyond the declared response
_LATENCY_MS = const(500)  # a setpoint's way to the device, a report's way back
_LATEST_MS = const(9_500)  # enable off by then, counted from the sample: INV-16 with its 10 s
_ENABLE_MS = const(2_000)  # after these a source without enable delivers nothing
_TIMES = const(3)  # named so often: refused until a person acknowledges
_PAUSE_MS = const(300_000)  # after the first time, five times as long after the second
_FORGET_MS = const(3_600_000)  # obeyed for so long: the count begins anew
_FELL_W = const(500)  # less may be any load's
_DOUBT_MS = const(500)  # a doubt of what it draws stands so long before its enable tells
_STEADY_MS = const(2_500)  # and the circuit above has been steady for so long
_STEADY_W = const(300)
_AGAIN_MS = const(600_000)  # and is not asked again sooner
_BACK_MS = const(300_000)  # what fell with it once is waited for so long
_SLOWEST_MS = const(2_000)  # a reading may be older than it says, up to INV-4's bound

KEPT_FAULTS = im.FAULT_NOT_OBEYED + im.FAULT_ENABLE  # this room's own; they outlive a reset

# The escalation: step; ms beyond the declared response, the last _SURE_MS of them outside all that
# was granted during the response too, which neither a late device nor an overshoot is. Once named
# it goes on to the end: what has not obeyed for so long is not waited for.
STEPS = (
    (im.OBEY_AGAIN, 1_000, "everything is written again"),
    (im.OBEY_ZERO, _GRACE_MS, "named, told zero"),
    (im.OBEY_STOP, 2_500, "told to stop"),
    (im.OBEY_OFF, 3_000, "its enable is off"),
)
_SURE_MS = const(700)


class Obedience:
    """All converters of the site, which is declared by now, a Follower each; writes its bits of
    FAULTS. `withheld` holds the outputs that must stay off, whatever contactor and island permit.
    """

    def __init__(self, image, panel):
        self._image = image
        self.rows = [
            Follower(image, Seen(image, panel, device), device)
            for device in range(im.DEVICES)
            if columns.kind(image.site, device) == im.KIND_CONVERTER
        ]
        self.withheld = 0
        self.faults = 0

    def recall(self, faults):
        """Start with the faults that stood before a reset: all then wait for a person."""
        self.faults = faults & KEPT_FAULTS
        for row in self.rows:
            row.recall(faults)

    def step(self, dt_ms):
        if not self.rows:
            return
        faults = withheld = dark = 0
        for row in self.rows:
            if row.step(dt_ms):
                continue
            faults |= row.faults
            withheld |= row.withheld
            if row.dark:
                dark = 1
        self.faults = faults
        self.withheld = withheld
        commands = self._image.commands
        commands[im.MEMORY + im.MEMORY_OBEDIENCE] = dark
        commands[im.FAULTS] = commands[im.FAULTS] & ~KEPT_FAULTS | faults


class Follower:
    """One converter: writes its OBEDIENCE and ENABLE_BAR; takes SETPOINT_MODE to stop."""

    def __init__(self, image, seen, device):
        self.device = device
        self._site = image.site
        self._readings = image.readings
        self._commands = image.commands
        self._requests = image.requests
        self._trips = image.trips
        self.seen = seen
        self._point = columns.point(image.site, device)
        self.withheld = 0
        self.faults = 0
        self.level = im.OBEY_QUIET
        self.count = 0  # times named since it last obeyed for long
        self.pause_ms = 0  # left until it is tried again
        self._grants = noughts(G_SIZE)
        self._rests = False  # a step changes nothing while it obeys as it does now
        self._response_ms = image.site[im.DEVICE_RESPONSE_MS + device]
        self._out_ms = 0  # outside its grant, counted from the sample
        self._loose_ms = 0  # outside all that it may still be following
        self._beyond_ms = 0  # outside beyond its response
        self._plain = False  # its own report or a witness of it alone spoke against it
        self._doubt_ms = 0
        self._asked = False  # its enable fell to see what it draws
        self._asked_w = self._steady_w = self._steady_ms = 0  # what flowed above before
        self._fell_w = 0  # what fell with its enable once: twice is no chance
        self._back_ms = 0  # left to wait for that to come back
        self._wait_ms = 0  # until it may be asked again
        self._calm_ms = 0
        self._off_ms = self._open_ms = 0  # enable, contactor
        self._live_ms = 0  # power measured well after the enable fell
        self.dark = False  # the islanding switch is withheld too
        self._acknowledged = 0

    def recall(self, faults):
        """Start with the faults that stood before a reset."""
        self.faults = faults & KEPT_FAULTS
        self.dark = self._requests[im.REMEMBERED + im.MEMORY_OBEDIENCE] == 1
        if self.faults & im.FAULT_NOT_OBEYED:
            self.level = im.OBEY_OFF
            self.count = _TIMES

    def step(self, dt_ms):
        """Whether there is nothing to be said of it: no fault, no bar, nothing withheld."""
        seen, commands, grants = self.seen, self._commands, self._grants
        enter(grants, commands, self.device, dt_ms)
        outputs = self._trips[im.OUTPUTS]
        if self._rests:
            if outputs & im.OUT_ENABLE and obeys(
                seen.row, grants, self._site, self._readings, self._requests, commands, seen.plan
            ):
                seen.others_seen = False
                return True
            self._rests = False
        self._person()
        seen.look(dt_ms)
        on_grid = commands[im.ISLAND_STATE] == im.ISLAND_GRID
        enabled = outputs & im.OUT_ENABLE != 0
        if on_grid and enabled and seen.outside(grants[G_LOW], grants[G_HIGH]):
            self._outside(dt_ms)
        elif on_grid and enabled:  # by turns is outside as well: time inside is taken off
            self._out_ms = shrunk(self._out_ms, dt_ms)
            self._loose_ms = shrunk(self._loose_ms, dt_ms)
        else:
            self._out_ms = self._loose_ms = 0
        if not on_grid:
            self._back_ms = 0
        elif enabled:
            self._doubt(dt_ms)
        self._escalate(dt_ms)
        self._watch_enable(enabled, dt_ms)
        self._bar(on_grid)
        self._rests = self._at_rest()
        return False

    def _at_rest(self):
        """Whether all that this keeps is as in one that has obeyed for ever."""
        return not (
            self.faults
            or self.withheld
            or self.level
            or self.count
            or self._out_ms
            or self._loose_ms
            or self._doubt_ms
            or self._steady_ms
            or self._live_ms
            or self._off_ms
            or self._back_ms > 0
            or self._wait_ms > 0
        ) and self.seen.rests(self._acknowledged)

    def _outside(self, dt_ms):
        """For how long, counted from the sample, and whether by more than a circuit above."""
        seen = self.seen
        age_ms = seen.age_ms
        if not seen.suspect:
            self._plain = True
        if self._out_ms == 0:
            self._out_ms = age_ms
        self._out_ms = grown(self._out_ms, dt_ms)
        grants = self._grants
        since(grants, self._response_ms + age_ms + _LATENCY_MS)
        if seen.outside(grants[G_LOW], grants[G_HIGH]):
            self._loose_ms = grown(self._loose_ms, dt_ms)
        else:
            self._loose_ms = shrunk(self._loose_ms, dt_ms)

    def _doubt(self, dt_ms):
        """A draw that nothing witnesses: the enable is the step of islet's own that tells, where
        the circuit above has been steady: else what comes and goes by itself would tell."""
        seen = self.seen
        back = self._back_ms > 0
        if back:
            self._back_ms -= dt_ms
        elif self._wait_ms > 0:
            self._wait_ms -= dt_ms
            return
        if self.level != im.OBEY_QUIET or not seen.rests_by_its_word():
            self._doubt_ms = self._steady_ms = 0
            return
        w = seen.above_w()
        if not -_STEADY_W <= w - self._steady_w <= _STEADY_W:
            self._steady_w = w
            self._steady_ms = 0
        self._steady_ms = grown(self._steady_ms, dt_ms)
        if back:  # has what fell come back?
            doubted = w - self._asked_w > -self._fell_w >> 1
        else:
            doubted = seen.doubted()
        self._doubt_ms = longer(doubted, self._doubt_ms, dt_ms)
        if self._doubt_ms < _DOUBT_MS or self._steady_ms < _STEADY_MS:
            return
        if not back:
            self._fell_w = 0
        self._asked = True
        self._asked_w = w
        self._back_ms = 0
        self._take(im.OBEY_OFF)

    # --- what is done about it ----------------------------------------------------------------

    def _escalate(self, dt_ms):
        """By STEPS; back after a pause, the third time by a person alone."""
        if self.level == im.OBEY_OFF:
            self._convict()
            if self.count < _TIMES:
                self._wait(dt_ms)
            return
        if self.level >= im.OBEY_ZERO:
            self._beyond_ms += dt_ms
        elif self._out_ms == 0:
            self.level = im.OBEY_QUIET
            self._plain = False
            self._calm_ms = grown(self._calm_ms, dt_ms)
            if self._calm_ms >= _FORGET_MS:
                self.count = 0
            return
        elif self._loose_ms < _SURE_MS:
            return
        else:
            response_ms = self._response_ms
            most_ms = _LATEST_MS - STEPS[-1][1]
            self._beyond_ms = self._out_ms - (response_ms if response_ms < most_ms else most_ms)
        for level, after_ms, _ in STEPS:
            if level > self.level and self._beyond_ms >= after_ms:
                self._take(level)

    def _take(self, level):
        self._calm_ms = 0
        if level == im.OBEY_ZERO and not self._plain:
            level = im.OBEY_OFF  # its own report says that it obeys: only its enable can tell
        if self.level < im.OBEY_ZERO <= level:
            self.pause_ms = _PAUSE_MS if self.count == 0 else 5 * _PAUSE_MS
        self.level = level
        if level == im.OBEY_ZERO:
            self._name()

    def _name(self):
        self.count += 1
        self.faults |= im.FAULT_NOT_OBEYED

    def _convict(self):
        """Its report and a circuit above contradicted: what its enable ended was its doing."""
        seen = self.seen
        if self.faults & im.FAULT_NOT_OBEYED or not seen.bounded:
            return
        off_ms = self._off_ms - _ENABLE_MS - seen.above_age_ms()
        if off_ms < 0:
            return
        if self._asked:
            fell_w = self._asked_w - seen.above_w()
            if fell_w > _FELL_W and fell_w > self._fell_w >> 1:
                if self._fell_w == 0:
                    self._fell_w = fell_w
                    self._back_ms = _BACK_MS
                    self._forgive()
                else:
                    self._asked = False
                    self._name()
            elif off_ms >= _SLOWEST_MS:
                self._wait_ms = _AGAIN_MS
                self._forgive()
        elif seen.delivers():
            seen.cleared = True
            self._forgive()
        else:
            self._name()

    def _wait(self, dt_ms):
        self.pause_ms -= dt_ms
        if self.pause_ms <= 0:
            self._forgive()

    def _forgive(self):
        self.level = im.OBEY_QUIET
        self.pause_ms = self._calm_ms = 0
        self._out_ms = self._loose_ms = 0
        self._plain = self._asked = False
        self.faults &= ~im.FAULT_NOT_OBEYED

    def _person(self):
        """A person has acknowledged: it is tried again, unless it still runs without enable."""
        acknowledge = self._requests[im.ACKNOWLEDGE_SEQ]
        if acknowledge == self._acknowledged:
            return
        self._acknowledged = acknowledge
        self.count = 0
        self.seen.cleared = False
        self._forgive()
        if self._live_ms == 0:
            self.faults &= ~im.FAULT_ENABLE

    # --- an enable without effect -------------------------------------------------------------

    def _watch_enable(self, enabled, dt_ms):
        """Power well after the enable fell: the next switch up opens, and stays so."""
        self._off_ms = longer(not enabled, self._off_ms, dt_ms)
        closed = self._point >= 0 and (
            self._trips[im.OUTPUTS] & im.OUT_CONTACTOR << im.OUT_SHIFT * self._point
        )
        self._open_ms = longer(not closed, self._open_ms, dt_ms)
        if self._off_ms < _ENABLE_MS + self.seen.age_ms or not self.seen.runs():
            self._live_ms = 0
            return
        self._live_ms = grown(self._live_ms, dt_ms)
        if self._live_ms > dt_ms:  # in two steps
            self.faults |= im.FAULT_ENABLE

    def _bar(self, on_grid):
        """ENABLE_BAR, `withheld` and what the device is asked to be."""
        commands = self._commands
        bar = self._barred() if on_grid else 0
        withheld = im.OUT_ENABLE if bar else 0
        if self.faults & im.FAULT_ENABLE:
            bar |= im.BAR_ENABLE
            withheld = im.OUT_ENABLE
            # its contactor opens by FAULTS; a power that it does not end is ended further up
            age_ms = _ENABLE_MS + self.seen.age_ms
            welded = self._point >= 0 and (
                commands[im.POINT_CONTACTOR_STATE + self._point] == im.CONTACTOR_FAULT
            )
            if self._live_ms and (not self.seen.gateway or welded or self._open_ms >= age_ms):
                self.dark = self._site[im.ISLAND_CAPABLE] == 1
            if self.dark:
                withheld |= im.OUT_ISLAND
                bar |= im.BAR_SWITCH
        else:
            self.dark = False
        following = commands[im.SETPOINT_MODE + self.device] == im.MODE_FOLLOW
        if following and (self.level >= im.OBEY_STOP or bar & im.BAR_ENABLE):
            commands[im.SETPOINT_MODE + self.device] = im.MODE_STOP
        self.withheld = withheld
        commands[im.DEVICE_ENABLE_BAR + self.device] = bar
        commands[im.DEVICE_OBEDIENCE + self.device] = self.level

    def _barred(self):
        site = self._site
        bar = im.BAR_NOT_OBEYED if self.level == im.OBEY_OFF else 0
        blind = self.seen.blind_ms > self._response_ms + _GRACE_MS
        if blind and not site[im.DEVICE_FITS + self.device]:
            bar |= im.BAR_UNWITNESSED
        guard = self._readings[im.DEVICE_ANTI_ISLANDING + self.device]
        if guard == 0 or (guard != 1 and not site[im.DEVICE_CERTIFIED + self.device]):
            bar |= im.BAR_ANTI_ISLANDING
        return bar
