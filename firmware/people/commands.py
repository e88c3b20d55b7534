# islet: commands carried out, whichever way they came: MQTT, HTTP and console alike.
# GPL-3.0-or-later
#
# Each becomes a request in the image or a wish to the policy, never an output: no command can
# widen a limit (the arbiter intersects), lower a reserve below what the owner configured (INV-11),
# or outlive its time, but for the operator's restriction, which stands until its issuer releases
# it (INV-8).

from firmware import image as im
from firmware.people import leases
from firmware.people.asked import (
    ISLAND_CHOICES,
    ROLES,
    TABLE,
    Refused,
    check,
    find,
    one_of,
    parse,
    shown,
    stops,
)
from firmware.people.names import DEVICE, NODE, POINT, least_offer, takes_offer

_WIDEST = leases.WIDEST
_WISH_S = 3600  # of one by hand that says no time


def _takes_setpoint(site, device):
    return site[im.DEVICE_KIND + device] == im.KIND_CONVERTER


def _raise_seq(requests, field):
    requests[field] = requests[field] + 1 if requests[field] < im.AGE_MAX_MS else 0


class Commands:
    """Carries out commands on image.requests and the policy.

    Make it after the configuration is loaded: the reserves found then are the lowest allowed.
    policy: set_goal(name), set_wish(device, value, ttl_ms).
    names: Names of the site's rows. after: called when a command was carried out. access: where
    somebody may ask over a network, firmware/access.
    """

    access = None

    def __init__(self, image, policy, names, after=None):
        self.image = image
        self.policy = policy
        self.names = names
        self.after = after
        self.done = 0  # commands carried out: each is a reason to publish
        self._lowest_reserve = image.requests[im.RESERVE_PERMILLE]
        self._lowest_outage_reserve = image.requests[im.OUTAGE_RESERVE_PERMILLE]

    def handle(self, name, payload, role, of=None, who="broker"):
        """Carry out the command `name` with its payload (bytes, or a dict); return the answer.

        role: who says it, for whoever answers for that: a session, a token, a broker's access
        list. who: its name, or BY_HAND.
        of: a field that came another way, as (name, value): in a topic.

        Answer: {"command", "id", "ok": true, "text"}, or with "ok" false {"field", "error",
        "allowed"}; "id" only where it was given, "again_s" where it came too soon.
        """
        answer = {"command": shown(name).strip('"'), "ok": False}
        access, row = self.access, None
        try:
            row = find(name)
            arguments = payload if isinstance(payload, dict) else parse(row, payload)
            if "id" in arguments:
                answer["id"] = self._identifier(arguments["id"])
            if access is not None:
                access.admit(who, role, stops(arguments))
            if role not in row[1]:
                allowed = "the " + ", ".join(row[1])
                raise Refused("command", "{} is not yours to give".format(name), allowed)
            if of is not None:
                if arguments.get(of[0], of[1]) != of[1]:
                    raise Refused(of[0], "the topic names another", of[1])
                arguments[of[0]] = of[1]
            values = check(row, arguments, self.names)
            answer["text"] = getattr(self, "_" + name)(values)
            answer["ok"] = True
            self.done += 1
            if self.after is not None:
                self.after()
        except Refused as refusal:
            answer["field"] = refusal.field
            answer["error"] = refusal.error
            answer["allowed"] = refusal.allowed
            if refusal.after_s:
                answer["again_s"] = refusal.after_s
        if access is not None and row is not None:
            access.note(TABLE.index(row), who, ROLES.index(role), answer["ok"])
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
        goals = self.policy.goals()
        if values["goal"] not in goals:
            raise Refused("goal", values["goal"] + " does not fit this site", ", ".join(goals))
        self.policy.set_goal(values["goal"])
        return "The goal is now {}.".format(values["goal"])

    def _target_w(self, values):
        site, watts = self.image.site, values["target_w"]
        device = self._meant(values, "target_w", False)
        low, high = -site[im.DEVICE_DISCHARGE_W + device], site[im.DEVICE_CHARGE_W + device]
        if not low <= watts <= high:
            allowed = "{} to {} W for it".format(low, high)
            raise Refused("target_w", "{} does not fit".format(watts), allowed)
        return self._wish(device, watts, values["ttl_s"], "{} aims for {} W for {} s.")

    def _charge_ma(self, values):
        site, ma = self.image.site, values["charge_ma"]
        device = self._meant(values, "charge_ma", True)
        least_ma, most_ma = least_offer(site, device), site[im.DEVICE_MAX_MA + device]
        if ma and not least_ma <= ma <= most_ma:
            allowed = "0, or {} to {} mA for it".format(least_ma, most_ma)
            raise Refused("charge_ma", "{} does not fit".format(ma), allowed)
        return self._wish(device, ma, values["ttl_s"], "{} may take up to {} mA for {} s.")

    def _wish(self, device, value, ttl_s, text):
        """By hand, for a while. Nothing, without a time, is a stop, and that stands until it is
        let go: by whoever released the owner's limits, or asks for something again."""
        image, name = self.image, self.names.subject(device)
        issuer = im.ISSUER_NAMES.index("owner")
        if ttl_s is None and not value:
            leases.give(image, issuer, device, 0, 0, None)
            return "{} is stopped until it is let go on, or told another value.".format(name)
        ttl_s = _WISH_S if ttl_s is None else ttl_s
        self.policy.set_wish(device, value, ttl_s * 1000)
        text = text.format(name, value, ttl_s)
        stops = leases.stops(image, device) if value else ()
        if stops:
            leases.release(image, issuer, device, stops)
            text += " Its stop is over."
        return text

    def _meant(self, values, command, offers):
        """The device that is named, else the only one that can do it: that takes an offer, or a
        setpoint."""
        site, named = self.image.site, values["device"]
        known = {
            name: row
            for name, row in self.names.all_of(DEVICE).items()
            if (takes_offer(site, row) if offers else _takes_setpoint(site, row))
        }
        if named in known:
            return known[named]
        if named is not None:
            raise Refused("device", "{} cannot do that".format(named), one_of(known))
        return _only(known, "device", command)

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
        known = self.names.all_of(POINT)
        named = values["point"]
        point = known[named] if named else _only(known, "point", "authorised")
        requests = self.image.requests
        requests[im.POINT_AUTHORISED + point] = 1 if values["authorised"] else 0
        unplugs = self.image.commands[im.POINT_UNPLUGS + point]
        requests[im.POINT_AUTHORISED_FOR + point] = unplugs
        where = " at " + self.names.point(point) if len(known) > 1 else ""
        if not self.image.site[im.POINT_AUTH_REQUIRED + point]:
            return "Charging{} waits for nobody: it needs no authorisation.".format(where)
        return "Charging{} is {}authorised.".format(where, "" if values["authorised"] else "not ")

    def _island(self, values):
        site, wish = self.image.site, ISLAND_CHOICES.index(values["island"]) - 1
        if wish > 0 and not site[im.ISLAND_CAPABLE]:
            raise Refused("island", "this site cannot run without the grid", "never, auto")
        self.image.requests[im.ISLAND_WISH] = wish
        if wish > 0:
            return "Asked to leave the grid; the state of the island tells how far that is."
        if wish == 0 and site[im.ISLAND_CAPABLE] and site[im.ISLAND_AUTO]:
            return "In an outage the house shall run without the grid."
        return "The house does not leave the grid by itself, nor in an outage."

    def _acknowledge(self, values):
        _raise_seq(self.image.requests, im.ACKNOWLEDGE_SEQ)
        return "Acknowledged: faults and trips whose cause is gone will clear."

    def _prove(self, values):
        """Start the commissioning proof of a converter, or stop it."""
        image = self.image
        requests, commands = image.requests, image.commands
        if values["stop"]:
            requests[im.PROVE_DEVICE] = im.UNKNOWN
            _raise_seq(requests, im.PROVE_SEQ)
            return "The proof is stopped."
        device = self._meant(values, "prove", False)
        if commands[im.PROOF_STATE]:
            busy = self.names.device(commands[im.PROOF_DEVICE])
            raise Refused("device", "{} is being proved".format(busy), "one after the other")
        requests[im.PROVE_DEVICE] = device
        _raise_seq(requests, im.PROVE_SEQ)
        return "{} is put to the proof; it takes one to three minutes.".format(
            self.names.subject(device)
        )

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
            number = self.names.all_of(NODE)[node]
            now = self.image.requests[im.LEASE_NODE + issuer]
            if leases.holds(self.image, issuer, leases.NODE) and now != number:
                raise Refused("node", "this issuer limits another", self.names.node(now))
            return (leases.NODE,), number, node
        known = self.names.all_of(DEVICE)
        if device in known:
            return (known[device],), -1, device
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


def _only(known, field, wanted):
    """The one row of `known`; where there are several the field must say which."""
    if len(known) == 1:
        return next(iter(known.values()))
    if not known:
        raise Refused(wanted, "this site has nothing that can do that", "nothing")
    raise Refused(field, "is missing, and there are several", one_of(known))


def _open(low, high):
    return -_WIDEST if low is None else low, _WIDEST if high is None else high
