"""Two points of one board: each car has its own pilot, cable, contactor, trips, faults and wear,
and what is wrong with one leaves the other alone."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

from firmware import guard as guard_module
from firmware import image as f
from firmware.core import KEPT_FAULTS, Core
from firmware.core.grid import recovery
from firmware.core.vehicle import contactor, rights, wear
from firmware.guard import Guard, fast, fast_kernel, kernel
from firmware.image import Image
from firmware.ledger.keep import Keep
from tests_host.core.builders import healthy, wish
from tests_host.core.planted import NOTICED, plant
from tests_host.guard import rig
from tests_host.ledger.flash import Flash

COILS = tuple(f.OUT_CONTACTOR << f.OUT_SHIFT * point for point in (0, 1))
CLOSED = f.CONTACTOR_CLOSED


def both(device: int = 1) -> Image:
    """Device 1 is a point of its own, beside that of row 0; both cars ask, both may."""
    image = healthy(NODE_RATING_MA=(80_000, 40_000, 40_000))
    site, live = image.site, image.live
    site[f.DEVICE_KIND + device] = f.KIND_POINT
    site[f.DEVICE_CONTACTOR + device] = site[f.POINT_DEVICE + 1] = 1
    site[f.POINT_DEVICE + 1] = device
    site[f.DEVICE_MAX_MA + device], site[f.DEVICE_LEGS + device] = 32_000, 1
    for k in (1, 2):
        site[f.DEVICE_LEG + device * f.LEGS + k] = -1
    site[f.DEVICE_RESPONSE_MS + device] = 5_000
    site[f.NODE_INSTRUMENT + 2], site[f.NODE_INSTRUMENT_ROW + 2] = f.INSTRUMENT_POINT, 1
    for point in (0, 1):
        live[f.POINT_HIGH_MV + point], live[f.POINT_LOW_MV + point] = 6_000, -12_000
        live[f.POINT_PROXIMITY_OHM + point] = 220
    return image


class Two:
    """Core and guard of both; the contactors obey at once, the cars draw what is offered."""

    def __init__(self, image: Image | None = None) -> None:
        self.image = image or both()
        for device in (0, 1):
            wish(self.image, device, 0, 16_000)
        self.core, self.guard = Core(self.image), Guard(self.image, self)
        self.stuck = 0  # IN_* that read closed whatever the pins say
        self.pins = self.steps = 0

    def write_outputs(self, bits: int) -> None:
        self.pins = bits

    def run(self, seconds: float) -> None:
        image = self.image
        live, commands = image.live, image.commands
        for _ in range(round(seconds * 10)):
            live[f.INPUTS] = self.stuck
            for point in (0, 1):
                on = self.pins & COILS[point]
                live[f.INPUTS] |= f.IN_CONTACTOR << f.IN_SHIFT * point if on else 0
                device = image.site[f.POINT_DEVICE + point]
                ma = commands[f.SETPOINT + device] if on else 0
                for block in (f.POINT_MA, f.POINT_FAST_MA):
                    live[block + point * f.LEGS] = ma
                live[f.DEVICE_MA + device * f.LEGS] = ma
                live[f.NODE_MA + image.site[f.DEVICE_NODE + device] * f.LEGS] = ma
            self.steps += 1
            for leg in range(f.LEGS):  # a real meter's figures never stand
                drawn = live[f.NODE_MA + f.LEGS + leg] + live[f.NODE_MA + 2 * f.LEGS + leg]
                live[f.NODE_MA + leg] = drawn + 500 + 10 * (self.steps % 7) + leg
                live[f.NODE_W + leg] = live[f.NODE_MA + leg] * 230 // 1000
            image.latch()
            self.core.step(100)
            for _ in range(10):
                self.guard.tick(10)

    def charging(self) -> Two:
        self.run(60)
        assert self.states() == [CLOSED, CLOSED] and self.pins & sum(COILS) == sum(COILS)
        return self

    def states(self) -> list[int]:
        first = f.POINT_CONTACTOR_STATE
        return list(self.image.commands[first : first + 2])

    def faults(self, point: int) -> int:
        return self.image.commands[f.POINT_FAULTS + point]


POINTS = pytest.mark.parametrize("point", [0, 1])


@POINTS
@pytest.mark.parametrize("high_mv", [9_000, 12_000])
def test_a_pilot_lost_opens_its_own_contactor_alone(point: int, high_mv: int) -> None:
    """INV-2"""
    two = Two().charging()
    two.image.live[f.POINT_HIGH_MV + point] = high_mv
    two.guard.tick(10)
    trip = f.TRIP_PILOT << f.TRIP_SHIFT * point
    assert two.image.trips[f.TRIPPED] == trip
    assert two.pins & sum(COILS) == COILS[1 - point]
    two.run(3)
    assert two.states()[1 - point] == CLOSED and two.states()[point] != CLOSED
    two.run(3)
    assert two.image.trips[f.TRIPPED] == 0, "it clears by its own car's rest"


@POINTS
def test_too_much_current_opens_its_own_contactor_alone(point: int) -> None:
    two = Two().charging()
    two.image.live[f.POINT_FAST_MA + point * f.LEGS] = 70_000
    for _ in range(5):
        two.guard.tick(10)
    assert two.image.trips[f.TRIPPED] == f.TRIP_OVERCURRENT << f.TRIP_SHIFT * point
    assert two.pins & sum(COILS) == COILS[1 - point]
    two.run(5)
    assert two.states()[1 - point] == CLOSED and two.image.trips[f.TRIPPED], "until a person"
    two.image.requests[f.ACKNOWLEDGE_SEQ] += 1
    two.run(2)
    assert two.image.trips[f.TRIPPED] == 0


@POINTS
def test_a_car_without_a_diode_loses_its_own_contactor_alone(point: int) -> None:
    two = Two().charging()
    two.image.live[f.POINT_LOW_MV + point] = -6_000
    for _ in range(5):
        two.guard.tick(10)
    assert two.image.trips[f.TRIPPED] == f.TRIP_VEHICLE << f.TRIP_SHIFT * point
    two.run(2)
    assert two.states()[1 - point] == CLOSED and two.states()[point] != CLOSED


@POINTS
def test_a_shorted_cable_is_a_fault_of_its_own_point(point: int) -> None:
    two = Two().charging()
    two.image.live[f.POINT_PROXIMITY_OHM + point] = 10
    two.run(12)
    assert two.states()[1 - point] == CLOSED and two.states()[point] == f.CONTACTOR_OPEN
    assert two.faults(point) == f.FAULT_CABLE and not two.faults(1 - point)
    assert two.image.commands[f.FAULTS] == f.FAULT_CABLE
    two.image.live[f.POINT_PROXIMITY_OHM + point] = 220
    two.run(1)
    assert two.image.commands[f.FAULTS] == 0


@POINTS
def test_a_weld_is_named_and_released_at_its_own_point(point: int) -> None:
    image = both()
    image.site[f.WELD_RELEASE] = 1
    two = Two(image).charging()
    two.stuck = f.IN_CONTACTOR << f.IN_SHIFT * point
    two.image.live[f.POINT_HIGH_MV + point] = 12_000
    two.run(3)
    assert two.faults(point) & f.FAULT_WELD and not two.faults(1 - point) & f.FAULT_WELD
    assert two.pins & f.OUT_RELEASE << f.OUT_SHIFT * point
    assert not two.pins & f.OUT_RELEASE << f.OUT_SHIFT * (1 - point)
    assert two.states()[1 - point] == CLOSED
    assert ("release", "release_2")[point] in f.names_of(two.pins, f.OUTPUT_NAMES)


def test_both_lose_what_is_the_boards() -> None:
    two = Two().charging()
    two.stuck = f.IN_RCD
    two.run(1)
    assert two.pins & sum(COILS) == 0 and two.image.trips[f.TRIPPED] == f.TRIP_RCD


@POINTS
def test_each_offers_what_its_own_device_may_draw(point: int) -> None:
    two = Two().charging()
    wish(two.image, point, 0, 8_000)
    two.run(20)
    duty = two.image.commands[f.POINT_DUTY_PERMILLE : f.POINT_DUTY_PERMILLE + 2]
    assert duty[point] == 8_000 // 60 and duty[1 - point] == 16_000 // 60


@POINTS
def test_wear_is_remembered_for_the_contactor_that_moved(point: int) -> None:
    image = both()
    image.live[f.POINT_HIGH_MV + 1 - point] = 12_000
    two = Two(image)
    two.run(60)
    memory = two.image.commands[f.MEMORY + f.MEMORY_WEAR : f.MEMORY + f.MEMORY_WEAR + 2]
    assert memory[point] > 0 and memory[1 - point] == 0
    again = both()
    for i in range(f.MEMORIES):
        again.requests[f.REMEMBERED + i] = two.image.commands[f.MEMORY + i]
    Core(again).step(100)
    hours = again.commands[f.POINT_WEAR_HOUR_MS : f.POINT_WEAR_HOUR_MS + 2]
    assert hours[point] > 0 and hours[1 - point] == 0


@POINTS
def test_a_weld_outlives_a_reset_at_its_own_point(point: int) -> None:
    flash = Flash(bytes([255]) * 4096 * 8)

    def keep(image: Image) -> Keep:
        return Keep(flash, image, KEPT_FAULTS, recovery.KEPT_TRIPS, 0, 8)

    image = both()
    first = keep(image)
    image.commands[f.FAULTS] = image.commands[f.POINT_FAULTS + point] = f.FAULT_WELD
    image.trips[f.TRIPPED] = f.TRIP_OVERCURRENT << f.TRIP_SHIFT * point
    first.watch()
    again = both()
    assert keep(again).trips == f.TRIP_OVERCURRENT << f.TRIP_SHIFT * point
    two = Two(again)
    two.run(0.2)
    assert two.faults(point) & f.FAULT_WELD and not two.faults(1 - point)
    assert (
        two.states()[point] == f.CONTACTOR_FAULT and two.states()[1 - point] != f.CONTACTOR_FAULT
    )


def test_a_record_that_names_no_point_holds_for_all() -> None:
    flash = Flash(bytes([255]) * 4096 * 8)
    image = both()
    first = Keep(flash, image, KEPT_FAULTS, recovery.KEPT_TRIPS, 0, 8)
    image.commands[f.FAULTS] = f.FAULT_WELD
    first.watch()
    again = both()
    Keep(flash, again, KEPT_FAULTS, recovery.KEPT_TRIPS, 0, 8)
    at = f.POINT_REMEMBERED_FAULTS
    assert list(again.requests[at : at + 2]) == [f.FAULT_WELD] * 2


@POINTS
def test_the_samples_of_a_point_trip_it_alone(point: int) -> None:
    """The fast guard, block by block: the other's pilot and current are not looked at for it."""
    post = rig.Rig(Guard, fast.Fast, permits=sum(COILS), ISLAND_CAPABLE=0)
    site, memories = post.image.site, post.fast.memories
    site[f.POINT_DEVICE] = site[f.POINT_DEVICE + 1] = -1
    site[f.POINT_DEVICE + point] = 0
    post.analog.point[0] = post.analog.point[2] = point
    post.fast.calibrate()
    assert [memory[fast_kernel.PILOT] for memory in memories] == [[0, -1], [-1, 0]][point]
    blocks = rig.Blocks(post.analog)
    for _ in range(20):
        post.one(blocks.sine(30_000, 6_000))
    assert post.tripped == 0
    for _ in range(12):
        post.one(blocks.sine(30_000, 12_000))
    assert post.tripped == f.TRIP_PILOT << f.TRIP_SHIFT * point
    assert post.outputs & sum(COILS) == COILS[1 - point]


MISTAKES: tuple[tuple[ModuleType, str, str, Callable[..., None]], ...] = (
    (
        contactor,
        "self._coil = im.OUT_CONTACTOR << im.OUT_SHIFT * point",
        "self._coil = im.OUT_CONTACTOR",
        test_a_pilot_lost_opens_its_own_contactor_alone,
    ),
    (
        contactor,
        "trips_of(image, self._point) & _OPENING_TRIPS",
        "image.trips[im.TRIPPED] & _OPENING_TRIPS",
        test_too_much_current_opens_its_own_contactor_alone,
    ),
    (
        contactor,
        "self._contact = im.IN_CONTACTOR << im.IN_SHIFT * point",
        "self._contact = im.IN_CONTACTOR",
        test_a_pilot_lost_opens_its_own_contactor_alone,
    ),
    (
        contactor,
        "self._released = im.OUT_RELEASE << im.OUT_SHIFT * point",
        "self._released = im.OUT_RELEASE",
        test_a_weld_is_named_and_released_at_its_own_point,
    ),
    (
        wear,
        "        memory = im.MEMORY + im.MEMORY_WEAR + self._point\n",
        "        memory = im.MEMORY + im.MEMORY_WEAR\n",
        test_wear_is_remembered_for_the_contactor_that_moved,
    ),
    (
        recovery,
        "its = bit << im.TRIP_SHIFT * point",
        "its = bit",
        test_a_pilot_lost_opens_its_own_contactor_alone,
    ),
    (
        kernel,
        "found |= own_trips << int(im.TRIP_SHIFT) * point",
        "found |= own_trips",
        test_a_pilot_lost_opens_its_own_contactor_alone,
    ),
    (
        guard_module,
        "now << im.OUT_SHIFT * point",
        "now",
        test_too_much_current_opens_its_own_contactor_alone,
    ),
    (
        rights,
        "tripped >> im.TRIP_SHIFT * point & im.POINT_TRIPS",
        "tripped & im.POINT_TRIPS",
        test_too_much_current_opens_its_own_contactor_alone,
    ),
)


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_a_mistake_between_the_points_is_caught(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, old, new, proof = MISTAKES[number]
    plant(monkeypatch, module, old, new)
    arguments = (9_000,) if proof is test_a_pilot_lost_opens_its_own_contactor_alone else ()
    with pytest.raises(NOTICED):
        for point in (0, 1):
            proof(point, *arguments)
