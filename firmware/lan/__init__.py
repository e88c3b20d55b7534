# islet: a network for a board that has no sockets: W5500, DHCP, names.
# GPL-3.0-or-later

from firmware.lan.dhcp import usable
from firmware.lan.ethernet import Ethernet, numbers
from firmware.lan.lease import Fixed, Leased
from firmware.lan.w5500 import W5500

_FIELDS = ("network.address", "network.mask", "network.router", "network.dns")
_NOTHING = b"\0\0\0\0"


def network(board, settings, chip, random):
    """(an Ethernet, what keeps its address, what is wrong with a fixed one as sentences).

    board: what the circuit has (chips/common.py); settings by path; chip: its own number; random:
    a function that gives so many random bytes."""
    spi, select, interrupt, reset, baud, others = board
    mac = b"\2" + chip[-5:]  # of its own making: the W5500 has none
    name = settings["network.name"] or host_name(chip)
    ethernet = Ethernet(W5500(spi, select, baud, others), interrupt, reset, mac, name, random)
    errors = []
    if settings["network.address"]:
        given = fixed(settings, errors)
        if not errors:
            return ethernet, Fixed(ethernet, *given), errors
    return ethernet, Leased(ethernet), errors


def host_name(chip):
    """Of a board that nobody named: two of them in a house differ."""
    return "islet-{:02x}{:02x}".format(chip[-2], chip[-1])


def fixed(settings, errors):
    """Address, mask, router and name server, 4 bytes each; adds to `errors` what is wrong."""
    given = []
    for field in _FIELDS:
        text = settings[field]
        given.append(numbers(text) if text else _NOTHING)
        if given[-1] is None:
            errors.append("{}: {} is no address like 192.168.0.20".format(field, text))
    if not errors:
        wrong = usable(given[0], given[1], given[2])
        if wrong:
            errors.append("network.{}: no host on such a network has it".format(wrong))
    return given
