"""`make check`: all there is to say about a site, at once; and `make` with a misspelt variable."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests_host.config.test_config import GOOD, change
from tools.site import __main__ as tool
from tools.workshop import ROOT


def run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], document: Any, circuit: str = "host"
) -> tuple[int, str]:
    path = tmp_path / "site.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    code = tool.main(["check", str(path), "--circuit", circuit])
    return code, capsys.readouterr().out


def changed(changes: dict[str, Any]) -> Any:
    document = json.loads(json.dumps(GOOD))
    change(document, changes)
    return document


def test_a_good_site_is_told_in_full(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(tmp_path, capsys, changed({}))
    assert code == 0, said
    for part in ("circuits:", "when the meters fall silent:", "left to do:", "the circuit board:"):
        assert part in said
    assert "refused" not in said


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "as it likes (grid_code"),
        ({"grid_code": "vde4105"}, "4600 VA drawing and 4600 VA delivering apart by islet"),
        ({"grid_code": "as4777a"}, "at most 5000 VA delivering apart by islet"),
        ({"unbalance_va": 3680}, "3680 VA apart by islet, drawing and delivering together"),
        ({"unbalance_va": 0}, "as it likes (unbalance_va)"),
    ],
)
def test_what_the_legs_may_differ_by_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], told: str
) -> None:
    _, said = run(tmp_path, capsys, changed(changes))
    assert told in said


def test_everything_that_is_wrong_is_said_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Options and rules together: what a rule would say does not wait for the options."""
    wrong = changed({"nodes.1.parent": "kitchn", "nodes.0.rating_a": 0, "owner.goal": "rich"})
    wrong["http"] = {"port": 80}
    code, said = run(tmp_path, capsys, wrong, "esp32")
    assert code == 1
    for text in ('"kitchn" is not one of nodes: service', "nodes[0].rating_a", "owner.goal"):
        assert text in said


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"nodes": 3}', "{}"])
def test_no_file_ends_in_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    code, said = run(tmp_path, capsys, text)
    assert code == 1 and "refused" in said


def test_an_unknown_circuit_or_file_is_named(tmp_path: Path) -> None:
    assert tool.main(["check", str(tmp_path / "none.json")]) == 2
    assert tool.main(["check", str(tmp_path / "none.json"), "--circuit", "pcio"]) == 2


@pytest.mark.parametrize(
    ("word", "meant"), [("SCENARO=x", "SCENARIO="), ("seed=3", "SEED="), ("QQQ=1", "make help")]
)
def test_a_misspelt_variable_of_make_is_refused(word: str, meant: str) -> None:
    made = subprocess.run(
        ["make", "-n", "run", word], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert made.returncode != 0 and meant in made.stderr, made.stderr


def test_known_variables_of_make_pass() -> None:
    words = ["SEED=3", "SPEED=max", "ARGS=-k a=b", "PYTHON=python3"]
    made = subprocess.run(
        ["make", "-n", "run", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, "house: told by the broker on p1/a, p1/b, p1/c, p1/w"),
        ({"host": "10.0.0.7", "path": "/data"}, "house: asked at http://10.0.0.7:80/data"),
    ],
)
def test_a_meter_without_a_line_says_who_tells_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: dict[str, Any], told: str
) -> None:
    values = {"current": ["p1/a", "p1/b", "p1/c"], "power": ["p1/w#1", "p1/w#2", "p1/w#3"]}
    meter = {"name": "house", "values": values | more}
    changes = {"meters": [meter], "nodes.0.instrument": "house", "mqtt.host": "10.0.0.2"}
    code, said = run(tmp_path, capsys, changed(changes))
    assert code == 0, said
    assert told in said


def test_what_does_not_fit_of_an_own_profile_is_told_by_row_and_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"quantity": "current", "leg": 1, "function": 3, "register": 70_000, "type": "u16"}]
    code, said = run(tmp_path, capsys, changed({"profiles": [{"name": "mine", "rows": rows}]}))
    assert code == 1 and "profiles[0].rows[0].register: 70000 is not an integer" in said
    assert said.count("profiles[0]") == 1
