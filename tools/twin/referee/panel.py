# islet: the referee's rules for the panel: breakers, busbars, instruments, export.
# GPL-3.0-or-later
from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tools.twin.referee.case import Case, Device
from tools.twin.referee.flow import Flow, Flows, lessen
from tools.twin.referee.obedience import OBEY_S, ConverterLeash
from tools.twin.referee.rule import Moment, Rule, Truth, Wrong, drain_of, number
from tools.twin.referee.thermal import BUS_TAU_S, Body, constants

AGE_S = 2.0  # an older measurement is none (INV-4)
STEP_S = 0.1
FROZEN_S = 10.0  # repetition is evidence of a frozen meter only after a while; a choice
OVER = 1.03  # instruments of class 1 and CTs: no finding for what cannot be measured
OVER_A = 0.3
AT_MINIMUM_A = 0.5  # contribution that counts as none
AT_MINIMUM_W = 60.0
ALONE_S = 10.0


class Overload(Rule):
    inv = "INV-3"
    title = "circuit, conductor, busbar or neutral over its rating with islet taking part"
    text = (
        "Above 103 % + 0.3 A of a breaker's, a conductor's, a busbar's or a neutral's rating, "
        "islet's part in "
        "it is at its minimum (0.5 A) within the measurement's greatest age 2 s + 100 ms + the "
        "declared response of the device. Where only what a converter takes beyond all that was "
        "granted during its response makes it so, islet has withdrawn what it could: the whole "
        "overload, from its beginning, then has INV-16's 10 s. No thermal credit."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._leashes = [ConverterLeash(d) for d in case.converters]
        self._flows = Flows(case)

    def look(self, m: Moment) -> Iterable[Wrong]:
        shares = {leash.device: leash.share(m) for leash in self._leashes}
        inside = all(share == 1 for share in shares.values())
        own_s = AGE_S + STEP_S + self.case.response_s(m.now)
        truth = m.now if inside else within(self.case, m.now, shares)
        in_all = tuple(over(m.flows))
        granted = in_all if inside else over(self._flows.of(truth))
        for name, text in (*granted, *unbalanced(self.case, truth)):
            yield Wrong(name, text, own_s)
        most_s = math.inf if inside else max(own_s, OBEY_S)
        for name, text in in_all:
            yield Wrong(
                f"{name} in all", text + ", outside its grant", most_s, back=drain_of(OBEY_S)
            )


def over(flows: Sequence[Flow]) -> Iterator[tuple[str, str]]:
    """What carries more than its rating with islet's help: its name, and the figures."""
    for flow in flows:
        circuit = flow.circuit
        for kind, rated, pairs in (
            ("", circuit.breaker_a, flow.breaker),
            (" conductor", circuit.cable_a, flow.breaker if circuit.cable_a else ()),
            (" busbar", circuit.bus_a, flow.busbar),
        ):
            limit = rated * OVER + OVER_A
            for leg, (amps, alone) in enumerate(pairs, 1):
                mine = abs(amps) - abs(alone)
                if abs(amps) > limit and mine > AT_MINIMUM_A:
                    name = f"{circuit.name}{kind} L{leg}"
                    yield (
                        name,
                        f"{name}: {abs(amps):.1f} A of {rated:g} A, {mine:.1f} A of it islet's",
                    )
        amps, alone = flow.neutral
        if amps > circuit.neutral_a * OVER + OVER_A and amps - alone > AT_MINIMUM_A:
            name = f"{circuit.name} neutral"
            rated = f"{circuit.neutral_a:g} A, {amps - alone:.1f} A of it islet's"
            yield name, f"{name}: {amps:.1f} A of {rated}"


def unbalanced(case: Case, truth: Truth) -> Iterator[tuple[str, str]]:
    """islet's devices load one leg more than another by more than site or grid code allow."""
    allowed = case.enter.unbalance
    own = [[number(truth, device.amps[leg]) for device in case.carriers]
           for leg in range(case.enter.legs)]  # fmt: skip
    sums = [
        ("draws", allowed.draw_va, [sum(max(0.0, a) for a in leg) for leg in own]),
        ("feeds", allowed.feed_va, [sum(max(0.0, -a) for a in leg) for leg in own]),
    ]
    if allowed.together:
        sums = [("loads", allowed.draw_va, [sum(leg) for leg in own])]
    for does, most_va, amps in sums:
        most_a = most_va / case.nominal_v
        apart_a = max(amps) - min(amps)
        if most_a > 0 and apart_a > most_a * OVER + OVER_A:
            text = f"islet {does} {apart_a:.1f} A more on one leg than on another"
            yield "balance", f"{text}, of {most_a:.1f} A"


def within(case: Case, now: Truth, shares: Mapping[Device, float]) -> Truth:
    """The same currents, had each converter only so much of its own."""
    changed = dict(now)
    for device, share in shares.items():
        if share == 1:
            continue
        for leg, own in enumerate(device.amps[: case.enter.legs]):
            amps = number(now, own)
            changed[own] = amps * share
            for circuit in case.circuits:
                if device.name in circuit.devices:
                    lessen(changed, circuit.name, leg, case.enter.legs, amps * (1 - share))
    return changed


class Alone(Rule):
    inv = "INV-3"
    title = "overload by uncontrolled load alone"
    text = "Over its rating for 10 s with islet's part at its minimum: alarmed, nobody's finding."
    alarm = True

    def look(self, m: Moment) -> Iterable[Wrong]:
        for flow in m.flows:
            rated = flow.circuit.breaker_a
            limit = rated * OVER + OVER_A
            for leg, (amps, alone) in enumerate(flow.breaker, 1):
                if abs(amps) > limit and abs(amps) - abs(alone) <= AT_MINIMUM_A:
                    name = f"{flow.circuit.name} L{leg}"
                    text = f"{name}: {abs(amps):.1f} A of {rated:g} A by others alone"
                    yield Wrong(name, text, ALONE_S)


class Heat(Rule):
    inv = "INV-3"
    title = "breaker heated to its trip by islet"
    text = (
        "The referee's own thermal model, twice: with the currents as they are, and as they "
        "would be without islet's devices. Heat 1 with them and not without them is a finding, "
        "and so is a breaker that trips in the house while islet takes part, unless the release "
        "of a weld trips it. A busbar's heat 1 is "
        "103 % of its rating held for ever, with 10 min as its time constant: an overload in "
        "parts is found by what it adds up to."
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
            bus = [
                (Body(circuit.bus_a, OVER, BUS_TAU_S), Body(circuit.bus_a, OVER, BUS_TAU_S))
                for _ in range(3)
                if circuit.bus_a
            ]
            self._rows.append((bodies, bus))

    def look(self, m: Moment) -> Iterable[Wrong]:
        for flow, before, (bodies, bus) in zip(m.flows, m.flows_before, self._rows, strict=True):
            name = flow.circuit.name
            for leg, ((amps, without), (real, alone)) in enumerate(
                zip(flow.breaker, bodies, strict=False), 1
            ):
                heat = real.warm(amps, m.dt_s)
                if heat > self.worst[name]:
                    self.worst[name] = heat
                if alone.warm(without, m.dt_s) < 1 <= heat:
                    yield Wrong(f"{name} L{leg}", f"{name} L{leg}: heat {heat:.2f} of 1, islet's")
            for leg, ((amps, without), (real, alone)) in enumerate(
                zip(flow.busbar, bus, strict=False), 1
            ):
                heat = real.warm(amps, m.dt_s)
                self.bus_worst[name] = max(self.bus_worst[name], heat)
                if alone.warm(without, m.dt_s) < 1 <= heat:
                    text = f"{name} busbar L{leg}: heat {heat:.2f} of 1, islet's"
                    yield Wrong(f"{name} busbar L{leg}", text)
            if m.now[f"{name}_tripped"] and not m.before[f"{name}_tripped"]:
                mine = any(abs(a) - abs(b) > AT_MINIMUM_A for a, b in before.breaker)
                asked = any(m.now[f"{p.name}.released"] == name for p in self.case.points)
                if mine and not asked and not self.case.event_at(f"circuits.{name}", m.t_s):
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
        case = self.case
        for device in case.carriers:
            fault = case.meter_fault(device, m.t_s)
            if not fault or case.bus_fault(device.name, m.t_s):
                continue  # or nobody can tell it: another rule's
            permitted_s = AGE_S + STEP_S + case.response_s(m.now) + 0.5
            if fault == "frozen":
                permitted_s += FROZEN_S
            name, amps = device.name, [number(m.now, a) for a in device.amps]
            if max(amps) > AT_MINIMUM_A:
                text = f"{name} draws {max(amps):.1f} A with the meter {fault}"
                yield Wrong(name, text, permitted_s)
            elif min(amps) < -AT_MINIMUM_A and case.export_limit_w >= 0:
                text = f"{name} feeds {-min(amps):.1f} A with the meter {fault}"
                yield Wrong(name, text, permitted_s)


class Unheard(Rule):
    inv = "INV-4"
    title = "a converter goes on although nobody can reach it"
    text = (
        "A converter that does not answer falls back by its own reversion timer: above 60 W for "
        "longer than that + 2 s + its response is power nobody can withdraw."
    )

    def look(self, m: Moment) -> Iterable[Wrong]:
        for device in self.case.converters:
            name = device.name
            if m.now[f"{name}.mode"] != "follow" or not self.case.bus_fault(name, m.t_s):
                continue
            watts = number(m.now, device.w)
            if abs(watts) > AT_MINIMUM_W:
                text = f"{name} at {watts:.0f} W while it cannot be reached"
                permitted_s = device.revert_s + AGE_S + device.response_s + 0.5
                yield Wrong(name, text, permitted_s)


class Export(Rule):
    inv = "INV-4"
    title = "export limit exceeded"
    text = (
        "Export above the site's limit + 2 % + 60 W while a converter discharges, for longer "
        "than 2 s + 100 ms + its response; where only what it delivers beyond its grant makes it "
        "so, for 10 s from its beginning (INV-16). What PV does alone is not islet's."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._leashes = [ConverterLeash(d) for d in case.converters]

    def look(self, m: Moment) -> Iterable[Wrong]:
        """Of what is delivered: in all, and within what was granted."""
        shares = [leash.share(m) for leash in self._leashes]
        limit_w = self.case.export_limit_w
        export_w = -number(m.now, "grid_w")
        watts = [min(0.0, number(m.now, leash.device.w)) for leash in self._leashes]
        most_w = limit_w * 1.02 + AT_MINIMUM_W
        if limit_w < 0 or export_w <= most_w or min(watts, default=0.0) >= -AT_MINIMUM_W:
            return
        text = f"export {export_w:.0f} W of {limit_w:.0f} W allowed"
        slowest_s = max(d.response_s for d in self.case.converters)
        own_s = AGE_S + STEP_S + slowest_s
        granted_w = [w * share for w, share in zip(watts, shares, strict=True)]
        beyond_w = sum(granted_w) - sum(watts)
        if export_w - beyond_w > most_w and min(granted_w) < -AT_MINIMUM_W:
            yield Wrong("export", text, own_s)
        most_s = math.inf if beyond_w == 0 else max(own_s, OBEY_S)
        yield Wrong("in all", text + ", outside its grant", most_s, back=drain_of(OBEY_S))


RULES = (Overload, Heat, Alone, Stale, Unheard, Export)
