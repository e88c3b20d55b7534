# islet: for each rule of the referee, what breaks it and what comes close and is right.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable

from tests_host.twin.referee_kit import (
    CHARGING,
    CLOSED,
    DISCHARGE,
    FORMING,
    FROZEN,
    GATEWAY,
    GONE,
    POLE,
    SILENT,
    WELDED,
    Timeline,
    at,
    case,
    dead,
    german,
    grants,
    hot,
    legs,
    one_leg,
)
from tools.twin.referee import contract, obedience, panel, promises, vehicle
from tools.twin.referee.case import Case
from tools.twin.scenario import Event

# rule -> (timelines that break it, timelines that do not), each (name, case, timeline)
Row = tuple[str, Case, Callable[[], Timeline]]
BREACH = {"inverter.breaches": 1, "inverter.breach": "260 written before 81"}
TABLE: dict[type, tuple[list[Row], list[Row]]] = {
    contract.Contract: (
        [("a breach", case(), lambda: [(0, {}), (0.1, BREACH)])],
        [("before it began", case(), lambda: at(0, 1, **BREACH))],
    ),
    vehicle.ContactorRight: (
        [
            ("closed in B", case(), lambda: [(1, {}), *at(1.1, 1.3, **CLOSED)]),
            ("late", case(), lambda: [*at(0, 1, **CHARGING), *at(1.1, 1.3, **CLOSED)]),
            (
                "D unventilated",
                case(),
                lambda: [*at(0, 1, **CHARGING), *at(1.1, 1.3, **CHARGING | {"car.state": "D"})],
            ),
            (
                "a pole mended",
                case(events=(*POLE, Event(1, "set", "evse.contactor.welded_pole", "none"))),
                lambda: at(0, 1.3, **CLOSED),
            ),
            (
                "no diode",
                case(events=(Event(1, "set", "car.diode", False),)),
                lambda: at(0, 1.2, **CHARGING),
            ),
        ],
        [
            ("in time", case(), lambda: [*at(0, 1, **CHARGING), (1.1, CLOSED), (1.15, {})]),
            ("welded", case(events=WELDED), lambda: at(0, 2, **CLOSED)),
            ("one pole", case(events=POLE), lambda: at(0, 2, **CLOSED)),
            ("gateway", case(**GATEWAY), lambda: at(0, 2, **CLOSED)),
            (
                "D ventilated",
                case(),
                lambda: at(0, 2, **CHARGING | {"car.state": "D", "ventilation": True}),
            ),
        ],
    ),
    vehicle.ContactorProtection: (
        [
            (
                "estop",
                case(),
                lambda: [*at(0, 1, **CHARGING), *at(1, 1.3, **CHARGING, estop=True)],
            ),
            (
                "cable",
                case(settings={"car.proximity_ohm": 4700.0, "car.diode": True}),
                lambda: [(0, {}), (0.1, CHARGING)],
            ),
        ],
        [
            (
                "at once",
                case(),
                lambda: [*at(0, 1, **CHARGING), *at(1, 1.1, **CHARGING, rcd=True)],
            ),
        ],
    ),
    vehicle.GatewayContactor: (
        [
            ("no car", case(**GATEWAY), lambda: at(0, 10, car__plugged=False, **CLOSED)),
            ("fault", case(**GATEWAY), lambda: at(0, 10, inverter__fault="overload", **CLOSED)),
        ],
        [
            ("emptied", case(**GATEWAY), lambda: at(0, 8, car__plugged=False, **CLOSED)),
            ("good", case(**GATEWAY), lambda: at(0, 60, **CLOSED)),
        ],
    ),
    vehicle.Pulled: (
        [("parted", case(), lambda: [(0, {}), (0.1, {"car.parted_live": 1})])],
        [
            ("no", case(), lambda: at(0, 1, car__parted_live=0)),
            ("welded", case(events=WELDED), lambda: [(0, {}), (0.1, {"car.parted_live": 1})]),
            ("one pole", case(events=POLE), lambda: [(0, {}), (0.1, {"car.parted_live": 1})]),
        ],
    ),
    vehicle.UnderLoad: (
        [
            (
                "11 A",
                case(),
                lambda: [(0, {}), (0.1, {"evse.openings": 1, "evse.opened_a": 11.0})],
            )
        ],
        [
            (
                "empty",
                case(),
                lambda: [(0, {}), (0.1, {"evse.openings": 1, "evse.opened_a": 0.2})],
            )
        ],
    ),
    panel.Overload: (
        [
            ("breaker", case(), lambda: at(0, 8, **CHARGING | legs(service=28))),
            (
                "busbar",
                case(),
                lambda: at(0, 8, **CHARGING | legs(service=24, roof=-18)),
            ),
            ("backfeed", case(), lambda: at(0, 5, **DISCHARGE | legs(service=-28))),
            ("one leg", case(enter=german()), lambda: at(0, 8, **one_leg(inverter=-21.5))),
            ("on one leg", case(enter=german()), lambda: at(0, 8, **one_leg(evse=21.5))),
            (
                "the site's own",
                case(enter=german(together=True)),
                lambda: at(0, 8, **one_leg(evse=12), **{"inverter.l2_a": -9.5}),
            ),
        ],
        [
            (
                "shed in time",
                case(),
                lambda: [*at(0, 7, **CHARGING | legs(service=28)), *at(7.1, 20)],
            ),
            ("others alone", case(), lambda: at(0, 20, **legs(service=28))),
            ("relieved", case(), lambda: at(0, 20, **DISCHARGE | legs(service=28))),
            ("at its rating", case(), lambda: at(0, 60, **CHARGING | legs(service=25.5))),
            ("any leg", case(), lambda: at(0, 60, **one_leg(inverter=-24))),
            (
                "each within",
                case(enter=german()),
                lambda: at(0, 60, **one_leg(evse=20.5), **{"inverter.l2_a": -20.5}),
            ),
            (
                "busbar by others",
                case(),
                lambda: at(0, 20, **DISCHARGE | legs(service=20, roof=-22)),
            ),
        ],
    ),
    panel.Heat: (
        [
            ("heated", case(), lambda: at(0, 300, 0.5, **hot(34))),
            (
                "tripped",
                case(),
                lambda: [(0, CHARGING), (0.1, CHARGING | {"service_tripped": True})],
            ),
        ],
        [
            ("within", case(), lambda: at(0, 300, 0.5, **hot(27))),
            ("others", case(), lambda: at(0, 300, 0.5, **legs(service=34))),
            (
                "a weld released",
                case(),
                lambda: [
                    (0, CHARGING),
                    (0.1, CHARGING | {"wallbox_tripped": True, "evse.released": "wallbox"}),
                ],
            ),
            ("others tripped it", case(), lambda: [(0, {}), (0.1, {"service_tripped": True})]),
        ],
    ),
    panel.Alone: (
        [("others", case(), lambda: at(0, 11, **legs(service=30)))],
        [("briefly", case(), lambda: at(0, 9, **legs(service=30)))],
    ),
    panel.Stale: (
        [
            ("silent", case(events=SILENT), lambda: at(0, 18, **CHARGING)),
            ("frozen", case(events=FROZEN), lambda: at(0, 28, **CHARGING)),
            (
                "export",
                case(events=SILENT, export_limit_w=0),
                lambda: at(0, 18, **DISCHARGE),
            ),
        ],
        [
            ("stopped", case(events=SILENT), lambda: [*at(0, 17, **CHARGING), *at(17.1, 30)]),
            ("frozen", case(events=FROZEN), lambda: [*at(0, 27, **CHARGING), *at(27.1, 30)]),
            ("not metered", case(events=SILENT, meters=()), lambda: at(0, 60, **CHARGING)),
            ("no limit", case(events=SILENT), lambda: at(0, 60, **DISCHARGE)),
        ],
    ),
    panel.Unheard: (
        [("goes on", case(events=GONE), lambda: at(0, 26, **DISCHARGE))],
        [("reverts", case(events=GONE), lambda: [*at(0, 22, **DISCHARGE), *at(22.1, 40)])],
    ),
    obedience.Obeys: (
        [("outside", case(), lambda: at(0, 11, image=grants(0, 0, 0), **DISCHARGE))],
        [
            ("in time", case(), lambda: at(0, 6, image=grants(0, 0, 0), **DISCHARGE)),
            ("granted", case(), lambda: at(0, 60, image=grants(-2000, 0, 0), **DISCHARGE)),
        ],
    ),
    obedience.Effect: (
        [
            (
                "gateway",
                case(gateway=True),
                lambda: at(0, 6, inverter__enabled=False, **CLOSED, **DISCHARGE),
            )
        ],
        [
            (
                "opened",
                case(gateway=True),
                lambda: at(0, 6, inverter__enabled=False, **DISCHARGE),
            )
        ],
    ),
    panel.Export: (
        [
            (
                "export",
                case(export_limit_w=1000),
                lambda: at(0, 5, grid_w=-1500.0, **DISCHARGE),
            )
        ],
        [
            ("PV alone", case(export_limit_w=1000), lambda: at(0, 60, grid_w=-1500.0)),
            ("no limit", case(), lambda: at(0, 60, grid_w=-1500.0, **DISCHARGE)),
            (
                "in time",
                case(export_limit_w=1000),
                lambda: [*at(0, 4, grid_w=-1500.0, **DISCHARGE), *at(4.1, 9)],
            ),
        ],
    ),
    promises.Reserve: (
        [
            ("tied", case(), lambda: at(0, 6, inverter__soc_percent=29.0, **DISCHARGE)),
            ("islanded", case(), lambda: at(0, 6, inverter__soc_percent=9.0, **FORMING)),
        ],
        [
            ("stops", case(), lambda: at(0, 4, inverter__soc_percent=29.0, **DISCHARGE)),
            ("islanded", case(), lambda: at(0, 60, inverter__soc_percent=12.0, **FORMING)),
            ("charges", case(), lambda: at(0, 60, inverter__soc_percent=5.0, inverter__w=2000.0)),
        ],
    ),
    promises.Granted: (
        [
            ("above", case(), lambda: [(0, {"image": grants(-500, 500, 600)})]),
            ("below", case(), lambda: [(0, {"image": grants(0, 500, -1)})]),
            ("offer", case(), lambda: [(0, {"image": grants(0, 0, 0, SETPOINT=6000)})]),
            (
                "pilot",
                case(),
                lambda: at(0, 1, image=grants(0, 0, 0), car__offer_a=6.0),
            ),
            (
                "followed",
                case(),
                lambda: at(0, 13, image=grants(0, 0, 0), inverter__setpoint_w=-3000.0),
            ),
        ],
        [
            ("within", case(), lambda: [(0, {"image": grants(-500, 500, 500)})]),
            ("ramping", case(), lambda: [(0, {"image": grants(1000, 2000, 300)})]),
            (
                "follows",
                case(),
                lambda: at(0, 11, image=grants(0, 0, 0), inverter__setpoint_w=-3000.0),
            ),
            ("unpublished", case(), lambda: at(0, 60, car__offer_a=16.0)),
        ],
    ),
    promises.EnergisingEdge: (
        [
            ("enable", case(), lambda: [(0, {"inverter.enabled": False}), (0.1, {})]),
            (
                "after a restart",
                case(),
                lambda: [*at(0, 5), (5, {"event": "start"}), (5.1, CHARGING)],
            ),
            (
                "switch opened",
                case(),
                lambda: [(0, {}), (0.1, {"island_closed": False, **dead()})],
            ),
            (
                "switch opened after a reset",
                case(),
                lambda: [
                    *at(0, 5),
                    (5, {"event": "reset"}),
                    (5.07, {}),
                    (5.12, {"island_closed": False, **dead()}),
                ],
            ),
        ],
        [
            ("later", case(), lambda: [*at(0, 0.4, inverter__enabled=False), (0.5, {})]),
            (
                "on its way since before the reset",
                case(),
                lambda: [
                    *at(0, 5),
                    (5, {"event": "reset"}),
                    (5.1, {"island_closed": False, **dead()}),
                ],
            ),
        ],
    ),
    promises.Life: (
        [
            ("watchdog", case(), lambda: [(0, {}), (1, {"event": "restart"})]),
            ("died", case(), lambda: [(0, {}), (1, {"event": "died"})]),
        ],
        [("start", case(), lambda: [(0, {"event": "start"}), (1, {})])],
    ),
}
