"""A converter that a profile describes: driven as far as somebody says how, else refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from firmware import image as im
from firmware.config import rules_family
from firmware.drivers import plans, profile, sunspec_control, wear
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
HYBRID = QUASAR | {"devices.1.profile": "sungrow_sh", "devices.1.sun_w": 9200}


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
        (HYBRID, [], ""),
        (HYBRID | {"devices.1.sun_w": 0}, [], ""),
        (HYBRID | {"devices.1.profile": "sunspec_124", "nodes.2.instrument": "battery"}, [], ""),
        (
            HYBRID | {"devices.1.profile": "sunspec_124", "coordinated": True},
            ["devices[1].profile"],
            "nobody has measured",
        ),
        (HYBRID | {"devices.1.sun_w": None}, ["devices[1].sun_w"], "of its battery"),
        (HYBRID | {"devices.1.charge_w": 14_000}, ["devices[1].charge_w"], "battery bears"),
        (
            HYBRID | {"export_limit_w": 3000},
            ["devices[1].sun_w", "devices[1].profile"],
            "nobody has measured|goes on feeding",
        ),
        (SOLAX | {"devices.1.sun_w": 0}, ["devices[1].sun_w"], "of its terminals"),
        ({"devices.1.sun_w": 0}, ["devices[1].sun_w"], "by SunSpec is of its terminals"),
        (
            HYBRID | {"devices.1.profile": "sofar_g3", "devices.1.revert_s": 300},
            [],
            "",
        ),
        (
            SOLAX | ENDLESS | {"devices.1.profile": "victron_gx"},
            ["devices[1].profile"],
            "of its input",
        ),
        (
            HYBRID
            | {"devices.1.owns_pilot": True, "devices.1.behind": "car"}
            | {"devices.1.contactor": "socket", "devices.1.max_a": 16}
            | {"devices.0": None, "nodes.1.instrument": "none"},
            ["devices[0].contactor"],
            "current is the sun's too",
        ),
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


def test_its_own_sun_is_a_source_of_its_node() -> None:
    """As one that islet does not command: 9.2 kW on three legs are 13.3 A more than source_a."""
    for changes, ma in (
        ({}, 13_333),
        ({"nodes.2.source_a": 5}, 18_333),
        ({"devices.1.sun_w": 0}, 0),
    ):
        found, image = load(HYBRID | changes, BENCH)
        assert found.errors == []
        assert image.site[im.NODE_SOURCE_MA + 2] == pytest.approx(ma, abs=10)
        assert image.site[im.DEVICE_STRINGS_W + 1] == (0 if ma == 0 else 9200)


def test_what_is_renewed_wears_nothing_out_unless_an_installer_stands_by_it() -> None:
    """Memory that nobody names may be an EEPROM: 10,000 writes a day end it within weeks."""
    for changes, weaker in ((SOLAX, []), (QUASAR, ["devices[1].profile"])):
        found, _ = load(changes, BENCH)
        assert [path for path, _, _ in found.weaker] == weaker
        sealed = load(changes, REAL)[0].errors
        assert fields(sealed) == weaker
        assert all("needs the installer's key" in error for error in sealed)


def of_memory(memory: str, then: str = "goes_on", lease: bool = False) -> list[Any]:
    """What is said of Solax's first write as one of watts, or of the lease, in this memory."""
    write = [16, 2, 124, 1, 1, 1, 1, 8000, plans.WEARS.index(memory), 0, 0]
    found = 0 if lease else plans.NONE
    return list(rules_family._worn_out("devices[1].", "x", [write], found, then))


def test_memory_that_renewing_would_use_up_is_refused() -> None:
    """100,000 writes each ten seconds are 11 days, 10,000 one; ten years are 27 and 2 a day."""
    assert of_memory("ram") == of_memory("unknown") == of_memory("unknown", "stops") == []
    assert of_memory("eeprom") == []
    assert "2 writes a day" in of_memory("flash")[0]
    for then in ("own_mode", "stops", "unknown"):
        assert "worn out in 11 days" in of_memory("eeprom", then)[0]
        assert "worn out in 1 days" in of_memory("flash", then)[0]
    assert "worn out in 11 days" in of_memory("eeprom", lease=True)[0]


def test_memory_that_is_written_seldom_needs_an_installer(monkeypatch: pytest.MonkeyPatch) -> None:
    column = plans.WEAR
    read = rules_family._writes

    def writes(packed: bytes, place: int) -> list[Any]:
        """As they are, but the constants of the request lie in a flash memory."""
        rows = [list(row) for row in read(packed, place)]
        for row in rows:
            row[column] = row[column] if row[plans.UNIT] else plans.WEARS.index("flash")
        return rows

    monkeypatch.setattr(rules_family, "_writes", writes)
    assert load(SOLAX, BENCH)[0].errors == []
    (error,) = load(SOLAX, REAL)[0].errors
    assert "more power waits" in error and "needs the installer's key" in error


def test_the_rules_read_the_form_that_the_drivers_read() -> None:
    assert (rules_family.HEAD, rules_family.ROW) == (profile.HEAD, profile.ROW)
    assert (rules_family.PLANS, rules_family.WRITE) == (plans.HEAD, plans.WRITE)
    assert (rules_family.CONTROLS, rules_family.NO_LEASE) == (plans.CONTROLS, plans.NONE)
    assert (rules_family.WEARS, rules_family.THENS) == (plans.WEARS, plans.THENS)
    assert rules_family.CURRENT == profile.CURRENT
    assert profile.QUANTITIES[rules_family.BATTERY_POWER][0] == "battery_power"
    assert (rules_family.CYCLES, rules_family.LIFE_DAYS) == (wear.CYCLES, wear.LIFE_DAYS)
    assert rules_family.RENEW_S * 1000 == sunspec_control._RENEW_MAX_MS
    assert (profile.ADDRESS, plans.ADDRESS) == (11, 9)
