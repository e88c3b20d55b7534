# islet: one line, RS-485 or a connection: who may speak next.
# GPL-3.0-or-later
#
# A job is one request. A line runs one job at a time, the lowest rank that is due first; within a
# rank the one that waited longest, so that polls take turns. A zero goes before everything, other
# setpoints too. It and a changed setpoint wait for at most the one request under way: on a wire
# that cannot be cut short, since whoever is asked may still begin to answer, and would speak into
# the zero; so a device that is dead costs them its time-out at most. A setpoint that only grows
# waits for what is due, half a second at most, so that no reading grows old for it.
#
# Who has taken more than twice its share of the line of late, because it is slow or silent, is
# polled when nobody else is due. A dead device is left alone longer and longer, up to ten
# seconds; the news of a zero begins that anew.

from firmware.base.clock import sleep_ms, ticks_add, ticks_diff, ticks_ms
from firmware.bus.peer import CODE_NAMES, EXCEPTION, OK, Peer

# ranks; SPARE: when nothing else is due
ZERO, SETPOINT, HEARTBEAT, POLL, SPARE = 0, 1, 2, 3, 4
_IDLE_MS = 20  # longest sleep: a new setpoint is seen after so long
_PATIENT = 2  # time-outs in a row, from which on a setpoint too keeps to the rest
_SPAN_MS = 1_000  # after so long half of what each has taken of the line is forgotten
_FADES = 8  # spans, after which one that was heard is forgotten
_LEAVE_MS = 2_000  # for the last words to all devices


class Job:
    """One kind of request of a device, due every period_ms while it is on."""

    def __init__(self, device, rank, period_ms, run):
        self.peer = device.peer
        self.rank = rank
        self.period_ms = period_ms
        self.run = run  # coroutine function: makes at most one request
        self.on = True
        self.next_ms = ticks_ms()

    def late_ms(self, now):
        """How long it has been due; negative: not yet."""
        return ticks_diff(now, self.next_ms)

    def after(self, ms):
        """Due in so many ms."""
        self.next_ms = ticks_add(ticks_ms(), ms)

    def started(self, now, late_ms):
        """Keep the rhythm, but do not run after lost time."""
        base = self.next_ms if late_ms < self.period_ms else now
        self.next_ms = ticks_add(base, self.period_ms)


class Device:
    """What all devices on a line have: a peer, jobs, and a list of what is wrong by name."""

    def __init__(self, name, address, timeout_ms):
        self.name = name
        self.peer = Peer(name, address, timeout_ms)
        self.jobs = []
        self.errors = {}  # field -> sentence; formatted when it arises, not while it lasts

    def wrong(self, field, text, *values):
        """Note an error of the named field; False, for a caller's return."""
        if field not in self.errors:
            self.errors[field] = text.format(*values)
        return False

    def right(self, field):
        """The field is good again; True, for a caller's return."""
        if field in self.errors:
            del self.errors[field]
            if not self.errors:
                self.errors = {}  # the other would keep its room
        return True

    def begin_with(self, timeout_ms, pause_ms):
        """What is configured of its pace, None for what is not: learning begins there."""
        if timeout_ms is not None:
            self.peer.timeout_ms = timeout_ms
        if pause_ms is not None:
            self.peer.pause_ms = pause_ms

    def watch(self, now):
        """Called before each choice of a job; may make a job due."""

    def leave(self, so):
        """So: it is told its last word, which gives it back to its own mode; or not after all."""

    def left(self):
        """Whether nothing is to be said to it any more."""
        return True

    def state(self):
        """One word for people."""
        return "silent" if self.peer.silences else "ok"

    def report(self):
        """Small dict for diagnosis: state, errors, last refusal, counters."""
        peer = self.peer
        report = {"address": peer.address, "state": self.state(), "last": CODE_NAMES[peer.code]}
        report["turnaround_ms"] = peer.turnaround_ms
        report["timeout_ms"] = peer.timeout_ms
        report["pause_ms"] = peer.pause_ms
        report["writes"] = peer.writes
        report["errors"] = [field + ": " + text for field, text in self.errors.items()]
        if peer.code == EXCEPTION:
            report["exception"] = peer.exception
        for i in range(len(CODE_NAMES)):
            report[CODE_NAMES[i]] = peer.counts[i]
        return report


class Line:
    """A line with its devices, who are asked by `rtu`, a Rtu or a Tcp; `run` is its only task."""

    def __init__(self, rtu):
        self.rtu = rtu
        self.devices = []
        self.busy_ms = 0  # spent in requests, for the line's load; wraps
        self._span_ms = ticks_ms()
        self._spans = 0

    def add(self, device):
        """A device joins; its address must be its own."""
        for other in self.devices:
            if other.peer.address == device.peer.address:
                raise ValueError(
                    "{}.address: {} is taken by the {}".format(
                        device.name, device.peer.address, other.name
                    )
                )
        self.devices.append(device)

    async def run(self):
        """Serve the devices for ever."""
        for device in self.devices:
            for job in device.jobs:
                job.next_ms = ticks_ms()
        while True:
            now = ticks_ms()
            for device in self.devices:
                device.watch(now)
            job = self._choose(now)
            if job is None:
                await sleep_ms(self._idle_ms(now))
                continue
            job.started(now, job.late_ms(now))
            await job.run()
            took_ms = ticks_diff(ticks_ms(), now)
            job.peer.taken_ms += took_ms
            self.busy_ms = (self.busy_ms + took_ms) & 0x3FFFFFF

    def _choose(self, now):
        if ticks_diff(now, self._span_ms) >= _SPAN_MS:
            self._span_ms = now
            self._spans = (self._spans + 1) % _FADES
            if not self._spans:
                self.rtu.fade()
            for device in self.devices:
                device.peer.taken_ms >>= 1
        # twice its share: of a steady load twice as much is remembered as it takes in a span
        most_ms = 2 * 2 * _SPAN_MS // max(len(self.devices), 1)
        best, best_rank, best_ms = None, 0, -1
        for device in self.devices:
            peer = device.peer
            if peer.pause_ms and peer.pausing_ms(now) > 0:
                continue
            heard = SPARE  # the last rank that is heard
            if peer.silences and peer.resting(now):
                if peer.silences >= _PATIENT:
                    continue
                heard = SETPOINT
            for job in device.jobs:
                if not job.on or job.rank > heard:
                    continue
                late_ms = job.late_ms(now)
                if late_ms < 0:
                    continue
                rank = job.rank
                if rank == POLL and peer.taken_ms > most_ms:
                    rank = SPARE
                if best is None or rank < best_rank or (rank == best_rank and late_ms > best_ms):
                    best, best_rank, best_ms = job, rank, late_ms
        return best

    def _idle_ms(self, now):
        """Until the next job may be due."""
        wait_ms = _IDLE_MS
        for device in self.devices:
            for job in device.jobs:
                if job.on and -wait_ms < job.late_ms(now) < 0:
                    wait_ms = -job.late_ms(now)
        return wait_ms

    def report(self):
        """Counters and errors by device's name, stray bytes, time spent in requests (wraps), and
        what that says of the line."""
        report = {device.name: device.report() for device in self.devices}
        report["stray_bytes"] = self.rtu.stray
        report["busy_ms"] = self.busy_ms
        report["says"] = self.says()
        return report

    def says(self):
        """What is wrong with it, in words: [{"text", "way_out"}]."""
        rtu = self.rtu
        wrong = rtu.echo or rtu.others or rtu.trouble is not None
        for device in self.devices:
            peer = device.peer
            wrong = wrong or peer.silences or peer.code or peer.recent[OK] < sum(peer.recent)
        if not wrong:
            return []
        from firmware.bus.diagnosis import said  # kept in the heap where it is needed

        return said(rtu, [device.peer for device in self.devices])


async def leave(lines):
    """Before islet ends: all devices are told their last word. Who does not take it in time is
    left to what it does when islet falls silent."""
    devices = [device for line in lines for device in line.devices]
    for device in devices:
        device.leave(True)
    end = ticks_add(ticks_ms(), _LEAVE_MS)
    while not all(device.left() for device in devices) and ticks_diff(end, ticks_ms()) > 0:
        await sleep_ms(_IDLE_MS)


def stay(lines):
    """It does not end after all."""
    for line in lines:
        for device in line.devices:
            device.leave(False)


def reports(lines):
    """What says how lines do, by name."""
    return lambda: {name: lines[name].report() for name in lines}


__all__ = (
    "HEARTBEAT",
    "OK",
    "POLL",
    "SETPOINT",
    "SPARE",
    "ZERO",
    "Device",
    "Job",
    "Line",
    "reports",
)
