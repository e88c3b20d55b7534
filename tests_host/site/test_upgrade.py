"""Sites of an older form: what they meant then is what they mean now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from firmware import config
from firmware import image as im
from firmware.chips.circuit import Rights
from tools.flash.site import circuit
from tools.site import __main__ as cli
from tools.site import style
from tools.site.upgrade import Strange, upgrade
from tools.workshop import ROOT

BEFORE = json.loads((Path(__file__).parent / "before.json").read_text())
SITES: dict[str, Any] = BEFORE["sites"]
OLD_ROWS = {"evse": 0, "inverter": 1}  # of the image, then
SCENARIOS = ROOT / "tools" / "twin" / "scenarios"


def filled(site: dict[str, Any]) -> tuple[config.Config, im.Image]:
    image = im.Image()
    return config.load(json.dumps(site), image, Rights(circuit("host"), True)), image


def wanted(name: str) -> dict[str, tuple[int, int, list[int]]]:
    """Of each field that still exists: its index, its count and what it held from its start on."""
    held = SITES[name]["filled"]
    rows = {row[0]: row for row in im.SITE.rows if row[0] in BEFORE["fields"]}
    found = {}
    for field, (_, index, count, *_, start, _text) in rows.items():
        values = held.get(field, [])
        found[field] = index, count, values + [start] * (count - len(values))
    return found


@pytest.mark.parametrize("name", SITES)
def test_an_upgraded_site_fills_the_image_as_it_did(name: str) -> None:
    """Every field, a device's by its name, wherever its row is now."""
    site, _ = upgrade(SITES[name]["site"])
    loaded, image = filled(site)
    assert loaded.errors == []
    assert len(json.dumps(site)) < config.MAX_BYTES
    for field, (index, count, values) in wanted(name).items():
        if not field.startswith("DEVICE_"):
            assert list(image.site[index : index + count]) == values, field
            continue
        for device, row in OLD_ROWS.items():
            if device in loaded.names["devices"]:
                now = loaded.names["devices"].index(device)
                if field == "DEVICE_MAX_MA" and image.site[im.DEVICE_OWNS_PILOT + now]:
                    row = OLD_ROWS["evse"]  # its contactor's circuit was the point's
                assert image.site[index + now] == values[row], (device, field)


@pytest.mark.parametrize("name", SITES)
def test_a_site_of_the_older_form_is_refused_by_each_of_its_sections(name: str) -> None:
    old = SITES[name]["site"]
    loaded, _ = filled(old)
    for section in ("topology", "evse", "inverter", "meter", "bus"):
        named = [e for e in loaded.errors if e.startswith(section + ":")]
        assert bool(named) is (section in old)
        assert all("tools.site upgrade" in error for error in named)


def test_the_topologies_become_columns() -> None:
    site = SITES["sunny_day"]["site"] | {"topology": "T3", "island": {}}
    devices = {row["name"]: row for row in upgrade(site)[0]["devices"]}
    assert devices["inverter"]["may_discharge"] is False
    assert devices["evse"]["contactor"] == "evse"
    (gateway,) = upgrade(SITES["outage"]["site"])[0]["devices"]
    assert gateway["owns_pilot"] and gateway["contactor"] == "evse"
    assert gateway["behind"] == "car" and gateway["max_a"] == 16


SMALL: dict[str, Any] = {
    "topology": "T1",
    "nodes": [{"name": "service", "rating_a": 25, "instrument": "ct"}],
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"topology": "T4"}, "topology: 'T4' is not one of T1, T2, T3"),
        ({"topology": None}, "topology: None is not one of"),
        ({"evse": [1]}, "evse: is not an object"),
        ({"nodes": 3}, "nodes: is not a list"),
        ({"evse": {"node": "service", "legs": "all"}}, "evse.legs: 'all' is not"),
        ({"evse": {"node": "service", "max_amps": 16}}, "evse.max_amps: unknown option"),
        ({"topology": "T2", "evse": {"node": "service"}}, "inverter: is missing"),
        ({"topology": "T2", "inverter": {"node": "service"}}, "evse: is missing"),
        (
            {"topology": "T2", "evse": {"max_a": 16}, "inverter": {"node": "service"}},
            "evse: is missing",
        ),
        (
            {"topology": "T2", "evse": {"node": "service"}, "inverter": {"node": "garage"}},
            "evse.node: is not inverter.node",
        ),
    ],
)
def test_what_is_strange_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Strange) as caught:
        upgrade(SMALL | changes)
    assert str(caught.value).startswith(words)


def test_what_is_left_out_is_said() -> None:
    _, remarks = upgrade(
        SMALL
        | {"evse": {"max_a": 16}, "meter": {"profile": "sdm630"}, "installer": {"seal": "ab"}}
    )
    assert [remark.split(" ")[0] for remark in remarks] == ["evse", "meter", "installer.seal:"]


# --- the command -------------------------------------------------------------------------------


def test_all_that_is_shipped_is_of_today_s_form(capsys: pytest.CaptureFixture[str]) -> None:
    files = [*SCENARIOS.glob("*.json"), *(ROOT / "tests_host" / "cases").glob("*.json")]
    files += (ROOT / "tools" / "bench" / "board").glob("site*.json")
    assert len(files) > 60
    assert cli.main(["upgrade", *map(str, files)]) == 0
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("is of today's form") == len(files)


def test_a_scenario_keeps_all_but_its_site(tmp_path: Path) -> None:
    shipped = (SCENARIOS / "sunny_day.json").read_text()
    old = style.replaced(shipped, "site", SITES["sunny_day"]["site"])
    file = tmp_path / "old.json"
    file.write_text(old)
    assert cli.main(["upgrade", str(file)]) == 0 and file.read_text() == old
    assert cli.main(["upgrade", "--write", str(file)]) == 0
    new = file.read_text()
    for part in ("start", "house", "events", "expect"):
        start, end = style.span(shipped, part)
        at, to = style.span(new, part)
        assert new[at:to] == shipped[start:end]
    assert json.loads(new) == json.loads(shipped)
    assert cli.main(["upgrade", "--write", str(file)]) == 0 and file.read_text() == new


def test_a_site_keeps_its_indentation(tmp_path: Path) -> None:
    file = tmp_path / "site.json"
    for step in (1, 2, 4):
        file.write_text(json.dumps(SITES["bench"]["site"], indent=step))
        assert cli.main(["upgrade", "--write", str(file)]) == 0
        assert file.read_text().splitlines()[1] == " " * step + '"name": "bench",'
        assert max(map(len, file.read_text().splitlines())) <= style.WIDTH


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"topology": "T9"}', "topology: 'T9' is not one of"),
        ('{"house": {}, "site": 3}', "site: is not an object"),
        (None, "No such file"),
    ],
)
def test_a_file_that_cannot_be_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, words: str
) -> None:
    file, good = tmp_path / "bad.json", tmp_path / "good.json"
    if content is not None:
        file.write_text(content)
    good.write_text(json.dumps(SITES["bench"]["site"]))
    assert cli.main(["upgrade", "--write", str(file), str(good)]) == 1
    said = capsys.readouterr().err
    assert f"{file}: {words}" in said and f"{good}: rewritten" in said
    assert content is None or file.read_text() == content


def test_a_scenario_that_names_a_site_s_file_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "scenario.json"
    file.write_text('{"house": {}, "site": "site.json"}')
    assert cli.main(["upgrade", str(file)]) == 0
    assert "its site is the file site.json: upgrade that one" in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--help"], ["upgrade", "--help"]):
        with pytest.raises(SystemExit) as done:
            cli.main(words)
        assert done.value.code == 0
    assert "--write" in capsys.readouterr().out


def test_the_site_shown_in_the_documentation_is_good() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    loaded, _ = filled(json.loads(page.split("```json")[1].split("```")[0]))
    assert loaded.errors == []
