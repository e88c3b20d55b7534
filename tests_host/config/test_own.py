"""Profiles of the site's own: packed by the PC, looked at again by the box, believed little."""

from __future__ import annotations

import base64
import importlib
import json
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firmware import config
from firmware import image as im
from firmware.config import own as rules
from firmware.drivers import plans, profile
from tests_host.config.test_config import ANSWERS, GOOD, change, rights
from tests_host.config.test_rules import fields
from tools.pack import PackError
from tools.pack.__main__ import pack_file
from tools.site import own
from tools.workshop import ROOT

BENCH = rights(bench=True)
LINE = {"name": "bus"}
SHIPPED = importlib.import_module("islet_data").PROFILES


def row(quantity: str, register: int, leg: int | None = None, **more: Any) -> dict[str, Any]:
    found = {"quantity": quantity, "function": 3, "register": register, "type": "i16"}
    return found | ({"leg": leg} if leg else {}) | more


METER: dict[str, Any] = {
    "name": "cellar_meter",
    "rows": [
        *(row("current", 10 + leg, leg, num=10) for leg in (1, 2, 3)),
        *(row("power", 20 + leg, leg, sign=-1) for leg in (1, 2, 3)),
    ],
}
DEVICE: dict[str, Any] = {
    "name": "old_battery",
    "rows": [
        row("power", 100, sign=-1),
        row("state", 101, type="u16", states={"standby": 0, "run": 1, "fault": 9}),
    ],
    "writes": [
        {"name": "watts", "function": 6, "register": 200, "type": "i16", "unit": "W", "sign": 1},
        {"name": "seconds", "function": 6, "register": 201, "type": "u16", "unit": "s"},
    ],
    "plans": {
        "charge": [{"seconds": "lease"}, {"watts": "watts"}],
        "discharge": [{"seconds": "lease"}, {"watts": "watts"}],
        "zero": [{"watts": 0}],
        "release": [{"watts": 0}],
    },
    "lease": {"write": "seconds", "least_s": 5, "most_s": 600},
}
WITH_METER = {"profiles": [METER], "meters.0.profile": "cellar_meter"}
WITH_DEVICE = {
    "profiles": [DEVICE],
    "devices.1.profile": "old_battery",
    "nodes.2.instrument": "none",
}


def site(changes: dict[str, Any]) -> bytes:
    document = json.loads(json.dumps(GOOD))
    change(document, changes)
    return json.dumps(document).encode()


def load(changes: dict[str, Any], board: Any = BENCH) -> config.Config:
    return config.load(own.packed(site(changes)), im.Image(), board)


def without(document: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in keys}


# --- what is taken -------------------------------------------------------------------------------


def test_a_meter_and_a_device_of_the_owners_are_taken() -> None:
    for changes in (WITH_METER, WITH_DEVICE):
        found = load(changes)
        assert found.errors == []
        names, packs = found["profiles"]
        assert names[:-1] == list(SHIPPED[0])
        assert packs[:-1] == list(SHIPPED[1])
    unpacked = profile.Profile(packs[-1])
    assert (unpacked.role, unpacked.sure, unpacked.timeout_ms) == (1, 0, 1000)
    place = struct.unpack_from(profile.HEAD, packs[-1])[9]
    told = plans.Plans(packs[-1], place)
    assert plans.THENS[told.then] == "unknown" and not told.measured
    assert {plans.WEARS[write[plans.WEAR]] for write in told.writes} == {"unknown"}


def test_the_long_form_is_taken_and_says_no_more_than_the_short_one() -> None:
    """Somebody who copies a profile of islet's and changes it has no source either."""
    document = json.loads((ROOT / "firmware/profiles/solax_g4.json").read_text())
    document["lease"].pop("measured")
    found = load(WITH_DEVICE | {"profiles": [document | {"name": "old_battery"}]})
    assert found.errors == []
    packed = found["profiles"][1][-1]
    theirs = pack_file(ROOT / "firmware/profiles/solax_g4.json", "profiles")
    assert len(packed) == len(theirs) and profile.Profile(packed).sure == 0
    assert profile.Profile(packed).rows == profile.Profile(theirs).rows


def test_a_site_without_own_profiles_keeps_its_text() -> None:
    text = site({})
    assert own.packed(text) is text
    assert own.packed(b"no json") == b"no json"
    ready = own.packed(site(WITH_METER))
    assert own.packed(ready) is ready
    assert config.load(site({}), im.Image(), BENCH)["profiles"] is SHIPPED


def test_the_example_in_the_docs_is_taken() -> None:
    page = (ROOT / "docs/configuration.md").read_text()
    text = page.split("## A meter or converter that islet does not know")[1]
    document = json.loads(text.split("```json")[1].split("```")[0])
    single = {"legs": 1, "devices": [], "points": [], "nodes": GOOD["nodes"][:1], "lines": [LINE]}
    found = load(document | single | {"meters.0.profile": "cellar_meter", "meters.0.line": "bus"})
    assert found.errors == []
    assert found["profiles"][0][-2:] == ["cellar_meter", "old_battery"]


# --- what is refused by name ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (METER | {"rows": []}, "rows"),
        (METER | {"rows": METER["rows"][:5]}, "rows"),  # a leg's current without its power
        (METER | {"rows": [row("current", 70_000, 1)]}, "rows[0].register"),
        (METER | {"rows": [row("current", 1, 1, num=0)]}, "rows[0].num"),
        (METER | {"rows": [row("current", 1, 1, colour=10)]}, "rows[0].colour"),
        (METER | {"rows": [row("current", 1)]}, "rows[0].leg"),
        (METER | {"period_ms": 500}, "period_ms"),
        (METER | {"role": "charger"}, "role"),
        (METER | {"kind": "meter"}, "kind"),
        (without(DEVICE, "writes"), "writes"),
        (DEVICE | {"rows": DEVICE["rows"][:1]}, "plans"),
        (DEVICE | {"lease": {"write": "minutes"}}, "lease.write"),
        (DEVICE | {"lease": {"measured": True}}, "lease.measured"),
        (DEVICE | {"lease": 5}, "lease"),
        (DEVICE | {"rows": [*DEVICE["rows"], 5]}, "rows[2]"),
    ],
)
def test_what_does_not_fit_is_refused_by_row_and_field(wrong: Any, field: str) -> None:
    with pytest.raises(PackError) as error:
        own.packed(site(WITH_METER | {"profiles": [wrong]}))
    assert error.value.field == f"profiles[0].{field}"
    assert str(error.value).startswith(f"profiles[0].{field}: ")


def test_names_are_of_one_profile() -> None:
    taken = WITH_METER | {"profiles": [METER | {"name": "sdm630"}], "meters.0.profile": "sdm630"}
    assert fields(load(taken).errors) == ["profiles[0].name"]
    assert fields(load(WITH_METER | {"profiles": [METER, METER]}).errors)[0] == "profiles[1].name"
    assert fields(load(WITH_METER | {"meters.0.profile": "attic"}).errors) == ["meters[0].profile"]


def test_a_box_that_gets_the_rows_themselves_says_what_packs_them() -> None:
    errors = config.load(site(WITH_METER), im.Image(), BENCH).errors
    assert "profiles[0].packed" in fields(errors)
    assert any("python -m tools.site pack" in error for error in errors)


# --- how far it is believed ----------------------------------------------------------------------


def test_a_meter_of_the_owners_word_carries_no_more_than_islets_own_limits() -> None:
    for changes in ({"coordinated": True}, {"export_limit_w": 0}, ANSWERS):
        assert "meters[0].profile" in fields(load(WITH_METER | changes).errors)
        assert "meters[0].profile" not in fields(load(changes).errors)


def test_a_device_of_the_owners_word_needs_the_installers_key_for_what_is_in_it() -> None:
    found = load(WITH_DEVICE)
    (path, value, why), *rest = found.weaker
    assert (path, rest) == ("devices[1].profile", []) and "only its owner says" in why
    assert fields(load(WITH_DEVICE, rights()).errors) == ["devices[1].profile"]
    other = json.loads(json.dumps(DEVICE))
    other["writes"][0]["register"] = 202
    changed = load(WITH_DEVICE | {"profiles": [other]})
    assert changed.weaker[0][1] != value and value.startswith("old_battery ")
    assert changed.wiring != found.wiring and load(WITH_DEVICE).wiring == found.wiring


def test_a_commissioning_proof_holds_for_a_meter_as_it_was() -> None:
    other = json.loads(json.dumps(METER))
    other["rows"][3]["sign"] = 1
    assert load(WITH_METER).wiring != load(WITH_METER | {"profiles": [other]}).wiring


def test_what_nothing_ends_may_not_discharge_and_nothing_of_it_is_coordinated_or_forms() -> None:
    endless = DEVICE | {"lease": {"then": "stops"}}  # the owner's word
    endless["plans"] = {
        name: [{"watts": "watts" if name.endswith("charge") else 0}] for name in plans.PLANS
    }
    timeless = WITH_DEVICE | {"profiles": [endless]}
    refused = ["devices[1].revert_s", "devices[1].may_discharge"]
    assert fields(load(timeless).errors) == refused
    held = timeless | {"devices.1.revert_s": 0, "devices.1.may_discharge": False}
    assert load(held).errors == []
    for changes in ({"coordinated": True}, {"export_limit_w": 0}):
        assert "devices[1].profile" in fields(load(WITH_DEVICE | changes).errors)
    assert "island.device" in fields(load(ANSWERS | WITH_DEVICE).errors)


# --- what the box looks at again -----------------------------------------------------------------


def test_the_rules_read_the_form_that_the_drivers_read() -> None:
    assert (rules.HEAD, rules.ROW, rules.FORMAT) == (profile.HEAD, profile.ROW, profile.FORMAT)
    assert (rules.PLANS, rules.WRITE, rules.ITEM) == (plans.HEAD, plans.WRITE, plans.ITEM)
    assert list(rules.SIZES) == [size for _, size in profile.TYPES]
    assert len(rules.BOUNDS) == len(profile.QUANTITIES)


def least(document: dict[str, Any]) -> bytes:
    """As somebody would hand it in."""
    return base64.b64decode(
        json.loads(own.packed(site({"profiles": [document]})))["profiles"][0]["packed"]
    )


def test_every_profile_of_islets_own_would_be_taken_as_an_owners() -> None:
    for path in sorted((ROOT / "firmware/profiles").glob("*.json")):
        document = json.loads(path.read_text())
        if document.get("role") == "charger" or "$schema" in document:
            continue
        document.get("lease", {}).pop("measured", None)
        if "plans" not in document:
            document = without(document, "controls", "writes", "period_ms", "lease")
        rules.checked(least(document | {"name": "mine"}))


@pytest.mark.parametrize("document", [METER, DEVICE])
def test_bytes_that_somebody_changed_are_refused_or_harmless(document: dict[str, Any]) -> None:
    """What passes can be unpacked, and each value that is written is one its register holds."""
    good, dice, passed = least(document), random.Random(5), 0
    rules.checked(good)
    for _ in range(20_000):
        data = bytearray(good)
        for _ in range(dice.randrange(1, 4)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        if dice.randrange(8) == 0:
            del data[dice.randrange(len(data)) :]
        try:
            rules.checked(bytes(data))
        except ValueError:
            continue
        passed += 1
        unpacked = profile.Profile(bytes(data))
        for each in unpacked.rows:
            unpacked.value(each, bytes(256), 8)
        if place := struct.unpack_from(profile.HEAD, data)[9]:
            told = plans.Plans(bytes(data), place)
            for w, requests in ((900, 0), (-900, 1), (0, 2), (0, 3)):
                for request in told.plans[requests]:
                    for item in request:
                        raw = told.raw(item, w, 60, 5000)
                        assert all(0 <= word < 65_536 for word in told.words(item[0], raw))
    assert passed > 100


def test_no_byte_of_a_cut_profile_is_believed() -> None:
    for document in (METER, DEVICE):
        good = least(document)
        for size in range(len(good)):
            with pytest.raises(ValueError, match="cannot be"):
                rules.checked(good[:size])


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, 1), (2, 3), (3, 1), (4, 0xFF), (16, 200), (17, 9), (18, 6), (19, 7), (23, 2), (24, 0)],
)
def test_a_head_and_a_row_that_cannot_be_are_refused(at: int, value: int) -> None:
    data = bytearray(least(METER))
    data[at : at + (2 if at in (24,) else 1)] = bytes([value] * (2 if at == 24 else 1))
    text = base64.b64encode(data).decode()
    found = config.load(
        site(WITH_METER | {"profiles": [{"name": "cellar_meter", "packed": text}]}),
        im.Image(),
        BENCH,
    )
    assert fields(found.errors) == ["profiles[0].packed"]
    assert "cannot be; python -m tools.site pack FILE writes it anew" in found.errors[0]


BLOCK = json.loads(json.dumps(DEVICE))
for write in BLOCK["writes"]:
    write["function"] = 16
BLOCK["plans"]["charge"] = [{"watts": "watts", "seconds": "lease"}]
HEAD, ROWS, PLANS, WRITES, ITEMS = profile.HEAD, profile.ROW, plans.HEAD, plans.WRITE, plans.ITEM
_LAST = -struct.calcsize(ITEMS)


def put(data: bytearray, form: str, at: int, column: int, value: int) -> None:
    values = list(struct.unpack_from(form, data, at))
    values[column] = value
    struct.pack_into(form, data, at, *values)


def place(data: bytes | bytearray, form: str, i: int) -> int:
    """Where a row, the plans' head or a write begins; an item counts from the end."""
    told = struct.unpack_from(HEAD, data)[9]
    if form == ITEMS:
        return len(data) + i
    begins = {HEAD: 0, ROWS: profile.HEAD_SIZE, PLANS: told, WRITES: told + struct.calcsize(PLANS)}
    return begins[form] + i * struct.calcsize(form)


@pytest.mark.parametrize(
    ("document", "form", "i", "changes", "why"),
    [
        (METER, HEAD, 0, {6: 20_000}, "a time"),
        (METER, HEAD, 0, {7: 61}, "a time"),
        (DEVICE, HEAD, 0, {2: 0}, "without power and state"),
        (DEVICE, ROWS, 0, {0: 4}, "without power and state"),
        (DEVICE, ROWS, 0, {0: 5, 1: 0, 9: 0, 10: 100}, "row 0, its leg"),
        (METER, ROWS, 0, {1: 3}, "row 0, its leg"),
        (METER, ROWS, 0, {3: 1, 4: 65_535}, "row 0"),
        (METER, ROWS, 0, {5: 0}, "row 0"),
        (METER, ROWS, 0, {10: 3_000_000}, "row 0, its range"),
        (METER, ROWS, 0, {9: 5, 10: 5}, "row 0, its range"),
        (DEVICE, PLANS, 0, {0: 3}, "head of its plans"),
        (DEVICE, PLANS, 0, {2: 50}, "head of its plans"),
        (DEVICE, PLANS, 0, {7: 1}, "head of its plans"),
        (DEVICE, PLANS, 0, {4: 700}, "its lease"),
        (DEVICE, PLANS, 0, {4: 0}, "its lease"),
        (DEVICE, PLANS, 0, {3: 2}, "its lease"),
        (DEVICE, PLANS, 0, {6: 0}, "its lease"),
        (DEVICE, WRITES, 0, {1: 1}, "write 0"),
        (BLOCK, WRITES, 0, {1: 1, 2: 65_535}, "write 0"),
        (DEVICE, WRITES, 0, {3: 6}, "write 0"),
        (DEVICE, WRITES, 0, {7: 0}, "write 0"),
        (DEVICE, WRITES, 0, {7: 40_000}, "write 0"),
        (DEVICE, WRITES, 0, {8: 4}, "write 0"),
        (DEVICE, WRITES, 1, {4: 1}, "write 1, its sign"),
        (BLOCK, WRITES, 0, {0: 6}, "plan 0"),
        (BLOCK, WRITES, 1, {2: 207}, "plan 0"),
        (DEVICE, ITEMS, _LAST, {2: 70_000}, "plan 3, a value"),
        (DEVICE, ITEMS, _LAST, {1: 2}, "plan 3, a value"),
        (DEVICE, ITEMS, _LAST, {1: 1}, "plan 3, its watts"),
    ],
)
def test_each_thing_that_cannot_be_is_named(
    document: Any, form: str, i: int, changes: dict[int, int], why: str
) -> None:
    data = bytearray(least(document))
    rules.checked(bytes(data))
    for column, value in changes.items():
        put(data, form, place(data, form, i), column, value)
    with pytest.raises(ValueError, match=why + ".* cannot be"):
        rules.checked(bytes(data))


def test_places_and_counts_stay_inside() -> None:
    good = least(DEVICE)
    table = struct.unpack_from(ROWS, good, place(good, ROWS, 1))[13]
    for at, value, why in (
        (table, 200, "row 1, its table"),
        (len(good) + _LAST - 1, 200, "plan 3"),  # items
        (len(good) + _LAST - 2, 0, "plan 3"),  # requests
        (len(good) + _LAST - 2, 17, "plan 3"),
    ):
        data = bytearray(good)
        data[at] = value
        with pytest.raises(ValueError, match=f"^{why} cannot be"):
            rules.checked(bytes(data))
    longer = bytearray(good + b"\0")
    put(longer, HEAD, 0, 10, len(longer))
    with pytest.raises(ValueError, match="its end cannot be"):
        rules.checked(bytes(longer))


def test_the_chips_interpreter_looks_at_bytes_as_this_one_does(
    run_device: Callable[..., str], tmp_path: Path
) -> None:
    dice, tried, verdicts = random.Random(8), [], ""
    for good in (least(METER), least(DEVICE)):
        for _ in range(300):
            data = bytearray(good)
            for _ in range(dice.randrange(2)):
                data[dice.randrange(len(data))] = dice.randrange(256)
            tried.append(bytes(data))
    for data in tried:
        try:
            rules.checked(data)
            verdicts += "1"
        except ValueError:
            verdicts += "0"
    script = tmp_path / "look.py"
    script.write_text(f"""
from firmware.config.own import checked

def good(data):
    try:
        checked(data)
        return "1"
    except ValueError:
        return "0"

print("".join([good(data) for data in {tried!r}]))
""")
    assert {"0", "1"} <= set(verdicts)
    assert run_device(script).strip() == verdicts
