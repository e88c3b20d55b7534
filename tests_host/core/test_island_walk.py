# islet: the exhaustive walk of the transfer, and mistakes planted in its tables.
# GPL-3.0-or-later
from __future__ import annotations

import random

import numpy as np
import pytest

from firmware import image as im
from firmware.core.grid.island import Island
from firmware.core.grid.island_table import INSTRUMENTS, JUDGEMENTS, PERMITS, RULES
from tests_host.core.island_house import a_site
from tests_host.core.island_walk import Rows, Table, Walk


def test_walk_of_every_state_and_every_consistent_set_of_facts() -> None:
    """INV-5, 6, 7, 12, 18 and every "until a person", in every reachable state."""
    walk = Walk()
    assert walk.run() == []
    assert {state for state, _ in walk.seen} == set(range(len(im.ISLAND_NAMES)))
    print(f"{len(walk.seen)} pairs of state and outputs, {walk.sets:,} sets of facts")
    assert walk.sets > 2_000_000


def test_the_walk_steps_as_the_engine_does() -> None:
    """The same answer as Island for random facts, in every state."""
    dice = random.Random(1)
    table = Table(RULES, PERMITS)
    island = Island(a_site())
    for _ in range(4_000):
        state, permits = dice.randrange(len(im.ISLAND_NAMES)), dice.randrange(32)
        elapsed_ms = dice.choice([0, 500, 3_000, 10_000, 20_000])
        seen = dice.getrandbits(len(INSTRUMENTS)) | dice.getrandbits(len(INSTRUMENTS))
        made = dice.getrandbits(len(JUDGEMENTS)) & dice.getrandbits(len(JUDGEMENTS))
        island.state, island.state_ms, island.permits = state, elapsed_ms, permits
        island.judge.faults = (1 << 30) - 1 if made & 1 else 0
        island._follow(seen, made)
        island._permit(seen, made)
        if island.judge.faults == 0 and made & 1:
            continue  # cleared in its own state: the walk leaves that out
        following, after = table.step(
            state, permits, elapsed_ms, np.array([seen], np.int32), np.array([made], np.int32)
        )
        if following[0] == state == island.state:
            assert after[0] == island.permits
        elif island.state != state:
            assert (following[0], after[0]) == (island.state, island.permits)


# --- planted mistakes ---------------------------------------------------------------------------


def without(rows: Rows, states: tuple[int, ...], *facts: str) -> Rows:
    """The table with some facts struck out of the conditions of some states."""
    edited = []
    for row in rows:
        if row[0] in states:
            words = [word for word in row[2].split() if word not in facts]
            row = (*row[:2], " ".join(words), *row[3:])
        edited.append(row)
    assert tuple(edited) != rows, "the mistake must change the table"
    return tuple(edited)


def dropped(rows: Rows, state: int, *conditions: str) -> Rows:
    left = tuple(row for row in rows if not (row[0] == state and row[2] in conditions))
    assert len(left) <= len(rows) - len(conditions), "the mistake must change the table"
    return left


def added(rows: Rows, *more: tuple) -> Rows:
    return (*more, *rows)


FORMS = (im.ISLAND_STARTING, im.ISLAND_ISLANDED)
BACK = (im.ISLAND_DARK, im.ISLAND_UNBONDING, im.ISLAND_CLOSING)


def mistakes() -> dict[str, tuple[Rows, Rows, str]]:
    """name -> (rules, permits, what must be found)"""
    enable = {
        fact: (dropped(RULES, im.ISLAND_STARTING, f"-{fact}"), fact)
        for fact in ("open", "bonded", "fresh", "reserve", "plugged")
    }
    proofs = {
        f"{fact} not watched while forming": (
            dropped(rules, im.ISLAND_ISLANDED, f"-{fact}"),
            without(PERMITS, FORMS, fact),
            "INV-5",
        )
        for fact, (rules, _) in enable.items()
    }
    ends = {
        f"goes on though {fact}": (
            dropped(dropped(RULES, im.ISLAND_STARTING, fact), im.ISLAND_ISLANDED, fact),
            without(PERMITS, FORMS, f"-{fact}"),
            "INV-5",
        )
        for fact in ("flows", "follows", "cut", "loosened", "wild", "short")
    }
    return (
        proofs
        | ends
        | {
            "starts on a live island": (
                without(RULES, (im.ISLAND_OPENING, im.ISLAND_BONDING), "dead", "-dead"),
                without(PERMITS, (im.ISLAND_STARTING,), "dead"),
                "INV-5",
            ),
            "starts with a leg unproved": (
                without(RULES, (im.ISLAND_OPENING, im.ISLAND_BONDING, im.ISLAND_DARK), "split"),
                without(PERMITS, (im.ISLAND_STARTING,), "split"),
                "INV-5",
            ),
            "enable comes back within an island": (
                RULES,
                without(PERMITS, (im.ISLAND_ISLANDED,), "kept"),
                "INV-5",
            ),
            "enable on an open switch": (
                RULES,
                without(PERMITS, (im.ISLAND_GRID,), "-gone"),
                "INV-5",
            ),
            "enable begun in a glitch of the bond": (
                RULES,
                without(PERMITS, (im.ISLAND_GRID,), "-bond"),
                "INV-5",
            ),
            "enable towards a dead grid": (
                RULES,
                without(PERMITS, (im.ISLAND_GRID,), "served"),
                "INV-5",
            ),
            "enable beside a bond that reads closed": (
                RULES,
                without(PERMITS, (im.ISLAND_GRID,), "-stuck"),
                "INV-5",
            ),
            "enabled on the grid after a failure": (
                RULES,
                without(PERMITS, (im.ISLAND_GRID,), "-failed"),
                "INV-5",
            ),
            "loads whatever there is": (
                RULES,
                without(PERMITS, (im.ISLAND_ISLANDED,), "room"),
                "INV-5",
            ),
            "forms again after a failure": (
                without(RULES, (im.ISLAND_DARK, im.ISLAND_OPENING), "-failed"),
                PERMITS,
                "INV-5",
            ),
            "the bond goes with the enable": (
                RULES,
                dropped(PERMITS, im.ISLAND_ENDING, "kept -settled"),
                "INV-18",
            ),
            "unbonds while live": (
                without(RULES, (im.ISLAND_ENDING,), "dead", "idle"),
                PERMITS,
                "INV-18",
            ),
            "a live house in the dark loses its bond": (
                RULES,
                dropped(PERMITS, im.ISLAND_DARK, "kept open -dead -idle -locked"),
                "INV-18",
            ),
            "the bond stays on a switch not open": (
                RULES,
                without(PERMITS, (im.ISLAND_ENDING,), "open", "-settled"),
                "INV-6",
            ),
            "bonds a house that is not proved apart": (
                RULES,
                without(PERMITS, (im.ISLAND_DARK,), "lonely"),
                "INV-",
            ),
            "closes on the bond": (
                without(dropped(RULES, im.ISLAND_CLOSING, "bond"), BACK, "-bond"),
                without(PERMITS, (im.ISLAND_CLOSING,), "-bond"),
                "INV-",
            ),
            "a bond that may be welded is no matter": (
                dropped(RULES, im.ISLAND_GRID, "heard stuck -proved", "heard stuck"),
                PERMITS,
                "INV-6",
            ),
            "closes unqualified": (without(RULES, BACK, "ready"), PERMITS, "INV-7"),
            "closes on a live island": (
                without(RULES, BACK, "dead", "idle"),
                without(PERMITS, (im.ISLAND_CLOSING,), "dead", "idle"),
                "INV-",
            ),
            "closes under a source that forms": (
                without(RULES, BACK, "-forming"),
                without(PERMITS, (im.ISLAND_CLOSING,), "-forming"),
                "INV-7",
            ),
            "closes in its pause": (without(RULES, BACK, "-holds"), PERMITS, "INV-7"),
            "a lockout lets itself out": (
                without(RULES, (im.ISLAND_LOCKOUT,), "acknowledged"),
                PERMITS,
                "person",
            ),
            "what pins is not asked": (
                without(
                    dropped(RULES, im.ISLAND_DARK, "pinned"), (im.ISLAND_UNBONDING,), "-pinned"
                ),
                PERMITS,
                "person",
            ),
            "a source without enable is left to it": (
                dropped(RULES, im.ISLAND_GRID, "capable unruly"),
                PERMITS,
                "person",
            ),
            "closes against what holds the switch open": (
                dropped(RULES, im.ISLAND_CLOSING, "unruly"),
                PERMITS,
                "person",
            ),
            "begins to close against it": (
                without(RULES, (im.ISLAND_UNBONDING,), "-unruly"),
                PERMITS,
                "person",
            ),
            "believes a stuck mirror": (
                added(RULES, (im.ISLAND_GRID, 0, "gone", im.ISLAND_DARK, "closing")),
                PERMITS,
                "LIGHT",
            ),
            "a glitch of the mirror opens": (
                RULES,
                (
                    *(row for row in PERMITS if row[:2] != (im.ISLAND_GRID, im.OUT_ISLAND)),
                    (im.ISLAND_GRID, im.OUT_ISLAND, "-open"),
                ),
                "INV-6",
            ),
            "a glitch of the bond opens": (
                added(RULES, (im.ISLAND_GRID, 0, "bond", im.ISLAND_LOCKOUT, "stuck_bond")),
                PERMITS,
                "LIGHT",
            ),
            "reset opens the switch": (
                RULES,
                dropped(PERMITS, im.ISLAND_SENSING, "heard -open"),
                "INV-12",
            ),
            "reset closes the switch": (
                RULES,
                without(PERMITS, (im.ISLAND_SENSING,), "-open"),
                "INV-",
            ),
            "an idle state enables": (
                RULES,
                added(PERMITS, (im.ISLAND_STOPPING, im.OUT_ENABLE, "fresh")),
                "INV-5",
            ),
            "bonds in a state of the grid": (
                RULES,
                added(PERMITS, (im.ISLAND_STOPPING, im.OUT_BOND, "")),
                "INV-6",
            ),
        }
    )


@pytest.mark.parametrize("name", mistakes())
def test_walk_catches_the_planted_mistake(name: str) -> None:
    rules, permits, invariant = mistakes()[name]
    edited = {row[0] for row in set(rules) ^ set(RULES) | set(permits) ^ set(PERMITS)}
    found = Walk(rules, permits).run(tuple(edited))
    assert any(breach.startswith(invariant) for breach in found), found[:3]
