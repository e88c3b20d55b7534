# islet: who has come in, and who has to wait before the next try. Both are bounded tables.
# GPL-3.0-or-later
#
# A session's key never travels: both sides make it, each request is signed with it and a number
# that grows, so what is overheard can be neither used nor repeated. Ages are seconds since start:
# a clock that jumps ends no session and lengthens none, a restart ends all.
#
# A wrong password costs its source a second, then two, and so on up to a minute: for ever it is
# nobody. Sources beyond the table share one row. Whoever has a session, or stands before the box,
# waits for nobody.

from firmware.base.secret import digits, hmac, same
from firmware.base.viper import const

SESSIONS = const(6)
AGE_S = const(43_200)  # half a day
SOURCES = const(8)
LONGEST_WAIT_S = const(60)
KNOWN = const(4)  # of these: sources from which somebody came in
_DIGITS = const(9)  # of a request's number
ID = const(8)  # bytes


class Sessions:
    def __init__(self):
        self._rows = []  # [id, key, name, role, number of the last request, begun, used]

    def __len__(self):
        return len(self._rows)

    def add(self, ident, key, name, role, now_s):
        """One more; for want of room the one that was used longest ago ends."""
        self.end_old(now_s)
        if len(self._rows) >= SESSIONS:
            self._rows.remove(min(self._rows, key=lambda row: row[6]))
        self._rows.append([ident, key, name, role, 0, now_s, now_s])

    def living(self, now_s):
        """How many there are."""
        self.end_old(now_s)
        return len(self._rows)

    def end_old(self, now_s):
        self._rows = [row for row in self._rows if now_s - row[5] < AGE_S]

    def end(self, name=None):
        """Those of a person, or all."""
        self._rows = [row for row in self._rows if name is not None and row[2] != name]

    def leave(self, ident):
        self._rows = [row for row in self._rows if row[0] != ident]

    def signed(self, credentials, what, body, now_s):
        """(name, role, id) of who signed the request, else None. credentials: id.number.mac; what:
        method and path."""
        words = credentials.split(".")
        number = _number(words[1]) if len(words) == 3 else 0
        if not number:
            return None
        for row in self._rows:
            if row[0] != words[0] or now_s - row[5] >= AGE_S:
                continue
            text = "{}\n{}\n".format(what, number).encode()
            mac = digits(hmac(row[1], text, body))
            if not same(mac.encode(), words[2].encode()) or number <= row[4]:
                return None
            row[4], row[6] = number, now_s
            return row[2], row[3], row[0]
        return None


def _number(text):
    """A whole number, 0 of anything else."""
    if not 1 <= len(text) <= _DIGITS or not all("0" <= c <= "9" for c in text):
        return 0
    return int(text)


class Delays:
    def __init__(self):
        self._rows = []  # [source, failures, until, known]; the known ones first

    def _row(self, source, now_s, make=False):
        for row in self._rows:
            if row[0] == source:
                return row
        if len(self._rows) >= SOURCES:
            over = [row for row in self._rows if row[2] <= now_s and not row[3]]
            if not over:
                return self._rows[-1]  # shared by all further ones
            if make:
                self._rows.remove(min(over, key=lambda row: row[2]))
        if make:
            self._rows.append([source, 0, 0, False])
            return self._rows[-1]
        return None

    def wait_s(self, source, now_s):
        """How long it has to wait before its next try counts."""
        row = self._row(source, now_s)
        return max(0, row[2] - now_s) if row else 0

    def failed(self, source, now_s):
        row = self._row(source, now_s, True)
        row[1] = min(row[1] + 1, 7)
        row[2] = now_s + min(1 << row[1] - 1, LONGEST_WAIT_S)

    def passed(self, source):
        """From now on it answers for its own failures alone, however many others there are."""
        rows = [row for row in self._rows if row[0] != source]
        known = [row for row in rows if row[3]]
        if len(known) >= KNOWN:
            rows.remove(known[-1])
        elif len(rows) >= SOURCES:
            rows.pop()
        self._rows = [[source, 0, 0, True]] + rows

    def owed(self, now_s):
        """Whether somebody has failed and not yet waited."""
        return any(row[2] > now_s for row in self._rows)

    def known(self):
        """From where somebody came in, the latest last."""
        return [row[0] for row in reversed(self._rows) if row[3]]

    def clear(self):
        self._rows = []
