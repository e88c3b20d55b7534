"""Who may come in: claims, logins, sessions, delays, and what each of them is refused."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from firmware.access import people as people_file
from firmware.access.forget import TYPED
from firmware.access.inside import (
    ARMED_S,
    CHANGE,
    CLAIM,
    FORGET,
    LOG_IN,
    OPEN,
    OPEN_S,
    OTHER_RIGHTS,
    TooSoon,
    may,
)
from firmware.base import secret
from firmware.people.asked import BY_HAND, OWNER, ROLES, TABLE
from tests_host.access.kit import HOME, PASSWORD, Box, Page, made, refused

# --- the claim --------------------------------------------------------------------------------


def test_before_the_claim_nobody_is_obeyed_but_who_stands_there(box: Box) -> None:
    for who in ("broker", "token", "anna", ""):
        refused("command", lambda who=who: box.gate.admit(who))
    box.gate.admit(BY_HAND)
    box.claimed()
    for who in ("broker", "token", "anna"):
        box.gate.admit(who)


def test_there_is_no_way_in_and_no_password_before_somebody_opened_it(box: Box) -> None:
    for code in ("", "0000", "1111", None):
        refused("claim", lambda code=code: box.access.claim({"code": code, **made("a")}, HOME))
    for name in (*ROLES, "admin", "islet", "root"):
        for password in ("", name, "admin", "password", "micropython", "picoW123"):
            refused("password", lambda n=name, p=password: Page(box).login(n, p))
            box.after(60)
    assert not box.gate.state()["claimed"]


def test_the_claim_needs_the_code_that_the_lamp_blinks(box: Box) -> None:
    code = box.access.open()
    assert len(code) == 4 and set(code) <= set("123456")
    lamp = box.lamp
    assert lamp is not None
    groups = re.findall(r"((?:##\.\.\.)+)\.{9}", lamp.way_in)
    assert [len(group) // 5 for group in groups] == [int(digit) for digit in code]
    wrong = "1111" if code != "1111" else "2222"
    refused("code", lambda: box.access.claim({"code": wrong, **made("anna")}, HOME))
    assert not box.access.people.claimed
    box.access.claim({"code": code, **made("anna")}, HOME)
    assert box.access.people.claimed and not lamp.way_in
    refused("claim", lambda: box.access.claim({"code": code, **made("eve")}, HOME))
    assert Page(box).login()["role"] == OWNER


def test_the_code_is_not_guessed(box: Box) -> None:
    """One source has three tries; all together twelve, then the way in is closed."""
    code = box.access.open()
    wrong = "1111" if code != "1111" else "2222"
    for source in range(4):
        for _ in range(3):
            refused("code", lambda s=source: box.access.claim({"code": wrong, **made("e")}, s))
        if source < 3:
            with pytest.raises(TooSoon):
                box.access.claim({"code": code, **made("eve")}, source)
    refused("claim", lambda: box.access.claim({"code": code, **made("eve")}, "9"))
    assert not box.access.people.claimed


def test_the_way_in_closes_by_itself(box: Box) -> None:
    code = box.access.open()
    box.after(OPEN_S - 1)
    assert box.gate.state()["open_s"] == 1
    box.after(1)
    refused("claim", lambda: box.access.claim({"code": code, **made("anna")}, HOME))


def test_codes_differ(box: Box) -> None:
    codes = {box.access.open() for _ in range(200)}
    assert len(codes) > 150


def test_nobody_changes_people_before_the_claim(box: Box) -> None:
    """Whoever says so: an owner made over the network would be a claim without presence."""
    for name, role in (("token", OWNER), ("installer", "installer"), ("anna", OWNER)):
        refused("command", lambda n=name, r=role: box.access.change(made("eve", role=r), n, r))
    assert not box.access.people.claimed


def test_nothing_is_written_while_something_is_energised(box: Box) -> None:
    """INV-9: a file system erases."""
    box.quiet = False
    said = {"code": box.access.open(), **made("anna")}
    refused("request", lambda: box.access.claim(said, HOME))
    box.access.forget()
    assert not box.gone
    box.quiet = True
    box.access.claim(said, HOME)
    assert box.access.people.claimed


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "a b"},
        {"name": "x" * 25},
        {"name": "installer"},
        {"name": "token"},
        {"name": "broker"},
        {"name": "ä"},
        {"name": 3},
        {"name": "a\nowner"},
        {"salt": "00"},
        {"salt": "zz" * 16},
        {"key": None},
        {"key": "00" * 33},
    ],
)
def test_a_claim_that_does_not_fit(box: Box, change: dict[str, Any]) -> None:
    said = {"code": box.access.open(), **made("anna"), **change}
    refused(next(iter(change)) if "name" in change else "key", lambda: box.access.claim(said, ""))
    assert not box.access.people.claimed


def test_an_owner_who_forgot_the_password_opens_the_way_in_again(owned: Box) -> None:
    page = Page(owned)
    page.login()
    owned.claimed("anna", "another password")
    assert not page.asks(), "sessions by the old one are over"
    assert Page(owned).login("anna", "another password")["ok"]
    refused("password", lambda: Page(owned).login("anna", PASSWORD))


# --- by hand ----------------------------------------------------------------------------------


def test_the_console_opens_and_claims(box: Box) -> None:
    assert box.access.by_hand(b"")["code"] == box.access._code
    said = f'{{"name": "anna", "password": "{PASSWORD}"}}'.encode()

    async def go() -> None:
        answer = box.access.by_hand(said)
        assert answer["ok"], answer
        while not box.access.people.claimed:
            await asyncio.sleep(0)

    asyncio.run(go())
    assert Page(box).login()["role"] == OWNER
    assert PASSWORD not in Path(box.folder, people_file.PATH).read_text()


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (b"x", "payload"),
        (b"3", "payload"),
        (b"[1]", "payload"),
        (b'{"name": "anna"}', "password"),
        (b'{"name": "anna", "password": "short"}', "password"),
        (b'{"name": "a b", "password": "long enough"}', "name"),
    ],
)
def test_the_console_refuses(box: Box, payload: bytes, field: str) -> None:
    answer = box.access.by_hand(payload)
    assert not answer["ok"] and answer["field"] == field


def test_a_factory_reset_takes_two_holds_and_a_press(owned: Box) -> None:
    """Secrets go; a single hold, or one without its confirmation, takes nothing."""
    page = Page(owned)
    page.login()
    for name in (TYPED, TYPED + ".new"):
        Path(owned.folder, name).write_text("own ABCDEFGHJKLMNPQR\n")
    assert not owned.access.confirm()
    owned.access.hold()
    assert not owned.access.confirm()
    owned.access.hold()
    owned.after(ARMED_S)
    assert not owned.access.confirm() and owned.access.people.claimed
    owned.access.hold()
    owned.after(ARMED_S - 1)
    assert owned.access.confirm()
    assert not owned.access.people.claimed and not owned.gone, "what was done is written first"
    asyncio.run(owned.gate.second(1000))
    assert owned.gone == 1 and owned.trail.notes[-1][0] == FORGET
    assert not page.asks()
    refused("command", lambda: owned.gate.admit("token"))
    refused("password", lambda: Page(owned).login())
    assert not list(Path(owned.folder).glob("people.key*"))
    assert not list(Path(owned.folder).glob(TYPED + "*")), "nor what was typed of networks"


# --- logging in -------------------------------------------------------------------------------


def test_login_and_what_survives(owned: Box) -> None:
    page = Page(owned)
    assert page.login() == {"ok": True, "session": page.session, "role": OWNER}
    assert page.asks() == ("anna", OWNER, page.session)
    owned.start()
    assert not page.asks(), "a restart ends sessions"
    assert Page(owned).login()["ok"], "and forgets nobody"


def test_a_stranger_is_refused(owned: Box) -> None:
    for name, password in (("anna", "wrong"), ("eve", PASSWORD), ("installer", PASSWORD)):
        refusal = refused("password", lambda n=name, p=password: Page(owned).login(n, p))
        assert refusal.error == "name or password is wrong"
        owned.after(60)


def test_names_are_not_told(owned: Box) -> None:
    """Who asks for somebody who is not there gets as good a salt, and always the same."""
    page = Page(owned)
    begun = [page.begin("eve"), page.begin("eve"), page.begin("mallory"), page.begin("anna")]
    assert begun[0]["salt"] == begun[1]["salt"] != begun[2]["salt"]
    assert len({len(each["salt"]) for each in begun}) == len({e["rounds"] for e in begun}) == 1


def test_what_was_overheard_opens_nothing(owned: Box) -> None:
    """A login repeated, altered, stale or with the parts of two gives no session: neither one to
    use nor one to crowd the owner's out, nor a way out of a thief's delay."""
    page = Page(owned)
    said = page.proof(page.begin("anna"))
    page.finish(dict(said))
    for _ in range(10):
        refused("challenge", lambda: owned.access.finish(dict(said), "6.6.6.6"))
    assert len(owned.access.sessions) == 1 and page.asks()
    other = page.proof(page.begin("anna"))
    for field in ("nonce", "challenge"):
        refused("challenge", lambda f=field: page.finish({**said, f: other[f]}))
    mixed = page.proof(page.begin("anna")) | {"proof": other["proof"]}
    refused("password", lambda: page.finish(mixed))
    owned.after(60)
    refused("challenge", lambda: page.finish(dict(said)))
    refused("challenge", lambda: page.finish({**said, "challenge": "00" * 16}))


def test_challenges_that_were_used_are_bounded(owned: Box) -> None:
    """Whoever knows a password may come in often, but not without end."""
    for _ in range(16):
        Page(owned).login()
    with pytest.raises(TooSoon):
        Page(owned).login()
    owned.after(60)
    assert Page(owned).login()["ok"] and len(owned.access._spent) == 1


def test_halves_in_the_wrong_order(owned: Box) -> None:
    page = Page(owned)
    begun = page.begin("anna")
    owned.start()
    refused("challenge", lambda: page.finish(page.proof(begun)))
    refused("name", lambda: page.finish({"proof": "00" * 32}))
    refused("challenge", lambda: page.finish({**begun, "proof": "00"}))


# --- people and rights ------------------------------------------------------------------------


def test_an_owner_lets_others_in_and_out(owned: Box) -> None:
    owned.access.change(made("ben", role="household"), "anna", OWNER)
    page = Page(owned)
    assert page.login("ben")["role"] == "household"
    owned.access.change(made("ben", role="viewer"), "anna", OWNER)
    assert not page.asks(), "a new role ends what the old one had"
    owned.access.change({"name": "ben", "remove": True}, "anna", OWNER)
    refused("password", lambda: Page(owned).login("ben"))


@pytest.mark.parametrize("role", [role for role in ROLES if role != OWNER])
def test_nobody_else_changes_people(owned: Box, role: str) -> None:
    """But for one's own password, which makes nobody more than before."""
    before = owned.access.people.all()
    for said in (
        made("eve", role=OWNER), made("ben", role=OWNER), made("anna"),
        {"name": "anna", "remove": True}, made("ben", role="household", remove=1),
    ):  # fmt: skip
        if said.get("role", role) != role or said["name"] != "ben":
            refused("people", lambda s=said: owned.access.change(s, "ben", role))
    assert owned.access.people.all() == before


def test_ones_own_password(owned: Box) -> None:
    owned.access.change(made("ben", role="household"), "anna", OWNER)
    owned.access.change(made("ben", "a new one, longer"), "ben", "household")
    assert Page(owned).login("ben", "a new one, longer")["role"] == "household"


def test_the_last_owner_stays(owned: Box) -> None:
    refused("name", lambda: owned.access.change({"name": "anna", "remove": True}, "anna", OWNER))
    refused("name", lambda: owned.access.change(made("anna", role="viewer"), "anna", OWNER))
    refused("role", lambda: owned.access.change(made("ben", role="installer"), "anna", OWNER))
    refused("role", lambda: owned.access.change(made("ben", role="god"), "anna", OWNER))
    assert Page(owned).login()["role"] == OWNER


def test_there_is_room_for_eight_and_always_for_an_owner(owned: Box) -> None:
    for number in range(7):
        owned.access.change(made(f"p{number}", role="viewer"), "anna", OWNER)
    refused("name", lambda: owned.access.change(made("p7", role="viewer"), "anna", OWNER))
    owned.claimed("new")
    assert len(owned.access.people.all()) == 8 and Page(owned).login("new")["ok"]


def test_the_installers_key_is_a_login(owned: Box) -> None:
    """It stands on the board for the seal of the site, and is nobody's password besides."""
    refused("password", lambda: Page(owned).login("installer", "key of the firm"))
    owned.after(60)
    Path(owned.folder, secret.KEY).write_text("key of the firm\n")
    page = Page(owned)
    assert page.login("installer", "key of the firm")["role"] == "installer"
    refused("password", lambda: Page(owned).login("anna", "key of the firm"))


def test_the_table_of_rights() -> None:
    """Each row names roles that there are, the owner's are the owner's, a viewer has none; nobody
    but the owner says who may come in."""
    for rights in [row[1] for row in TABLE] + [row[1] for row in OTHER_RIGHTS]:
        assert rights and set(rights) <= set(ROLES) - {"viewer"}
        assert rights == ("operator",) or OWNER in rights
    assert [role for role in ROLES if may(role, "people")] == [OWNER]
    assert {row[0] for row in TABLE if "household" in row[1]} == {
        "goal", "target_w", "charge_ma", "authorise", "acknowledge",
    }  # fmt: skip


def test_a_damaged_file_lets_nobody_in(owned: Box) -> None:
    """What cannot be read is nobody: the box obeys nobody until somebody stands before it."""
    path = Path(owned.folder, people_file.PATH)
    whole = path.read_bytes()
    for text in (b"", whole[:40], whole.replace(b"owner", b"owner2"), b"\xff" * 100, whole[1:]):
        path.write_bytes(text)
        assert not owned.start().people.claimed
        refused("command", lambda: owned.gate.admit("token"))
    path.write_bytes(b"junk\n" + whole + b"viewer x\n" * 300)
    assert owned.start().people.claimed


def test_what_is_noted(owned: Box) -> None:
    page = Page(owned)
    page.login()
    refused("password", lambda: Page(owned, "6.6.6.6").login("anna", "wrong"))
    owned.gate.note(0, "anna", ROLES.index(OWNER), True)
    owned.access.change(made("ben", role="viewer"), "anna", OWNER)
    owned.access.forget()
    owner = ROLES.index(OWNER)
    assert owned.noted() == [
        (OPEN, BY_HAND, owner, True, True),
        (CLAIM, "anna", owner, True, True),
        (LOG_IN, "anna", owner, True, False),
        (LOG_IN, "6.6.6.6", owner, False, False),
        (0, "anna", owner, True),
        (CHANGE, "anna", owner, True, True),
        (FORGET, BY_HAND, owner, True, True),
    ]


def test_no_secret_is_told(owned: Box) -> None:
    """Neither in the state nor in an event nor in the trail: password, code, keys, salts."""
    code = owned.access.open()
    page = Page(owned)
    page.login()
    row = owned.access.people.all()[0]
    told = repr((owned.gate.state(), owned.said, owned.noted()))
    secrets = (PASSWORD, code, row[2].hex(), row[4].hex(), page.key.hex(), page.session)
    assert not [secret for secret in secrets if secret in told]
