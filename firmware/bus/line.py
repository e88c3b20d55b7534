# islet: one line, RS-485 or a connection: who may speak next.
# GPL-3.0-or-later
#
# A job is one request. A line runs one job at a time, the lowest rank that is due first; within a
# rank the one that waited longest, so that polls take turns. A changed setpoint therefore waits
# for at most the one request under way. One that only grows waits for what is due, half a second
# at most, so that no reading grows old for it.

from firmware.base.clock import sleep_ms, ticks_add, ticks_diff, ticks_ms
from firmware.bus.rtu import CODE_NAMES, EXCEPTION, OK, Peer

SETPOINT, HEARTBEAT, POLL, SPARE = 0, 1, 2, 3  # ranks; SPARE: when nothing else is due
_IDLE_MS = 20  # longest sleep: a new setpoint is seen after so long


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
            self.busy_ms = (self.busy_ms + ticks_diff(ticks_ms(), now)) & 0x3FFFFFF

    def _choose(self, now):
        best, best_ms = None, -1
        for device in self.devices:
            for job in device.jobs:
                late_ms = job.late_ms(now)
                if not job.on or late_ms < 0:
                    continue
                if job.rank != SETPOINT and job.peer.resting(now):
                    continue
                if job.peer.pausing_ms(now) > 0:
                    continue
                if (
                    best is None
                    or job.rank < best.rank
                    or (job.rank == best.rank and late_ms > best_ms)
                ):
                    best, best_ms = job, late_ms
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
        """Counters and errors by device's name, stray bytes, time spent in requests (wraps)."""
        report = {device.name: device.report() for device in self.devices}
        report["stray_bytes"] = self.rtu.stray
        report["busy_ms"] = self.busy_ms
        return report


def reports(lines):
    """What says how lines do, by name."""
    return lambda: {name: lines[name].report() for name in lines}


__all__ = ("HEARTBEAT", "OK", "POLL", "SETPOINT", "SPARE", "Device", "Job", "Line", "reports")
