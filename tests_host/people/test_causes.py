"""Of several causes the one that is known, of two ends each its own bound."""

from __future__ import annotations

import pytest

from firmware import image as im
from tests_host.net.small_site import claim
from tests_host.people.test_state import INVERTER, published


def test_the_looser_end_tells_its_own_bound(site: im.Image) -> None:
    """Place and value of a claim are those of its tighter end, and only there they are told."""
    at = im.PANEL * im.DEVICES + INVERTER
    claim(site, im.PANEL, INVERTER, -1000, 4600, im.REASON_BREAKER, 0, 2, 1000)
    site.site[im.EXPORT_LIMIT_W] = 300  # and the house draws 700 W
    site.commands[im.CLAIM_LOW_REASON + at] = im.REASON_EXPORT
    panel = published(site)["limits"]["inverter"]["claims"][im.PANEL]
    assert panel["low_text"] == "The house may send at most 300 W to the grid."
    assert panel["text"] == "A circuit above it leaves it 4.6 kW."


@pytest.mark.parametrize(
    ("reason", "texts"),
    [
        (im.REASON_CABLE, ("Nobody can tell", "The cable carries at most 13.0 A.")),
        (im.REASON_ANTI_ISLANDING, ("It says that", "It has not told", "It cannot be asked")),
        (im.REASON_DEVICE_FAULT, ("It reports", "Nothing is", "Something else commands")),
    ],
)
def test_one_cause_is_told_where_it_is_known(
    site: im.Image, reason: int, texts: tuple[str, ...]
) -> None:
    for value, text in enumerate(texts):
        value = 13_000 if "13.0" in text else value
        claim(site, im.HARDWARE, INVERTER, 0, 0, reason, -1, -1, value)
        said = published(site)["limits"]["inverter"]["claims"][im.HARDWARE]["text"]
        assert said.startswith(text)
