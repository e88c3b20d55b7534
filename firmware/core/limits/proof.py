# islet: the commissioning proof: a converter shows that it obeys before it may do anything else.
# GPL-3.0-or-later
#
# A person starts it. Inside all grants it is told to draw a few hundred watt, then to deliver
# them; sign, size and time are compared with an instrument not its own. Then islet falls silent
# towards it (no setpoint, no heartbeat; it is still read, so a time-out that any traffic renews
# shows as none) and times its return to rest. One that never returns is ended by its enable.
#
# A house that moves in the middle spoils a try, not the proof: a part that fails is tried three
# times, one that was spoiled for certain as often as a quarter of an hour allows.

from firmware import image as im
from firmware.base.timer import grown
from firmware.base.viper import const
from firmware.core.limits import columns

_STEP_W = const(500)  # most that it is asked for, and keeps while nobody speaks to it
_TOLERANCE_W = const(100)  # or 3/10 of the step
_STILL_MS = const(3_000)
_LAG_MS = const(2_000)  # of an instrument (INV-4), and of a setpoint's way
_LATE_MS = const(10_000)  # watched so much longer, to tell late from never
_GRANT_MS = const(60_000)  # its grants must let it within so long
_RESTLESS_MS = const(120_000)
_WHOLE_MS = const(900_000)
_SURE_MS = const(1_000)
_SIZE_MS = const(2_000)
_BLIND_MS = const(5_000)
_SILENT_MS = const(90_000)
_ENDED_MS = const(6_000)  # after its enable fell, the instrument's age included
_REST_MS = const(2_000)  # before the next: the ledger looks at a result once a second
_TRIES = const(3)
_RETURN_S = const(10)  # design: within so long a dead islet does nothing
_MOST_RESPONSE = const(255)  # of PROOF_RESULT
_NOTHING_W = const(2_000_000)  # no power: more than any


class Proof:
    """`step` after obedience, before the limits are claimed. `wish_w` is asked of `device` (-1
    none) while it lasts; `withheld` holds the enable at the end."""

    def __init__(self, image, obedience):
        self._site = image.site
        self._readings = image.readings
        self._requests = image.requests
        self._commands = image.commands
        self._rows = obedience.rows  # of all converters
        self.device = im.UNKNOWN
        self.wish_w = 0
        self.withheld = 0
        self._seen = None
        self._seq = image.requests[im.PROVE_SEQ]
        self._step_w = 0
        self._tolerance_w = 0
        self._ms = 0  # in this phase, from when its setpoint stood
        self._wait_ms = 0  # for the setpoint, or for stillness
        self._in_ms = 0  # within tolerance of what is expected
        self._against_ms = 0
        self._blind_ms = 0
        self._sum_w = self._count = 0
        self._reference_w = 0
        self._base_w = 0  # of the instrument, at zero
        self._next = im.PROOF_DRAW
        self._tries = 0
        self._failed = im.VERDICT_OWN  # what a try has found before
        self._response_ms = 0  # the slower of both
        self._return_s = 0
        self._wms = 0  # below one W s
        self._rest_ms = im.AGE_MAX_MS  # since the last

    def step(self, dt_ms):
        commands, requests = self._commands, self._requests
        for row in self._rows:
            device = row.device
            commands[im.DEVICE_PROVED + device] = _proved(
                requests[im.PROOF_RECORD + device],
                requests[im.PROOF_IDENTITY + device]
                == self._readings[im.DEVICE_IDENTITY + device],
            )
        self._rest_ms = grown(self._rest_ms, dt_ms)
        if requests[im.PROVE_SEQ] != self._seq and (self.device >= 0 or self._rest_ms > _REST_MS):
            self._seq = requests[im.PROVE_SEQ]
            self._begin(requests[im.PROVE_DEVICE])
        if self.device >= 0:
            commands[im.PROOF_MS] = grown(commands[im.PROOF_MS], dt_ms)
            self._run(dt_ms)

    # --- beginning and end --------------------------------------------------------------------

    def _begin(self, device):
        if self.device >= 0:
            self._end(im.VERDICT_STOPPED)
        for row in self._rows:
            if row.device == device:
                self.device = device
                self._seen = row.seen
        if self.device < 0:
            return
        commands = self._commands
        commands[im.PROOF_DEVICE] = device
        commands[im.PROOF_MS] = commands[im.PROOF_WS] = 0
        self._step_w = self._least(_STEP_W)
        self._tolerance_w = max(_TOLERANCE_W, self._step_w * 3 // 10)
        self._response_ms = self._return_s = self._blind_ms = self._wms = 0
        self._tries = 0
        self._failed = im.VERDICT_OWN
        self._next = im.PROOF_DRAW if self._site[im.DEVICE_CHARGE_W + device] else im.PROOF_DELIVER
        self._enter(im.PROOF_STILL)

    def _least(self, step_w):
        """What both directions can do, and no less than the device can."""
        site, device = self._site, self.device
        for most_w in (site[im.DEVICE_CHARGE_W + device], self._delivers_w()):
            if 0 < most_w < step_w:
                step_w = most_w
        least_w = site[im.DEVICE_LEAST + device]
        return least_w if least_w > step_w else step_w

    def _delivers_w(self):
        site, device = self._site, self.device
        if not columns.may_deliver(site, device):
            return 0
        return site[im.DEVICE_DISCHARGE_W + device]

    def _enter(self, phase):
        self._commands[im.PROOF_STATE] = phase
        self._ms = self._wait_ms = self._in_ms = self._against_ms = 0
        self._sum_w = self._count = 0
        self._reference_w = _NOTHING_W
        if phase == im.PROOF_STILL:
            self.wish_w = 0
        elif phase == im.PROOF_DRAW:
            self.wish_w = self._step_w
        elif phase == im.PROOF_DELIVER:
            self.wish_w = -self._step_w
        self.withheld = im.OUT_ENABLE if phase == im.PROOF_ENDED else 0

    def _end(self, verdict):
        commands = self._commands
        response = (self._response_ms + 99) // 100
        if response > _MOST_RESPONSE:
            response = _MOST_RESPONSE
        commands[im.PROOF_RESULT] = (
            verdict | response << im.PROOF_RESPONSE_SHIFT | self._return_s << im.PROOF_RETURN_SHIFT
        )
        commands[im.PROOF_OF] = self.device
        seq = commands[im.PROOF_SEQ]
        commands[im.PROOF_SEQ] = seq + 1 if seq < im.AGE_MAX_MS else 0
        self._enter(im.PROOF_STILL)
        commands[im.PROOF_STATE] = im.PROOF_REST
        self.device = im.UNKNOWN
        self._seen = None
        self._rest_ms = 0

    def _again(self, verdict):
        """This part once more from rest, or that was it."""
        self._tries += 1
        if verdict != im.VERDICT_RESTLESS:
            self._failed = verdict
        if self._tries >= _TRIES:
            self._end(verdict)
            return
        if self._commands[im.PROOF_STATE] >= im.PROOF_SILENT:
            self._next = im.PROOF_DELIVER if self._delivers_w() else im.PROOF_DRAW
        else:
            self._next = self._commands[im.PROOF_STATE]
        self._enter(im.PROOF_STILL)

    def _passed(self):
        """On to the next phase."""
        phase = self._commands[im.PROOF_STATE]
        self._tries = 0
        if phase == im.PROOF_DRAW and self._delivers_w():
            self._next = im.PROOF_DELIVER
            self._enter(im.PROOF_STILL)
        elif self._step_w > _STEP_W:  # nobody falls silent above that
            self._return_s = im.PROOF_NEVER
            self._end(im.VERDICT_OBEYS)
        else:
            self._enter(im.PROOF_SILENT)

    # --- phases -------------------------------------------------------------------------------

    def _run(self, dt_ms):
        commands, device, seen = self._commands, self.device, self._seen
        if commands[im.PROOF_MS] > _WHOLE_MS:
            self._end(im.VERDICT_RESTLESS)
            return
        if commands[im.DEVICE_OBEDIENCE + device] >= im.OBEY_ZERO:
            self._end(self._failed)
            return
        if commands[im.ISLAND_STATE] != im.ISLAND_GRID:
            self._end(im.VERDICT_REFUSED)
            return
        if not seen.independent():
            self._blind_ms = grown(self._blind_ms, dt_ms)
            if self._blind_ms > _BLIND_MS:
                self._end(im.VERDICT_BLIND)
            return
        self._blind_ms = 0
        w = seen.independent_w()
        phase = commands[im.PROOF_STATE]
        if phase == im.PROOF_STILL:
            self._still(w, dt_ms)
            return
        moved_w = w - self._base_w if self.wish_w > 0 else self._base_w - w  # + as it was told
        self._account(moved_w, dt_ms)
        if phase == im.PROOF_SILENT:
            self._silent(moved_w, dt_ms)
        elif phase == im.PROOF_ENDED:
            self._ended(moved_w, dt_ms)
        else:
            self._act(moved_w, dt_ms)

    def _account(self, moved_w, dt_ms):
        wms = self._wms + (moved_w if moved_w > 0 else -moved_w) * dt_ms
        self._wms = wms % 1000
        self._commands[im.PROOF_WS] = grown(self._commands[im.PROOF_WS], wms // 1000)

    def _still(self, w, dt_ms):
        """A base to compare with: its own zero, in a house that stands still."""
        self._wait_ms += dt_ms
        if self._wait_ms > _RESTLESS_MS:
            self._end(im.VERDICT_RESTLESS)
            return
        response_ms = self._site[im.DEVICE_RESPONSE_MS + self.device]
        if self._commands[im.SETPOINT + self.device] or self._wait_ms < response_ms + _LAG_MS:
            return
        if not -_TOLERANCE_W <= w - self._reference_w <= _TOLERANCE_W:
            self._reference_w = w
            self._ms = self._sum_w = self._count = 0
        self._ms += dt_ms
        self._sum_w += w
        self._count += 1
        if self._ms >= _STILL_MS:
            self._base_w = self._sum_w // self._count
            if (
                self._seen.measured()
                and not -self._tolerance_w <= self._base_w <= self._tolerance_w
            ):
                self._end(im.VERDICT_OWN)  # told zero
                return
            self._enter(self._next)

    def _act(self, moved_w, dt_ms):
        """Draw or deliver."""
        if not self._asked(dt_ms):
            return
        step_w, tolerance_w = self._step_w, self._tolerance_w
        self._ms += dt_ms
        self._against_ms = self._against_ms + dt_ms if moved_w < -tolerance_w else 0
        if self._against_ms >= _SURE_MS:
            self._again(im.VERDICT_SIGN)
            return
        response_ms = self._site[im.DEVICE_RESPONSE_MS + self.device]
        if -tolerance_w <= moved_w - step_w <= tolerance_w:
            self._in_ms += dt_ms
            if self._in_ms >= _SIZE_MS:
                took_ms = self._ms - self._in_ms - self._seen.independent_age_ms()
                if took_ms > response_ms + _LAG_MS:
                    self._again(im.VERDICT_LATE)
                    return
                if took_ms > self._response_ms:
                    self._response_ms = took_ms
                self._passed()
            return
        self._in_ms = 0
        if self._ms > response_ms + _LAG_MS + _LATE_MS:
            nothing = moved_w <= tolerance_w
            self._again(im.VERDICT_IGNORES if nothing else im.VERDICT_SIZE)

    def _asked(self, dt_ms):
        """Whether the setpoint stands as wished, but for the tolerance; its grants must let it."""
        asked_w = self._commands[im.SETPOINT + self.device]
        if (asked_w if self.wish_w > 0 else -asked_w) >= self._step_w - self._tolerance_w:
            return True
        self._wait_ms += dt_ms
        if self._ms or self._wait_ms > _GRANT_MS:
            self._end(im.VERDICT_REFUSED)
        return False

    def _silent(self, moved_w, dt_ms):
        """Nobody speaks to it: does it rest by itself?"""
        if not self._asked(dt_ms):
            return
        self._ms += dt_ms
        if -self._tolerance_w <= moved_w <= self._tolerance_w:
            self._in_ms += dt_ms
            if self._in_ms >= _SIZE_MS:
                took_ms = self._ms - self._in_ms - self._seen.independent_age_ms()
                self._return_s = max(1, (took_ms + 999) // 1000)
                self._end(im.VERDICT_OBEYS)
            return
        self._in_ms = 0
        if -self._tolerance_w <= moved_w - self._step_w <= self._tolerance_w:
            self._against_ms = 0
            if self._ms >= _SILENT_MS:
                self._enter(im.PROOF_ENDED)
            return
        self._against_ms += dt_ms  # neither: something else moved
        if self._against_ms >= _STILL_MS:
            self._tries -= 1
            self._again(im.VERDICT_RESTLESS)

    def _ended(self, moved_w, dt_ms):
        """Its enable must end what it does; else it was not its doing, or that has no effect."""
        self._ms += dt_ms
        if -self._tolerance_w <= moved_w <= self._tolerance_w:
            self._in_ms += dt_ms
            if self._in_ms >= _SURE_MS:
                self._return_s = im.PROOF_NEVER
                self._end(im.VERDICT_OBEYS)
            return
        self._in_ms = 0
        if self._ms > _ENDED_MS:
            self._again(im.VERDICT_OWN)


def _proved(record, same):
    """DEVICE_PROVED, by a record and whether it is of the device that answers now."""
    if not same or record & im.VERDICT_BITS != im.VERDICT_OBEYS:
        return 0
    return 2 if record >> im.PROOF_RETURN_SHIFT > _RETURN_S else 1
