# islet: the grid's side and the guard as tables: trips, ways out, the island.
# GPL-3.0-or-later
"""Parts of docs/reference.md, from the tables that decide."""

from __future__ import annotations

from collections.abc import Iterator

from firmware import guard
from firmware import image as im
from firmware.core.grid import island_limits, island_table, recovery
from firmware.guard import drops
from tools.tables import markdown

AFTER = {  # confirmation times that the site declares
    im.POINT_OVERCURRENT_MS: "POINT_OVERCURRENT_MS",
    im.DEAD_GRID_MS: "DEAD_GRID_MS",
    im.RELAY_FEEDBACK_MS: "RELAY_FEEDBACK_MS",
}
ACTS = {
    island_limits.SHED: "sheddable loads go",
    island_limits.WILD: "stop, a person",
    island_limits.SHORT: "stop, once more",
}


def named(names: tuple[str, ...], bits: int) -> str:
    return " ".join(name for i, name in enumerate(names) if bits & 1 << i)


def trips() -> Iterator[str]:
    rows = (
        (
            named(im.TRIP_NAMES, bit),
            cause.__name__,
            AFTER.get(-confirm_ms, f"{confirm_ms} ms"),
            named(im.OUTPUT_NAMES, now),
            named(im.OUTPUT_NAMES, later),
            text,
        )
        for bit, cause, confirm_ms, now, later, text in guard.TABLE
        if not bit >> im.TRIP_SHIFT  # a further point's is the first one's
    )
    yield from markdown("trip | cause | after | drops | 100 ms later | meaning", rows)
    yield ""
    for bit, _, now, later in drops.BEHIND:
        trip, also, then = (
            named(im.TRIP_NAMES, bit),
            named(im.OUTPUT_NAMES, now),
            named(im.OUTPUT_NAMES, later),
        )
        yield f"Where it breaks the enable: {trip} drops {also} as well, 100 ms later {then}."


def ways_out() -> Iterator[str]:
    rows = (
        (
            named(im.TRIP_NAMES, bit),
            text,
            f"{for_ms} ms",
            "a person acknowledged" if needs_person else "",
        )
        for bit, _, for_ms, needs_person, text in recovery.TABLE
    )
    return markdown("trip | clears when | for | and", rows)


def island() -> Iterator[str]:
    """Facts, permits, rules and causes of the transfer."""
    names = im.ISLAND_NAMES
    facts = (row for rows in (island_table.INSTRUMENTS, island_table.JUDGEMENTS) for row in rows)
    yield from markdown("fact | meaning", facts)
    yield ""
    permits = (
        (names[state], named(im.OUTPUT_NAMES, output), text or "always")
        for state, output, text in island_table.PERMITS
    )
    yield from markdown("state | output | permitted while", permits)
    yield ""
    rules = (
        (names[state], waited(after_ms), text or "always", names[following], why)
        for state, after_ms, text, following, why in island_table.RULES
    )
    yield from markdown("state | after | when | next | cause", rules)
    yield ""
    causes = (
        (
            name,
            named(im.FAULT_NAMES, fault) if fault > 0 else "",
            weight if weight >= 0 else "clears",
            text,
        )
        for name, fault, weight, text in island_table.CAUSES[1:]
    )
    yield from markdown(f"cause | fault | weight of {island_table.TRIES} tries | meaning", causes)


def waited(after_ms: int) -> str:
    if after_ms == island_table.RELAY:
        return "relay feedback"
    return f"{after_ms} ms" if after_ms else ""


def island_bounds() -> Iterator[str]:
    """What ends an island, or sheds in it."""
    rows = (
        (
            text,
            f"{for_ms} ms",
            "first good voltage" if later else "enable",
            ACTS.get(act, "stop, up to three times more"),
        )
        for _, _, for_ms, later, act, text in island_limits.LIMITS
    )
    return markdown("limit | for | from | then", rows)
