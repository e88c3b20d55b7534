# islet: what goes with the people when a box is forgotten: the secrets in its site.
# GPL-3.0-or-later
#
# The site's circuits, devices and limits stay, and so does the installer's key, which seals some
# of them: without it a box whose limits an installer has answered for would stand still.

import os

from firmware.base.viper import const

SECRETS = ("password", "token")  # names of options anywhere in the site
NETWORKS = "wifi"  # goes whole: a network without its password would be joined as an open one
PATH = "/site.json"
TYPED = "wifi.key"  # networks typed at the box, and its access point's key: sockets/known.py
_LONGEST = const(64)  # characters of a secret, as config/options.py has it


def _end(text, at):
    """Behind the string that begins at `at`."""
    at += 1
    while text[at] != '"':
        at += 2 if text[at] == "\\" else 1
    return at + 1


def _closed(text, at):
    """Behind the list that begins at `at`."""
    depth = 0
    while True:
        if text[at] == '"':
            at = _end(text, at)
            continue
        depth += (text[at] in "[{") - (text[at] in "]}")
        at += 1
        if not depth:
            return at


def without(text):
    """A site's text with each of its secrets empty, and without its Wi-Fi; what is no JSON stays
    as it is from there."""
    said, done, at, name = [], 0, 0, ""
    try:
        while at < len(text):
            if text[at] == "[" and name == NETWORKS:
                end = _closed(text, at)
                said.append(text[done:at] + "[]")
                done, at, name = end, end, ""
                continue
            if text[at] != '"':
                if text[at] not in " \t\r\n:":
                    name = ""
                at += 1
                continue
            end = _end(text, at)
            if name in SECRETS:
                said.append(text[done:at])
                said.append('""')
                done, name = end, ""
            else:
                name = text[at + 1 : end - 1] if end - at <= _LONGEST else ""
            at = end
    except IndexError:
        pass
    return "".join(said) + text[done:]


def forget(folder):
    """Of this board, in its file; what was typed at the box lies in `folder`."""
    for path in (folder + TYPED, folder + TYPED + ".new"):
        try:
            os.remove(path)
        except OSError:
            pass
    path = os.getenv("ISLET_SITE") if hasattr(os, "getenv") else PATH
    if not path:
        return  # a PC without a site
    try:
        with open(path) as file:
            text = file.read()
        with open(path + ".new", "w") as file:
            file.write(without(text))
        os.rename(path + ".new", path)
    except (OSError, ValueError, TypeError):
        pass  # there is no site, or none that can be read
