# islet: the installer's seal over the options that are weaker than the rules.
# GPL-3.0-or-later
#
# `make flash KEY=…` leaves the key on the board and writes `installer.seal` into the site: an
# HMAC-SHA256 of those options. Whoever changes one of them without the key is refused. It keeps an
# owner from weakening a limit by mistake or by page; not somebody with the board open.

from firmware.base.secret import digits, hmac

SEALED = 16  # hexadecimal digits of the HMAC that are kept


def made(key, weaker):
    """The seal of `weaker`, rows (path, value, why), by a key of bytes."""
    text = "\n".join(sorted("{}={}".format(path, value) for path, value, _ in weaker))
    return digits(hmac(key, text.encode()))[:SEALED]


def holds(config, key):
    """Whether this key has sealed what of the configuration is weaker."""
    return bool(key) and made(key, config.weaker) == config["installer.seal"]
