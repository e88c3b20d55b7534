# islet: which current transformer sits on which leg, and which way round.
# GPL-3.0-or-later
"""A load of known power is switched off and on; each channel's active power steps with it.

Channel k multiplies the voltage of leg k with the current of the transformer that is connected as
k. A transformer on its own leg steps by the whole power of the load there, + if it is the right
way round. One on another leg sees that current at 120 degrees to its voltage (three phases, minus
half the power) or at 180 degrees (split phase, minus all of it).

Active power is what is looked at, since it adds: the step does not depend on what else flows. The
load must be resistive (a heater, or a car): at 30 degrees of its own it would look, on the leg
before, like a transformer turned round. So the step in apparent power must be a resistor's too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tools.calibrate import Doubt

Reading = Sequence[tuple[float, float]]  # per channel: active power in W, apparent power in VA

NOTHING = 0.2  # of the load's power: less is no step
HALF = (0.35, 0.65)
WHOLE = (0.75, 1.3)  # the load's power need not be known better
SPREAD = 0.15  # between the repetitions
REACTIVE = 0.25  # of a load's power: what it may draw besides
SINE_120 = 0.866


@dataclass(frozen=True)
class Switching:
    """A load of `watts` on `leg` (0 first), or of so much on each leg (None), off and on in turn.

    `phases`: readings of each time in between, the first with the load off."""

    leg: int | None
    watts: float
    phases: Sequence[Sequence[Reading]]


@dataclass(frozen=True)
class Wiring:
    """channel[k]: the channel whose transformer sits on leg k; turned[k]: it is the wrong way
    round. None where nothing was switched."""

    channel: tuple[int | None, ...]
    turned: tuple[bool | None, ...]

    @property
    def good(self) -> bool:
        return self.channel == tuple(range(len(self.channel))) and not any(self.turned)


def find(legs: int, switchings: Sequence[Switching]) -> Wiring:
    """The wiring of `legs` transformers; Doubt where the readings do not say."""
    channel: list[int | None] = [None] * legs
    turned: list[bool | None] = [None] * legs
    for switching in switchings:
        steps = shares(legs, switching)
        if switching.leg is None:
            found = _all_legs(legs, steps)
        else:
            found = {switching.leg: _one_leg(legs, switching.leg, steps)}
        _resistive(legs, switching, found)
        for leg, (at, is_turned) in found.items():
            if channel[leg] not in (None, at) or turned[leg] not in (None, is_turned):
                raise Doubt(f"L{leg + 1}: two loads say different things; switch them again")
            channel[leg], turned[leg] = at, is_turned
    known = [at for at in channel if at is not None]
    if len(set(known)) != len(known):
        twice = next(at for at in known if known.count(at) > 1)
        raise Doubt(
            f"the transformer connected as L{twice + 1} saw the loads of two legs: were they "
            "both where you said?"
        )
    if None in channel and len(known) == legs - 1:  # one place is left for the last
        (left,) = set(range(legs)) - set(known)
        channel[channel.index(None)] = left
    return Wiring(tuple(channel), tuple(turned))


def shares(legs: int, switching: Switching) -> list[float]:
    """Each channel's step as a share of the load's power, from all repetitions."""
    if len(switching.phases) < 4:
        raise Doubt("switch the load on, off and on again: once proves nothing")
    if switching.watts <= 0:
        raise Doubt("the load's power must be known")
    result = []
    means = [[_mean(phase, k) for k in range(legs)] for phase in switching.phases]
    for k in range(legs):
        # A background that grows evenly cancels between the neighbours before and after.
        steps = [
            (means[i][k] - (means[i - 1][k] + means[i + 1][k]) / 2) * (1 if i % 2 else -1)
            for i in range(1, len(means) - 1)
        ]
        step = median(steps)
        noise = max(_noise(phase, k) for phase in switching.phases)
        spread = max(abs(each - step) for each in steps)
        if max(spread, 2 * noise) > SPREAD * switching.watts:
            raise Doubt(
                f"the other loads on L{k + 1} change too much: switch them off, or take a larger "
                "load"
            )
        result.append(step / switching.watts)
    return result


def _mean(phase: Sequence[Reading], k: int) -> float:
    if len(phase) < 3:
        raise Doubt("too few readings: is the board measuring?")
    return sum(reading[k][0] for reading in phase) / len(phase)


def _noise(phase: Sequence[Reading], k: int) -> float:
    """Standard error of the mean."""
    mean = _mean(phase, k)
    variance = sum((reading[k][0] - mean) ** 2 for reading in phase) / (len(phase) - 1)
    return (variance / len(phase)) ** 0.5


def _size(share: float) -> str:
    size = abs(share)
    if size < NOTHING:
        return "nothing"
    if HALF[0] <= size <= HALF[1]:
        return "half"
    if WHOLE[0] <= size <= WHOLE[1]:
        return "whole"
    raise Doubt(
        f"a step of {100 * share:.0f} % of the load's power fits nothing: is its power right, "
        "and does it have no motor?"
    )


def _one_leg(legs: int, leg: int, steps: list[float]) -> tuple[int, bool]:
    """(channel, turned) of the transformer on `leg`, from a load on that leg alone."""
    sizes = [_size(step) for step in steps]
    seen = [k for k, size in enumerate(sizes) if size != "nothing"]
    if not seen:
        raise Doubt(
            f"no transformer saw the load on L{leg + 1}: is it connected behind them, does its "
            "transformer enclose one conductor only, and was it switched?"
        )
    if len(seen) > 1:
        names = " and ".join(f"L{k + 1}" for k in seen)
        raise Doubt(
            f"the transformers connected as {names} all saw the load on L{leg + 1}: something "
            "else was switched at the same time, or it is no load between one leg and neutral"
        )
    (k,) = seen
    if k == leg or legs == 2:
        if sizes[k] != "whole":
            raise Doubt(f"L{k + 1} saw half of the load: is its power right?")
        turned = steps[k] < 0 if k == leg else steps[k] > 0
        return k, turned
    if sizes[k] != "half":
        raise Doubt(
            f"the load is on L{k + 1}, not on L{leg + 1} as you said; or the voltages of both "
            "are swapped as well"
        )
    return k, steps[k] > 0


def _all_legs(legs: int, steps: list[float]) -> dict[int, tuple[int, bool]]:
    """(channel, turned) per leg, from a load that draws the same on all legs."""
    sizes = [_size(step) for step in steps]
    if "nothing" in sizes:
        at = sizes.index("nothing") + 1
        raise Doubt(f"the transformer connected as L{at} saw nothing of the load: is it closed?")
    right = [k for k, size in enumerate(sizes) if size == "whole"]
    if legs == 2:
        # Swapped looks like turned round: at 180 degrees the two are the same.
        if any(step < 0 for step in steps):
            raise Doubt("swapped or turned round? Switch a load on one leg alone")
        raise Doubt("swapped and both turned looks like right: switch a load on one leg alone")
    if len(right) == legs:
        return {k: (k, steps[k] < 0) for k in range(legs)}
    if len(right) == 1 and legs == 3:
        (own,) = right
        first, second = (k for k in range(legs) if k != own)
        return {
            own: (own, steps[own] < 0),
            first: (second, steps[second] > 0),
            second: (first, steps[first] > 0),
        }
    if not right:
        raise Doubt(
            "none of the transformers is on its own leg, and a load on all legs cannot say which "
            "way they were moved on: switch a load on one leg, then on another"
        )
    raise Doubt("these steps fit no wiring: was the load the same on every leg?")


def _resistive(legs: int, switching: Switching, found: dict[int, tuple[int, bool]]) -> None:
    """The reactive power must step as a resistor's would: not on its own leg, and by sine of 120
    degrees on another. Only its size is known, so there are two ways to add the step."""
    for leg, (k, _) in found.items():
        step = switching.watts * (SINE_120 if k != leg and legs == 3 else 0)
        off, on = (
            median(_reactive(phase, k) for phase in switching.phases[first::2]) for first in (0, 1)
        )
        missed = min(abs(on - abs(off + sign * step)) for sign in (1, -1))
        if missed > REACTIVE * switching.watts:
            raise Doubt(
                f"the load on L{leg + 1} does not draw like a heater, or its transformer sits "
                "elsewhere: switch a heater on one leg alone, with the other loads off"
            )


def _reactive(phase: Sequence[Reading], k: int) -> float:
    """Its size: the sign is not known."""
    return median(max(0.0, va * va - watts * watts) ** 0.5 for watts, va in (r[k] for r in phase))


def words(wiring: Wiring) -> list[str]:
    """What is wrong, and what the person is to do about it."""
    legs = range(len(wiring.channel))
    said = []
    for leg in legs:
        if wiring.channel[leg] == leg and wiring.turned[leg] is False:
            said.append(f"the transformer on L{leg + 1} is right")
        elif wiring.channel[leg] == leg and wiring.turned[leg]:
            said.append(f"the transformer on L{leg + 1} is turned round: swap its two wires")
    moved = [leg for leg in legs if wiring.channel[leg] not in (None, leg)]
    pairs = {
        (leg, at)
        for leg in moved
        if (at := wiring.channel[leg]) is not None and leg < at and wiring.channel[at] == leg
    }
    for first, second in sorted(pairs):
        said.append(f"the transformers of L{first + 1} and L{second + 1} are swapped")
    paired = {leg for pair in pairs for leg in pair}
    for leg in moved:
        at = wiring.channel[leg]
        assert at is not None
        if leg not in paired:
            said.append(f"the transformer connected as L{at + 1} sits on L{leg + 1}: move it")
        if wiring.turned[leg]:
            said.append(
                f"the one that sits on L{leg + 1} is also turned round: swap its two wires"
            )
    for leg in legs:
        if wiring.channel[leg] is None:
            said.append(f"nothing was switched on L{leg + 1}")
        elif wiring.turned[leg] is None:
            said.append(f"which way round L{leg + 1} is: switch a load there to know")
    return said
