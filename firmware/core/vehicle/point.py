# islet: a charging point: its pilot, its cable, its contactor, and where they say what is wrong.
# GPL-3.0-or-later

from firmware.core.vehicle.contactor import Contactor
from firmware.core.vehicle.pilot import Pilot
from firmware.core.vehicle.proximity import Proximity


class Point:
    """The parts of the board's point `number`; a step looks, and acts once limits have decided."""

    def __init__(self, image, number):
        self.pilot = Pilot(image, number)
        self.proximity = Proximity(image, number)
        self.contactor = Contactor(image, self.pilot, number)

    def look(self, dt_ms):
        self.pilot.step(dt_ms)
        self.proximity.step(dt_ms)

    def act(self, dt_ms):
        """Returns what it permits (OUT_*)."""
        contactor = self.contactor
        contactor.step(dt_ms)
        self.pilot.drive()
        return contactor.permit | contactor.release
