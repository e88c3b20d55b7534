# islet: who may come in: the file of names, roles and what proves a password.
# GPL-3.0-or-later
#
# A line a person: role, salt, rounds, key, name. The key is SCRAM's StoredKey (RFC 5802, with
# SHA-256): who reads it cannot log in by it. It is read when somebody logs in, and not kept. It
# lies in the file system, whose writing erases, so it is changed only while nothing is energised
# (INV-9); and beside the records, which outlive it.

import os
from binascii import hexlify, unhexlify

from firmware.access.digest import ROUNDS
from firmware.base.secret import hmac, sha
from firmware.base.viper import const
from firmware.people.asked import OWNER, ROLES

PATH = "people.key"  # on the board
MOST = const(8)
NAME_MAX = const(24)
SALT, KEY = const(16), const(32)  # bytes
_ALSO = "._-"
_LONGEST = const(1536)  # bytes of the file


def stored_key(salted):
    """Of the slow hash of a password."""
    return sha(hmac(salted, b"Client Key"))


def is_name(name):
    """1 to 24 letters of ASCII, digits, dots, - and _."""
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_MAX:
        return False
    return all(c < "\x7f" and (c in _ALSO or c.isdigit() or c.isalpha()) for c in name)


def hexadecimal(text, size):
    """The bytes of a text of twice as many digits, else None."""
    if not isinstance(text, str) or len(text) != 2 * size:
        return None
    try:
        return unhexlify(text.encode())
    except ValueError:
        return None


def _row(line):
    """(name, role, salt, rounds, key), or None of a line that is damaged."""
    words = line.split()
    if len(words) != 5 or words[0] not in ROLES or not is_name(words[4]):
        return None
    salt, key = hexadecimal(words[1], SALT), hexadecimal(words[3], KEY)
    if salt is None or key is None or not words[2].isdigit():
        return None
    return words[4], words[0], salt, int(words[2]), key


class People:
    """folder: with its slash, or nothing."""

    def __init__(self, folder=""):
        self.folder = folder
        self._path = folder + PATH
        self.claimed = self._owned(self.all())

    def all(self):
        """The rows; of a file that is not there, or is no text, none."""
        try:
            with open(self._path) as file:
                text = file.read(_LONGEST)
        except (OSError, ValueError):
            return []
        return [row for row in map(_row, text.split("\n")) if row][:MOST]

    @staticmethod
    def _owned(rows):
        return any(row[1] == OWNER for row in rows)

    def find(self, name):
        for row in self.all():
            if row[0] == name:
                return row
        return None

    def put(self, name, role, salt, key, must=False):
        """One more, or another password or role; False where there is no room, or no owner would
        be left. `must`: for want of room the last of the others goes."""
        rows = [row for row in self.all() if row[0] != name]
        if must:
            rows = rows[: MOST - 1]
        rows.append((name, role, salt, ROUNDS, key))
        if len(rows) > MOST or not self._owned(rows):
            return False
        self._write(rows)
        return True

    def remove(self, name):
        """False of one who is not there, and of the last owner."""
        rows = self.all()
        rest = [row for row in rows if row[0] != name]
        if len(rest) == len(rows) or not self._owned(rest):
            return False
        self._write(rest)
        return True

    def _write(self, rows):
        """Beside and renamed, so that a power loss leaves the old or the new."""
        with open(self._path + ".new", "w") as file:
            for name, role, salt, rounds, key in rows:
                salt, key = hexlify(salt).decode(), hexlify(key).decode()
                file.write("{} {} {} {} {}\n".format(role, salt, rounds, key, name))
        os.rename(self._path + ".new", self._path)
        self.claimed = self._owned(rows)

    def forget(self):
        """Everybody; what a power loss left of a change too."""
        for path in (self._path, self._path + ".new"):
            try:
                os.remove(path)
            except OSError:
                pass
        self.claimed = False
