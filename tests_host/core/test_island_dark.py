# islet: INV-17 and INV-18 in the copper: one false contact or one reset at any moment.
# GPL-3.0-or-later
from __future__ import annotations

from firmware import image as im
from tests_host.core.island_dark import CUTS, PINS, measure, most_ms


def test_inv_17_no_single_false_contact_and_no_reset_leaves_the_house_dark() -> None:
    """INV-17, INV-18, INV-5, INV-6: a bond that reads closed unproved for longer than its relay's
    time keeps the switch open until a person (safety.md section 6); nothing else does, and a
    reset costs no more than the grid's qualification. All states of the transfer are struck."""
    found = measure(5_000)
    for what, outcomes in found.items():
        assert not [row for row in outcomes if row.unsafe], what
        if what in PINS:
            continue
        late = [row for row in outcomes if row.dark_ms > most_ms(what[0]) or not row.lit]
        assert not late, (what, late)
    for cut, _ in CUTS:
        assert {row.state for row in found[cut, 0]} == set(range(len(im.ISLAND_NAMES)))
