# islet: room shared by rank: who is served first, fair among equals, INV-4 with several sources.
# GPL-3.0-or-later
from __future__ import annotations

import pytest

from firmware import image as im
from firmware.core.panel.layout import D_ROW, D_TAKES
from firmware.core.panel.tree import Panel
from tests_host.core.fakes import FakeLimits

SERVICE_MA, VOLTS = 25_000, 230
WIDE = 1_000_000


class Site:
    """A measured service with two devices, each on a node of its own; all stands still."""

    def __init__(self, *kinds: int, ranks: tuple[int, int] = (0, 0), **service: int) -> None:
        self.image = image = im.Image()
        image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
        site = image.site
        site[im.LEG_COUNT], site[im.NODE_COUNT] = 3, 3
        for node in range(3):
            site[im.NODE_PARENT + node] = 0 if node else -1
            site[im.NODE_RATING_MA + node] = SERVICE_MA if node == 0 else 32_000
        site[im.NODE_INSTRUMENT] = im.INSTRUMENT_METER
        site[im.NODE_NEUTRAL_MA] = 3 * SERVICE_MA  # see test_neutral.py
        for name, value in service.items():
            site[getattr(im, name)] = value
        for device, kind in enumerate(kinds):
            site[im.DEVICE_KIND + device], site[im.DEVICE_NODE + device] = kind, device + 1
            site[im.DEVICE_LEG + device * im.LEGS] = 1  # both on L2 alone
            site[im.DEVICE_RANK + device] = ranks[device]
            site[im.DEVICE_MAX_MA + device] = 32_000
            site[im.DEVICE_CHARGE_W + device] = site[im.DEVICE_DISCHARGE_W + device] = 4_600
        for i in image.ages:
            image.readings[i] = 0
        for leg in range(im.LEGS):
            image.readings[im.GRID_MV + leg] = VOLTS * 1_000
        self.has_ma = [0, 0]
        self.loads_ma = 0
        self.panel = Panel(image, FakeLimits(image))  # type: ignore[arg-type]
        self.steps = 0

    def wish(self, device: int, low: int, high: int) -> None:
        for source in set(range(im.SOURCES)) - {im.PANEL}:
            slot = source * im.DEVICES + device
            goal = source == im.MARKET
            self.image.commands[im.CLAIM_LOW + slot] = low if goal else -WIDE
            self.image.commands[im.CLAIM_HIGH + slot] = high if goal else WIDE

    def run(self) -> Site:
        for _ in range(40):
            self.steps += 1
            readings = self.image.readings
            for device, ma in enumerate(self.has_ma):
                readings[im.DEVICE_MA + device * im.LEGS] = ma
                readings[im.DEVICE_W + device] = ma * VOLTS // 1_000
            for leg in range(im.LEGS):
                ma = self.loads_ma + (sum(self.has_ma) if leg == 1 else 0)
                readings[im.NODE_MA + leg] = ma + self.steps % 7
                readings[im.NODE_W + leg] = ma * VOLTS // 1_000
            self.panel.step(100)
        return self

    def claim(self, device: int) -> tuple[int, int]:
        slot = im.PANEL * im.DEVICES + device
        commands = self.image.commands
        return commands[im.CLAIM_LOW + slot], commands[im.CLAIM_HIGH + slot]

    def takes(self) -> list[int]:
        return [self.panel.devices.rows[device * D_ROW + D_TAKES] for device in range(2)]

    def after(self, device: int) -> int:
        return self.image.commands[im.DEVICE_AFTER + device]


CHARGERS = (im.KIND_CHARGER, im.KIND_CHARGER)
CONVERTERS = (im.KIND_CONVERTER, im.KIND_CONVERTER)


def near(value: int, ma: int) -> bool:
    return abs(value - ma) <= 50


def test_equals_share_what_is_left() -> None:
    house = Site(*CHARGERS)
    house.wish(0, 0, 32_000)
    house.wish(1, 0, 32_000)
    house.run()
    assert all(near(ma, 12_500) for ma in house.takes())
    assert all(near(house.claim(device)[1], 12_500) for device in (0, 1))


def test_who_wants_less_leaves_it_to_its_equal() -> None:
    house = Site(*CHARGERS)
    house.wish(0, 0, 7_000)
    house.wish(1, 0, 32_000)
    house.run()
    assert house.takes()[0] == 7_000 and near(house.takes()[1], 18_000)


@pytest.mark.parametrize("first", [0, 1])
def test_the_lower_rank_is_served_first_wherever_its_row_is(first: int) -> None:
    house = Site(*CHARGERS, ranks=(first, 1 - first))
    house.wish(0, 0, 16_000)
    house.wish(1, 0, 16_000)
    house.run()
    assert house.takes()[first] == 16_000
    assert near(house.takes()[1 - first], 9_000)
    assert house.after(1 - first) == first and house.after(first) == -1
    slot = im.PANEL * im.DEVICES + 1 - first
    commands = house.image.commands
    assert (commands[im.CLAIM_NODE + slot], commands[im.CLAIM_LEG + slot]) == (0, 1)


def test_the_next_gives_way_in_one_step_and_the_first_waits_until_it_has() -> None:
    house = Site(*CHARGERS, ranks=(1, 0))
    house.has_ma[0] = house.image.commands[im.SETPOINT] = 20_000
    house.wish(0, 0, 32_000)
    house.wish(1, 0, 16_000)
    house.run()
    assert near(house.claim(0)[1], 9_000)
    assert near(house.claim(1)[1], 5_000)


def test_too_little_for_the_first_goes_to_the_next() -> None:
    house = Site(im.KIND_CHARGER, im.KIND_CONVERTER, ranks=(0, 1))
    house.loads_ma = 20_000
    house.wish(0, 0, 16_000)
    house.wish(1, 4_600, 4_600)
    house.run()
    assert house.takes()[0] == 0 and near(house.claim(1)[1] * 1_000 // VOLTS, 5_000)


def test_of_equals_that_cannot_both_do_anything_one_keeps_on() -> None:
    """Stable: the one that is at it, whichever row it has; no swapping."""
    for running in (0, 1):
        house = Site(*CHARGERS)
        house.loads_ma = 15_000
        house.has_ma[running] = house.image.commands[im.SETPOINT + running] = 6_000
        house.wish(0, 0, 16_000)
        house.wish(1, 0, 16_000)
        house.run()
        assert near(house.takes()[running], 10_000) and house.takes()[1 - running] == 0


def test_a_leg_counts_for_those_that_are_on_it() -> None:
    house = Site(*CHARGERS)
    house.image.site[im.DEVICE_LEG + im.LEGS] = 2  # the second on L3
    house.wish(0, 0, 32_000)
    house.wish(1, 0, 32_000)
    house.run()
    assert all(near(ma, SERVICE_MA) for ma in house.takes())


# --- feeding back -----------------------------------------------------------------------------


def test_backfeed_is_shared_by_rank_too() -> None:
    house = Site(*CONVERTERS, ranks=(1, 0))
    for device in (0, 1):
        house.wish(device, -4_600, -4_600)
    house.run()
    assert near(-house.claim(1)[0] * 1_000 // VOLTS, SERVICE_MA)
    assert near(-house.claim(0)[0] * 1_000 // VOLTS, 5_000)


def static() -> Site:
    """The static rule leaves 24 A: (55 A of the busbar - 25 A of the breaker) x 4 / 5."""
    return Site(*CONVERTERS, NODE_BUS_MA=55_000)


def test_inv_4_the_static_rule_is_shared_among_sources_that_give_up_by_themselves() -> None:
    house = static()
    house.wish(0, -4_600, -4_600)
    house.wish(1, 0, 0)
    house.run()
    assert near(-house.claim(0)[0] * 1_000 // VOLTS, 24_000)


@pytest.mark.parametrize("how", ["silent", "never gives up"])
def test_inv_4_the_nameplate_of_a_source_that_nobody_can_tell_counts(how: str) -> None:
    house = static()
    if how == "silent":
        house.image.readings[im.DEVICE_AGE_MS + 1] = 5_000
    else:
        house.image.site[im.DEVICE_REVERT_MS + 1] = 60_000
    house.wish(0, -4_600, -4_600)
    house.wish(1, 0, 0)
    house.run()
    assert near(-house.claim(0)[0] * 1_000 // VOLTS, 4_000)  # less its 20 A


def test_the_export_limit_is_shared_by_rank() -> None:
    house = Site(*CONVERTERS, ranks=(0, 1), EXPORT_LIMIT_W=3_000)
    house.wish(0, -2_000, -2_000)
    house.wish(1, -2_000, -2_000)
    house.run()
    assert -3_100 <= house.claim(0)[0] <= -2_900
    assert -1_150 <= house.claim(1)[0] <= -950


# --- relieving an overload ----------------------------------------------------------------------


def two(ranks: tuple[int, int] = (1, 0)) -> Site:
    """Two batteries whose owners let them relieve L2, which has 12 A too much."""
    house = Site(*CONVERTERS, ranks=ranks)
    for device in (0, 1):
        house.image.site[im.DEVICE_RELIEVES + device] = 1
        house.image.site[im.DEVICE_MAY_DISCHARGE + device] = 1
        house.wish(device, 0, 0)
    house.loads_ma = SERVICE_MA + 12_000
    return house


def relief(house: Site) -> list[int]:
    """What is asked of each, mA, less its margin."""
    watts = house.image.commands[im.RELIEF_W : im.RELIEF_W + 2]
    return [max(0, (w * 1_000 // VOLTS - 100) * 32 // 33) for w in watts]


@pytest.mark.parametrize("first", [0, 1])
def test_the_lower_rank_relieves_first_and_the_other_does_not_too(first: int) -> None:
    house = two(ranks=(first, 1 - first)).run()
    assert near(relief(house)[first], 12_000) and relief(house)[1 - first] == 0


def test_what_the_first_may_not_the_next_does() -> None:
    house = two()
    house.image.commands[im.CLAIM_LOW + im.RESERVE * im.DEVICES + 1] = -5 * VOLTS
    house.run().run().run()
    assert near(relief(house)[0], 7_000) and 5_000 <= relief(house)[1] <= 5_350


def test_what_another_delivers_for_its_goal_counts() -> None:
    house = two()
    house.image.site[im.DEVICE_RELIEVES + 1] = 0
    house.has_ma[1] = -9_000
    house.run()
    assert near(relief(house)[0], 3_000) and relief(house)[1] == 0


def test_who_relieves_already_goes_on_when_the_first_can_again() -> None:
    house = two()
    house.image.commands[im.CLAIM_LOW + im.RESERVE * im.DEVICES + 1] = 0
    house.run()
    house.has_ma[0] = -12_400
    house.run()
    house.image.commands[im.CLAIM_LOW + im.RESERVE * im.DEVICES + 1] = -WIDE
    house.run()
    assert near(relief(house)[0], 12_000) and relief(house)[1] < 500


def test_a_leg_that_a_battery_is_not_on_asks_nothing_of_it() -> None:
    house = two()
    for device in (0, 1):
        house.image.site[im.DEVICE_LEG + device * im.LEGS] = 2
    house.loads_ma = 0
    house.run()
    house.image.readings[im.NODE_MA + 1] = 40_000
    for _ in range(40):
        house.image.readings[im.NODE_MA + 1] += 1
        house.panel.step(100)
    assert relief(house) == [0, 0]


@pytest.mark.parametrize(
    ("loads_ma", "reason", "value_ma"),
    [(24_000, im.REASON_BREAKER, 1_000), (0, im.REASON_UNPROVED, 0)],
)
def test_a_claim_names_the_place_of_its_tighter_end(
    loads_ma: int, reason: int, value_ma: int
) -> None:
    """Nothing is proved yet, so feeding back is held to 805 W, and drawing as well: where the
    breaker leaves less than that, its leg and its room are said."""
    site = Site(im.KIND_CONVERTER)
    site.loads_ma = loads_ma
    site.run().panel.witness.narrow()
    commands, slot = site.image.commands, im.PANEL * im.DEVICES
    assert commands[im.CLAIM_LOW + slot] == -805
    assert commands[im.CLAIM_LOW_REASON + slot] == im.REASON_UNPROVED
    assert commands[im.CLAIM_REASON + slot] == reason
    assert commands[im.CLAIM_NODE + slot] == 0 and commands[im.CLAIM_LEG + slot] == 1
    assert abs(commands[im.CLAIM_VALUE + slot] - value_ma) <= (25 if value_ma else 0)
