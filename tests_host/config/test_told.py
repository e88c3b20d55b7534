"""A meter that a broker tells: what of it is refused, by field."""

from __future__ import annotations

from typing import Any

import pytest

from tests_host.config.test_config import ANSWERS, rights
from tests_host.config.test_rules import fields, load

VALUES: dict[str, Any] = {
    "current": [f"p1/a{leg}" for leg in (1, 2, 3)],
    "power": [f"p1/all#kw.{leg}" for leg in (1, 2, 3)],
    "power_factor": 1000,
    "round_a": 1,
}
TOLD = {
    "meters": [{"name": "house", "values": VALUES}],
    "nodes.0.instrument": "house",
    "mqtt.host": "10.0.0.2",
}


def values(**changes: Any) -> dict[str, Any]:
    return TOLD | {"meters": [{"name": "house", "values": VALUES | changes}]}


ASKED = values(host="10.0.0.3", current=["a.1", "a.2", "+"]) | {"mqtt.host": ""}
TCP = {"name": "a", "host": "10.0.0.4"}
BOTH = ["meters[0].values.current", "meters[0].values.power"]


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        (TOLD, []),
        (values(export=[f"p1/b{leg}" for leg in (1, 2, 3)]), []),
        (TOLD | {"mqtt.host": ""}, ["meters[0].line"]),
        (TOLD | {"meters.0.profile": "sdm630"}, ["meters[0].profile"]),
        (TOLD | {"meters.0.line": "rs485"}, BOTH),
        (values(current=None), ["meters[0].values.current"]),
        (ASKED, []),
        (ASKED | {"meters.0.values.path": "api"}, ["meters[0].values.path"]),
        (ASKED | {"meters.0.values.path": "/a b"}, ["meters[0].values.path"]),
        (ASKED | {"meters.0.values.path": "/a\r\nX: y"}, ["meters[0].values.path"]),
        (ASKED | {"meters.0.values.port": 0}, ["meters[0].values.port"]),
        (ASKED | {"lines.1": TCP, "lines.2": TCP | {"name": "b"}}, ["meters[0].values.host"]),
        (values(power=["p1/sum"]), ["meters[0].values.power"]),
        (values(current=["p1/a", "p1/b"]), ["meters[0].values.current"]),
        (values(export=["p1/sum"]), ["meters[0].values.export"]),
        (values(current_factor=0), ["meters[0].values.current_factor"]),
        (values(power_factor=0), ["meters[0].values.power_factor"]),
        (values(power_factor=20_000), ["meters[0].values.power_factor"]),
        (values(current=["p1/+", "p1/b", "p1/c"]), ["meters[0].values.current"]),
        (values(current=["#a", "p1/b", "p1/c"]), ["meters[0].values.current"]),
        (values(current=["islet/set/goal", "p1/b", "p1/c"]), ["meters[0].values.current"]),
        (values(current="p1/a"), ["meters[0].values.current"]),
        (values(current=["p1/a", "p1/b", 5]), ["meters[0].values.current"]),
        (values(current=["p1/a", "p1/b", "c" * 101]), ["meters[0].values.current"]),
        (values(curent=1), ["meters[0].values.curent"]),
        (TOLD | {"meters": [{"name": "house"}]}, ["meters[0].line"]),
    ],
)  # fmt: skip
def test_what_is_refused_of_a_meter_that_is_told(changes: Any, refused: list[str]) -> None:
    found, _ = load(changes, rights(bench=True))
    assert fields(found.errors) == refused


def test_nothing_that_others_rely_on_is_built_on_a_broker() -> None:
    for changes in ({"coordinated": True}, {"export_limit_w": 0}, ANSWERS):
        found, _ = load(TOLD | changes, rights(bench=True))
        assert "meters[0].values" in fields(found.errors)
    found, _ = load(TOLD, rights(bench=True))
    assert [line for line in found.warnings if line.startswith("meters[0].values: whoever")]


def test_a_board_without_a_network_asks_nobody() -> None:
    board = rights(bench=True, network=False)
    assert "meters[0].values.host" in fields(load(ASKED, board)[0].errors)


def test_a_sum_is_refused_in_words() -> None:
    found, _ = load(values(current=["p1/sum"], power=["p1/sum"]), rights(bench=True))
    assert len(found.errors) == 2
    assert all("only the sum of its legs holds no leg's limit" in line for line in found.errors)
