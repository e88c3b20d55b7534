# islet: who comes in over a network: the box's owner by presence, then whom the owner lets in.
# GPL-3.0-or-later
#
# There is no password until somebody chose one. Presence is the button or the console: either
# opens the way in for some minutes, and the lamp, or the console, tells a code that only somebody
# there can know.
#
# A password never travels: page and box prove to each other by SCRAM (RFC 5802) that they know
# what was made of it. What is typed on the console is made ready on the chip.

import asyncio
import json

from firmware.access import WHERE
from firmware.access.digest import ROUNDS, Chance, slow, xor
from firmware.access.people import KEY, SALT, hexadecimal, is_name, stored_key
from firmware.access.sessions import ID, Delays, Sessions
from firmware.base.secret import digits, hmac, installers_key, same, sha
from firmware.base.viper import const
from firmware.people.asked import (
    BY_HAND,
    INSTALLER,
    OWNER,
    ROLES,
    TABLE,
    VIEWER,
    Refused,
)

OPEN_S = const(300)  # the way in
_TRIES = const(12)  # of the code, in all
_TRIES_OF_ONE = const(3)
ARMED_S = const(10)  # to confirm that everybody shall be forgotten
_CHALLENGE_S = const(60)
_LOGINS = const(16)  # in that time
NONCE = const(16)  # bytes
SHORTEST, LONGEST = const(10), const(64)  # characters of a password; the page has the same
# what is somebody's right besides commands
PEOPLE, AUDIT = "people", "audit"
OTHER_RIGHTS = (
    (PEOPLE, (OWNER,)),  # who may come in, and as what
    (AUDIT, (OWNER, INSTALLER)),  # what was done, by whom
)
# what is said as an event
_OPENED, _CLAIMED, _NOT_CLAIMED = const(0), const(1), const(2)
_FORGOTTEN, _NOT_FORGOTTEN = const(3), const(4)
# what else the trail knows, after the commands of the table of rights
ACTS = ("log in", "claim", "open the way in", "change people", "forget everybody", "log out")
LOG_IN, CLAIM, OPEN, CHANGE, FORGET, LOG_OUT = range(len(TABLE), len(TABLE) + len(ACTS))
_NOBODYS = (INSTALLER, "broker", "token")  # who else the trail knows
_BY_PRESENCE = (CLAIM, OPEN, CHANGE, FORGET)


def may(role, right):
    """Whether one of OTHER_RIGHTS is a role's."""
    return any(role in row[1] for row in OTHER_RIGHTS if row[0] == right)


class TooSoon(Refused):
    """Another try, but later."""

    def __init__(self, after_s):
        allowed = "again in {} s".format(after_s)
        super().__init__("request", "too many tries from there", allowed, after_s)


class NotYours(Refused):
    """To whoever asks."""

    status = 403


class Access:
    """people: People; own: bytes that differ from chip to chip; may_write() is true while nothing
    is energised; say(what): an event, of people/events.py from ACCESS on; gate: what is always
    there, which hears what was done, and whether the box is claimed.

    lamp: gets `way_in`, its pattern, while the way in is open. `step` once a second."""

    lamp = None

    def __init__(self, people, own, may_write, say, gate):
        self.people = people
        self.sessions = Sessions()
        self.delays = Delays()
        self._may_write, self._say = may_write, say
        self._gate = gate
        for source in gate.known:
            self.delays.passed(source)
        self._chance = Chance(own)
        self._own = sha(b"nobody", own)
        self._secret = self._chance.take(32)  # of this start
        self._installer = None  # the key's stored key, once it was made
        self._now_s = 0
        self._open_until_s = self._armed_until_s = 0
        self._code = ""
        self._tries = []  # sources
        self._spent = []  # challenges of the last minute that somebody came in by
        self._busy = False
        self._task = None

    def open_s(self):
        """How long the way in is open yet."""
        return max(0, self._open_until_s - self._now_s)

    def needed(self):
        """Whether somebody is here, or may come back to what is not kept elsewhere."""
        return bool(
            self._open_until_s
            or self._busy
            or self.sessions.living(self._now_s)
            or self.delays.owed(self._now_s)
        )

    def step(self, dt_ms):
        self._now_s += dt_ms // 1000
        if self._open_until_s and self._now_s >= self._open_until_s:
            self._close()

    # --- of whoever stands before the box ----------------------------------------------------

    def open(self):
        """The way in, for some minutes; the code that shows that somebody is there."""
        digits = [byte % 6 + 1 for byte in self._chance.take(4)]
        self._code = "".join(map(str, digits))
        self._open_until_s = self._now_s + OPEN_S
        self._tries = []
        self.delays.clear()
        if self.lamp is not None:
            blinks = ["##..." * digit + "........." for digit in digits]
            self.lamp.way_in = "###############..........." + "".join(blinks)
        self._did(OPEN, BY_HAND, OWNER)
        self._say(_OPENED)
        return self._code

    def _close(self):
        self._open_until_s = self._armed_until_s = 0
        self._code = ""
        if self.lamp is not None:
            self.lamp.way_in = ""

    def hold(self):
        """The button was held for 5 s: opens the way in; while it is open, asks to forget."""
        if not self._open_until_s:
            self.open()
            return
        self._armed_until_s = self._now_s + ARMED_S
        if self.lamp is not None:
            self.lamp.way_in = "#."

    def confirm(self):
        """It was pressed for 1 s; whether that was the word to forget everybody."""
        armed = self._now_s < self._armed_until_s
        if armed:
            self.forget()
        return armed

    def forget(self):
        """Every secret, and who was let in; the records stay."""
        if not self._may_write():
            self._say(_NOT_FORGOTTEN)
            return
        self.people.forget()
        self.sessions.end()
        self._installer = None
        self._close()
        self._did(FORGET, BY_HAND, OWNER)
        self._say(_FORGOTTEN)
        from firmware.access.forget import forget

        forget(self.people.folder)  # the secrets in the site, and those of its Wi-Fi
        self._gate.ends = True  # nothing goes on by what was known

    def by_hand(self, payload):
        """`islet claim` on the console: opens the way in; with a name and a password, an owner."""
        answer = {"command": "claim", "ok": False}
        try:
            said = json.loads(payload) if payload else {}
            name, password = said.get("name"), said.get("password")
            if not said:
                answer["code"] = self.open()
                answer["text"] = "The way in is open for {} min.".format(OPEN_S // 60)
            else:
                self._right_name(name)
                if not isinstance(password, str) or not SHORTEST <= len(password) <= LONGEST:
                    allowed = "{} to {} characters".format(SHORTEST, LONGEST)
                    raise Refused("password", "does not fit", allowed)
                self._writable()
                self._task = asyncio.create_task(self._take_over(name, password.encode()))
                answer["text"] = "In some seconds {} is the owner.".format(name)
            answer["ok"] = True
        except Refused as refusal:
            answer["field"], answer["error"] = refusal.field, refusal.error
            answer["allowed"] = refusal.allowed
        except (ValueError, AttributeError):
            answer["field"], answer["error"] = "payload", "is no JSON object"
            answer["allowed"] = 'nothing, or {"name": "…", "password": "…"}'
        return answer

    async def _take_over(self, name, password):
        salt = self._chance.take(SALT)
        key = stored_key(await slow(password, salt))
        try:
            self._claimed(name, salt, key)
        except Refused:
            self._say(_NOT_CLAIMED)

    # --- over the network ---------------------------------------------------------------------

    def claim(self, said, source):
        """The code, a name, and what was made of a password: an owner."""
        if not self._open_until_s:
            raise Refused("claim", "the way in is not open", "open it at the box: " + WHERE)
        if self._tries.count(source) >= _TRIES_OF_ONE:
            raise TooSoon(self._open_until_s - self._now_s)
        code = said.get("code")
        if not isinstance(code, str) or not same(self._code.encode(), code.encode()):
            self._tries.append(source)
            self._did(CLAIM, source, OWNER, False)
            if len(self._tries) >= _TRIES:
                self._close()
            raise Refused(
                "code", "is not what the lamp says", "4 digits of 1 to 6: count the blinks"
            )
        name, salt, key = self._given(said)
        self._claimed(name, salt, key)
        self.delays.passed(source)

    def _claimed(self, name, salt, key):
        self._writable()
        self.people.put(name, OWNER, salt, key, must=True)
        self.sessions.end(name)  # of before
        self._close()
        self._did(CLAIM, name, OWNER)
        self._say(_CLAIMED)

    def _given(self, said):
        salt, key = hexadecimal(said.get("salt"), SALT), hexadecimal(said.get("key"), KEY)
        self._right_name(said.get("name"))
        if salt is None or key is None:
            raise Refused("key", "does not fit", "salt and key as hexadecimal digits")
        return said["name"], salt, key

    @staticmethod
    def _right_name(name):
        if not is_name(name) or name in _NOBODYS:
            raise Refused("name", "does not fit", "1 to 24 letters, digits, dots, - and _")

    def _writable(self):
        if not self._may_write():
            error = "something is energised, so nothing can be written"
            raise Refused("request", error, "again when everything is off")

    async def begin(self, said, source):
        """The first half of logging in: what the password has to be mixed with."""
        name, nonce = self._asked(said, source)
        if name == INSTALLER:
            await self._make_installer()
        row = self._row(name)
        challenge = self._challenge(self._now_s, name, nonce)
        return {"salt": digits(row[2]), "rounds": row[3], "challenge": challenge}

    def finish(self, said, source):
        """The second half: a session for whoever proves the password."""
        name, nonce = self._asked(said, source)
        challenge, proof = said.get("challenge"), hexadecimal(said.get("proof"), KEY)
        begun = hexadecimal(challenge, NONCE)
        age_s = self._now_s - int.from_bytes(begun[:4], "big") if begun else -1
        fresh = 0 <= age_s < _CHALLENGE_S and same(
            self._challenge(self._now_s - age_s, name, nonce).encode(), challenge.encode()
        )
        if not fresh or proof is None or challenge in self._spent:
            raise Refused("challenge", "is not of the last minute", "begin again")
        row = self._row(name)
        auth = "{},{},{}".format(name, nonce, challenge).encode()
        client_key = xor(proof, hmac(row[4], auth))
        if not same(sha(client_key), row[4]):
            self.wrong(source, row[1])
            raise Refused("password", "name or password is wrong", "another, a little later")
        self._spend(challenge)
        self.delays.passed(source)
        ident = digits(self._chance.take(ID))
        key = hmac(client_key, auth, b",", ident.encode())
        self.sessions.add(ident, key, name, row[1], self._now_s)
        self._did(LOG_IN, name, row[1])
        return {"ok": True, "session": ident, "role": row[1]}

    def _spend(self, challenge):
        """Each opens once: who repeats what was overheard gets no session to crowd others out."""
        oldest_s = self._now_s - _CHALLENGE_S
        spent = [each for each in self._spent if int(each[:8], 16) > oldest_s]
        if len(spent) >= _LOGINS:
            raise TooSoon(_CHALLENGE_S)
        self._spent = spent + [challenge]

    def _asked(self, said, source):
        self.wait(source)
        name, nonce = said.get("name"), said.get("nonce")
        if not is_name(name) or hexadecimal(nonce, NONCE) is None:
            raise Refused("name", "does not fit", "a name, and a nonce of 32 digits")
        return name, nonce

    def _row(self, name):
        """Of nobody a row as good as any, which no password opens."""
        row = self._installer if name == INSTALLER else self.people.find(name)
        salt = hmac(self._own, name.encode())[:SALT]
        return row or (name, VIEWER, salt, ROUNDS, self._secret)

    def _challenge(self, now_s, name, nonce):
        """Nothing is kept of it: it carries its own seal."""
        begun = now_s.to_bytes(4, "big")
        text = "{},{}".format(name, nonce).encode()
        return digits(begun + hmac(self._secret, begun, text)[: NONCE - 4])

    async def _make_installer(self):
        """The installer's key stands on the board as it was typed: made ready once a start."""
        if self._installer is not None:
            return
        secret = installers_key(self.people.folder)
        if not secret:
            return
        if self._busy:
            raise TooSoon(5)
        self._busy = True
        try:
            salt = hmac(self._own, INSTALLER.encode())[:SALT]
            key = stored_key(await slow(secret, salt))
            self._installer = (INSTALLER, INSTALLER, salt, ROUNDS, key)
        finally:
            self._busy = False

    def wait(self, source):
        """TooSoon, while its last wrong word is not yet paid for."""
        wait_s = self.delays.wait_s(source, self._now_s)
        if wait_s:
            raise TooSoon(wait_s)

    def wrong(self, source, role=OWNER):
        """It has said a wrong word, for one of that role."""
        self.delays.failed(source, self._now_s)
        self._did(LOG_IN, source, role, False)

    def who(self, credentials, what, body):
        """(name, role, id) of who signed it, else None."""
        return self.sessions.signed(credentials, what, body, self._now_s)

    def change(self, said, name, role):
        """People, by one who has the right: {"name", "role", "salt", "key"} or {"name", "remove"};
        one's own password by anybody."""
        self._gate.admit(name)
        of = said.get("name")
        self._right_name(of)
        if not may(role, PEOPLE) and (of != name or said.get("role", role) != role):
            raise Refused("people", "are not yours to change", "the owner; and one's own password")
        self._writable()
        if said.get("remove") is True:
            done = self.people.remove(of)
            allowed = "somebody who is there, and not the last owner"
        else:
            _, salt, key = self._given(said)
            its = said.get("role", role)
            if its not in ROLES or its == INSTALLER:
                raise Refused("role", "does not fit", "owner, household, operator, viewer")
            done = self.people.put(of, its, salt, key)
            allowed = "at most 8 people, one of them an owner"
        if not done:
            raise Refused("name", "does not fit", allowed)
        self.sessions.end(of)
        self._did(CHANGE, name, role)

    def leave(self, ident, name, role):
        self.sessions.leave(ident)
        self._did(LOG_OUT, name, role)

    def told(self, role, right, trail):
        """Of one who has the right to it: dicts, and None now and then."""
        if not may(role, right):
            raise NotYours(right, "is not yours to see", "by who has the right to it")
        if right == PEOPLE:
            return [{"name": row[0], "role": row[1]} for row in self.people.all()]
        return self._entries(trail)

    @staticmethod
    def _entries(trail):
        for entry in trail.entries() if trail is not None else ():
            if entry is None:
                yield None
                continue
            minute, what, who, role, done, missed = entry
            yield {
                "time_min": minute,
                "who": who,
                "role": ROLES[role] if role < len(ROLES) else None,
                "what": act_of(what),
                "done": done,
                "others_missed": missed,
            }

    def _did(self, what, who, role, done=True):
        self._gate.claimed = self.people.claimed
        self._gate.note(what, who, ROLES.index(role), done, done and what in _BY_PRESENCE)


def act_of(what):
    """A number of the trail's, in words."""
    if what < len(TABLE):
        return TABLE[what][0]
    return ACTS[what - len(TABLE)] if what < len(TABLE) + len(ACTS) else "?"
