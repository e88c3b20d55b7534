# islet test: takes messages of the network from stdin, and says what went wrong with any of them.
# GPL-3.0-or-later
#
# A frame: its kind's place in KINDS, whether it may change anything, number (4), size (2), data.
# What is said: "found KIND NUMBER words" for each finding, and at the end "taken COUNT free BYTES
# answers …"; of size 0xFFFF is no message but the question how much is free.
import asyncio
import gc
import sys

from firmware.access import Gate
from firmware.access.inside import Access
from firmware.access.people import People
from firmware.base.secret import sha
from firmware.lan import dhcp, dns
from firmware.local import mdns, sntp
from firmware.net.http import Http
from firmware.net.mqtt import Mqtt
from firmware.people.commands import Commands
from firmware.people.events import Events
from firmware.people.state import State
from tests_host.net.small_site import make_site, names_of

KINDS = ("http", "mqtt", "connack", "dhcp", "dns", "sntp", "mdns", "door")
DOOR = len(KINDS) - 1
ADDRESS = bytes((192, 168, 77, 50))
SETTINGS = {
    "http.host": "0.0.0.0",
    "http.port": 80,
    "http.name": "",
    "http.token": "sesame",
    "mqtt.host": "127.0.0.1",
    "mqtt.port": 1883,
    "mqtt.user": "",
    "mqtt.password": "",
    "mqtt.tls": False,
    "mqtt.prefix": "islet/test",
    "mqtt.discovery": "",
}
_MOST = 20_000  # bytes of an answer that are taken


class Policy:
    """Counts what it was told."""

    said = 0

    def goals(self):
        return ["hold", "charge", "solar", "self", "discharge"]

    def set_goal(self, name):
        self.said += 1

    def set_wish(self, device, value, ttl_ms):
        self.said += 1


class Peer:
    """A connection on which one message comes, and then the end."""

    def __init__(self):
        self.s = self
        self.renew(b"")

    def renew(self, data):
        self.data = data
        self.at = 0
        self.status = b""
        self.size = 0

    def get_extra_info(self, name):
        return "192.168.77.9", 40000

    async def read(self, count):
        data = self.data[self.at : self.at + count]
        self.at += len(data)
        return data

    async def readexactly(self, count):
        data = await self.read(count)
        if len(data) < count:
            raise EOFError
        return data

    async def awrite(self, data):
        if not self.status:
            self.status = bytes(data[9:12])
        self.size += len(data)
        if self.size > _MOST:
            raise OSError(104)

    def write(self, data):
        pass

    async def drain(self):
        pass

    def close(self):
        pass


class Link:
    """What Mqtt takes for a Link."""

    def __init__(self, peer):
        self.reader = self.writer = peer

    def begin(self):
        pass

    async def open(self, first):
        pass

    async def send(self, data):
        pass


image = make_site()
names = names_of(image)
policy = Policy()
commands = Commands(image, policy, names)
events = Events(image, names)
state = State(image, "home", names, ())
http = Http(SETTINGS, state, commands, events)
mqtt = Mqtt(SETTINGS, commands, state, events)
mqtt._packets.build(mqtt._packets.connect)
peer = Peer()
link = Link(peer)
question = bytearray(64)
question = bytes(question[: dns.build(question, b"\x12\x34", "broker.house")])
ours = mdns.names(b"islet-1a2b", 80)
statuses = {}


def count(what):
    statuses[what] = statuses.get(what, 0) + 1


async def take_http(data):
    peer.renew(data)
    await http.app.handle_request(peer, peer)
    count(peer.status.decode())
    if peer.status == b"500":
        raise RuntimeError("answered with 500")


async def take_mqtt(data):
    peer.renew(data)
    mqtt._failure = None
    await mqtt._receive(link)
    count(type(mqtt._failure).__name__)
    mqtt._answers.clear()
    mqtt._acknowledgements = bytearray()


async def take_connack(data):
    peer.renew(data)
    try:
        await mqtt._connect(link)
        count("connected")
    except (OSError, EOFError, ValueError) as error:
        count(type(error).__name__)


def host(address):
    """Whether four bytes are one host's."""
    return len(address) == 4 and address[0] in range(1, 224) and address[0] != 127


async def take_dhcp(data):
    lease = dhcp.parse(data, b"\1\2\3\4", b"\2\0\0\0\0\7")
    count("none" if lease is None else "lease")
    if lease is not None and lease.kind != dhcp.NAK:
        own = [lease.address[i] & ~lease.mask[i] & 255 for i in range(4)]
        most = [~part & 255 for part in lease.mask]
        if own == [0, 0, 0, 0] or own == most or not host(lease.address):
            raise RuntimeError("an address that no host has")
        if not 60 <= lease.seconds <= 604_800:
            raise RuntimeError("a lease without end")


async def take_dns(data):
    found = dns.parse(data, question)
    count("none" if not found else "address")
    if found and not host(found):
        raise RuntimeError("an address that no host has")


async def take_sntp(data):
    found = sntp.parse(data, b"islet567")
    count("none" if found is None else "time")
    if found is not None and bytes(data[24:32]) != b"islet567":
        raise RuntimeError("an answer to another question")
    if found is not None and not (0 < found < 2_524_608_000 and 0 < data[1] < 16):
        raise RuntimeError("a time of nobody who knows it")


async def take_mdns(data):
    answer = mdns.reply(data, ours, ADDRESS)
    if answer is not None:
        count("reply")
        if answer[:2] != bytes(data[:2]) or answer[-4:] != ADDRESS or len(answer) > 600:
            raise RuntimeError("a reply to another question")
    found = mdns.judge(data, ours, ADDRESS, 80)
    count(found)
    if not 0 <= found <= mdns.LOST:
        raise RuntimeError("nothing that judge says")


class Entrance:
    """As firmware/entrance.py, where everybody stays."""

    @staticmethod
    def inside(parts, gate):
        return Access(Nobodys(), b"own", lambda: True, lambda what: None, gate)

    @staticmethod
    def let_go(gate):
        pass

    @staticmethod
    async def write(parts, gate):
        gate.notes = []


class Nobodys(People):
    """In memory: anna, the owner."""

    ANNA = ("anna", "owner", bytes(16), 4096, sha(bytes(range(32))))

    def __init__(self):
        self.rows = [self.ANNA]
        self.folder = "/none/"
        self.claimed = True

    def all(self):
        return self.rows

    def _write(self, rows):
        self.rows = rows


gate = Gate(None, lambda: Entrance)
gate.here = gate.inside()
doors = Http(SETTINGS, state, Commands(image, policy, names), events, access=gate)
doors.commands.access = gate


def fresh():
    """The way in is open, anna has a session, and nobody has tried anything."""
    inside = gate.here
    inside.people.rows = [Nobodys.ANNA]
    inside._secret = b"nobody knows it ahead"
    inside._code, inside._open_until_s, inside._tries, inside._spent = "1234", 300, [], []
    inside.delays.clear()
    inside.sessions.end()
    inside.sessions.add("00" * 8, b"a session's key", "anna", "owner", 0)
    gate.notes, gate._paces = [], {}


async def take_door(data):
    fresh()
    peer.renew(data)
    await doors.app.handle_request(peer, peer)
    count(peer.status.decode())
    if peer.status == b"500":
        raise RuntimeError("answered with 500")
    inside = gate.here
    if len(inside.sessions) > 1:
        count("in")
    if inside.people.rows != [Nobodys.ANNA]:
        policy.said += 1
        count("people")


TAKE = (take_http, take_mqtt, take_connack, take_dhcp, take_dns, take_sntp, take_mdns, take_door)
kept = []


def changed():
    """Whether a command has changed anything since it was last asked."""
    global before
    now = bytes(image.requests) + bytes(image.commands) + bytes(image.site), policy.said
    same = now == before
    before = now
    return not same


def free():
    gc.collect()
    gc.collect()
    return gc.mem_free()


async def main():
    stdin = sys.stdin.buffer
    taken = 0
    while True:
        head = stdin.read(8)
        if len(head) < 8:
            break
        kind, may = head[0], head[1]
        number = int.from_bytes(head[2:6], "big")
        size = head[6] << 8 | head[7]
        if size == 0xFFFF:
            print("free", free())
            continue
        data = memoryview(stdin.read(size)) if 2 < kind < DOOR else stdin.read(size)
        try:
            await TAKE[kind](data)
        except Exception as error:
            print("found", KINDS[kind], number, type(error).__name__, error)
        if changed() and not may:
            print("found", KINDS[kind], number, "changed what it may not")
        taken += 1
    print("taken", taken, statuses)


before = None
PLANTED = None  # a mistake, for the test of the test
changed()
asyncio.run(main())
