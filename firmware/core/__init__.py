# islet: decisions: one step over a latched process image.
# GPL-3.0-or-later
#
# No I/O, no clock, no allocation: `step(dt_ms)` reads site, readings, requests and trips, and
# writes commands. A recorded day replays through it to the byte.

from firmware import image as im
from firmware.core.grid.gridcode import GridCode
from firmware.core.grid.island import Island
from firmware.core.grid.island_table import FAULTS_OF_ISLAND
from firmware.core.grid.recovery import KEPT_TRIPS, Recovery  # noqa: F401  for whoever keeps them
from firmware.core.limits.arbiter import Limits
from firmware.core.limits.obedience import KEPT_FAULTS as OBEDIENCE_FAULTS
from firmware.core.limits.obedience import Obedience
from firmware.core.limits.proof import Proof
from firmware.core.panel.tree import Panel
from firmware.core.vehicle.contactor import KEPT_FAULTS as CONTACTOR_FAULTS
from firmware.core.vehicle.pen import KEPT_FAULTS as PEN_FAULTS
from firmware.core.vehicle.pen import Pen
from firmware.core.vehicle.point import Point

# What a reset or power cut does not heal: it goes the way it would have gone without one.
KEPT_FAULTS = (
    CONTACTOR_FAULTS | FAULTS_OF_ISLAND | OBEDIENCE_FAULTS | PEN_FAULTS | im.FAULT_INSTRUMENT
)


class Core:
    """All parts, wired once; the order of the step is the order of the argument.

    REMEMBERED_FAULTS, POINT_REMEMBERED_FAULTS, REMEMBERED and TRIPPED may hold what stood before
    a reset."""

    def __init__(self, image):
        self._image = image
        self._requests = image.requests
        self._commands = image.commands
        self.limits = Limits(image)
        self.grid = GridCode(image, self.limits)
        self.island = Island(image)
        self.points = [Point(image, number) for number in range(im.POINTS)]
        self.pen = Pen(image)
        self.panel = Panel(image, self.limits)
        self.obedience = Obedience(image, self.panel)
        self.proof = self.limits.proof = Proof(image, self.obedience)
        self.recovery = Recovery(image)
        self._first = True
        self._recall()

    def _recall(self):
        commands, requests = self._commands, self._requests
        faults = requests[im.REMEMBERED_FAULTS]
        kept = faults & im.FAULT_INSTRUMENT
        for number in range(im.POINTS):
            contactor = self.points[number].contactor
            contactor.recall(requests[im.POINT_REMEMBERED_FAULTS + number])
            commands[im.POINT_FAULTS + number] = contactor.faults
            kept |= contactor.faults
        self.island.recall(faults)
        self.obedience.recall(faults)
        self.pen.recall(faults)
        commands[im.FAULTS] = kept | self.island.faults | self.obedience.faults
        for i in range(im.MEMORIES):
            commands[im.MEMORY + i] = requests[im.REMEMBERED + i]

    def step(self, dt_ms):
        """Decide once; `dt_ms` is the time since the last step."""
        if self._first:  # once more: a replay sets the requests only now
            self._first = False
            self._recall()
        self.grid.step(dt_ms)
        self.island.step(dt_ms)
        points = self.points
        for point in points:
            point.look(dt_ms)
        self.pen.step(dt_ms)
        self.panel.step(dt_ms)
        self.panel.witness.narrow()
        self.obedience.step(dt_ms)
        self.proof.step(dt_ms)
        self.limits.step(dt_ms)
        permits = self.island.permits
        for point in points:
            permits |= point.act(dt_ms)
        self.recovery.step(dt_ms)
        commands = self._commands
        commands[im.PERMITS] = permits & ~(self.obedience.withheld | self.proof.withheld)
        beat = commands[im.BEAT]
        commands[im.BEAT] = beat + 1 if beat < im.AGE_MAX_MS else 0
