"""What happened: kept as numbers in a ring, told in words once each, forgotten from the oldest."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from firmware import image as im
from firmware.access import inside
from firmware.ledger.keep import STARTS
from firmware.people import events as module
from firmware.people import words
from firmware.people.events import ERRORS, KEPT, KINDS, TEXT, Events
from firmware.people.names import Names
from firmware.people.state import wall_text
from tests_host.conftest import RunDevice
from tests_host.net.small_site import names_of

TASKS = ("line bus", "mqtt", "slow")


def events_of(image: im.Image) -> Events:
    return Events(image, names_of(image), STARTS, TASKS.__getitem__)


def told(events: Events, number: int = 0) -> list[dict[str, Any]]:
    return [json.loads(text) for text in events.after(number)]


def said(events: Events) -> dict[str, Any]:
    """The newest, without what all have."""
    row = told(events, events.count - 1)[0]
    del row["number"], row["time"]
    return row


def test_a_bond_that_reads_closed_is_told_every_hour(site: im.Image) -> None:
    """safety.md 6; not by who polls oftener, and not once it has gone."""
    events = events_of(site)
    site.commands[im.FAULTS] = im.FAULT_BOND | im.FAULT_CABLE
    events.poll(1)
    for hours in (1, 2, 3):
        texts = told(events)
        assert sum(row["name"] == "bond" for row in texts) == hours
        assert sum(row["name"] == "cable" for row in texts) == 1
        for _ in range(3600):
            events.poll(1)
            events.poll()
    site.commands[im.FAULTS] = 0
    events.poll(1)
    count = events.count
    for _ in range(7200):
        events.poll(1)
    assert events.count == count


def test_what_changes_is_told_in_its_order(site: im.Image) -> None:
    events = events_of(site)
    events.poll()
    assert told(events) == []
    site.commands[im.ISLAND_STATE] = im.ISLAND_STOPPING
    site.trips[im.TRIPPED] = im.TRIP_DEAD_GRID
    events.poll()
    site.trips[im.TRIPPED] = 0
    events.poll()
    rows = told(events)
    assert [(r["what"], r.get("on")) for r in rows] == [
        ("island", None),
        ("trip", True),
        ("trip", False),
    ]
    assert rows[0]["before"] == "grid" and rows[0]["state"] == "stopping"


def test_the_oldest_are_forgotten(site: im.Image) -> None:
    events = events_of(site)
    for value in range(100):
        events.add(module.INTERRUPT, value=value)
    for number, kept in ((3, KEPT), (100 - KEPT, KEPT), (98, 2), (100, 0)):
        rows = told(events, number)
        assert [row["number"] for row in rows] == list(range(101 - kept, 101))
        assert [row["text"].split()[4] for row in rows] == [str(v) for v in range(100 - kept, 100)]


def test_a_reader_gets_those_that_come_meanwhile_and_none_twice(site: im.Image) -> None:
    events = events_of(site)
    dice, reader, read = random.Random(1), iter(()), list[int]()
    for i in range(2_000):
        site.readings[im.WALL_MIN] = i
        events.failed(1, ValueError("é" * dice.randrange(400)))
        rows = told(events)
        assert [row["number"] for row in rows] == list(range(max(1, i + 2 - KEPT), i + 2))
        assert rows[-1]["time"] == wall_text(i)
        if i % 40 < 30:
            if text := next(reader, None):
                read.append(json.loads(text)["number"])
            else:
                reader = events.after(read[-1] if read else 0)
    assert read == sorted(set(read)) and len(read) > 1_000


def happens(site: im.Image, events: Events) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each kind in turn, with what is told of it."""
    commands, point = site.commands, {"of": "evse"}
    for row, start in enumerate(STARTS):
        events.add(module.START, value=row)
        yield start, {"what": "start"}
    for what, field, more in (
        ("pilot", im.POINT_PILOT_STATE, point),
        ("contactor", im.POINT_CONTACTOR_STATE, point),
        ("grid", im.GRID_STATE, {}),
        ("island", im.ISLAND_STATE, {}),
        ("note", im.ISLAND_NOTE, {}),
    ):
        before = words.state_text(what, commands[field])[0]
        commands[field] = 2
        events.poll()
        names, sentences = words.STATES[what]
        yield sentences[2], {"what": what, "state": names[2], "before": before, **more}
    commands[im.FAULTS] = im.FAULT_INSTRUMENT
    commands[im.DOUBTED_NODE], commands[im.DOUBTED_LEG] = 2, 1
    events.poll()
    way_out = (
        "Until then the worst is assumed. Have that transformer or meter checked, then "
        "acknowledge; three steps that it shows rightly clear it as well."
    )
    fault = {"what": "fault", "name": "instrument", "of": "Circuit battery (L2)"}
    sentence = (
        "Circuit battery (L2): A measurement contradicts what islet does, or another one below "
        "it. It is one of these: turned round, on another leg, dead, or of the wrong ratio."
    )
    yield sentence, fault | {"on": True, "way_out": way_out}
    commands[im.FAULTS], commands[im.DOUBTED_NODE] = 0, -1
    events.poll()
    yield "Cleared: " + sentence, fault | {"on": False}
    trip = {"what": "trip", "name": "dead_grid", "of": None}
    site.trips[im.TRIPPED] = im.TRIP_DEAD_GRID
    events.poll()
    sentence = "The grid went dead, so the inverter was cut off."
    yield sentence, trip | {"on": True, "way_out": "Clears by itself when the grid is back."}
    site.trips[im.TRIPPED] = 0
    events.poll()
    yield "Cleared: " + sentence, trip | {"on": False}
    silent = {"what": "silent", "name": "service", "of": None}
    site.readings[im.NODE_AGE_MS] = 75_000
    events.poll(1)
    way_out = "Check its power, its wires and its address. Until it answers the worst is assumed."
    sentence = "The measurement of circuit service has not answered for 75 s."
    yield sentence, silent | {"on": True, "way_out": way_out}
    site.readings[im.NODE_AGE_MS] = 0
    events.poll(1)
    yield "service answers again.", silent | {"on": False}
    events.add(module.INTERRUPT, value=3)
    yield "an interrupt's handler failed, 3 since start", {"what": "interrupt"}
    events.failed(1, OSError(104))
    yield "mqtt: OSError 104", {"what": "link"}
    events.failed(0, OSError("silent for 30 s"))
    yield "line bus: OSError silent for 30 s", {"what": "link"}
    for kind, sentence in (
        (module.CLOCK_SET, "The clock was set from the network."),
        (module.CLOCK_MOVED, "The clock was moved by -7 s, as the network says."),
        (
            module.CLOCK_DOUBTED,
            "The network says that the clock is off by -7 s: it is asked again.",
        ),
    ):
        events.add(kind, value=-7)
        yield sentence, {"what": "clock"}
    for kind, text, sentence in (
        (module.JOINED, "casa", "Joined the Wi-Fi of casa."),
        (module.NOT_JOINED, "is not found", "No Wi-Fi: is not found."),
        (module.OPEN, "", "The box's own access point is up."),
        (module.NOT_OPEN, "Mode", "The box's own access point is not up: Mode."),
    ):
        events.add(kind, text=text)
        yield sentence, {"what": "network"}
    for what, sentence in (
        (inside._OPENED, "The way in was opened at the box, for 5 min."),
        (inside._CLAIMED, "The box was claimed."),
        (inside._NOT_CLAIMED, "Not claimed: something is energised, or what came does not fit."),
        (inside._FORGOTTEN, "Everybody was forgotten, at the box."),
        (inside._NOT_FORGOTTEN, "Nobody was forgotten: something is energised."),
    ):
        events.add(module.ACCESS + what)
        yield sentence, {"what": "access"}


def test_each_kind_in_its_words(site: im.Image) -> None:
    site.readings[im.DEVICE_AGE_MS] = site.readings[im.DEVICE_AGE_MS + 1] = 0
    site.commands[im.UP_S] = 1_000
    events = events_of(site)
    kinds = set()
    for text, more in happens(site, events):
        assert said(events) == {"text": text, **more}
        kinds.add(events._ring[events.count % KEPT * module._BYTES + 4])
    assert kinds == set(range(len(KINDS))), "every kind of the table has happened"


def test_of_several_points_and_inverters_it_is_said_whose(site: im.Image) -> None:
    """Numbers, too, tell all of them, as long as they stand and once they are over."""
    for device in (2, 3):
        site.site[im.DEVICE_KIND + device] = im.KIND_CONVERTER
        site.site[im.DEVICE_NODE + device] = 1
    site.site[im.DEVICE_KIND + 4] = im.KIND_POINT
    site.site[im.POINT_DEVICE + 1] = 4
    events = Events(site, Names(site.site, (), (None, "a", "b", "c"), ("left", "right")))
    site.commands[im.POINT_PILOT_STATE + 1] = im.PILOT_B
    events.poll()
    assert said(events)["text"] == "right: car plugged in" and said(events)["of"] == "right"
    site.commands[im.FAULTS] = im.FAULT_NOT_OBEYED | im.FAULT_WELD
    site.commands[im.POINT_FAULTS + 1] = im.FAULT_WELD
    for device in (1, 3):
        site.commands[im.DEVICE_OBEDIENCE + device] = im.OBEY_ZERO
    site.trips[im.TRIPPED] = im.TRIP_DEAD_GRID | im.TRIP_PILOT << im.TRIP_SHIFT
    events.poll()
    found = {(row["name"], row["of"]) for row in told(events, 1)}
    standing = {("not_obeyed", "a, c"), ("weld", "right"), ("dead_grid", "a"), ("pilot", "right")}
    assert found == standing
    count, site.commands[im.FAULTS], site.trips[im.TRIPPED] = events.count, 0, 0
    events.poll()
    assert {(row["name"], row["of"]) for row in told(events, count)} == standing


@pytest.mark.parametrize("value", [1, 127, 128, 206, 401, 65_535])
def test_an_interrupts_failures_are_a_number_whatever_its_bytes(
    site: im.Image, value: int
) -> None:
    events = events_of(site)
    events.add(module.INTERRUPT, value=value)
    assert said(events)["text"] == f"an interrupt's handler failed, {value} since start"


def test_a_sentence_without_words_takes_none_of_what_lay_there(site: im.Image) -> None:
    """A row is written over the one of 32 events ago, whose text may be cut within a letter."""
    events = events_of(site)
    for _ in range(KEPT):
        events.add(module.NOT_JOINED, text="1234567" + 12 * "ö")
    for kind in range(module.JOINED, len(KINDS)):
        if "{words}" not in KINDS[kind][1]:
            events.add(kind, value=0)
            assert said(events)["text"] == KINDS[kind][1]


@pytest.mark.parametrize("kind", [len(KINDS), 255])
def test_an_unknown_kind_says_its_number(site: im.Image, kind: int) -> None:
    events = events_of(site)
    events.add(kind, 1, 2, 3)
    text = f"Event {kind} is not known to this version."
    assert said(events) == {"what": str(kind), "text": text}


class Curious(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError(), "ValueError"),
        (ValueError("a" * TEXT), "ValueError " + "a" * TEXT),
        (ValueError("a" * (TEXT + 1)), "ValueError " + "a" * (TEXT - 3) + "…"),
        (ValueError("é" * TEXT), "ValueError " + "é" * 14 + "…"),
        (KeyError(7), "KeyError 7"),
        (OSError(-2), "OSError -2"),
        (OSError(1 << 40), f"OSError {1 << 40}"),
        (Curious("of its own"), "Curious of its own"),
    ],
)
def test_what_a_task_fails_with(site: im.Image, error: Exception, text: str) -> None:
    """As much of its text as there is room for, and nothing of an older one in its place."""
    events = events_of(site)
    for _ in range(KEPT):
        events.failed(0, Curious("z" * TEXT))
    events.failed(2, error)
    assert said(events) == {"what": "link", "text": "slow: " + text}


def test_names_of_what_a_task_fails_with() -> None:
    for name in ERRORS:
        error = __builtins__[name]  # type: ignore[index]
        assert issubclass(error, Exception) and error.__name__ == name


HEAP = """
import gc
from firmware import image as im
from firmware.people import events as module
from tests_host.net.small_site import make_site, names_of
image = make_site()
gc.collect()
before = gc.mem_alloc()
events = module.Events(image, names_of(image), ("Started.",))
gc.collect()
print("made", gc.mem_alloc() - before)

def fill():
    for i in range(2 * module.KEPT):
        image.commands[im.ISLAND_STATE] = i % 5
        image.commands[im.FAULTS] = (1 << 23) - 1 if i & 1 else 0
        image.trips[im.TRIPPED] = 511 if i & 1 else 0
        events.poll(1)
        events.failed(i, OSError(104))
        events.failed(i, ValueError("é" * i))
        events.add(module.CLOCK_MOVED, value=123456)
    return list(events.after(0))[-1]

for _ in range(3):
    text = fill()
    gc.collect()
    print("filled", gc.mem_free())
print(text)
"""


def test_what_happens_takes_no_heap(run_device: RunDevice) -> None:
    """The ring is made at the start; filling it, and reading it, leaves nothing."""
    made, *filled, text = run_device(HEAP).splitlines()
    assert int(made.split()[1]) <= 1_800, made
    assert len(filled) == 3 and len(set(filled)) == 1, filled
    newest = json.loads(text)
    assert newest["text"] == "The clock was moved by 123456 s, as the network says."


def test_a_number_of_the_system_is_told_with_its_name(run_device: RunDevice) -> None:
    script = HEAP.split("def fill")[0] + "events.failed(3, OSError(104))\n"
    *_, text = run_device(script + "print(list(events.after(0))[-1])\n").splitlines()
    assert json.loads(text)["text"] == "3: OSError [Errno 104] ECONNRESET"
