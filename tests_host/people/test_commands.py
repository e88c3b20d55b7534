"""Commands: checked in full before anything changes, and refused by field and allowed values."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import image as im
from firmware.people import leases
from firmware.people.asked import OWNER, TABLE
from firmware.people.commands import Commands
from tests_host.conftest import ROOT, RunDevice
from tests_host.net.conftest import PolicyDouble
from tests_host.net.small_site import make_site, names_of, whose

EVSE, INVERTER = 0, 1
HOSTILE = json.loads((ROOT / "tests_host/net/hostile.json").read_text())


@pytest.fixture
def policy() -> PolicyDouble:
    return PolicyDouble()


@pytest.fixture
def commands(site: im.Image, policy: PolicyDouble) -> Commands:
    return Commands(site, policy, names_of(site))


def ok(commands: Commands, name: str, payload: str) -> str:
    answer = commands.handle(name, payload.encode(), whose(name))
    assert answer["ok"], answer
    return answer["text"]


def refused(commands: Commands, name: str, payload: str) -> tuple[str, str]:
    answer = commands.handle(name, payload.encode(), whose(name))
    assert not answer["ok"] and answer["error"], answer
    return answer["field"], answer["allowed"]


def test_every_row_has_its_effect() -> None:
    for row in TABLE:
        assert callable(getattr(Commands, "_" + row[0]))


@pytest.mark.parametrize("payload", ["solar", '"solar"', '{"goal": "solar"}', " solar\n"])
def test_goal(commands: Commands, policy: PolicyDouble, payload: str) -> None:
    ok(commands, "goal", payload)
    assert policy.said == [("goal", "solar")]


def test_wishes(commands: Commands, policy: PolicyDouble) -> None:
    ok(commands, "target_w", "-1500")
    ok(commands, "target_w", '{"target_w": 2000.0, "ttl_s": 60}')
    ok(commands, "charge_ma", '{"charge_ma": 0, "ttl_s": 600}')
    assert policy.said == [
        ("wish", INVERTER, -1500, 3_600_000),
        ("wish", INVERTER, 2000, 60_000),
        ("wish", EVSE, 0, 600_000),
    ]
    assert refused(commands, "target_w", "-5001") == ("target_w", "-5000 to 5000 W for it")
    assert refused(commands, "charge_ma", "5999") == (
        "charge_ma",
        "0, or 6000 to 16000 mA for it",
    )
    assert len(policy.said) == 3


@pytest.mark.parametrize(
    ("name", "device", "again"),
    [("charge_ma", EVSE, "8000"), ("target_w", INVERTER, "-700")],
)
def test_nothing_without_a_time_is_a_stop(
    site: im.Image, commands: Commands, policy: PolicyDouble, name: str, device: int, again: str
) -> None:
    """As the page's: it stands until it is released, or something is asked for again."""
    who = names_of(site).device(device)
    release = json.dumps({"device": who, "release": True})
    for let_go in (lambda: ok(commands, "limit", release), lambda: ok(commands, name, again)):
        policy.said.clear()
        assert ok(commands, name, "0").endswith("until it is let go on, or told another value.")
        assert held(site, "owner", device) == [(0, 0, leases.RELEASED)] and not policy.said
        site.commands[im.UP_S] += 90_000  # a day
        assert leases.stops(site, device)
        let_go()
        assert not leases.holds(site, im.ISSUER_NAMES.index("owner"), device)
    assert ok(commands, name, again).endswith(" s.")  # nothing to let go


def test_a_limit_is_no_stop(site: im.Image, commands: Commands) -> None:
    """What the owner forbids for good is not allowed by asking for the other direction."""
    never = '{"device": "inverter", "high": 0, "until_released": true}'
    ok(commands, "limit", never)
    ok(commands, "target_w", "-700")
    assert [step[1] for step in held(site, "owner", INVERTER)] == [0]
    assert not leases.stops(site, INVERTER)
    ok(commands, "operator", '{"device": "evse", "high": 0, "until_released": true}')
    ok(commands, "charge_ma", "8000")
    assert held(site, "operator", EVSE) and not leases.stops(site, EVSE)


def test_what_a_site_cannot_do_is_said(site: im.Image, commands: Commands) -> None:
    assert refused(commands, "island", "now") == ("island", "never, auto")
    assert site.requests[im.ISLAND_WISH] == 0
    never = "The house does not leave the grid by itself, nor in an outage."
    assert ok(commands, "island", "auto") == ok(commands, "island", "never") == never
    site.site[im.ISLAND_CAPABLE] = site.site[im.ISLAND_AUTO] = 1
    assert ok(commands, "island", "auto") == "In an outage the house shall run without the grid."
    assert ok(commands, "island", "now").startswith("Asked to leave the grid;")
    assert site.requests[im.ISLAND_WISH] == 1
    for authorised in ("true", "false"):
        assert ok(commands, "authorise", authorised).endswith("it needs no authorisation.")
    site.site[im.POINT_AUTH_REQUIRED] = 1
    assert ok(commands, "authorise", "false") == "Charging is not authorised."


def test_a_missing_device_is_named(site: im.Image, commands: Commands) -> None:
    site.site[im.DEVICE_NODE + INVERTER] = -1
    answer = commands.handle("target_w", b"100", OWNER)
    assert answer["error"] == "this site has nothing that can do that"
    answer = commands.handle("target_w", b'{"target_w": 100, "device": "inverter"}', OWNER)
    assert (answer["field"], answer["allowed"]) == ("device", "one of evse")
    answer = commands.handle("target_w", b'{"target_w": 100, "device": "evse"}', OWNER)
    assert (answer["field"], answer["allowed"]) == ("device", "nothing: this site has none")


def test_no_command_lowers_a_reserve(site: im.Image, commands: Commands) -> None:
    """INV-11: what the owner configured is the least, also after it was raised."""
    ok(commands, "reserve", "500")
    assert site.requests[im.RESERVE_PERMILLE] == 500
    assert refused(commands, "reserve", "299") == (
        "reserve_permille",
        "a whole number from 300 to 1000 permille",
    )
    both = '{"reserve_permille": 600, "outage_reserve_permille": 99}'
    assert refused(commands, "reserve", both)[0] == "outage_reserve_permille"
    assert site.requests[im.RESERVE_PERMILLE] == 500  # nothing of it was done
    ok(commands, "reserve", "300")
    assert refused(commands, "reserve", "{}")[0] == "reserve_permille"


def held(site: im.Image, issuer: str, leased: int) -> list[tuple[int, int, int]]:
    return [s for s in leases.standing(site, im.ISSUER_NAMES.index(issuer), leased) if s]


def test_operator(site: im.Image, commands: Commands) -> None:
    """INV-8: a restriction holds for its time or until its issuer releases it."""
    ok(commands, "operator", '{"device": "evse", "high": 7000, "until_released": true}')
    assert held(site, "operator", EVSE) == [(-2_000_000, 7000, leases.RELEASED)]
    ok(commands, "operator", '{"device": "inverter", "low": -1000, "high": 0, "ttl_s": 60}')
    assert held(site, "operator", INVERTER) == [(-1000, 0, 61)]
    ok(commands, "operator", '{"device": "evse", "release": true}')
    assert not held(site, "operator", EVSE) and held(site, "operator", INVERTER)
    field, allowed = refused(commands, "operator", '{"device": "evse", "high": 1}')
    assert field == "ttl_s" and "exactly one" in allowed
    assert refused(commands, "operator", '{"device": "evse", "ttl_s": 5}')[0] == "high"
    # the owner may neither give nor lift it
    seq = site.requests[im.LEASE_SEQ]
    payload = b'{"device": "inverter", "release": true}'
    answer = commands.handle("operator", payload, OWNER)
    assert answer["error"] == "operator is not yours to give"
    assert site.requests[im.LEASE_SEQ] == seq


def test_inv_8_a_limit_is_its_issuers(site: im.Image, commands: Commands) -> None:
    """INV-8: nobody else releases it, and the refusal names who holds it."""
    ok(commands, "operator", '{"device": "evse", "high": 0, "until_released": true}')
    ok(commands, "limit", '{"device": "evse", "high": 9000, "ttl_s": 60}')
    ok(commands, "limit", '{"device": "evse", "release": true}')
    for name, issuer in (("limit", {}), ("operator", {"issuer": "ocpp"})):
        answer = commands.handle(name, {"device": "evse", "release": True, **issuer}, whose(name))
        assert answer["field"] == "release" and answer["allowed"].endswith(": operator")
    assert held(site, "operator", EVSE) == [(-2_000_000, 0, leases.RELEASED)]
    payload = '{"device": "evse", "high": 1, "ttl_s": 9, "issuer": "owner"}'
    assert refused(commands, "operator", payload)[0] == "issuer"


def test_inv_8_limits_add_up_and_a_release_with_a_range_replaces(
    site: im.Image, commands: Commands
) -> None:
    """INV-8"""
    ok(commands, "operator", '{"device": "inverter", "high": 0, "until_released": true}')
    ok(commands, "operator", '{"device": "inverter", "high": 4200, "ttl_s": 20}')
    assert [step[1] for step in held(site, "operator", INVERTER)] == [0]
    payload = '{"device": "inverter", "high": 4200, "ttl_s": 20, "release": true}'
    ok(commands, "operator", payload)
    assert [step[1] for step in held(site, "operator", INVERTER)] == [4200]


def test_all_devices_and_nodes(site: im.Image, commands: Commands) -> None:
    ok(commands, "operator", '{"device": "all", "low": 0, "high": 0, "ttl_s": 20}')
    assert [held(site, "operator", d)[0][:2] for d in (0, 1)] == [(0, 0), (0, 0)]
    assert refused(commands, "operator", '{"device": "all", "high": 9, "ttl_s": 1}')[0] == "device"
    assert refused(commands, "operator", '{"high": 9, "ttl_s": 1}')[0] == "device"
    payload = '{"node": "%s", "high": 20000, "ttl_s": 60, "back_high": 6000, "issuer": "site"}'
    ok(commands, "operator", payload % "service")
    assert held(site, "site", leases.NODE) == [(-2_000_000, 20_000, 61)]
    assert (
        refused(commands, "operator", payload % "attic")[1] == "one of battery, service, wallbox"
    )
    field, allowed = refused(commands, "operator", payload % "wallbox")
    assert (field, allowed) == ("node", "service")
    shown = leases.of_node(site, 0)
    assert [(row["issuer"], row["what"], row["high_ma"], row["left_s"]) for row in shown] == [
        ("site", "holds", 20_000, 61),
        ("site", "falls back", 6_000, None),
    ]
    assert not leases.of_node(site, 1)
    ok(commands, "operator", '{"node": "service", "release": true, "issuer": "site"}')
    assert not leases.of_node(site, 0)


def test_people(site: im.Image, commands: Commands) -> None:
    ok(commands, "authorise", "true")
    assert site.requests[im.POINT_AUTHORISED] == 1
    ok(commands, "authorise", '{"authorised": false}')
    assert site.requests[im.POINT_AUTHORISED] == 0
    ok(commands, "island", "never")
    assert site.requests[im.ISLAND_WISH] == -1
    for payload in ("", "{}", "true", '{"id": 7}'):
        ok(commands, "acknowledge", payload)
    assert site.requests[im.ACKNOWLEDGE_SEQ] == 4
    site.requests[im.ACKNOWLEDGE_SEQ] = im.AGE_MAX_MS
    ok(commands, "acknowledge", "")
    assert site.requests[im.ACKNOWLEDGE_SEQ] == 0


def test_the_answer_carries_the_id(commands: Commands) -> None:
    for identity in (7, "abc"):
        payload = json.dumps({"goal": "self", "id": identity}).encode()
        assert commands.handle("goal", payload, OWNER)["id"] == identity
    answer = commands.handle("goal", b'{"goal": "loud", "id": "x"}', OWNER)
    assert answer["id"] == "x" and answer["field"] == "goal"
    assert answer["allowed"] == "one of hold, charge, solar, self, discharge"


@pytest.mark.parametrize(("name", "payload", "field"), HOSTILE)
def test_hostile_payloads(name: str, payload: str, field: str) -> None:
    image = make_site()
    policy = PolicyDouble()
    before = bytes(image.requests)
    answer = Commands(image, policy, names_of(image)).handle(
        name, payload.encode("utf-8", "surrogateescape"), whose(name)
    )
    assert not answer["ok"]
    assert answer["field"] == field
    assert answer["error"] and answer["allowed"]
    assert bytes(image.requests) == before and not policy.said
    assert len(json.dumps(answer)) < 600


@given(st.sampled_from([row[0] for row in TABLE] + ["", "?"]), st.binary(max_size=600))
@settings(max_examples=300)
def test_any_bytes_get_an_answer(name: str, payload: bytes) -> None:
    image = make_site()
    answer = Commands(image, PolicyDouble(), names_of(image)).handle(name, payload, whose(name))
    json.dumps(answer)
    assert answer["ok"] or answer["field"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
FIELD_NAMES = sorted({field[0] for row in TABLE for field in row[2]} | {"id", "command", "x"})


@given(
    st.sampled_from([row[0] for row in TABLE]),
    st.dictionaries(st.sampled_from(FIELD_NAMES), JSON, max_size=4),
)
@settings(max_examples=300)
def test_any_object_gets_an_answer_and_requests_stay_in_range(name: str, value: dict) -> None:
    image = make_site()
    answer = Commands(image, PolicyDouble(), names_of(image)).handle(
        name, json.dumps(value).encode(), whose(name)
    )
    assert answer["ok"] or answer["field"]
    for _, index, count, _, low, high, _, _ in im.REQUESTS.rows:
        assert all(low <= v <= high for v in image.requests[index : index + count])


def test_the_same_on_micropython(run_device: RunDevice) -> None:
    """Both runtimes name the same field; only the words of a shown value may differ."""
    script = (ROOT / "tests_host/net/device/hostile.py").read_text()
    printed = run_device(script).splitlines()
    assert [line.split(" ", 1)[0] for line in printed] == [field for _, _, field in HOSTILE]
