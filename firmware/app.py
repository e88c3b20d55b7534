# islet: the cooperative loop: which tasks run, how often, who feeds the watchdog.
# GPL-3.0-or-later
#
#   guard    10 ms   sampling interrupt: sense, then guard, which alone writes the power outputs;
#                    on a board that samples by DMA the fast guard before it, every 2.5 ms
#   control  100 ms  latch, core.step, pilot, trace, watchdog: waits for nothing but its own time
#   policy   1 s     what the owner wants, and the ledger
#   links            RS-485, MQTT, page: as they come; each may fail without the others
#
# A unit with a bad configuration runs the guard with no permits, and its page to mend it.

import asyncio
import gc
import time

from firmware import image as im
from firmware.base import forget
from firmware.parts import Parts
from firmware.people import events

CONTROL_MS = 100
POLICY_MS = 1000
WATCHDOG_MS = 2000
LINK_AGAIN_MS = 5000
_COLLECTED_MS = 40  # the others' turns and a collection, 6 ms, take less
_LONGEST_STEP_MS = 60_000  # what a record of a step can carry; the watchdog acts long before


class App(Parts):
    """The parts of this site, and when each of them runs."""

    def __init__(self, board, text):
        from firmware.assembly import assemble

        assemble(self, board, text)
        del assemble
        forget("firmware.assembly", "firmware.lines")
        gc.threshold(-1)  # from here on tidy
        gc.collect()
        self._guard_ticks = 0
        self._guard_us = time.ticks_us()
        self._free_bytes = gc.mem_free()

    # --- guard ---------------------------------------------------------------------------

    def on_block(self, samples, frames, dt_ms=10):
        """The sampling interrupt, every 10 ms: no allocation, nothing that waits."""
        now_us = time.ticks_us()
        gap_us = time.ticks_diff(now_us, self._guard_us)
        self._guard_us = now_us
        if gap_us > self.health.guard_gap_us:
            self.health.guard_gap_us = gap_us
        self.image.age_sampled(dt_ms)
        self.board.sample_inputs(self.image)
        self.sense.on_block(samples, frames)
        self.guard.tick(dt_ms)

    # --- control -------------------------------------------------------------------------

    def control_step(self, dt_ms):
        """One control cycle over a latched image."""
        image = self.image
        if self.metering is not None:
            self.metering.poll(dt_ms)
            self._prefer_crossings()
        image.age_rest(dt_ms)
        image.latch()
        self.core.step(dt_ms)
        self.keep.watch()
        self.seal.step(dt_ms)
        for point in range(im.POINTS):
            self.board.pilot(image.commands[im.POINT_DUTY_PERMILLE + point], point)
        self.board.record(image, dt_ms)

    def _prefer_crossings(self):
        """A metering chip's frequency comes in steps of 10 mHz every 320 ms; the board's own, by
        crossings, is finer and younger. Without the chip's voltage there is none."""
        live = self.image.live
        mhz = self.board.crossing_mhz()
        if mhz and live[im.GRID_MHZ] and live[im.GRID_AGE_MS] < 5 * CONTROL_MS:
            live[im.GRID_MHZ] = mhz

    def feed_watchdog(self, dt_ms):
        """The only place that feeds it: control just ran, and the guard has ticked since.

        If the sampling interrupt has stopped, the guard ticks from here, so that it can trip.
        """
        trips = self.image.trips
        if trips[im.GUARD_TICKS] != self._guard_ticks:
            self.board.feed_watchdog()
        else:
            self.image.age_sampled(dt_ms)
            self.guard.tick(dt_ms)
        self._guard_ticks = trips[im.GUARD_TICKS]

    async def control(self):
        """Every 100 ms for ever. Without a good configuration nothing is ever permitted."""
        last = due = time.ticks_ms()
        while True:
            now = time.ticks_ms()
            late_ms = time.ticks_diff(now, due)
            if late_ms > self.health.control_late_ms:
                self.health.control_late_ms = late_ms
            dt_ms = time.ticks_diff(now, last)
            last = now
            if not self.config.errors:
                self.control_step(min(dt_ms, _LONGEST_STEP_MS))
            if self.lamp is not None:
                self.lamp.step(dt_ms)
            if self.button is not None:
                self.button.step(dt_ms)
            self.feed_watchdog(dt_ms)
            due = time.ticks_add(due, CONTROL_MS)
            wait_ms = time.ticks_diff(due, time.ticks_ms())
            if wait_ms < 0:  # late: do not run after the lost time
                due = time.ticks_ms()
                wait_ms = 0
            elif wait_ms > _COLLECTED_MS:
                await asyncio.sleep_ms(0)  # step and collection are a turn each
                self.tidy()
                wait_ms = max(0, time.ticks_diff(due, time.ticks_ms()))
            await asyncio.sleep_ms(wait_ms)

    # --- policy, links -------------------------------------------------------------------

    async def think(self, part):
        """One of the parts that think once a second; each by itself, for a flash that fails must
        not take the owner's wishes with it."""
        while True:
            part.step(POLICY_MS)
            await asyncio.sleep_ms(POLICY_MS)

    async def slow(self):
        """What else is done once a second."""
        while True:
            self.image.live[im.WALL_MIN] = self.board.wall_minute()
            self.events.poll(POLICY_MS // 1000)
            self.notice()
            await asyncio.sleep_ms(0)  # a turn each
            if self.console is not None:
                self.console.step(POLICY_MS)
                await asyncio.sleep_ms(0)
            if self.access is not None:
                await self.access.second(POLICY_MS)  # pyright: ignore[reportGeneralTypeIssues]
            await asyncio.sleep_ms(POLICY_MS)

    def notice(self):
        """Interrupts whose handler failed; each may have been a trip that the tick saw late."""
        failed = self.board.failed_handlers()
        if failed != self.health.handlers_failed:
            self.health.handlers_failed = failed
            self.events.add(events.INTERRUPT, value=failed)
            self.board.log("an interrupt's handler failed, {} since start".format(failed))

    def tidy(self):
        """Collect here, after a step, before an allocation has to in the middle of something;
        but only when an eighth of what was free is used up, for a collection is dear: between two
        steps the state's text alone may make 45 kB of garbage, and that much must be free still.
        What is made meanwhile and lasts lies in that eighth, so the rest stays one block."""
        health = self.health
        free = gc.mem_free()
        if 8 * free < 7 * self._free_bytes:
            gc.collect()
            self._free_bytes = gc.mem_free()
        if free < health.heap_low_bytes:
            health.heap_low_bytes = free
        self.state.heap_low_bytes = health.heap_low_bytes
        self.state.heap_free_bytes = free

    async def supervised(self, row, run, *given):
        """Run a task of this row for ever; one that fails is reported and started again."""
        while True:
            try:
                await run(*given)
            except Exception as error:  # it may fail in any way; control must not
                self.health.link_failures += 1
                self.events.failed(row, error)
                name = type(error).__name__
                self.board.log("{}: {} {}".format(self.task(row), name, error))
            await asyncio.sleep_ms(LINK_AGAIN_MS)

    async def run(self):
        """Everything, until control fails: then nothing renews the permits and the guard drops
        them, and the watchdog, no longer fed, starts afresh."""
        self._guard_us = time.ticks_us()  # the gap that counts begins with the sampling
        if self.fast is None:
            self.board.start_sampling(self.on_block)
        else:
            self.board.watch_trips(self.guard.strike_by)
            self.board.start_sampling(self.on_block, self.fast.on_block)
        self.board.start_watchdog(WATCHDOG_MS)
        work = [(start,) for _, start in self.links]  # in the order of Parts.task
        work.append((self.slow,))
        work += [(self.think, part) for _, part in self.slow_parts]
        runs = [self.supervised(row, *each) for row, each in enumerate(work)]
        self.tasks = [asyncio.create_task(run) for run in runs]
        await self.control()


def read_config(board):
    """The configuration's text; None if damaged, so that the page still comes up to say so."""
    try:
        return board.read_config()
    except (OSError, UnicodeError, MemoryError):
        return None


def main():
    """Build the board, load the configuration, run."""
    from firmware.chips import current

    board = current()
    app = App(board, read_config(board))
    for error in app.config.errors:
        board.log("configuration: " + error)
    for warning in app.config.warnings:
        board.log("configuration, a warning: " + warning)
    try:
        asyncio.run(app.run())
    except KeyboardInterrupt:  # the console lets Ctrl-C through while nothing is energised
        board.stop()
        raise
