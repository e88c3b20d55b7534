# islet: which parts a site and a board need, and how they are wired.
# GPL-3.0-or-later
#
# PARTS below is the table: when, and what adds the part. Rooms that need a network are imported
# only where there is one: a Pico has no socket.

import gc

from firmware import image as im
from firmware.base.viper import const
from firmware.core import KEPT_FAULTS, KEPT_TRIPS, Core
from firmware.guard import Guard
from firmware.guard.fast import Fast
from firmware.health import Health
from firmware.ledger import Ledger, open_store
from firmware.ledger.keep import STARTS, Keep
from firmware.ledger.proofs import Proofs
from firmware.ledger.seal import Seal
from firmware.maintenance import overlaid
from firmware.net.console import Console
from firmware.parts import always, entrance
from firmware.people import events
from firmware.people.commands import Commands
from firmware.people.lamp import Button, Lamp
from firmware.people.names import Names
from firmware.people.state import State
from firmware.policy import Policy
from firmware.sense import Sense, calibration

# While the parts are made, garbage is collected each time so many bytes were asked for: what lasts
# then lies together at the heap's beginning, with no holes of what is gone between. Fewer let a
# start take longer.
_PACKED_BYTES = const(40_000)


def assemble(parts, board, text):
    """Everything that a site's configuration and a board need, as attributes of `parts`. On a chip
    this module is let go of afterwards, so nothing that lasts may be its own."""
    from firmware.config import outcome

    parts.board = board
    parts.image = im.Image()
    parts.health = Health()
    gc.collect()  # what the configuration leaves shall not lie above what importing left
    parts.config = outcome.into(outcome.Configured(), text, parts.image, board.rights)
    gc.collect()
    gc.threshold(_PACKED_BYTES)
    _calibrate(parts)
    parts.sense = Sense(parts.image, board.analog)
    parts.guard = Guard(parts.image, board)
    if board.fast_blocks:
        parts.fast = Fast(parts.image, parts.guard, board, parts.sense.middles)
    parts.store = _open_store(parts)
    parts.keep = Keep(parts.store, parts.image, KEPT_FAULTS, KEPT_TRIPS)
    parts.guard.recall(parts.keep.trips)
    parts.core = Core(parts.image)
    parts.seal = Seal(board, parts.image)
    config = parts.config
    parts.names = Names(parts.image.site, config.nodes, config.devices, config.points)
    parts.events = events.Events(parts.image, parts.names, STARTS, parts.task)
    parts.events.add(events.START, value=parts.keep.start)
    parts.reports = [("health", parts.health.state), ("warnings", parts.warned)]
    name = config.settings["name"]
    parts.state = State(parts.image, name, parts.names, config.errors, parts.reports)
    parts.links = []  # (name, coroutine function that runs for ever)
    parts.slow_parts = []  # (name, what steps once a second)
    _add(parts, PARTS)
    config.settings = {}  # every part has taken its own


def _add(parts, table):
    """Those of the table that this site and board need."""
    settings = parts.config.settings
    for _, when, add in table:
        try:
            if when(parts, settings):
                add(parts, settings)
        except ValueError as error:  # what only the parts can see, as "field: sentence"
            parts.config.errors.append(str(error))


def _open_store(parts):
    """What was promised to last lies here; without it nothing is energised."""
    try:
        return open_store(parts.board.storage, parts.image)
    except (OSError, ValueError) as error:
        parts.config.errors.append("storage: {}".format(error))
        return None


def _calibrate(parts):
    """Before anybody takes a scale; a damaged file is as bad as a bad configuration."""
    board = parts.board
    parts.scales = []  # of the metering chips
    if board.meters:
        from firmware.sense.atm90e32_setup import Scales

        parts.scales = [Scales(row) for _, _, row in board.meters]
    parts.calibration = calibration.load(
        calibration.text(), board.name, board.analog, parts.scales
    )
    for error in parts.calibration.errors:
        parts.config.errors.append("calibration.json: " + error)


# --- when ------------------------------------------------------------------------------------


def _configured(parts, _settings):
    return not parts.config.errors


def _lines(parts, settings):
    return _configured(parts, settings) and settings["lines"]


def _told(parts, settings):
    good = _configured(parts, settings)
    return [row for row in settings["meters"] if row["line"] is None] if good else []


def _chips(parts, settings):
    return _configured(parts, settings) and parts.board.meters


def _broker(parts, settings):
    return _configured(parts, settings) and settings["mqtt.host"]


def _reached(parts, _settings):
    return parts.board.rights.network


def _named(parts, _settings):
    """Where nobody else answers for it: MicroPython does over Wi-Fi."""
    return hasattr(parts.network, "responder")


def _page(parts, settings):
    """The page is there even when the configuration is not, to mend it."""
    if settings["http.port"] is None or parts.config.errors:
        settings["http.port"] = parts.board.http_port
    if not settings["http.host"] or parts.config.errors:
        settings["http.host"] = parts.board.http_host
    return settings["http.port"]


def _commanded(parts, settings):
    """From afar."""
    return _broker(parts, settings) or _page(parts, settings)


def _button(parts, settings):
    usable = _configured(parts, settings) or parts.access is not None
    return usable and parts.board.button is not None


# --- what ------------------------------------------------------------------------------------


def _add_wishes(parts, settings):
    policy = Policy(parts.image, settings, parts.config.devices)
    parts.commands = Commands(parts.image, policy, parts.names, parts.keep.note)
    parts.keep.restore(policy)
    parts.slow_parts += [("policy", policy), ("keep", parts.keep)]
    parts.reports += [("policy", policy.state), ("keep", parts.keep.state)]


def _converters(parts, _settings):
    return _configured(parts, _settings) and parts.config.wiring


def _add_proofs(parts, _settings):
    parts.proofs = Proofs(parts.keep, parts.image, parts.config.wiring)
    parts.slow_parts.append(("proofs", parts.proofs))
    parts.reports.append(("proofs", parts.proved))


def _add_ledger(parts, _settings):
    parts.ledger = Ledger(parts.store, parts.image, names=parts.config.devices)
    parts.slow_parts.append(("ledger", parts.ledger))
    parts.reports.append(("ledger", parts.ledger.state))


def _add_lines(parts, settings):
    from firmware import lines

    lines.add(parts, settings)


def _add_told(parts, settings):
    from firmware.drivers import told

    meters, parts.told = [], []
    for row in _told(parts, settings):
        name, host = row["name"], row["values.host"]
        node = settings["instruments"].index(name)
        if host:
            from firmware.drivers.asked import Asked
            from firmware.net.link import Link

            link = Link(host, row["values.port"], parts.network)
            meters.append(Asked(parts.image, node, name, row, link))
            parts.links.append(("meter " + name, meters[-1].run))
        else:
            meters.append(told.Told(parts.image, node, name, row))
            parts.told.append(meters[-1])
    parts.reports.append(("told", told.reports(meters)))


def _add_chips(parts, _settings):
    from firmware.sense.atm90e32 import Atm90e32
    from firmware.sense.metering import Metering

    board = parts.board
    rows = [row for _, _, row in board.meters]
    drivers = [
        Atm90e32(spi, select, scales)
        for (spi, select, _), scales in zip(board.meters, parts.scales)
    ]
    parts.metering = Metering(parts.image, rows, drivers, board.circuit.crossing_leg)


def _add_network(parts, settings):
    """Before what uses it. A fixed address that cannot be leaves it to DHCP: the page must be
    reached to mend it."""
    from os import urandom

    from machine import unique_id

    if parts.board.ethernet is not None:
        from firmware.lan import network
    else:
        from firmware.net.plain import network, radio

        if radio():
            from firmware.sockets import network

    parts.network, tasks, wrong = network(
        parts.board, parts.image, settings, unique_id(), urandom, parts.set_clock, parts.at_rest
    )
    parts.config.errors.extend(wrong)
    parts.links += tasks
    if tasks:
        state = parts.network.state  # pyright: ignore[reportAttributeAccessIssue]
        parts.reports.append(("network", state))


def _add_access(parts, _settings):
    """Claimed by presence; whoever comes over the network asks here."""
    from firmware.access import Gate

    parts.access = gate = Gate(parts, entrance)
    if parts.commands is not None:
        parts.commands.access = gate
    parts.reports.append(("access", gate.state))


def _add_broker(parts, settings):
    from machine import unique_id

    from firmware.net.mqtt import Mqtt

    network = parts.network
    if settings["mqtt.tls"]:
        from firmware.sockets.tls import Encrypted

        network = Encrypted(network, settings["mqtt.host"], settings["mqtt.ca"])
    mqtt = Mqtt(settings, parts.commands, parts.state, parts.events, unique_id(), network)
    mqtt.told = parts.told
    parts.links.append(("mqtt", mqtt.run))
    parts.reports.append(("mqtt", mqtt.counters))


def _add_page(parts, settings):
    from firmware.net.http import Http

    broken = parts.config.errors
    commands, ledger = (None, None) if broken else (parts.commands, parts.ledger)
    network, access = parts.network, parts.access
    http = Http(settings, parts.state, commands, parts.events, ledger, network, access)
    parts.links.append(("page", http.run))
    parts.reports.append(("http", http.counters))


def _add_name(parts, settings):
    """name.local: found by the hosts beside it without the router's help."""
    own = parts.network.responder(settings["http.port"])  # pyright: ignore
    parts.links.append(("name", own.run))
    parts.farewell = own.farewell


def _add_console(parts, settings):
    """It answers there and can be stopped for maintenance."""
    errors = parts.config.errors
    console = Console(parts.board, parts.image, settings["name"], parts.names, errors)
    console.add("warnings", parts.warned)
    console.add("why", parts.why)
    console.add("calibration", parts.calibrated)
    if hasattr(parts.network, "state"):
        console.add("network", parts.network.state)
    if hasattr(parts.network, "own"):
        console.answer("wifi", parts.network.own)
    console.leave, console.stay = parts.leave, parts.stay
    if settings["http.port"]:
        bound = "{}:{}".format(settings["http.host"], settings["http.port"])
        console.add("page", always(bound))
    console.answer("readings", parts.read)
    console.answer("calibration", parts.calibration_file)
    if parts.proofs is not None:
        console.answer("proofs", parts.proofs_shown)
    if parts.worn is not None:
        console.add("writes", parts.written)
    if parts.lines is not None:
        console.tell("frames", parts.frames)
    console.publish(parts.state.published)
    if not errors or parts.access is not None:
        console.obey(parts.by_hand)
    parts.links.append(("console", console.run))
    parts.console = console


def _add_overlay(parts, _settings):
    parts.reports.append(("overlay", parts.over_frozen))


def _add_lamp(parts, _settings):
    parts.lamp = Lamp(parts.image, parts.config.errors, parts.board.lamp)


def _add_button(parts, _settings):
    """It acknowledges, and opens the way in."""
    hold = parts.access.hold if parts.access is not None else None
    parts.button = Button(parts.image, parts.board.button, parts.pressed, hold)


PARTS = (
    # part, when it is there, what adds it
    ("policy and commands", _configured, _add_wishes),
    ("proofs", _converters, _add_proofs),
    ("ledger", _configured, _add_ledger),
    ("network", _reached, _add_network),
    ("lines: meters, devices", _lines, _add_lines),
    ("meters that are told", _told, _add_told),
    ("metering chips", _chips, _add_chips),
    ("access", _commanded, _add_access),
    ("MQTT", _broker, _add_broker),
    ("page", _page, _add_page),
    ("name", _named, _add_name),
    ("console", lambda parts, _: parts.board.console is not None, _add_console),
    ("overlay", lambda _, __: overlaid(), _add_overlay),
    ("lamp", lambda parts, _: parts.board.lamp is not None, _add_lamp),
    ("button", _button, _add_button),
)
