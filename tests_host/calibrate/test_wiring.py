"""Which transformer sits where, and which way round: found, or refused, never wrong."""

from __future__ import annotations

import cmath
import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from tools.calibrate import Doubt
from tools.calibrate.wiring import Switching, Wiring, find, words

ANGLES = {1: (0.0,), 2: (0.0, 180.0), 3: (0.0, -120.0, 120.0)}
ALL_THREE = [
    (sits, signs)
    for sits in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]


@dataclass
class House:
    """Voltages, the loads of each leg, and transformers: channel k's sits on leg sits[k]."""

    sits: Sequence[int]
    signs: Sequence[int]
    seed: int = 1
    noise_w: float = 3.0
    drift_w: float = 0.0  # of the background, per phase
    jump_w: float = 0.0  # the background's own switching, at random
    background_va: Sequence[complex] = field(default_factory=lambda: [400 + 300j, 900 - 200j, 80])

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.legs = len(self.sits)
        volts = zip(ANGLES[self.legs], strict=True)
        self.volts = [cmath.rect(230, math.radians(angle)) for (angle,) in volts]
        self.background = list(self.background_va[: self.legs])

    def reading(self, load_va: Sequence[complex]) -> list[tuple[float, float]]:
        amps = [
            ((self.background[leg] + load_va[leg]) / self.volts[leg]).conjugate()
            for leg in range(self.legs)
        ]
        power = [self.volts[k] * amps[self.sits[k]].conjugate() for k in range(self.legs)]
        return [
            (self.signs[k] * va.real + self.dice.gauss(0, self.noise_w), abs(va))
            for k, va in enumerate(power)
        ]

    def switching(
        self, leg: int | None, watts: float = 2000, said: float = 0, phases: int = 7,
        power_factor: float = 1.0,
    ) -> Switching:  # fmt: skip
        load = complex(watts, watts * math.tan(math.acos(power_factor)))
        on = [load if leg in (None, k) else 0j for k in range(self.legs)]
        taken = []
        for number in range(phases):
            for k in range(self.legs):
                self.background[k] += self.drift_w
                if self.jump_w:
                    self.background[k] += self.dice.choice((0, 0, 1, -1)) * self.jump_w
            taken.append([self.reading(on if number % 2 else [0j] * 3) for _ in range(20)])
        return Switching(leg, said or watts, taken)

    def truth(self) -> Wiring:
        channel = [list(self.sits).index(leg) for leg in range(self.legs)]
        return Wiring(tuple(channel), tuple(self.signs[k] < 0 for k in channel))


@pytest.mark.parametrize(("sits", "signs"), ALL_THREE)
def test_a_heater_on_each_leg_tells_all(sits: Sequence[int], signs: Sequence[int]) -> None:
    """All six ways to connect three transformers, each way round."""
    house = House(sits, signs, drift_w=40)
    found = find(3, [house.switching(leg, said=2300) for leg in range(3)])
    assert found == house.truth()
    assert found.good == ((sits, signs) == ((0, 1, 2), (1, 1, 1)))


@pytest.mark.parametrize(("sits", "signs"), ALL_THREE)
def test_a_car_on_all_legs_tells_most(sits: Sequence[int], signs: Sequence[int]) -> None:
    """A swap of two shows at once; all three moved on does not say which way."""
    house = House(sits, signs)
    if all(sits[k] != k for k in range(3)):
        with pytest.raises(Doubt, match="switch a load on one leg"):
            find(3, [house.switching(None)])
        assert find(3, [house.switching(0), house.switching(1)]).channel == house.truth().channel
    else:
        assert find(3, [house.switching(None)]) == house.truth()


@pytest.mark.parametrize(
    ("sits", "signs"),
    [
        (sits, signs)
        for sits in itertools.permutations(range(2))
        for signs in itertools.product((1, -1), repeat=2)
    ],
)
def test_split_phase(sits: Sequence[int], signs: Sequence[int]) -> None:
    house = House(sits, signs)
    assert find(2, [house.switching(leg) for leg in range(2)]) == house.truth()
    with pytest.raises(Doubt, match="on one leg alone"):
        find(2, [house.switching(None)])


@pytest.mark.parametrize("sign", [1, -1])
def test_a_single_phase(sign: int) -> None:
    house = House((0,), (sign,))
    assert find(1, [house.switching(0)]) == Wiring((0,), (sign < 0,))
    assert find(1, [house.switching(None)]) == Wiring((0,), (sign < 0,))


@pytest.mark.parametrize("seed", range(400))
def test_never_wrong(seed: int) -> None:
    """Whatever the house does meanwhile: the truth, or a refusal."""
    dice = random.Random(seed)
    sits, signs = dice.choice(ALL_THREE)
    house = House(
        sits,
        signs,
        seed,
        noise_w=dice.choice((1, 30, 300)),
        drift_w=dice.choice((0, 50, 200)),
        jump_w=dice.choice((0, 0, 500, 2000)),
        background_va=[complex(dice.uniform(-3e3, 3e3), dice.uniform(-2e3, 2e3)) for _ in "123"],
    )
    loads: list[int | None] = [0, 1, 2] if dice.random() < 0.7 else [None]
    said = 2000 * dice.uniform(0.8, 1.25)
    factor = dice.choice((1, 1, 0.98, 0.9, 0.8, 0.6))
    try:
        found = find(3, [house.switching(leg, said=said, power_factor=factor) for leg in loads])
    except Doubt as doubt:
        assert str(doubt)
    else:
        assert found == house.truth()


def test_a_quiet_house_is_not_refused() -> None:
    """The refusals above are no way out: with noise and drift as at home, it finds them all."""
    for seed, (sits, signs) in enumerate(ALL_THREE):
        house = House(sits, signs, seed, noise_w=15, drift_w=60)
        find(3, [house.switching(leg) for leg in range(3)])


RIGHT = House((0, 1, 2), (1, 1, 1))


def _refused(*switchings: Switching, legs: int = 3) -> str:
    with pytest.raises(Doubt) as caught:
        find(legs, switchings)
    return str(caught.value)


def test_what_it_refuses() -> None:
    assert "once proves nothing" in _refused(RIGHT.switching(0, phases=3))
    assert "no transformer saw the load on L2" in _refused(RIGHT.switching(1, 100, said=2000))
    assert "the load is on L1, not on L3" in _refused(
        Switching(2, 2000, RIGHT.switching(0).phases)
    )
    assert "all saw the load on L1" in _refused(Switching(0, 2000, RIGHT.switching(None).phases))
    assert "is its power right" in _refused(RIGHT.switching(0, 2000, said=3000))
    assert "power must be known" in _refused(Switching(0, 0, RIGHT.switching(0).phases))
    assert "too few readings" in _refused(Switching(0, 2000, [[[(0, 0)] * 3]] * 5))
    unlike = House((1, 2, 0), (1, 1, 1))
    assert "saw the loads of two legs" in _refused(
        unlike.switching(0), Switching(1, 2000, unlike.switching(0).phases)
    )
    assert "change too much" in _refused(House((0, 1, 2), (1, 1, 1), jump_w=3000).switching(0))
    turned = House((0, 1, 2), (-1, 1, 1))
    assert "two loads say different things" in _refused(RIGHT.switching(0), turned.switching(0))


@pytest.mark.parametrize(
    ("sits", "signs", "said"),
    [
        ((0, 1, 2), (1, 1, 1), ["the transformer on L1 is right",
                                "the transformer on L2 is right",
                                "the transformer on L3 is right"]),
        ((0, 1, 2), (1, -1, 1), ["the transformer on L1 is right",
                                 "the transformer on L3 is right",
                                 "the transformer on L2 is turned round: swap its two wires"]),
        ((2, 1, 0), (1, 1, 1), ["the transformer on L2 is right",
                                "the transformers of L1 and L3 are swapped"]),
        ((2, 1, 0), (-1, 1, 1), ["the transformer on L2 is right",
                                 "the transformers of L1 and L3 are swapped",
                                 "the one that sits on L3 is also turned round: "
                                 "swap its two wires"]),
        ((1, 2, 0), (1, 1, 1), ["the transformer connected as L1 sits on L2: move it",
                                "the transformer connected as L2 sits on L3: move it",
                                "the transformer connected as L3 sits on L1: move it"]),
    ],
)  # fmt: skip
def test_in_words(sits: Sequence[int], signs: Sequence[int], said: list[str]) -> None:
    house = House(sits, signs)
    found = find(3, [house.switching(leg) for leg in range(3)])
    assert sorted(words(found)) == sorted(said)


def test_words_for_what_is_not_known() -> None:
    found = find(3, [RIGHT.switching(0)])
    assert words(found) == [
        "the transformer on L1 is right",
        "nothing was switched on L2",
        "nothing was switched on L3",
    ]
    found = find(3, [RIGHT.switching(0), RIGHT.switching(1)])
    assert found.channel == (0, 1, 2)
    assert words(found)[-1] == "which way round L3 is: switch a load there to know"
