# islet: the installer's seal over the options that are weaker than the rules.
# GPL-3.0-or-later
#
# `make flash KEY=…` leaves the key on the board and writes `installer.seal` into the site: an
# HMAC-SHA256 (RFC 2104) of those options. Whoever changes one of them without the key is refused.
# It keeps an owner from weakening a limit by mistake or by page; not somebody with the board open.

import hashlib

PATH = "installer.key"  # on the board
SEALED = 16  # hexadecimal digits of the HMAC that are kept
_BLOCK = 64


def made(key, weaker):
    """The seal of `weaker`, rows (path, value, why), by a key of bytes."""
    text = "\n".join(sorted("{}={}".format(path, value) for path, value, _ in weaker))
    if len(key) > _BLOCK:
        key = hashlib.sha256(key).digest()
    key = key + bytes(_BLOCK - len(key))
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key))
    inner.update(text.encode())
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key))
    outer.update(inner.digest())
    return "".join("{:02x}".format(byte) for byte in outer.digest())[:SEALED]


def key():
    """The key on this board, b"" where there is none."""
    try:
        with open(PATH, "rb") as file:
            return file.read(256).strip()
    except OSError:
        return b""


def holds(config, key):
    """Whether this key has sealed what of the configuration is weaker."""
    return bool(key) and made(key, config.weaker) == config["installer.seal"]
