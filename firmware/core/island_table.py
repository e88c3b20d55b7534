# islet: leaving the grid, forming an island, and coming back: the tables.
# GPL-3.0-or-later
#
# `python -m firmware.core.island_table` prints them as documentation; island.py interprets them.
#
# A condition is a list of facts, "-" negates; it holds when all of them do. Of a state's rules the
# first whose condition holds is followed, one per step. PERMITS withdraws an output in the very
# step in which a fact it needs is gone, before any change of state (INV-5: one control cycle).
#
# Two ways out of a fault. A contact or relay that did not follow: LOCKOUT, and nothing moves until
# a person acknowledges. An inverter that did not form, with every contact proved: the enable stays
# off and no island is tried until a person acknowledges ("failed"), but the house goes back to a
# qualified grid by the ordinary path ending, unbonding, dark, closing.

from firmware.image import (
    FAULT_BOND,
    FAULT_FORMING,
    FAULT_ISLAND_CLOSE,
    FAULT_ISLAND_OPEN,
    FAULT_NAMES,
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

FACTS = (
    ("heard", "the contacts were read within 300 ms"),
    ("fresh", "contacts, house side and grid side were all measured lately"),
    ("open", "mirror contact: all live poles of the islanding switch are open"),
    ("closed", "mirror contact away; while closing also: the house's voltage is the grid's"),
    ("parted", "mirror or voltages have said otherwise for longer than they need to settle"),
    ("tied", "house side alive, its voltage and frequency are the grid's: the switch carries it"),
    ("apart", "house and grid side have differed in voltage or frequency for 1 s"),
    ("bond", "neutral-earth bond closed"),
    ("bonded", "the bond is as the site needs it in an island"),
    ("dead", "house side below 5 % on all legs for 100 ms, hardware permissive agrees"),
    ("good", "house side within 90-110 % on all legs"),
    ("forming", "the inverter says that it forms"),
    ("heeds", "the inverter answers and does not form: it has heard that it is on the grid"),
    ("stopped", "the inverter says that it does not form, and draws or delivers next to nothing"),
    (
        "outage",
        "grid dead for GRID_LOSS_MS and islanding is automatic, or a person asks for it"
        " and the battery is refilled",
    ),
    ("able", "the inverter answers, is plugged and without fault, and the reserve allows it"),
    ("refilled", "state of charge well above the outage reserve"),
    ("reserve", "state of charge known and above the outage reserve"),
    ("served", "grid in its window: waiting or in service"),
    ("ready", "so for 5 s without interruption (INV-7)"),
    ("back", "full enter-service delay passed and no wish to stay, or a wish to return"),
    ("shed", "this site sheds loads in an island"),
    ("stable", "10 s in this state"),
    ("held", "the output was on when this state began, and since (the switch: closed or tied)"),
    ("kept", "the output was on in the last step"),
    ("driven", "the islanding switch was permitted in the last step"),
    ("failed", "the fault forming stands: no island and no enable until a person acknowledges"),
    ("acknowledged", "a person acknowledged since the last fault"),
    ("needs_bond", "the island needs its own bond; where the neutral is not switched it must not"),
    ("capable", "all interlocks for islanding are declared"),
)

RELAY = -1  # "after": the site's relay feedback time-out
CLEARED = -1  # "fault": a person has acknowledged, none stands any more

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

# state, output, condition: an output not listed for a state is off in it; several rows: any one
PERMITS = (
    # INV-12: hold what the contacts say until the state is known
    (ISLAND_SENSING, OUT_ISLAND, "heard -open"),
    (ISLAND_SENSING, OUT_ISLAND, "-heard kept -bond"),
    (ISLAND_SENSING, OUT_BOND, "heard open bond"),
    (ISLAND_SENSING, OUT_BOND, "-heard kept open"),
    (ISLAND_GRID, OUT_ISLAND, "-bond"),
    (ISLAND_GRID, OUT_LOADS, ""),
    # one that is silent since the island may still have orders to form, anti-islanding off
    (ISLAND_GRID, OUT_ENABLE, "fresh closed -parted -bond -forming -failed served heeds"),
    (ISLAND_GRID, OUT_ENABLE, "fresh closed -parted -bond -forming -failed served kept"),
    (ISLAND_STOPPING, OUT_ISLAND, "-bond"),
    (ISLAND_STOPPING, OUT_LOADS, ""),
    (ISLAND_BONDING, OUT_BOND, "heard open needs_bond capable"),
    (ISLAND_STARTING, OUT_BOND, "open needs_bond"),
    (ISLAND_STARTING, OUT_ENABLE, "fresh open bonded capable reserve"),
    (ISLAND_ISLANDED, OUT_BOND, "open needs_bond"),
    (ISLAND_ISLANDED, OUT_ENABLE, "fresh open bonded capable reserve"),
    (ISLAND_ISLANDED, OUT_LOADS, "-shed stable"),
    (ISLAND_ENDING, OUT_BOND, "open needs_bond"),  # the bond goes last
    (ISLAND_CLOSING, OUT_ISLAND, "fresh open dead -bond"),
    (ISLAND_CLOSING, OUT_ISLAND, "-open -bond"),
    (ISLAND_LOCKOUT, OUT_ISLAND, "held -open -bond"),
    # a mirror stuck at "open" while the grid carries the house must not darken it
    (ISLAND_LOCKOUT, OUT_ISLAND, "held -apart -bond -forming"),
    (ISLAND_LOCKOUT, OUT_BOND, "held open -dead"),
    (ISLAND_LOCKOUT, OUT_LOADS, "-open"),
    (ISLAND_LOCKOUT, OUT_LOADS, "driven"),
)

# state, after ms in it, condition, next state, fault
RULES = (
    (ISLAND_SENSING, 0, "fresh -open bond", ISLAND_LOCKOUT, FAULT_BOND),
    (ISLAND_SENSING, 0, "fresh -open", ISLAND_GRID, 0),
    (ISLAND_SENSING, 0, "fresh open dead bond", ISLAND_UNBONDING, 0),
    (ISLAND_SENSING, 0, "fresh open dead", ISLAND_DARK, 0),
    (ISLAND_SENSING, 3_000, "fresh open", ISLAND_LOCKOUT, FAULT_NOT_DEAD),
    (ISLAND_GRID, 0, "bond", ISLAND_LOCKOUT, FAULT_BOND),
    (ISLAND_GRID, 0, "forming", ISLAND_LOCKOUT, FAULT_FORMING),
    (ISLAND_GRID, 0, "fresh parted open tied", ISLAND_LOCKOUT, FAULT_ISLAND_OPEN),  # the mirror
    (ISLAND_GRID, 0, "fresh parted", ISLAND_LOCKOUT, FAULT_ISLAND_CLOSE),
    (ISLAND_GRID, 0, "fresh failed acknowledged closed", ISLAND_GRID, CLEARED),
    (ISLAND_GRID, 0, "fresh closed outage able capable -failed", ISLAND_STOPPING, 0),
    (ISLAND_STOPPING, 0, "bond", ISLAND_LOCKOUT, FAULT_BOND),
    (ISLAND_STOPPING, 0, "-outage", ISLAND_GRID, 0),
    (ISLAND_STOPPING, 0, "fresh stopped", ISLAND_OPENING, 0),
    (ISLAND_STOPPING, 10_000, "", ISLAND_LOCKOUT, FAULT_FORMING),
    (ISLAND_OPENING, 0, "bond", ISLAND_LOCKOUT, FAULT_BOND),
    (ISLAND_OPENING, 0, "fresh open dead -forming", ISLAND_BONDING, 0),
    (ISLAND_OPENING, RELAY, "-open", ISLAND_LOCKOUT, FAULT_ISLAND_OPEN),
    (ISLAND_OPENING, 3_000, "", ISLAND_LOCKOUT, FAULT_NOT_DEAD),
    (ISLAND_BONDING, 0, "-open", ISLAND_LOCKOUT, FAULT_ISLAND_OPEN),
    (ISLAND_BONDING, 0, "-dead", ISLAND_LOCKOUT, FAULT_NOT_DEAD),
    (ISLAND_BONDING, 0, "-reserve", ISLAND_UNBONDING, 0),
    (ISLAND_BONDING, 0, "fresh open bonded dead -forming", ISLAND_STARTING, 0),
    (ISLAND_BONDING, RELAY, "", ISLAND_LOCKOUT, FAULT_BOND),
    (ISLAND_STARTING, 0, "-open", ISLAND_LOCKOUT, FAULT_ISLAND_OPEN),
    (ISLAND_STARTING, 0, "-bonded", ISLAND_LOCKOUT, FAULT_BOND),
    (ISLAND_STARTING, 0, "-fresh", ISLAND_ENDING, 0),
    (ISLAND_STARTING, 0, "-reserve", ISLAND_ENDING, 0),
    (ISLAND_STARTING, 0, "good forming", ISLAND_ISLANDED, 0),
    (ISLAND_STARTING, 20_000, "", ISLAND_ENDING, FAULT_FORMING),
    (ISLAND_ISLANDED, 0, "-open", ISLAND_LOCKOUT, FAULT_ISLAND_OPEN),
    (ISLAND_ISLANDED, 0, "-bonded", ISLAND_LOCKOUT, FAULT_BOND),
    (ISLAND_ISLANDED, 0, "dead", ISLAND_ENDING, FAULT_FORMING),  # collapsed: a person looks first
    (ISLAND_ISLANDED, 0, "-fresh", ISLAND_ENDING, 0),
    (ISLAND_ISLANDED, 0, "-reserve", ISLAND_ENDING, 0),
    (ISLAND_ISLANDED, 0, "back", ISLAND_ENDING, 0),
    (ISLAND_ENDING, 0, "-open", ISLAND_LOCKOUT, FAULT_ISLAND_OPEN),
    (ISLAND_ENDING, 0, "fresh dead -forming", ISLAND_UNBONDING, 0),
    (ISLAND_ENDING, 10_000, "", ISLAND_LOCKOUT, FAULT_NOT_DEAD),
    (ISLAND_UNBONDING, 0, "-open", ISLAND_LOCKOUT, FAULT_ISLAND_OPEN),
    (ISLAND_UNBONDING, 0, "fresh open dead -bond -forming ready", ISLAND_CLOSING, 0),
    (ISLAND_UNBONDING, 0, "fresh -bond", ISLAND_DARK, 0),
    (ISLAND_UNBONDING, RELAY, "", ISLAND_LOCKOUT, FAULT_BOND),
    (ISLAND_DARK, 0, "bond", ISLAND_LOCKOUT, FAULT_BOND),
    (ISLAND_DARK, 0, "-open", ISLAND_LOCKOUT, FAULT_ISLAND_OPEN),
    (ISLAND_DARK, 0, "forming -failed", ISLAND_DARK, FAULT_FORMING),
    (ISLAND_DARK, 0, "fresh failed acknowledged open dead -forming", ISLAND_DARK, CLEARED),
    (ISLAND_DARK, 0, "fresh open dead outage able refilled capable -failed", ISLAND_BONDING, 0),
    (ISLAND_DARK, 0, "fresh open dead ready -forming", ISLAND_CLOSING, 0),
    (ISLAND_CLOSING, 0, "bond", ISLAND_LOCKOUT, FAULT_BOND),
    (ISLAND_CLOSING, 0, "forming", ISLAND_LOCKOUT, FAULT_FORMING),
    (ISLAND_CLOSING, 0, "fresh closed", ISLAND_GRID, 0),
    (ISLAND_CLOSING, RELAY, "open", ISLAND_LOCKOUT, FAULT_ISLAND_CLOSE),
    (ISLAND_CLOSING, 2_000, "", ISLAND_LOCKOUT, FAULT_ISLAND_CLOSE),
    (ISLAND_LOCKOUT, 0, "fresh acknowledged -forming -open -bond driven", ISLAND_SENSING, CLEARED),
    # not driven, yet the mirror is away: welded and carrying the house, or the mirror is broken
    (
        ISLAND_LOCKOUT,
        0,
        "fresh acknowledged stopped -open -bond good ready",
        ISLAND_SENSING,
        CLEARED,
    ),
    (
        ISLAND_LOCKOUT,
        0,
        "fresh acknowledged -forming -open -bond dead ready",
        ISLAND_CLOSING,
        CLEARED,
    ),
    (ISLAND_LOCKOUT, 0, "fresh acknowledged -forming open dead -driven", ISLAND_SENSING, CLEARED),
)

FAULTS_OF_ISLAND = (
    FAULT_ISLAND_OPEN | FAULT_ISLAND_CLOSE | FAULT_BOND | FAULT_FORMING | FAULT_NOT_DEAD
)

_BITS = {}
for _row in FACTS:
    _BITS[_row[0]] = 1 << len(_BITS)


def bit(fact):
    """The bit of a fact; an unknown name is a KeyError at start, never at run time."""
    return _BITS[fact]


def compile_condition(text):
    """'a -b' -> (mask, value): facts & mask == value when a holds and b does not."""
    mask = value = 0
    for word in text.split():
        mask |= bit(word.lstrip("-"))
        if word[0] != "-":
            value |= bit(word)
    return mask, value


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
    for name, text in FACTS:
        yield "| {} | {} |".format(name, text)
    yield ""
    yield "| state | output | permitted while |"
    yield "|---|---|---|"
    for state, output, text in PERMITS:
        yield "| {} | {} | {} |".format(
            ISLAND_NAMES[state], _name(OUTPUT_NAMES, output), text or "always"
        )
    yield ""
    yield "| state | after | when | next | fault |"
    yield "|---|---|---|---|---|"
    for state, after_ms, text, following, fault in RULES:
        after = "{} ms".format(after_ms) if after_ms else ""
        if after_ms == RELAY:
            after = "relay feedback"
        yield "| {} | {} | {} | {} | {} |".format(
            ISLAND_NAMES[state],
            after,
            text or "always",
            ISLAND_NAMES[following],
            "cleared" if fault == CLEARED else _name(FAULT_NAMES, fault) if fault else "",
        )


if __name__ == "__main__":
    for _line in describe():
        print(_line)
