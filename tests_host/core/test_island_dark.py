# islet: INV-17 and INV-18 in the copper: one false contact or one reset at any moment.
# GPL-3.0-or-later
from __future__ import annotations

from tests_host.core.island_dark import CUTS, FOREVER, measure, table

PINS = {("bond says closed", 2_000), ("bond says closed", FOREVER)}


def test_inv_17_no_single_false_contact_and_no_reset_leaves_the_house_dark() -> None:
    """INV-17, INV-18, INV-5, INV-6: a bond that reads closed unproved for longer than its relay's
    time keeps the switch open until a person (safety.md section 6); nothing else does, and a
    reset costs no more than the grid's qualification."""
    found = measure(1_700)
    print("\n".join(table(found)))
    for what, outcomes in found.items():
        assert not [row for row in outcomes if row.unsafe], what
        if what in PINS:
            continue
        most_ms = 8_000 if what[0] in dict(CUTS) else 500
        late = [row for row in outcomes if row.dark_ms > most_ms or not row.lit]
        assert not late, (what, late)
