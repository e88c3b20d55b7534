# islet: for the referee's rules about the grid's side and the island: wrong, and nearly so.
# GPL-3.0-or-later
from __future__ import annotations

from tests_host.twin.referee_kit import (
    DISCHARGE,
    FORMING,
    LIES,
    NO_BOND,
    SAG,
    at,
    case,
    counted,
    dead,
    dying,
    legs,
)
from tests_host.twin.referee_table import Row
from tools.twin.referee import island
from tools.twin.scenario import Event

TABLE: dict[type, tuple[list[Row], list[Row]]] = {
    island.Bonds: (
        [
            ("two", case(), lambda: at(0, 0.1, ne_bonds=2)),
            ("two, and a mirror that lies", case(events=LIES), lambda: at(0, 4, ne_bonds=2)),
            ("two, and one that is lost", case(events=NO_BOND), lambda: at(0, 0.1, ne_bonds=2)),
            (
                "both, and one that is lost",
                case(events=NO_BOND),
                lambda: at(0, 0.1, bond_closed=True),
            ),
            (
                "none, mended",
                case(events=(*NO_BOND, Event(0.5, "set", "relays.bond.main_lost", False))),
                lambda: counted("unbonded_forming_s", 3, 0.15, 0.3, ne_bonds=0),
            ),
            (
                "none, the switch's lost",
                case(events=(Event(0, "set", "relays.island.main_lost", True),)),
                lambda: counted("unbonded_forming_s", 0.3, ne_bonds=0),
            ),
            (
                "none, and a mirror that lies",
                case(events=LIES),
                lambda: counted("unbonded_forming_s", 3, ne_bonds=0),
            ),
            ("none", case(), lambda: counted("unbonded_forming_s", 0.3, ne_bonds=0)),
            ("none by turns", case(), lambda: counted("unbonded_forming_s", 3, 0.15, 0.3)),
            ("two for a moment", case(), lambda: [(0, {}), (0.1, {"ne_bonds_most": 2})]),
            ("both", case(), lambda: at(0, 0.1, bond_closed=True)),
        ],
        [
            ("one", case(), lambda: at(0, 5, **FORMING)),
            ("two, and a mirror that lies", case(events=LIES), lambda: at(0, 2.5, ne_bonds=2)),
            (
                "lost, and nobody can see it",
                case(events=NO_BOND),
                lambda: counted("unbonded_forming_s", 300, ne_bonds=0),
            ),
            ("lost in time", case(), lambda: counted("unbonded_forming_s", 0.1)),
            ("none, dark", case(), lambda: at(0, 5, ne_bonds=0, island_closed=False)),
        ],
    ),
    island.Forming: (
        [
            ("connected", case(), lambda: counted("forming_on_grid_s", 0.3)),
            ("by turns", case(), lambda: counted("forming_on_grid_s", 3, 0.15, 0.3)),
            ("a mirror that lies", case(events=LIES), lambda: counted("forming_on_grid_s", 3)),
            (
                "four times a minute",
                case(),
                lambda: counted("forming_on_grid_s", 1800, 0.1, 15),
            ),
        ],
        [
            ("dropped in time", case(), lambda: counted("forming_on_grid_s", 0.1)),
            ("once more", case(), lambda: counted("forming_on_grid_s", 20, 0.1, 15)),
            ("a mirror that lies", case(events=LIES), lambda: counted("forming_on_grid_s", 1.9)),
        ],
    ),
    island.ClosedLive: (
        [
            ("live", case(), lambda: [*at(0, 9, **FORMING), (9.1, {"closed_live": 1})]),
            (
                "live, out of phase",
                case(neutral_switched=False),
                lambda: [*at(0, 90), (90.1, {"closed_live": 1, "reclosed_deg": 26.0})],
            ),
            ("returned", case(), lambda: [(0, {}), (0.1, {"returned_live": 1})]),
            (
                "bonded",
                case(),
                lambda: [
                    *at(0, 9, island_closed=False, bond_closed=True, **dead()),
                    (9.1, {}),
                ],
            ),
            (
                "unqualified",
                case(),
                lambda: [
                    *at(0, 6, island_closed=False, grid_present=False, **dead()),
                    *at(6.1, 8, island_closed=False, **dead()),
                    (8.1, {}),
                ],
            ),
        ],
        [
            (
                "synchronous, neutral not switched",
                case(neutral_switched=False),
                lambda: [*at(0, 90), (90.1, {"closed_live": 1, "reclosed_deg": 8.0})],
            ),
            (
                "in a load's window",
                case(),
                lambda: [
                    *at(0, 6, island_closed=False, grid_present=False, **dead()),
                    *at(6.1, 12, island_closed=False, **dead() | SAG),
                    (12.1, SAG),
                ],
            ),
            (
                "qualified",
                case(),
                lambda: [
                    *at(0, 6, island_closed=False, grid_present=False, **dead()),
                    *at(6.1, 12, island_closed=False, **dead()),
                    (12.1, {}),
                ],
            ),
        ],
    ),
    island.EnterService: (
        [
            ("after start", case(), lambda: [*at(0, 50), *at(50.1, 51, **DISCHARGE)]),
            (
                "after return",
                case(),
                lambda: [
                    *at(0, 70),
                    *at(70.1, 75, grid_present=False, island_closed=False, **dead()),
                    *at(75.1, 110),
                    *at(110.1, 111, **DISCHARGE),
                ],
            ),
            (
                "goes on after a trip",
                case(),
                lambda: [*at(0, 70), *at(70.1, 80, grid_l2_v=140.0, **DISCHARGE)],
            ),
            (
                "after an excursion",
                case(),
                lambda: [
                    *at(0, 40),
                    *at(40.1, 40.4, grid_hz=49.0),
                    *at(40.5, 65),
                    *at(65.1, 66, **DISCHARGE),
                ],
            ),
        ],
        [
            ("after it", case(), lambda: [*at(0, 60), *at(60.1, 70, **DISCHARGE)]),
            (
                "rides through",
                case(),
                lambda: [
                    *at(0, 70),
                    *at(70.1, 71.2, grid_l2_v=140.0, **DISCHARGE),
                    *at(71.3, 80, **DISCHARGE),
                ],
            ),
            ("charges", case(), lambda: at(0, 5, inverter__w=3000.0, **legs(inverter=4))),
            ("islanded", case(), lambda: at(0, 5, **FORMING)),
        ],
    ),
    island.DeadGrid: (
        [
            ("fed", case(), lambda: dying(0.2)),
            (
                "again and again",
                case(),
                lambda: [
                    (t + s, {"grid_present": s > 3, "inverter.dead_grid_wh": (t + (s > 2)) / 12})
                    for t in range(0, 30, 9)
                    for s in (0, 1, 1.9, 2.1, 3.1, 8)
                ],
            ),
        ],
        [
            ("detected", case(), lambda: dying(0.0)),
            ("long ago", case(), lambda: [(0, {}), *at(0.1, 9, inverter__dead_grid_wh=3.0)]),
        ],
    ),
    island.DeadGridAlone: (
        [("PV", case(), lambda: at(0, 3, grid_present=False, dead_grid_live=True))],
        [("briefly", case(), lambda: at(0, 1.5, grid_present=False, dead_grid_live=True))],
    ),
}
