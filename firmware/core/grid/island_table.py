# islet: leaving the grid, forming an island, and coming back: the tables.
# GPL-3.0-or-later
#
# `python -m firmware.core.grid.island_table` prints them as documentation; island.py interprets
# them, island_facts.py says what the facts are.
#
# A condition is a list of facts, "-" negates; it holds when all of them do. Of a state's rules the
# first whose condition holds is followed, one per step; a rule that stays in its state only names
# something, once. PERMITS withdraws an output in the very step in which a fact it needs is gone,
# before any change of state (INV-5: one control cycle).
#
# "dark" is where every way ends that is not the grid: switch open, and from there either another
# island or the plain grid. No fault of a contact keeps a house there that a good grid could carry
# (INV-17): such a fault bars islands and the enable until a person acknowledges. "lockout" is for
# what may not be closed without a person: a bond that reads closed unproved, a neutral lost after
# closing, a source that goes on without its enable.

from array import array

from firmware import image as im
from firmware.core.grid.island_kernel import MADE, NOT, RELAYED, UNIT_MS

# --- facts: what a condition may name ---------------------------------------------------------
# Two words of at most 30 bits each: what the instruments say, and what is made of it.

INSTRUMENTS = (
    ("heard", "the contacts were read within 300 ms"),
    ("fresh", "contacts, house side and grid side were all measured lately"),
    ("open", "mirror contact: all poles of the islanding switch are open"),
    ("gone", "it has said so for longer than the relay's declared time"),
    ("shut", "it has not said so for longer than that"),
    ("closed", "mirror contact away; while closing also: the house's voltage is the grid's"),
    ("bond", "the neutral-earth bond reads closed"),
    (
        "stuck",
        "it has read so without its coil for longer than its declared time, and than stored"
        " energy may hold it",
    ),
    ("bonded", "the bond is as the site needs it in an island"),
    ("proved", "normally open, and seen open for 1 s since its coil was last energised: no weld"),
    ("dead", "house side below 5 % on all legs for 100 ms, hardware permissive agrees"),
    ("idle", "house side below 5 % on all legs for 5 s, whatever the permissive reads"),
    ("live", "house side above 10 % on some leg for 2 s"),
    ("good", "house side within 90-110 % on all legs"),
    ("upset", "a leg above 115 %, or one above 110 % with another below 90 %: no neutral"),
    ("tied", "house side alive, its voltage and frequency are the grid's: the switch carries it"),
    (
        "locked",
        "so within 2 % on every leg, 10 mHz and, if measured, 5 degrees in every reading of 1 s",
    ),
    ("apart", "house and grid side have differed in voltage or frequency for 1 s"),
    ("lonely", "live behind an open switch, every pole proved open: it needs its bond"),
    ("split", "each leg is proved open by a dead house beside its grid leg, or that is dead"),
    ("follows", "forming: a grid leg that was dead has come up with the house (a weld)"),
    ("flows", "forming: two readings of current through the open switch"),
    ("suspect", "follows or flows ended it, and no dead house beside a live grid says otherwise"),
    ("forming", "the inverter says that it forms"),
    ("heeds", "the inverter answers and does not form: it has heard that it is on the grid"),
    ("stopped", "the inverter says that it does not form, and draws or delivers next to nothing"),
    ("plugged", "the inverter has its battery or car"),
)
JUDGEMENTS = (
    ("outage", "the grid is bad, or has been dead for GRID_LOSS_MS (short losses add up), and"
     " islanding is automatic; or a person asks for it and the battery is refilled"),
    ("burning", "the grid's voltage destroys: the switch opens even if nothing can form"),
    (
        "able",
        "the inverter has shown that it obeys, answers, is plugged, without fault or trip, and "
        "the reserve allows it",
    ),
    ("refilled", "state of charge well above the outage reserve"),
    ("reserve", "state of charge above the outage reserve, a jump only once it is confirmed"),
    ("served", "grid in its window: waiting or in service"),
    ("ready", "grid in a load's window for 5 s without interruption (INV-7)"),
    ("back", "in service, for longer after each transfer of late; or a wish to return"),
    ("room", "what is measured leaves room for the sheddable loads"),
    ("kept", "the output was on in the last step"),
    ("settled", "the enable has been away for longer than the device's stop time"),
    ("early", "within 10 s after closing"),
    ("failed", "a fault bars islands and the enable until a person acknowledges"),
    ("waits", "pause before the next island is tried, or its start is being announced"),
    ("holds", "pause before the switch is closed again, or the stop is pressed"),
    ("named", "a fault of this room stands"),
    ("pinned", "one of them, or a stop that cuts the supply, holds it open until a person comes"),
    ("unruly", "a source goes on without its enable, so the switch is held open (BAR_SWITCH)"),
    ("acknowledged", "a person acknowledged since the last fault"),
    ("cut", "stop, RCD or another trip has taken the enable"),
    ("loosened", "the guard saw a proof of the island go, however briefly"),
    ("wild", "over-voltage, over-frequency or lost neutral beyond an island's limits"),
    ("short", "below half its voltage: a short circuit"),
    ("weak", "overload, under-voltage or under-frequency beyond an island's limits"),
    ("needs_bond", "the island needs its own bond; where the neutral is not switched it must not"),
    ("capable", "all interlocks for islanding are declared"),
)  # fmt: skip

RELAY = -1  # "after": the site's relay feedback time-out

# --- causes: what a rule names ------------------------------------------------------------------
# Tried again with a growing pause while the weights of what ended islands add up to 3 at most; 4
# bars at once. A person's acknowledgement, ten minutes of island or a minute on a good grid begin
# anew.

TRIES = 3
CAUSES = (
    # cause, fault, weight, meaning
    ("", 0, 0, ""),
    ("switch", im.FAULT_ISLAND_OPEN, 4, "poles or mirror contact of the switch"),
    ("closing", im.FAULT_ISLAND_CLOSE, 4, "the switch does not close"),
    ("bond", im.FAULT_BOND, 4, "the bond does not follow, or reads closed though proved open"),
    ("stuck_bond", im.FAULT_BOND_STUCK, 4, "reads closed unproved: the switch stays open"),
    ("neutral", im.FAULT_NEUTRAL, 4, "no neutral after closing: the switch stays open"),
    ("unasked", im.FAULT_FORMING, 4, "forms, or goes on, when it must not"),
    ("voltage", im.FAULT_ISLAND_VOLTAGE, 4, "over-voltage, over-frequency, lost neutral"),
    ("short", im.FAULT_ISLAND_STOP, 3, "tried again once"),
    ("stop", im.FAULT_ISLAND_STOP, 1, "the device stopped or did not form"),
    ("load", im.FAULT_ISLAND_LOAD, 1, "overload, under-voltage"),
    ("flicker", im.FAULT_ISLAND_STOP, 1, "a proof of the island went, however briefly"),
    (
        "live",
        im.FAULT_NOT_DEAD,
        0,
        "something else holds the house; heals once it is dead, unbonded",
    ),
    ("cleared", -1, -1, "a person has acknowledged: clears all"),
)
SOFT = (
    im.FAULT_ISLAND_STOP | im.FAULT_ISLAND_LOAD | im.FAULT_LOADS
)  # bar nothing while tries are left
PINNING = im.FAULT_BOND_STUCK | im.FAULT_NEUTRAL

# --- the tables -------------------------------------------------------------------------------

# state, what the inverter is asked to be
MODES = (
    (im.ISLAND_SENSING, im.MODE_STOP),
    (im.ISLAND_GRID, im.MODE_FOLLOW),
    (im.ISLAND_STOPPING, im.MODE_STOP),
    (im.ISLAND_OPENING, im.MODE_STOP),
    (im.ISLAND_BONDING, im.MODE_STOP),
    (im.ISLAND_STARTING, im.MODE_FORM),
    (im.ISLAND_ISLANDED, im.MODE_FORM),
    (im.ISLAND_ENDING, im.MODE_STOP),
    (im.ISLAND_DARK, im.MODE_STOP),
    (im.ISLAND_UNBONDING, im.MODE_STOP),
    (im.ISLAND_CLOSING, im.MODE_STOP),
    (im.ISLAND_LOCKOUT, im.MODE_STOP),
)

_FORM = "fresh open bonded capable reserve plugged -cut -loosened -flows -follows -wild -short"

# state, output, condition: an output not listed for a state is off in it; several rows: any one
PERMITS = (
    # INV-12: hold what the contacts say until the state is known
    (im.ISLAND_SENSING, im.OUT_ISLAND, "heard -open"),
    (im.ISLAND_SENSING, im.OUT_ISLAND, "-heard kept -bond"),
    (im.ISLAND_SENSING, im.OUT_BOND, "heard open bond"),
    (im.ISLAND_SENSING, im.OUT_BOND, "-heard kept open"),
    (im.ISLAND_GRID, im.OUT_ISLAND, ""),
    (im.ISLAND_GRID, im.OUT_LOADS, ""),
    # one that is silent since the island may still have orders to form, anti-islanding off; a
    # contact's glitch moves nothing, but no enable begins in it
    (im.ISLAND_GRID, im.OUT_ENABLE, "fresh closed -bond -forming -apart -failed served heeds"),
    (im.ISLAND_GRID, im.OUT_ENABLE, "fresh kept -gone -stuck -forming -apart -failed served"),
    (im.ISLAND_STOPPING, im.OUT_ISLAND, ""),
    (im.ISLAND_STOPPING, im.OUT_LOADS, ""),
    (im.ISLAND_BONDING, im.OUT_BOND, "heard open needs_bond capable"),
    (im.ISLAND_STARTING, im.OUT_BOND, "kept open"),
    (im.ISLAND_STARTING, im.OUT_ENABLE, _FORM + " dead split"),
    (im.ISLAND_STARTING, im.OUT_ENABLE, _FORM + " kept"),
    (im.ISLAND_ISLANDED, im.OUT_BOND, "kept open"),
    (im.ISLAND_ISLANDED, im.OUT_ENABLE, _FORM + " kept"),
    (im.ISLAND_ISLANDED, im.OUT_LOADS, "room"),
    # INV-18: the bond goes last; for it the switch counts as open until the device has stopped
    (im.ISLAND_ENDING, im.OUT_BOND, "kept -settled"),
    (im.ISLAND_ENDING, im.OUT_BOND, "kept open -locked"),
    (im.ISLAND_ENDING, im.OUT_BOND, "fresh lonely needs_bond capable"),
    (im.ISLAND_DARK, im.OUT_BOND, "fresh lonely needs_bond capable"),
    (im.ISLAND_DARK, im.OUT_BOND, "kept open -dead -idle -locked"),
    # a permissive that lies: the hardware has the last word, so the drive may ask it
    (im.ISLAND_CLOSING, im.OUT_ISLAND, "fresh dead -bond -forming"),
    (im.ISLAND_CLOSING, im.OUT_ISLAND, "fresh idle -bond -forming"),
    (im.ISLAND_CLOSING, im.OUT_ISLAND, "kept -bond -forming"),
    (im.ISLAND_LOCKOUT, im.OUT_BOND, "fresh lonely needs_bond capable"),
    (im.ISLAND_LOCKOUT, im.OUT_BOND, "kept open -dead -idle -locked"),
)

# state, after ms in it, condition, next state, cause
RULES = (
    (im.ISLAND_SENSING, 0, "fresh -open stuck -proved", im.ISLAND_LOCKOUT, "stuck_bond"),
    (im.ISLAND_SENSING, 0, "fresh -open stuck", im.ISLAND_GRID, "bond"),
    (im.ISLAND_SENSING, 0, "fresh -open -bond", im.ISLAND_GRID, ""),
    (im.ISLAND_SENSING, 0, "fresh open pinned", im.ISLAND_LOCKOUT, ""),
    (im.ISLAND_SENSING, 0, "fresh open dead bond", im.ISLAND_UNBONDING, ""),
    (im.ISLAND_SENSING, 0, "fresh open dead", im.ISLAND_DARK, ""),
    # a mirror that lies: the voltages of every leg say that the switch carries the house
    (im.ISLAND_SENSING, 3_000, "fresh open tied locked -bond heeds", im.ISLAND_GRID, "switch"),
    (im.ISLAND_SENSING, 3_000, "fresh open", im.ISLAND_ENDING, ""),
    (im.ISLAND_GRID, 0, "capable burning", im.ISLAND_OPENING, ""),
    (im.ISLAND_GRID, 0, "capable fresh early upset", im.ISLAND_LOCKOUT, "neutral"),
    (im.ISLAND_GRID, 0, "capable unruly", im.ISLAND_LOCKOUT, ""),
    (im.ISLAND_GRID, 0, "capable pinned", im.ISLAND_LOCKOUT, ""),
    (im.ISLAND_GRID, 0, "heard stuck -proved", im.ISLAND_LOCKOUT, "stuck_bond"),
    (im.ISLAND_GRID, 0, "heard stuck", im.ISLAND_GRID, "bond"),
    (im.ISLAND_GRID, 0, "forming", im.ISLAND_GRID, "unasked"),
    (im.ISLAND_GRID, 0, "fresh gone tied", im.ISLAND_GRID, "switch"),
    (im.ISLAND_GRID, 0, "fresh gone apart", im.ISLAND_DARK, "closing"),
    (im.ISLAND_GRID, 0, "fresh apart dead ready -bond", im.ISLAND_DARK, "closing"),
    (im.ISLAND_GRID, 0, "fresh apart", im.ISLAND_GRID, "closing"),
    (
        im.ISLAND_GRID, 0, "fresh named acknowledged closed -gone -stuck -apart -forming",
        im.ISLAND_GRID, "cleared",
    ),
    (
        im.ISLAND_GRID, 0, "fresh closed -bond outage able capable -failed -waits",
        im.ISLAND_STOPPING, "",
    ),
    (im.ISLAND_STOPPING, 0, "burning", im.ISLAND_OPENING, ""),
    (im.ISLAND_STOPPING, 0, "heard stuck -proved", im.ISLAND_LOCKOUT, "stuck_bond"),
    (im.ISLAND_STOPPING, 0, "heard stuck", im.ISLAND_GRID, "bond"),
    (im.ISLAND_STOPPING, 0, "-outage", im.ISLAND_GRID, ""),
    (im.ISLAND_STOPPING, 0, "fresh stopped", im.ISLAND_OPENING, ""),
    (im.ISLAND_STOPPING, 10_000, "forming", im.ISLAND_GRID, "unasked"),
    (im.ISLAND_STOPPING, 10_000, "", im.ISLAND_GRID, "stop"),
    (im.ISLAND_OPENING, 0, "heard stuck -proved", im.ISLAND_LOCKOUT, "stuck_bond"),
    (im.ISLAND_OPENING, 0, "heard stuck", im.ISLAND_DARK, "bond"),
    (
        im.ISLAND_OPENING, 0,
        "fresh open dead -bond -forming split outage able capable -failed -waits",
        im.ISLAND_BONDING, "",
    ),
    (im.ISLAND_OPENING, 3_000, "open dead", im.ISLAND_DARK, ""),
    (im.ISLAND_OPENING, 3_000, "open", im.ISLAND_DARK, "live"),
    (im.ISLAND_OPENING, RELAY, "-open", im.ISLAND_DARK, "switch"),
    (im.ISLAND_BONDING, 0, "cut", im.ISLAND_ENDING, ""),
    (im.ISLAND_BONDING, 0, "-open", im.ISLAND_ENDING, "flicker"),
    (im.ISLAND_BONDING, 0, "-dead", im.ISLAND_ENDING, "flicker"),
    (im.ISLAND_BONDING, 0, "-reserve", im.ISLAND_ENDING, ""),
    (im.ISLAND_BONDING, 0, "-able", im.ISLAND_ENDING, ""),
    (im.ISLAND_BONDING, 0, "-outage", im.ISLAND_ENDING, ""),
    (im.ISLAND_BONDING, 0, "fresh open bonded dead split -forming", im.ISLAND_STARTING, ""),
    (im.ISLAND_BONDING, RELAY, "-bonded", im.ISLAND_ENDING, "bond"),
    (im.ISLAND_BONDING, 3_000, "", im.ISLAND_ENDING, "flicker"),
    (im.ISLAND_STARTING, 0, "cut", im.ISLAND_ENDING, ""),
    (im.ISLAND_STARTING, 0, "flows", im.ISLAND_ENDING, ""),
    (im.ISLAND_STARTING, 0, "follows", im.ISLAND_ENDING, ""),
    (im.ISLAND_STARTING, 0, "loosened", im.ISLAND_ENDING, "flicker"),
    (im.ISLAND_STARTING, 0, "-open", im.ISLAND_ENDING, "flicker"),
    (im.ISLAND_STARTING, 0, "-bonded", im.ISLAND_ENDING, "flicker"),
    (im.ISLAND_STARTING, 0, "-plugged", im.ISLAND_ENDING, ""),
    (im.ISLAND_STARTING, 0, "-fresh", im.ISLAND_ENDING, "flicker"),
    (im.ISLAND_STARTING, 0, "-reserve", im.ISLAND_ENDING, ""),
    (im.ISLAND_STARTING, 0, "wild", im.ISLAND_ENDING, "voltage"),
    (im.ISLAND_STARTING, 0, "short", im.ISLAND_ENDING, "short"),
    (im.ISLAND_STARTING, 0, "weak", im.ISLAND_ENDING, "load"),
    (im.ISLAND_STARTING, 0, "good forming", im.ISLAND_ISLANDED, ""),
    (im.ISLAND_STARTING, 20_000, "", im.ISLAND_ENDING, "stop"),
    (im.ISLAND_ISLANDED, 0, "cut", im.ISLAND_ENDING, ""),
    (im.ISLAND_ISLANDED, 0, "flows", im.ISLAND_ENDING, ""),
    (im.ISLAND_ISLANDED, 0, "follows", im.ISLAND_ENDING, ""),
    (im.ISLAND_ISLANDED, 0, "loosened", im.ISLAND_ENDING, "flicker"),
    (im.ISLAND_ISLANDED, 0, "-open", im.ISLAND_ENDING, "flicker"),
    (im.ISLAND_ISLANDED, 0, "-bonded", im.ISLAND_ENDING, "flicker"),
    (im.ISLAND_ISLANDED, 0, "-plugged", im.ISLAND_ENDING, ""),
    (im.ISLAND_ISLANDED, 0, "-fresh", im.ISLAND_ENDING, "flicker"),
    (im.ISLAND_ISLANDED, 0, "-reserve", im.ISLAND_ENDING, ""),
    (im.ISLAND_ISLANDED, 0, "wild", im.ISLAND_ENDING, "voltage"),
    (im.ISLAND_ISLANDED, 0, "dead", im.ISLAND_ENDING, "stop"),
    (im.ISLAND_ISLANDED, 0, "short", im.ISLAND_ENDING, "short"),
    (im.ISLAND_ISLANDED, 0, "weak", im.ISLAND_ENDING, "load"),
    (im.ISLAND_ISLANDED, 0, "back", im.ISLAND_ENDING, ""),
    (im.ISLAND_ENDING, 0, "fresh dead -forming settled suspect", im.ISLAND_UNBONDING, "switch"),
    (im.ISLAND_ENDING, 0, "fresh dead -forming settled", im.ISLAND_UNBONDING, ""),
    (im.ISLAND_ENDING, 0, "fresh idle -forming settled", im.ISLAND_UNBONDING, ""),
    (im.ISLAND_ENDING, 0, "fresh tied locked settled suspect", im.ISLAND_DARK, "switch"),
    (im.ISLAND_ENDING, 0, "fresh tied locked settled -open", im.ISLAND_DARK, "switch"),
    (im.ISLAND_ENDING, 10_000, "-dead", im.ISLAND_ENDING, "live"),
    (im.ISLAND_UNBONDING, RELAY, "heard stuck -proved", im.ISLAND_LOCKOUT, "stuck_bond"),
    (im.ISLAND_UNBONDING, RELAY, "heard stuck", im.ISLAND_UNBONDING, "bond"),
    (
        im.ISLAND_UNBONDING, 0, "fresh dead -bond -forming ready -holds -pinned -unruly",
        im.ISLAND_CLOSING, "",
    ),
    (im.ISLAND_UNBONDING, 0, "fresh -bond", im.ISLAND_DARK, ""),
    (im.ISLAND_UNBONDING, 0, "fresh lonely", im.ISLAND_DARK, "live"),
    (im.ISLAND_DARK, 0, "pinned", im.ISLAND_LOCKOUT, ""),
    (im.ISLAND_DARK, 0, "capable unruly", im.ISLAND_LOCKOUT, ""),
    (im.ISLAND_DARK, 0, "fresh dead bond", im.ISLAND_UNBONDING, ""),
    (im.ISLAND_DARK, 0, "fresh idle bond", im.ISLAND_UNBONDING, ""),
    # welded, or a mirror that lies, and carrying the house
    (im.ISLAND_DARK, 0, "fresh tied locked -open -bond heeds", im.ISLAND_GRID, "switch"),
    (im.ISLAND_DARK, 3_000, "fresh tied locked open", im.ISLAND_DARK, "switch"),
    (im.ISLAND_DARK, 0, "fresh dead shut", im.ISLAND_DARK, "switch"),
    (im.ISLAND_DARK, 0, "forming", im.ISLAND_DARK, "unasked"),
    (im.ISLAND_DARK, 3_000, "fresh live -tied", im.ISLAND_DARK, "live"),
    (im.ISLAND_DARK, 0, "fresh named acknowledged open -bond -forming", im.ISLAND_DARK, "cleared"),
    (
        im.ISLAND_DARK, 0,
        "fresh open dead -bond -forming split outage able refilled capable -failed -waits",
        im.ISLAND_BONDING, "",
    ),
    (im.ISLAND_DARK, 0, "fresh dead -bond -forming ready -holds", im.ISLAND_CLOSING, ""),
    (im.ISLAND_DARK, 0, "fresh idle -bond -forming ready -holds", im.ISLAND_CLOSING, ""),
    (im.ISLAND_CLOSING, 0, "unruly", im.ISLAND_LOCKOUT, ""),
    (im.ISLAND_CLOSING, 0, "bond", im.ISLAND_UNBONDING, ""),
    (im.ISLAND_CLOSING, 0, "forming", im.ISLAND_DARK, "unasked"),
    (im.ISLAND_CLOSING, 0, "fresh closed", im.ISLAND_GRID, ""),
    (im.ISLAND_CLOSING, RELAY, "fresh tied", im.ISLAND_GRID, "switch"),
    (im.ISLAND_CLOSING, 3_000, "", im.ISLAND_DARK, "closing"),
    (im.ISLAND_LOCKOUT, 0, "acknowledged heard -bond -forming -unruly", im.ISLAND_DARK, "cleared"),
)  # fmt: skip

FAULTS_OF_ISLAND = 0
for _row in CAUSES:
    if _row[1] > 0:
        FAULTS_OF_ISLAND |= _row[1]
FAULTS_OF_ISLAND |= im.FAULT_LOADS
BARRING = FAULTS_OF_ISLAND & ~(SOFT | im.FAULT_NOT_DEAD)


def bits():
    """{fact: (0 of INSTRUMENTS or 1 of JUDGEMENTS, its bit)}; made when asked for: nobody needs it
    once the conditions are compiled."""
    return {
        row[0]: (words, 1 << place)
        for words, facts in enumerate((INSTRUMENTS, JUDGEMENTS))
        for place, row in enumerate(facts)
    }


def bit(fact):
    """The bit of a fact in its word; an unknown name is a KeyError at start, never at run time."""
    return bits()[fact][1]


def cause(name):
    """The row of CAUSES."""
    return [row[0] for row in CAUSES].index(name)


def packed_rules(rules):
    """Bytes as island_kernel.py takes them, and where each state's begin, and the last end."""

    def head(row):
        after_ms = row[1]
        after = RELAYED if after_ms == RELAY else after_ms // UNIT_MS
        return after, row[3], cause(row[4])

    return _packed(rules, head)


def packed_permits(permits):
    """The same of PERMITS."""
    return _packed(permits, lambda row: row[1:2])


def _packed(rows, head):
    known = bits()
    found, ends = bytearray(), [0]
    for state, _ in MODES:
        for row in rows:
            if row[0] == state:
                found.extend(bytes(head(row)))
                found.extend(facts(row[2], known))
        ends.append(len(found))
    return bytes(found), array("h", ends)


def facts(text, known):
    """'a -b' -> how many, and each as a byte: its place, MADE more of JUDGEMENTS, NOT more when it
    must not hold. `known`: bits()."""
    words = text.split()
    row = bytearray([len(words)])
    for word in words:
        group, mask = known[word.lstrip("-")]
        place = NOT if word[0] == "-" else 0
        while mask > 1:
            mask >>= 1
            place += 1
        row.append(place + group * MADE)
    return row
