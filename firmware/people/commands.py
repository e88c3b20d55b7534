# islet: what people and the network operator may ask for, a row per command, MQTT and HTTP alike.
# GPL-3.0-or-later
#
# A command is checked in full before anything changes. A refusal names the field, what came and
# what is allowed. Each becomes a request in the image or a wish to the policy, never an output:
# no command can widen a limit (the arbiter intersects), lower a reserve below what the owner
# configured (INV-11), or outlive its time, but for the operator's restriction, which stands until
# its issuer releases it (INV-8).

import json

from firmware import image as im
from firmware.base import strict_json
from firmware.people import leases

MAX_PAYLOAD = 512  # bytes
OWNER, OPERATOR = "owner", "operator"
GOALS = ("hold", "charge", "solar", "self", "discharge")
ISLAND_CHOICES = ("never", "auto", "now")
_WIDEST = leases.WIDEST
_MINIMUM_MA = 6_000  # IEC 61851-1: no offer below 6 A
_WEEK_S = 604_800
REQUIRED = object()

# field: name, kind ("int", "bool" or the choices), unit, lowest, highest, default
_TTL = ("ttl_s", "int", "s", 1, 86_400, 3600)

# a limit: of what, which range, for how long, and what stands while none with an end does
_ISSUERS = leases.spoken_for(OPERATOR)
_LIMIT = (
    ("device", im.DEVICE_NAMES + ("all",), "", 0, 0, None),
    ("node", "text", "", 0, 0, None),
    ("low", "int", "mA or W", -_WIDEST, 0, None),
    ("high", "int", "mA or W", 0, _WIDEST, None),
    ("ttl_s", "int", "s", 1, _WEEK_S, None),
    ("until_released", "bool", "", 0, 0, False),
    ("release", "bool", "", 0, 0, False),
    ("back_low", "int", "mA or W", -_WIDEST, 0, None),
    ("back_high", "int", "mA or W", 0, _WIDEST, None),
)

# command: name, who, fields, text
TABLE = (
    ("goal", OWNER, (("goal", GOALS, "", 0, 0, REQUIRED),), "what car and battery shall aim for"),
    (
        "target_w",
        OWNER,
        (("target_w", "int", "W", -1_000_000, 1_000_000, REQUIRED), _TTL),
        "battery power for a while, + charges, - discharges",
    ),
    (
        "charge_ma",
        OWNER,
        (("charge_ma", "int", "mA", 0, 80_000, REQUIRED), _TTL),
        "most the car shall take for a while: 0, or 6000 and up",
    ),
    (
        "reserve",
        OWNER,
        (
            ("reserve_permille", "int", "permille", 0, 1000, None),
            ("outage_reserve_permille", "int", "permille", 0, 1000, None),
        ),
        "keep more in the battery; not below what is configured",
    ),
    (
        "authorise",
        OWNER,
        (("authorised", "bool", "", 0, 0, REQUIRED),),
        "the user of this charging session may charge",
    ),
    (
        "island",
        OWNER,
        (("island", ISLAND_CHOICES, "", 0, 0, REQUIRED),),
        "run without the grid: never, in an outage as configured, or now",
    ),
    ("acknowledge", OWNER, (), "a person has seen faults and trips; those that are over clear"),
    (
        "limit",
        OWNER,
        _LIMIT,
        "the owner's limit on a device, all (0) or a node (mA per leg): a range and one of ttl_s, "
        "until_released; or release; with both it replaces",
    ),
    (
        "operator",
        OPERATOR,
        _LIMIT + (("issuer", _ISSUERS, "", 0, 0, _ISSUERS[0]),),
        "the network operator's limit, or another issuer's, as of limit",
    ),
)


class Refused(Exception):
    """A command that is not carried out: the field and what is allowed."""

    def __init__(self, field, error, allowed):
        super().__init__(error)
        self.field = field
        self.error = error
        self.allowed = allowed


def find(name):
    """The row of a command; Refused names the ones there are."""
    for row in TABLE:
        if row[0] == name:
            return row
    raise Refused(
        "command", "{} is not known".format(_shown(name)), ", ".join(row[0] for row in TABLE)
    )


def allowed_text(field):
    _, kind, unit, low, high, _ = field
    if kind == "int":
        return "a whole number from {} to {} {}".format(low, high, unit).rstrip()
    if kind == "bool":
        return "true or false"
    if kind == "text":
        return "a text of at most 40 characters"
    return "one of " + ", ".join(kind)


def _shown(value):
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _check(field, value):
    name, kind, _, low, high, _ = field
    if kind == "int":
        if type(value) is float and -1e6 < value < 1e6 and value == int(value):
            value = int(value)  # not a number fails both comparisons
        fits = type(value) is int and low <= value <= high
    elif kind == "bool":
        fits = type(value) is bool
    elif kind == "text":
        fits = isinstance(value, str) and len(value) <= 40
    else:
        fits = isinstance(value, str) and value in kind
    if not fits:
        raise Refused(name, "{} does not fit".format(_shown(value)), allowed_text(field))
    return value


def parse(row, payload):
    """The bytes of a payload (JSON object, number, word or nothing) as a dict of arguments."""
    if len(payload) > MAX_PAYLOAD:
        raise Refused("payload", "{} bytes".format(len(payload)), "at most 512 bytes")
    text = bytes(payload).strip()
    fields = row[2]
    try:
        value = strict_json.loads(text) if text else {}
    except ValueError as error:
        if not (fields and isinstance(fields[0][1], tuple) and text.isalpha()):
            problem = "is not JSON, {}".format(error)
            raise Refused("payload", problem, "JSON, a plain number or a word")
        value = text.decode()  # letters of ASCII alone
    if isinstance(value, dict):
        return value
    if not fields:
        if value is True or value is None:
            return {}
        raise Refused("payload", "{} does not fit".format(_shown(value)), "nothing, {} or true")
    return {fields[0][0]: value}


def check(row, arguments):
    """The arguments with defaults, each checked against its field; unknown ones are refused."""
    known = [field[0] for field in row[2]]
    for name in arguments:
        if name not in known and name not in ("id", "command"):
            allowed = "one of " + ", ".join(known) if known else "no fields"
            raise Refused(_shown(name).strip('"'), "is not a field of " + row[0], allowed)
    values = {}
    for field in row[2]:
        if field[0] in arguments:  # null is no value: it fits no field
            values[field[0]] = _check(field, arguments[field[0]])
        elif field[5] is REQUIRED:
            raise Refused(field[0], "is missing", allowed_text(field))
        else:
            values[field[0]] = field[5]
    return values


def _raise_seq(requests, field):
    requests[field] = requests[field] + 1 if requests[field] < im.AGE_MAX_MS else 0


class Commands:
    """Carries out commands on image.requests and the policy.

    Make it after the configuration is loaded: the reserves found then are the lowest allowed.
    policy: set_goal(name), set_wish(device, value, ttl_ms).
    after: called when a command was carried out. nodes: their names.
    """

    def __init__(self, image, policy, after=None, nodes=()):
        self.image = image
        self.policy = policy
        self.after = after
        self.nodes = nodes
        self.done = 0  # commands carried out: each is a reason to publish
        self._lowest_reserve = image.requests[im.RESERVE_PERMILLE]
        self._lowest_outage_reserve = image.requests[im.OUTAGE_RESERVE_PERMILLE]

    def handle(self, name, payload, roles=(OWNER, OPERATOR)):
        """Carry out the command `name` with its payload (bytes, or a dict); return the answer.

        Answer: {"command", "id", "ok": true, "text"}, or with "ok" false {"field", "error",
        "allowed"}; "id" only where it was given.
        """
        answer = {"command": _shown(name).strip('"'), "ok": False}
        try:
            row = find(name)
            arguments = payload if isinstance(payload, dict) else parse(row, payload)
            if "id" in arguments:
                answer["id"] = self._identifier(arguments["id"])
            if row[1] not in roles:
                raise Refused("command", "{} is not yours to give".format(name), "the " + row[1])
            values = check(row, arguments)
            answer["text"] = getattr(self, "_" + name)(values)
            answer["ok"] = True
            self.done += 1
            if self.after is not None:
                self.after()
        except Refused as refusal:
            answer["field"] = refusal.field
            answer["error"] = refusal.error
            answer["allowed"] = refusal.allowed
        return answer

    @staticmethod
    def _identifier(value):
        if type(value) is int and 0 <= value < 1 << 53:
            return value
        if isinstance(value, str) and len(value) <= 40:
            return value
        raise Refused("id", "does not fit", "a text of at most 40 characters or a whole number")

    # --- effects: values are checked, each returns a sentence --------------------------------

    def _goal(self, values):
        self.policy.set_goal(values["goal"])
        return "The goal is now {}.".format(values["goal"])

    def _target_w(self, values):
        site, watts = self.image.site, values["target_w"]
        self._present("target_w", im.INVERTER, site[im.DEVICE_NODE + im.INVERTER])
        low, high = (
            -site[im.DEVICE_DISCHARGE_W + im.INVERTER],
            site[im.DEVICE_CHARGE_W + im.INVERTER],
        )
        if not low <= watts <= high:
            allowed = "{} to {} W at this site".format(low, high)
            raise Refused("target_w", "{} does not fit".format(watts), allowed)
        self.policy.set_wish(im.INVERTER, watts, values["ttl_s"] * 1000)
        return "The battery aims for {} W for {} s.".format(watts, values["ttl_s"])

    def _charge_ma(self, values):
        site, ma = self.image.site, values["charge_ma"]
        self._present("charge_ma", im.EVSE, site[im.DEVICE_NODE + im.EVSE])
        if ma and not _MINIMUM_MA <= ma <= site[im.DEVICE_MAX_MA + im.EVSE]:
            raise Refused(
                "charge_ma",
                "{} does not fit".format(ma),
                "0, or {} to {} mA at this site".format(
                    _MINIMUM_MA, site[im.DEVICE_MAX_MA + im.EVSE]
                ),
            )
        self.policy.set_wish(im.EVSE, ma, values["ttl_s"] * 1000)
        return "The car may take up to {} mA for {} s.".format(ma, values["ttl_s"])

    def _reserve(self, values):
        requests = self.image.requests
        rows = (
            ("reserve_permille", im.RESERVE_PERMILLE, self._lowest_reserve),
            ("outage_reserve_permille", im.OUTAGE_RESERVE_PERMILLE, self._lowest_outage_reserve),
        )
        for name, _, lowest in rows:
            if values[name] is not None and values[name] < lowest:
                raise Refused(
                    name,
                    "{} is below the configured reserve".format(values[name]),
                    "a whole number from {} to 1000 permille".format(lowest),
                )
        if all(values[name] is None for name, _, _ in rows):
            raise Refused("reserve_permille", "is missing", "either reserve or both")
        for name, field, _ in rows:
            if values[name] is not None:
                requests[field] = values[name]
        return "The reserve is {} permille, in an outage {}.".format(
            requests[im.RESERVE_PERMILLE], requests[im.OUTAGE_RESERVE_PERMILLE]
        )

    def _authorise(self, values):
        self.image.requests[im.POINT_AUTHORISED] = 1 if values["authorised"] else 0
        self.image.requests[im.POINT_AUTHORISED_FOR] = self.image.commands[im.POINT_UNPLUGS]
        return "Charging is authorised." if values["authorised"] else "Charging is not authorised."

    def _island(self, values):
        self.image.requests[im.ISLAND_WISH] = ISLAND_CHOICES.index(values["island"]) - 1
        return "Running without the grid: {}.".format(values["island"])

    def _acknowledge(self, values):
        _raise_seq(self.image.requests, im.ACKNOWLEDGE_SEQ)
        return "Acknowledged: faults and trips whose cause is gone will clear."

    def _limit(self, values, name="owner"):
        issuer = im.ISSUER_NAMES.index(name)
        low, high, ttl_s = values["low"], values["high"], values["ttl_s"]
        ranged = low is not None or high is not None
        ends = (ttl_s is not None) + values["until_released"]
        if ends > 1 or not (ends or values["release"]):
            allowed = "exactly one of ttl_s, until_released, release"
            raise Refused("ttl_s", "how long is not clear", allowed)
        if ends and not ranged:
            raise Refused("high", "is missing", "low, high or both")
        backs = values["back_low"], values["back_high"]
        if not ends and (ranged or backs != (None, None)):
            raise Refused("ttl_s", "is missing", "ttl_s or until_released beside a range")
        leased, node, of = self._leased(values, issuer, (low, high) + backs)
        if values["release"]:
            self._release(leased, node, issuer, ends)
        for each in leased if ends else ():
            leases.give(self.image, issuer, each, *_open(low, high), ttl_s, node)
            if backs != (None, None):
                leases.fall_back(self.image, issuer, each, *_open(*backs))
        if not ends:
            return "The {}'s limit on {} is released.".format(name, of)
        return "The {}'s limit on {} holds {}.".format(
            name, of, "until released" if ttl_s is None else "for {} s".format(ttl_s)
        )

    def _operator(self, values):
        return self._limit(values, values["issuer"])

    def _leased(self, values, issuer, ends):
        """What is limited: (rows, node, its name)."""
        device, node = values["device"], values["node"]
        if (device is None) + (node is None) != 1:
            raise Refused("device", "of what is not clear", "either device or node")
        if node is not None:
            if node not in self.nodes:
                names = ", ".join(self.nodes)
                raise Refused("node", "{} is not known".format(_shown(node)), "one of " + names)
            number = self.nodes.index(node)
            now = self.image.requests[im.LEASE_NODE + issuer]
            if leases.holds(self.image, issuer, leases.NODE) and now != number:
                raise Refused("node", "this issuer limits another", self.nodes[now])
            return (leases.NODE,), number, node
        if device != "all":
            return (im.DEVICE_NAMES.index(device),), -1, "the " + device
        if any(ends):
            raise Refused("device", "all have no unit in common", "0 as low and high")
        return range(im.DEVICES), -1, "all"

    def _release(self, leased, node, issuer, again):
        """Its own alone: what others hold stands, and is named."""
        image = self.image
        held = set()
        for each in leased:
            held.update(leases.holders(image, each, node))
        if held and issuer not in held and not again:
            names = im.ISSUER_NAMES
            raise Refused(
                "release",
                "{} holds no limit there".format(names[issuer]),
                "only its issuer releases: " + ", ".join(names[i] for i in sorted(held)),
            )
        for each in leased:
            leases.release(image, issuer, each)

    def _present(self, field, device, node):
        if node < 0:
            raise Refused(field, "this site has no " + im.DEVICE_NAMES[device], "nothing")


def _open(low, high):
    return -_WIDEST if low is None else low, _WIDEST if high is None else high
