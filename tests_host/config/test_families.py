"""A converter that a profile describes: driven as far as somebody says how, else refused."""

from __future__ import annotations

from typing import Any

import pytest

from firmware.config import rules_family
from firmware.drivers import plans, profile
from tests_host.config.test_config import ANSWERS, BOARD
from tests_host.config.test_rules import fields, load

QUASAR: dict[str, Any] = {
    "devices.1.profile": "wallbox_quasar",
    "nodes.2.instrument": "none",
    "devices.1.address": 7,
}
SOLAX = QUASAR | {"devices.1.profile": "solax_g4"}


@pytest.mark.parametrize(
    ("changes", "refused", "why"),
    [
        (QUASAR, [], ""),
        (SOLAX, [], ""),
        (SOLAX | {"nodes.2.instrument": "battery"}, [], ""),
        (
            QUASAR | {"nodes.2.instrument": "battery"},
            ["nodes[2].instrument"],
            "does not measure the current",
        ),
        (QUASAR | {"devices.1.base": 50_000}, ["devices[1].base"], "leave it out"),
        (QUASAR | {"devices.1.profile": "sdm630"}, ["devices[1].profile"], "is no converter"),
        (QUASAR | {"devices.1.profile": "sungrow_sh"}, ["devices[1].profile"], "of its battery"),
        (QUASAR | {"devices.1.profile": "deye_1p"}, ["devices[1].profile"], "can only be read"),
        (QUASAR | {"devices.1.profile": "kettle"}, ["devices[1].profile"], "kettle"),
        (QUASAR | {"devices.1.revert_s": 9}, ["devices[1].revert_s"], "takes 10 to 1800 s"),
        (QUASAR | {"export_limit_w": 0}, ["devices[1].profile"], "nobody has measured"),
        (QUASAR | {"coordinated": True}, ["devices[1].profile"], "nobody has measured"),
        (ANSWERS | QUASAR, ["island.device"], "form an island"),
    ],
)
def test_what_is_refused_of_a_family(
    changes: dict[str, Any], refused: list[str], why: str
) -> None:
    found, _ = load(changes, BOARD)
    assert fields(found.errors) == refused
    assert all(why in error for error in found.errors)


def test_the_rules_read_the_form_that_the_drivers_read() -> None:
    assert (rules_family.HEAD, rules_family.ROW) == (profile.HEAD, profile.ROW)
    assert (rules_family.PLANS, rules_family.WRITE) == (plans.HEAD, plans.WRITE)
    assert (rules_family.CONTROLS, rules_family.NO_LEASE) == (plans.CONTROLS, plans.NONE)
    assert rules_family.CURRENT == profile.CURRENT
    assert (profile.ADDRESS, plans.ADDRESS) == (11, 9)
