"""The very edges of what is said."""

from __future__ import annotations

import pytest

from firmware import image as im
from firmware.people.names import Names
from firmware.people.proof import age_text


@pytest.mark.parametrize(
    ("age_min", "text"),
    [
        (119, " Proved 119 min ago."),
        (120, " Proved 2 h ago."),
        (2_879, " Proved 47 h ago."),
        (2_880, " Proved 2 days ago."),
    ],
)
def test_an_age_is_told_in_the_unit_that_suits_it(age_min: int, text: str) -> None:
    assert age_text(age_min, False, False) == text


def test_a_device_on_the_service_itself_is_one_of_the_site() -> None:
    site = im.Image().site
    for device, node in ((0, 0), (2, 1), (3, -1)):
        site[im.DEVICE_KIND + device], site[im.DEVICE_NODE + device] = im.KIND_CONVERTER, node
    assert Names(site).devices() == [0, 2]
