# islet: the cooperative loop: which tasks run, how often, who feeds the watchdog.
# GPL-3.0-or-later
#
#   guard    10 ms   sampling interrupt: sense, then guard, which alone writes the power outputs
#   control  100 ms  latch, core.step, pilot, trace, watchdog: waits for nothing but its own time
#   policy   1 s     what the owner wants, and the ledger
#   links            RS-485, MQTT, page: as they come; each may fail without the others
#
# A unit with a bad configuration runs the guard with no permits, and its page to mend it.

import asyncio
import gc
import time

from firmware import config as configuration
from firmware.core import Core
from firmware.guard import Guard
from firmware.image import GUARD_TICKS, PILOT_DUTY_PERMILLE, Image
from firmware.sense import Sense

CONTROL_MS = 100
POLICY_MS = 1000
WATCHDOG_MS = 2000
_LATE_LIMIT_MS = 1000  # a longer gap counts as this much: ages then say "stale" all the same


class Health:
    """How well the loop keeps its promises; worst values since start."""

    def __init__(self):
        self.control_late_ms = 0
        self.guard_gap_us = 0
        self.task_failures = 0
        self.heap_low_bytes = gc.mem_free()


class App:
    """Everything that lives on the board, wired once."""

    def __init__(self, board, text):
        self.board = board
        self.image = Image()
        self.health = Health()
        self.config = configuration.load(text, self.image, board)
        self.sense = Sense(self.image, board.analog)
        self.guard = Guard(self.image, board)
        self.core = Core(self.image)
        self._guard_ticks = 0
        self._guard_us = time.ticks_us()
        self._links = []

    # --- guard ---------------------------------------------------------------------------

    def on_block(self, samples, frames):
        """The sampling interrupt, every 10 ms: no allocation, nothing that waits."""
        now_us = time.ticks_us()
        gap_us = time.ticks_diff(now_us, self._guard_us)
        self._guard_us = now_us
        if gap_us > self.health.guard_gap_us:
            self.health.guard_gap_us = gap_us
        self.board.sample_inputs(self.image)
        self.sense.on_block(samples, frames)
        self.guard.tick(10)

    # --- control -------------------------------------------------------------------------

    def control_step(self, dt_ms):
        """One control cycle over a latched image."""
        image = self.image
        image.age(dt_ms)
        image.latch()
        self.core.step(dt_ms)
        self.board.pilot(image.commands[PILOT_DUTY_PERMILLE])
        self.board.record(image, dt_ms)

    def feed_watchdog(self):
        """The only place that feeds it: control just ran, and the guard has ticked since."""
        ticks = self.image.trips[GUARD_TICKS]
        if ticks != self._guard_ticks:
            self._guard_ticks = ticks
            self.board.feed_watchdog()

    async def control(self):
        last = time.ticks_ms()
        due = last
        while True:
            now = time.ticks_ms()
            late_ms = time.ticks_diff(now, due)
            if late_ms > self.health.control_late_ms:
                self.health.control_late_ms = late_ms
            dt_ms = time.ticks_diff(now, last)
            last = now
            if not self.config.errors:
                self.control_step(dt_ms if dt_ms < _LATE_LIMIT_MS else _LATE_LIMIT_MS)
            self.feed_watchdog()
            due = time.ticks_add(due, CONTROL_MS)
            wait_ms = time.ticks_diff(due, time.ticks_ms())
            if wait_ms < 0:  # late: do not run after the lost time
                due = time.ticks_ms()
                wait_ms = 0
            await asyncio.sleep_ms(wait_ms)

    # --- policy, links -------------------------------------------------------------------

    async def slow(self, parts):
        """The parts that think once a second."""
        while True:
            for part in parts:
                part.step(POLICY_MS)
            gc.collect()  # here, where nobody waits, instead of in the middle of something
            free = gc.mem_free()
            if free < self.health.heap_low_bytes:
                self.health.heap_low_bytes = free
            await asyncio.sleep_ms(POLICY_MS)

    async def supervised(self, name, start):
        """Run a link for ever; one that fails is reported and started again."""
        while True:
            try:
                await start()
            except Exception as error:  # a link may fail in any way; control must not
                self.health.task_failures += 1
                self.board.log("{}: {} {}".format(name, type(error).__name__, error))
            await asyncio.sleep_ms(5000)

    async def run(self):
        self.board.start_sampling(self.on_block)
        self.board.start_watchdog(WATCHDOG_MS)
        control = asyncio.create_task(self.control())
        await control


def main():
    from firmware.boards import current

    board = current()
    app = App(board, board.read_config())
    for error in app.config.errors:
        board.log("configuration: " + error)
    asyncio.run(app.run())
