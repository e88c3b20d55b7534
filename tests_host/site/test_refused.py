"""Whole sites that a board once took, or refused for one reason alone: every reason, at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.flash.site import loaded
from tools.site import check
from tools.site.upgrade import upgrade

FOLDER = Path(__file__).parent / "refused"
NO_NETWORK = {
    "mqtt.host: this board has no network, leave it empty",
    "http.port: this board has no network, give 0 or leave it out",
}
ASKED = {
    "island.neutral_switched: is missing: does the islanding switch open the neutral too?",
    "island.device_bonds: is missing: does the device join neutral and earth by itself in backup?",
    "island.electrode: is missing: has the house an earth electrode of its own?",
}
RATED = {
    "devices[0].max_a: this circuit board is built for 32 A",
    "nodes[0].rating_a: this circuit board is built for 63 A",
}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("site_network_on_pico", NO_NETWORK | ASKED),
        ("site_over_board", NO_NETWORK | ASKED | RATED),
        ("us_bond", NO_NETWORK | ASKED | RATED),
    ],
)
def test_every_reason_is_said_at_once(name: str, said: set[str]) -> None:
    site, _ = upgrade(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))
    content = json.dumps(site).encode()
    assert said <= set(loaded(content, "pico", False).errors)
    on_a_network = set(loaded(content, "pico", True).errors)
    assert said - NO_NETWORK <= on_a_network and not NO_NETWORK & on_a_network


@pytest.mark.parametrize("name", ["site_network_on_pico", "site_over_board", "us_bond"])
def test_make_check_says_it_of_the_image_that_is_flashed(name: str) -> None:
    """A plain Pico has no network, a Pico W has; a file of an older form is checked as today's."""
    for image, lacks in (("", True), ("pico_w", False)):
        lines, good = check.report(FOLDER / f"{name}.json", "pico", image)
        text = "\n".join(lines)
        assert not good and all(line in text for line in ASKED)
        assert all((line in text) is lacks for line in NO_NETWORK)
        assert "of an older form" in text and "Not answered" not in text


@pytest.mark.parametrize(("answer", "right"), [(True, False), (False, True)])
def test_a_service_bonded_neutral_is_never_switched(answer: bool, right: bool) -> None:
    """NEC 250: the bond follows from the answer, or the site is refused (INV-6)."""
    site, _ = upgrade(json.loads((FOLDER / "us_bond.json").read_text(encoding="utf-8")))
    site["island"] |= {"neutral_switched": answer, "device_bonds": False, "electrode": True}
    errors = loaded(json.dumps(site).encode(), "pico", True).errors
    said = "island.neutral_switched: must be false under grid_code ieee1547_cat3"
    assert (said not in errors) is right


def test_beside_a_network_chip_there_is_no_island() -> None:
    """Its circuit board has no outputs for one; a fixed address needs a network."""
    site, _ = upgrade(json.loads((FOLDER / "us_bond.json").read_text(encoding="utf-8")))
    site["network"] = {"address": "192.168.0.20"}
    content = json.dumps(site).encode()
    errors = loaded(content, "pico_eth", True).errors
    assert any(error.startswith("island.capable: ") for error in errors), errors
    said = "network.address: this board has no network, leave it empty"
    assert said not in errors and said in loaded(content, "pico", False).errors
