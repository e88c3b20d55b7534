# islet: a network for a board that has no sockets: W5500, DHCP, names.
# GPL-3.0-or-later

from firmware.lan.dhcp import usable
from firmware.lan.ethernet import Ethernet, numbers
from firmware.lan.lease import Fixed, Leased
from firmware.lan.w5500 import W5500

_FIELDS = ("network.address", "network.mask", "network.router", "network.dns")
_NOTHING = b"\0\0\0\0"


def network(board, _image, settings, chip, random, note, _at_rest):
    """(an Ethernet, its tasks by name, what is wrong with a fixed address as sentences).

    board: what the circuit has (chips/common.py), and its clock; settings by path; chip: its own
    number; random: a function that gives so many random bytes; note(step, value): an event."""
    spi, select, interrupt, reset, baud, others = board.ethernet
    mac = b"\2" + chip[-5:]  # of its own making: the W5500 has none
    name = settings["network.name"] or host_name(chip)
    ethernet = Ethernet(W5500(spi, select, baud, others), interrupt, reset, mac, name, random)
    errors = []
    keeper = Leased(ethernet)
    if settings["network.address"]:
        given = fixed(settings, errors)
        if not errors:
            keeper = Fixed(ethernet, *given)
    tasks = [("ethernet", ethernet.run), ("address", keeper.run)]
    if settings["network.time"]:
        from firmware.lan.sntp import Clock

        host = settings["network.time"]
        tasks.append(("time", Clock(ethernet, host, board.wall_s, board.set_wall, note).run))
    return ethernet, tasks, errors


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
