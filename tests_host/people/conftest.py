"""The small site of the links' tests, for what people read of it."""

from __future__ import annotations

import pytest

from firmware import image as im
from tests_host.net.small_site import make_site


@pytest.fixture
def site() -> im.Image:
    return make_site()
