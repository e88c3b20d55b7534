# islet: what secrets are compared and sealed with, and the installer's key.
# GPL-3.0-or-later

import hashlib

KEY = "installer.key"  # on the board, as it was typed: who knows it is the installer
_BLOCK = 64


def same(a, b):
    """Compare two secrets, as bytes, in a time that tells nothing about them but their lengths."""
    different = len(a) ^ len(b)
    for i in range(len(a)):
        different |= a[i] ^ (b[i] if i < len(b) else 1)
    return not different


def sha(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def pads(key):
    """What RFC 2104 mixes a key with, inside and outside."""
    if len(key) > _BLOCK:
        key = sha(key)
    key = key + bytes(_BLOCK - len(key))
    return bytes([byte ^ 0x36 for byte in key]), bytes([byte ^ 0x5C for byte in key])


def hmac(key, *parts):
    """HMAC-SHA256 (RFC 2104) of the parts."""
    inner, outer = pads(key)
    return sha(outer, sha(inner, *parts))


def digits(data):
    """In hexadecimal."""
    return "".join(["{:02x}".format(byte) for byte in data])


def installers_key(folder=""):
    """b"" where there is none; folder: with its slash, or nothing."""
    try:
        with open(folder + KEY, "rb") as file:
            return file.read(256).strip()
    except OSError:
        return b""
