"""A converter that a profile describes: driven as far as somebody says how, else refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from firmware.config import rules_family
from firmware.drivers import plans, profile
from tests_host.config.test_config import ANSWERS, rights
from tests_host.config.test_rules import fields, load

BENCH, REAL = rights(bench=True), rights()
QUASAR: dict[str, Any] = {
    "devices.1.profile": "wallbox_quasar",
    "nodes.2.instrument": "none",
    "devices.1.address": 7,
}
ENDLESS = {"devices.1.revert_s": 0, "devices.1.may_discharge": False}
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
        (
            SOLAX | {"devices.1.profile": "sma_storage"},
            ["devices[1].revert_s", "devices[1].may_discharge"],
            "silent|time-out",
        ),
        (SOLAX | ENDLESS | {"devices.1.profile": "sma_storage"}, [], ""),
    ],
)
def test_what_is_refused_of_a_family(
    changes: dict[str, Any], refused: list[str], why: str
) -> None:
    found, _ = load(changes, BENCH)
    assert fields(found.errors) == refused
    assert all(re.search(why, error) for error in found.errors)


def test_what_is_renewed_wears_nothing_out_unless_an_installer_stands_by_it() -> None:
    """Memory that nobody names may be an EEPROM: 10,000 writes a day end it within weeks."""
    for changes, weaker in ((SOLAX, []), (QUASAR, ["devices[1].profile"])):
        found, _ = load(changes, BENCH)
        assert [path for path, _, _ in found.weaker] == weaker
        sealed = load(changes, REAL)[0].errors
        assert fields(sealed) == weaker
        assert all("needs the installer's key" in error for error in sealed)


def test_a_register_that_wears_out_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for wear in ("eeprom", "flash"):
        monkeypatch.setattr(rules_family, "_worn", lambda *given, wear=wear: [wear])
        found, _ = load(SOLAX, BENCH)
        assert fields(found.errors) == ["devices[1].profile"]
        assert "wears out" in found.errors[0]


def test_the_rules_read_the_form_that_the_drivers_read() -> None:
    assert (rules_family.HEAD, rules_family.ROW) == (profile.HEAD, profile.ROW)
    assert (rules_family.PLANS, rules_family.WRITE) == (plans.HEAD, plans.WRITE)
    assert (rules_family.CONTROLS, rules_family.NO_LEASE) == (plans.CONTROLS, plans.NONE)
    assert (rules_family.WEARS, rules_family.THENS) == (plans.WEARS, plans.THENS)
    assert rules_family.CURRENT == profile.CURRENT
    assert (profile.ADDRESS, plans.ADDRESS) == (11, 9)
