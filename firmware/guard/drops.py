# islet: what a trip drops at this site, and how the guard's table prints itself.
# GPL-3.0-or-later

from firmware.guard.kernel import GATEWAY
from firmware.image import (
    DEAD_GRID_MS,
    IN_ESTOP,
    IN_OVERTEMP,
    IN_RCD,
    OUT_BOND,
    OUT_ENABLE,
    OUTPUT_NAMES,
    OVERCURRENT_MS,
    RELAY_FEEDBACK_MS,
    TOPOLOGY,
    TRIP_HEAT,
    TRIP_NAMES,
    TRIP_RCD,
    TRIP_STOP,
)

# RCD and heat break what their own circuit carries: a gateway (T2), which may form the island,
# hangs on the charger's, so that they drop this as well.
BEHIND = (
    # trip, now, later
    (TRIP_RCD, OUT_ENABLE, OUT_BOND),
    (TRIP_HEAT, OUT_ENABLE, OUT_BOND),
)


def of(rows, site):
    """What each row of the guard's table drops at this site: now, and later."""
    now = bytearray([row[3] for row in rows])
    later = bytearray([row[4] for row in rows])
    if site[TOPOLOGY] == GATEWAY:
        for i in range(len(rows)):
            for bit, also_now, also_later in BEHIND:
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
    for bit, now, later in BEHIND:
        row = (_trip(bit), _names(now), _names(later))
        lines.append("T2: %s drops %s as well, and 100 ms later %s." % row)
    return lines


def _trip(bit):
    return TRIP_NAMES[len(bin(bit)) - 3]


def _names(bits):
    return " ".join(name for i, name in enumerate(OUTPUT_NAMES) if bits & 1 << i)
