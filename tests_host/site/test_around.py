"""A house around a site: each shipped example, and sites that are written otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests_host.config.test_own import METER
from tests_host.twin.test_run import twin
from tools.flash.site import loaded
from tools.site import around, check
from tools.twin import __main__ as cli
from tools.twin import scenario
from tools.workshop import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.json"))
SHIPPED = sorted((ROOT / "tools" / "twin" / "scenarios").glob("*.json"))


def site(path: Path) -> dict[str, Any]:
    document = json.loads(path.read_text(encoding="utf-8"))
    return document.get("site", document)


def test_there_is_one_of_each_kind() -> None:
    assert [path.stem for path in EXAMPLES] == ["gateway", "split_phase", "wallbox"]
    said = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert all(f"examples/{path.name}" in said for path in EXAMPLES)


@pytest.mark.parametrize("path", EXAMPLES + SHIPPED, ids=lambda path: path.stem)
def test_a_house_is_made_around_any_site(path: Path) -> None:
    given = site(path)
    made, _ = around.scenario(given)
    story = scenario.parse(made, path)
    house = story.house
    assert len(house.circuits) == len(given["nodes"]) and len(house.meters) == len(
        given.get("meters", ())
    )
    assert len(house.cars) >= len(given.get("points", ()))
    assert "host" not in story.site["http"], "the page of a simulated house is for this PC alone"
    assert not loaded(json.dumps(story.site).encode(), "host", True).errors


def test_names_that_people_give_are_no_trouble() -> None:
    given = site(ROOT / "examples" / "wallbox.json")
    text = json.dumps(given).replace('"service"', '"Main: 1st floor"').replace('"house"', '"grid"')
    made, _ = around.scenario(json.loads(text.replace('"wallbox"', '"Élan/1"')))
    story = scenario.parse(made, Path("site.json"))
    assert [row.name for row in story.house.circuits] == ["main_1st_floor", "garage"]
    assert story.house.meters[0].name == "grid_2"


def test_lines_over_the_network_are_ports_of_the_house() -> None:
    given = site(SHIPPED[[path.stem for path in SHIPPED].index("two_points")])
    for i, row in enumerate(given["lines"]):
        given["lines"][i] = {"name": row["name"], "host": f"192.168.0.{20 + i}"}
    made, _ = around.scenario(given)
    story = scenario.parse(made, Path("site.json"))
    assert [row.port for row in story.house.lines] == [502, 503]
    assert [row["port"] for row in story.site["lines"]] == [502, 503]
    made["house"]["lines"][1]["port"] = 502
    with pytest.raises(scenario.ScenarioError, match="port: 502, allowed one line each"):
        scenario.parse(made, Path("site.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("circuit", ["host", "pico"])
def test_each_example_is_taken_by_the_boards(path: Path, circuit: str) -> None:
    lines, good = check.report(path, circuit)
    assert good, lines


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_each_example_runs(path: Path) -> None:
    done = twin("--site", str(path), "--speed", "max", "--seconds", "8")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["ok"]


def test_a_site_that_is_refused_or_missing_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bad = tmp_path / "site.json"
    for text, said in (("{", "is not JSON"), ("{}", "legs: is missing"), (None, "No such file")):
        if text is None:
            bad.unlink()
        else:
            bad.write_text(text)
        assert cli.main(["--site", str(bad)]) == 2
        error = capsys.readouterr().err
        assert error.startswith("islet: ") and said in error and "Traceback" not in error


def test_a_meter_that_a_broker_tells_and_a_profile_of_the_sites_own_have_stand_ins(
    tmp_path: Path,
) -> None:
    given = site(ROOT / "examples" / "wallbox.json")
    given["profiles"] = [METER]
    given["meters"][0]["profile"] = METER["name"]
    topics = [f"attic/{leg}" for leg in given["devices"][0]["legs"]]
    attic = {"name": "attic", "values": {"current": topics, "power": topics}}
    made, remarks = around.scenario(given | {"meters": [*given["meters"], attic]} | attics(given))
    story = scenario.parse(made, tmp_path / "site.json")
    assert len(story.house.meters) == len(given["meters"]) + 1
    assert loaded(json.dumps(made["site"]).encode(), "host", True).errors == []
    assert any("a broker's topics" in line for line in remarks)
    assert any(METER["name"] in line for line in remarks)


def attics(given: dict[str, Any]) -> dict[str, Any]:
    """A circuit for it to measure."""
    attic = {"name": "attic", "parent": given["nodes"][0]["name"], "rating_a": 16}
    return {"nodes": [*given["nodes"], attic | {"instrument": "attic"}]}
