"""What was found is read again before a write; sloppy devices are taken as they are."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import pytest

from firmware import image as im
from firmware.drivers.sunspec_models import MODELS
from tests_host.bus.house import House, errors
from tests_host.bus.wire import Answer, SunSpecDevice, model, run
from tests_host.fields import INVERTER

ORDERS = [
    (1, 713, 715, 704, 701, 702),
    (1, 702, 701, 715, 713, 704),
    (1, 701, 704, 702, 713, 715),
]


def silent(house: House) -> None:
    house.devices.fault = lambda request, answers: [] if request[0] == 2 else answers


def heard(house: House) -> None:
    house.devices.fault = lambda request, answers: answers


def updated(house: House, order: tuple[int, ...]) -> SunSpecDevice:
    """The same device after an update: its models in another order."""
    other = SunSpecDevice(2, house.sunspec.base, order)
    house.sunspec.words[:] = other.words
    house.sunspec.at = other.at
    return other


def may_write(house: House) -> set[int]:
    """Registers that a controller has any business in."""
    names = {
        704: (
            "WSetEna",
            "WSetMod",
            "WSet",
            "WSetRvrt",
            "WSetEnaRvrt",
            "WSetRvrtTms",
            "AntiIslEna",
        ),
        715: ("ControllerHb", "OpCtl"),
    }
    allowed: set[int] = set()
    for number, points in names.items():
        for name in points:
            at = house.sunspec.register(number, name)
            allowed |= set(range(at, at + model(number)[name][1]))
    return allowed


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seconds", [1.5, 5, 20, 30, 120])
def test_models_that_moved_while_it_was_silent(order: tuple[int, ...], seconds: float) -> None:
    async def main() -> None:
        house = House()
        house.ask(im.MODE_FOLLOW, -2000)
        await house.run(5)
        silent(house)
        await house.run(seconds)
        updated(house, order)
        count = len(house.devices.writes())
        heard(house)
        await house.run(18)  # one that was dead is tried every 10 s
        after = house.devices.writes()[count:]
        for at, values in after:
            assert set(range(at, at + len(values))) <= may_write(house)
        assert house.sunspec.get(704, "WSet") == 2000 and errors(house) == []
        assert house.image.live[im.DEVICE_AGE_MS + INVERTER] < 1000

    run(main)


@pytest.mark.parametrize(("before", "after"), [(0, 1), (1, 0), (0, 2), (2, -1)])
@pytest.mark.parametrize("how", ["silent", "hung", "at once"])
def test_a_factor_that_changed_is_never_ten_times_the_power(
    how: str, before: int, after: int
) -> None:
    async def main() -> None:
        house = House()
        house.sunspec.put(704, "WSet_SF", before)
        house.ask(im.MODE_FOLLOW, -2000)
        await house.run(5)
        if how == "silent":
            silent(house)
        house.sunspec.beats = how != "hung"
        if how != "at once":
            await house.run(6)
        house.sunspec.put(704, "WSet_SF", after)
        house.sunspec.put(704, "WSet", 0)
        count = len(house.devices.writes())
        heard(house)
        house.sunspec.beats = True
        await house.run(12)
        assert house.sunspec.get(704, "WSet") * 10**after == 2000
        at = house.sunspec.register(704, "WSetEna")
        asked = [v[2] << 16 | v[3] for a, v in house.devices.writes()[count:] if a == at]
        if how != "at once":  # then within the 5 s of a check
            assert asked and all(raw * 10**after in (0, 2000) for raw in asked)

    run(main)


def test_nothing_is_written_to_a_device_that_hangs() -> None:
    async def main() -> None:
        house = House()
        house.ask(im.MODE_FOLLOW, -2000)
        await house.run(5)
        house.sunspec.beats = False
        await house.run(6)
        count = len(house.devices.writes())
        house.ask(im.MODE_FOLLOW, -3000)
        await house.run(10)
        beat = house.sunspec.register(715, "ControllerHb")
        assert all(at == beat for at, _ in house.devices.writes()[count:])
        house.sunspec.beats = True
        await house.run(6)
        assert house.sunspec.get(704, "WSet") == 3000

    run(main)


def test_704_elsewhere_without_a_word_is_found_by_its_check() -> None:
    async def main() -> None:
        house = House()
        house.ask(im.MODE_FOLLOW, -2000)
        await house.run(5)
        updated(house, ORDERS[0])
        await house.run(14)
        assert house.inverter.models == house.sunspec.at
        assert house.sunspec.get(704, "WSet") == 2000

    run(main)


def test_written_again_when_it_does_not_obey() -> None:
    async def main() -> None:
        house = House()
        house.ask(im.MODE_FOLLOW, -2000)
        await house.run(6)
        count = len(house.devices.writes())
        house.image.commands[im.DEVICE_OBEDIENCE + INVERTER] = im.OBEY_AGAIN
        await house.run(1)
        start = house.sunspec.register(715, "OpCtl")
        assert start in [at for at, _ in house.devices.writes()[count:]]

    run(main)


# --- sloppy where it does not matter ------------------------------------------------------------


def works(house: House) -> bool:
    return house.image.live[im.DEVICE_W + INVERTER] == -1500 and errors(house) == []


def test_a_chain_that_ends_in_zeros() -> None:
    async def main() -> None:
        house = House()
        house.sunspec.words[-2:] = [0, 0]
        await house.run(5)
        assert works(house)

    run(main)


@pytest.mark.parametrize("end", ["exception", "silence"])
def test_a_chain_without_an_end(end: str) -> None:
    async def main() -> None:
        house = House()
        last = house.sunspec.base + len(house.sunspec.words) - 2

        def fault(request: bytes, answers: list[Answer]) -> list[Answer]:
            if request[0] == 2 and request[1] == 3 and request[2] << 8 | request[3] >= last:
                return [(0.01, house.devices.exception(request, 2))] if end == "exception" else []
            return answers

        house.devices.fault = fault
        await house.run(8)
        assert works(house)

    run(main)


def test_unused_factors_may_be_missing() -> None:
    async def main() -> None:
        house = House()
        for number, name in (
            (701, "V_SF"), (701, "Hz_SF"), (701, "PF_SF"), (701, "VA_SF"), (702, "V_SF"),
            (704, "WMaxLimPct_SF"), (713, "WH_SF"),
        ):  # fmt: skip
            house.sunspec.put(number, name, -0x8000)
        await house.run(5)
        assert works(house)

    run(main)


@pytest.mark.parametrize("number", [number for number, _ in MODELS])
def test_a_longer_model(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Points that a later edition has added at its end."""
    plain = model(number)
    longer = dict(plain)
    at = max(offset + size for offset, size, _ in plain.values())
    longer["Later"] = (at, 5, 0xFFFF)
    others = {n: model(n) for n, _ in MODELS}
    monkeypatch.setattr(
        "tests_host.bus.wire.model", lambda n: longer if n == number else others[n]
    )

    async def main() -> None:
        house = House()
        await house.run(5)
        assert works(house)
        assert house.inverter.models == house.sunspec.at

    run(main)


@pytest.mark.parametrize("code", [5, 6])
@pytest.mark.parametrize("every", [2, 3])
def test_busy_while_it_is_discovered(code: int, every: int) -> None:
    async def main() -> None:
        house = House()
        turn = itertools.count()

        def fault(request: bytes, answers: list[Answer]) -> list[Answer]:
            if request[0] == 2 and next(turn) % every == 0:
                return [(0.01, house.devices.exception(request, code))]
            return answers

        house.devices.fault = fault
        await house.run(6)
        assert house.inverter.ready and "discovery" not in house.inverter.errors

    run(main)


def on_writes(
    house: House, name: tuple[int, str], code: int, times: int, carried_out: bool
) -> Callable[[bytes, list[Answer]], list[Answer]]:
    left = [times]
    at = house.sunspec.register(*name)

    def fault(request: bytes, answers: list[Answer]) -> list[Answer]:
        mine = request[1] == 16 and request[2] << 8 | request[3] == at
        if mine and left[0]:
            left[0] -= 1
            if not carried_out:
                house.sunspec.put(*name, 0)
            return [(0.01, house.devices.exception(request, code))]
        return answers

    return fault


def test_acknowledge_means_accepted() -> None:
    """Exception 5 on every write, carried out all the same: no error, no storm of repetitions."""

    async def main() -> None:
        house = House()
        house.devices.fault = on_writes(house, (704, "WSetEna"), 5, 1000, carried_out=True)
        house.ask(im.MODE_FOLLOW, -2000)
        await house.run(30)
        assert house.sunspec.get(704, "WSet") == 2000 and errors(house) == []
        at = house.sunspec.register(704, "WSetEna")
        assert len([1 for a, _ in house.devices.writes() if a == at]) < 14

    run(main)


@pytest.mark.parametrize("point", [(704, "WSetEna"), (715, "OpCtl"), (704, "AntiIslEna")])
@pytest.mark.parametrize("mode", [im.MODE_FOLLOW, im.MODE_STOP])
def test_busy_is_asked_again(point: tuple[int, str], mode: int) -> None:
    async def main() -> None:
        house = House()
        house.ask(im.MODE_FOLLOW, -2000)
        await house.run(5)
        house.ask(im.MODE_STOP if mode == im.MODE_FOLLOW else im.MODE_FOLLOW, -2000)
        await house.run(5)
        house.devices.fault = on_writes(house, point, 6, 3, carried_out=False)
        house.ask(mode, -2000)
        await house.run(12)
        follow = mode == im.MODE_FOLLOW
        assert house.sunspec.get(704, "WSet") == (2000 if follow else 0)
        assert house.sunspec.get(715, "OpCtl") == (1 if follow else 0)
        assert house.sunspec.get(704, "AntiIslEna") == 1
        assert errors(house) == []

    run(main)


# --- anti-islanding -----------------------------------------------------------------------------


@pytest.mark.parametrize(("raw", "says"), [(1, 1), (0, 0), (0xFFFF, 2), (7, 0)])
def test_its_anti_islanding_is_asked(raw: int, says: int) -> None:
    async def main() -> None:
        house = House()
        assert house.image.live[im.DEVICE_ANTI_ISLANDING + INVERTER] == -1
        at = house.sunspec.register(704, "AntiIslEna")

        def fault(request: bytes, answers: list[Answer]) -> list[Answer]:
            house.sunspec.put(704, "AntiIslEna", raw)  # whatever is written
            return answers

        house.devices.fault = fault
        await house.run(4)
        assert house.image.live[im.DEVICE_ANTI_ISLANDING + INVERTER] == says and at

    run(main)


def _lost(house: House, request: bytes) -> list[Answer]:
    return []


def _busy(house: House, request: bytes) -> list[Answer]:
    return [(0.01, house.devices.exception(request, 6))]


def _refused(house: House, request: bytes) -> list[Answer]:
    return [(0.01, house.devices.exception(request, 2))]


@pytest.mark.parametrize(("plant", "known"), [(_lost, True), (_busy, True), (_refused, False)])
def test_who_it_is_is_asked_again_soon(
    plant: Callable[[House, bytes], list[Answer]], known: bool
) -> None:
    """Without a name it stays unproved, so one lost or busy answer must not last ten minutes;
    one that refuses has the name 0, and is not asked in vain."""

    async def main() -> None:
        house = House(meter=False)
        place = house.sunspec.at[1] + 42
        asked: list[float] = []

        def fault(request: bytes, answers: list[Answer]) -> list[Answer]:
            if int.from_bytes(request[2:4], "big") != place or request[1] != 3:
                return answers
            asked.append(house.uart.time())
            return answers if len(asked) > 1 else plant(house, request)

        house.devices.fault = fault
        running = asyncio.ensure_future(house.run(12))
        await asyncio.sleep(2)
        first = house.image.live[im.DEVICE_IDENTITY + INVERTER]
        assert first == (-1 if known else 0)
        await running
        assert (house.image.live[im.DEVICE_IDENTITY + INVERTER] > 0) == known
        assert len(asked) == (2 if known else 1)

    run(main)
