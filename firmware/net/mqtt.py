# islet: the MQTT link: connection, liveness, commands and state; nothing here blocks the loop.
# GPL-3.0-or-later
#
# `Packets` makes and reads the packets with umqtt.simple, which gets no socket; the bytes travel
# over `Link`, every wait with a deadline, and whatever is said at once with one for the whole.
#
# TOPICS says what travels; answers are kept until the broker has acknowledged them.
#
# Time is counted from one tick of the loop to the next, so a wrapping clock is no matter.

import asyncio
import json
from binascii import crc32, hexlify

from firmware.base.clock import sleep_ms, ticks_diff, ticks_ms
from firmware.base.viper import const
from firmware.net.link import Link
from firmware.net.packets import Packets
from firmware.people.asked import OPERATOR, OWNER
from firmware.people.names import plain

TOPICS = (
    # below mqtt.prefix, {} is the device's or point's name; retained, quality of service; what
    # each carries: tools/docs/people.py; what is asked on them: by the owner, but where a topic
    # begins with another role
    ("online", True, 0),
    ("state", True, 0),
    ("device/{}/state", True, 0),
    ("device/{}/limits", True, 0),
    ("point/{}/state", True, 0),
    ("event", False, 0),
    ("answer", False, 1),
    ("set/+", False, 1),
    ("device/+/set/+", False, 1),
    ("point/+/set/+", False, 1),
    ("operator/set/+", False, 1),
    ("operator/device/+/set/+", False, 1),
)
_ONLINE, _STATE, _DEVICE_STATE, _LIMITS, _POINT_STATE, _EVENT, _ANSWER = TOPICS[:7]
_SETS = TOPICS[7:]
# topic, section of the state that has a row for each, field of a command that names it
_ROWS = (
    (_DEVICE_STATE, "devices", "device"),
    (_LIMITS, "limits", "device"),
    (_POINT_STATE, "points", "point"),
)

_TICK_MS = const(200)
_DEADLINE_S = 5  # connecting
_PING_MS = 10_000  # silence before we ask
_SILENT_MS = 15_000  # silence before we give up
_KEEPALIVE_S = const(30)  # the broker's view of the same
_SETTLED_MS = 10_000  # a connection that lasted so long resets the back-off
_BACKOFF_MS = (1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000)
_STATE_MIN_MS = const(1_000)
_STATE_MAX_MS = const(10_000)
_TOLD_MIN_MS = const(10_000)  # however often Home Assistant says that it is there
_LARGEST = const(1024)  # bytes of a packet we keep; the rest is read and thrown away
_ANSWERS = const(16)
_SET = "set"  # last but one part of a command's topic
_PREFIX_MAX = const(64)  # umqtt's subscribe has one byte for the length

_REFUSALS = (
    "",
    "protocol version not accepted",
    "client id rejected",
    "broker unavailable",
    "bad user name or password",
    "not authorised",
)
_IDENTITY = const(23)  # letters and digits that every broker takes (MQTT 3.1.1, 3.1.3.1)


def identity(prefix, chip):
    """Who we are to the broker, which throws out an older of the same: the chip's own number, and
    what there is room for of the prefix's."""
    return (b"islet" + hexlify(chip) + "{:08x}".format(crc32(prefix)).encode())[:_IDENTITY]


class Mqtt:
    """The link to a broker; `await run()` for ever.

    settings: "mqtt.host", "mqtt.port", "mqtt.tls", "mqtt.user", "mqtt.password",
    "mqtt.prefix" and "mqtt.discovery" by path.
    commands: Commands; state: State; events: Events; chip: its own number, as bytes; network:
    what connects.
    """

    def __init__(self, settings, commands, state, events, chip=b"", network=None):
        self.host = settings["mqtt.host"]
        self.port = settings["mqtt.port"]
        self.network = network
        self.encrypted = bool(settings["mqtt.tls"])
        self.prefix = settings["mqtt.prefix"].encode()
        if not 1 <= len(self.prefix) <= _PREFIX_MAX or b"#" in self.prefix or b"+" in self.prefix:
            raise ValueError(
                "mqtt.prefix: needs 1 to {} bytes without + and #".format(_PREFIX_MAX)
            )
        self.commands = commands
        self.state = state
        self.events = events
        self.connected = False
        self.error = "not connected yet"
        self.connections = 0
        self.refused = 0  # commands beyond what the box of answers holds
        user = settings["mqtt.user"].encode() or None
        password = settings["mqtt.password"].encode()
        name = identity(self.prefix, chip)
        self._packets = Packets(name, "", 0, user, password, _KEEPALIVE_S)
        self._packets.set_callback(self._on_message)
        self._packets.set_last_will(self._topic(_ONLINE), b"0", _ONLINE[1], 1)
        self._answers = []  # [packet id or 0, payload]
        self._acknowledgements = bytearray()  # of commands, for the writer to send
        self._events_sent = 0
        self._failure = None
        self._attempt = 0
        self.told: tuple | list = ()  # meters that hear their values here
        self.names = {what: self._plain(what) for what in ("device", "point")}
        self._discovery = None
        if settings["mqtt.discovery"]:
            from firmware.net.discovery import Discovery

            self._discovery = Discovery(
                settings["mqtt.discovery"], self.prefix, state, self.names, commands.policy.goals()
            )

    def _plain(self, what):
        """Names of devices or points by what stands in a topic for them."""
        found = {}
        for name in self.state.names.all_of(what):
            short = plain(name)
            if short in found:
                raise ValueError(
                    "{}s: {} and {} are alike in a topic".format(what, found[short], name)
                )
            found[short] = name
        return found

    def counters(self):
        """For the published state."""
        return {
            "connected": self.connected,
            "encrypted": self.encrypted,
            "error": self.error,
            "connections": self.connections,
            "answers_waiting": len(self._answers),
            "commands_refused": self.refused,
        }

    def _topic(self, row, name=""):
        return self.prefix + b"/" + row[0].format(plain(name)).encode()

    # --- connection ---------------------------------------------------------------------------

    async def run(self):
        """Connect, serve, and after a loss try again: after 1 s, then ever slower up to 60 s;
        without an address not at all."""
        link = Link(self.host, self.port, self.network)
        while True:
            try:
                await asyncio.wait_for(self._connect(link), _DEADLINE_S)
                await self._serve(link)
            except (OSError, EOFError, ValueError, asyncio.TimeoutError) as error:
                link.doubted = not self.connected
                self.error = self._words(error)
                if link.waiting():
                    self.error += "; a name is looked up at zero power only"
            finally:
                self.connected = False
                await link.close()
            await sleep_ms(_BACKOFF_MS[self._attempt])
            self._attempt = min(self._attempt + 1, len(_BACKOFF_MS) - 1)
            while not self.network.reaches():  # nobody was asked: no reason to ask seldom
                self._attempt = 0
                await sleep_ms(_BACKOFF_MS[0])

    def _words(self, error):
        where = "{}:{} ".format(self.host, self.port)
        if isinstance(error, EOFError):
            return where + "closed the connection"
        if isinstance(error, asyncio.TimeoutError):
            return where + "did not answer in {} s".format(_DEADLINE_S)
        return where + str(error)

    async def _connect(self, link):
        packets = self._packets
        await link.open(bytes(packets.build(packets.connect)))
        answer = await link.reader.readexactly(4)
        if answer[0] != 0x20 or answer[1] != 2:
            raise ValueError("is not an MQTT broker")
        if answer[3]:
            known = answer[3] < len(_REFUSALS)
            raise ValueError(_REFUSALS[answer[3]] if known else "refused: {}".format(answer[3]))
        packets.pid = 0  # so that a subscription's number is its row's
        await self._publish(link, _ONLINE, b"1")
        for row in _SETS:
            await link.send(packets.build(packets.subscribe, self._topic(row), row[2]))
        for meter in self.told:
            for topic in meter.listens:
                await link.send(packets.build(packets.subscribe, topic, 0))
        if self._discovery:
            topic = self._discovery.status
            await link.send(packets.build(packets.subscribe, topic, 0))
            self._discovery.due = True

    async def _serve(self, link):
        self.connected = True
        self.error = ""
        self.connections += 1
        self._failure = None
        self._silent_ms = 0
        self._acknowledgements = bytearray()
        for answer in self._answers:
            answer[0] = 0  # to be sent again
        reader = asyncio.create_task(self._receive(link))
        try:
            await self._talk(link)
        finally:
            reader.cancel()
            try:
                await reader
            except asyncio.CancelledError:
                pass

    async def _talk(self, link):
        """The only writer: acknowledgements, answers, events, state; and the ping."""
        since_ms = _STATE_MAX_MS
        lasted_ms = 0
        signature = None
        asked = False
        told_ms = _TOLD_MIN_MS
        ticked = ticks_ms()
        while True:
            link.begin()
            if self._failure:
                raise self._failure
            if self._silent_ms >= _SILENT_MS:
                raise OSError("silent for {} s".format(_SILENT_MS // 1000))
            if self._silent_ms < _PING_MS:
                asked = False
            elif not asked:
                asked = True
                await link.send(self._packets.build(self._packets.ping))
            await self._send_waiting(link)
            if self._discovery and self._discovery.due and told_ms >= _TOLD_MIN_MS:
                told_ms = 0
                await self._introduce(link)
                signature = None  # and once more what is retained, for it asks after a restart
            state = self.state.signature()
            present = state + self.commands.done
            changed = present != signature and since_ms >= _STATE_MIN_MS
            if changed or since_ms >= _STATE_MAX_MS:
                signature = present
                since_ms = 0
                await self._send_state(link, state)
            await sleep_ms(_TICK_MS)
            now = ticks_ms()
            passed_ms = ticks_diff(now, ticked)  # what was said may have taken longer than a tick
            ticked = now
            since_ms += passed_ms
            lasted_ms += passed_ms
            told_ms += passed_ms
            self._silent_ms += passed_ms
            if lasted_ms >= _SETTLED_MS:
                self._attempt = 0

    # --- sending ------------------------------------------------------------------------------

    async def _publish(self, link, row, payload, name=""):
        packets, topic = self._packets, self._topic(row, name)
        await link.send(packets.build(packets.publish, topic, payload, row[1], row[2]))

    async def _introduce(self, link):
        """To Home Assistant, at every connection and whenever it says that it is there."""
        self._discovery.due = False
        for topic, payload in self._discovery.messages():
            await link.send(self._packets.build(self._packets.publish, topic, payload, True, 0))

    async def _send_waiting(self, link):
        if self._acknowledgements:
            acknowledgements, self._acknowledgements = self._acknowledgements, bytearray()
            await link.send(acknowledgements)
        for answer in list(self._answers):
            if not answer[0]:
                answer[0] = self._packets.pid + 1 if self._packets.pid < 65_000 else 1
                await self._publish(link, _ANSWER, answer[1])
        self.events.poll()
        for text in self.events.after(self._events_sent):
            await self._publish(link, _EVENT, text.encode())
        self._events_sent = self.events.count

    async def _send_state(self, link, signature):
        """All of one moment, in parts of the text that is written for everybody."""
        published = self.state.published
        reader = await published.read(signature)
        link.begin()
        try:
            await self._send_part(link, self._topic(_STATE), reader, (0, published.main), b"}")
            for topic, section, what in _ROWS:
                for name, row in self.state.names.all_of(what).items():
                    place = published.places.get((section, row))
                    if place:  # else it found no room
                        await self._send_part(link, self._topic(topic, name), reader, place)
        finally:
            await reader.aclose()

    async def _send_part(self, link, topic, reader, place, end=b""):
        """A retained message: the bytes of the text from place[0] to place[1], and `end`."""
        size = place[1] - place[0] + len(end)
        await link.send(self._packets.head(topic, size, 1))
        reader.begin(*place)
        async for chunk in reader:
            await link.send(chunk)
        if end:
            await link.send(end)

    # --- receiving ----------------------------------------------------------------------------

    async def _receive(self, link):
        try:
            while True:
                head = (await link.reader.readexactly(1))[0]
                body = await self._body(link.reader)
                self._silent_ms = 0
                self._packet(head, body)
        except (OSError, EOFError, ValueError) as error:
            self._failure = error

    async def _body(self, reader):
        """The first _LARGEST bytes of the packet's body; what is beyond is thrown away."""
        size = shift = 0
        while True:
            byte = (await reader.readexactly(1))[0]
            size |= (byte & 0x7F) << shift
            if not byte & 0x80:
                break
            shift += 7
            if shift > 21:
                raise ValueError("malformed length from the broker")
        body = await reader.readexactly(min(size, _LARGEST))
        size -= len(body)
        while size:
            size -= len(await reader.readexactly(min(size, 256)))
        return body

    def _packet(self, head, body):
        kind = head >> 4
        if kind == 3:
            self._retained = head & 1
            self._acknowledgements.extend(self._packets.take(head, body))
        elif kind == 4 and len(body) == 2:
            number = body[0] << 8 | body[1]
            self._answers = [answer for answer in self._answers if answer[0] != number]
        elif kind == 9 and body[2:] == b"\x80":
            row = (body[0] << 8 | body[1]) - 1
            topic = self._topic(_SETS[row]).decode() if 0 <= row < len(_SETS) else "a topic"
            raise ValueError("refused the subscription to " + topic)

    def _on_message(self, topic, payload):
        """A command: carried out only if there is room for its answer."""
        if self._discovery and topic == self._discovery.status:
            self._discovery.due = self._discovery.due or payload == b"online"
            return
        for meter in self.told:
            if not self._retained:  # nobody knows how old that is
                meter.heard(topic, payload)
        if topic[: len(self.prefix)] != self.prefix:
            return  # of somebody else's box
        waiting = len(self._answers)
        if waiting >= _ANSWERS:
            self.refused += 1
            text = "too many commands at once: {} refused since start".format(self.refused)
            answer = {"ok": False, "command": "", "field": "command", "error": text}
            answer["allowed"] = "at most {} waiting for their answer".format(_ANSWERS)
            if waiting == _ANSWERS:
                self._answers.append([0, b""])
            self._answers[-1] = [0, json.dumps(answer).encode()]
            return
        role = OWNER
        try:
            begin, *way = topic[len(self.prefix) :].decode().split("/")
            if begin:
                raise ValueError
            if way[:1] == [OPERATOR]:
                role = way.pop(0)
            *way, what, name = way
            if what != _SET:
                raise ValueError
        except (UnicodeError, ValueError):
            way, name = (), "?"
        of = None
        if len(way) == 2 and way[0] in self.names:  # device/NAME/set/…
            of = way[0], self.names[way[0]].get(way[1], way[1])
        if self._retained:
            answer = {"ok": False, "command": name, "field": "retain"}
            answer["error"] = "a retained command would be repeated at every connection"
            answer["allowed"] = "retain false"
        else:
            answer = self.commands.handle(name, payload, role, of)
        self._answers.append([0, json.dumps(answer).encode()])
