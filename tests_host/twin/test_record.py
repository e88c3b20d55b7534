# islet: tests of recording and replay.
# GPL-3.0-or-later
from __future__ import annotations

import json
import random
from array import array
from pathlib import Path

import pytest

from firmware import image as tables
from firmware.core import Core
from tools.twin import record
from tools.twin.link import wire


def recorded(path: Path, steps: int = 200, seed: int = 1) -> list[record.Boot | record.Step]:
    """A recording of the real core under readings that wander."""
    rng = random.Random(seed)
    image = tables.Image()
    image.site[tables.DEVICE_NODE] = 0
    image.site[tables.NODE_COUNT] = 1
    image.site[tables.NODE_RATING_MA] = 25_000
    core = Core(image)
    written: list[record.Boot | record.Step] = [record.Boot(image.site.tobytes())]
    for _ in range(steps):
        image.readings[tables.POINT_HIGH_MV] = rng.choice([12_000, 9_000, 6_000])
        image.readings[tables.POINT_LOW_MV] = -12_000
        image.readings[tables.POINT_PILOT_AGE_MS] = rng.choice([0, 0, 5_000])
        image.readings[tables.NODE_MA] = rng.randint(-30_000, 30_000)
        image.readings[tables.NODE_AGE_MS] = rng.choice([100, 3_000])
        readings, requests = image.readings.tobytes(), image.requests.tobytes()
        trips = image.trips.tobytes()
        dt_ms = rng.choice([100, 100, 101, 250])
        core.step(dt_ms)
        written.append(record.Step(dt_ms, readings, requests, trips, image.commands.tobytes()))
    recorder = record.Recorder(path, "stub", seed)
    for entry in written:
        recorder.write(entry)
    recorder.close()
    return written


def test_what_was_written_is_read_back(tmp_path):
    path = tmp_path / "r.islet"
    written = recorded(path)
    recording = record.Recording(path)
    assert list(recording.records()) == written
    assert recording.header["scenario"] == "stub"
    assert recording.header["sections"]["commands"] == tables.COMMANDS.size
    # a step is 2 400 bytes and more; what the site is stands once
    assert path.stat().st_size < 60 * len(written) + 4 * tables.SITE.size


def test_replay_on_cpython_and_micropython_is_the_same_to_the_byte(tmp_path):
    recorded(tmp_path / "r.islet")
    recording = record.Recording(tmp_path / "r.islet")
    for replay in (record.replay, record.replay_micropython):
        result = replay(recording)
        assert result.difference is None
        assert result.steps == 200
        assert result.speed > 0


@pytest.mark.parametrize("replay", [record.replay, record.replay_micropython])
def test_a_planted_difference_is_named_by_field_and_step(tmp_path, replay):
    path = tmp_path / "r.islet"
    written = recorded(path)
    step = written[120]
    assert isinstance(step, record.Step)
    commands = array("i", step.commands)
    commands[tables.SETPOINT] += 1
    commands[tables.CLAIM_HIGH + 3] -= 7
    step.commands = commands.tobytes()
    recorder = record.Recorder(path, "stub", 1)
    for entry in written:
        recorder.write(entry)
    recorder.close()
    difference = replay(record.Recording(path)).difference
    assert difference is not None
    assert difference.step == 120
    assert {name for name, _, _ in difference.fields} == {"SETPOINT[0]", "CLAIM_HIGH[3]"}
    assert str(difference).startswith("step 120 (")


def test_a_restart_begins_with_a_fresh_core(tmp_path):
    path = tmp_path / "r.islet"
    written = recorded(path)
    recorder = record.Recorder(path, "stub", 1)
    for entry in [*written, *written]:
        recorder.write(entry)
    recorder.close()
    result = record.replay(record.Recording(path))
    assert (result.steps, result.difference) == (400, None)


def test_a_run_that_was_killed_leaves_a_recording_that_says_so(tmp_path):
    path = tmp_path / "r.islet"
    recorded(path)
    whole = path.read_bytes()
    for cut in (3, 30, 400):  # in its end, and wherever the records may lie
        path.write_bytes(whole[:-cut])
        with pytest.raises(record.RecordingError, match="ends within a record"):
            list(record.Recording(path).records())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a recording"),
        (b'{"format": "other"}\n', "not a recording"),
        (b"\xff\xfe\n", "not a recording"),
        (b'{"format": "islet recording", "version": 9}\n', "version 9, expected 1"),
        (b'{"format": "islet recording", "version": 1, "layout": "x"}\n', "another layout"),
    ],
)
def test_a_file_that_is_no_recording_of_this_layout_is_refused(tmp_path, content, words):
    path = tmp_path / "r.islet"
    path.write_bytes(content)
    with pytest.raises(record.RecordingError, match=words):
        record.Recording(path)


def test_damage_is_refused(tmp_path):
    path = tmp_path / "r.islet"
    header = {"format": record.FORMAT, "version": 1, "layout": record.layout_hash()}
    path.write_bytes(json.dumps(header).encode() + b"\nnonsense")
    with pytest.raises(record.RecordingError, match="damaged"):
        list(record.Recording(path).records())


def test_field_names_cover_every_element():
    for section, table in enumerate(tables.TABLES):
        names = [record.field_at(section, i) for i in range(table.size)]
        assert len(set(names)) == table.size
    assert record.field_at(record.READINGS, tables.NODE_MA + 4) == "NODE_MA[4]"


def test_the_layout_hash_changes_with_the_tables(monkeypatch):
    before = record.layout_hash()
    rows = list(tables.TRIPS.rows)
    rows[0], rows[1] = rows[1], rows[0]
    monkeypatch.setattr(tables.TRIPS, "rows", rows)
    assert record.layout_hash() != before


def test_a_section_of_the_wrong_size_is_refused():
    with pytest.raises(wire.WireError, match="Section trips: 4 bytes"):
        record.Assembler().take(wire.Section(record.TRIPS, b"abcd"))
