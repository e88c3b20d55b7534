"""What the image makes of a configuration's devices: a row each, in the order of the list."""

from __future__ import annotations

from typing import Any

import pytest

from firmware import image as im
from tests_host.config.test_config import ANSWERS, GATEWAY, GOOD, LEGS, column, load, rights


def test_a_device_s_row_is_its_place_in_the_list() -> None:
    loaded, image = load({"devices": GOOD["devices"][::-1]} | ANSWERS)
    assert loaded.errors == [] and loaded.names["devices"] == ["battery", "car"]
    assert column(image, "DEVICE_KIND") == [im.KIND_CONVERTER, im.KIND_POINT]
    assert column(image, "DEVICE_NODE") == [2, 1] and image.site[im.ISLAND_DEVICE] == 0
    assert image.site[im.POINT_DEVICE] == 1


def test_a_gateway_is_one_device() -> None:
    loaded, image = load(GATEWAY)
    assert loaded.errors == []
    assert column(image, "DEVICE_KIND") == [im.KIND_CONVERTER, im.KIND_NONE]
    assert column(image, "DEVICE_OWNS_PILOT") == [1, 0]
    assert column(image, "DEVICE_CONTACTOR") == [0, -1]
    assert column(image, "DEVICE_MAX_MA")[0] == 16_000
    assert column(image, "DEVICE_LEGS")[0] == 3
    assert image.site[im.POINT_DEVICE] == 0


def test_a_gateway_without_a_contactor_of_this_board_stands_beside_a_point() -> None:
    loaded, image = load({"devices.1.owns_pilot": True, "devices.1.behind": "car"} | ANSWERS)
    assert loaded.errors == [] and image.site[im.POINT_DEVICE] == 0
    assert column(image, "DEVICE_CONTACTOR")[:2] == [0, -1]


def test_a_car_s_own_inverter_may_not_discharge() -> None:
    _, image = load({"devices.1.may_discharge": False})
    assert column(image, "DEVICE_MAY_DISCHARGE")[1] == 0


def test_legs_stand_in_their_own_order() -> None:
    _, image = load({"devices.0.legs": ["L2"]})
    assert image.site[im.DEVICE_LEGS] == 1
    assert list(image.site[im.DEVICE_LEG : im.DEVICE_LEG + 3]) == [1, -1, -1]
    _, image = load({"devices.1.legs": ["L3", "L1", "L2"]})
    at = im.DEVICE_LEG + im.LEGS
    assert list(image.site[at : at + 3]) == [2, 0, 1]


def test_two_converters_need_a_name_for_the_one_that_forms() -> None:
    """And none where no island can be."""
    two = {"devices.0": GOOD["devices"][1] | {"name": "car", "address": 9}, "points.0": None}
    loaded, _ = load(two | ANSWERS | {"island.device": None})
    assert "island.device: is missing, needs one of car, battery" in loaded.errors
    loaded, _ = load(two)
    assert not [error for error in loaded.errors if error.startswith("island")]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (GATEWAY | {"devices.0.contactor": None, "points": None}, "[0].contactor: is missing"),
        (GATEWAY | {"devices.0.contactor": None}, "devices[0].contactor: is missing"),
        ({"devices": [GOOD["devices"][1] | {"owns_pilot": True, "behind": "both"}],
          "points": None, "nodes.1.instrument": "none"}, "devices[0].contactor: is missing"),
        ({"devices.1.behind": "car"}, "devices[1].owns_pilot: must be true of a gateway"),
    ],
)  # fmt: skip
def test_a_gateway_that_could_never_deliver_is_refused(
    changes: dict[str, Any], sentence: str
) -> None:
    """It was accepted, told W, and its contactor never closed."""
    loaded, _ = load(changes)
    assert any(sentence in error for error in loaded.errors), loaded.errors
    assert all("devices[" in e or "points[" in e for e in loaded.errors)


def test_a_board_without_a_contactor_has_none_to_name() -> None:
    """And a car's own inverter has the point's."""
    alone = GATEWAY | {"devices.0.contactor": None, "points": None}
    loaded, _ = load(alone, rights(can_own_contactor=False))
    assert loaded.errors == []
    loaded, _ = load({"devices.1.behind": "car", "devices.1.may_discharge": False})
    assert loaded.errors == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"devices.1.contactor": "socket", "devices.0": {"name": "car", "kind": "source",
          "node": "wallbox", "legs": LEGS}}, "for a source yet, write source_a of its node"),
        ({"devices.0": {"name": "car", "kind": "charger", "node": "wallbox", "legs": LEGS,
          "line": "rs485", "address": 9}}, "driver for a charger yet"),
        (GATEWAY | {"devices.0.owns_pilot": False}, "contactor: needs owns_pilot"),
    ],
)  # fmt: skip
def test_what_has_no_driver_is_said(changes: dict[str, Any], sentence: str) -> None:
    loaded, _ = load(changes)
    assert any(sentence in error for error in loaded.errors), loaded.errors
