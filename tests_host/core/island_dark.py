# islet: how long a house is dark beside a good grid, for each single false contact and each reset.
# GPL-3.0-or-later
"""`make bench ARGS=dark` prints the table; test_island_dark.py runs a part of it.

Two stories, an outage that is carried and one that ends at the reserve, each disturbed once, at
every step of 100 ms from the start on; for resets a third, of a bond that sticks and a person who
comes. Darkness counts while the house is dead and the grid has been fit for a load for 5 s; what
the undisturbed story has of it is taken off. Copper is judged at every step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from firmware import image as im
from tests_host.core.island_house import STEP_MS, House, a_site

STORIES = ("carried", "reserve", "locked")
START_MS = -3_000  # long enough before the outage to have seen the bond open
OUTAGE_MS, RESERVE_MS, BACK_MS, PERSON_MS, END_MS = 2_000, 6_000, 11_000, 17_000, 18_000
NEVER_MS = START_MS - STEP_MS
AFTER_MS = 90_000
FOREVER = -1
CONTACTS = (
    ("mirror says open", im.IN_ISLAND_OPEN, True),
    ("mirror says closed", im.IN_ISLAND_OPEN, False),
    ("bond says closed", im.IN_BOND, True),
    ("bond says open", im.IN_BOND, False),
    ("permissive says dead", im.IN_ISLAND_DEAD, True),
    ("permissive says live", im.IN_ISLAND_DEAD, False),
)
LASTS = (300, 2_000, FOREVER)
CUTS = (("reset", 300), ("two resets", 300), ("power cut 3 s", 3_000))
PINS = {("bond says closed", 2_000), ("bond says closed", FOREVER)}  # safety.md section 6
AGAIN_MS = 400  # the second of two, while the first is still finding out where it is


def most_ms(disturb: str) -> int:
    """Darkness it may cost: after a reset the grid qualifies for 5 s again."""
    return 8_000 if disturb in dict(CUTS) else 500


@dataclass
class Outcome:
    state: int  # in which it struck
    dark_ms: int  # more than without it
    lit: bool  # at the end
    unsafe: str


def tell(house: House, story: str, now_ms: int) -> None:
    """What the story has come to."""
    house.grid = im.GRID_DEAD if OUTAGE_MS <= now_ms < BACK_MS else im.GRID_IN_SERVICE
    if now_ms < RESERVE_MS:
        return
    if story == "reserve":
        house.drain(150)
    if story == "locked":
        house.stuck_bond = now_ms < PERSON_MS
        if not house.stuck_bond and house.island.state == im.ISLAND_LOCKOUT:
            house.bond = False
            house.acknowledge()


def play(
    story: str, at_ms: int, disturb: str, lasts_ms: int, states: list[int] | None = None
) -> tuple[int, int, bool, str]:
    """(state struck, darkness, lit at the end, what was unsafe); `states`: gets each step's."""
    contact = {name: (bit, level) for name, bit, level in CONTACTS}
    cut = dict(CUTS)
    house = House(a_site())
    state, unsafe, released = 0, "", False
    struck = {at_ms, at_ms + AGAIN_MS} if disturb == "two resets" else {at_ms}
    end_ms = END_MS + 10_000 if at_ms == NEVER_MS else AFTER_MS
    now_ms = START_MS
    while now_ms < end_ms:
        tell(house, story, now_ms)
        if now_ms in struck:
            state = house.island.state if now_ms == at_ms else state
            if disturb in contact:
                bit, level = contact[disturb]
                house.false[bit] = level
            else:
                house.reset(cut[disturb])
                now_ms += cut[disturb]
                tell(house, story, now_ms)
        if not released and at_ms > NEVER_MS and 0 <= lasts_ms <= now_ms - at_ms:
            house.false.clear()
            released = True
        if states is not None:
            states.append(house.island.state)
        house.run(STEP_MS)
        now_ms += STEP_MS
        if house.switch and house.bond:
            unsafe = unsafe or "switch and bond both closed"
        if house.mode == im.MODE_FORM and house.switch:
            unsafe = unsafe or "forming onto a closed switch"
        if house.mode == im.MODE_FORM and not house.bond:
            unsafe = unsafe or "forming without a bond"
        settled = house.island.state == im.ISLAND_GRID and not house.false
        if settled and now_ms > END_MS + 5_000 and released and house.house_mv():
            break
    return state, house.dark_ms, house.house_mv() > 0, unsafe


def disturbances() -> Iterator[tuple[str, int]]:
    for name, _, _ in CONTACTS:
        for lasts_ms in LASTS:
            yield name, lasts_ms
    for name, _ in CUTS:
        yield name, 0


def moments(story: str, stride_ms: int) -> Iterator[int]:
    """Every so often, and in any case the first steps of each state that the story comes to."""
    steps: list[int] = []
    play(story, NEVER_MS, "", 0, steps)
    for step, state in enumerate(steps):
        at_ms = START_MS + step * STEP_MS
        entered = step < 2 or state != steps[step - 1] or state != steps[step - 2]
        if at_ms < END_MS and (entered or step * STEP_MS % stride_ms == 0):
            yield at_ms


def measure(stride_ms: int = STEP_MS) -> dict[tuple[str, int], list[Outcome]]:
    """For every disturbance and length: what came of it, moment by moment."""
    found: dict[tuple[str, int], list[Outcome]] = {}
    for story in STORIES:
        _, usual_ms, lit, unsafe = play(story, NEVER_MS, "", 0)
        assert lit and not unsafe
        for what in disturbances():
            if story == "locked" and what[0] not in dict(CUTS):
                continue  # that would be two faults
            for at_ms in moments(story, stride_ms):
                state, dark_ms, lit, unsafe = play(story, at_ms, *what)
                outcome = Outcome(state, max(0, dark_ms - usual_ms), lit, unsafe)
                found.setdefault(what, []).append(outcome)
    return found


def contacts(found: dict[tuple[str, int], list[Outcome]]) -> Iterator[tuple[str, str, str]]:
    """Each disturbance, what came of it, and what may."""
    for (name, lasts_ms), rows in found.items():
        lasts = " for ever" if lasts_ms == FOREVER else f" for {lasts_ms / 1000:g} s"
        dark = sorted(row.dark_ms for row in rows)
        person = sum(not row.lit for row in rows)
        most = "until a person" if (name, lasts_ms) in PINS else f"{most_ms(name) / 1000:g} s"
        yield (
            name + lasts if lasts_ms else name,
            f"median {dark[len(dark) // 2] / 1000:.1f}, worst {dark[-1] / 1000:.1f} s; "
            f"{len(rows)} moments, {person} dark to the end, "
            f"{sum(bool(row.unsafe) for row in rows)} unsafe",
            most,
        )


def by_state(found: dict[tuple[str, int], list[Outcome]]) -> Iterator[tuple[str, str, str]]:
    """A reset and a power cut in each state of the transfer."""
    for cut, _ in CUTS:
        for state, name in enumerate(im.ISLAND_NAMES):
            dark = [row.dark_ms for row in found[cut, 0] if row.state == state]
            worst = f"worst {max(dark) / 1000:.1f} s" if dark else "never struck"
            yield f"{cut} in {name}", f"{worst}; {len(dark)} moments", f"{most_ms(cut) / 1000:g} s"
