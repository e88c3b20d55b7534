# islet: what lives on the board: its parts, and what is asked of all of them together.
# GPL-3.0-or-later
#
# assembly.py makes them, and is let go of then.

from firmware.maintenance import overlaid
from firmware.people import events, proof, worn
from firmware.people.asked import BY_HAND, OWNER
from firmware.people.reasons import Reasons
from firmware.sense import calibration

TYPE_CHECKING = False  # MicroPython has no typing
if TYPE_CHECKING:
    from typing import Any

    from firmware.access import Gate
    from firmware.config.outcome import Configured
    from firmware.core import Core
    from firmware.guard import Guard
    from firmware.guard.fast import Fast
    from firmware.health import Health
    from firmware.image import Image
    from firmware.ledger import Ledger
    from firmware.ledger.keep import Keep
    from firmware.ledger.proofs import Proofs
    from firmware.ledger.seal import Seal
    from firmware.ledger.worn import Worn
    from firmware.net.console import Console
    from firmware.people.commands import Commands
    from firmware.people.lamp import Button, Lamp
    from firmware.people.names import Names
    from firmware.people.state import State
    from firmware.sense import Sense
    from firmware.sense.metering import Metering


class Parts:
    """Everything that lives on the board, wired once."""

    image: "Image"
    health: "Health"
    config: "Configured"
    sense: "Sense"
    guard: "Guard"
    keep: "Keep"
    core: "Core"
    seal: "Seal"
    names: "Names"
    events: "events.Events"
    state: "State"
    reports: list  # (name, what tells it), in the order of the state
    links: list  # (name, coroutine function that runs for ever)
    slow_parts: list  # (name, what steps once a second)
    board: "Any"  # firmware/chips
    store: "Any"  # what outlives a reset, where it can be used
    calibration: "Any"
    scales = ()  # of metering chips
    told: tuple | list = ()  # meters that a broker tells, drivers/told.py
    fast: "Fast | None" = None  # guard/fast.py, where the board hands over blocks
    metering: "Metering | None" = None  # where it has metering chips
    lines = None  # by name, where devices hang on some
    proofs: "Proofs | None" = None  # what converters have proved
    worn: "Worn | None" = None  # how often devices were written whose memory wears out
    commands: "Commands | None" = None
    ledger: "Ledger | None" = None
    lamp: "Lamp | None" = None  # and what else a circuit may have
    button: "Button | None" = None
    console: "Console | None" = None
    access: "Gate | None" = None  # firmware/access, where somebody may come in over a network
    network: "Any" = None  # net/plain.py says what it can do
    farewell: "Any" = None  # what it says before the board is stopped

    async def leave(self):
        """Before the board is stopped: devices and neighbours are told."""
        if self.lines is not None:
            from firmware.bus.line import leave  # only where there are some

            await leave(self.lines.values())
        if self.farewell is not None:
            await self.farewell()

    def stay(self):
        """It is not stopped after all."""
        if self.lines is not None:
            from firmware.bus.line import stay

            stay(self.lines.values())

    def task(self, row):
        """Name of what runs beside control: the links, then what is slow."""
        names = [name for name, _ in self.links + [("slow", None)] + self.slow_parts]
        return names[row]

    def by_hand(self, name, payload):
        """A command of whoever stands before the box: the owner's."""
        if name == "claim" and self.access is not None:
            return self.access.inside().by_hand(payload)
        if self.commands is None or self.config.errors:
            return {"ok": False, "command": name, "error": "the configuration has errors"}
        return self.commands.handle(name, payload, OWNER, None, BY_HAND)

    def pressed(self):
        """The button's short word: acknowledges, unless it was asked for something else."""
        here = self.access.here if self.access is not None else None
        if here is None or not here.confirm():
            self.by_hand("acknowledge", {})

    def set_clock(self, step, value=0, text=None):
        """What the network says of the clock, as an event."""
        self.events.add(events.CLOCK_SET + step, value=value, text=text)

    def at_rest(self):
        """Whether flash may be erased; without a site nothing has ever been on."""
        return bool(self.config.errors) or self.store.may_erase()

    # --- what console and page ask --------------------------------------------------------------

    def warned(self):
        return self.config.warnings

    def why(self):
        """As it is now."""
        image, errors = self.image, self.config.errors
        reasons = Reasons(self.names, image.readings, image.commands, image.trips, errors)
        return reasons.hear(image.requests).of_all()

    def proved(self):
        return proof.shown(self.image, self.names, self.proofs)

    def proofs_shown(self):
        return {"proofs": self.proved()}

    def written(self):
        return worn.shown(self.names, self.worn.wears) if self.worn is not None else {}

    def frames(self, payload):
        """What went over the lines, a document a frame."""
        from firmware.bus.frames import asked  # by need

        return asked(self.lines, payload)

    def calibrated(self):
        return self.calibration.date

    def calibration_file(self):
        return {"text": calibration.text()}

    def read(self):
        return calibration.readings(self.image)

    def over_frozen(self):
        return {"modules": overlaid()}


def entrance():
    """The parts of who may come in, made by need."""
    from firmware import entrance as found

    return found


def always(value):
    """What is asked and never changes."""
    return lambda: value
