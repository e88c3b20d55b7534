# islet: Wi-Fi: which network is joined, when it is tried again, when the access point is up.
# GPL-3.0-or-later
#
# TABLE is the machine; `step` looks four times a second and takes one row at a time. What holds
# the loop (radio.py) is done while nothing is energised (INV-9) and waits until then, which the
# reason says. A network that was joined is left alone as long as it has an address.
#
# The box's own access point is up while no network is known, and from OPEN_MS without one on; it
# goes down CLOSE_MS after one was joined. It stays up while a network is tried: whoever typed a
# wrong password reads it there. A network typed there is looked for first, and the access point
# moves to its channel, for the radio has one alone: else who typed it is thrown out as it joins.

from firmware.base.clock import sleep_ms, ticks_diff, ticks_ms
from firmware.base.viper import const
from firmware.net.plain import Sockets
from firmware.sockets import words
from firmware.sockets.known import wrong

OFF, SEEKING, MOVING, JOINING, JOINED, PAUSED, ALONE, BROKEN = range(8)
STATES = (
    # state, what people read where there is no other reason
    ("off", "the radio is not up yet"),
    ("seeking", "seeks a network"),
    ("moving", "its access point moves to the channel of {}"),
    ("joining", "joins {}"),
    ("joined", ""),
    ("paused", "none of its networks lets it in"),
    ("alone", "knows no network"),
    ("broken", "the radio does not work"),
)
TABLE = (
    # state, event, next state, what is done
    (OFF, "free", SEEKING, "_up"),
    (SEEKING, "next", JOINING, "_join"),
    (SEEKING, "next while open", MOVING, "_move"),
    (SEEKING, "none known", ALONE, "_nothing"),
    (SEEKING, "all tried", PAUSED, "_pause"),
    (MOVING, "absent", SEEKING, "_absent"),
    (MOVING, "moved", JOINING, "_join"),
    (JOINING, "address", JOINED, "_arrive"),
    (JOINING, "refused", SEEKING, "_refused"),
    (JOINING, "late", SEEKING, "_late"),
    (JOINED, "lost", SEEKING, "_lost"),
    (PAUSED, "over", SEEKING, "_again"),
    (PAUSED, "typed", SEEKING, "_again"),
    (ALONE, "typed", SEEKING, "_again"),
    (BROKEN, "over", OFF, "_nothing"),
)
# in any state: (call that fails) -> BROKEN

# steps of `note`, in the order of people/events.py from CLOCK_SET on
SAID_JOINED, SAID_NOT, SAID_OPEN, SAID_SHUT = const(3), const(4), const(5), const(6)

TICK_MS = const(250)
PAUSES_S = (5, 10, 20, 40, 80, 160, 300)
JOIN_MS = const(30_000)  # for an address
STALE_MS = const(8_000)  # so long an ESP32 may still say why the try before it failed
LOST_MS = const(10_000)  # without an address
SETTLED_MS = const(60_000)  # joined for so long: the next pause is the shortest again
MOVED_MS = const(3_000)  # for a guest to follow to another channel
OPEN_MS = const(300_000)
CLOSE_MS = const(30_000)
READ_MS = const(10_000)  # RSSI and address
SWITCH_MS = const(10_000)  # between two tries to open or shut the access point
CHANNEL = const(6)  # of the access point, until there is a router to follow
_MOST_MS = const(600_000)  # of every counter
_FAILURES = (OSError, RuntimeError, ValueError)  # of the ports' calls


class Wifi(Sockets):
    """radio: Radio; known: Known; may(): true while nothing is energised; hold(call): calls it
    while the watchdog waits for longer; note(step, text=): an event; given: address, mask, router
    and name server as texts, or None; name: of the host, and of its access point; image: the
    process image."""

    def __init__(self, radio, known, may, hold, note, country, given, name, image):
        super().__init__(image, hold)
        self.radio, self.known = radio, known
        self._may, self._note = may, note
        self.name = name
        self._country, self._given = country, given
        self.at = OFF
        self.reason = STATES[OFF][1]
        self.address = self.router = self.opened = ""  # opened: the access point's address
        self.rssi_dbm = None
        self.joins = 0
        self._since_ms = self._read_ms = self._lost_ms = 0
        self._without_ms = 0
        self._switch_ms = SWITCH_MS
        self._row = 0  # of the networks, that is tried
        self._networks = ()
        self._attempt = 0
        self._stale = None
        self._typed = False
        self._channel = self._target = CHANNEL  # where it is, where it goes; 0 nowhere
        self._looked = False  # around, in this round
        self._why = self._cause = ""  # the last network that failed and why; that alone
        self._said, self._opening = "", None  # what the log has already

    # --- what others read ------------------------------------------------------------------

    def reaches(self):
        return self.at == JOINED

    def state(self):
        """For page, broker and console."""
        state = {
            "link": "up" if self.at == JOINED else "down",
            "name": self.name,
            "local": self.name + ".local" if self.address else "",  # MicroPython answers for it
            "network": self._name() if self.at == JOINED else "",
            "address": self.address or "0.0.0.0",
            "router": self.router or "0.0.0.0",
            "reason": self.reason,
            "rssi_dbm": self.rssi_dbm,
            "joins": self.joins,
            "access_point": self.name if self.opened else "",
        }
        return state

    def own(self):
        """Name and key of the access point, for whoever stands before the box."""
        return {"name": self.name, "key": self.known.own, "up": bool(self.opened)}

    def type(self, name, key, hidden):
        """A network that somebody typed; "" when it is kept, else why not."""
        problem = wrong(name, key)
        if problem:
            return problem
        if not self._may():
            return "something is energised, so nothing can be written: again when all is off"
        try:
            self.known.add(name, key, hidden)
        except OSError as error:
            return "it cannot be written: {}".format(error)
        self._typed = True
        return ""

    async def serve(self, app, host, port):
        """Guests of the access point get their page besides."""
        from microdot import Response

        from firmware.sockets.captive import Portal

        app.stray = Portal(self, Response).route
        await super().serve(app, host, port)

    async def run(self):
        last = ticks_ms()
        while True:
            now = ticks_ms()
            self.step(ticks_diff(now, last))
            last = now
            await sleep_ms(TICK_MS)

    # --- the machine -------------------------------------------------------------------------

    def step(self, dt_ms):
        self._since_ms = min(self._since_ms + dt_ms, _MOST_MS)
        self._read_ms = min(self._read_ms + dt_ms, _MOST_MS)
        self._switch_ms = min(self._switch_ms + dt_ms, _MOST_MS)
        self._without_ms = 0 if self.at == JOINED else min(self._without_ms + dt_ms, _MOST_MS)
        try:
            event = getattr(self, "_in_" + STATES[self.at][0])(dt_ms)
            if event:
                self._take(event)
            if self.at not in (OFF, BROKEN):
                self._attend()
        except _FAILURES as error:
            self._break(error)

    def _take(self, event):
        for row in TABLE:
            if row[0] == self.at and row[1] == event:
                getattr(self, row[3])()
                self.at = row[2]
                self._since_ms = 0
                self._tell()
                return
        raise ValueError(event)

    def _tell(self):
        """Why it is as it is; an event where it is another sentence than before."""
        text = STATES[self.at][1].format(self._name())
        if self._why and self.at != JOINED:
            text = "{}; {}".format(self._why, text)
        if self.at == PAUSED:
            text += ", again in {} s".format(self._pause_s())
        self.reason = text
        if self.at not in (JOINED, PAUSED, ALONE, BROKEN):
            return
        said = self._name() if self.at == JOINED else self._cause or STATES[self.at][1]
        if said != self._said:
            self._said = said
            self._note(SAID_JOINED if self.at == JOINED else SAID_NOT, text=said)

    def _blame(self, cause, name=None):
        """Why not, in words: of a network, or of nobody."""
        self._cause = cause
        self._why = "{} {}".format(self._name() if name is None else name, cause).strip()

    def _break(self, error):
        self._blame("the radio says: {}".format(error), "")
        self.at = BROKEN
        self._since_ms = 0
        self.address = self.router = self.opened = ""
        self._pause()
        self._tell()

    def _name(self):
        row = self._row
        return self._networks[row][0] if row < len(self._networks) else ""

    def _free(self, call):
        """Whether the radio may be asked so now."""
        if not self.radio.long(call) or self._may():
            return True
        self.reason = "waits until nothing is energised"
        return False

    # --- what happens: an event, or none -----------------------------------------------------

    def _in_off(self, _):
        return "free" if self._free("up") else None

    def _in_seeking(self, _):
        if not self._networks:
            self._networks = self.known.networks()
            if not self._networks:
                return "none known"
        if self._row >= len(self._networks):
            return "all tried"
        if self.opened:
            return "next while open" if self._free("look") else None
        return "next" if self._free("join") else None

    def _in_moving(self, _):
        if not self._target:
            return "absent"
        return "moved" if self._since_ms >= MOVED_MS and self._free("join") else None

    def _in_joining(self, _):
        status = self.radio.status()
        kind, text = words.meaning(self.radio.words, status)
        if kind == words.IN:
            return "address"
        if kind == words.FAILED and (status != self._stale or self._since_ms >= STALE_MS):
            self._blame(text)
            return "refused"
        if self._since_ms >= JOIN_MS:
            self._blame(text if kind == words.ASKS else words.LATE)
            return "late"
        return None

    def _in_joined(self, dt_ms):
        kind, _ = words.meaning(self.radio.words, self.radio.status())
        if kind == words.IN:
            if self._lost_ms >= LOST_MS:  # it is back by itself
                self._tell()
                self._read()
            self._lost_ms = 0
            if self._read_ms >= READ_MS:
                self._read()
            if self._since_ms >= SETTLED_MS:
                self._attempt = 0
            return None
        self._lost_ms += dt_ms
        if self._lost_ms < LOST_MS:
            return None
        self.address = self.router = ""
        self.rssi_dbm = None
        return "lost" if self._free("leave") else None

    def _in_paused(self, _):
        if self._typed:
            return "typed"
        return "over" if self._since_ms >= self._pause_s() * 1000 else None

    def _in_alone(self, _):
        return "typed" if self._typed else None

    def _in_broken(self, _):
        return "over" if self._since_ms >= self._pause_s() * 1000 else None

    # --- what is done ------------------------------------------------------------------------

    def _up(self):
        self.radio.up(self._country, self.name, self._given)

    def _nothing(self):
        pass

    def _join(self):
        name, key, _ = self._networks[self._row]
        self._stale = self.radio.status()
        self.radio.join(name, key)

    def _move(self):
        """The access point to where the router is; there is none if it is not heard."""
        name, _, hidden = self._networks[self._row]
        if not self._looked:
            self.hold(self.radio.look)
            self._looked = True
        self._target = self.radio.channel_of(name)
        if self._target and self._target != self._channel:
            self._channel = self._target
            self.radio.move(self._channel)
        elif hidden:
            self._target = self._channel

    def _absent(self):
        self._blame(words.MISSING)
        self._row += 1

    def _arrive(self):
        self._why = self._cause = ""
        self.joins += 1
        self._lost_ms = 0
        self._typed = False
        self._read()

    def _read(self):
        self._read_ms = 0
        self.address, _, self.router, _ = self.radio.addresses()
        if not self.radio.long("rssi") or self._may():
            self.rssi_dbm = self.radio.rssi()

    def _refused(self):
        self._row += 1

    def _late(self):
        self.radio.leave()
        self._row += 1

    def _lost(self):
        """The same network first: it may have been a moment's."""
        self._blame("was lost")
        self._looked = False
        self.radio.leave()

    def _pause(self):
        self._attempt = min(self._attempt + 1, len(PAUSES_S))

    def _pause_s(self):
        return PAUSES_S[max(self._attempt, 1) - 1]

    def _again(self):
        self._typed = False
        self._looked = False
        self._networks = ()
        self._row = 0

    # --- the access point --------------------------------------------------------------------

    def _wanted(self):
        if self.at == JOINED:
            return self.opened and self._since_ms < CLOSE_MS
        return self.opened or self.at == ALONE or self._without_ms >= OPEN_MS

    def _attend(self):
        if bool(self._wanted()) == bool(self.opened) or self._switch_ms < SWITCH_MS:
            return
        if self.at in (MOVING, JOINING):
            return  # one thing at a time, for there is one radio
        if not self._may():
            return  # both hold the loop, and a new key is written
        self._switch_ms = 0
        if self.opened:
            self.opened, self._opening = "", None
            self.radio.shut()
            return
        try:
            key = self.known.own_key()
            if not self.radio.heard:
                self.hold(self.radio.look)
            self.opened = self.radio.open(self.name, key, CHANNEL)
        except _FAILURES as error:  # the network may still be joined
            said = str(error)
        else:
            self._channel = CHANNEL
            said = ""
        if said != self._opening:
            self._opening = said
            self._note(SAID_SHUT if said else SAID_OPEN, text=said)
