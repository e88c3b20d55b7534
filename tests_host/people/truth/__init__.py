# islet: what must be so in the house when a sentence is said.
# GPL-3.0-or-later
"""A row per sentence that people may read, beside it what must be so (tests check that they are
the same rows):

    world     the house at a moment, what it has been, what the scenario has done to it
    states    tables of states          alerts    faults, trips, notes, what is silent
    reasons   of limits, of the policy  asked     asks whatever is published, twice a second

The predicates stand here and not in the firmware: they ask the twin, which a chip does not have,
and as code beside the sentences they would cost it some 10 kB of flash and 2 kB of heap for what
nobody asks there. None stands where a sentence tells of islet itself, what it is about to do or
what it was told, which no house can deny."""
