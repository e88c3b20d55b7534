# islet: relays, inverter and voltages around an Island.
# GPL-3.0-or-later
from __future__ import annotations

from firmware.core.island import Island
from firmware.image import (
    BOND_NEEDED,
    GRID_AGE_MS,
    GRID_DEAD,
    GRID_IN_SERVICE,
    GRID_LOSS_MS,
    GRID_MHZ,
    GRID_MV,
    GRID_STATE,
    HOUSE_AGE_MS,
    HOUSE_MHZ,
    HOUSE_MV,
    IN_BOND,
    IN_ISLAND_DEAD,
    IN_ISLAND_OPEN,
    INPUTS,
    INPUTS_AGE_MS,
    INVERTER_AGE_MS,
    INVERTER_FORM,
    INVERTER_MODE,
    INVERTER_PLUGGED,
    INVERTER_STOP,
    ISLAND_AUTO,
    ISLAND_CAPABLE,
    ISLAND_NAMES,
    OUT_BOND,
    OUT_ENABLE,
    OUT_ISLAND,
    OUTAGE_RESERVE_PERMILLE,
    SETPOINT_MODE,
    SHED_NEEDED,
    SOC_AGE_MS,
    SOC_PERMILLE,
    Image,
)

LIVE_MV = 230_000


def a_site(capable: int = 1, bond: int = 1, shed: int = 1) -> Image:
    """A charged single-phase house on a live grid, everything measured."""
    image = Image()
    image.site[ISLAND_CAPABLE] = image.site[ISLAND_AUTO] = capable
    image.site[BOND_NEEDED] = bond
    image.site[SHED_NEEDED] = shed
    image.site[GRID_LOSS_MS] = 1_000
    for age in (INPUTS_AGE_MS, HOUSE_AGE_MS, GRID_AGE_MS, INVERTER_AGE_MS, SOC_AGE_MS):
        image.readings[age] = 0
    image.readings[GRID_MHZ] = image.readings[HOUSE_MHZ] = 50_000
    image.readings[SOC_PERMILLE] = 700
    image.readings[INVERTER_PLUGGED] = 1
    image.requests[OUTAGE_RESERVE_PERMILLE] = 200
    image.commands[GRID_STATE] = GRID_IN_SERVICE
    return image


class House:
    """Relays, inverter and voltages around an Island, one 100 ms step at a time.

    `stuck_switch`, `stuck_bond`: a relay that keeps its position; `deaf`: an inverter that keeps
    its mode whatever enable and mode say; `mirror` False: a mirror contact that never says open;
    `mirror_open`: one that always does; `weak`: an inverter that forms no voltage.
    """

    def __init__(self, image: Image, **tables: tuple[tuple[object, ...], ...]) -> None:
        self.image = image
        self.island = Island(image, **tables)  # type: ignore[arg-type]
        self.grid = GRID_IN_SERVICE
        self.switch, self.bond, self.mode = True, False, INVERTER_STOP
        self.stuck_switch = self.stuck_bond = self.deaf = False
        self.mirror = True
        self.mirror_open = self.weak = False
        self.trace: list[int] = []

    def run(self, ms: int, until: int | None = None) -> int:
        """Steps for ms, or until a state; returns the state reached."""
        for _ in range(ms // 100):
            self.show()
            self.island.step(100)
            if not self.trace or self.trace[-1] != self.island.state:
                self.trace.append(self.island.state)
            self.act()
            if self.island.state == until:
                break
        return self.island.state

    def show(self) -> None:
        readings = self.image.readings
        forming = self.mode == INVERTER_FORM
        grid_mv = 0 if self.grid == GRID_DEAD else LIVE_MV
        house_mv = grid_mv if self.switch else LIVE_MV if forming and not self.weak else 0
        readings[INPUTS] = (
            (IN_ISLAND_OPEN if self.mirror_open or (self.mirror and not self.switch) else 0)
            | (IN_BOND if self.bond else 0)
            | (0 if house_mv else IN_ISLAND_DEAD)
        )
        readings[GRID_MV], readings[HOUSE_MV] = grid_mv, house_mv
        readings[INVERTER_MODE] = self.mode
        self.image.commands[GRID_STATE] = self.grid

    def act(self) -> None:
        permits = self.island.permits
        if not self.stuck_switch:
            self.switch = bool(permits & OUT_ISLAND)
        if not self.stuck_bond:
            self.bond = bool(permits & OUT_BOND)
        if not self.deaf:
            enabled = permits & OUT_ENABLE
            self.mode = self.image.commands[SETPOINT_MODE] if enabled else INVERTER_STOP


def names(trace: list[int]) -> str:
    return " ".join(ISLAND_NAMES[state] for state in trace)
