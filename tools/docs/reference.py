# islet: docs/reference.md, printed from the firmware's own tables.
# GPL-3.0-or-later
"""python -m tools.docs.reference [--check]: write docs/reference.md, or fail if it is stale."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator

from firmware import image
from firmware.ledger.keep import days
from tools.docs import grid, options, people, radio, vehicle
from tools.tables import markdown
from tools.workshop import ROOT

PAGE = ROOT / "docs" / "reference.md"


def image_table() -> Iterator[str]:
    rows = (
        (table.name, f"`{name}`", count if count > 1 else "", unit, low, high, text)
        for table in image.TABLES
        for name, _index, count, unit, low, high, _start, text in table.rows
    )
    return markdown("section | field | count | unit | lowest | highest | meaning", rows)


def chapters() -> Iterator[tuple[str, str, Iterable[str]]]:
    """(heading, introduction, lines of a table)."""
    yield (
        "Configuration",
        "The site's JSON: options by their path, and lists whose rows have names: a row names "
        "others by theirs, in any order of the lists. An unknown, missing or impossible option is "
        "refused by list, row and field; the unit then energises nothing and keeps its page up. A "
        "site of an older form: `python -m tools.site upgrade FILE --write`.",
        options.table(),
    )
    yield "Goals", "`owner.goal`, and the command `goal`.", people.goals()
    yield (
        "Commands",
        "Each is the right of the roles named, however it is said: by MQTT (the owner's are at "
        "`prefix/set/NAME`, the operator's at `prefix/operator/set/NAME`, both are answered on "
        "`prefix/answer`), by whoever is logged in on the page, by HTTP "
        '(`POST /api/command` with `{"command": NAME, …}` and `Authorization: Bearer TOKEN`, for '
        "the owner), and on the board's console (`islet NAME PAYLOAD`, for the owner). Over a "
        "network only once the box is claimed ([access.md](access.md)).",
        people.commands(),
    )
    yield (
        "MQTT",
        "Below `mqtt.prefix`. What is not retained and has no quality of service is lost where "
        "nobody listens (`firmware/net/mqtt.py`).",
        people.topics(),
    )
    yield (
        "Home Assistant",
        "With `mqtt.discovery` it is told of these, each named after the site, a device or a "
        "point; power is positive where it is drawn (`firmware/net/discovery.py`). In a topic a "
        "name's characters other than letters, digits, `-` and `_` are `_`.",
        people.entities(),
    )
    yield (
        "HTTP",
        "A command needs a login of a claimed box (docs/access.md), or `Authorization: Bearer "
        "TOKEN` with its `http.token` (`firmware/net/door.py`).",
        people.paths(),
    )
    yield (
        "Issuers of limits",
        "Each holds leases of its own on devices and on one node: ranges with an end, or until "
        "released. Limits add up: what one issuer says stands until its own end or release, "
        "whatever it or another says meanwhile. Of one issuer three ranges are kept apart for a "
        "device; where more would be needed, the two whose ends are nearest become one, as strict "
        "as either, as long as the later. `release` together with a range replaces. `back_low` "
        "and `back_high` stand whenever none with an end does, until released "
        "(`firmware/people/leases.py`).",
        people.issuers(),
    )
    yield (
        "Reasons",
        "Why a device gets no more: beside each claim, as number and sentence "
        "(`firmware/people/words.py`). What ends it needs nobody where it says so.",
        people.reasons(),
    )
    yield (
        "Wishes",
        "Why a device is asked what it is: said for it where nothing holds it to less than its "
        "wish, and by name in `policy.reasons` of the state (`firmware/policy/takers.py`). Where "
        "nothing is asked it stands still.",
        people.wishes(),
    )
    yield (
        "Faults",
        "What core found wrong; each keeps off what it concerns until its way out.",
        people.faults(),
    )
    yield (
        "What is said of trips",
        "What the guard opened something for; when each is over: ways out of a trip, below.",
        people.trips(),
    )
    yield (
        "Events",
        "On `prefix/event`, and the last 32 at `/api/log`: a number that counts up, the time, "
        "`what` it is about, and a sentence, `text` (`firmware/people/events.py`). An event is "
        "kept as its kind and some numbers, 40 bytes in all, and put into words when it is sent. "
        "The words of states, faults, trips and starts are theirs.",
        people.happenings(),
    )
    yield (
        "Pilot",
        "States of the control pilot (`firmware/core/vehicle/pilot.py`).",
        vehicle.levels(),
    )
    yield (
        "Proximity",
        "The cable's rating (`firmware/core/vehicle/proximity.py`).",
        vehicle.cables(),
    )
    yield (
        "Contactor",
        "Permission and confirmation (`firmware/core/vehicle/contactor.py`).",
        vehicle.states(),
    )
    yield (
        "Contactor's rest",
        "How often it may close (`firmware/core/vehicle/wear.py`).",
        vehicle.rests(),
    )
    yield (
        "Bounds of the vehicle's side",
        "For firmware and referee alike (`firmware/core/vehicle/bounds.py`). Second-hand: quoted "
        "by others; unread: no clause could be read, the stricter of two bounds in use stands.",
        vehicle.limits(),
    )
    yield (
        "Why a device stands at zero",
        "Of what it is, before anybody limits it: the first row that holds "
        "(`firmware/core/limits/hardware.py`).",
        people.zeros(),
    )
    yield (
        "Obedience",
        "A converter outside its grant, INV-16 (`firmware/core/limits/obedience.py`).",
        vehicle.escalation(),
    )
    yield (
        "Wi-Fi",
        "What it does by itself (`firmware/sockets/wifi.py`); what MicroPython's ports say, and "
        "what their calls cost, read in their sources, tested against a strict fake only "
        "([wifi.md](wifi.md)).",
        radio.machine(),
    )
    yield "Island", "The transfer (`firmware/core/grid/island_table.py`).", grid.island()
    yield (
        "Limits of an island",
        "What ends it, or sheds in it (`firmware/core/grid/island_limits.py`).",
        grid.island_bounds(),
    )
    yield "Trips", "The guard (`firmware/guard`).", grid.trips()
    yield "Ways out of a trip", "When core acknowledges.", grid.ways_out()
    yield (
        "Lamp and button",
        "The way in on the board itself (`firmware/people/lamp.py`): the first row that holds is "
        "shown. The button, held for 1 s and let go while nothing is energised, acknowledges.",
        vehicle.patterns(),
    )
    yield (
        "What outlives a reset and a power cut",
        "While something is energised nothing is erased: then there is room for some 750 of these "
        f"records, {days(10)} days at 10 a day, {days(48)} at 48, {days(96)} at 96."
        " As it runs out the lower rows wait first (`firmware/ledger/keep.py`). The journal of an "
        "open session is written every 50 s for a day while energy moves, then more seldom: nine "
        "days in all.",
        people.kept(),
    )
    yield "Process image", "Every field (`firmware/image.py`).", image_table()


def page() -> str:
    lines = [
        "# Reference",
        "",
        "Printed from the code's own tables by `python -m tools.docs.reference`; do not edit.",
    ]
    for heading, introduction, table in chapters():
        lines += ["", f"## {heading}", "", introduction, "", *table]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.docs.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    options = parser.parse_args()
    text = page()
    if options.check:
        if PAGE.read_text() != text:
            print(
                "docs/reference.md is out of date: python -m tools.docs.reference", file=sys.stderr
            )
            return 1
        return 0
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
