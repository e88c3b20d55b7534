# islet: what people and the network operator may ask for, a row per command, and its check.
# GPL-3.0-or-later
#
# A command is checked in full before anything changes. A refusal names the field, what came and
# what is allowed.

import json

from firmware.base import strict_json
from firmware.people import leases
from firmware.people.names import DEVICE, DEVICES, NODE, POINT

MAX_PAYLOAD = 512  # bytes
# Roles. Console and button speak for the owner, for who uses them stands before the box; on the
# page a role is that of who logged in; on the broker it is how topics begin (mqtt.py), and its
# access list says whose it is.
OWNER, HOUSEHOLD, INSTALLER = "owner", "household", "installer"
OPERATOR, VIEWER = "operator", "viewer"
ROLES = (OWNER, HOUSEHOLD, INSTALLER, OPERATOR, VIEWER)
_HOUSE = (OWNER, HOUSEHOLD)
_OWNERS = (OWNER,)
GOALS = ("hold", "charge", "solar", "self", "discharge")
ISLAND_CHOICES = ("never", "auto", "now")
_WIDEST = leases.WIDEST
_WEEK_S = 604_800
REQUIRED = "required"  # in the place of a default

# field: name, kind ("int", "bool", the choices, or what is named), unit, lowest, highest, default
_TTL = ("ttl_s", "int", "s", 1, 86_400, None)
_DEVICE = ("device", DEVICE, "", 0, 0, None)

# a limit: of what, which range, for how long, and what stands while none with an end does
_ISSUERS = leases.spoken_for(OPERATOR)
_LIMIT = (
    ("device", DEVICES, "", 0, 0, None),
    ("node", NODE, "", 0, 0, None),
    ("low", "int", "mA or W", -_WIDEST, 0, None),
    ("high", "int", "mA or W", 0, _WIDEST, None),
    ("ttl_s", "int", "s", 1, _WEEK_S, None),
    ("until_released", "bool", "", 0, 0, False),
    ("release", "bool", "", 0, 0, False),
    ("back_low", "int", "mA or W", -_WIDEST, 0, None),
    ("back_high", "int", "mA or W", 0, _WIDEST, None),
)

# The one table of rights. command: name, the roles whose right it is, fields; what each is for:
# tools/docs/people.py
TABLE = (
    ("goal", _HOUSE, (("goal", GOALS, "", 0, 0, REQUIRED),)),
    (
        "target_w",
        _HOUSE,
        (("target_w", "int", "W", -1_000_000, 1_000_000, REQUIRED), _TTL, _DEVICE),
    ),
    ("charge_ma", _HOUSE, (("charge_ma", "int", "mA", 0, 80_000, REQUIRED), _TTL, _DEVICE)),
    (
        "reserve",
        _OWNERS,
        (
            ("reserve_permille", "int", "permille", 0, 1000, None),
            ("outage_reserve_permille", "int", "permille", 0, 1000, None),
        ),
    ),
    (
        "authorise",
        _HOUSE,
        (("authorised", "bool", "", 0, 0, REQUIRED), ("point", POINT, "", 0, 0, None)),
    ),
    ("island", _OWNERS, (("island", ISLAND_CHOICES, "", 0, 0, REQUIRED),)),
    ("acknowledge", (OWNER, HOUSEHOLD, INSTALLER), ()),
    ("prove", (OWNER, INSTALLER), (_DEVICE, ("stop", "bool", "", 0, 0, False))),
    ("limit", _OWNERS, _LIMIT),
    ("operator", (OPERATOR,), _LIMIT + (("issuer", _ISSUERS, "", 0, 0, _ISSUERS[0]),)),
)
BY_HAND = "by hand"  # who says it stands before the box: console, button
# what takes power away: no pace of commands holds it up
STOPS = (
    # field, of whatever command, and its value
    ("goal", "hold"),
    ("target_w", 0),
    ("charge_ma", 0),
    ("authorised", False),
    ("stop", True),
    ("low", 0),
    ("high", 0),
)


class Refused(Exception):
    """A command that is not carried out: the field and what is allowed; `after_s`: then it may
    be said again."""

    def __init__(self, field, error, allowed, after_s=0):
        super().__init__(error)
        self.after_s = after_s
        self.field = field
        self.error = error
        self.allowed = allowed


def find(name):
    """The row of a command; Refused names the ones there are."""
    for row in TABLE:
        if row[0] == name:
            return row
    raise Refused(
        "command", "{} is not known".format(shown(name)), ", ".join(row[0] for row in TABLE)
    )


def stops(arguments):
    """Whether a command takes power away; what does not fit it is refused in any case."""
    for field, value in STOPS:
        if field in arguments and arguments[field] == value:
            return True
    return False


def allowed_text(field, site=None):
    """What may be said, in words; of a `site` (Names) the names there are."""
    _, kind, unit, low, high, _ = field
    if kind == "int":
        return "a whole number from {} to {} {}".format(low, high, unit).rstrip()
    if kind == "bool":
        return "true or false"
    if isinstance(kind, tuple):
        return "one of " + ", ".join(kind)
    if site is None:
        return "name of a " + kind
    return one_of(site.all_of(kind), kind == DEVICES)


def one_of(known, or_all=False):
    known = sorted(known) + ["all"] * or_all
    return "one of " + ", ".join(known) if known else "nothing: this site has none"


def shown(value):
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _check(field, value, site):
    name, kind, _, low, high, _ = field
    if kind == "int":
        if type(value) is float and -1e6 < value < 1e6 and value == int(value):
            value = int(value)  # not a number fails both comparisons
        fits = type(value) is int and low <= value <= high
    elif kind == "bool":
        fits = type(value) is bool
    elif isinstance(kind, tuple):
        fits = isinstance(value, str) and value in kind
    else:
        known = site.all_of(kind)
        fits = isinstance(value, str) and (value in known or (kind == DEVICES and value == "all"))
    if not fits:
        raise Refused(name, "{} does not fit".format(shown(value)), allowed_text(field, site))
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
        raise Refused("payload", "{} does not fit".format(shown(value)), "nothing, {} or true")
    return {fields[0][0]: value}


def check(row, arguments, site):
    """The arguments with defaults, each checked against its field; unknown ones are refused."""
    known = [field[0] for field in row[2]]
    for name in arguments:
        if name not in known and name not in ("id", "command"):
            allowed = "one of " + ", ".join(known) if known else "no fields"
            raise Refused(shown(name).strip('"'), "is not a field of " + row[0], allowed)
    values = {}
    for field in row[2]:
        if field[0] in arguments:  # null is no value: it fits no field
            values[field[0]] = _check(field, arguments[field[0]], site)
        elif field[5] == REQUIRED:
            raise Refused(field[0], "is missing", allowed_text(field, site))
        else:
            values[field[0]] = field[5]
    return values
