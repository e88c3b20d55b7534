# islet: the vehicle's side as tables: pilot, cable, contactor, bounds, the lamp.
# GPL-3.0-or-later
"""Parts of docs/reference.md, from the tables that decide."""

from __future__ import annotations

from collections.abc import Iterator

from firmware import image as im
from firmware.core.limits import obedience
from firmware.core.vehicle import bounds, contactor, pilot, proximity, wear
from firmware.people import lamp
from tools.tables import markdown

# by the rows of PATTERNS
LAMP = (
    "flickers: the contactor stays closed, the plug is live",
    "quick: in 5 s the inverter supplies the house",
    "slow, half and half: the configuration has an error",
    "one blink: a protection has tripped",
    "two blinks: a fault of the charging point",
    "three blinks: another fault; page or console names it",
    "winks: the house is off the grid",
    "steady: the contactor is closed",
    "a short flash every 2 s: all is well",
)


def levels() -> Iterator[str]:
    """The pilot's levels, and the code of its duty."""
    rows = (
        (
            f"from {floor_mv} mV",
            im.PILOT_NAMES[state],
            im.PILOT_NAMES[stays] if stays != state else "",
            pilot.DEBOUNCE[state],
            text,
        )
        for floor_mv, state, stays, text in pilot.LEVELS
    )
    yield from markdown("level | state | stays if it was | steps | meaning", rows)
    yield ""
    duties = (
        (
            f"from {from_ma} mA",
            f"{base if step_ma > from_ma else f'{base} + mA / {step_ma}'} permille",
            text,
        )
        for from_ma, base, step_ma, text in pilot.DUTY
    )
    yield from markdown("offer | duty | rule", duties)


def cables() -> Iterator[str]:
    rows = (
        (f"from {ohm} ohm", f"{most_ma} mA" if most_ma >= 0 else "unknown: 0 A", text)
        for ohm, most_ma, text in proximity.LADDER
    )
    return markdown("proximity to earth | cable | meaning", rows)


def states() -> Iterator[str]:
    """The contactor's."""
    names = im.CONTACTOR_NAMES
    rows = (
        (names[state], event.__name__, names[target], text)
        for state, event, target, _, text in contactor.TABLE
    )
    return markdown("state | event | next | meaning", rows)


def rests() -> Iterator[str]:
    """Pauses of the contactor, and the accounts of its operations."""
    hour, day = wear.HOUR_MS, wear.DAY_MS
    rows = (
        ("after any opening, and a reset", f"{wear.MIN_OFF_MS // 1000} s"),
        (
            f"after one under load, or less than {wear.SOON_MS // 1000} s after it closed",
            f"the same, then twice as long each time, up to {wear.LONGEST_MS // 60_000} min",
        ),
        (
            f"after {wear.HOUR_HOLDS_MS // hour} operations in a row",
            f"one every {hour // 60_000} min",
        ),
        (f"after {wear.DAY_HOLDS_MS // day} in a day", f"one every {day // 60_000} min"),
    )
    yield from markdown("the contactor stays open | for", rows)
    yield ""
    yield (
        f"A pause is the shortest again once it was closed for {wear.GOOD_MS // 60_000} min, the "
        f"car was unplugged for {wear.UNPLUGGED_MS // 1000} s, or a person acknowledged, which "
        "also clears the hourly account."
    )


def limits() -> Iterator[str]:
    """What firmware and referee hold alike."""
    rows = (
        (name, f"{value} {unit}".rstrip(), source, text)
        for name, value, unit, source, text in bounds.BOUNDS
    )
    return markdown("bound | value | source | meaning", rows)


def patterns() -> Iterator[str]:
    """The lamp's."""
    said = zip(lamp.PATTERNS, LAMP, strict=True)
    rows = ((f"`{pattern}`", text) for (_, pattern), text in said)
    return markdown("lamp, a character is 100 ms | meaning", rows)


def escalation() -> Iterator[str]:
    """What a converter outside its grant goes through."""
    rows = ((f"{ms} ms", text) for _, ms, text in obedience.STEPS)
    yield from markdown("outside its grant for its response and | then", rows)
    minutes, again = obedience._PAUSE_MS // 60_000, obedience._AGAIN_MS // 60_000
    yield ""
    yield (
        f"Its enable is off {obedience._LATEST_MS} ms after the sample at the latest. It is tried "
        f"again after {minutes} min, then after {5 * minutes} min; the third time when a person "
        "acknowledges. An hour of obedience begins the count anew."
    )
    yield ""
    yield (
        "Where only its own report and a circuit above speak of it: delivering beyond its grant "
        "shows above. Of drawing shows that a step it reports (3 A a leg or more) does not appear "
        "above, or that the circuit is overloaded by nothing islet knows of, no other sources "
        f"being declared there: its enable falls {obedience._DOUBT_MS} ms later, once the circuit "
        f"has been steady for {obedience._STEADY_MS} ms. What falls with it, comes back with it "
        f"and falls with it again names it; else it is back at once, and not asked again for "
        f"{again} min. A draw that overloads nothing, beside a report that stands still, is not "
        "told from a load: a meter of its own finds it."
    )
