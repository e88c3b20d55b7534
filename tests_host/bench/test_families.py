# islet: each family for a while with every fault of its line; an hour by `make soak`.
# GPL-3.0-or-later
from __future__ import annotations

import pytest

from tools.bench import families
from tools.twin.buses.families import NAMES, table

BRIEF_S, HOUR_S = 135, 3600
BRIEF = ("evtec_bidipro", "solax_g4")
OFF_W = 60
GOES_ON = "INV-13"  # what nobody says stops, goes on while it cannot be told


def judged(name: str, seconds: float) -> families.Seen:
    """Nothing is written that its maker forbids, and after each fault it does as asked again."""
    seen = families.play(name, seconds)
    allowed = () if table(name).lease else (GOES_ON,)
    found = [row for row in seen.summary["findings"] if row["t_s"] < seconds]  # islet is alive
    wrong = [row for row in found if row["rule"] not in allowed]
    assert not wrong, wrong
    assert seen.errors() and max(seen.errors()) <= OFF_W
    assert max(seen.reactions()) < families.SETTLED_S
    assert seen.writes > seen.worn > 0
    return seen


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", BRIEF)
def test_a_family_with_faults_of_its_line(name: str) -> None:
    seen = judged(name, BRIEF_S)
    assert seen.stopped_s is not None, "a dead islet leaves nothing behind"


@pytest.mark.soak
@pytest.mark.timeout(7000)
@pytest.mark.parametrize("name", NAMES)
def test_an_hour_of_it(name: str) -> None:
    seen = judged(name, HOUR_S)
    assert (seen.stopped_s is None) == (table(name).lease is None) or seen.left_w[0] == 0


def test_a_device_that_does_the_opposite_is_measured_as_far_off() -> None:
    seen = families.Seen(
        {10: 500}, [(t, -500.0) for t in range(10, 70)], 1, 1, 70, (0, 0), None, {}
    )
    assert min(seen.errors()) == 1000 and seen.reactions() == [families.TURN_S]
