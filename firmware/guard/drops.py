# islet: what a trip drops at this site, and how the guard's table prints itself.
# GPL-3.0-or-later

from firmware.image import (
    DEAD_GRID_MS,
    ENABLE_INPUTS,
    IN_ESTOP,
    IN_OVERTEMP,
    IN_RCD,
    OUT_BOND,
    OUT_ENABLE,
    OUTPUT_NAMES,
    OVERCURRENT_MS,
    RELAY_FEEDBACK_MS,
    TRIP_HEAT,
    TRIP_NAMES,
    TRIP_RCD,
    TRIP_STOP,
)

# RCD and heat break what their own circuit carries. Where the circuit board declares that they
# break the enable too (what forms the island is behind them), they drop this as well.
BEHIND = (
    # trip, input, now, later
    (TRIP_RCD, IN_RCD, OUT_ENABLE, OUT_BOND),
    (TRIP_HEAT, IN_OVERTEMP, OUT_ENABLE, OUT_BOND),
)


def of(rows, site):
    """What each row of the guard's table drops at this site: now, and later."""
    now = bytearray([row[3] for row in rows])
    later = bytearray([row[4] for row in rows])
    for bit, contact, also_now, also_later in BEHIND:
        if site[ENABLE_INPUTS] & contact:
            for i in range(len(rows)):
                if rows[i][0] == bit:
                    now[i] |= also_now
                    later[i] |= also_later
    return now, later


def protection_trip(inputs):
    """TRIP_* of the protective inputs (IN_*) that are there, 0 if none is; allocates nothing."""
    if inputs & IN_ESTOP:
        return TRIP_STOP
    if inputs & IN_RCD:
        return TRIP_RCD
    return TRIP_HEAT if inputs & IN_OVERTEMP else 0


def table(rows):
    """The trips as lines of markdown."""
    fields = {
        OVERCURRENT_MS: "OVERCURRENT_MS",
        DEAD_GRID_MS: "DEAD_GRID_MS",
        RELAY_FEEDBACK_MS: "RELAY_FEEDBACK_MS",
    }
    lines = [
        "| trip | cause | after | drops | 100 ms later | meaning |",
        "|---|---|---|---|---|---|",
    ]
    for bit, cause, confirm_ms, now, later, text in rows:
        after = fields.get(-confirm_ms) or "%d ms" % confirm_ms
        row = (_trip(bit), cause.__name__, after, _names(now), _names(later), text)
        lines.append("| %s | %s | %s | %s | %s | %s |" % row)
    lines.append("")
    for bit, _, now, later in BEHIND:
        row = (_trip(bit), _names(now), _names(later))
        lines.append("Where it breaks the enable: %s drops %s as well, 100 ms later %s." % row)
    return lines


def _trip(bit):
    return TRIP_NAMES[len(bin(bit)) - 3]


def _names(bits):
    return " ".join(name for i, name in enumerate(OUTPUT_NAMES) if bits & 1 << i)
