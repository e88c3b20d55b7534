# islet: decisions: one step over a latched process image.
# GPL-3.0-or-later
#
# No I/O, no clock, no allocation: `step(dt_ms)` reads site, readings, requests and trips, and
# writes commands. A recorded day replays through it to the byte.

from firmware.core.contactor import Contactor
from firmware.core.gridcode import GridCode
from firmware.core.island import Island
from firmware.core.limits import Limits
from firmware.core.panel import Panel
from firmware.core.pilot import Pilot
from firmware.core.proximity import Proximity
from firmware.core.recovery import Recovery
from firmware.image import AGE_MAX_MS, BEAT, FAULTS, PERMITS


class Core:
    """All parts, wired once; the order of the step is the order of the argument.

    `faults` (FAULT_*) stood before a reset, which heals nothing: they go the way they would have
    gone without it."""

    def __init__(self, image, faults=0):
        self._image = image
        self.limits = Limits(image)
        self.grid = GridCode(image, self.limits)
        self.island = Island(image)
        self.pilot = Pilot(image)
        self.proximity = Proximity(image)
        self.panel = Panel(image, self.limits)
        self.contactor = Contactor(image, self.pilot)
        self.recovery = Recovery(image)
        self.contactor.recall(faults)
        self.island.recall(faults)
        image.commands[FAULTS] = self.contactor.faults | self.island.faults

    def step(self, dt_ms):
        """Decide once; `dt_ms` is the time since the last step."""
        self.grid.step(dt_ms)
        self.island.step(dt_ms)
        self.pilot.step(dt_ms)
        self.proximity.step(dt_ms)
        self.panel.step(dt_ms)
        self.limits.step(dt_ms)
        self.contactor.step(dt_ms)
        self.pilot.drive()
        self.recovery.step(dt_ms)
        commands = self._image.commands
        commands[PERMITS] = self.contactor.permit | self.island.permits
        beat = commands[BEAT]
        commands[BEAT] = beat + 1 if beat < AGE_MAX_MS else 0
