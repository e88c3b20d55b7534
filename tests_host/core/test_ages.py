"""INV-4: a reading that nobody renews grows old, whichever instrument it is of."""

from __future__ import annotations

import pytest

from firmware import image as f
from tests_host.core.planted import NOTICED, plant
from tests_host.fields import INVERTER

AGES = [
    (name, index + i)
    for name, index, count, unit, *_ in f.READINGS.rows
    if unit == "age"
    for i in range(count)
]
BUS = [
    f.NODE_AGE_MS,
    f.NODE_AGE_MS + f.NODES - 1,
    f.DEVICE_AGE_MS + INVERTER,
    f.DEVICE_SOC_AGE_MS + INVERTER,
]


def test_there_is_no_age_without_its_reading() -> None:
    assert len(AGES) > f.NODES and {index for _, index in AGES} >= set(BUS)


@pytest.mark.parametrize(("name", "index"), AGES)
def test_inv_4_every_age_grows_by_exactly_one_of_the_two(name: str, index: int) -> None:
    """INV-4: the sampling interrupt lets its own grow, the control cycle all others."""
    image = f.Image()
    for _, each in AGES:
        image.live[each] = 0
    image.age_sampled(10)
    sampled = image.live[index]
    image.age_rest(100)
    rest = image.live[index] - sampled
    assert (sampled, rest) == ((10, 0) if index in f.SAMPLED_AGES else (0, 100)), name
    for _ in range(3):
        image.age(f.AGE_MAX_MS // 2)
    assert image.live[index] == f.AGE_MAX_MS, "and stays there"


def test_inv_4_what_the_bus_said_is_stale_after_its_silence() -> None:
    image = f.Image()
    for index in BUS:
        image.live[index] = 0
    for _ in range(30):
        image.age_rest(100)
        image.latch()
    assert [image.readings[index] for index in BUS] == [3_000] * len(BUS)


REST = "self._grow(self.live, self._rest, dt_ms, AGE_MAX_MS)"
SAMPLED = "self._grow(self.live, self._sampled, dt_ms, AGE_MAX_MS)"
MISTAKES = (
    (REST, "pass"),
    (REST, REST.replace("dt_ms", "0")),
    (REST, REST.replace("_rest", "_sampled")),
    (REST, REST + "; " + SAMPLED),
    (SAMPLED, "pass"),
    ('array("i", [len(rest)] + rest)', 'array("i", [len(rest) - 1] + rest)'),
    ("if i not in SAMPLED_AGES]", "if i > SAMPLED_AGES[0]]"),
)


@pytest.mark.parametrize(("old", "new"), MISTAKES)
def test_a_planted_mistake_is_noticed(monkeypatch: pytest.MonkeyPatch, old: str, new: str) -> None:
    plant(monkeypatch, f, old, new)
    with pytest.raises(NOTICED):
        for name, index in AGES:
            test_inv_4_every_age_grows_by_exactly_one_of_the_two(name, index)
        test_inv_4_what_the_bus_said_is_stale_after_its_silence()
