# islet: a network for a board that has no sockets: W5500, DHCP, names.
# GPL-3.0-or-later

from firmware.lan.ethernet import Ethernet
from firmware.lan.lease import Fixed, Leased
from firmware.lan.w5500 import W5500
from firmware.local.address import fixed, host_name


def network(board, _image, settings, chip, random, note, _at_rest):
    """(an Ethernet, its tasks by name, what is wrong with a fixed address as sentences).

    board: what the circuit has (chips/common.py), and its clock; settings by path; chip: its own
    number; random: a function that gives so many random bytes; note(step, value): an event."""
    spi, select, interrupt, reset, baud, others = board.ethernet
    mac = b"\2" + chip[-5:]  # of its own making: the W5500 has none
    name = host_name(settings, chip)
    ethernet = Ethernet(W5500(spi, select, baud, others), interrupt, reset, mac, name, random)
    given, errors = fixed(settings)
    keeper = Leased(ethernet) if given is None else Fixed(ethernet, *given)
    tasks = [("ethernet", ethernet.run), ("address", keeper.run)]
    if settings["network.time"]:
        from firmware.local.sntp import Clock

        host = settings["network.time"]
        tasks.append(("time", Clock(ethernet, host, board.wall_s, board.set_wall, note).run))
    return ethernet, tasks, errors
