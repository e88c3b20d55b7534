# islet: what people read, as tables: reasons, faults, trips; and where it reaches them.
# GPL-3.0-or-later
"""Parts of docs/reference.md. Sentences and ways out of faults and trips are the firmware's own.
What ends a limit has no room on a board and stands here, a row for each reason."""

from __future__ import annotations

from collections.abc import Iterator

from firmware import image as im
from firmware.core.limits import hardware
from firmware.ledger import keep
from firmware.net import discovery, http, mqtt
from firmware.people import alerts, asked, events, leases, words
from firmware.policy import GOALS
from firmware.policy.takers import WHY_NAMES
from tools.tables import markdown

ITSELF = "by itself"
# what ends it, by the name of REASON_*
ENDS = {
    "NONE": "–",
    "RATING": "never; it is what the device or the site can do",
    "NO_VEHICLE": "plug a car in",
    "NOT_READY": "the car asks, or somebody starts it in the car",
    "CABLE": "another cable",
    "PILOT_FAULT": "see the fault `pilot` or `diode`",
    "NOT_AUTHORISED": "the command `authorise`",
    "VENTILATION": "the fan's confirming contact closes",
    "PROTECTION": "what has tripped is set again, see the trip",
    "CONTACTOR": "by itself when it has moved; else see the fault `weld` or `stuck_open`",
    "TRIP": "see the trip",
    "DEVICE_FAULT": "by itself when the device reports that it is well and connected; where "
    "something else commands it too when you acknowledge",
    "DEVICE_SILENT": "by itself when it answers; check its line, address and power",
    "GRID_ABNORMAL": ITSELF,
    "GRID_WAIT": "by itself after the grid code's time",
    "GRID_RAMP": "by itself at the grid code's pace",
    "ISLAND": "by itself when the house is on the grid again",
    "BREAKER": "by itself when other loads leave room; a larger service or fewer loads at once",
    "BUSBAR": "by itself when other loads leave room",
    "EXPORT": "`export_limit_w`, as the operator allows",
    "METER_STALE": "by itself when the instrument answers; check it and its line",
    "STATIC_BACKFEED": "never; what the busbar carries, by its ratings in the configuration",
    "PAUSE": "by itself after the pause",
    "GROWTH": ITSELF,
    "OPERATOR": "the operator's lease ends or is released",
    "RESERVE": "by itself above it; `owner.reserve_percent`, `owner.outage_reserve_percent`",
    "SOC_UNKNOWN": "by itself when the device reports its battery's charge",
    "GOAL": "the command `goal`",
    "NO_GOAL": "the command `goal`",
    "NOT_FOLLOWED": "by itself when it draws no more; else see the fault `not_followed`",
    "TOPOLOGY": "never; another kind of device",
    "BOOT": "by itself within seconds; if not, an instrument is silent",
    "NOT_OBEYED": "by itself after a pause; see the fault `not_obeyed`",
    "UNWITNESSED": "an instrument at the device's own node, by the configuration",
    "ANTI_ISLANDING": "switch it on in the device, or enter its certificate",
    "ENABLE": "see the fault `enable`",
    "OWN_TRIP": "by itself after a pause, and step by step",
    "FLAPPING": "by itself after the time said",
    "INSTRUMENT": "see the fault `instrument`",
    "UNPROVED": "by itself at the instrument's next samples",
    "REST": "by itself, or unplug for a minute, or acknowledge",
    "PEN": "see the fault `pen`",
    "METER_BACK": "by itself after the time said",
    "OWNER": "the owner's lease ends or is released",
    "CONTACT": "the contact opens",
    "SITE": "by itself when others on the site need less",
    "OCPP": "the network's lease ends or is released",
    "OPENADR": "the programme's event ends",
    "UTILITY": "the utility's lease ends or is released",
    "MANAGER": "the manager's lease ends or is released",
    "COMMISSION": "the command `prove`",
    "PROOF": "by itself within minutes, or `prove` with stop",
    "NO_RETURN": "an enable wired to the device, or a shorter time-out in it; then `prove` again",
    "NEUTRAL": "by itself when the legs carry more alike; `nodes[].neutral_a`",
    "BALANCE": "by itself when islet's others load the legs more alike; `unbalance_va`",
    "RELIEF": "by itself when other loads leave room; `devices[].relieves`",
}
# what a command is for
COMMANDS = {
    "goal": "what car and battery shall aim for",
    "target_w": "a converter's power for `ttl_s` (one hour), + is drawn, - delivered; 0 without "
    "`ttl_s` stops it until it is released or told another value; without a device it means the "
    "only one that can do it",
    "charge_ma": "most a car shall take, per leg: 0, or 6000 and up, for `ttl_s` (one hour); 0 "
    "without `ttl_s` stops it until it is released or told another value; without a device it "
    "means the only one that takes an offer",
    "reserve": "keep more in the battery; not below what is configured",
    "authorise": "the user of this charging session may charge; without a point it means the "
    "only one",
    "island": "run without the grid: never, in an outage as configured, or now",
    "acknowledge": "a person has seen faults and trips; those that are over clear",
    "prove": "put a converter to the commissioning proof, or stop it: it shows that it obeys, "
    "before it may do anything else; without a device it means the only one",
    "limit": "the owner's limit on a device, all (0) or a node (mA per leg): a range and one of "
    "ttl_s, until_released; or release; with both it replaces",
    "operator": "the network operator's limit, or another issuer's, as of limit",
}
# what travels on a topic
KEPT = (
    # what outlives a reset, what of its ring must be erased ahead (permille), its record
    ("fault or trip that is new", keep.WAITS_NEW, "at once"),
    ("restriction (lease), until released or above 10 min", keep.WAITS_LONG, "at once"),
    ("goal, reserves, island: never", keep.WAITS_OWNER, "at once"),
    ("a word of core's", keep.WAITS_CORE, "at once"),
    ("release of a restriction", keep.WAITS_RELEASE, "at once"),
    ("fault or trip that is over", keep.WAITS_OVER, "after 10 s"),
    ("restriction of 10 min and less", keep.WAITS_SHORT, "at once"),
    ("owner's wish by hand", keep.WAITS_HAND, "at once"),
    ("time left of a restriction or wish", keep.WAITS_LEFT, "every 5 min, or a sixteenth"),
)

TOPICS = {
    "online": '"1"; the broker says "0" when we are gone',
    "state": "the site, at a change, once a second at most, and every 10 s",
    "device/{}/state": "a device, with the state",
    "device/{}/limits": "every source's claim on it, and who holds a lease",
    "point/{}/state": "a point of the board: pilot and contactor",
    "event": "each event; the newest 32 survive a lost broker",
    "answer": "to each command",
    "set/+": "to us, the owner's: a command by its name, never retained",
    "device/+/set/+": "to us, the owner's: a command about this device",
    "point/+/set/+": "to us, the owner's: a command about this point",
    "operator/set/+": "to us, the operator's: a command by its name, never retained",
    "operator/device/+/set/+": "to us, the operator's: a command about this device",
}
# what an event is told with besides its number and time, and what it means, in the kinds' order
STATE = "`state`, `before`"
OF_POINT = f"{STATE}, `of` the point"
ALERT, WAY_OUT = "`name`, `of`, `on`", "`name`, `of`, `on`, `way_out`"
EVENTS = (
    ("–", "islet has started; what of what was promised to last it knows"),
    (OF_POINT, "the control pilot's state is another"),
    (OF_POINT, "the contactor's state is another"),
    (STATE, "the grid's state is another"),
    (STATE, "the transfer's state is another"),
    (STATE, "the transfer has something to say"),
    (WAY_OUT, "core has found a fault; `bond` is told again every hour that it stands"),
    (ALERT, "a fault is over"),
    (WAY_OUT, "the guard has opened something"),
    (ALERT, "a trip is over"),
    (WAY_OUT, "a meter or device has not answered for 10 s"),
    (ALERT, "it has answered"),
    ("–", "an interrupt's handler failed and was called again, so often so far"),
    ("–", "a task has failed with a number of the system's, and starts again"),
    ("–", f"a task has failed, and starts again; of what it says {events.TEXT} bytes are kept"),
    ("–", "the clock was not set, and now it is (`network.time`)"),
    ("–", "the clock was off"),
    ("–", "the clock would be off by more than 15 min, which is not believed at once"),
    ("–", "a Wi-Fi network was joined, by name"),
    ("–", "none could be joined, and why the last could not; again by pauses"),
    ("–", "no network is known, or none was reached for 5 min ([wifi.md](wifi.md))"),
    ("–", "it did not take its name, key and security, so it stays down"),
    ("–", "somebody at the box lets an owner come in ([access.md](access.md))"),
    ("–", "an owner came in"),
    ("–", "an owner by the console could not be written down"),
    ("–", "names, passwords and the site's secrets are gone"),
    ("–", "they are not"),
)
# what a path gives
PATHS = {
    "/": "the page",
    "/api/state": "everything, with the configuration's errors",
    "/api/limits": "every source's claim on each device",
    "/api/image": "the raw process image, for engineers",
    "/api/log": "the last events",
    "/api/sessions": "closed charging sessions",
    "/api/events": "the state as server-sent events, for at most 3 clients",
    "/api/command": "a command, by who has the right to it: a session, or the token",
    "/api/access": "whether the box is claimed, and whether the way in is open",
    "/api/claim": "an owner, by the code that the lamp blinks",
    "/api/login": "a session, in two halves: what the password is mixed with, and the proof",
    "/api/leave": "ends the session that says so",
    "/api/people": "who may come in; POST changes it, or one's own password",
    "/api/audit": "who did what, for owner and installer",
}
PLACES = (
    *(("where", "circuit"), ("value", "value"), ("after", "devices")),
    *(("words", "its words"), ("name", "name")),
)
VALUES = {"permille": "‰", "protections": "inputs"}


def reason_names() -> list[str]:
    """In the order of their numbers, without REASON_."""
    names = [name for name in vars(im) if name.startswith("REASON_")]
    return [name.removeprefix("REASON_") for name in sorted(names, key=lambda n: getattr(im, n))]


def sentence(text: str | tuple[str, ...]) -> str:
    """A code with several causes has a sentence for each."""
    if isinstance(text, tuple):
        return "<br>".join(map(sentence, text))
    for name, shown in PLACES:
        text = text.replace("{" + name + "}", f"*{shown}*")
    return text


def reasons() -> Iterator[str]:
    rows = (
        (
            getattr(im, f"REASON_{name}"),
            f"`{name}`",
            sentence(text),
            VALUES.get(unit, unit),
            ENDS[name],
        )
        for name, (unit, text) in zip(reason_names(), words.REASONS, strict=True)
    )
    return markdown("number | `REASON_` | sentence | value | ends", rows)


BLOCKS = (
    ("charging point", hardware.POINT_BLOCKS),
    ("charger over a line", hardware.CHARGER_BLOCKS),
    ("converter", hardware.CONVERTER_BLOCKS),
    ("source", hardware.SOURCE_BLOCKS),
)


def zeros() -> Iterator[str]:
    """Of each kind of device what keeps it at zero, the first that holds."""
    names = reason_names()
    for kind, blocks in BLOCKS:
        rows = []
        for reason, holds in blocks:
            assert holds.__doc__, holds
            why = sentence(words.REASONS[reason][1])
            rows.append((holds.__doc__.splitlines()[0][:-1], f"`{names[reason]}`", why))
        yield from markdown(f"{kind} at zero while | reason | sentence", rows)
        yield ""


def wishes() -> Iterator[str]:
    reserve = words.REASONS[im.REASON_RESERVE][1]  # what the reserve says itself
    rows = (
        (f"`{name}`", "yes" if asked else "no", sentence(text.replace("{reserve}", reserve)))
        for name, (asked, text) in zip(WHY_NAMES, words.WISHES, strict=True)
    )
    return markdown("why | something is asked | sentence", rows)


def faults() -> Iterator[str]:
    rows = ((f"`{n}`", *row) for n, row in zip(im.FAULT_NAMES, alerts.FAULTS, strict=True))
    return markdown("fault | what is wrong | way out", rows)


def trips() -> Iterator[str]:
    rows = ((f"`{n}`", *row) for n, row in zip(im.TRIP_NAMES, words.TRIPS, strict=True))
    return markdown("trip | what happened | way out", rows)


def happenings() -> Iterator[str]:
    rows = (
        (number, f"`{what}`", sentence(text), *row)
        for number, ((what, text), row) in enumerate(zip(events.KINDS, EVENTS, strict=True))
    )
    return markdown("kind | `what` | sentence | told with it | meaning", rows)


def topics() -> Iterator[str]:
    rows = (
        (f"`PREFIX/{name.format('NAME')}`", "retained" if kept else "", qos, TOPICS[name])
        for name, kept, qos in mqtt.TOPICS
    )
    return markdown("topic | | QoS | what", rows)


def entities() -> Iterator[str]:
    rows = (
        (of, name, platform, f"`{template}`" if template else "")
        for of, _, platform, _, name, template, _ in discovery.ENTITIES
    )
    return markdown("of | entity | platform | value", rows)


def paths() -> Iterator[str]:
    rows = ((method, f"`{path}`", PATHS[path]) for method, path, _ in http.PATHS)
    return markdown("method | path | what", rows)


def goals() -> Iterator[str]:
    rows = ((name, "yes" if meter else "no", *rest) for name, meter, *rest in GOALS)
    return markdown("goal | needs the house meter | car | battery | meaning", rows)


def commands() -> Iterator[str]:
    """The commands, a row for each field."""
    return markdown("command | who | field | allowed | default | meaning", _fields())


def _fields() -> Iterator[tuple[object, ...]]:
    for name, roles, fields in asked.TABLE:
        who = ", ".join(roles)
        text = COMMANDS[name]
        if not fields:
            yield name, who, "–", "nothing", "–", text
        said = (name, who), text
        for field in fields:
            default = field[5]
            required = default is asked.REQUIRED
            shown = "required" if required else "–" if default is None else default
            yield *said[0], field[0], asked.allowed_text(field), shown, said[1]
            said = ("", ""), ""


def issuers() -> Iterator[str]:
    rows = (
        (
            im.ISSUER_NAMES[i],
            role or "–",
            "yes" if im.ISSUERS_KEPT >> i & 1 else "no: read again",
        )
        for i, role in enumerate(leases.ISSUERS)
    )
    return markdown("issuer | who speaks for it | outlives a reset", rows)


def kept() -> Iterator[str]:
    """What is thinned, the last row first."""
    rows = ((what, f"{room} ‰" if room else "–", when) for what, room, when in KEPT)
    return markdown("written again at | waits while less room than | when", rows)
