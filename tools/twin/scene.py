# islet: puts a run together: scenario, house, buses, broker, referee.
# GPL-3.0-or-later
"""In virtual time devices and broker are called in lockstep and are exact to the µs. In real time
pymodbus and the broker run on threads of their own: what they want of the house is posted, and
done at the session's next agreed moment, at most 100 ms later. An emulated chip lives in virtual
time only."""

from __future__ import annotations

import copy
import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

from firmware.access.people import PATH as PEOPLE
from firmware.people import asked
from tools.flash.site import loaded
from tools.twin import chips, records, run, scenario
from tools.twin.buses.devices import part, sdm630
from tools.twin.buses.families import table
from tools.twin.buses.families.device import FamilyDevice
from tools.twin.buses.line import Line, Part, Responder, Sight, Timing
from tools.twin.buses.mqtt import StubBroker
from tools.twin.buses.posted import Posted
from tools.twin.buses.realbroker import RealBroker, free_port
from tools.twin.buses.recording import recorded
from tools.twin.buses.serial import SerialBus
from tools.twin.buses.sunspec import SunSpec
from tools.twin.buses.tcp import Gateway, Lan, RealGateway, Units
from tools.twin.house import House, HouseSpec
from tools.twin.house.reading import Readings
from tools.twin.house.spec import ConverterSpec, LineSpec
from tools.twin.link import port
from tools.twin.link.session import Session
from tools.twin.link.signals import Instruments, Synthesis
from tools.twin.referee import Referee
from tools.twin.view.live import Place

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
MQTT_PORT = 1883
MODBUS_PORT = 502
HTTP_PORT = 80  # of a board, unless its site says another
LAN_TIME, LAN_ROUTER = "pool.ntp.org", "192.168.77.1"  # network.time, unless a site says another
LAN_BROKER = "192.168.77.20"  # on the small network of an emulated network chip
LAN_DEVICE = "192.168.77.3{}"


class Script:
    """The scenario's events, an actor: faults of bus and broker and messages are carried out
    here; what is set in the house the house does by itself, and is only logged."""

    def __init__(self, events: list[scenario.Event], stage: Stage) -> None:
        self._events, self._stage = events, stage
        self._next = 0

    def next_us(self) -> int | None:
        if self._next == len(self._events):
            return None
        return round(self._events[self._next].at_s * 1e6)

    def act(self, t_us: int) -> None:
        while (due := self.next_us()) is not None and due <= t_us:
            event = self._events[self._next]
            self._next += 1
            self._stage.happen(t_us, event)


class Stage:
    """Everything around the chip in one run; `scene()` is what the run needs of it."""

    def __init__(self, context: run.Context, story: scenario.Scenario) -> None:
        self._context, self._story = context, story
        options = context.options
        self._board = board = port.read_board(options.board)
        self._emulated = chips.kind_of(board).emulated
        self._real = options.speed == "1" and not self._emulated
        self._site: dict[str, Any] = copy.deepcopy(story.site)
        self._remarks: list[str] = []
        self._house: House = story.new_house(options.seed)
        self._port = port.HousePort(self._house, board)
        instruments = Instruments(**story.house.sensors.instruments())
        self._environment: dict[str, str] = {}
        self._page = self._broker_at = ""
        self._sight = Sight()
        self._parts: dict[str, Part] = {}
        self._serials: dict[int, SerialBus] = {}  # by the board's UART
        self._shells: dict[str, Any] = {}  # of the converters
        self._real_broker: RealBroker | None = None
        self._broker: StubBroker | None = None
        self._gateways: list[Gateway] = []
        self._real_gateways: dict[int, RealGateway] = {}
        self._responders: list[Responder] = []
        self._cables = self._lines()
        uarts = {
            uart: Line(responder, timing)
            for uart, (responder, _, timing) in self._cables.items()
            if not self._real
        }
        if not self._real:
            self._broker = StubBroker(_whole(self._site, "mqtt", "port", MQTT_PORT))
            self._broker.on_message = self._message
        ledger = records.ledger(self._site, story.proofs) if story.proofs else b""
        if self._emulated:
            timing = next((timing for _, _, timing in self._cables.values()), Timing())
            self._emulate(timing, ledger)
        else:
            storage = context.folder / "storage"
            storage.mkdir()
            (storage / PEOPLE).write_bytes(records.people())
            if ledger:
                (storage / "ledger.bin").write_bytes(ledger)
        minutes = round((story.start - EPOCH).total_seconds()) // 60
        self.session = Session(
            self._port,
            None if self._emulated else Synthesis(instruments, options.seed),
            uarts,
            Lan(self._broker, self._gateways) if self._broker else None,
            [Script(story.events, self)],
            lambda t_us: minutes + t_us // 60_000_000,
            self._house.truth,
        )
        if self._real:
            self._serials = {uart: SerialBus(*cable) for uart, cable in self._cables.items()}
            self._real_broker = RealBroker(context.folder)

    def scene(self) -> run.Scene:
        return run.Scene(
            title=self._story.name,
            seconds=self._story.seconds,
            start=self._story.start,
            site=self._site,
            session=self.session,
            judge=Referee(self._judged(), board=self._board),
            input_names=self._port.input_names,
            environment=self._environment,
            page=self._page,
            broker=self._broker_at,
            close=self.close,
            emulated=self._emulated,
            remarks=self._remarks,
            rows=_places(self._story.house),
            publish=self._publish,
        )

    def _judged(self) -> scenario.Scenario:
        """What the referee judges by. A site that the firmware refuses energises nothing, and may
        say anything: the referee then has the house alone."""
        site = json.dumps(self._story.site).encode()
        if not loaded(site, "host", True).errors:
            return self._story
        return dataclasses.replace(self._story, site={})

    def _emulate(self, timing: Timing, ledger: bytes) -> None:
        """What an emulated chip finds in its flash and on its pins."""
        context = self._context
        lan = "ethernet" in self._board and not context.options.offline
        if lan:
            chip = self._board["ethernet"]["chip"].upper()
            self._remarks.append(f"a {chip} on a small network of its own")
        elif taken := chips.offline(self._site):
            self._remarks.append(f"no network: without {', '.join(taken)} of the site")
        wiring = {
            "line": {**dataclasses.asdict(timing), "stop": 1, "silence_us": timing.silence_us},
            "sensors": dataclasses.asdict(self._story.house.sensors),
            "nominal_hz": self._story.house.nominal_hz,
            "seed": context.options.seed,
            "network": self._lan() if lan else None,
        }
        self._environment |= chips.prepare(
            context.folder, context.options.board, self._site, wiring, ledger
        )

    def _lan(self) -> dict[str, Any]:
        """What the cable of a network chip goes to: names, the time, and the page's port here at
        SPEED=1; the broker is the twin's own."""
        network: dict[str, Any] = {"unix_ms": round(self._story.start.timestamp() * 1000)}
        network["hosts"] = {LAN_TIME: LAN_ROUTER}
        if isinstance(mqtt := self._site.get("mqtt"), dict):
            network["hosts"][mqtt.get("host", "")] = LAN_BROKER
        for i, row in enumerate(self._site.get("lines", ())):
            if host := row.get("host"):  # a number is its own address
                number = host.replace(".", "").isdigit()
                network["hosts"][host] = host if number else LAN_DEVICE.format(i)
        if self._context.options.speed == "1":
            page, http = free_port(), self._site.get("http")
            port = http.get("port", HTTP_PORT) if isinstance(http, dict) else HTTP_PORT
            network["listen"] = {port: page}
            network["otherwise"] = HTTP_PORT  # where a refused site's page is, to mend it
            self._page = f"http://127.0.0.1:{page}/"
        return network

    # --- devices ------------------------------------------------------------------------------

    def _lines(self) -> dict[int, tuple[Responder, list[Any], Timing]]:
        """What hangs on each of the board's UARTs, in the order of the house's lines; those with
        a port become gateways."""
        specs = self._story.house.lines or [LineSpec("none")]
        uarts = [row["uart"] for row in self._board["lines"]]
        if self._emulated:
            uarts = uarts[:1]  # an emulated board's pins are wired to one
        found = {}
        for i, line in enumerate(specs):
            if not line.port and not uarts:
                self._remarks.append(f"line {line.name}: this board has no UART for it")
                continue
            responder, devices = self._responder(line, i)
            self._responders.append(responder)
            if line.port and self._real:
                self._real_gateways[line.port] = RealGateway(responder)
            elif line.port:
                self._gateways.append(Gateway(line.port, responder))
            else:
                found[uarts.pop(0)] = (responder, devices, Timing(line.baud, line.parity))
        return found

    def _responder(self, line: LineSpec, i: int) -> tuple[Any, list[Any]]:
        devices = self._devices(line.name, i == 0)
        kind = Units if line.port else Responder
        responder = kind(devices, self._context.options.seed + i, self._sight)
        for name in devices:
            responder.parts[name] = self._parts[name]
            if name in self._shells:
                responder.settled[name] = self._shells[name].settled
                responder.asleep[name] = self._shells[name].asleep
        responder.now_us = lambda: self.session.now_us
        responder.log = self._bus_log
        return responder, list(devices.values())

    def _devices(self, line: str, first: bool) -> dict[str, Any]:
        """Meters, converters and recordings on a line, by name."""
        house, spec = self._house, self._story.house
        devices: dict[str, Any] = {}
        for row in spec.recordings:
            if row.line == line or (row.line is None and first):
                self._parts[row.name] = lambda asked, shown: ()
                devices[row.name] = recorded(self._story.path.parent / row.file, row.address)
        for i, (meter, row) in enumerate(zip(house.meters, spec.meters, strict=True)):
            if row.line == line or (row.line is None and first):
                self._parts[row.name] = lambda asked, shown, i=i: part(asked, shown[1][i])
                look = None if self._real else lambda i=i: self._shown()[1][i]
                devices[row.name] = sdm630(meter, row.address, look)
        for i, (converter, row) in enumerate(zip(house.converters, spec.converters, strict=True)):
            if row.line == line or (row.line is None and first):
                inverter: Any = converter
                if self._real:
                    inverter = Posted(converter, lambda job: self.session.post(job))
                devices[row.name] = self._shell(inverter, i, row).device
        return devices

    def _shell(self, inverter: Any, i: int, row: ConverterSpec) -> SunSpec | FamilyDevice:
        """What of the house's converter i is on the bus."""
        shell: SunSpec | FamilyDevice
        if row.family:
            shell = family = FamilyDevice(inverter, table(row.family), row.address)
            family.clock = lambda: self._house.now_us
            self._parts[row.name] = lambda asked, shown: family.part(asked, shown[2][i])
        else:
            shell = sunspec = SunSpec(inverter, row.address, row.base, row.sunspec)
            sunspec.seconds = lambda: self._house.now_us // 1_000_000
            self._parts[row.name] = lambda asked, shown: sunspec.part(asked, shown[0], shown[2][i])
            if not self._real:
                sunspec.seconds = lambda: self._shown()[0]
        if not self._real:
            shell.look = lambda: self._shown()[2][i]
        self._shells[row.name] = shell
        return shell

    def _shown(self) -> Readings:
        return self._sight.shown or self._house.shown

    def start_real(self) -> None:
        """Serial line, broker and the page's port of this run's own; in virtual time nothing."""
        if self._real_broker is None:
            return
        for i, (uart, serial) in enumerate(self._serials.items()):
            serial.start()
            self._environment[f"ISLET_PTY_{uart}" if i else "ISLET_PTY"] = serial.path
        for row in self._site.get("lines", ()):
            if row.get("host") and (
                gateway := self._real_gateways.get(row.get("port", MODBUS_PORT))
            ):
                gateway.start()
                row |= {"host": "127.0.0.1", "port": gateway.port}
        broker = self._real_broker
        broker.start()
        broker.on_message = lambda topic, payload: self.session.post(
            lambda: self._message(self.session.now_us, topic, payload)
        )
        broker.connect()
        page_port = free_port()
        self._environment["ISLET_HTTP_PORT"] = str(page_port)
        self._page = f"http://127.0.0.1:{page_port}/"
        self._remarks.append(f"the page knows `{records.OWNER}` by `{records.PASSWORD}`")
        if isinstance(self._site.get("mqtt"), dict):
            self._site["mqtt"] |= {"host": "127.0.0.1", "port": broker.port}
            self._broker_at = f"127.0.0.1:{broker.port}"
            below = self._site["mqtt"].get("prefix", "islet")
            self._remarks.append(f"broker at {self._broker_at}, topics below {below}/")
        if isinstance(self._site.get("http"), dict):
            self._site["http"]["port"] = page_port

    def close(self) -> None:
        for each in (*self._serials.values(), *self._real_gateways.values()):
            each.stop()
        if self._real_broker is not None:
            self._real_broker.stop()

    # --- happenings ---------------------------------------------------------------------------

    def happen(self, t_us: int, event: scenario.Event) -> None:
        long_us = round((event.for_s or 0) * 1e6)
        match event.kind:
            case "set":
                said = f"{event.target} = {json.dumps(event.value)}"
            case "bus":
                said = f"{event.target}: {event.value}"
                until_us = 1 << 62 if event.for_s is None else t_us + long_us
                self._fault(event.target, event.value, until_us)
            case "mqtt":
                said = f"publishes to {event.target}"
                self._publish(t_us, event.target, event.value)
            case "controller":
                said = f"controller: {event.value}"
                self.session.lose(event.value, t_us, long_us)
            case "update":
                said = f"{event.target}: updates itself"
                self._fault(event.target, "silent", t_us + long_us)
                self._shells[event.target].update(*event.value)
            case "app":
                said = f"{event.target}: its app asks for {event.value:g} W"
                self._shells[event.target].app(event.value)
            case _:
                said = f"broker {event.value}"
                broker = self._broker or self._real_broker
                assert broker is not None
                broker.set_state(event.value)
        self._context.log.add(t_us, "scenario", said)

    def _fault(self, name: str, kind: str, until_us: int) -> None:
        """Of a device on whatever line it is, or of all."""
        for responder in self._responders:
            if name == "all" or name in responder.names:
                responder.fault(name, kind, until_us)

    def _publish(self, t_us: int, topic: str, payload: Any) -> None:
        data = payload if isinstance(payload, str) else json.dumps(payload)
        mqtt = self._site.get("mqtt")
        topic = in_its_role(topic, mqtt.get("prefix", "islet") if isinstance(mqtt, dict) else "")
        if self._broker is not None:
            self._broker.publish(t_us, topic, data.encode())
        elif self._real_broker is not None:
            self._real_broker.publish(topic, data.encode())

    def _message(self, t_us: int, topic: str, payload: bytes) -> None:
        self._context.log.add(t_us, "mqtt", f"{topic} {payload.decode(errors='replace')}")

    def _bus_log(self, t_us: int, text: str) -> None:
        if self._real:
            self.session.post(lambda: self._context.log.add(t_us, "bus", text))
        else:
            self._context.log.add(t_us, "bus", text)


def build(context: run.Context, story: scenario.Scenario) -> run.Scene:
    stage = Stage(context, story)
    try:
        stage.start_real()
    except BaseException:
        stage.close()
        raise
    return stage.scene()


def in_its_role(topic: str, prefix: str) -> str:
    """Where a scenario's command is said by whoever has the right to it: PREFIX/set/operator by
    the operator. A topic that names a role, or no command that is known, stays."""
    way, _, command = topic.rpartition("/set/")
    roles = next((row[1] for row in asked.TABLE if row[0] == command), (asked.OWNER,))
    role = roles[0]
    if role == asked.OWNER or not way.startswith(prefix):
        return topic
    below = way[len(prefix) :]
    return topic if below.startswith(f"/{role}") else f"{prefix}/{role}{below}/set/{command}"


def _places(house: HouseSpec) -> list[Place]:
    """The house's rows for the view."""
    at = {"cars": "at", "converters": "point"}
    return [
        Place(row.name, key.removesuffix("s"), getattr(row, at.get(key, ""), None) or "")
        for key in ("points", "cars", "converters", "sources", "storages")
        for row in getattr(house, key)
    ]


def _whole(site: dict[str, Any], section: str, key: str, default: int) -> int:
    """A number of the site's configuration, which the firmware, not the twin, has to check."""
    part = site.get(section)
    value = part.get(key) if isinstance(part, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else default
