"""What a site says of a radio, against the board."""

from __future__ import annotations

import json
from typing import Any

import pytest

from firmware import config
from firmware import image as im
from tests_host.config.test_config import GOOD, rights


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"wifi": [{"name": "casa", "password": "buongiorno"}, {"name": "open"}]}, []),
        ({"wifi": [{"name": "casa", "password": "short"}]}, ["wifi[0].password"]),
        ({"wifi": [{"name": "casa", "password": "b\u00fcongiorno"}]}, ["wifi[0].password"]),
        ({"wifi": [{"name": "c" * 33}]}, ["wifi[0].name"]),
        ({"wifi": [{"name": str(i)} for i in range(5)]}, ["wifi"]),
        ({"network": {"country": "Germany"}}, ["network.country"]),
        ({"network": {"country": "de"}}, ["network.country"]),
        ({"network": {"country": "DE"}}, []),
    ],
)
def test_networks_of_a_radio(said: dict[str, Any], words: list[str]) -> None:
    board = rights(wifi=True)
    document = json.loads(json.dumps(GOOD)) | said
    errors = config.load(json.dumps(document), im.Image(), board).errors
    assert [error.split(":")[0] for error in errors] == words


def test_a_board_without_a_radio_says_so() -> None:
    document = json.loads(json.dumps(GOOD)) | {"wifi": [{"name": "casa"}]}
    board = rights(wifi=False)
    errors = config.load(json.dumps(document), im.Image(), board).errors
    assert errors == ["wifi: this board has no radio, leave it empty"]
