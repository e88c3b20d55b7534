# islet: networks that MicroPython drives by itself, and that have its sockets.
# GPL-3.0-or-later
#
# (the type stubs are those of a board without a radio, and of sockets without their constants)
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from firmware.net.plain import patient, quiet


def host_name(settings, chip):
    """Of a board that nobody named: two of them in a house differ."""
    return settings["network.name"] or "islet-{:02x}{:02x}".format(chip[-2], chip[-1])


def network(board, image, settings, chip, random, note, at_rest):
    """(the network, its tasks by name, what is wrong as sentences).

    board: what waits with its watchdog; image: the process image; settings by path; chip: its own
    number; random(n): bytes of chance; note(step, text=): an event; at_rest(): whether flash may
    be written."""

    from sys import platform

    import network as port

    from firmware.sockets.captive import Names
    from firmware.sockets.known import Known
    from firmware.sockets.radio import ESP32, RP2, Radio
    from firmware.sockets.wifi import Wifi

    hold = patient(board)
    wrong = _fixed(settings)
    given = [(row["name"], row["password"], row["hidden"]) for row in settings["wifi"]]
    folder = board.storage + "/" if isinstance(board.storage, str) else ""
    wifi = Wifi(
        Radio(port, ESP32 if platform == "esp32" else RP2),
        Known(folder, given, random),
        lambda: quiet(image) and at_rest(),
        hold,
        note,
        settings,
        host_name(settings, chip),
        image,
    )
    names = Names(wifi, _datagrams)
    return wifi, [("wifi", wifi.run), ("names", names.run)], wrong


def _fixed(settings):
    """What is wrong with a fixed address as sentences; then it is left to DHCP."""
    wrong = []
    for field in ("network.address", "network.mask", "network.router", "network.dns"):
        parts = settings[field].split(".")
        good = len(parts) == 4 and all(part.isdigit() and int(part) < 256 for part in parts)
        if settings["network.address"] and settings[field] and not good:
            wrong.append("{}: {} is no address like 192.168.0.20".format(field, settings[field]))
    if wrong:
        settings["network.address"] = ""
    return wrong


def _datagrams(address, port):
    import socket

    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(socket.getaddrinfo(address, port)[0][-1])
    return made
