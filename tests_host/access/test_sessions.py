"""Sessions and delays: bounded, aged, and no way to lock an owner out."""

from __future__ import annotations

import contextlib

import pytest

from firmware.access import sessions
from firmware.access.inside import TooSoon
from firmware.people.asked import OWNER, Refused
from tests_host.access.kit import Box, Page, made, refused


def test_a_request_counts_once_and_for_what_it_says(owned: Box) -> None:
    page = Page(owned)
    page.login()
    what, body = "POST /api/command", b'{"command": "goal"}'
    said = page.signed(what, body)
    who = owned.access.who
    for other_what, other_body in (("GET /api/audit", body), (what, body + b" "), (what, b"")):
        assert not who(said, other_what, other_body)
    assert who(said, what, body)
    assert not who(said, what, body), "repeated"
    later = page.signed(what, body, 7)
    earlier = page.signed(what, body, 6)
    assert who(later, what, body) and not who(earlier, what, body), "out of order"
    assert who(page.signed(what, body, 8), what, body)
    me, _, its = page.signed(what, body, 9).split(".")
    for bad in (
        "", "..", f"{me}.9", f"{me}.10.{its}", f"{me}.-9.{its}", f"{me}.9.{its[:-1]}",
        f"{me}.9.{its}.", f"{me}.1²3.{its}", f"{'0' * 16}.9.{its}", f"{me}.{'9' * 20}.{its}",
    ):  # fmt: skip
        assert not who(bad, what, body), bad
    assert who(f"{me}.9.{its}", what, body)


def test_a_session_ends_by_its_age_whatever_it_does(owned: Box) -> None:
    page = Page(owned)
    page.login()
    owned.after(sessions.AGE_S - 1)
    assert page.asks()
    owned.after(1)
    assert not page.asks()


def test_sessions_are_bounded_and_the_one_that_is_used_stays(owned: Box) -> None:
    pages = [Page(owned) for _ in range(sessions.SESSIONS + 3)]
    for page in pages:
        page.login()
        owned.after(1)
        assert pages[0].asks()
    assert len(owned.access.sessions) == sessions.SESSIONS
    assert not pages[1].asks() and pages[-1].asks()


def test_leaving(owned: Box) -> None:
    page, other = Page(owned), Page(owned)
    page.login()
    other.login()
    owned.access.leave(page.session, "anna", OWNER)
    assert not page.asks() and other.asks()


# --- delays -----------------------------------------------------------------------------------


def test_a_source_waits_longer_after_each_failure_and_never_for_ever(owned: Box) -> None:
    page, waits = Page(owned), []
    for _ in range(10):
        refused("password", lambda: page.login("anna", "wrong"))
        waits.append(0)
        while True:
            try:
                page.begin("anna")
                break
            except TooSoon:
                owned.after(1)
                waits[-1] += 1
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert page.login()["ok"]


def test_a_try_too_soon_is_not_looked_at_and_costs_nothing(owned: Box) -> None:
    page = Page(owned)
    said = page.proof(page.begin("anna"))
    refused("password", lambda: page.login("anna", "wrong"))
    for _ in range(50):
        with pytest.raises(TooSoon):
            page.finish(dict(said))
    owned.after(1)
    assert page.finish(said)["ok"]


def storm(box: Box, sources: int) -> None:
    """Everybody on the network fails at once, as often as they may."""
    for source in range(sources):
        page = Page(box, f"10.0.0.{source}")
        with contextlib.suppress(Refused):
            page.finish({**page.begin("anna"), "proof": "00" * 32})


def test_a_crowd_does_not_lock_out_who_came_in_before(owned: Box) -> None:
    Page(owned).login()
    for _ in range(90):
        storm(owned, 12)
        owned.after(1)
    assert Page(owned).login()["ok"]


def test_presence_lets_in_whatever_the_crowd_does(owned: Box) -> None:
    """A place from which nobody ever came in, in the middle of it."""
    new = Page(owned, "192.168.1.77")
    for _ in range(90):
        storm(owned, 12)
        owned.after(1)
    with pytest.raises(TooSoon):
        new.begin("anna")
    code = owned.access.open()
    storm(owned, 12)
    owned.access.claim({"code": code, **made("anna", "new password")}, new.source)
    storm(owned, 12)
    assert new.login("anna", "new password")["ok"]


def test_the_tables_are_bounded(owned: Box) -> None:
    for _ in range(20):
        storm(owned, 40)
        owned.after(7)
        assert len(owned.access.delays._rows) <= sessions.SOURCES
