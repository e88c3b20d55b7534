"""INV-16: an inverter that is outside its grant by turns; one that overshoots is not."""

from __future__ import annotations

import pytest

from tests_host.core.disobedience import ABOVE, CONTACTOR, OWN, Plant
from tests_host.core.test_obedience import settled


def by_turns(plant: Plant, out_ms: int, in_ms: int, w: int) -> int | None:
    """Milliseconds until its enable is off, None after two minutes."""
    passed_ms = 0
    while passed_ms < 120_000:
        for ms, habit in ((out_ms, lambda told: w), (in_ms, lambda told: told)):
            plant.habit = habit
            for _ in range(ms // 100):
                plant.run(100)
                passed_ms += 100
                if not plant.enabled:
                    return passed_ms
    return None


@pytest.mark.parametrize("witness", [OWN, ABOVE, CONTACTOR])
@pytest.mark.parametrize("w", [-3_700, 3_700])
@pytest.mark.parametrize(("out_ms", "in_ms"), [(3_000, 300), (3_900, 100), (2_500, 1_000)])
def test_a_moment_inside_saves_nothing(witness: str, w: int, out_ms: int, in_ms: int) -> None:
    plant = settled(witness, 300, 0, INVERTER_RESPONSE_MS=2_000)
    took_ms = by_turns(plant, out_ms, in_ms, w)
    assert took_ms is not None and took_ms <= 20_000


@pytest.mark.parametrize(("out_ms", "in_ms"), [(1_000, 1_500), (2_000, 3_000), (500, 1_000)])
def test_what_is_inside_more_than_outside_is_not_named(out_ms: int, in_ms: int) -> None:
    plant = settled(OWN, 300, 0, INVERTER_RESPONSE_MS=2_000)
    assert by_turns(plant, out_ms, in_ms, 3_700) is None
    assert not plant.faults
