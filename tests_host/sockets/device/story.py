# islet test: one story of a box with a radio, told alike by both runtimes.
# GPL-3.0-or-later
from firmware.sockets.captive import answer, fields
from firmware.sockets.known import Known
from firmware.sockets.radio import ESP32, RP2, Radio
from firmware.sockets.wifi import STATES, TICK_MS, Wifi
from tests_host.sockets.fake import Network
from tests_host.sockets.world import Router, World


def tell(port, folder):
    """What happens, a line each."""
    world = World(Router("casa", "buongiorno", 11))
    said = []

    def hold(call):
        world.allowed_ms = 8_300
        call()
        world.allowed_ms = 2_000

    known = Known(folder, [], lambda count: bytes(range(count)))
    radio = Radio(Network(world, port), RP2 if port == "rp2" else ESP32)
    wifi = Wifi(
        radio,
        known,
        lambda: not world.energised,
        hold,
        lambda step, text: said.append("{} {}".format(step, text)),
        "DE",
        None,
        "islet-0001",
        None,
    )

    def go(seconds):
        for _ in range(seconds * 1000 // TICK_MS):
            world.now_ms += TICK_MS
            before = wifi.at
            wifi.step(TICK_MS)
            if wifi.at != before:
                said.append("{} {}".format(STATES[wifi.at][0], wifi.reason))

    go(15)
    wifi.type("casa", "buonasera", False)
    go(30)
    form = fields(b"name=casa&key=buon%67iorno")
    said.append(wifi.type(form["name"], form["key"], False))
    go(60)
    world.routers[0].up = False
    go(400)
    world.routers[0].up = True
    go(400)
    said.append(str(sorted(wifi.state().items())))
    said.append(str([(each.name, each.channel) for each in world.seen]))
    said.append(str(known.networks()))
    question = b"\0\7\1\0\0\1\0\0\0\0\0\0\1a\1b\0\0\1\0\1"
    said.append(str(answer(question, b"\xc0\xa8\4\1")))
    return said
