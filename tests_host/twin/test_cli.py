# islet: tests of `python -m tools.twin`: its options, its errors, its picture.
# GPL-3.0-or-later
from __future__ import annotations

import io
import json
import subprocess
import sys
from array import array
from datetime import UTC, datetime

import pytest
from rich.console import Console

from firmware import image as tables
from firmware.people import words
from tests_host.twin.test_record import recorded
from tools.image.images import CIRCUITS, HERE_BUILT
from tools.twin import __main__ as cli
from tools.twin import record, scenario
from tools.twin.link.process import ROOT
from tools.twin.view import events, live


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2
    return capsys.readouterr().err


def test_wrong_options_name_the_allowed_values(capsys):
    assert "--speed: invalid choice: '2'" in refused(capsys, "--speed", "2")
    assert "allowed above 0" in refused(capsys, "--seconds", "-1")
    assert "allowed above 0" in refused(capsys, "--seconds", "ten")
    assert "allowed 0" in refused(capsys, "--seed", "x")


def test_a_scenario_that_is_missing_or_wrong_is_told_without_a_traceback(capsys, tmp_path):
    assert cli.main(["--scenario", str(tmp_path / "none.json")]) == 2
    assert "none.json" in capsys.readouterr().err
    bad = tmp_path / "bad.json"
    bad.write_text('{"name": 3}')
    assert cli.main(["--scenario", str(bad)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("islet: ") and "name" in error


def test_an_unknown_board_names_those_there_are(capsys):
    assert cli.main(["--circuit", "toaster"]) == 2
    assert "'toaster', allowed" in capsys.readouterr().err


def test_replay_prints_its_speed_and_says_when_something_differs(capsys, tmp_path):
    path = tmp_path / "r.islet"
    recorded(path)
    assert cli.main(["replay", str(path)]) == 0
    said = capsys.readouterr().out
    assert "200 steps" in said and "times real time" in said
    assert cli.main(["replay", str(tmp_path / "none")]) == 2
    assert "none" in capsys.readouterr().err


def test_help_works_from_the_command_line():
    done = subprocess.run(
        [sys.executable, "-m", "tools.twin", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0 and "--scenario" in done.stdout


# --- the picture -----------------------------------------------------------------------------

SITE = {
    "legs": 3,
    "nodes": [
        {"name": "service", "rating_a": 25},
        {"name": "wallbox", "rating_a": 20},
        {"name": "battery", "rating_a": 16},
    ],
    "devices": [
        {"name": "evse", "kind": "point", "node": "wallbox"},
        {"name": "inverter", "kind": "converter", "node": "battery"},
    ],
}
TRUTH = {
    "grid_w": -1230.0, "grid_hz": 50.01, "grid_present": True, "pv.w": -4200.0,
    "pv.connected": True, "loads_w": 850.0, "car.w": 2100.0, "car.state": "C",
    "car.plugged": True, "car.soc_percent": 54.2, "inverter.w": 20.0, "inverter.mode": "follow",
    "inverter.soc_percent": 71.0, "house_source": "grid", "evse.closed": True,
    "island_closed": True,
    **{f"grid_l{i}_v": 231.0 for i in (1, 2, 3)}, **{f"main_l{i}_a": -1.8 for i in (1, 2, 3)},
    **{f"wallbox_l{i}_a": 9.1 for i in (1, 2, 3)}, "battery_l1_a": 17.0, "battery_l2_a": 13.5,
    "battery_l3_a": 0.0,
}  # fmt: skip


ROWS = (
    live.Place("evse", "point"), live.Place("car", "car", "evse"),
    live.Place("inverter", "converter"), live.Place("pv", "source"),
)  # fmt: skip


def view() -> live.View:
    image = tables.Image()
    commands = image.commands
    commands[tables.SETPOINT], commands[tables.POINT_PILOT_STATE] = (
        10_000,
        tables.PILOT_C,
    )
    commands[tables.WINNER_HIGH] = tables.PANEL
    commands[tables.CLAIM_REASON + tables.PANEL * tables.DEVICES] = tables.REASON_BREAKER
    commands[tables.CLAIM_NODE + tables.PANEL * tables.DEVICES] = 0
    commands[tables.CLAIM_LEG + tables.PANEL * tables.DEVICES] = 0
    commands[tables.CLAIM_VALUE + tables.PANEL * tables.DEVICES] = 2_000
    values = {name: getattr(image, name) for name in events.SECTION_NAMES}
    tail = [(i * 1_000_000, "core", f"offer {i} A -> {i + 1} A") for i in range(30)]
    return live.View("sunny day", SITE, datetime(2026, 6, 15, 9, tzinfo=UTC), 61_000_000,
                     page="http://127.0.0.1:40123/", truth=TRUTH, values=values,
                     events=tail, rows=ROWS)  # fmt: skip


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
def test_the_picture_fits_the_terminal_and_says_what_matters(width, height):
    file = io.StringIO()
    console = Console(width=width, height=height, file=file)
    console.print(live.draw(view(), width, height))
    lines = file.getvalue().splitlines()
    assert len(lines) <= height
    assert max(len(line.rstrip()) for line in lines) <= width
    text = "\n".join(lines)
    for shown in ("http://127.0.0.1:40123/", "1.23 kW", "4.20 kW", "service", "wallbox",
                  "offer", "10 A", "panel", "contactor", "09:01:01", "C  54 %",
                  "offer 29 A"):  # fmt: skip
        assert shown in text, shown
    assert "Circuit service (L1) has" in text


def test_the_picture_of_a_house_with_much_in_it_shows_all_of_it():
    """More circuits than fit: the fullest; each point, car, converter and source by its name."""
    shown = view()
    shown.site = {
        "legs": 3,
        "nodes": [{"name": f"c{i}", "rating_a": 16} for i in range(20)],
        "points": [{"name": "garage"}, {"name": "carport"}],
        "devices": [{"name": "garage", "kind": "point"}, {"name": "cellar", "kind": "converter"}],
    }
    shown.rows = (
        live.Place("garage", "point"), live.Place("carport", "point"),
        live.Place("mine", "car", "garage"), live.Place("hers", "car", "gateway"),
        live.Place("cellar", "converter"), live.Place("gateway", "converter", "carport"),
        live.Place("roof", "source"), live.Place("shed", "source"),
    )  # fmt: skip
    shown.truth = TRUTH | {
        "hers.w": 3000.0, "cellar.w": -700.0, "roof.w": -5100.0, "shed.w": -90.0,
        "carport.closed": True, **{f"c{i}_l1_a": float(i) for i in range(20)},
    }  # fmt: skip
    file = io.StringIO()
    console = Console(width=80, height=24, file=file)
    console.print(live.draw(shown))
    lines = file.getvalue().splitlines()
    assert len(lines) <= 24 and max(len(line.rstrip()) for line in lines) <= 80
    text = "\n".join(lines)
    for name in ("Mine", "Hers", "Cellar", "Roof", "Shed", "garage", "carport", "3.00 kW",
                 "5.10 kW", "c19", "cellar", "offer 10 A"):  # fmt: skip
        assert name in text, name
    assert "Gateway" not in text and "c2 " not in text
    assert "hers 3.0 kW" in live.status_line(shown)


def test_the_pilot_of_a_gateway_is_not_the_boards_to_read():
    shown = view()
    shown.site = {
        **SITE,
        "points": [{"name": "drive"}, {"name": "carport"}],
        "devices": [{"name": "gateway", "kind": "converter", "owns_pilot": True,
                     "contactor": "drive"}],
    }  # fmt: skip
    shown.rows = (live.Place("drive", "point"), live.Place("carport", "point"))
    file = io.StringIO()
    Console(width=140, height=24, file=file).print(live.draw(shown, 140))
    text = file.getvalue()
    pilot = tables.PILOT_NAMES[shown.values["commands"][tables.POINT_PILOT_STATE + 1]]
    assert f"carport {pilot}" in text
    assert "╱● drive" in text and not [
        name for name in tables.PILOT_NAMES if f"drive {name}" in text
    ]


def test_what_is_logged_of_rows_bears_their_names_where_there_are_several():
    site = {
        "devices": [{"name": "garage", "kind": "point"}, {"name": "cellar", "kind": "converter"}]
    }
    labels = [row.label for row in events.watched(site)]
    assert labels.count("offer") == labels.count("setpoint") == labels.count("cellar mode") == 1
    site["devices"][0] = {"name": "gateway", "kind": "converter"}
    labels = [row.label for row in events.watched(site)]
    assert {"gateway setpoint", "cellar setpoint", "gateway mode"} <= set(labels)
    assert "offer" not in labels


@pytest.mark.parametrize(
    "site",
    [
        {},
        {"legs": "x", "nodes": 3},
        {"nodes": [1, {}], "devices": 5, "points": None},
        {"devices": [1, {}], "meters": [{"name": []}], "lines": {}},
    ],
)
def test_a_bad_configuration_does_not_end_the_view(site):
    shown = view()
    shown.site = site
    Console(width=80, file=io.StringIO()).print(live.draw(shown))
    assert live.status_line(shown)


def test_the_picture_as_svg(tmp_path):
    live.snapshot_svg(tmp_path / "live.svg", view())
    svg = (tmp_path / "live.svg").read_text()
    assert svg.startswith("<svg") and "islet" in svg


def test_reasons_have_names():
    assert events.REASONS[tables.REASON_BREAKER] == "breaker"
    assert len(events.REASONS) == len(words.REASONS)


def test_it_is_said_who_was_served_before():
    """As the firmware's own sentence has it."""
    seen = view()
    commands = array("i", seen.values["commands"])
    seen.values = {**seen.values, "commands": commands}
    at = tables.PANEL * tables.DEVICES
    commands[tables.WINNER_HIGH], commands[tables.GRANT_HIGH] = tables.PANEL, 0
    commands[tables.SETPOINT] = 0
    commands[tables.CLAIM_REASON + at], commands[tables.CLAIM_NODE + at] = tables.REASON_BREAKER, 0
    commands[tables.CLAIM_LEG + at], commands[tables.CLAIM_VALUE + at] = 1, 900
    commands[tables.DEVICE_AFTER] = 1
    device = live.commanded(seen.site)[0]
    limit = events.limit_of(seen.values, device.row)
    assert live.why(seen, device, limit) == "Circuit service (L2) has 0.9 A left, after inverter."


def test_what_is_silent_stands_in_log_and_view():
    shown = view()
    values = {name: array("i", buffer) for name, buffer in shown.values.items()}
    log = events.EventLog()
    image = events.ImageEvents(log, shown.site)
    image.boot(record.Boot(values["site"].tobytes()))
    image.values["site"][tables.NODE_COUNT] = 1
    image.values["site"][tables.NODE_INSTRUMENT] = tables.INSTRUMENT_METER
    values["site"], values["commands"][tables.UP_S] = image.values["site"], 60
    for second, age_ms in enumerate((0, 11_000, 0)):
        values["readings"][tables.NODE_AGE_MS] = age_ms
        sections = [
            values[name].tobytes() for name in ("readings", "requests", "trips", "commands")
        ]
        for _ in range(events.SILENT_STEPS):
            image.step(second * 1_000_000, record.Step(100, *sections))
        shown.values = image.values
        file = io.StringIO()
        Console(width=120, file=file).print(live.draw(shown, 120))
        said = " ".join(file.getvalue().split())
        assert ("SILENT service" in said) == (age_ms > 10_000)
    log.settle(9_000_000)
    said = [text for _, _, text in log.tail if text.startswith("service")]
    assert said == ["service has not answered", "service answers again"]


@pytest.mark.parametrize("image", HERE_BUILT, ids=lambda image: image.name)
def test_the_scenario_of_who_names_none_fits_the_image(image):
    circuit = json.loads((CIRCUITS / f"{image.circuit}.json").read_text(encoding="utf-8"))
    islands = any(row["name"] == "island" for row in circuit["outputs"])
    site = scenario.load(ROOT / f"tools/twin/scenarios/{cli.default(image.name)}.json").site
    assert islands or not site.get("island", {}).get("capable")
