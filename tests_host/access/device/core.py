# islet test: who may come in, told alike by every interpreter: digests, people, sessions, delays.
# GPL-3.0-or-later

from firmware.access import Gate
from firmware.access.digest import Chance, slices, xor
from firmware.access.inside import Access, TooSoon
from firmware.access.people import People, hexadecimal, is_name, stored_key
from firmware.access.sessions import Delays, Sessions
from firmware.base import secret
from firmware.people.asked import Refused

NAMES = ("anna", "a" * 24, "a" * 25, "", "a b", "ä", "a.b-c_d", "a\n", "\x7f", "²", 3, None)
DIGITS = ("00" * 16, "AB" * 16, "ab" * 15, "zz" * 16, "0" * 31, "", " 0" * 16, None, 3)


def sample(size, seed):
    """Bytes that differ, the same each time."""
    return bytes([(i * 151 + seed * 37 + (i >> 3)) & 255 for i in range(size)])


def digests():
    """hmac of keys and data of many sizes; the slow hash."""
    for size in (0, 1, 31, 32, 63, 64, 65, 130):
        key = sample(size, 1)
        yield secret.digits(secret.hmac(key, sample(size * 3, 2), b"", sample(7, size)))
        for rounds in (1, 2, 4, 5, 33):
            *_, made = slices(key, sample(16, 3), rounds)
            yield secret.digits(made)
    yield secret.same(b"ab", b"ab"), secret.same(b"ab", b"abc"), secret.same(b"", b"")
    yield secret.digits(xor(sample(32, 1), sample(32, 2)))
    yield len({Chance(b"own").take(16) for _ in range(50)}), len(Chance().take(32))


def people(folder):
    """The file, and what a damaged one leaves."""
    yield [is_name(name) for name in NAMES]
    yield [hexadecimal(text, 16) is not None for text in DIGITS]
    who = People(folder)
    yield who.claimed, who.all(), who.remove("anna")
    yield who.put("ben", "household", sample(16, 1), sample(32, 1)), who.claimed
    yield who.put("anna", "owner", sample(16, 2), sample(32, 2)), who.claimed
    for number in range(8):
        yield who.put("p{}".format(number), "viewer", sample(16, 3), sample(32, 3))
    yield who.put("eve", "owner", sample(16, 4), sample(32, 4), must=True)
    yield [(row[0], row[1], secret.digits(row[2]), row[3]) for row in who.all()]
    yield who.remove("eve"), who.remove("anna"), who.remove("nobody")
    yield secret.digits(stored_key(who.find("anna")[4]))
    with open(folder + "people.key", "rb") as file:
        whole = file.read()
    for text in (whole[:100], whole[1:], b"\xff" * 90, whole + b"viewer x\n" * 300):
        with open(folder + "people.key", "wb") as file:
            file.write(text)
        again = People(folder)
        yield again.claimed, len(again.all())
    again.forget()
    yield again.claimed, People(folder).all()


def sessions():
    rows, key = Sessions(), sample(32, 9)
    for number in range(8):
        rows.add("{:016x}".format(number), key, "anna", "owner", number)
    yield len(rows), rows.living(43_200 + 3)
    ident = "{:016x}".format(6)
    what, body = "POST /api/command", b'{"command": "goal"}'

    def signed(number, said=body):
        text = "{}\n{}\n".format(what, number).encode()
        mac = secret.digits(secret.hmac(key, text, said))
        return "{}.{}.{}".format(ident, number, mac)

    for said in (signed(1), signed(1), signed(3), signed(2), signed(4)[:-1], signed(4, b""), "..",
                 signed("²"), signed(-5), signed(0), signed(4), ident):  # fmt: skip
        yield rows.signed(said, what, body, 50)
    rows.end("anna")
    yield len(rows)


def delays():
    rows = Delays()
    for now_s in range(40):
        for source in range(now_s % 11):
            if not rows.wait_s(source, now_s):
                rows.failed(source, now_s)
        if now_s % 13 == 5:
            rows.passed(now_s % 7)
        yield [rows.wait_s(source, now_s) for source in range(11)], rows.known()


class Entrance:
    def __init__(self, folder):
        self.folder = folder

    def __call__(self):
        return self

    def inside(self, _parts, gate):
        return Access(People(self.folder), b"own", lambda: True, lambda what: None, gate)

    def let_go(self, _gate):
        pass


def asked(do):
    try:
        return "done", type(do()).__name__
    except TooSoon as error:
        return "too soon", error.after_s
    except Refused as error:
        return error.field, error.allowed


def claims(folder):
    """A claim by its code, guesses, and the pace of commands."""
    gate = Gate(None, Entrance(folder))
    inside = gate.inside()
    key = {"name": "anna", "salt": "00" * 16, "key": "11" * 32}
    yield asked(lambda: inside.claim(dict(key, code="1111"), "a"))
    yield asked(lambda: gate.admit("token"))
    code = inside.open()
    for _ in range(4):
        yield asked(lambda: inside.claim(dict(key, code="7777"), "b"))
    yield asked(lambda: inside.claim(dict(key, code=code), "a")), gate.claimed
    for _ in range(22):
        yield asked(lambda: gate.admit("token", "owner"))
    yield asked(lambda: gate.admit("token", "owner", True)), asked(lambda: gate.admit("by hand"))
    gate.step(2_000)
    for _ in range(3):
        yield asked(lambda: gate.admit("token", "owner"))


def tell(folder):
    """All of it, as JSON has it."""
    told = {}
    for part in (digests(), people(folder), sessions(), delays(), claims(folder)):
        told[len(told)] = list(part)
    return told
