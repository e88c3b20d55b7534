# islet: who may come in over a network: what is always there of it.
# GPL-3.0-or-later
#
# Until somebody who stood before the box has claimed it, it obeys nobody over a network, whatever
# the site says; what the site says it goes on doing, and every limit holds.
#
# How somebody comes in (inside.py) and the trail are 7 kB of a chip's heap and needed now and
# then: they are loaded file by file when somebody comes, and let go when nobody has been there for
# a while.

from firmware.base.clock import sleep_ms
from firmware.base.viper import const
from firmware.people.asked import BY_HAND, Refused

WHERE = "its button for 5 s, or: islet claim on its console"
_FILES = ("digest", "people", "sessions", "inside")
UNUSED_S = const(600)
_NOTES = const(16)  # that wait a second for the trail
_AT_ONCE = const(20)  # commands of one name and role, and then one a second


class Gate:
    """parts: of the board; entrance(): firmware/entrance.py.

    claimed: whether the box is. here: inside.Access, trail: ledger/audit.py's, while they are
    needed. known: from where somebody came in. ends: everybody was forgotten, and it starts
    anew. `await second(dt_ms)` once a second."""

    here = trail = None
    ends = missed = _held = False
    known = ()
    unused_s = 0

    def __init__(self, parts, entrance):
        self._parts = parts
        self._entrance = entrance
        self.notes = []
        self._paces = {}  # name: seconds until all of its commands are paid for
        self.claimed = self.inside().people.claimed
        entrance().let_go(self)

    def state(self):
        """For everybody to see."""
        here = self.here
        open_s = here.open_s() if here is not None else 0
        text = ""
        if open_s:
            text = "The way in is open: type the code that its lamp blinks, or its console says."
        elif not self.claimed:
            text = (
                "Nobody has claimed this box, so it obeys nobody over a network. It does what its "
                "site says, and every limit holds. To claim it: " + WHERE + "."
            )
        sessions = len(here.sessions) if here is not None else 0
        return {"claimed": self.claimed, "open_s": open_s, "sessions": sessions, "text": text}

    # --- of every command, whichever way it came ----------------------------------------------

    def admit(self, who, role="", stops=False):
        """Refused before the box has an owner, and to whoever commands too often; but for one who
        stands before it, and what takes power away is never too often."""
        if who == BY_HAND:
            return
        if not self.claimed:
            raise Refused("command", "nobody has claimed this box yet", "claim it: " + WHERE)
        name = who, role  # on a broker several have one name
        owed_s = self._paces.get(name, 0)
        if owed_s < _AT_ONCE:
            self._paces[name] = owed_s + 1
        elif not stops:
            raise Refused("command", "too many commands by " + who, "one a second", 1)

    def note(self, *what):
        """As the trail's, which has it within a second."""
        if len(self.notes) < _NOTES:
            self.notes.append(what)
        else:
            self.missed = True

    # --- at the box ---------------------------------------------------------------------------

    def hold(self):
        """The button was held for 5 s."""
        self._held = True

    # --- loaded and let go --------------------------------------------------------------------

    def inside(self):
        """inside.Access, at once."""
        if self.here is None:
            self.here = self._entrance().inside(self._parts, self)
        self.unused_s = 0
        return self.here

    async def ready(self):
        """The same, while others run."""
        if self.here is None:
            for name in _FILES:
                __import__("firmware.access." + name)
                await sleep_ms(0)
        return self.inside()

    async def catch_up(self):
        """What was done goes into the trail."""
        entrance = self._entrance()
        await sleep_ms(0)  # what was loaded, opened, read and written has a turn each
        await entrance.write(self._parts, self)

    async def second(self, dt_ms):
        if self._held:
            self._held = False
            (await self.ready()).hold()
        if self.notes:
            await self.catch_up()
        if self.ends:
            self._entrance().restart()
        self.step(dt_ms)

    def step(self, dt_ms):
        if self._paces:
            paid_s = dt_ms // 1000
            owed = self._paces.items()
            self._paces = {name: owed_s - paid_s for name, owed_s in owed if owed_s > paid_s}
        needed = False
        if self.here is not None:
            self.here.step(dt_ms)
            needed = self.here.needed()
        if self.trail is not None:
            self.trail.step(dt_ms)
            needed = needed or not self.trail.rested()
        self.unused_s = 0 if needed else self.unused_s + dt_ms // 1000
        if self.unused_s >= UNUSED_S and (self.here or self.trail):
            self._entrance().let_go(self)
