# islet: the referee's rules for the panel: breakers, busbars, instruments, export.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterable

from tools.twin.referee.case import Case, Circuit
from tools.twin.referee.rule import Moment, Rule, Truth, Wrong, legs, number
from tools.twin.referee.thermal import BUS_TAU_S, Body, constants

AGE_S = 2.0  # an older measurement is none (INV-4)
STEP_S = 0.1
FROZEN_S = 10.0  # repetition is evidence of a frozen meter only after a while; a choice
OVER = 1.03  # instruments of class 1 and CTs: no finding for what cannot be measured
OVER_A = 0.3
AT_MINIMUM_A = 0.5  # contribution that counts as none
AT_MINIMUM_W = 60.0
ALONE_S = 10.0


class Flow:
    """Currents of one circuit at a moment, per leg: as they are, and without islet's devices.

    Sources hang on circuits of their own below the busbar, as in the scenarios."""

    def __init__(self, case: Case, circuit: Circuit) -> None:
        self._case = case
        self._circuit = circuit
        self._key = circuit.name + "_{}_a"
        self._children = [c for c in case.circuits if c.parent == circuit.name]

    def own(self, now: Truth, circuit: Circuit) -> tuple[float, float, float]:
        """islet's devices below the circuit, signed."""
        total = [0.0, 0.0, 0.0]
        for device in circuit.devices:
            for k, amps in enumerate(legs(now, device + "_{}_a")):
                total[k] += amps
        return total[0], total[1], total[2]

    def breaker(self, now: Truth) -> Iterable[tuple[float, float]]:
        """(current, current without islet) per leg, signed."""
        own = self.own(now, self._circuit)
        for amps, mine in zip(legs(now, self._key), own, strict=True):
            yield amps, amps - mine

    def busbar(self, now: Truth) -> Iterable[tuple[float, float]]:
        """(sum of inflows, that without islet) per leg: what comes back counts as zero."""
        flows = [(legs(now, self._key), self.own(now, self._circuit), 1)]
        for child in self._children:
            flows.append((legs(now, child.name + "_{}_a"), self.own(now, child), -1))
        for k in range(3):
            total = sum(max(0.0, sign * amps[k]) for amps, _, sign in flows)
            alone = sum(max(0.0, sign * (amps[k] - mine[k])) for amps, mine, sign in flows)
            yield total, alone


class Overload(Rule):
    inv = "INV-3"
    title = "circuit or busbar over its rating with islet taking part"
    text = (
        "Above 103 % + 0.3 A of a breaker's or busbar's rating, islet's part in it is at its "
        "minimum (0.5 A) within the measurement's greatest age 2 s + 100 ms + the declared "
        "response of the device. No thermal credit."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._flows = [(c, Flow(case, c)) for c in case.circuits]

    def look(self, m: Moment) -> Iterable[Wrong]:
        for circuit, flow in self._flows:
            rated = circuit.breaker_a
            for leg, (amps, alone) in enumerate(flow.breaker(m.now), 1):
                amps, alone = abs(amps), abs(alone)
                if amps > rated * OVER + OVER_A and amps - alone > AT_MINIMUM_A:
                    yield self._wrong(m.now, f"{circuit.name} L{leg}", amps, rated, amps - alone)
            if circuit.bus_a:
                rated = circuit.bus_a
                for leg, (amps, alone) in enumerate(flow.busbar(m.now), 1):
                    if amps > rated * OVER + OVER_A and amps - alone > AT_MINIMUM_A:
                        name = f"{circuit.name} busbar L{leg}"
                        yield self._wrong(m.now, name, amps, rated, amps - alone)

    def _wrong(self, now: Truth, name: str, amps: float, rated: float, mine: float) -> Wrong:
        text = f"{name}: {amps:.1f} A of {rated:g} A, {mine:.1f} A of it islet's"
        return Wrong(name, text, AGE_S + STEP_S + self.case.response_s(now))


class Alone(Rule):
    inv = "INV-3"
    title = "overload by uncontrolled load alone"
    text = "Over its rating for 10 s with islet's part at its minimum: alarmed, nobody's finding."
    alarm = True

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._flows = [(c, Flow(case, c)) for c in case.circuits]

    def look(self, m: Moment) -> Iterable[Wrong]:
        for circuit, flow in self._flows:
            for leg, (amps, alone) in enumerate(flow.breaker(m.now), 1):
                amps, alone = abs(amps), abs(alone)
                if amps > circuit.breaker_a * OVER + OVER_A and amps - alone <= AT_MINIMUM_A:
                    text = f"{circuit.name} L{leg}: {amps:.1f} A of {circuit.breaker_a:g} A"
                    yield Wrong(f"{circuit.name} L{leg}", text + " by others alone", ALONE_S)


class Heat(Rule):
    inv = "INV-3"
    title = "breaker heated to its trip by islet"
    text = (
        "The referee's own thermal model, twice: with the currents as they are, and as they "
        "would be without islet's devices. Heat 1 with them and not without them is a finding, "
        "and so is a breaker that trips in the house while islet takes part."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.worst = dict.fromkeys((c.name for c in case.circuits), 0.0)
        self.bus_worst = {c.name: 0.0 for c in case.circuits if c.bus_a}
        self._rows = []
        for circuit in case.circuits:
            limit, tau_s = constants(circuit.curve, circuit.breaker_a)
            bodies = [
                (Body(circuit.breaker_a, limit, tau_s), Body(circuit.breaker_a, limit, tau_s))
                for _ in range(3)
            ]
            bus = [Body(circuit.bus_a, 1.0, BUS_TAU_S) for _ in range(3) if circuit.bus_a]
            self._rows.append((circuit, Flow(case, circuit), bodies, bus))

    def look(self, m: Moment) -> Iterable[Wrong]:
        for circuit, flow, bodies, bus in self._rows:
            name = circuit.name
            mine = False
            flows = zip(flow.breaker(m.now), bodies, strict=True)
            for leg, ((amps, without), (real, alone)) in enumerate(flows, 1):
                mine = mine or abs(amps) - abs(without) > AT_MINIMUM_A
                heat = real.warm(amps, m.dt_s)
                if heat > self.worst[name]:
                    self.worst[name] = heat
                if alone.warm(without, m.dt_s) < 1 <= heat:
                    yield Wrong(f"{name} L{leg}", f"{name} L{leg}: heat {heat:.2f} of 1, islet's")
            if bus:
                for (amps, _), body in zip(flow.busbar(m.now), bus, strict=True):
                    self.bus_worst[name] = max(self.bus_worst[name], body.warm(amps, m.dt_s))
            if m.now[f"{name}_tripped"] and not m.before[f"{name}_tripped"]:
                was = [abs(a) - abs(b) > AT_MINIMUM_A for a, b in flow.breaker(m.before)]
                if (mine or any(was)) and not self.case.event_at(f"circuits.{name}", m.t_s):
                    yield Wrong(f"{name} trip", f"{name}: breaker tripped while islet took part")


class Stale(Rule):
    inv = "INV-4"
    title = "going on without the instrument that allows it"
    text = (
        "While the meter above a device is silent, wrong or frozen, islet's devices below draw "
        "nothing, and feed nothing where export is limited: within 2 s + 100 ms + the device's "
        "response, 10 s more for a frozen one, which is known by its repetition alone."
    )

    def look(self, m: Moment) -> Iterable[Wrong]:
        fault = self.case.meter_fault(m.t_s)
        if not fault:
            return
        permitted_s = AGE_S + STEP_S + self.case.response_s(m.now) + 0.5
        if fault == "frozen":
            permitted_s += FROZEN_S
        for device in self.case.metered:
            amps = legs(m.now, device + "_{}_a")
            if max(amps) > AT_MINIMUM_A:
                text = f"{device} draws {max(amps):.1f} A with the meter {fault}"
                yield Wrong(device, text, permitted_s)
            elif min(amps) < -AT_MINIMUM_A and self.case.export_limit_w >= 0:
                text = f"{device} feeds {-min(amps):.1f} A with the meter {fault}"
                yield Wrong(device, text, permitted_s)


class Unheard(Rule):
    inv = "INV-4"
    title = "inverter goes on although nobody can reach it"
    text = (
        "An inverter that does not answer falls back by its own reversion timer: above 60 W for "
        "longer than that + 2 s + its response is power nobody can withdraw."
    )

    def look(self, m: Moment) -> Iterable[Wrong]:
        if m.now["inverter_mode"] != "follow" or not self.case.inverter_silent(m.t_s):
            return
        watts = number(m.now, "inverter_w")
        if abs(watts) > AT_MINIMUM_W:
            text = f"inverter at {watts:.0f} W while it cannot be reached"
            permitted_s = self.case.revert_s + AGE_S + self.case.inverter_response_s + 0.5
            yield Wrong("inverter", text, permitted_s)


class Export(Rule):
    inv = "INV-4"
    title = "export limit exceeded"
    text = (
        "Export above the site's limit + 2 % + 60 W while the inverter discharges, for longer "
        "than 2 s + 100 ms + its response. What PV does alone is not islet's."
    )

    def look(self, m: Moment) -> Iterable[Wrong]:
        limit_w = self.case.export_limit_w
        export_w = -number(m.now, "grid_w")
        if limit_w < 0 or export_w <= limit_w * 1.02 + AT_MINIMUM_W:
            return
        if number(m.now, "inverter_w") < -AT_MINIMUM_W:
            text = f"export {export_w:.0f} W of {limit_w:.0f} W allowed"
            yield Wrong("export", text, AGE_S + STEP_S + self.case.inverter_response_s)


RULES = (Overload, Heat, Alone, Stale, Unheard, Export)
