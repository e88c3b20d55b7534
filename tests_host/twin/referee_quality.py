# islet: for the referee's rules about voltages: wrong, and nearly so.
# GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from tests_host.twin.referee_kit import FORMING, Timeline, at, case, commands, counted, dead
from tests_host.twin.referee_table import Row
from tools.twin.referee import quality
from tools.twin.scenario import Event

ISLAND = case(islandable=True)
CHIP = case(islandable=True, delay_s=(0.15, 0.84))
STUCK = case(islandable=True, events=(Event(0, "set", "relays.island.welded", True),))
UPSET = {"house_l1_v": 270.0, "house_l2_v": 190.0}
AS, ASKED = {"image": commands()}, {"image": commands(ACKNOWLEDGE_SEQ=1)}
OPEN = {"island_closed": False, **dead(), **AS}


def closing(first_s: float, last_s: float) -> list[tuple[float, dict[str, Any]]]:
    """Open until 5 s, then closed, and no neutral."""
    return [*at(0, 5, **OPEN), *at(first_s, last_s, **UPSET, **AS)]


def tied(name: str, last_s: float, on_s: float = 1e9, every_s: float = 1e9) -> Timeline:
    """The same on the grid."""
    on_grid = {"inverter.mode": "off", "island_closed": True, "grid_present": True}
    return counted(name, last_s, on_s, every_s, **on_grid)


def tries(many: int) -> Timeline:
    """Slow for 2.1 s, and 8 s later once more."""
    for k in range(many):
        yield from at(k * 10, k * 10 + 2.1, **FORMING, house_hz=47.0)
        yield from at(k * 10 + 2.2, k * 10 + 9.9, inverter__enabled=False)


TABLE: dict[type, tuple[list[Row], list[Row]]] = {
    quality.IslandLimits: (
        [
            ("over 1.20", ISLAND, lambda: counted("island_over_120_s", 0.25)),
            ("over 1.20, by turns", ISLAND, lambda: counted("island_over_120_s", 2, 0.15, 0.3)),
            ("over 1.10", ISLAND, lambda: counted("island_over_110_s", 2.5)),
            ("over 1.10, by turns", ISLAND, lambda: counted("island_over_110_s", 20, 1.5, 2)),
            ("under 0.85", ISLAND, lambda: counted("island_under_85_s", 6)),
            ("under 0.50", ISLAND, lambda: counted("island_under_50_s", 0.3)),
            ("lost neutral", ISLAND, lambda: counted("island_uneven_s", 0.2)),
            ("never good", ISLAND, lambda: counted("island_poor_s", 25)),
            ("slow", ISLAND, lambda: at(0, 3, **FORMING, house_hz=47.9)),
            ("slow, for ever again", ISLAND, lambda: tries(60)),
            ("fast", ISLAND, lambda: at(0, 3, **FORMING, house_hz=52.6)),
            ("a chip's flag", CHIP, lambda: counted("island_over_120_s", 0.4)),
        ],
        [
            ("over 1.20, in time", ISLAND, lambda: counted("island_over_120_s", 0.2)),
            ("over 1.10, in time", ISLAND, lambda: counted("island_over_110_s", 2.2)),
            ("under 0.85, in time", ISLAND, lambda: counted("island_under_85_s", 5.2)),
            ("soft start", ISLAND, lambda: counted("island_poor_s", 15)),
            ("a chip's flag", CHIP, lambda: counted("island_over_120_s", 0.3)),
            ("a chip's mean", CHIP, lambda: counted("island_over_110_s", 3.1)),
            ("slow, and three tries more", ISLAND, lambda: tries(4)),
            ("shifts", ISLAND, lambda: at(0, 60, **FORMING, house_hz=52.0)),
            ("wanders", ISLAND, lambda: [*at(0, 2, **FORMING, house_hz=47.0), *at(2.1, 9)]),
        ],
    ),
    quality.Burning: (
        [
            ("1.25", ISLAND, lambda: tied("burning_125_s", 2)),
            ("1.20", ISLAND, lambda: tied("burning_120_s", 7)),
            ("1.20, by turns", ISLAND, lambda: tied("burning_120_s", 30, 3, 4)),
            ("uneven", ISLAND, lambda: tied("burning_uneven_s", 4)),
        ],
        [
            ("in time", ISLAND, lambda: tied("burning_125_s", 1.6)),
            ("1.20 in time", ISLAND, lambda: tied("burning_120_s", 6.5)),
            ("without a switch", case(), lambda: tied("burning_125_s", 20)),
            ("welded", STUCK, lambda: tied("burning_125_s", 20)),
        ],
    ),
    quality.Neutral: (
        [
            ("stays", ISLAND, lambda: closing(5.1, 9)),
            (
                "again",
                ISLAND,
                lambda: [*closing(5.1, 5.5), *at(5.6, 9, **OPEN), *at(9.1, 12, **AS)],
            ),
        ],
        [
            ("opens", ISLAND, lambda: [*closing(5.1, 5.8), *at(6, 9, **OPEN)]),
            (
                "a person asked",
                ISLAND,
                lambda: [*closing(5.1, 5.5), *at(5.6, 9, **OPEN), *at(9.1, 12, **ASKED)],
            ),
            ("good", ISLAND, lambda: [*at(0, 5, **OPEN), *at(5.1, 60)]),
            ("later", ISLAND, lambda: [*at(0, 5, **OPEN), *at(5.1, 16), *closing(16.1, 30)[51:]]),
            ("not after closing", ISLAND, lambda: at(0, 30, **UPSET)),
        ],
    ),
}
