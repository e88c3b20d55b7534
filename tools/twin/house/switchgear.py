# islet: relays and contacts between the unit and the house, with the hardware's own interlocks.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .dice import Dice
from .point import output
from .relay import NEUTRAL, NEVER, Relay
from .spec import HouseSpec, RelaySpec

if TYPE_CHECKING:
    from .inverter import Inverter

DEAD_PU = 0.05
LIVE_PU = 0.10  # a house above feeds the bond's hold
OVER_PU, UNDER_PU, GOOD_PU = 1.2, 0.5, 0.85  # of the voltage relay
UNEVEN_PU = (0.9, 1.15)  # one leg below, another above: a lost neutral


class Protection:
    """Protective inputs, and what each breaks by wire: `broken` names outputs."""

    def __init__(self, spec: HouseSpec) -> None:
        given = spec.protection
        self.estop, self.rcd, self.overtemp = given.estop, given.rcd, given.overtemp
        self.ventilation, self.service_switch = given.ventilation, given.service_switch
        self._scopes = (given.estop_breaks, given.rcd_breaks, given.overtemp_breaks)

    def breaks(self, output: str) -> bool:
        """Some input has broken this output's wire."""
        pressed = (self.estop, self.rcd, self.overtemp)
        if self.service_switch and output in ("enable", "bond"):
            return True
        return any(on and output in scope for on, scope in zip(pressed, self._scopes, strict=True))


class VoltageRelay:
    """In the wire of the enable: opens for good, until the enable's output is taken back, when
    the house's voltage is wrong for `wait_us`. Low counts from the first good voltage on."""

    def __init__(self, wait_ms: float) -> None:
        self._wait_us = round(wait_ms * 1000)
        self._good = False
        self._bad_us = NEVER  # wrong since
        self.open = False

    def see(self, now_us: int, asked: bool, legs_pu: Sequence[float]) -> None:
        if not self._wait_us:
            return
        low, high = min(legs_pu), max(legs_pu)
        if not asked:
            self.open = self._good = False
        self._good = self._good or (asked and low >= GOOD_PU)
        uneven = low < UNEVEN_PU[0] and high > UNEVEN_PU[1]
        if not (high > OVER_PU or uneven or (self._good and low < UNDER_PU)):
            self._bad_us = NEVER
        elif self._bad_us == NEVER:
            self._bad_us = now_us
        if asked and self._bad_us != NEVER and now_us >= self._bad_us + self._wait_us:
            self.open = True

    def due_us(self, now_us: int) -> int:
        due = NEVER if self._bad_us == NEVER else self._bad_us + self._wait_us
        return due if due > now_us else NEVER


class Switchgear:
    def __init__(self, spec: HouseSpec, seed: int) -> None:
        self.contactors = [output("contactor", i) for i in range(max(1, len(spec.points)))]
        given: dict[str, RelaySpec] = dict.fromkeys(self.contactors, RelaySpec())
        given |= dict(zip(self.contactors, (p.contactor for p in spec.points), strict=False))
        given |= {name: getattr(spec.relays, name) for name in ("island", "bond", "loads")}
        self.relays = {
            name: Relay(relay, name == "island", Dice(seed, name)) for name, relay in given.items()
        }
        self.protection = Protection(spec)
        self.voltage_relay = VoltageRelay(spec.relays.voltage_relay_ms)
        self.enables = sorted({"enable"} | {c.enable for c in spec.converters if c.enable})
        releases = [output("release", i) for i in range(len(self.contactors))]
        self.outputs: dict[str, bool | None] = dict.fromkeys(
            (*self.contactors, "island", "bond", *self.enables, "loads", *releases)
        )
        self._wired: list[Inverter] = []
        self.contacts: dict[str, bool] = {}
        self.dead_us = NEVER  # house side without voltage since
        self._level_pu = 0.0
        self._enabled: list[bool] = []
        self._fell_us = NEVER  # the enable did, NEVER while it stands
        self._neutral_switched = spec.relays.neutral_switched
        self._permissive = spec.relays.dead_permissive
        self._excluded = spec.relays.switch_excluded
        self._prove_us = round(spec.relays.dead_ms * 1000)
        self._hold_us = round(spec.relays.bond_hold_ms * 1000)

    def wire(self, converters: list[Inverter]) -> None:
        """Whose hard-wired enables hang on the outputs."""
        self._wired = [c for c in converters if c.wire]
        self.contacts = dict.fromkeys(self._levels(0), False)

    def drive(self, now_us: int) -> list[str]:
        """Coils as outputs, pull-downs and interlocks make them, contacts as far as they have
        travelled; the relays whose main contacts changed."""
        out, relays = self.outputs, self.relays
        breaks = self.protection.breaks
        self._enabled = self._arriving()
        if any(self._enabled):
            self._fell_us = NEVER
        elif self._fell_us == NEVER:
            self._fell_us = now_us
        coils = {
            **{name: bool(out[name]) and not breaks("contactor") for name in self.contactors},
            "island": self._switch_coil(now_us),
            "bond": self._bond_coil(now_us),
            "loads": bool(out["loads"]) and not breaks("loads"),
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

    def _switch_coil(self, now_us: int) -> bool:
        """Holds by itself when nobody drives it; closing needs its interlocks."""
        island, wanted = self.relays["island"], self.outputs["island"]
        if wanted is None:
            wanted = island.coil
        if self.protection.breaks("island"):
            return False
        if wanted and not island.coil:
            dead = not self._permissive or self.island_dead(now_us)
            return dead and not (self._excluded and self.relays["bond"].armature)
        return bool(wanted)

    def _bond_coil(self, now_us: int) -> bool:
        """Picked up through the switch's mirror contact and the service switch; then held by
        stored energy, where there is any, for its time after the enable, and by a live house."""
        bond = self.relays["bond"]
        picked_up = not self.relays["island"].aux and not self.protection.breaks("bond")
        if bool(self.outputs["bond"]) and picked_up:
            return True
        if not self._hold_us or not bond.coil:
            return False
        fresh = self._fell_us == NEVER or now_us < self._fell_us + self._hold_us
        return fresh or self._level_pu > LIVE_PU

    def live(self, output: str) -> bool:
        """A hard-wired enable as it leaves the board."""
        if not self.outputs[output] or self.voltage_relay.open:
            return False
        return not self.protection.breaks("enable")

    def enable(self, converter: Inverter) -> bool:
        """The same as it arrives at a converter; one without a wire needs none."""
        return not converter.wire or (self.live(converter.wire) and not converter.enable_cut)

    def _arriving(self) -> list[bool]:
        """Of each output, at all that hang on it: what its contact reads."""
        found = []
        for name in self.enables:
            live = self.live(name)
            for converter in self._wired if live else ():
                if converter.enable_cut and converter.wire == name:
                    live = False
            found.append(live)
        return found

    def island_dead(self, now_us: int) -> bool:
        return self.dead_us != NEVER and now_us >= self.dead_us + self._prove_us

    def see(self, now_us: int, legs_pu: Sequence[float]) -> None:
        """Voltage of the house's side, by leg."""
        self._level_pu = level_pu = max(legs_pu)
        self.dead_us = NEVER if level_pu >= DEAD_PU else min(self.dead_us, now_us)
        asked = any(self.outputs[name] for name in self.enables)
        self.voltage_relay.see(now_us, asked, legs_pu)

    def any_pole(self) -> bool:
        """Some leg's pole of the islanding switch is closed."""
        island = self.relays["island"]
        return island.closed or 0 <= island.pole_welded < NEUTRAL

    def neutral_shut(self) -> bool:
        """The neutral's pole of the islanding switch is closed, where it has one."""
        return self._neutral_switched and self.relays["island"].pole(NEUTRAL)

    def bonds(self) -> int:
        """Neutral-earth bonds of the house's neutral at this moment, a device's own aside."""
        from_grid = not self._neutral_switched or self.relays["island"].pole(NEUTRAL)
        return int(from_grid) + int(self.relays["bond"].closed)

    def _levels(self, now_us: int) -> dict[str, bool]:
        """What each contact reads."""
        relays, protection = self.relays, self.protection
        island = relays["island"]
        return {
            **{name: relays[name].contact for name in self.contactors},
            "island_open": not island.aux if island.aux_stuck is None else island.aux_stuck,
            "bond": relays["bond"].contact,
            **dict(zip(self.enables, self._arriving(), strict=True)),
            "estop": protection.estop,
            "rcd": protection.rcd,
            "overtemp": protection.overtemp,
            "ventilation": protection.ventilation,
            "island_dead": self.island_dead(now_us),
            "service_switch": protection.service_switch,
        }

    def report(self, now_us: int) -> list[tuple[int, str, bool]]:
        """Contacts that read differently from before."""
        was, now = self.contacts, self._levels(now_us)
        self.contacts = now
        return [(now_us, name, level) for name, level in now.items() if level != was[name]]

    def due_us(self, now_us: int) -> int:
        due = min(relay.due_us for relay in self.relays.values())
        due = min(due, self.voltage_relay.due_us(now_us))
        if self._arriving() != self._enabled:
            due = now_us + 1
        if self.dead_us != NEVER and self.dead_us + self._prove_us > now_us:
            due = min(due, self.dead_us + self._prove_us)
        if self._hold_us and self.relays["bond"].coil:
            if not self._bond_coil(now_us):
                due = now_us + 1  # what was held is let go
            elif self._fell_us != NEVER and self._fell_us + self._hold_us > now_us:
                due = min(due, self._fell_us + self._hold_us)
        return due
