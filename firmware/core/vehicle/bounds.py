# islet: what the vehicle's side must hold, as numbers with where they come from.
# GPL-3.0-or-later
#
# One table for firmware and referee, which share no code: tools/twin/referee/bounds.json is the
# referee's copy, and a test compares both. Where no clause could be read, the stricter of the two
# bounds that were in use stands, marked unread.

from firmware.core.vehicle import draw, pen, wear

BOUNDS = (
    # name, value, unit, source, meaning
    (
        "left_c_d_ms",
        100,
        "ms",
        "IEC 61851-1 A.6 seq. 8.1, second-hand",
        "car not in C or D, or pilot lost: main contacts open",
    ),
    ("unventilated_ms", 100, "ms", "unread", "D without ventilation: main contacts open"),
    ("diode_lost_ms", 100, "ms", "unread", "diode lost under PWM: main contacts open"),
    (
        "emptying_ms",
        6_000,
        "ms",
        "IEC 61851-1 seq. 10.2, second-hand",
        "a car that does not stop: forced open under load",
    ),
    ("unplugged_ms", 100, "ms", "safety.md", "A for so long ends authorisation and session"),
    (
        "pen_ms",
        5_000,
        "ms",
        "BS 7671 722.411.4.1, second-hand",
        "a leg outside the band: main contacts open",
    ),
    (
        "pen_low_permille",
        pen.LOW_PERMILLE,
        "permille",
        "the same",
        "of nominal: the band's lower end",
    ),
    ("pen_high_permille", pen.HIGH_PERMILLE, "permille", "the same", "and its upper end"),
    (
        "cable_permille",
        1000 + 1000 // draw.CABLE_SHARE,
        "permille",
        "unread",
        "of the cable's rating: most that may flow on",
    ),
    ("refusals", draw.REFUSALS, "", "safety.md", "stops ignored under load until it stays off"),
    (
        "operations_hour",
        2 * wear.HOUR_HOLDS_MS // wear.HOUR_MS,
        "",
        "islet's own",
        "most closings in any hour",
    ),
    (
        "operations_day",
        2 * wear.DAY_HOLDS_MS // wear.DAY_MS,
        "",
        "islet's own",
        "most closings in any day",
    ),
)
