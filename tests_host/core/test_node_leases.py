"""A lease on a node: islet's devices below it leave what an issuer limits, as a smaller breaker
would; nobody is forced to deliver, and its end gives back what it took (INV-3, INV-8)."""

from __future__ import annotations

import random

import pytest

from firmware import image as im
from firmware.core.limits.leases import Leases
from firmware.core.panel import tree
from firmware.people import leases
from tests_host.core.fakes import FakeLimits
from tests_host.core.panel_plant import STEP_MS, VOLTS, House, Tree
from tests_host.core.planted import plant

OPERATOR, OWNER, MANAGER = (im.ISSUER_NAMES.index(who) for who in ("operator", "owner", "manager"))
CAR, BATTERY = 0, 1


class Leased(House):
    """service 25 A -> garage 20 A -> car; service -> battery, with the room of leases beside."""

    def __init__(self, **options: object) -> None:
        circuits = Tree([-1, 0, 1, 0], [25_000, 20_000, 20_000, 25_000], [0] * 4, 3, 3, 1_000, 500)
        super().__init__(circuits, random.Random(1), **options)  # type: ignore[arg-type]
        self.leases = Leases(self.image)

    def run(self, ms: int, each: object = None) -> None:
        fake = FakeLimits(self.image)
        super().run(ms, lambda: self.leases.step(STEP_MS, fake))

    def why(self, device: int) -> tuple[int, int]:
        slot = im.PANEL * im.DEVICES + device
        return self.image.commands[im.CLAIM_REASON + slot], self.image.commands[
            im.CLAIM_NODE + slot
        ]


def test_the_car_leaves_what_the_operator_leaves_of_the_service() -> None:
    house = Leased()
    house.load_ma[0] = [4_000] * 3
    house.run(30_000)
    assert house.evse_ma[0] == 16_000
    leases.give(house.image, OPERATOR, leases.NODE, -25_000, 14_000, None, 0)
    house.run(5_000)
    assert house.flow_ma(0, 0) <= 14_000 and house.evse_ma[0] == 10_000
    assert house.why(CAR) == (im.REASON_OPERATOR, 0)
    leases.release(house.image, OPERATOR, leases.NODE)
    house.run(30_000)
    assert house.evse_ma[0] == 16_000 and house.why(CAR)[0] == im.REASON_BREAKER


def test_the_strictest_of_several_issuers_binds_and_each_ends_by_itself() -> None:
    house = Leased()
    leases.give(house.image, OWNER, leases.NODE, -25_000, 12_000, None, 0)
    leases.give(house.image, MANAGER, leases.NODE, -25_000, 8_000, 20, 1)
    leases.give(house.image, OPERATOR, leases.NODE, -25_000, 15_000, None, 0)
    house.run(15_000)
    assert house.evse_ma[0] == 8_000 and house.why(CAR) == (im.REASON_MANAGER, 1)
    house.run(30_000)
    assert house.evse_ma[0] == 12_000 and house.why(CAR) == (im.REASON_OWNER, 0)


@pytest.mark.parametrize(("low_ma", "fed_ma"), [(-25_000, 10_000), (-3_000, 3_000), (0, 0)])
def test_feeding_is_limited_and_a_load_beyond_the_lease_forces_nothing(
    low_ma: int, fed_ma: int
) -> None:
    """A limit only takes away: beyond it without islet's doing, islet stands still."""
    house = Leased(wish_w=-10_000 * 3 * VOLTS // 1_000, evse_wish_ma=0)
    leases.give(house.image, OPERATOR, leases.NODE, low_ma, 5_000, None, 0)
    house.run(30_000)
    assert -house.inverter_ma[0] == pytest.approx(fed_ma, abs=20)
    house.wish_w = 0
    house.load_ma[0] = [9_000] * 3
    house.run(20_000)
    assert house.inverter_ma == [0] * 3 and house.claim(BATTERY)[0] <= 0 <= house.claim(BATTERY)[1]
    assert house.claim(BATTERY)[1] == 0  # and draws nothing on top


def test_an_unmeasured_node_leaves_the_lease_to_islet_alone() -> None:
    house = Leased()
    house.image.site[im.NODE_INSTRUMENT + 1] = im.INSTRUMENT_NONE
    leases.give(house.image, OPERATOR, leases.NODE, -25_000, 9_000, None, 1)
    house.run(30_000)
    assert house.evse_ma[0] == 9_000


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("if 0 <= node < self._nodes:", "if 0 < node < self._nodes:"),
        ("at = issuer * im.LEASED", "at = issuer"),
        (
            "kernel.leased(self.plan, node, low_ma, high_ma,",
            "kernel.leased(self.plan, node, 0, 0,",
        ),
    ],
)
def test_planted_mistakes_are_found(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, tree, old, new)
    with pytest.raises(AssertionError):
        test_the_car_leaves_what_the_operator_leaves_of_the_service()
        test_the_strictest_of_several_issuers_binds_and_each_ends_by_itself()
