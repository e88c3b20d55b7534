# islet: an exhaustive walk of the transfer (INV-5, INV-6, INV-7, INV-12).
# GPL-3.0-or-later
#
# Every reachable state of the engine x every combination of what contacts, voltages, inverter and
# grid may say at the next step, consistent or not. Time is coarse (1 s a step, time-outs cut to a
# step or two) so that the walk is finite and short; test_island.py has the true times.
from __future__ import annotations

import pytest

from firmware.core import island as island_room
from firmware.core.island import Island
from firmware.core.island_table import PERMITS, RELAY, RULES
from firmware.image import (
    ACKNOWLEDGE_SEQ,
    AGE_MAX_MS,
    FAULT_FORMING,
    GRID_ABNORMAL,
    GRID_DEAD,
    GRID_IN_SERVICE,
    GRID_LOSS_MS,
    GRID_MV,
    GRID_STATE,
    HOUSE_MV,
    IN_BOND,
    IN_ISLAND_DEAD,
    IN_ISLAND_OPEN,
    INPUTS,
    INPUTS_AGE_MS,
    INVERTER_FORM,
    INVERTER_MODE,
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
    ISLAND_UNBONDING,
    ISLAND_WISH,
    OUT_BOND,
    OUT_ENABLE,
    OUT_ISLAND,
    OUT_LOADS,
    RELAY_FEEDBACK_MS,
    SETPOINT_MODE,
    SOC_PERMILLE,
    Image,
)
from tests_host.core.island_house import LIVE_MV, a_site

STEP_MS = 1_000
INTERNAL: tuple[str, ...] = (
    "state",
    "state_ms",
    "faults",
    "permits",
    "_held",
    "_dead_ms",
    "_mismatch_ms",
    "_apart_ms",
    "_open_ms",
    "_loss_ms",
    "_ready_ms",
)


def combinations() -> list[tuple[int, ...]]:
    """(inputs, house_mv, mode, grid state, soc, acknowledged, wish, age of the contacts)"""
    return [
        (opened | bond | dead, house_mv, mode, grid, soc, acknowledged, wish, age_ms)
        for opened in (0, IN_ISLAND_OPEN)
        for bond in (0, IN_BOND)
        for dead in (0, IN_ISLAND_DEAD)
        for house_mv in (0, LIVE_MV)
        for mode in (INVERTER_STOP, INVERTER_FORM)
        for grid in (GRID_DEAD, GRID_ABNORMAL, GRID_IN_SERVICE)
        for soc in (100, 900)
        for acknowledged in (0, 1)
        for wish in (-1, 0, 1)
        for age_ms in (0, AGE_MAX_MS)
        # the rare ones only one at a time
        if (soc == 100) + acknowledged + (wish != 0) + (age_ms > 0) <= 1
    ]


def shortened(rules: tuple) -> tuple:
    def cut(after_ms: int) -> int:
        return after_ms if after_ms in (0, RELAY) else STEP_MS

    return tuple((row[0], cut(row[1]), *row[2:]) for row in rules)


def breaches(before: dict[str, int], image: Image, island: Island, ready_before: int) -> list[str]:
    """What the invariants forbid in one step, judged by the contacts of that step."""
    readings, permits = image.readings, island.permits
    opened = readings[INPUTS] & IN_ISLAND_OPEN != 0
    bond = readings[INPUTS] & IN_BOND != 0
    dead = readings[HOUSE_MV] == 0 and readings[INPUTS] & IN_ISLAND_DEAD != 0
    forming = readings[INVERTER_MODE] == INVERTER_FORM
    raised = permits & ~before["permits"]
    lowered = before["permits"] & ~permits
    found = []
    if permits & OUT_ENABLE and readings[INPUTS_AGE_MS]:
        found.append("INV-5: enabled on stale feedback")
    if permits & OUT_ENABLE:
        if image.commands[SETPOINT_MODE] == INVERTER_FORM:
            if not opened or not bond:
                found.append("INV-5: forming enabled without open poles and bond")
            if raised & OUT_ENABLE and not dead:
                found.append("INV-5: forming started on a live island")
            if permits & OUT_LOADS:
                found.append("INV-5: loads not shed")
        elif opened or bond or forming:
            found.append("INV-5: enabled on the grid with a switch not closed, a bond or forming")
        elif image.commands[GRID_STATE] != GRID_IN_SERVICE:
            found.append("INV-5: enabled towards a grid that is not there")
    if permits & OUT_ENABLE and island.faults & FAULT_FORMING:
        found.append("INV-5: enabled after a failure that nobody has acknowledged")
    if permits & OUT_BOND and not opened:
        found.append("INV-6: bond permitted while the switch is not proved open")
    if permits & OUT_ISLAND and bond:
        found.append("INV-6: switch permitted while the bond is closed")
    if permits & OUT_BOND and permits & OUT_ISLAND:
        found.append("INV-6: both permitted")
    if raised & OUT_BOND and not dead and before["state"] != ISLAND_SENSING:
        held = before["state"] == ISLAND_LOCKOUT and island.state == ISLAND_SENSING
        if not held and not (island.state == ISLAND_SENSING and bond):
            found.append("INV-5: bond closed on a live island")
    if lowered & OUT_BOND and opened and bond and not dead and forming:
        found.append("INV-6: bond dropped under a source that forms")
    if raised & OUT_ISLAND and before["state"] != ISLAND_SENSING:
        # after an acknowledgement the mirror may be broken, or the switch welded to a live grid
        acknowledged = before["state"] == ISLAND_LOCKOUT and not opened
        live = readings[HOUSE_MV] > 0 and readings[GRID_MV] > 0
        welded = acknowledged and live and not bond and not forming
        if not welded and (not dead or bond or forming or not (opened or acknowledged)):
            found.append("INV-7: closing without dead, unbonded island and stopped sources")
        if ready_before + STEP_MS < 2 * STEP_MS:
            found.append("INV-7: closing before the grid is qualified")
    carried = readings[HOUSE_MV] > 0 and readings[GRID_MV] > 0 and not bond and not forming
    if lowered & OUT_ISLAND and carried and before["state"] in (ISLAND_GRID, ISLAND_LOCKOUT):
        # an acknowledgement leads to sensing, which holds what the contacts say
        found.append("LIGHT: a house that the grid carries goes dark")
    if island.state == ISLAND_SENSING and not readings[INPUTS_AGE_MS]:
        if bool(permits & OUT_ISLAND) != (not opened):
            found.append("INV-12: sensing moved the switch")
        if bool(permits & OUT_BOND) != (bond and opened):
            found.append("INV-12: sensing moved the bond")
    return found


def walk(rules: tuple = RULES, permits: tuple = PERMITS) -> tuple[set[int], list[str]]:
    """Visit everything reachable; returns the states seen and the first breaches."""
    image = a_site()
    image.site[GRID_LOSS_MS] = STEP_MS
    image.site[RELAY_FEEDBACK_MS] = 2 * STEP_MS
    island = Island(image, shortened(rules), permits)
    caps = {"state_ms": 2 * STEP_MS, "_dead_ms": STEP_MS, "_mismatch_ms": 2 * STEP_MS,
            "_open_ms": 2 * STEP_MS, "_loss_ms": STEP_MS, "_ready_ms": 2 * STEP_MS,
            "_apart_ms": 2 * STEP_MS}  # fmt: skip
    start = tuple(getattr(island, name) for name in INTERNAL)
    seen, todo, states = {start}, [start], {ISLAND_SENSING}
    found: list[str] = []
    rows = combinations()
    ready_at = INTERNAL.index("_ready_ms")
    while todo and not found:
        before = todo.pop()
        origin: dict[str, int] = dict(zip(INTERNAL, before, strict=True))
        for inputs, house_mv, mode, grid, soc, acknowledged, wish, age_ms in rows:
            for name, value in origin.items():
                setattr(island, name, value)
            island._acknowledged_seq = 0
            image.requests[ACKNOWLEDGE_SEQ] = acknowledged
            image.requests[ISLAND_WISH] = wish
            image.readings[INPUTS] = inputs
            image.readings[INPUTS_AGE_MS] = age_ms
            image.readings[HOUSE_MV] = house_mv
            image.readings[GRID_MV] = 0 if grid == GRID_DEAD else LIVE_MV
            image.readings[INVERTER_MODE] = mode
            image.readings[SOC_PERMILLE] = soc
            image.commands[GRID_STATE] = grid
            island.step(STEP_MS)
            for breach in breaches(origin, image, island, before[ready_at]):
                found.append(
                    f"{breach}: {ISLAND_NAMES[origin['state']]} -> {ISLAND_NAMES[island.state]}"
                )
            island.faults &= FAULT_FORMING  # the only one a rule asks about
            after = tuple(
                min(getattr(island, name), caps.get(name, AGE_MAX_MS)) for name in INTERNAL
            )
            states.add(island.state)
            if after not in seen:
                seen.add(after)
                todo.append(after)
    print(f"{len(seen)} states x {len(rows)} feedbacks")
    return states, found


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_READY_MS", "_STABLE_MS", "_MATCH_MS"):
        monkeypatch.setattr(island_room, name, 2 * STEP_MS)


def test_walk_of_every_state_and_feedback() -> None:
    """INV-5, INV-6, INV-7, INV-12 in every reachable state under every feedback."""
    states, found = walk()
    assert found == []
    assert states == set(range(len(ISLAND_NAMES)))


def without(rows: tuple, states: tuple[int, ...], *facts: str) -> tuple:
    """The table with some facts struck out of the conditions of some states."""
    edited = []
    for row in rows:
        at = 2
        if row[0] in states:
            words = [word for word in row[at].split() if word not in facts]
            row = (*row[:at], " ".join(words), *row[at + 1 :])
        edited.append(row)
    return tuple(edited)


def dropped(rows: tuple, state: int, condition: str) -> tuple:
    left = tuple(row for row in rows if not (row[0] == state and row[2] == condition))
    assert len(left) < len(rows), "the mistake must change the table"
    return left


def mistakes() -> dict[str, tuple[tuple, tuple, str]]:
    """name -> (rules, permits, what must be found)"""
    islanded = (ISLAND_STARTING, ISLAND_ISLANDED)
    closing = (ISLAND_DARK, ISLAND_UNBONDING, ISLAND_CLOSING)
    rules_bond = dropped(dropped(RULES, ISLAND_STARTING, "-bonded"), ISLAND_ISLANDED, "-bonded")
    rules_open = dropped(dropped(RULES, ISLAND_STARTING, "-open"), ISLAND_ISLANDED, "-open")
    return {
        "bond loss ignored": (rules_bond, without(PERMITS, islanded, "bonded"), "INV-5"),
        "poles not watched": (rules_open, without(PERMITS, islanded, "open"), "INV-5"),
        "starts on a live island": (
            without(RULES, (ISLAND_OPENING, ISLAND_BONDING), "dead", "-dead"), PERMITS, "INV-5"),
        "enable on an open switch": (RULES, without(PERMITS, (ISLAND_GRID,), "closed"), "INV-5"),
        "enable towards a dead grid": (RULES, without(PERMITS, (ISLAND_GRID,), "served"), "INV-5"),
        "loads stay on": (RULES, without(PERMITS, (ISLAND_ISLANDED,), "-shed"), "INV-5"),
        "bond not last": (RULES, dropped(PERMITS, ISLAND_LOCKOUT, "held open -dead"), "INV-6"),
        "unbonds while live": (without(RULES, (ISLAND_ENDING,), "dead", "-forming"), PERMITS,
                               "INV-6"),
        "closes on the bond": (
            without(dropped(RULES, ISLAND_CLOSING, "bond"), closing, "-bond"),
            without(PERMITS, (ISLAND_CLOSING,), "-bond"), "INV-6"),
        "closes unqualified": (without(RULES, closing, "ready"), PERMITS, "INV-7"),
        "closes on a live island": (without(RULES, closing, "dead"),
                                    without(PERMITS, (ISLAND_CLOSING,), "dead"), "INV-7"),
        "an acknowledgement closes": (
            (*(row for row in RULES if row[0] != ISLAND_LOCKOUT),
             (ISLAND_LOCKOUT, 0, "fresh acknowledged -forming -open -bond", ISLAND_SENSING, 0)),
            PERMITS, "INV-7"),
        "forms again after a failure": (
            without(RULES, (ISLAND_GRID, ISLAND_DARK), "-failed"), PERMITS, "INV-5"),
        "enabled on the grid after a failure": (
            RULES, without(PERMITS, (ISLAND_GRID,), "-failed"), "INV-5"),
        "believes a stuck mirror": (
            RULES, dropped(PERMITS, ISLAND_LOCKOUT, "held -apart -bond -forming"), "LIGHT"),
        "stale feedback trusted": (
            dropped(dropped(RULES, ISLAND_STARTING, "-fresh"), ISLAND_ISLANDED, "-fresh"),
            without(PERMITS, islanded, "fresh"), "INV-5"),
        "reset opens the switch": (RULES, dropped(PERMITS, ISLAND_SENSING, "heard -open"),
                                   "INV-12"),
        "reset closes the switch": (RULES, without(PERMITS, (ISLAND_SENSING,), "-open"), "INV-12"),
    }  # fmt: skip


@pytest.mark.parametrize("name", mistakes())
def test_walk_catches_the_planted_mistake(name: str) -> None:
    rules, permits, invariant = mistakes()[name]
    _, found = walk(rules, permits)
    assert any(breach.startswith(invariant) for breach in found), found[:3]
