"""Which broker is warned of, and where TLS is on: docs/bridge.md, docs/decisions.md."""

from __future__ import annotations

import json

import pytest

from firmware import config
from firmware import image as im
from tests_host.config.test_config import GOOD, rights


@pytest.mark.parametrize(
    ("host", "tls", "warned"),
    [
        ("192.168.0.20", None, False),
        ("10.0.0.3", None, False),
        ("172.16.0.1", None, False),
        ("172.31.255.1", None, False),
        ("169.254.3.4", None, False),
        ("127.0.0.1", None, False),
        ("broker", None, False),
        ("broker.local", None, False),
        ("broker.home.arpa", None, False),
        ("172.15.0.1", None, True),
        ("172.32.0.1", None, True),
        ("192.169.0.1", None, True),
        ("100.10.0.1", None, True),
        ("203.0.113.9", None, True),
        ("broker.example.org", None, True),
        ("local.example.org", None, True),
        ("broker.example.org", True, False),
        ("", None, False),
    ],
)
def test_what_leaves_the_house_in_the_clear_is_warned_of(
    host: str, tls: bool | None, warned: bool
) -> None:
    document = json.loads(json.dumps(GOOD)) | {"mqtt": {"host": host}}
    if tls is not None:
        document["mqtt"]["tls"] = tls
    loaded = config.load(json.dumps(document), im.Image(), rights(tls=bool(tls)))
    assert loaded.errors == []
    assert [w.split(":")[0] for w in loaded.warnings] == ["mqtt.host"] * warned


def test_tls_is_on_where_the_chip_bears_it_and_refused_elsewhere() -> None:
    """docs/decisions.md"""
    document = json.loads(json.dumps(GOOD)) | {"mqtt": {"host": "broker"}}
    for bears in (False, True):
        loaded = config.load(json.dumps(document), im.Image(), rights(tls=bears))
        assert (loaded.errors, loaded["mqtt.tls"]) == ([], bears)
    document["mqtt"]["tls"] = False
    loaded = config.load(json.dumps(document), im.Image(), rights(tls=True))
    assert (loaded.errors, loaded["mqtt.tls"]) == ([], False)
    document["mqtt"]["tls"] = True
    loaded = config.load(json.dumps(document), im.Image(), rights(tls=False))
    assert [e.split(":")[0] for e in loaded.errors] == ["mqtt.tls"]
