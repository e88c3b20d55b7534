# islet: what falls due on the simulated chip: alarms and predicted signals.
# GPL-3.0-or-later

from micropython import const

NEVER = const(0x3FFFFFFF)  # a due time that does not come

# ranks: who goes first of those due at the same moment
RANK_SIGNAL, RANK_UART, RANK_SAMPLES, RANK_TIMER, RANK_WATCHDOG = 0, 1, 2, 3, 4

ALARMS = []  # all there are, by rank


class Alarm:
    """Something that falls due at `due` (us since the moving origin) and then fires."""

    def __init__(self, rank):
        self.due = NEVER
        at = 0
        while at < len(ALARMS) and ALARMS[at].rank <= rank:
            at += 1
        self.rank = rank
        ALARMS.insert(at, self)

    def fire(self):
        raise NotImplementedError

    def remove(self):
        self.due = NEVER
        if self in ALARMS:
            ALARMS.remove(self)


class Signals(Alarm):
    """Predicted happenings, in order of time: (due, receiver, a, b), told as receiver(a, b)."""

    def __init__(self):
        super().__init__(RANK_SIGNAL)
        self.queue = []

    def add(self, due, receiver, a, b):
        at = len(self.queue)
        while at and self.queue[at - 1][0] > due:
            at -= 1
        self.queue.insert(at, (due, receiver, a, b))
        self.due = self.queue[0][0]

    def waiting(self, receiver, a):
        """Something is on its way to `receiver` whose first argument is `a`."""
        for row in self.queue:
            if row[1] is receiver and row[2] == a:
                return True
        return False

    def rebase(self, us):
        """The moving origin has moved by `us`; `due` has been seen to."""
        self.queue = [(row[0] - us,) + row[1:] for row in self.queue]

    def discard(self):
        self.queue.clear()
        self.due = NEVER

    def fire(self):
        _, receiver, a, b = self.queue.pop(0)
        self.due = self.queue[0][0] if self.queue else NEVER
        receiver(a, b)
