"""What people read is asked of the house itself, never of the firmware's own image: each sentence
has its predicate, each whole run of cases and scenarios asks them (tests_host/whole.py)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from firmware import image as im
from firmware.people import alerts, proof, words
from firmware.policy import GOALS
from firmware.policy.takers import WHY_NAMES
from tests_host.people.truth import alerts as of_alerts
from tests_host.people.truth import reasons as of_reasons
from tests_host.people.truth import states
from tests_host.people.truth.asked import NAMES, OPTION


@pytest.mark.parametrize("what", states.TABLES)
def test_every_state_has_its_predicate(what: str) -> None:
    assert tuple(states.TABLES[what]) == words.STATES[what][0]


def test_every_alert_has_its_predicate() -> None:
    assert tuple(of_alerts.FAULTS) == im.FAULT_NAMES
    assert tuple(of_alerts.TRIPS) == im.TRIP_NAMES
    assert tuple(of_alerts.NOTES) == im.NOTE_NAMES


def test_every_reason_has_its_predicate_one_for_each_of_its_sentences() -> None:
    assert tuple(of_reasons.WISHES) == WHY_NAMES
    assert list(of_reasons.REASONS) == [NAMES[code] for code in range(len(words.REASONS))]
    for (_, text), so in zip(words.REASONS, of_reasons.REASONS.values(), strict=True):
        assert isinstance(text, tuple) == isinstance(so, tuple)
        if isinstance(text, tuple) and isinstance(so, tuple):
            assert len(text) == len(so)


def texts(table: object) -> Iterator[str]:
    if isinstance(table, str):
        yield table
    elif isinstance(table, tuple):
        for row in table:
            yield from texts(row)


SENTENCES = (
    *[row[1] for row in (*words.REASONS, *words.WISHES, *words.LOOSE)],
    *(words.TRIPS, words.PROTECTIONS, words.NOTES, words.ANTI_ISLANDING, words.PILOT_ELSEWHERE),
    *(words.PILOT, words.CONTACTOR, words.GRID, words.ISLAND, alerts.FAULTS, proof.VERDICTS),
    *(proof.VOID, proof.PHASES, tuple(row[4] for row in GOALS)),
)
PLACES = ("{where}", "{value}", "{after}", "{left}", "{reserve}", "{}")


def test_people_read_no_names_of_options() -> None:
    """What is printed of the unit bears names of circuits and cars, never of settings' fields."""
    said = list(texts(SENTENCES))
    assert len(said) > 200
    for text in said:
        for place in PLACES:
            text = text.replace(place, "it")
        assert not OPTION.search(text), text
    assert OPTION.search("car at owner.charge_a") and OPTION.search("raise response_s of it")
