"""The very edges of what a site may say of its converter."""

from __future__ import annotations

from typing import Any

import pytest

from firmware import image as im
from tests_host.config.test_config import load
from tests_host.fields import INVERTER


@pytest.mark.parametrize(
    ("seconds", "allowed"), [(0.9, False), (1, True), (10, True), (10.1, False)]
)
@pytest.mark.parametrize("needs", [{"coordinated": True}, {"export_limit_w": 9_000}])
def test_where_it_matters_a_converter_reverts_within_ten_seconds(
    needs: dict[str, Any], seconds: float, allowed: bool
) -> None:
    loaded, _ = load(needs | {"devices.1.revert_s": seconds})
    assert [e.split(":")[0] for e in loaded.errors] == ([] if allowed else ["devices[1].revert_s"])


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        # 13 800 W on three legs of 230 V are 20 A, what its own circuit bears
        ({"devices.1.discharge_w": 13_800}, True),
        ({"devices.1.discharge_w": 13_806}, False),
        # with 80 % for what lasts, 11 040 W
        ({"nodes.2.continuous_percent": 80, "devices.1.discharge_w": 11_040}, True),
        ({"nodes.2.continuous_percent": 80, "devices.1.discharge_w": 11_046}, False),
        # beside 5 A of others on it, 10 350 W
        ({"nodes.2.source_a": 5, "devices.1.discharge_w": 10_350}, True),
        ({"nodes.2.source_a": 5, "devices.1.discharge_w": 10_356}, False),
        # the circuit above it counts as well: 12 A are 8 280 W
        ({"nodes.0.rating_a": 12, "devices.1.discharge_w": 8_280}, True),
        ({"nodes.0.rating_a": 12, "devices.1.discharge_w": 8_286}, False),
        # what it draws, by circuits that are not measured
        ({"devices.1.charge_w": 100}, False),
        # and all that the devices can deliver together stays within what the site may export
        ({"export_limit_w": 5_000}, True),
        ({"export_limit_w": 4_999}, False),
    ],
)
def test_whether_a_nameplate_fits_the_static_rule(changes: dict[str, Any], fits: bool) -> None:
    loaded, image = load({"devices.1.charge_w": 0, "devices.1.discharge_w": 5_000} | changes)
    assert loaded.errors == []
    assert image.site[im.DEVICE_FITS + INVERTER] == int(fits)
