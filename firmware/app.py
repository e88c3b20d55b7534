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

import islet_data

from firmware.bus.inverter import Inverter
from firmware.bus.line import Line
from firmware.bus.meter import Meter
from firmware.console import Console, overlaid
from firmware.core import KEPT_FAULTS, KEPT_TRIPS, Core
from firmware.guard import Guard
from firmware.guard.fast import Fast
from firmware.health import Health
from firmware.image import (
    GRID_AGE_MS,
    GRID_MHZ,
    GUARD_TICKS,
    INSTRUMENT_METER,
    INVERTER_NODE,
    NODE_COUNT,
    NODE_INSTRUMENT,
    PILOT_DUTY_PERMILLE,
    WALL_MIN,
    Image,
)
from firmware.lamp import Button, Lamp
from firmware.ledger import Ledger, open_store
from firmware.ledger.keep import Keep
from firmware.ledger.seal import Seal
from firmware.net.commands import OWNER, Commands
from firmware.net.events import Events
from firmware.net.state import State
from firmware.policy import Policy
from firmware.sense import Sense, calibration
from firmware.start import Configured

CONTROL_MS = 100
POLICY_MS = 1000
WATCHDOG_MS = 2000
LINK_AGAIN_MS = 5000
_LONGEST_STEP_MS = 60_000  # what a record of a step can carry; the watchdog acts long before


class App:
    """Everything that lives on the board, wired once."""

    fast = None  # guard/fast.py, where the board hands over blocks
    metering = None  # where it has metering chips
    lamp = None  # and what else a circuit may have
    button = None

    def __init__(self, board, text):
        self.board = board
        self.image = Image()
        self.health = Health()
        self.config = Configured(text, self.image, board.rights)
        gc.collect()  # what lasts shall lie together, not between what goes again
        self._calibrate()
        self.sense = Sense(self.image, board.analog)
        self.guard = Guard(self.image, board)
        if getattr(board, "fast_blocks", False):
            self.fast = Fast(self.image, self.guard, board, self.sense.middles)
        self.store = self._open_store()
        self.keep = Keep(self.store, self.image, KEPT_FAULTS, KEPT_TRIPS)
        self.guard.recall(self.keep.trips)
        gc.collect()
        self.core = Core(self.image)
        self.seal = Seal(board, self.image)
        self.events = Events(self.image)
        self.events.add("start", self.keep.state()["text"])
        self.state = State(
            self.image,
            self.config.settings["name"],
            self.config.nodes,
            self.config.errors,
            self._extras,
        )
        self.links = []  # (name, coroutine function that runs for ever)
        self.slow_parts = []  # (name, what steps once a second)
        warnings = self.config.warnings
        self.reports: list = [("health", self.health.state), ("warnings", lambda: warnings)]
        if not self.config.errors:
            try:
                self._add_parts()
            except ValueError as error:  # what only the parts can see, as "field: sentence"
                self.config.errors.append(str(error))
        gc.collect()
        self._add_page()
        self._add_console()
        self._add_lamp()
        self.config.settings = {}  # every part has taken its own
        self._guard_ticks = 0
        self._guard_us = time.ticks_us()
        gc.collect()
        self._free_bytes = gc.mem_free()

    def _open_store(self):
        """What was promised to last lies here; without it nothing is energised."""
        try:
            return open_store(self.board.storage, self.image)
        except (OSError, ValueError) as error:
            self.config.errors.append("storage: {}".format(error))
            return None

    # --- wiring --------------------------------------------------------------------------

    def _calibrate(self):
        """Before anybody takes a scale; a damaged file is as bad as a bad configuration."""
        board = self.board
        self.scales = []  # of the metering chips
        if getattr(board, "meters", None):
            from firmware.sense.atm90e32_setup import Scales

            self.scales = [Scales(row) for _, _, row in board.meters]
        self.calibration = calibration.load(
            calibration.text(), board.name, board.analog, self.scales
        )
        for error in self.calibration.errors:
            self.config.errors.append("calibration.json: " + error)

    def _add_parts(self):
        """What a unit with a good configuration has besides guard, core and page."""
        settings = self.config.settings
        policy = Policy(self.image, settings)
        self.commands = Commands(self.image, policy, self.keep.note)
        self.keep.restore(policy)
        self.ledger = Ledger(self.store, self.image)
        self.slow_parts += [("policy", policy), ("keep", self.keep), ("ledger", self.ledger)]
        self.reports += [("policy", policy.state), ("keep", self.keep.state)]
        self.reports.append(("ledger", self.ledger.state))
        self._add_bus(settings)
        if getattr(self.board, "meters", None):
            self._add_metering()
        if settings["mqtt.host"]:
            from firmware.net.mqtt import Mqtt  # needs sockets: a Pico has none

            mqtt = Mqtt(settings, self.commands, self.state, self.events)
            self.links.append(("mqtt", mqtt.run))
            self.reports.append(("mqtt", mqtt.counters))

    def _add_bus(self, settings):
        """Meter and inverter on one RS-485 line, if the site has either."""
        site = self.image.site
        metered = [
            node
            for node in range(site[NODE_COUNT])
            if site[NODE_INSTRUMENT + node] == INSTRUMENT_METER
        ]
        if not metered and site[INVERTER_NODE] < 0:
            return
        baud, parity = settings["bus.baud"], settings["bus.parity"]
        uart = self.board.uart(baud, parity)
        line = Line(uart, baud, 10 if parity == "N" else 11)
        if metered:
            profile = islet_data.DEVICES[settings["meter.profile"]]
            Meter(self.image, line, profile, settings["meter.address"], metered[0])
        if site[INVERTER_NODE] >= 0:
            Inverter(self.image, line, settings["inverter.address"], settings["inverter.base"])
        self.links.append(("bus", line.run))
        self.reports.append(("bus", line.report))

    def _add_metering(self):
        """The metering chips of the circuit board."""
        from firmware.sense.atm90e32 import Atm90e32
        from firmware.sense.metering import Metering

        board = self.board
        rows = [row for _, _, row in board.meters]
        drivers = [
            Atm90e32(spi, select, scales)
            for (spi, select, _), scales in zip(board.meters, self.scales)
        ]
        self.metering = Metering(self.image, rows, drivers, board.circuit.crossing_leg)

    def _add_page(self):
        """The page is there even when the configuration is not, to mend it."""
        settings = self.config.settings
        if settings["http.port"] is None or self.config.errors:
            settings["http.port"] = self.board.http_port
        if not settings["http.port"]:
            return
        commands = None if self.config.errors else self.commands
        ledger = None if self.config.errors else self.ledger
        from firmware.net.http import Http  # needs sockets: a Pico has none

        http = Http(settings, self.state, commands, self.events, ledger)
        self.links.append(("page", http.run))
        self.reports.append(("http", http.counters))

    def _add_console(self):
        """Where the board has one, it answers there and can be stopped for maintenance."""
        if getattr(self.board, "console", None) is None:
            return
        name, errors = self.config.settings["name"], self.config.errors
        console = Console(self.board, self.image, name, errors)
        console.add("warnings", lambda: self.config.warnings)
        console.add("calibration", lambda: self.calibration.date)
        console.answer("readings", lambda: calibration.readings(self.image))
        console.answer("calibration", lambda: {"text": calibration.text()})
        if not self.config.errors:
            console.obey(self._by_hand)
        self.links.append(("console", console.run))
        self.slow_parts.append(("console", console))
        if overlaid():
            self.reports.append(("overlay", lambda: {"modules": overlaid()}))

    def _by_hand(self, name, payload):
        """A command of whoever stands before the box: the owner's."""
        return self.commands.handle(name, payload, (OWNER,))

    def _add_lamp(self):
        """Where the circuit has them: the lamp, and the button that acknowledges."""
        light = getattr(self.board, "lamp", None)
        if light is not None:
            self.lamp = Lamp(self.image, self.config.errors, light)
        pressed = getattr(self.board, "button", None)
        if pressed is not None and not self.config.errors:
            self.button = Button(self.image, pressed, lambda: self._by_hand("acknowledge", {}))

    def _extras(self):
        """Further sections of the published state."""
        return {name: report() for name, report in self.reports}

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
        self.board.pilot(image.commands[PILOT_DUTY_PERMILLE])
        self.board.record(image, dt_ms)

    def _prefer_crossings(self):
        """A metering chip's frequency comes in steps of 10 mHz every 320 ms; the board's own, by
        crossings, is finer and younger. Without the chip's voltage there is none."""
        live = self.image.live
        mhz = self.board.crossing_mhz()
        if mhz and live[GRID_MHZ] and live[GRID_AGE_MS] < 5 * CONTROL_MS:
            live[GRID_MHZ] = mhz

    def feed_watchdog(self, dt_ms):
        """The only place that feeds it: control just ran, and the guard has ticked since.

        If the sampling interrupt has stopped, the guard ticks from here, so that it can trip.
        """
        trips = self.image.trips
        if trips[GUARD_TICKS] != self._guard_ticks:
            self.board.feed_watchdog()
        else:
            self.image.age_sampled(dt_ms)
            self.guard.tick(dt_ms)
        self._guard_ticks = trips[GUARD_TICKS]

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
            self.image.live[WALL_MIN] = self.board.wall_minute()
            self.events.poll(POLICY_MS // 1000)
            self.tidy()
            await asyncio.sleep_ms(POLICY_MS)

    def tidy(self):
        """Collect here, where nobody waits, before an allocation has to in the middle of
        something; but only when half of what was free is used up, for a collection is dear."""
        health = self.health
        free = gc.mem_free()
        if 2 * free < self._free_bytes:
            gc.collect()
            self._free_bytes = gc.mem_free()
        if free < health.heap_low_bytes:
            health.heap_low_bytes = self.state.heap_low_bytes = free

    async def supervised(self, name, run, *given):
        """Run a task for ever; one that fails is reported and started again."""
        while True:
            try:
                await run(*given)
            except Exception as error:  # it may fail in any way; control must not
                self.health.link_failures += 1
                text = "{}: {} {}".format(name, type(error).__name__, error)
                self.events.add("link", text)
                self.board.log(text)
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
        work = [self.supervised(name, start) for name, start in self.links]
        work.append(self.supervised("slow", self.slow))
        work += [self.supervised(name, self.think, part) for name, part in self.slow_parts]
        self.tasks = [asyncio.create_task(each) for each in work]
        await self.control()


def read_config(board):
    """The configuration's text; None if damaged, so that the page still comes up to say so."""
    try:
        return board.read_config()
    except (OSError, UnicodeError, MemoryError):
        return None


def main():
    """Build the board, load the configuration, run."""
    from firmware.boards import current

    board = current()
    app = App(board, read_config(board))
    for error in app.config.errors:
        board.log("configuration: " + error)
    for warning in app.config.warnings:
        board.log("configuration, a warning: " + warning)
    try:
        asyncio.run(app.run())
    except KeyboardInterrupt:  # the console lets Ctrl-C through while nothing is energised
        stop = getattr(board, "stop", None)
        if stop is not None:
            stop()
        raise
