# islet: leaving the grid, forming an island, and coming back.
# GPL-3.0-or-later
#
# What happens is a table (island_table.py), what it names is measured (island_facts.py) and judged
# (island_judge.py) and looked up (island_kernel.py); here is the small engine.

from array import array

from firmware import image as im
from firmware.base.timer import grown
from firmware.base.viper import const
from firmware.core.grid.island_facts import Witnesses
from firmware.core.grid.island_judge import Judge
from firmware.core.grid.island_kernel import FACTS, NEXT, SIZE, TIED, WHY, first, permitted, same
from firmware.core.grid.island_table import (
    CAUSES,
    FAULTS_OF_ISLAND,
    MODES,
    PERMITS,
    RULES,
    SOFT,
    TRIES,
    bit,
    packed_permits,
    packed_rules,
)

_KEPT = bit("kept")
_OPEN = bit("open")
_BOND = bit("bond")
_RESERVE = bit("reserve")
_OUTAGE = bit("outage")
_LATEST_MS = const(20_000)  # of the rules' times: later the same facts change nothing
_SHORTLY_MS = const(10_000)  # of an island, before loads come back
_NOTE_MS = const(60_000)  # a glitch is told for so long


class Island:
    """Interprets the tables. Writes ISLAND_STATE, ISLAND_NOTE, SETPOINT_MODE, its bits of FAULTS.

    `permits` holds this room's OUT_* bits; core puts them together with the contactor's.
    """

    def __init__(self, image, rules=RULES, permits=PERMITS):
        self._image = image
        self._site = image.site
        self._requests = image.requests
        self._commands = image.commands
        self.witnesses = Witnesses(image)
        self.judge = Judge(image)
        self.permits = 0
        self._modes = array("i", [mode for _, mode in MODES])
        self._rules, self._rules_end = packed_rules(rules)
        self._permits, self._permits_end = packed_permits(permits)
        self.state = im.ISLAND_SENSING
        self.state_ms = 0
        self._seen = self._made = -1  # facts of the last look at the tables
        self._note = im.NOTE_NONE
        self._note_ms = 0
        self._others = array("i", [im.UNKNOWN] * im.DEVICES)  # that never form
        self._first = True
        self._rests = False  # a step changes nothing while what is read stays the same
        self._words = array("i", [0] * SIZE)

    @property
    def faults(self):
        """This room's bits of FAULTS."""
        return self.judge.faults

    def recall(self, faults):
        """Start with the faults that stood before a reset: a failed contact bars islands and the
        enable as before; what pins the switch does so once the site is sensed (INV-12)."""
        judge, requests = self.judge, self._requests
        judge.faults = faults & FAULTS_OF_ISLAND
        judge.used = requests[im.REMEMBERED + im.MEMORY_TRIES]
        if judge.faults & SOFT and not judge.used:
            judge.used = TRIES  # nobody knows how often: once more, then a person
        self.witnesses.proved = requests[im.REMEMBERED + im.MEMORY_BOND] == 1
        self._rests = False

    def step(self, dt_ms):
        if self._rests and self._same(0):
            if self._site[im.ISLAND_CAPABLE]:
                self.judge.remember()
            return
        seen = self.witnesses.step(dt_ms, self.state, self.permits)
        made = self.judge.step(dt_ms, self.state, self.state_ms, self.permits, seen)
        self.state_ms = grown(self.state_ms, dt_ms)
        if seen != self._seen or made != self._made or self.state_ms <= _LATEST_MS:
            self._seen, self._made = seen, made
            self._follow(seen, made)
            before = self.permits
            self._permit(seen, made)
            if self.permits != before:
                self._seen = -1  # a row may ask what was kept
        commands = self._commands
        commands[im.ISLAND_STATE] = self.state
        commands[im.SETPOINT_MODE + self._site[im.ISLAND_DEVICE]] = self._modes[self.state]
        self._lead(im.MODE_FOLLOW if self.state == im.ISLAND_GRID else im.MODE_STOP)
        commands[im.FAULTS] = (commands[im.FAULTS] & ~FAULTS_OF_ISLAND) | self.judge.faults
        commands[im.MEMORY + im.MEMORY_BOND] = 1 if self.witnesses.proved else 0
        commands[im.MEMORY + im.MEMORY_TRIES] = self.judge.used
        self._tell(dt_ms, seen, made)
        self._rests = self._at_rest(seen, made)

    def _same(self, keep):
        image = self._image
        return same(
            self._words, image.site, image.readings, image.requests, image.commands, image.trips,
            keep,
        )  # fmt: skip

    def _at_rest(self, seen, made):
        """Whether all that this and its parts keep is as in a house that has been on a good grid
        for ever. What is read is kept, to be compared with."""
        if self.state != im.ISLAND_GRID or self.state_ms <= _LATEST_MS or self._note:
            return False
        if seen != self._seen or made != self._made or self.judge.faults:
            return False
        if self._site[im.ISLAND_CAPABLE]:
            if not (self.witnesses.rests() and self.judge.rests()):
                return False
            return self._same(1) and self._words[TIED] == 1
        return self._same(1) == 1

    def _lead(self, mode):
        """The converters that never form: on the grid they follow, apart from it they stand."""
        site, others = self._site, self._others
        if self._first:
            self._first = False
            count = 0
            for device in range(im.DEVICES):
                if site[im.DEVICE_KIND + device] == im.KIND_CONVERTER:
                    if device != site[im.ISLAND_DEVICE]:
                        others[count] = device
                        count += 1
        for device in others:
            if device < 0:
                return
            self._commands[im.SETPOINT_MODE + device] = mode

    def _follow(self, seen, made):
        rules, state = self._rules, self.state
        row, end = self._rules_end[state], self._rules_end[state + 1]
        relay_ms = self._site[im.RELAY_FEEDBACK_MS]
        while True:
            row = first(rules, row, end, seen, made, self.state_ms, relay_ms)
            if row == end:
                return
            following, why = rules[row + NEXT], rules[row + WHY]
            if following != state or self._news(why):
                self._enter(following, why)
                return
            row += FACTS + 1 + rules[row + FACTS]

    def _news(self, why):
        """A rule that stays in its state: its fault does not stand yet, or does and is cleared."""
        fault = CAUSES[why][1]
        faults = self.judge.faults
        return faults != 0 if fault < 0 else faults & fault != fault

    def _enter(self, state, why):
        self.judge.name(why, self.permits)
        self._seen = -1
        if state == self.state:
            return
        self.judge.enter(state, self.state)
        if state == im.ISLAND_STARTING:
            self.witnesses.suspect = False
        elif state == im.ISLAND_LOCKOUT:
            self.judge.acknowledged_seq = self._requests[im.ACKNOWLEDGE_SEQ]
        self.state = state
        self.state_ms = 0

    def _permit(self, seen, made):
        at, end = self._permits_end[self.state], self._permits_end[self.state + 1]
        self.permits = permitted(self._permits, at, end, seen, made, _KEPT, self.permits)

    def _tell(self, dt_ms, seen, made):
        """ISLAND_NOTE: what is worth a sentence and is no fault."""
        note = im.NOTE_NONE
        state, device = self.state, self._site[im.ISLAND_DEVICE]
        if state == im.ISLAND_GRID:
            if seen & _OPEN:
                note = im.NOTE_MIRROR
            elif seen & _BOND:
                note = im.NOTE_BOND
            elif made & _OUTAGE and not self._commands[im.DEVICE_PROVED + device]:
                note = im.NOTE_UNPROVED
        elif state == im.ISLAND_ISLANDED and self.state_ms >= _SHORTLY_MS:
            if not self.permits & im.OUT_LOADS:
                note = im.NOTE_LOADS
        elif self.judge.announced_ms:
            note = im.NOTE_STARTS
        elif state == im.ISLAND_DARK and not made & _RESERVE:
            note = im.NOTE_RESERVE
        elif state == im.ISLAND_DARK and self.judge.pause_ms:
            note = im.NOTE_WAITS
        if note != im.NOTE_NONE:
            self._note = note
            self._note_ms = _NOTE_MS if state == im.ISLAND_GRID else 0
        elif self._note_ms > 0:
            self._note_ms -= dt_ms
        else:
            self._note = im.NOTE_NONE
        self._commands[im.ISLAND_NOTE] = self._note
