# islet: the networks that the box knows, and the key of its own access point.
# GPL-3.0-or-later
#
# The site's come first to last in their order; what was typed at the access point stands before
# them, the newest first, and is kept at once, so that a power cut takes nothing of it. The access
# point's key is made of chance when it is first wanted, and told on the console alone.
#
# A line each in a file of the board: `own KEY`, or `net NAME KEY HIDDEN` in hexadecimal digits.
# Its writing erases flash, so whoever changes it asks first whether something is energised.

import os
from binascii import hexlify, unhexlify

from firmware.base.viper import const

PATH = "wifi.key"
MOST = const(4)  # that were typed
NAME_MAX, KEY_MIN, KEY_MAX = const(32), const(8), const(63)  # bytes, IEEE 802.11
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # 32, none like another
_KEY = const(16)  # of them: 80 bits
_LONGEST = const(1024)  # bytes of the file


def wrong(name, key):
    """What is wrong with them, "" when nothing is."""
    if not 1 <= len(name.encode()) <= NAME_MAX:
        return "a network's name has 1 to 32 bytes"
    if key and not (KEY_MIN <= len(key) <= KEY_MAX and all(" " <= c <= "~" for c in key)):
        return "a password has 8 to 63 characters of ASCII, or there is none"
    return ""


def _row(words):
    """(name, key, hidden) of a line of the file, None of one that is damaged."""
    try:
        name, key = unhexlify(words[1]).decode(), unhexlify(words[2][1:]).decode()
    except (ValueError, IndexError):
        return None
    return None if wrong(name, key) else (name, key, words[3:] == ["1"])


class Known:
    """folder: with its slash, or nothing; given: (name, key, hidden) of the site's; random(n):
    bytes of chance."""

    def __init__(self, folder, given, random):
        self._path = folder + PATH
        self._given = given
        self._random = random
        self.own = ""  # the access point's key
        self._typed = []
        self._read()

    def _read(self):
        try:
            with open(self._path) as file:
                lines = file.read(_LONGEST).split("\n")
        except (OSError, ValueError):
            return
        for line in lines:
            words = line.split(" ")
            if words[0] == "own" and len(words) == 2 and not wrong("own", words[1]):
                self.own = words[1]
            elif words[0] == "net":
                row = _row(words)
                if row is not None and len(self._typed) < MOST:
                    self._typed.append(row)

    def networks(self):
        """(name, key, hidden), in the order in which they are tried."""
        typed = [row[0] for row in self._typed]
        return self._typed + [row for row in self._given if row[0] not in typed]

    def add(self, name, key, hidden):
        """Typed by somebody: the first that is tried, on the box before this returns."""
        rest = [row for row in self._typed if row[0] != name]
        self._typed = [(name, key, hidden)] + rest[: MOST - 1]
        self._write()

    def own_key(self):
        """Made when first wanted, and kept before it is used."""
        if not self.own:
            self.own = "".join([_LETTERS[byte & 31] for byte in self._random(_KEY)])
            self._write()
        return self.own

    def _write(self):
        """Beside and renamed, so that a power cut leaves the old or the new."""
        with open(self._path + ".new", "w") as file:
            file.write("own {}\n".format(self.own) if self.own else "")
            for name, key, hidden in self._typed:
                name, key = hexlify(name.encode()).decode(), hexlify(key.encode()).decode()
                file.write("net {} x{} {}\n".format(name, key, int(hidden)))
        os.rename(self._path + ".new", self._path)

    def forget(self):
        """Everything that was typed, and the access point's key."""
        self.own, self._typed = "", []
        for path in (self._path, self._path + ".new"):
            try:
                os.remove(path)
            except OSError:
                pass
