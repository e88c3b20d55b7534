"""What is configured and silent, in alerts, events and reasons."""

from __future__ import annotations

import json

from firmware import image as im
from firmware.people.events import Events
from tests_host.net.small_site import claim, names_of
from tests_host.people.test_state import EVSE, INVERTER, published


def test_what_a_point_measures_and_is_silent_is_an_alert(site: im.Image) -> None:
    """Of the circuit where that is what it measures, else of the point; once."""
    readings, node = site.readings, site.site[im.DEVICE_NODE + EVSE]
    site.commands[im.UP_S] = 60
    for row in (im.NODE_AGE_MS, im.DEVICE_AGE_MS + INVERTER, im.NODE_AGE_MS + node):
        readings[row] = 0
    readings[im.DEVICE_AGE_MS + EVSE] = readings[im.NODE_AGE_MS + node] = 30_000
    said = [row["text"] for row in published(site)["alerts"]["silent"]]
    assert said == ["The charging current of evse has not answered for 30 s."]
    site.site[im.NODE_INSTRUMENT + node] = im.INSTRUMENT_POINT
    said = [row["text"] for row in published(site)["alerts"]["silent"]]
    assert said == ["The measurement of circuit wallbox has not answered for 30 s."]


def test_what_falls_silent_is_an_event_and_so_is_its_return(site: im.Image) -> None:
    readings = site.readings
    readings[im.DEVICE_AGE_MS + EVSE] = readings[im.DEVICE_AGE_MS + INVERTER] = 0
    events = Events(site, names_of(site))
    for age_ms in (9_000, 12_000, 40_000, 300, 400):
        readings[im.DEVICE_AGE_MS + INVERTER] = age_ms
        events.poll(1)
    rows = [json.loads(text) for text in events.after(0)]
    assert [(row["what"], row["name"], row["on"], row["text"]) for row in rows] == [
        ("silent", "inverter", True, "inverter has not answered for 12 s."),
        ("silent", "inverter", False, "inverter answers again."),
    ]


def test_what_was_never_heard_is_silent_since_the_start(site: im.Image) -> None:
    site.commands[im.UP_S] = 7
    claim(site, im.HARDWARE, EVSE, 0, 0, im.REASON_METER_STALE, -1, -1, im.AGE_MAX_MS)
    said = published(site)["limits"]["evse"]["claims"][im.HARDWARE]["text"]
    assert said == "No measurement of circuit wallbox for 7 s, so the worst is assumed."
