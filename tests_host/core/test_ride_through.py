# islet: grid codes as data, and their ride-through curves.
# GPL-3.0-or-later
from __future__ import annotations

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import image as im
from tests_host.core.test_gridcode import CODES, Grid, document, load
from tools.pack import PackError
from tools.pack.gridcodes import fields, pack, ride_through_dead_ms


def test_the_codes_of_the_contract_are_there() -> None:
    assert CODES == [
        "as4777a", "default_50hz", "default_60hz", "en50549", "g99", "ieee1547_cat2",
        "ieee1547_cat3", "rule21", "vde4105",
    ]  # fmt: skip


@pytest.mark.parametrize("name", CODES)
def test_packed_code_fills_the_site_in_order(name: str) -> None:
    image = im.Image()
    load(image, name)
    code = document(name)
    for number, row in enumerate(code["trips"]):
        assert image.site[im.TRIP_LEVEL + number] == row.get("permille", row.get("mhz"))
        assert image.site[im.TRIP_TIME_MS + number] == row["time_ms"]
    levels = image.site[im.RIDE_LEVEL : im.RIDE_LEVEL + len(code["ride_through"])]
    times = image.site[im.RIDE_TIME_MS : im.RIDE_TIME_MS + len(code["ride_through"])]
    rows = {(row.get("permille", row.get("mhz")), row["time_ms"]) for row in code["ride_through"]}
    assert set(zip(levels, times, strict=True)) == rows
    assert image.site[im.ENTER_LOW_PERMILLE] == code["enter"]["low_permille"]
    assert image.site[im.ENTER_DELAY_MS] == code["enter"]["delay_ms"]
    assert image.site[im.GRID_LOSS_MS] == code["grid_loss"]["ms"]
    assert image.site[im.DEAD_GRID_MS] == code["dead_grid"]["ms"]
    assert len(pack(code)) == 4 * sum(count for _, count, _, _ in fields())
    for row in im.SITE.rows:
        for at in range(row[1], row[1] + row[2]):
            if row[0].startswith(("TRIP_", "RIDE_", "ENTER_", "GRID_LOSS", "DEAD_GRID")):
                assert row[4] <= image.site[at] <= row[5], row[0]


@pytest.mark.parametrize("name", CODES)
def test_islanding_and_the_guard_never_cut_a_ride_through_short(name: str) -> None:
    code = document(name)
    assert code["dead_grid"]["ms"] >= ride_through_dead_ms(code)
    assert code["grid_loss"]["ms"] >= code["dead_grid"]["ms"]


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("nominal_mhz", 55_000, "nominal_mhz"),
        ("trips.0.kind", "rocof", "trips[0].kind"),
        ("trips.0.permille", 1_100, "trips[0].permille"),
        ("trips.0.time_ms", 1.5, "trips[0].time_ms"),
        ("trips.0.source", "hearsay", "trips[0].source"),
        ("trips.0.tiem_ms", 3, "trips[0].tiem_ms"),
        ("trips", [], "trips"),
        ("ride_through", None, "ride_through"),
        ("ride_through.0.kind", "dip", "ride_through[0].kind"),
        ("ride_through.0.time_ms", 900, "ride_through[0].time_ms"),
        ("ride_through.4.permille", 450, "ride_through[4].time_ms"),
        ("enter.delay_ms", -1, "enter.delay_ms"),
        ("enter.low_permille", 800, "trips[0].permille"),
        ("enter.low_mhz", 50_100, "enter.low_mhz"),
        ("dead_grid.ms", 100, "dead_grid.ms"),
        ("grid_loss.ms", 500, "grid_loss.ms"),
        ("grid_loss", None, "grid_loss"),
        ("unbalance_va", {"source": "gk"}, "unbalance_va"),
        ("unbalance_va", {"feed": 0, "source": "gk"}, "unbalance_va.feed"),
        ("unbalance_va", {"draw": 4600}, "unbalance_va.source"),
        ("unbalance_va", {"both": 4600, "source": "gk"}, "unbalance_va.both"),
        ("surprise", 1, "surprise"),
    ],
)
def test_a_bad_code_is_refused_with_the_field(path: str, value: object, field: str) -> None:
    code = copy.deepcopy(document("en50549"))
    at: object = code
    *parents, last = path.split(".")
    for step in parents:
        at = at[int(step)] if isinstance(at, list) else at[step]  # type: ignore[index]
    at[last] = value  # type: ignore[index]
    with pytest.raises(PackError) as refused:
        pack(code)
    assert refused.value.field == field


def longest_ride_ms(code: dict, kind: str, level: int) -> int:
    """By the JSON: the furthest row exceeded by a level decides."""
    over = kind in ("ov", "of")
    rows = [
        (row.get("permille", row.get("mhz")), row["time_ms"])
        for row in code["ride_through"]
        if row["kind"] == kind
    ]
    beyond = [row for row in rows if (level > row[0] if over else level < row[0])]
    return (max(beyond) if over else min(beyond))[1] if beyond else 0


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(CODES), st.integers(0, 1_400), st.integers(1, 3), st.integers(0, 2))
def test_the_enable_and_the_switch_never_go_before_the_curve_ends(
    name: str, permille: int, legs: int, leg: int
) -> None:
    """safety.md section 5: the enable may go at the row's time where the curve allows, the switch
    never before the curve's end, and grid_loss_s later with everything still."""
    code = document(name)
    grid = Grid(name, legs)
    site, commands = grid.image.site, grid.image.commands
    site[im.ENTER_DELAY_MS] = 1_000
    site[im.NOMINAL_MHZ] = code["nominal_mhz"]
    grid.set(230_000, code["nominal_mhz"])
    grid.serve()
    grid.set(230 * permille, leg=leg % legs)
    kind = "ov" if permille > 1_000 else "uv"
    trips = [
        row["time_ms"]
        for row in code["trips"]
        if row["kind"] == kind
        and (permille > row["permille"] if kind == "ov" else permille < row["permille"])
    ]
    ride_ms = longest_ride_ms(code, kind, permille)
    dead = legs == 1 and permille < 100
    enable_ms = max(min(trips, default=10**9), ride_ms)
    if dead:
        enable_ms = min(enable_ms, site[im.DEAD_GRID_MS])
    switch_ms = enable_ms + site[im.GRID_LOSS_MS]
    load_ms = 60_000 if not 800 <= permille <= 1_100 else 10**9
    load_ms = min(load_ms, 15_000 if permille > 1_150 else 10**9)
    burning_ms = 1_000 if permille > 1_250 else 6_000 if permille > 1_200 else 10**9
    for ms in range(0, 70_000, 100):
        grid.run(100)
        served = grid.state in (im.GRID_WAITING, im.GRID_IN_SERVICE)
        assert served == (ms < enable_ms), (ms, enable_ms)
        loss = commands[im.GRID_LOSS]
        if ms >= burning_ms + (2_000 if burning_ms == 6_000 else 0):
            assert loss == im.LOSS_BURNING
        elif dead:
            assert loss == im.LOSS_DEAD
        elif loss != im.LOSS_BURNING:
            bad = ms >= min(switch_ms + 200, load_ms)
            if loss == im.LOSS_BAD:
                assert ms >= min(switch_ms, load_ms)
            else:
                assert not bad
