# islet: leaving the grid, forming an island, and coming back: the tables.
# GPL-3.0-or-later
#
# `python -m firmware.core.island_table` prints them as documentation; island.py interprets them,
# island_facts.py says what the facts are.
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

from firmware.image import (
    FAULT_BOND,
    FAULT_BOND_STUCK,
    FAULT_FORMING,
    FAULT_ISLAND_CLOSE,
    FAULT_ISLAND_LOAD,
    FAULT_ISLAND_OPEN,
    FAULT_ISLAND_STOP,
    FAULT_ISLAND_VOLTAGE,
    FAULT_LOADS,
    FAULT_NAMES,
    FAULT_NEUTRAL,
    FAULT_NOT_DEAD,
    INVERTER_FOLLOW,
    INVERTER_FORM,
    INVERTER_STOP,
    ISLAND_BONDING,
    ISLAND_CLOSING,
    ISLAND_DARK,
    ISLAND_ENDING,
    ISLAND_GRID,
    ISLAND_ISLANDED,
    ISLAND_LOCKOUT,
    ISLAND_NAMES,
    ISLAND_OPENING,
    ISLAND_SENSING,
    ISLAND_STARTING,
    ISLAND_STOPPING,
    ISLAND_UNBONDING,
    OUT_BOND,
    OUT_ENABLE,
    OUT_ISLAND,
    OUT_LOADS,
    OUTPUT_NAMES,
)

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
    ("able", "the inverter answers, is plugged, without fault or trip, and the reserve allows it"),
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
    ("switch", FAULT_ISLAND_OPEN, 4, "poles or mirror contact of the switch"),
    ("closing", FAULT_ISLAND_CLOSE, 4, "the switch does not close"),
    ("bond", FAULT_BOND, 4, "the bond does not follow, or reads closed though proved open"),
    ("stuck_bond", FAULT_BOND_STUCK, 4, "reads closed unproved: the switch stays open"),
    ("neutral", FAULT_NEUTRAL, 4, "no neutral after closing: the switch stays open"),
    ("unasked", FAULT_FORMING, 4, "forms, or goes on, when it must not"),
    ("voltage", FAULT_ISLAND_VOLTAGE, 4, "over-voltage, over-frequency, lost neutral"),
    ("short", FAULT_ISLAND_STOP, 3, "tried again once"),
    ("stop", FAULT_ISLAND_STOP, 1, "the device stopped or did not form"),
    ("load", FAULT_ISLAND_LOAD, 1, "overload, under-voltage"),
    ("flicker", FAULT_ISLAND_STOP, 1, "a proof of the island went, however briefly"),
    ("live", FAULT_NOT_DEAD, 0, "something else holds the house; heals once it is dead, unbonded"),
    ("cleared", -1, -1, "a person has acknowledged: clears all"),
)
SOFT = FAULT_ISLAND_STOP | FAULT_ISLAND_LOAD | FAULT_LOADS  # bar nothing while tries are left
PINNING = FAULT_BOND_STUCK | FAULT_NEUTRAL

# --- the tables -------------------------------------------------------------------------------

# state, what the inverter is asked to be
MODES = (
    (ISLAND_SENSING, INVERTER_STOP),
    (ISLAND_GRID, INVERTER_FOLLOW),
    (ISLAND_STOPPING, INVERTER_STOP),
    (ISLAND_OPENING, INVERTER_STOP),
    (ISLAND_BONDING, INVERTER_STOP),
    (ISLAND_STARTING, INVERTER_FORM),
    (ISLAND_ISLANDED, INVERTER_FORM),
    (ISLAND_ENDING, INVERTER_STOP),
    (ISLAND_DARK, INVERTER_STOP),
    (ISLAND_UNBONDING, INVERTER_STOP),
    (ISLAND_CLOSING, INVERTER_STOP),
    (ISLAND_LOCKOUT, INVERTER_STOP),
)

_FORM = "fresh open bonded capable reserve plugged -cut -loosened -flows -follows -wild -short"

# state, output, condition: an output not listed for a state is off in it; several rows: any one
PERMITS = (
    # INV-12: hold what the contacts say until the state is known
    (ISLAND_SENSING, OUT_ISLAND, "heard -open"),
    (ISLAND_SENSING, OUT_ISLAND, "-heard kept -bond"),
    (ISLAND_SENSING, OUT_BOND, "heard open bond"),
    (ISLAND_SENSING, OUT_BOND, "-heard kept open"),
    (ISLAND_GRID, OUT_ISLAND, ""),
    (ISLAND_GRID, OUT_LOADS, ""),
    # one that is silent since the island may still have orders to form, anti-islanding off; a
    # contact's glitch moves nothing, but no enable begins in it
    (ISLAND_GRID, OUT_ENABLE, "fresh closed -bond -forming -apart -failed served heeds"),
    (ISLAND_GRID, OUT_ENABLE, "fresh kept -gone -stuck -forming -apart -failed served"),
    (ISLAND_STOPPING, OUT_ISLAND, ""),
    (ISLAND_STOPPING, OUT_LOADS, ""),
    (ISLAND_BONDING, OUT_BOND, "heard open needs_bond capable"),
    (ISLAND_STARTING, OUT_BOND, "kept open"),
    (ISLAND_STARTING, OUT_ENABLE, _FORM + " dead split"),
    (ISLAND_STARTING, OUT_ENABLE, _FORM + " kept"),
    (ISLAND_ISLANDED, OUT_BOND, "kept open"),
    (ISLAND_ISLANDED, OUT_ENABLE, _FORM + " kept"),
    (ISLAND_ISLANDED, OUT_LOADS, "room"),
    # INV-18: the bond goes last; for it the switch counts as open until the device has stopped
    (ISLAND_ENDING, OUT_BOND, "kept -settled"),
    (ISLAND_ENDING, OUT_BOND, "kept open -locked"),
    (ISLAND_ENDING, OUT_BOND, "fresh lonely needs_bond capable"),
    (ISLAND_DARK, OUT_BOND, "fresh lonely needs_bond capable"),
    (ISLAND_DARK, OUT_BOND, "kept open -dead -idle -locked"),
    # a permissive that lies: the hardware has the last word, so the drive may ask it
    (ISLAND_CLOSING, OUT_ISLAND, "fresh dead -bond -forming"),
    (ISLAND_CLOSING, OUT_ISLAND, "fresh idle -bond -forming"),
    (ISLAND_CLOSING, OUT_ISLAND, "kept -bond -forming"),
    (ISLAND_LOCKOUT, OUT_BOND, "fresh lonely needs_bond capable"),
    (ISLAND_LOCKOUT, OUT_BOND, "kept open -dead -idle -locked"),
)

# state, after ms in it, condition, next state, cause
RULES = (
    (ISLAND_SENSING, 0, "fresh -open stuck -proved", ISLAND_LOCKOUT, "stuck_bond"),
    (ISLAND_SENSING, 0, "fresh -open stuck", ISLAND_GRID, "bond"),
    (ISLAND_SENSING, 0, "fresh -open -bond", ISLAND_GRID, ""),
    (ISLAND_SENSING, 0, "fresh open pinned", ISLAND_LOCKOUT, ""),
    (ISLAND_SENSING, 0, "fresh open dead bond", ISLAND_UNBONDING, ""),
    (ISLAND_SENSING, 0, "fresh open dead", ISLAND_DARK, ""),
    # a mirror that lies: the voltages of every leg say that the switch carries the house
    (ISLAND_SENSING, 3_000, "fresh open tied locked -bond heeds", ISLAND_GRID, "switch"),
    (ISLAND_SENSING, 3_000, "fresh open", ISLAND_ENDING, ""),
    (ISLAND_GRID, 0, "capable burning", ISLAND_OPENING, ""),
    (ISLAND_GRID, 0, "capable fresh early upset", ISLAND_LOCKOUT, "neutral"),
    (ISLAND_GRID, 0, "capable unruly", ISLAND_LOCKOUT, ""),
    (ISLAND_GRID, 0, "capable pinned", ISLAND_LOCKOUT, ""),
    (ISLAND_GRID, 0, "heard stuck -proved", ISLAND_LOCKOUT, "stuck_bond"),
    (ISLAND_GRID, 0, "heard stuck", ISLAND_GRID, "bond"),
    (ISLAND_GRID, 0, "forming", ISLAND_GRID, "unasked"),
    (ISLAND_GRID, 0, "fresh gone tied", ISLAND_GRID, "switch"),
    (ISLAND_GRID, 0, "fresh gone apart", ISLAND_DARK, "closing"),
    (ISLAND_GRID, 0, "fresh apart dead ready -bond", ISLAND_DARK, "closing"),
    (ISLAND_GRID, 0, "fresh apart", ISLAND_GRID, "closing"),
    (
        ISLAND_GRID, 0, "fresh named acknowledged closed -gone -stuck -apart -forming",
        ISLAND_GRID, "cleared",
    ),
    (
        ISLAND_GRID, 0, "fresh closed -bond outage able capable -failed -waits",
        ISLAND_STOPPING, "",
    ),
    (ISLAND_STOPPING, 0, "burning", ISLAND_OPENING, ""),
    (ISLAND_STOPPING, 0, "heard stuck -proved", ISLAND_LOCKOUT, "stuck_bond"),
    (ISLAND_STOPPING, 0, "heard stuck", ISLAND_GRID, "bond"),
    (ISLAND_STOPPING, 0, "-outage", ISLAND_GRID, ""),
    (ISLAND_STOPPING, 0, "fresh stopped", ISLAND_OPENING, ""),
    (ISLAND_STOPPING, 10_000, "forming", ISLAND_GRID, "unasked"),
    (ISLAND_STOPPING, 10_000, "", ISLAND_GRID, "stop"),
    (ISLAND_OPENING, 0, "heard stuck -proved", ISLAND_LOCKOUT, "stuck_bond"),
    (ISLAND_OPENING, 0, "heard stuck", ISLAND_DARK, "bond"),
    (
        ISLAND_OPENING, 0,
        "fresh open dead -bond -forming split outage able capable -failed -waits",
        ISLAND_BONDING, "",
    ),
    (ISLAND_OPENING, 3_000, "open dead", ISLAND_DARK, ""),
    (ISLAND_OPENING, 3_000, "open", ISLAND_DARK, "live"),
    (ISLAND_OPENING, RELAY, "-open", ISLAND_DARK, "switch"),
    (ISLAND_BONDING, 0, "cut", ISLAND_ENDING, ""),
    (ISLAND_BONDING, 0, "-open", ISLAND_ENDING, "flicker"),
    (ISLAND_BONDING, 0, "-dead", ISLAND_ENDING, "flicker"),
    (ISLAND_BONDING, 0, "-reserve", ISLAND_ENDING, ""),
    (ISLAND_BONDING, 0, "-able", ISLAND_ENDING, ""),
    (ISLAND_BONDING, 0, "-outage", ISLAND_ENDING, ""),
    (ISLAND_BONDING, 0, "fresh open bonded dead split -forming", ISLAND_STARTING, ""),
    (ISLAND_BONDING, RELAY, "-bonded", ISLAND_ENDING, "bond"),
    (ISLAND_BONDING, 3_000, "", ISLAND_ENDING, "flicker"),
    (ISLAND_STARTING, 0, "cut", ISLAND_ENDING, ""),
    (ISLAND_STARTING, 0, "flows", ISLAND_ENDING, ""),
    (ISLAND_STARTING, 0, "follows", ISLAND_ENDING, ""),
    (ISLAND_STARTING, 0, "loosened", ISLAND_ENDING, "flicker"),
    (ISLAND_STARTING, 0, "-open", ISLAND_ENDING, "flicker"),
    (ISLAND_STARTING, 0, "-bonded", ISLAND_ENDING, "flicker"),
    (ISLAND_STARTING, 0, "-plugged", ISLAND_ENDING, ""),
    (ISLAND_STARTING, 0, "-fresh", ISLAND_ENDING, "flicker"),
    (ISLAND_STARTING, 0, "-reserve", ISLAND_ENDING, ""),
    (ISLAND_STARTING, 0, "wild", ISLAND_ENDING, "voltage"),
    (ISLAND_STARTING, 0, "short", ISLAND_ENDING, "short"),
    (ISLAND_STARTING, 0, "weak", ISLAND_ENDING, "load"),
    (ISLAND_STARTING, 0, "good forming", ISLAND_ISLANDED, ""),
    (ISLAND_STARTING, 20_000, "", ISLAND_ENDING, "stop"),
    (ISLAND_ISLANDED, 0, "cut", ISLAND_ENDING, ""),
    (ISLAND_ISLANDED, 0, "flows", ISLAND_ENDING, ""),
    (ISLAND_ISLANDED, 0, "follows", ISLAND_ENDING, ""),
    (ISLAND_ISLANDED, 0, "loosened", ISLAND_ENDING, "flicker"),
    (ISLAND_ISLANDED, 0, "-open", ISLAND_ENDING, "flicker"),
    (ISLAND_ISLANDED, 0, "-bonded", ISLAND_ENDING, "flicker"),
    (ISLAND_ISLANDED, 0, "-plugged", ISLAND_ENDING, ""),
    (ISLAND_ISLANDED, 0, "-fresh", ISLAND_ENDING, "flicker"),
    (ISLAND_ISLANDED, 0, "-reserve", ISLAND_ENDING, ""),
    (ISLAND_ISLANDED, 0, "wild", ISLAND_ENDING, "voltage"),
    (ISLAND_ISLANDED, 0, "dead", ISLAND_ENDING, "stop"),
    (ISLAND_ISLANDED, 0, "short", ISLAND_ENDING, "short"),
    (ISLAND_ISLANDED, 0, "weak", ISLAND_ENDING, "load"),
    (ISLAND_ISLANDED, 0, "back", ISLAND_ENDING, ""),
    (ISLAND_ENDING, 0, "fresh dead -forming settled suspect", ISLAND_UNBONDING, "switch"),
    (ISLAND_ENDING, 0, "fresh dead -forming settled", ISLAND_UNBONDING, ""),
    (ISLAND_ENDING, 0, "fresh idle -forming settled", ISLAND_UNBONDING, ""),
    (ISLAND_ENDING, 0, "fresh tied locked settled suspect", ISLAND_DARK, "switch"),
    (ISLAND_ENDING, 0, "fresh tied locked settled -open", ISLAND_DARK, "switch"),
    (ISLAND_ENDING, 10_000, "-dead", ISLAND_ENDING, "live"),
    (ISLAND_UNBONDING, RELAY, "heard stuck -proved", ISLAND_LOCKOUT, "stuck_bond"),
    (ISLAND_UNBONDING, RELAY, "heard stuck", ISLAND_UNBONDING, "bond"),
    (
        ISLAND_UNBONDING, 0, "fresh dead -bond -forming ready -holds -pinned -unruly",
        ISLAND_CLOSING, "",
    ),
    (ISLAND_UNBONDING, 0, "fresh -bond", ISLAND_DARK, ""),
    (ISLAND_UNBONDING, 0, "fresh lonely", ISLAND_DARK, "live"),
    (ISLAND_DARK, 0, "pinned", ISLAND_LOCKOUT, ""),
    (ISLAND_DARK, 0, "capable unruly", ISLAND_LOCKOUT, ""),
    (ISLAND_DARK, 0, "fresh dead bond", ISLAND_UNBONDING, ""),
    (ISLAND_DARK, 0, "fresh idle bond", ISLAND_UNBONDING, ""),
    # welded, or a mirror that lies, and carrying the house
    (ISLAND_DARK, 0, "fresh tied locked -open -bond heeds", ISLAND_GRID, "switch"),
    (ISLAND_DARK, 3_000, "fresh tied locked open", ISLAND_DARK, "switch"),
    (ISLAND_DARK, 0, "fresh dead shut", ISLAND_DARK, "switch"),
    (ISLAND_DARK, 0, "forming", ISLAND_DARK, "unasked"),
    (ISLAND_DARK, 3_000, "fresh live -tied", ISLAND_DARK, "live"),
    (ISLAND_DARK, 0, "fresh named acknowledged open -bond -forming", ISLAND_DARK, "cleared"),
    (
        ISLAND_DARK, 0,
        "fresh open dead -bond -forming split outage able refilled capable -failed -waits",
        ISLAND_BONDING, "",
    ),
    (ISLAND_DARK, 0, "fresh dead -bond -forming ready -holds", ISLAND_CLOSING, ""),
    (ISLAND_DARK, 0, "fresh idle -bond -forming ready -holds", ISLAND_CLOSING, ""),
    (ISLAND_CLOSING, 0, "unruly", ISLAND_LOCKOUT, ""),
    (ISLAND_CLOSING, 0, "bond", ISLAND_UNBONDING, ""),
    (ISLAND_CLOSING, 0, "forming", ISLAND_DARK, "unasked"),
    (ISLAND_CLOSING, 0, "fresh closed", ISLAND_GRID, ""),
    (ISLAND_CLOSING, RELAY, "fresh tied", ISLAND_GRID, "switch"),
    (ISLAND_CLOSING, 3_000, "", ISLAND_DARK, "closing"),
    (ISLAND_LOCKOUT, 0, "acknowledged heard -bond -forming -unruly", ISLAND_DARK, "cleared"),
)  # fmt: skip

FAULTS_OF_ISLAND = 0
for _row in CAUSES:
    if _row[1] > 0:
        FAULTS_OF_ISLAND |= _row[1]
FAULTS_OF_ISLAND |= FAULT_LOADS
BARRING = FAULTS_OF_ISLAND & ~(SOFT | FAULT_NOT_DEAD)

_BITS = {}
for _words, _facts in enumerate((INSTRUMENTS, JUDGEMENTS)):
    for _place, _row in enumerate(_facts):
        _BITS[_row[0]] = (_words, 1 << _place)
_CAUSES = {row[0]: number for number, row in enumerate(CAUSES)}


def bit(fact):
    """The bit of a fact in its word; an unknown name is a KeyError at start, never at run time."""
    return _BITS[fact][1]


def cause(name):
    """The row of CAUSES."""
    return _CAUSES[name]


def compile_condition(text):
    """'a -b' -> (mask, value, mask, value) of INSTRUMENTS and of JUDGEMENTS: facts & mask == value
    when a holds and b does not."""
    found = [0, 0, 0, 0]
    for word in text.split():
        place, mask = _BITS[word.lstrip("-")]
        found[2 * place] |= mask
        if word[0] != "-":
            found[2 * place + 1] |= mask
    return tuple(found)


def _name(names, bit):
    number = 0
    while bit > 1:
        bit >>= 1
        number += 1
    return names[number]


def describe():
    """The tables as lines of Markdown."""
    yield "| fact | meaning |"
    yield "|---|---|"
    for facts in (INSTRUMENTS, JUDGEMENTS):
        for name, text in facts:
            yield "| {} | {} |".format(name, text)
    yield ""
    yield "| state | output | permitted while |"
    yield "|---|---|---|"
    for state, output, text in PERMITS:
        yield "| {} | {} | {} |".format(
            ISLAND_NAMES[state], _name(OUTPUT_NAMES, output), text or "always"
        )
    yield ""
    yield "| state | after | when | next | cause |"
    yield "|---|---|---|---|---|"
    for state, after_ms, text, following, why in RULES:
        after = "{} ms".format(after_ms) if after_ms else ""
        if after_ms == RELAY:
            after = "relay feedback"
        yield "| {} | {} | {} | {} | {} |".format(
            ISLAND_NAMES[state], after, text or "always", ISLAND_NAMES[following], why
        )
    yield ""
    yield "| cause | fault | weight of {} tries | meaning |".format(TRIES)
    yield "|---|---|---|---|"
    for name, fault, weight, text in CAUSES[1:]:
        yield "| {} | {} | {} | {} |".format(
            name,
            _name(FAULT_NAMES, fault) if fault > 0 else "",
            weight if weight >= 0 else "clears",
            text,
        )


if __name__ == "__main__":
    for _line in describe():
        print(_line)
