"""SunSpec meters and older inverters as instruments; pysunspec2 encodes their registers."""

from __future__ import annotations

from typing import Any

import pytest

from firmware import image as im
from firmware.drivers.profile import CURRENT, FREQUENCY, POWER, VOLTAGE
from firmware.drivers.sunspec_meter import KINDS, SunSpecMeter, kind_of
from tests_host.bus.wire import Answer, model, run
from tests_host.drivers.chains import COMMON, Chain, chain, encoded

AMPS, WATTS = (10.02, 5.5, 0.7), (-2300, 1150, 0)
FACTORS = {"A_SF": -2, "V_SF": -1, "Hz_SF": -2, "W_SF": 0}
LEGS = "ABC"
HZ = 2 + len(COMMON) + 16  # in a chain, of an integer model behind the common one


def meter(number: int, legs: int = 3, sign: int = 1, **changes: Any) -> list[int]:
    """A meter's model: legs of it, + of its power import unless sign is -1."""
    values: dict[str, float] = {"A": 16.2, "W": sign * sum(WATTS[:legs]), "Hz": 50.0}
    for k in range(legs):
        values |= {f"Aph{LEGS[k]}": AMPS[k], f"PhVph{LEGS[k]}": 230.0 + k}
        values[f"Wph{LEGS[k]}"] = sign * WATTS[k]
    return model_of(number, values | changes)


def inverter(number: int, legs: int = 3, w: float = 3300, **changes: Any) -> list[int]:
    values: dict[str, float] = {"A": 16.2, "W": w, "Hz": 50.0}
    for k in range(legs):
        values |= {f"Aph{LEGS[k]}": AMPS[k], f"PhVph{LEGS[k]}": 230.0 + k}
    return model_of(number, values | changes)


def model_of(number: int, values: dict[str, Any]) -> list[int]:
    factors = {} if number // 10 % 10 else FACTORS | values.pop("factors", {})
    values = {name: value for name, value in values.items() if value is not None}
    return encoded(number, {k: v for k, v in factors.items() if v is not None}, values)


def read(house: Chain, legs: int = 3) -> tuple[list[int], list[int]]:
    live = house.image.live
    return list(live[im.NODE_MA : im.NODE_MA + legs]), list(live[im.NODE_W : im.NODE_W + legs])


def instrument(house: Chain, sign: int = 1) -> SunSpecMeter:
    return SunSpecMeter(house.image, house.line, sign, 1, 0)


def told(house: Chain) -> list[str]:
    return house.line.report()["meter"]["errors"]


def test_our_offsets_are_those_of_the_model_files() -> None:
    names = {
        "voltage": "PhVphA", "current": "AphA", "leg": "WphA", "hz": "Hz", "w": "W"
    }  # fmt: skip
    factors = {"voltage": "V_SF", "current": "A_SF", "leg": "W_SF", "hz": "Hz_SF", "w": "W_SF"}
    assert (VOLTAGE, CURRENT, POWER, FREQUENCY) == (0, 1, 2, 3)
    for first, last, least, count, _, points, scales in KINDS:
        for number in range(first, last + 1):
            file = model(number)
            length = sum(size for _, size, _ in file.values()) - 2
            assert length == least and count <= length + 2
            for i, name in enumerate(names.values()):
                assert points[i] == (file[name][0] if name in file else 0), (number, name)
            for i, name in enumerate(factors.values()):
                assert not scales or scales[i] == file[name][0], (number, name)
            if number % 10 > 1:  # a leg's points follow each other
                step = 1 if scales else 2
                assert file["AphB"][0] - file["AphA"][0] == step
                assert file["PhVphB"][0] - file["PhVphA"][0] == step
            assert max(*points, *scales) + (1 if scales else 2) <= count


@pytest.mark.parametrize("number", [203, 204, 213, 214])
@pytest.mark.parametrize("sign", [1, -1])
def test_currents_take_the_sign_of_their_legs_power(number: int, sign: int) -> None:
    async def main() -> None:
        house = Chain(chain(COMMON, meter(number, sign=sign)))
        made = instrument(house, sign)
        await house.run(3)
        assert read(house) == ([-10_020, 5500, 700], [-2300, 1150, 0])
        assert (told(house), made.state()) == ([], "ok")
        assert 1000 <= house.image.live[im.NODE_AGE_MS] < 1500
        mv = [made.values[i] for i in made._mv]
        assert mv == [230_000, 231_000, 232_000]

    run(main)


@pytest.mark.parametrize(("number", "legs"), [(201, 1), (211, 1), (202, 2), (212, 2)])
def test_models_of_fewer_legs(number: int, legs: int) -> None:
    async def main() -> None:
        house = Chain(chain(COMMON, meter(number, legs)), legs)
        instrument(house)
        await house.run(3)
        assert read(house, legs) == ([-10_020, 5500][:legs], [-2300, 1150][:legs])

    run(main)


@pytest.mark.parametrize("number", [201, 211])
def test_the_whole_power_is_that_of_the_only_leg(number: int) -> None:
    async def main() -> None:
        house = Chain(chain(COMMON, meter(number, 1, WphA=None)), 1)
        instrument(house)
        await house.run(3)
        assert read(house, 1) == ([-10_020], [-2300])

    run(main)


@pytest.mark.parametrize(
    ("number", "changes", "reason"),
    [
        (203, {"WphB": None}, "model 203: no power of L2"),
        (213, {"WphC": None}, "model 213: no power of L3"),
        (203, {"AphB": None}, "model 203: no current of L2"),
        (203, {"factors": {"W_SF": None}}, "model 203: no power of L1"),
        (203, {"factors": {"A_SF": 9}}, "model 203: no current of L1"),
    ],
)
def test_a_leg_that_it_does_not_measure_is_refused_by_name(
    number: int, changes: dict[str, Any], reason: str
) -> None:
    """A meter that only knows the sum of its legs never feeds a limit per leg."""

    async def main() -> None:
        good = meter(number)
        factors = changes.get("factors", {})
        bad = meter(number, **changes) if not factors else list(good)
        for name, value in factors.items():
            bad[model(number)[name][0]] = 0x8000 if value is None else value
        house = Chain(chain(COMMON, bad))
        made = instrument(house)
        await house.run(9)
        assert told(house) == ["discovery: " + reason]
        assert made.state() == "refused"
        assert house.image.live[im.NODE_AGE_MS] > 8000
        house.show(chain(COMMON, good))
        house.jitter = HZ if number == 203 else HZ + 11
        await house.run(6)
        assert (told(house), made.state(), read(house)[0][0]) == ([], "ok", -10_020)

    run(main)


def test_a_meter_of_fewer_legs_than_the_site_is_refused() -> None:
    async def main() -> None:
        house = Chain(chain(COMMON, meter(201, 1)))
        instrument(house)
        await house.run(3)
        assert told(house) == ["discovery: model 201: no current of L2"]

    run(main)


def test_voltages_and_frequency_may_be_missing() -> None:
    async def main() -> None:
        lacks: dict[str, Any] = {f"PhVph{leg}": None for leg in LEGS} | {"Hz": None}
        house = Chain(chain(COMMON, meter(204, **lacks)))
        made = instrument(house)
        await house.run(3)
        assert read(house)[0] == [-10_020, 5500, 700]
        assert (made._mv, made._has_hz, told(house)) == ([], False, [])

    run(main)


@pytest.mark.parametrize("number", [103, 113])
def test_an_inverter_shares_its_power_and_delivers_with_minus(number: int) -> None:
    async def main() -> None:
        house = Chain(chain(COMMON, inverter(number)))
        instrument(house)
        await house.run(3)
        assert read(house) == ([-10_020, -5500, -700], [-1100] * 3)
        house.show(chain(COMMON, inverter(number, w=-300)))
        await house.run(1)
        assert read(house) == ([10_020, 5500, 700], [100] * 3)

    run(main)


@pytest.mark.parametrize(("number", "legs"), [(101, 1), (111, 1), (102, 2), (112, 2)])
def test_inverters_of_fewer_legs(number: int, legs: int) -> None:
    async def main() -> None:
        house = Chain(chain(COMMON, inverter(number, legs, 1000)), legs)
        instrument(house)
        await house.run(3)
        assert read(house, legs) == ([-10_020, -5500][:legs], [-1000 // legs] * legs)

    run(main)


def test_an_unsigned_current_of_an_inverter_is_no_negative_one() -> None:
    async def main() -> None:
        house = Chain(chain(COMMON, inverter(103, AphA=350.0)))  # 35000, beyond int16
        instrument(house)
        await house.run(3)
        assert read(house)[0][0] == -350_000

    run(main)


def test_of_a_meter_behind_its_inverter_the_meter_is_read() -> None:
    """SolarEdge: one chain, the inverter's models, then a second common one and the meter's."""

    async def main() -> None:
        house = Chain(chain(COMMON, inverter(103), COMMON, meter(203, sign=-1)))
        made = instrument(house, -1)
        await house.run(4)
        assert made.found.model == 203
        assert read(house) == ([-10_020, 5500, 700], [-2300, 1150, 0])

    run(main)


def test_a_factor_that_changes_while_it_runs_is_taken_with_its_values() -> None:
    async def main() -> None:
        house = Chain(chain(COMMON, meter(203)))
        instrument(house)
        await house.run(3)
        house.show(chain(COMMON, meter(203, factors={"A_SF": -1, "W_SF": 1})))
        await house.run(1)
        assert read(house) == ([-10_000, 5500, 700], [-2300, 1150, 0])

    run(main)


@pytest.mark.parametrize("long", [False, True])
def test_chains_without_an_end_and_models_longer_than_known(long: bool) -> None:
    async def main() -> None:
        rows = meter(203)
        if long:
            rows[1] += 7
            rows += [0xFFFF] * 7
        house = Chain(chain(COMMON, rows, end=False))
        house.jitter = HZ
        instrument(house)
        await house.run(5)
        assert (read(house)[0], told(house)) == ([-10_020, 5500, 700], [])

    run(main)


def test_a_busy_device_is_asked_again() -> None:
    async def main() -> None:
        house = Chain(chain(COMMON, meter(203)))
        count = 0

        def busy(request: bytes, answers: list[Answer]) -> list[Answer]:
            nonlocal count
            count += 1
            return answers if count % 2 else [(0.01, house.devices.exception(request, 6))]

        house.devices.fault = busy
        house.jitter = HZ
        made = instrument(house)
        await house.run(5)
        assert (read(house)[0], made.state()) == ([-10_020, 5500, 700], "ok")

    run(main)


@pytest.mark.parametrize("seconds", [0, 6])
def test_inv_4_models_that_moved_are_found_again(seconds: float) -> None:
    """INV-4: whether it was silent meanwhile or not; nothing is taken from what lies there now."""

    async def main() -> None:
        spare = encoded(1, {}, {})
        spare[0] = 64_100
        house = Chain(chain(COMMON, meter(213), spare))
        house.jitter = HZ + 11
        made = instrument(house)
        await house.run(3)
        if seconds:
            house.devices.fault = lambda request, answers: []
            await house.run(seconds)
            house.devices.fault = lambda request, answers: answers
        house.show(chain(COMMON, spare, meter(213, AphB=7.0)))
        house.jitter += len(spare)
        seen = set()
        house.each = lambda: seen.add(tuple(read(house)[0]))
        await house.run(20)
        assert seen <= {(-10_020, 5500, 700), (-10_020, 7000, 700)}
        assert read(house)[0] == [-10_020, 7000, 700] and made.state() == "ok"
        assert house.image.live[im.NODE_AGE_MS] < 1500

    run(main)


def test_a_chain_without_a_meter_is_refused_by_name() -> None:
    async def main() -> None:
        house = Chain(chain(COMMON, encoded(160, {}, {})))
        instrument(house)
        await house.run(4)
        assert told(house)[0].startswith("discovery: model 201 or 202 or 203 or 204 or 211")

    run(main)


def test_what_is_no_meter_has_no_kind() -> None:
    assert [kind_of(number) for number in (1, 104, 124, 205, 220, 701)] == [None] * 6
