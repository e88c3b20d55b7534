# islet: a network by MicroPython's own sockets, and what a network is to whoever uses one.
# GPL-3.0-or-later
#
# Another (lan/ethernet.py, sockets/wifi.py) has the same:
#
#   PLACES, WAITING   how many may have a page at once, and wait for a place
#   reaches()         whether it has an address: before, nobody can be asked
#   waits()           whether a name must not be looked up now
#   resolve(…)        what connect() wants of a host by name or number; OSError
#   connect(…)        a stream to it, with the first bytes on their way; OSError
#   serve(…)          whoever connects is handed to the app; for ever
#   hold(call)        where there is TLS: calls it while the watchdog waits for longer
#   state()           for page, broker and console, where it has tasks
#
# The stack's look-up holds the loop for as long as it likes, so it is done at zero power (INV-9).
#
# Streams differ between the runtimes, so no stub fits both:
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false

import asyncio
from errno import EINPROGRESS

from firmware import image as im
from firmware.base.viper import const

WATCHDOG_MS = const(2_000)  # as app.py starts it
LONG_MS = const(8_300)  # its longest on an RP2040, for what holds the loop while nothing flows


def radio():
    """Whether MicroPython drives one on this board: then there is firmware/sockets."""
    try:
        from network import WLAN  # pyright: ignore
    except ImportError:
        return False
    return WLAN is not None


def network(board, image, settings, _chip, _random, _note, _at_rest):
    """(the network, its tasks by name, what is wrong as sentences), as of lan and of sockets."""
    wrong = ["wifi: this board has no radio, leave it empty"] if settings["wifi"] else []
    return Sockets(image, patient(board)), [], wrong


def patient(board):
    """hold(call): calls it while the watchdog waits for longer."""

    def hold(call):
        board.patience(LONG_MS)
        try:
            return call()
        finally:
            board.patience(WATCHDOG_MS)

    return hold


def quiet(image):
    """True at zero power: what holds the loop for long may happen now (INV-9)."""
    site, commands = image.site, image.commands
    if commands[im.PERMITS] & im.OUT_CONTACTORS or im.off_grid(image):
        return False
    for device in range(im.DEVICES):
        kind = site[im.DEVICE_KIND + device]  # a point's offer stands while a car waits
        if kind != im.KIND_NONE and kind != im.KIND_POINT and commands[im.SETPOINT + device]:
            return False
    return True


def _once(call):
    return call()


class Sockets:
    """hold(call): what holds the loop, while the watchdog waits for longer."""

    PLACES, WAITING = 6, 8

    def __init__(self, image, hold=_once):
        self._image = image
        self.hold = hold

    def reaches(self):
        return True  # as far as anybody knows

    def waits(self):
        return not quiet(self._image)

    async def resolve(self, host, port):
        import socket

        return self.hold(lambda: socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0])

    async def connect(self, found, _port, first):
        import socket

        sock = socket.socket(found[0], found[1], found[2])
        stream = asyncio.StreamReader(sock)
        try:
            sock.setblocking(False)
            try:
                sock.connect(found[-1])
            except OSError as error:
                if error.errno != EINPROGRESS:
                    raise
            stream.out_buf = first  # drain waits until the socket is connected, then writes
            await stream.drain()
        except BaseException:
            sock.close()
            raise
        return stream

    async def serve(self, app, host, port):
        await app.start_server(host=host, port=port)
