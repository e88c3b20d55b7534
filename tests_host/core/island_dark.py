# islet: how long a house is dark beside a good grid, for each single false contact and each reset.
# GPL-3.0-or-later
"""`python -m tests_host.core.island_dark` prints the table; test_island_dark.py runs a part of it.

Two stories, an outage that is carried and one that ends at the reserve, each disturbed once, at
every step of 100 ms. Darkness counts while the house is dead and the grid has been fit for a load
for 5 s; what the undisturbed story has of it is taken off. Copper is judged at every step.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from firmware.image import (
    GRID_DEAD,
    GRID_IN_SERVICE,
    IN_BOND,
    IN_ISLAND_DEAD,
    IN_ISLAND_OPEN,
    INVERTER_FORM,
    ISLAND_GRID,
    ISLAND_NAMES,
)
from tests_host.core.island_house import STEP_MS, House, a_site

STORIES = ("carried", "reserve")
OUTAGE_MS, RESERVE_MS, BACK_MS, END_MS = 2_000, 6_000, 11_000, 18_000
AFTER_MS = 90_000
FOREVER = -1
CONTACTS = (
    ("mirror says open", IN_ISLAND_OPEN, True),
    ("mirror says closed", IN_ISLAND_OPEN, False),
    ("bond says closed", IN_BOND, True),
    ("bond says open", IN_BOND, False),
    ("permissive says dead", IN_ISLAND_DEAD, True),
    ("permissive says live", IN_ISLAND_DEAD, False),
)
LASTS = (300, 2_000, FOREVER)
CUTS = (("reset", 300), ("power cut 3 s", 3_000))


@dataclass
class Outcome:
    state: int  # in which it struck
    dark_ms: int  # more than without it
    lit: bool  # at the end
    unsafe: str


def play(story: str, at_ms: int, disturb: str, lasts_ms: int) -> tuple[int, int, bool, str]:
    """(state struck, darkness, lit at the end, what was unsafe)"""
    contact = {name: (bit, level) for name, bit, level in CONTACTS}
    cut = dict(CUTS)
    house = House(a_site())
    house.run(3_000)  # long enough to have seen the bond open
    house.trace.clear()
    state, unsafe, released = 0, "", False
    end_ms = AFTER_MS if at_ms >= 0 else END_MS + 10_000
    now_ms = 0
    while now_ms < max(end_ms, END_MS):
        if now_ms == OUTAGE_MS:
            house.grid = GRID_DEAD
        if now_ms == BACK_MS:
            house.grid = GRID_IN_SERVICE
        if story == "reserve" and now_ms == RESERVE_MS:
            house.drain(150)
        if now_ms == at_ms:
            state = house.island.state
            if disturb in contact:
                bit, level = contact[disturb]
                house.false[bit] = level
            else:
                house.reset(cut[disturb])
                now_ms += cut[disturb] // STEP_MS * STEP_MS
                if at_ms < BACK_MS <= now_ms:
                    house.grid = GRID_IN_SERVICE
                if at_ms < OUTAGE_MS <= now_ms:
                    house.grid = GRID_DEAD
        if not released and at_ms >= 0 and lasts_ms >= 0 and now_ms >= at_ms + lasts_ms:
            house.false.clear()
            released = True
        house.run(STEP_MS)
        now_ms += STEP_MS
        if house.switch and house.bond:
            unsafe = unsafe or "switch and bond both closed"
        if house.mode == INVERTER_FORM and house.switch:
            unsafe = unsafe or "forming onto a closed switch"
        if house.mode == INVERTER_FORM and not house.bond:
            unsafe = unsafe or "forming without a bond"
        settled = house.island.state == ISLAND_GRID and not house.false
        if settled and now_ms > END_MS + 5_000 and released and house.house_mv():
            break
    return state, house.dark_ms, house.house_mv() > 0, unsafe


def disturbances() -> Iterator[tuple[str, int]]:
    for name, _, _ in CONTACTS:
        for lasts_ms in LASTS:
            yield name, lasts_ms
    for name, _ in CUTS:
        yield name, 0


def measure(stride_ms: int = STEP_MS) -> dict[tuple[str, int], list[Outcome]]:
    """For every disturbance and length: what came of it, moment by moment."""
    found: dict[tuple[str, int], list[Outcome]] = {}
    for story in STORIES:
        _, usual_ms, lit, unsafe = play(story, -1, "", 0)
        assert lit and not unsafe
        for what in disturbances():
            for at_ms in range(0, END_MS, stride_ms):
                state, dark_ms, lit, unsafe = play(story, at_ms, *what)
                outcome = Outcome(state, max(0, dark_ms - usual_ms), lit, unsafe)
                found.setdefault(what, []).append(outcome)
    return found


def table(found: dict[tuple[str, int], list[Outcome]]) -> Iterator[str]:
    yield "| disturbance | lasts | moments | states | median s | worst s | in | dark at the end |"
    yield "|---|---|---|---|---|---|---|---|"
    for (name, lasts_ms), rows in found.items():
        lasts = "for ever" if lasts_ms == FOREVER else f"{lasts_ms / 1000:g} s" if lasts_ms else ""
        dark = sorted(row.dark_ms for row in rows)
        worst = max(rows, key=lambda row: row.dark_ms)
        yield (
            f"| {name} | {lasts} | {len(rows)} | {len({row.state for row in rows})} |"
            f" {dark[len(dark) // 2] / 1000:.1f} | {dark[-1] / 1000:.1f} |"
            f" {ISLAND_NAMES[worst.state]} | {sum(not row.lit for row in rows)} |"
        )


def main() -> None:
    stride_ms = int(sys.argv[1]) if len(sys.argv) > 1 else STEP_MS
    found = measure(stride_ms)
    for line in table(found):
        print(line)
    rows = [row for outcomes in found.values() for row in outcomes]
    print(f"{len(rows)} runs, unsafe {sum(bool(row.unsafe) for row in rows)}")
    for what, outcomes in found.items():
        for row in outcomes:
            if row.unsafe:
                print(what, ISLAND_NAMES[row.state], row.unsafe)


if __name__ == "__main__":
    main()
