# islet: relays and contacts between the unit and the house, with the hardware's own interlocks.
# GPL-3.0-or-later
from __future__ import annotations

from .dice import Dice
from .relay import NEVER, Relay
from .spec import HouseSpec

DEAD_PU = 0.05
OUTPUTS = ("contactor", "island", "bond", "enable", "loads")
CONTACTS = (
    "contactor",
    "island_open",
    "bond",
    "enable",
    "estop",
    "rcd",
    "overtemp",
    "ventilation",
    "island_dead",
)


class Protection:
    """Protective inputs; the first three break coils by themselves."""

    def __init__(self, spec: HouseSpec) -> None:
        given = spec.protection
        self.estop, self.rcd, self.overtemp = given.estop, given.rcd, given.overtemp
        self.ventilation = given.ventilation


class Switchgear:
    def __init__(self, spec: HouseSpec, seed: int) -> None:
        self.relays = {
            name: Relay(getattr(spec.relays, name), name == "island", Dice(seed, name))
            for name in ("contactor", "island", "bond", "loads")
        }
        self.protection = Protection(spec)
        self.outputs: dict[str, bool | None] = dict.fromkeys(OUTPUTS)
        self.contacts: dict[str, bool] = dict.fromkeys(CONTACTS, False)
        self.enable_cut = False  # wire of the enable broken
        self.dead_us = NEVER  # house side without voltage since
        self._neutral_switched = spec.relays.neutral_switched
        self._permissive = spec.relays.dead_permissive
        self._prove_us = round(spec.relays.dead_ms * 1000)

    def drive(self, now_us: int) -> list[str]:
        """Coils as outputs, pull-downs and interlocks make them, contacts as far as they have
        travelled; the relays whose main contacts changed."""
        out, relays, protection = self.outputs, self.relays, self.protection
        stop = protection.estop or protection.rcd or protection.overtemp
        island = relays["island"]
        wanted = island.coil if out["island"] is None else bool(out["island"])
        if wanted and not island.coil and self._permissive:
            wanted = self.island_dead(now_us)
        coils = {
            "contactor": bool(out["contactor"]) and not stop,
            "island": wanted,
            "bond": bool(out["bond"]) and not island.aux,
            "loads": bool(out["loads"]),
        }
        moved: list[str] = []
        for name, relay in relays.items():
            relay.drive(now_us, coils[name])
            if now_us >= relay.due_us:
                was = relay.closed
                relay.step(now_us)
                if relay.closed != was:
                    moved.append(name)
        return moved

    def enable(self) -> bool:
        """The hard-wired enable as it arrives at the inverter."""
        return bool(self.outputs["enable"]) and not self.protection.estop and not self.enable_cut

    def island_dead(self, now_us: int) -> bool:
        return self.dead_us != NEVER and now_us >= self.dead_us + self._prove_us

    def see(self, now_us: int, level_pu: float) -> None:
        """Voltage of the house's side."""
        self.dead_us = NEVER if level_pu >= DEAD_PU else min(self.dead_us, now_us)

    def any_pole(self) -> bool:
        """Some pole of the islanding switch is closed."""
        island = self.relays["island"]
        return island.closed or island.pole_welded >= 0

    def bonds(self) -> int:
        """Neutral-earth bonds of the house's neutral at this moment."""
        from_grid = not self._neutral_switched or self.relays["island"].closed
        return int(from_grid) + int(self.relays["bond"].closed)

    def report(self, now_us: int) -> list[tuple[int, str, bool]]:
        """Contacts that read differently from before."""
        relays, protection = self.relays, self.protection
        island = relays["island"]
        now = {
            "contactor": relays["contactor"].contact,
            "island_open": not island.aux if island.aux_stuck is None else island.aux_stuck,
            "bond": relays["bond"].contact,
            "enable": self.enable(),
            "estop": protection.estop,
            "rcd": protection.rcd,
            "overtemp": protection.overtemp,
            "ventilation": protection.ventilation,
            "island_dead": self.island_dead(now_us),
        }
        was, self.contacts = self.contacts, now
        return [(now_us, name, level) for name, level in now.items() if level != was[name]]

    def due_us(self, now_us: int) -> int:
        due = min(relay.due_us for relay in self.relays.values())
        if self.dead_us != NEVER and self.dead_us + self._prove_us > now_us:
            due = min(due, self.dead_us + self._prove_us)
        return due
