# islet: what is wrong with a line, in words for who stands before it with a screwdriver.
# GPL-3.0-or-later
#
# A function of what was counted of late (Peer.recent) and of what the master has heard. A sentence
# says what was seen; what it may come from is in its way out, the likeliest first, for a wire that
# is silent looks the same whether it is cut, swapped or of another speed.

from firmware.bus.pdu import EXCEPTION_NAMES
from firmware.bus.peer import (
    BUSY,
    CRC,
    EXCEPTION,
    FOREIGN,
    HEARD,
    LINE,
    NOISE,
    OK,
    SHAPE,
    TIMEOUT,
)

_FEW = 3  # requests: below it nothing is said
_GONE = 5  # unheard in a row: one that answers half of them seldom is
_MANY = 16  # and below it no share
_GOOD_PERCENT = 90
_GATEWAY = (10, 11)  # exceptions: whoever is asked is not the one who says them
_REFUSED = (104, 111)  # errno: reset, refused

_OTHER_MASTER = (
    "Another master asks on this line.",
    "A line has one master: switch off the other (a maker's own controller, a logger), or give "
    "these devices a line of their own.",
)
_ECHO = ("The adapter returns what is sent; that is taken out.", "")
_NEVER_STILL = (
    "The line never falls silent.",
    "A and B are swapped, or nothing holds the line while nobody speaks (bias, 120 ohms at both "
    "ends), or another master speaks without a pause.",
)
_NO_FRAMES = (
    "Bytes come back, and none of them is a frame.",
    "Compare speed and parity with the device's own; then A and B, which may be swapped, and the "
    "120 ohms at both ends.",
)
_NOBODY = (
    "Nobody answers on this line, not a byte is heard.",
    "Look in this order: are the devices on; A and B, which may be swapped; speed, parity and "
    "address as in the device; the cable.",
)
_NO_UART = ("The serial port does not work.", "Put the adapter in again, then restart.")
_CONNECTION = {
    "does not answer": (
        "Nobody answers at its address in the network.",
        "Is it on, and in this network? Compare its address with the line's host.",
    ),
    "has closed the connection": (
        "It takes the connection and closes it again.",
        "Many devices take one client by Modbus TCP: end the other one (app, logger, probe).",
    ),
    "speaks no Modbus": (
        "What answers there speaks no Modbus TCP.",
        "Compare host and port with the device's own.",
    ),
}
_CONNECTION_REFUSED = (
    "It refuses the connection.",
    "Switch Modbus TCP on in its settings and compare the port; where it takes one client, end "
    "the other one.",
)
_SILENT_UNIT = (
    "There is a connection, but unit {1}, {0}, is silent behind it.",
    "Compare the unit with the device's own; is it on, and wired to the gateway?",
)
_SILENT = (
    "{0} does not answer at address {1}; others on this line do.",
    "Is it on? Compare address, speed and parity with its own; then its branch of the cable.",
)
_REFUSES = (
    "{0} refuses what it is asked: {1}.",
    "Is the profile the one of this model, and remote access switched on in the device?",
)
_DAMAGED = (
    "{0} answers {1} of 100 requests; the others come damaged.",
    "120 ohms at both ends and nowhere else, one pair of twisted wires for A and B, away from the "
    "power cables; two devices may have the same address.",
)
_MIXED = (
    "{0} answers {1} of 100 requests; to the others something else is heard.",
    "Two devices may have the same address, or another master asks on this line.",
)
_SELDOM = (
    "{0} answers {1} of 100 requests and is silent to the others.",
    "Give it more time (timeout_ms, pause_ms), and look for a loose wire; two masters on a "
    "gateway do that too.",
)


def said(rtu, peers):
    """[{"text", "way_out"}] of a line's master and the peers on it."""
    rows = []
    if rtu.others >= HEARD:
        rows.append(_OTHER_MASTER)
    if rtu.echo:
        rows.append(_ECHO)
    asked = [peer for peer in peers if sum(peer.recent) >= _FEW]
    whole = None
    if asked and not any(_speaks(peer) for peer in asked):
        whole = _of_all(rtu, asked)
    if whole:
        rows.append(whole)
    else:
        for peer in asked:
            rows.append(_of_one(peer, hasattr(rtu, "link")))
    return [{"text": row[0], "way_out": row[1]} for row in rows if row]


def _speaks(peer):
    """Whether it has answered of late, and not fallen silent since."""
    return peer.tries < _GONE and (peer.recent[OK] or peer.recent[EXCEPTION])


def _of_all(rtu, peers):
    """Where nobody has answered of late, and it is not for one of them to say why."""
    heard = [sum([peer.recent[code] for peer in peers]) for code in range(LINE + 1)]
    half = (sum(heard) - heard[OK] - heard[EXCEPTION]) // 2
    if hasattr(rtu, "link"):
        return _of_connection(rtu.trouble) if rtu.trouble is not None else None
    if heard[LINE] > half:
        return _NO_UART
    if heard[BUSY] > half:
        return _NEVER_STILL
    if heard[NOISE] + heard[CRC] + heard[SHAPE] > half:
        return _NO_FRAMES
    return _NOBODY if heard[TIMEOUT] > half else None


def _of_connection(trouble):
    if trouble in _REFUSED:
        return _CONNECTION_REFUSED
    if trouble in _CONNECTION:
        return _CONNECTION[trouble]
    return ("The connection fails: {}.".format(trouble), "Is it on, and in this network?")


def _of_one(peer, behind):
    """behind: a connection."""
    recent, name = peer.recent, peer.name
    total = sum(recent)
    silent = recent[TIMEOUT] + recent[FOREIGN]
    if peer.exception in _GATEWAY:  # it speaks for one who does not
        silent += recent[EXCEPTION]
    elif 2 * recent[EXCEPTION] > total:
        why = peer.exception
        text = EXCEPTION_NAMES[why] if why < len(EXCEPTION_NAMES) else "exception {}".format(why)
        return _with(_REFUSES, name, text)
    if not recent[OK] or not _speaks(peer):
        if silent >= _FEW:
            return _with(_SILENT_UNIT if behind else _SILENT, name, peer.address)
        return None
    percent = recent[OK] * 100 // total
    if total < _MANY or percent > _GOOD_PERCENT:
        return None
    spoilt = recent[CRC] + recent[NOISE]
    foreign = recent[FOREIGN] + recent[SHAPE]
    if spoilt > max(recent[TIMEOUT], foreign):
        return _with(_DAMAGED, name, percent)
    return _with(_MIXED if foreign > recent[TIMEOUT] else _SELDOM, name, percent)


def _with(row, *values):
    return (row[0].format(*values), row[1])
