# islet: networks that MicroPython drives by itself, and that have its sockets.
# GPL-3.0-or-later
#
# pyright: reportMissingImports=false

from firmware.local.address import dotted, fixed, host_name
from firmware.net.plain import patient, quiet


def network(board, image, settings, chip, random, note, at_rest):
    """(the network, its tasks by name, what is wrong as sentences).

    board: its circuit, its clock, and what waits with its watchdog; image: the process image;
    settings by path; chip: its own number; random(n): bytes of chance; note(step, value=, text=):
    an event; at_rest(): whether flash may be written."""

    import network as port

    from firmware.sockets.asks import Asks

    given, wrong = fixed(settings)
    texts = None if given is None else tuple([dotted(each) for each in given])
    name = host_name(settings, chip)
    make = _wifi if board.circuit.phy is None else _cable
    made, tasks = make(port, board, image, settings, name, texts, random, note, at_rest)
    if settings["network.time"]:
        from firmware.local.sntp import Clock

        asks = Asks(made, random)
        clock = Clock(asks, settings["network.time"], board.wall_s, board.set_wall, note)
        tasks.append(("time", clock.run))
    return made, tasks, wrong


def _cable(port, board, image, _settings, name, given, random, _note, _at_rest):
    from machine import Pin

    from firmware.sockets.cable import Cable, words_of

    words = words_of(board.circuit.phy, Pin)
    cable = Cable(port, words, name, given, image, patient(board), random)
    return cable, [("ethernet", cable.run)]


def _wifi(port, board, image, settings, name, given, random, note, at_rest):
    from sys import platform

    from firmware.sockets.captive import Names
    from firmware.sockets.known import Known
    from firmware.sockets.radio import ESP32, RP2, Radio
    from firmware.sockets.wifi import Wifi

    rows = [(row["name"], row["password"], row["hidden"]) for row in settings["wifi"]]
    folder = board.storage + "/" if isinstance(board.storage, str) else ""
    wifi = Wifi(
        Radio(port, ESP32 if platform == "esp32" else RP2),
        Known(folder, rows, random),
        lambda: quiet(image) and at_rest(),
        patient(board),
        note,
        settings["network.country"],
        given,
        name,
        image,
    )
    return wifi, [("wifi", wifi.run), ("names", Names(wifi).run)]
