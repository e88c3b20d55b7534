# islet: scenario files: what is accepted, and what is said about the others.
# GPL-3.0-or-later
from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import image as tables
from tests_host.twin.house_kit import SECOND
from tools.twin import run, scenario, scene
from tools.twin.house import document
from tools.twin.referee.expect import Check
from tools.twin.scenario import ScenarioError
from tools.twin.view.events import EventLog

FOLDER = Path(scenario.__file__).parent / "scenarios"
SUNNY = FOLDER / "sunny_day.json"
GOOD = json.loads(SUNNY.read_text())


def changed(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    data = copy.deepcopy(GOOD)
    change(data)
    return data


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda p: p.stem)
def test_shipped_scenarios_are_good(path: Path) -> None:
    story = scenario.load(path)
    house = story.new_house(1)
    house.advance(SECOND)
    assert set(house.truth())


def event(**fields: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda d: d.update(events=[{"at_s": 1, **fields}])


def expect(**fields: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda d: d.update(expect=[fields])


def house(**fields: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda d: d["house"].update(fields)


def row(key: str, **fields: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda d: d["house"][key][0].update(fields)


ERRORS: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda d: d.pop("start"), "start: missing"),
    (lambda d: d.update(start="noon"), "start: 'noon', allowed ISO 8601 with zone"),
    (lambda d: d.update(start="2026-06-15T09:00:00"), "allowed ISO 8601 with zone"),
    (lambda d: d.update(seconds=0), "seconds: 0, allowed more than 0"),
    (lambda d: d.update(second=1), "second: unknown field, allowed"),
    (lambda d: d.update(site=4), "site: 4, allowed object or string"),
    (lambda d: d.update(site="none.json"), "none.json cannot be read"),
    (house(legs=4), "house.legs: 4, allowed 1…3"),
    (house(nominal_hz=55), "house.nominal_hz: 55, allowed 50, 60"),
    (house(circuits=[]), "house.circuits"),
    (row("cars", max_a=500), "house.cars[0].max_a: 500, allowed 6…80"),
    (row("cars", maxa=5), "house.cars[0].maxa: unknown field, allowed name, at, plugged"),
    (row("cars", pilot="up"), 'house.cars[0].pilot: "up", allowed "normal", "open", "short"'),
    (row("cars", at="pv"), "house.cars[0].at: 'pv', allowed evse, inverter"),
    (row("cars", name="evse"), "house.cars[0].name: 'evse' is house.points[0], allowed once"),
    (row("cars", name="grid"), "house.cars[0].name: 'grid' is taken"),
    (
        house(cars=[{"name": "a", "at": "evse"}, {"name": "b", "at": "evse"}]),
        "house.cars[1].at: 'evse', where a is, allowed one car each",
    ),
    (row("sources", circuit="attic"), "house.sources[0].circuit: 'attic', allowed service"),
    (
        house(sources=[{"name": "pv", "circuit": "roof"}]),
        "house.sources[0].w_peak: missing (power of the modules, or of the generator)",
    ),
    (row("converters", legs=["L1", "L4"]), 'house.converters[0].legs[1]: "L4", allowed "L1"'),
    (
        lambda d: (d["house"].update(legs=1), row("converters", legs=["L2"])(d)),
        "house.converters[0].legs: 'L2', allowed L1 (house.legs)",
    ),
    (row("converters", circuit=None), "house.converters[0].circuit: absent"),
    (row("converters", point="garage"), "house.converters[0].point: 'garage', allowed evse"),
    (row("converters", line="can"), "house.converters[0].line: 'can', allowed bus"),
    (row("converters", address=1), "house.converters[0].address: 1 on line bus is meter's"),
    (row("meters", circuit="attic"), "house.meters[0].circuit: 'attic', allowed service"),
    (lambda d: d["house"]["circuits"][1].update(parent="attic"), "circuits[1].parent: 'attic'"),
    (lambda d: d["house"]["circuits"][0].update(parent="roof"), "allowed exactly one"),
    (lambda d: d["house"]["circuits"][1].update(name="roof"), "'roof' twice"),
    (lambda d: d["house"]["circuits"][1].update(name="Roof 1"), "circuits[1].name"),
    (
        lambda d: d["house"]["loads"]["appliances"].append({"name": "oven", "w": 1}),
        "appliances[3].name: 'oven' is taken",
    ),
    (
        lambda d: d["house"]["loads"]["appliances"].append(
            {"name": "tv", "w": 1, "at": ["25:00"]}
        ),
        'appliances[3].at[0]: "25:00"',
    ),
    (house(sensors={"gain_permille": {"ct7": 1}}), '"ct7", allowed "cp"'),
    (event(), 'events[0]: {"at_s": 1}, allowed one with set or bus or mqtt or broker'),
    (event(set="car.plugd", to=True), "allowed car.plugged"),
    (event(set="car.plugged", to="yes"), "events[0].set: car.plugged: 'yes', allowed true, false"),
    (event(set="car.plugged"), "events[0].to: missing"),
    (event(bus="meter", fault="sleep"), 'events[0].fault: "sleep", allowed "silent"'),
    (event(bus="fridge", fault="crc"), "events[0].bus: 'fridge', allowed meter, inverter, all"),
    (event(broker="left"), 'events[0].broker: "left", allowed "up", "down"'),
    (event(mqtt={"topic": "x"}), "events[0].mqtt.payload: missing"),
    (event(set="car.wants", to=True, at=3), "events[0].at: unknown field"),
    (event(controller="on"), 'events[0].controller: "on", allowed "reset", "off"'),
    (event(controller="reset", for_s=2), "events[0].for_s: a reset has no length"),
    (event(update="meter"), "events[0].update: 'meter', allowed inverter"),
    (event(update="inverter", insert=1), "events[0].insert: 1, allowed anything but 1"),
    (event(update="inverter", factors={"704.W": 1}), "'704.W', allowed 701.A_SF"),
    (event(set="inverter.sign", to=0), "inverter.sign: 0, allowed 1, -1"),
    (expect(that="islet.FAULTS", bit="wled", equals=True), "expect[0].bit: 'wled', allowed"),
    (expect(that="islet.BEAT", bit="weld", equals=True), "expect[0].bit: BEAT has no named bits"),
    (expect(that="evse.l1_a", bit="weld", equals=True), "evse.l1_a has no named bits"),
    (house(relays={"bond_hold_ms": 100}), "bond_hold_ms: held by stored energy, allowed with"),
    (expect(that="evse.l9_a", at_most=1), "expect[0].that: 'evse.l9_a', allowed evse.closed"),
    (expect(that="evse.l1_a"), "allowed with at_least, at_most or equals"),
    (expect(that="t_s", at_most=1, from_s=5, to_s=4), "expect[0].to_s: 4, allowed from_s 5"),
    (expect(at_most=1), "allowed one with that or rise_of"),
    (
        lambda d: d.update(traces=[{"csv": "no.csv", "drives": "pv.cloud"}]),
        "[0].csv: cannot",
    ),
    (
        lambda d: d.update(traces=[{"points": [[0, 1]], "drives": "pv.cluod"}]),
        "traces[0].drives: 'pv.cluod' is not an input of this house, allowed pv.cloud",
    ),
    (
        lambda d: d.update(traces=[{"points": [[0, 1], [0, 1]], "drives": "pv.cloud"}]),
        "traces[0]: time_s does not grow",
    ),
    (
        lambda d: d.update(traces=[{"points": [[0, 7]], "drives": "pv.cloud"}]),
        "traces[0]: row 1: pv.cloud 7, allowed 0…1.2",
    ),
]


@pytest.mark.parametrize(("change", "text"), ERRORS, ids=lambda v: v if isinstance(v, str) else "")
def test_errors_name_the_field_and_what_is_allowed(change: Any, text: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario.parse(changed(change), SUNNY)
    assert text in str(caught.value)
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ("time_s,w\n0,1\n1,x\n", "line 3: ['1', 'x'], allowed numbers"),
        ("t,w\n0,1\n", "no column 'time_s', the file has t, w"),
        ("time_s,w\n0,nan\n", "allowed finite numbers"),
        ("time_s,w\n0,1\n0,2\n", "time_s does not grow"),
        ("time_s\n0\n", "no column None"),
    ],
)
def test_bad_csv(tmp_path: Path, rows: str, text: str) -> None:
    (tmp_path / "load.csv").write_text(rows)
    data = changed(lambda d: d.update(traces=[{"csv": "load.csv", "drives": "loads.l1_w"}]))
    with pytest.raises(ScenarioError) as caught:
        scenario.parse(data, tmp_path / "s.json")
    assert text in str(caught.value)


def test_csv_site_file_and_events_arrive(tmp_path: Path) -> None:
    (tmp_path / "load.csv").write_text("time_s,other,w\n0,9,0\n5,9,2300\n")
    (tmp_path / "site.json").write_text('{"wrong": "on purpose"}')
    trace = {"csv": "load.csv", "column": "w", "drives": "loads.l1_w"}
    data = changed(
        lambda d: d.update(
            traces=[trace],
            site="site.json",
            events=[
                {"at_s": 8, "broker": "down"},
                {"at_s": 2, "set": "grid.outage", "to": True},
                {"at_s": 3, "bus": "meter", "fault": "silent", "for_s": 5},
                {"at_s": 4, "mqtt": {"topic": "a/b", "payload": {"x": 1}}},
            ],
            expect=[{"that": "islet.GRID_STATE", "equals": 1}, {"rise_of": "t_s", "at_least": 1}],
        )
    )
    path = tmp_path / "s.json"
    path.write_text(json.dumps(data))
    story = scenario.load(path)
    assert story.site == {"wrong": "on purpose"}
    assert [e.kind for e in story.events] == ["set", "bus", "mqtt", "broker"]
    assert story.events[1].for_s == 5 and story.events[2].value == {"x": 1}
    assert story.expect[1].rise and story.expect[1].when == "end"
    house = story.new_house(3)
    house.advance(6 * SECOND)
    assert not house.truth()["grid_present"] and house.loads.base_w[0] == 2300


def test_not_json_and_not_there(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    for path, text in ((bad, "is not JSON"), (tmp_path / "none.json", "cannot be read")):
        with pytest.raises(ScenarioError, match=text):
            scenario.load(path)


SHORT = st.text(max_size=3)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False)
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


def paths(data: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = data.items() if isinstance(data, dict) else enumerate(data)
    found = []
    for key, value in items:
        found.append((*at, key))
        if isinstance(value, (dict, list)) and key != "site":
            found += paths(value, (*at, key))
    return found


@settings(max_examples=80, deadline=None)
@given(where=st.sampled_from(paths(GOOD)), junk=JSON)
def test_junk_anywhere_is_refused_in_plain_words_or_harmless(where: Any, junk: Any) -> None:
    data = copy.deepcopy(GOOD)
    target = data
    for key in where[:-1]:
        target = target[key]
    target[where[-1]] = junk
    try:
        scenario.parse(data, SUNNY).new_house(1).advance(1000)
    except ScenarioError as error:
        assert error.problems


def test_one_address_for_two_names_both_and_the_remedy() -> None:
    """Also where the house declares no line: the board's first is meant then."""
    for lines in ([], [{"name": "bus"}]):
        data = changed(lambda d: d["house"].update(lines=lines))  # noqa: B023
        data["house"]["meters"][0]["address"] = 2
        with pytest.raises(ScenarioError) as caught:
            scenario.parse(data, SUNNY)
        on = " on line bus" if lines else ""
        said = (
            f"house.converters[0].address: 2{on} is meter's, allowed once: give inverter another"
        )
        assert caught.value.problems == [said]


@pytest.mark.parametrize(
    "where",
    [
        "nodes.1",
        "points",
        "devices",
        "devices.0",
        "meters.0",
        "devices.1.node",
        "nominal_hz",
        "owner",
    ],
)
def test_a_site_may_be_wrong_in_any_way_and_is_still_run(where: str, tmp_path: Path) -> None:
    """It is the firmware's to refuse; the referee has the house."""
    data = copy.deepcopy(GOOD)
    *way, last = where.split(".")
    part: Any = data["site"]
    for step in way:
        part = part[int(step) if isinstance(part, list) else step]
    at: Any = int(last) if isinstance(part, list) else last
    for number, junk in enumerate((["L1"], "L2", {}, 1e9, [["x"]])):
        part[at] = junk
        story = scenario.parse(data, SUNNY)
        folder = tmp_path / str(number)
        folder.mkdir()
        context = run.Context(run.Options("x", 1, "max"), folder, EventLog())
        assert scene.build(context, story).judge


def test_what_an_expectation_says_of_one_bit() -> None:
    story = scenario.parse(
        changed(expect(that="islet.FAULTS", bit="weld", when="ever", equals=True)), SUNNY
    )
    check = Check(story.expect[0])
    weld = 1 << tables.FAULT_NAMES.index("weld")
    for t_s, faults in ((1, 0), (2, ~weld & 0xFFFF), (3, weld | 1)):
        check.observe(t_s, {}, {"FAULTS": faults})
        row = check.result(t_s)
        assert row["ok"] is (t_s == 3) and row["that"] == "islet.FAULTS.weld"


def test_bounds_of_expectations() -> None:
    rule = scenario.Expectation("x", 0, None, "", at_least=1, at_most=2)
    assert [rule.holds(v) for v in (0.9, 1, 2, 2.1)] == [False, True, True, False]
    assert scenario.Expectation("x", 0, None, "", equals=False).holds(False)
    assert not scenario.Expectation("x", 0, None, "", equals="form").holds("grid")


def test_schema_and_documentation_are_those_of_the_code() -> None:
    """Both are generated; `python -m tools.twin.scenario` writes them anew."""
    assert json.loads(scenario.SCHEMA.read_text()) == json.loads(json.dumps(scenario.schema()))
    readme = (scenario.HERE / "README.md").read_text()
    assert document.fill(readme) == readme


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        ("a/b/set/operator", "a/b/operator/set/operator"),
        ("a/b/device/car/set/operator", "a/b/operator/device/car/set/operator"),
        ("a/b/operator/set/operator", "a/b/operator/set/operator"),
        ("a/b/operator/set/goal", "a/b/operator/set/goal"),
        ("a/b/set/goal", "a/b/set/goal"),
        ("a/b/set/nonsense", "a/b/set/nonsense"),
        ("elsewhere/set/operator", "elsewhere/set/operator"),
        ("operator", "operator"),
    ],
)
def test_a_command_is_said_by_whoever_has_the_right_to_it(topic: str, said: str) -> None:
    assert scene.in_its_role(topic, "a/b") == said
