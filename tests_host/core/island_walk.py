# islet: every state of the transfer x every set of outputs it can hold x every consistent set of
# facts, a whole state at once.
# GPL-3.0-or-later
"""The engine without its measurements: what a step of Island does to facts, for all of them.

Facts are free to change arbitrarily from one step to the next; only what their own measurement
excludes is left out (`GROUPS`). Those that end an island or a grid by themselves come one at a
time beside everything else.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from firmware import image as im
from firmware.core.grid.island_table import (
    INSTRUMENTS,
    JUDGEMENTS,
    MODES,
    PERMITS,
    RELAY,
    RULES,
    bit,
    bits,
)

RELAY_MS = 500
Bits = npt.NDArray[np.int32]
Rows = tuple[tuple, ...]
KNOWN = bits()
SEEN = {name for name, _ in INSTRUMENTS}

# What may hold together, by what is measured; the empty text is none of it.
GROUPS: tuple[tuple[str, ...], ...] = (
    ("", "heard", "heard fresh"),
    ("", "open", "open gone", "shut"),
    ("", "bond", "bond stuck", "proved", "proved bond", "proved bond stuck"),
    (
        "dead", "dead apart", "dead idle apart", "idle", "idle apart", "", "apart",
        "live", "live apart", "live apart lonely",
        "live good", "live good apart", "live good tied", "live good tied locked",
        "live upset", "live upset tied", "live upset apart",
    ),
    ("", "forming", "heeds", "heeds stopped"),
    ("", "split"),
    ("", "named", "named pinned"),
    ("", "reserve", "reserve refilled", "reserve able", "reserve able refilled"),
    ("", "served", "served ready", "served ready back", "ready"),
)  # fmt: skip
# each of these beside everything else, one at a time, with what it needs
RARE = (
    "", "-plugged", "follows", "flows", "suspect", "burning", "early", "unruly", "cut", "loosened",
    "wild", "short", "weak", "room", "holds", "waits", "-capable", "-needs_bond",
)  # fmt: skip
# what the judge asks about is there in any case, by what may begin in a state
ALWAYS = "open bond dead idle forming fresh stuck proved needs_bond capable pinned"
FORMS = "locked settled split reserve plugged cut loosened flows follows wild short room"
ASKED = {
    im.ISLAND_GRID: "heard apart tied unruly burning early upset gone failed served closed heeds",
    im.ISLAND_BONDING: FORMS + " lonely",
    im.ISLAND_STARTING: FORMS,
    im.ISLAND_ISLANDED: FORMS,
    im.ISLAND_OPENING: "lonely locked settled failed",
    im.ISLAND_DARK: "lonely locked ready holds failed",
    im.ISLAND_LOCKOUT: "lonely locked ready holds settled acknowledged",
}
OTHERS = "heard lonely locked ready holds settled tied unruly"
FREE = ("outage", "settled", "failed", "acknowledged")


def masks(text: str) -> tuple[int, int]:
    seen = made = 0
    for word in text.split():
        if word in SEEN:
            seen |= bit(word)
        else:
            made |= bit(word)
    return seen, made


def compile_condition(text: str, known: dict[str, tuple[int, int]]) -> tuple[int, int, int, int]:
    """'a -b' -> (mask, value, mask, value) of INSTRUMENTS and of JUDGEMENTS: facts & mask == value
    when a holds and b does not."""
    found = [0, 0, 0, 0]
    for word in text.split():
        place, mask = known[word.lstrip("-")]
        found[2 * place] |= mask
        if word[0] != "-":
            found[2 * place + 1] |= mask
    return found[0], found[1], found[2], found[3]


class Table:
    """The compiled tables of one state."""

    def __init__(self, rules: Rows, permits: Rows) -> None:
        self.rules = [
            [(after, *compile_condition(text, KNOWN), following)
             for s, after, text, following, _ in rules if s == state]
            for state in range(len(im.ISLAND_NAMES))
        ]  # fmt: skip
        self.permits = [
            [
                (output, *compile_condition(text, KNOWN))
                for s, output, text in permits
                if s == state
            ]
            for state in range(len(im.ISLAND_NAMES))
        ]
        self.words = [
            {
                word.lstrip("-")
                for row in (*rules, *permits)
                if row[0] == state and not (len(row) == 5 and row[3] == state)
                for word in str(row[2]).split()
            }
            for state in range(len(im.ISLAND_NAMES))
        ]

    def facts(self, state: int) -> tuple[Bits, Bits]:
        """Every consistent set of the facts that matter here and to the judge."""
        words = self.words[state] | set(f"{ALWAYS} {ASKED.get(state, OTHERS)}".split())
        groups: list[list[tuple[int, int]]] = []
        for group in GROUPS:
            kept = {" ".join(w for w in text.split() if w in words) for text in group}
            groups.append([masks(text) for text in sorted(kept)])
        groups += [[masks(""), masks(word)] for word in FREE if word in words]
        groups.append(self._rare(words))
        seen = np.zeros(1, np.int32)
        made = np.zeros(1, np.int32)
        for group in groups:
            seen = (seen[:, None] | np.array([a for a, _ in group], np.int32)[None, :]).ravel()
            made = (made[:, None] | np.array([b for _, b in group], np.int32)[None, :]).ravel()
        return seen, made

    @staticmethod
    def _rare(words: set[str]) -> list[tuple[int, int]]:
        usual = "plugged capable needs_bond"
        rows = []
        for rare in RARE:
            word = rare.lstrip("-")
            if rare and word not in words:
                continue
            text = usual.replace(word, "") if rare.startswith("-") else f"{usual} {rare}"
            rows.append(masks(" ".join(w for w in text.split() if w in words)))
        return rows

    def step(
        self, state: int, permits: int, elapsed_ms: int, seen: Bits, made: Bits
    ) -> tuple[Bits, Bits]:
        """(next state, next permits) of every set of facts."""
        following = np.full(seen.shape, state, np.int32)
        open_ = np.ones(seen.shape, bool)
        for after, mask, value, mask2, value2, target in self.rules[state]:
            if elapsed_ms < (RELAY_MS if after == RELAY else after) or target == state:
                continue
            hit = open_ & (seen & mask == value) & (made & mask2 == value2)
            following[hit] = target
            open_ &= ~hit
        after_permits = np.zeros(seen.shape, np.int32)
        for target in np.unique(following):
            here = following == target
            for output, mask, value, mask2, value2 in self.permits[target]:
                now = made | bit("kept") if permits & output else made
                hit = here & (seen & mask == value) & (now & mask2 == value2)
                after_permits[hit] |= output
        return following, after_permits


def possible(permits: int, seen: Bits, made: Bits) -> npt.NDArray[np.bool_]:
    """What the outputs of the last step exclude by the way the facts are measured."""
    good = (seen & (bit("lonely") | bit("open"))) != bit("lonely")
    good &= (seen & (bit("lonely") | bit("fresh"))) != bit("lonely")
    if permits & im.OUT_ENABLE:
        good &= made & bit("settled") == 0
    if permits & im.OUT_ISLAND:
        good &= (seen & (bit("shut") | bit("lonely"))) == 0
    if permits & im.OUT_BOND:
        good &= (seen & (bit("stuck") | bit("proved"))) == 0
    return good


# --- the judge ----------------------------------------------------------------------------------


def breaches(
    state: int, before: int, following: Bits, after: Bits, seen: Bits, made: Bits
) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """What the invariants forbid in one step, each with where it happens."""

    def has(*names: str) -> npt.NDArray[np.bool_]:
        """All of these; "-" negates."""
        found = np.ones(seen.shape, bool)
        for name in names:
            word = name.lstrip("-")
            there = ((seen if word in SEEN else made) & bit(word)) != 0
            found &= ~there if name.startswith("-") else there
        return found

    modes = np.array([mode for _, mode in MODES], np.int32)[following]
    enable = after & im.OUT_ENABLE != 0
    bond, switch = after & im.OUT_BOND != 0, after & im.OUT_ISLAND != 0
    raised, lowered = after & ~before, before & ~after
    forming = enable & (modes == im.MODE_FORM)
    proofs = ("fresh", "open", "capable", "reserve", "plugged", "-cut", "-loosened", "-flows",
              "-follows", "-wild", "-short")  # fmt: skip
    yield "INV-5: forming enabled without a proof", forming & ~has(*proofs)
    bond_right = np.where(has("needs_bond"), has("bond"), has("-bond"))
    yield "INV-5: forming enabled without the bond as it must be", forming & ~bond_right
    begins = forming & (raised & im.OUT_ENABLE != 0)
    yield "INV-5: forming begun on a live island", begins & ~has("dead")
    yield "INV-5: forming begun with a leg that is proved in no way", begins & ~has("split")
    anew = (following == im.ISLAND_BONDING) & np.array(state != im.ISLAND_BONDING)
    yield "INV-5: begun after a failure that nobody has acknowledged", anew & has("failed")
    loads = after & im.OUT_LOADS != 0
    yield "INV-5: loads without room", forming & loads & ~has("room")
    follow = enable & (modes == im.MODE_FOLLOW)
    wrong = ~has("fresh", "-gone", "-stuck", "-forming", "-apart", "-failed", "served")
    yield "INV-5: enabled on the grid without right", follow & wrong
    begun = follow & (raised & im.OUT_ENABLE != 0)
    yield "INV-5: enable begun on the grid in a glitch", begun & ~has("closed", "-bond", "heeds")
    yield "INV-5: enabled though it shall stand still", enable & (modes == im.MODE_STOP)

    yield "INV-6: switch and bond both permitted", bond & switch
    kept = before & im.OUT_BOND != 0
    yield "INV-6: bond beside a switch not open", bond & ~has("open") & ~(kept & has("-settled"))
    sensed = np.array(state != im.ISLAND_SENSING)
    yield "INV-6: switch closed onto a bond", sensed & (raised & im.OUT_ISLAND != 0) & has("bond")
    unproved = switch & has("heard", "stuck", "-proved") & (following != im.ISLAND_SENSING)
    yield "INV-6: switch held beside a bond that may be welded", unproved
    energised = (raised & im.OUT_BOND != 0) & (following != im.ISLAND_SENSING)
    yield "INV-5: bond closed on a live island", energised & ~has("dead") & ~has("lonely")
    dropped = lowered & im.OUT_BOND != 0
    early = dropped & has("-settled") & sensed
    yield (
        "INV-18: bond dropped before the device has stopped",
        early & bool(before & im.OUT_ENABLE),
    )
    held = has("open", "-dead", "-idle", "-locked") & sensed
    yield "INV-18: bond dropped under a live house", dropped & held

    closes = (raised & im.OUT_ISLAND != 0) & sensed
    qualified = has("fresh", "-bond", "-forming", "ready", "-holds")
    qualified &= has("dead") | has("idle")
    carries = has("tied", "locked", "-open", "-bond", "heeds")
    yield (
        "INV-7: closed without dead house, qualified grid, or a pause",
        (closes & ~qualified & ~carries),
    )
    yield "person: closed though it stays open until somebody acknowledges", closes & has("pinned")
    if state == im.ISLAND_GRID:
        left = switch & (has("unruly", "capable") | has("burning", "capable"))
        yield "person: not opened by a source without enable or a voltage that burns", left
    if state == im.ISLAND_CLOSING:
        goes_on = has("unruly") & (following != im.ISLAND_LOCKOUT)
        yield "person: closing goes on though the switch is held open", goes_on
    yield "person: closing begins though the switch is held open", closes & has("unruly")
    if state == im.ISLAND_LOCKOUT:
        out = (following != im.ISLAND_LOCKOUT) & has("-acknowledged")
        yield "person: a lockout ends without one", out
    if state in (im.ISLAND_GRID, im.ISLAND_CLOSING):
        carried = has("tied", "fresh", "-forming", "-apart", "-burning", "-pinned", "-unruly")
        carried &= ~has("stuck", "-proved") & ~has("early", "upset")
        if state == im.ISLAND_CLOSING:
            carried &= has("-bond")
        dark = (lowered & im.OUT_ISLAND != 0) & carried
        yield "LIGHT: a house that the grid carries goes dark", dark
    if state == im.ISLAND_SENSING:
        stays = (following == im.ISLAND_SENSING) & has("heard")
        yield "INV-12: sensing moved the switch", stays & (switch != has("-open"))
        yield "INV-12: sensing moved the bond", stays & (bond != has("bond", "open"))


class Walk:
    """Visits everything reachable; `sets` counts the sets of facts that were tried."""

    def __init__(self, rules: Rows = RULES, permits: Rows = PERMITS) -> None:
        self.table = Table(rules, permits)
        self.sets = 0
        self.seen: set[tuple[int, int]] = set()

    def run(self, first: tuple[int, ...] = ()) -> list[str]:
        """The breaches found in the first state that has any. `first`: states to look at early,
        with whatever outputs the others leave them."""
        start: tuple[int, int] = (im.ISLAND_SENSING, 0)
        self.seen = {start}
        todo: list[tuple[int, int]] = [start]
        while todo:
            todo.sort(key=lambda pair: pair[0] in first)
            state, permits = todo.pop()
            found = self._visit(state, permits, todo)
            if found:
                return found
        return []

    def _visit(self, state: int, permits: int, todo: list[tuple[int, int]]) -> list[str]:
        seen, made = self.table.facts(state)
        keep = possible(permits, seen, made)
        seen, made = seen[keep], made[keep]
        seen = closed(bonded(seen, made))
        rules = self.table.rules[state]
        times = {0} | {RELAY_MS if row[0] == RELAY else row[0] for row in rules}
        found = []
        for elapsed_ms in sorted(times):
            following, after = self.table.step(state, permits, elapsed_ms, seen, made)
            self.sets += len(seen)
            names = im.ISLAND_NAMES
            for text, where in breaches(state, permits, following, after, seen, made):
                if np.any(where):
                    at = int(np.argmax(where))
                    found.append(
                        f"{text}: {names[state]} -> {names[following[at]]} with "
                        f"{permits:05b} -> {after[at]:05b}: {words(seen[at], made[at])}"
                    )
            pairs = np.unique(following * 32 + after)
            for pair in pairs:
                to = (int(pair) // 32, int(pair) % 32)
                if to not in self.seen:
                    self.seen.add(to)
                    todo.append(to)
        return found


def bonded(seen: Bits, made: Bits) -> Bits:
    """The bond as the site needs it, from the two facts that say so."""
    right = (seen & bit("bond") != 0) == (made & bit("needs_bond") != 0)
    return np.where(right, seen | bit("bonded"), seen & ~bit("bonded")).astype(np.int32)


def closed(seen: Bits) -> Bits:
    """Mirror away; the stricter meaning while closing is a voltage's, and left out here."""
    return np.where(seen & bit("open"), seen & ~bit("closed"), seen | bit("closed")).astype(
        np.int32
    )


def words(seen: int, made: int) -> str:
    names = [name for name, _ in INSTRUMENTS if seen & bit(name)]
    return " ".join(names + [name for name, _ in JUDGEMENTS if made & bit(name)])
