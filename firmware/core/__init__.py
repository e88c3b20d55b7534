# islet: decisions: one step over a latched process image.
# GPL-3.0-or-later
#
# No I/O, no clock, no allocation: `step(dt_ms)` reads site, readings, requests and trips, and
# writes commands. A recorded day replays through it to the byte.

from firmware.core.contactor import KEPT_FAULTS as CONTACTOR_FAULTS
from firmware.core.contactor import Contactor
from firmware.core.gridcode import GridCode
from firmware.core.island import Island
from firmware.core.island_table import FAULTS_OF_ISLAND
from firmware.core.limits import Limits
from firmware.core.obedience import KEPT_FAULTS as OBEDIENCE_FAULTS
from firmware.core.obedience import Obedience
from firmware.core.panel import Panel
from firmware.core.pen import KEPT_FAULTS as PEN_FAULTS
from firmware.core.pen import Pen
from firmware.core.pilot import Pilot
from firmware.core.proximity import Proximity
from firmware.core.recovery import KEPT_TRIPS, Recovery  # noqa: F401  for whoever keeps them
from firmware.image import (
    AGE_MAX_MS,
    BEAT,
    FAULT_INSTRUMENT,
    FAULTS,
    MEMORIES,
    MEMORY,
    PERMITS,
    REMEMBERED,
    REMEMBERED_FAULTS,
)

# What a reset or power cut does not heal: it goes the way it would have gone without one.
KEPT_FAULTS = (
    CONTACTOR_FAULTS | FAULTS_OF_ISLAND | OBEDIENCE_FAULTS | PEN_FAULTS | FAULT_INSTRUMENT
)


class Core:
    """All parts, wired once; the order of the step is the order of the argument.

    REMEMBERED_FAULTS, REMEMBERED and TRIPPED may hold what stood before a reset."""

    def __init__(self, image):
        self._image = image
        self._requests = image.requests
        self._commands = image.commands
        self.limits = Limits(image)
        self.grid = GridCode(image, self.limits)
        self.island = Island(image)
        self.pilot = Pilot(image)
        self.proximity = Proximity(image)
        self.pen = Pen(image)
        self.panel = Panel(image, self.limits)
        self.obedience = Obedience(image, self.panel)
        self.contactor = Contactor(image, self.pilot)
        self.recovery = Recovery(image)
        self._first = True
        self._recall()

    def _recall(self):
        commands, requests = self._commands, self._requests
        faults = requests[REMEMBERED_FAULTS]
        self.contactor.recall(faults)
        self.island.recall(faults)
        self.obedience.recall(faults)
        self.pen.recall(faults)
        commands[FAULTS] = (
            self.contactor.faults
            | self.island.faults
            | self.obedience.faults
            | faults & FAULT_INSTRUMENT
        )
        for i in range(MEMORIES):
            commands[MEMORY + i] = requests[REMEMBERED + i]

    def step(self, dt_ms):
        """Decide once; `dt_ms` is the time since the last step."""
        if self._first:  # once more: a replay sets the requests only now
            self._first = False
            self._recall()
        self.grid.step(dt_ms)
        self.island.step(dt_ms)
        self.pilot.step(dt_ms)
        self.proximity.step(dt_ms)
        self.pen.step(dt_ms)
        self.panel.step(dt_ms)
        self.panel.witness.narrow(self.limits)
        self.obedience.step(dt_ms)
        self.limits.step(dt_ms)
        self.contactor.step(dt_ms)
        self.pilot.drive()
        self.recovery.step(dt_ms)
        commands = self._commands
        permits = self.contactor.permit | self.contactor.release | self.island.permits
        commands[PERMITS] = permits & ~self.obedience.withheld
        beat = commands[BEAT]
        commands[BEAT] = beat + 1 if beat < AGE_MAX_MS else 0
