# islet: relays, contacts, inverter, sun and voltages around an Island.
# GPL-3.0-or-later
from __future__ import annotations

from firmware import image as im
from firmware.core.grid.island import Island
from tests_host.core.builders import put
from tests_host.fields import INVERTER, proved

LIVE_MV = 230_000
STEP_MS = 100
GRID_HZ, ISLAND_HZ = 50_020, 50_000  # mHz


def a_site(capable: int = 1, bond: int = 1, shed: int = 1) -> im.Image:
    """A charged single-phase house on a live grid, everything measured."""
    image = im.Image()
    image.site[im.ISLAND_CAPABLE] = image.site[im.ISLAND_AUTO] = capable
    image.site[im.ISLAND_DEVICE] = INVERTER
    image.site[im.BOND_NEEDED] = bond
    image.site[im.SHED_NEEDED] = shed
    image.site[im.GRID_LOSS_MS] = 1_000
    for age in (
        im.INPUTS_AGE_MS,
        im.HOUSE_AGE_MS,
        im.GRID_AGE_MS,
        im.DEVICE_AGE_MS + INVERTER,
        im.DEVICE_SOC_AGE_MS + INVERTER,
    ):
        image.readings[age] = 0
    image.readings[im.GRID_MHZ] = image.readings[im.HOUSE_MHZ] = 50_000
    image.readings[im.DEVICE_SOC_PERMILLE + INVERTER] = 700
    image.readings[im.DEVICE_PLUGGED + INVERTER] = 1
    image.requests[im.OUTAGE_RESERVE_PERMILLE] = 200
    image.commands[im.GRID_STATE] = im.GRID_IN_SERVICE
    image.commands[im.GRID_LOAD_OK] = 1
    proved(image)
    return image


class Relay:
    """Main contact and how long it travels; `stuck` keeps its position."""

    def __init__(self, closed: bool, travel_ms: int = 0) -> None:
        self.closed = closed
        self.travel_ms = travel_ms
        self.stuck = False
        self._moving_ms = 0

    def drive(self, coil: bool) -> None:
        if coil == self.closed or self.stuck:
            self._moving_ms = 0
            return
        self._moving_ms += STEP_MS
        if self._moving_ms > self.travel_ms:
            self.closed = coil
            self._moving_ms = 0


class House:
    """One 100 ms step at a time.

    `stuck_switch`, `stuck_bond`: a relay that keeps its position; `deaf`: an inverter that keeps
    its mode whatever enable and mode say; `mirror` False: a mirror contact that never says open;
    `mirror_open`: one that always does; `mirror_follows_coil`: one that tells the coil; `weak`: an
    inverter that does not form; `sun`: another source holds a house that is off the grid; `false`:
    inputs (IN_*) that read this level.
    """

    def __init__(self, image: im.Image, **tables: tuple[tuple[object, ...], ...]) -> None:
        self.image = image
        self.tables = tables
        self.island = Island(image, **tables)  # type: ignore[arg-type]
        self.grid = im.GRID_IN_SERVICE
        self.switch_relay, self.bond_relay = Relay(True), Relay(False)
        self.mode = im.MODE_STOP
        self.deaf = self.mirror_open = self.weak = self.sun = self.stop = False
        self.mirror = True
        self.mirror_follows_coil = False
        self.false: dict[int, bool] = {}
        self.hold_ms = self._held_ms = 0  # for which the bond holds itself, and what is left
        self.good_ms = 5_000  # of the grid for a load, as the grid's room has counted it
        self.fit_ms = 5_000  # and as it is
        self.dark_ms = 0  # beside a grid that has been good for 5 s
        self.trace: list[int] = []

    # the main contacts, settable by a test

    @property
    def switch(self) -> bool:
        return self.switch_relay.closed

    @switch.setter
    def switch(self, closed: bool) -> None:
        self.switch_relay.closed = closed

    @property
    def bond(self) -> bool:
        return self.bond_relay.closed

    @bond.setter
    def bond(self, closed: bool) -> None:
        self.bond_relay.closed = closed

    @property
    def stuck_switch(self) -> bool:
        return self.switch_relay.stuck

    @stuck_switch.setter
    def stuck_switch(self, stuck: bool) -> None:
        self.switch_relay.stuck = stuck

    @property
    def stuck_bond(self) -> bool:
        return self.bond_relay.stuck

    @stuck_bond.setter
    def stuck_bond(self, stuck: bool) -> None:
        self.bond_relay.stuck = stuck

    def run(self, ms: int, until: int | None = None) -> int:
        """Steps for ms, or until a state; returns the state reached."""
        for _ in range(ms // STEP_MS):
            self._pass()
            self.good_ms = self.good_ms + STEP_MS if self.fit_ms else 0
            self.show()
            self.island.step(STEP_MS)
            if not self.trace or self.trace[-1] != self.island.state:
                self.trace.append(self.island.state)
            self.act()
            if self.island.state == until:
                break
        return self.island.state

    def _pass(self) -> None:
        """Another step of darkness beside a good grid, or not."""
        fit = self.grid in (im.GRID_WAITING, im.GRID_IN_SERVICE)
        self.fit_ms = self.fit_ms + STEP_MS if fit else 0
        if self.fit_ms > 5_000 and not self.house_mv():
            self.dark_ms += STEP_MS

    def house_mv(self) -> int:
        if self.switch:
            return self.grid_mv()
        forms = self.mode == im.MODE_FORM and not self.weak
        return LIVE_MV if forms or self.sun else 0

    def grid_mv(self) -> int:
        """A dead street behind a closed switch is fed by what forms in the house."""
        forms = self.switch and self.mode == im.MODE_FORM and not self.weak
        return LIVE_MV if self.grid != im.GRID_DEAD or forms else 0

    def _says_open(self) -> bool:
        if self.mirror_follows_coil:
            return not self.island.permits & im.OUT_ISLAND
        return self.mirror_open or (self.mirror and not self.switch)

    def show(self) -> None:
        readings = self.image.readings
        house_mv, grid_mv = self.house_mv(), self.grid_mv()
        inputs = (
            (im.IN_ISLAND_OPEN if self._says_open() else 0)
            | (im.IN_BOND if self.bond else 0)
            | (0 if house_mv else im.IN_ISLAND_DEAD)
            | (im.IN_ESTOP if self.stop else 0)
        )
        for bit, level in self.false.items():
            inputs = inputs | bit if level else inputs & ~bit
        readings[im.INPUTS] = inputs
        readings[im.GRID_MV], readings[im.HOUSE_MV] = grid_mv, house_mv
        grid_mhz = GRID_HZ if self.grid != im.GRID_DEAD else ISLAND_HZ if grid_mv else 0
        readings[im.GRID_MHZ] = grid_mhz
        readings[im.HOUSE_MHZ] = 0 if not house_mv else grid_mhz if self.switch else ISLAND_HZ
        readings[im.DEVICE_MODE + INVERTER] = self.mode
        commands = self.image.commands
        commands[im.GRID_STATE] = self.grid
        commands[im.GRID_LOSS] = im.LOSS_DEAD if self.grid == im.GRID_DEAD else im.LOSS_NONE
        commands[im.GRID_LOAD_OK] = int(self.good_ms >= 5_000)

    def act(self) -> None:
        permits = self.island.permits
        self.switch_relay.drive(bool(permits & im.OUT_ISLAND))
        enabled = permits & im.OUT_ENABLE and not self.stop
        self._held_ms = self.hold_ms if enabled else max(0, self._held_ms - STEP_MS)
        held = self.bond and (self._held_ms > 0 or (self.hold_ms > 0 and self.house_mv() > 0))
        self.bond_relay.drive((bool(permits & im.OUT_BOND) and not self.stop) or held)
        if not self.deaf:
            self.mode = (
                self.image.commands[im.SETPOINT_MODE + INVERTER] if enabled else im.MODE_STOP
            )
            if self.weak and self.mode == im.MODE_FORM:
                self.mode = im.MODE_STOP

    # --- events ---------------------------------------------------------------------------------

    def drain(self, permille: int) -> None:
        """The battery goes there by steps that one may believe."""
        readings = self.image.readings
        while readings[im.DEVICE_SOC_PERMILLE + INVERTER] != permille:
            step = max(-10, min(10, permille - readings[im.DEVICE_SOC_PERMILLE + INVERTER]))
            readings[im.DEVICE_SOC_PERMILLE + INVERTER] += step
            self.island.judge.charge.step(STEP_MS)

    def acknowledge(self) -> None:
        self.image.requests[im.ACKNOWLEDGE_SEQ] += 1

    def reset(self, off_ms: int = 0) -> None:
        """The controller starts again after so long without power: its outputs float meanwhile,
        so that the enable is off, the switch latches and the bond is held for a moment."""
        faults = self.image.commands[im.FAULTS]
        self.mode = im.MODE_STOP
        self._held_ms = max(0, self._held_ms - off_ms)
        if off_ms > 1_000 and not self._held_ms and not self.stuck_bond:
            self.bond = False
        for _ in range(off_ms // STEP_MS):
            self._pass()
        self.good_ms = 0  # qualification starts anew
        for i in range(im.MEMORIES):
            self.image.requests[im.REMEMBERED + i] = self.image.commands[im.MEMORY + i]
        self.island = Island(self.image, **self.tables)  # type: ignore[arg-type]
        self.island.recall(faults)


def islanded(ms: int = 0, **site: int) -> House:
    """A house whose outage its island carries, for so long already."""
    house = House(a_site())
    put(house.image.site, **site)
    house.run(2_000)
    house.grid = im.GRID_DEAD
    assert house.run(10_000, im.ISLAND_ISLANDED) == im.ISLAND_ISLANDED
    house.run(ms)
    return house


def names(trace: list[int]) -> str:
    return " ".join(im.ISLAND_NAMES[state] for state in trace)
