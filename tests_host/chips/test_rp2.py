"""chips/rp2.py on a strict RP2040. Real PIO, DMA and interrupts: on the emulated chip."""

from __future__ import annotations

from array import array
from typing import Any

import pytest

from firmware import image as im
from tests_host.chips import rp2_chip as chip_module
from tests_host.chips import strict
from tests_host.chips.rp2_chip import ADC_CS, ADC_DIV, ADC_FCS, DMA, IPR3, PIO1_TXF0
from tests_host.chips.rp2_setup import DE, DOCUMENT, Setup, prepared

PIN = {row["name"]: row["pin"] for row in DOCUMENT["outputs"]}
CROSSING, DEAD_MAN, HELD = 21, 3, ("island",)
setup = pytest.fixture(prepared)


# --- outputs and inputs -------------------------------------------------------------------------


def test_inv_12_building_the_board_energises_nothing(setup: Setup) -> None:
    """INV-12: what a pull-down holds is driven low, what holds its state is not driven."""
    setup.board()
    for name, pin in PIN.items():
        assert not setup.chip.out >> pin & 1, name
        assert (setup.chip.driven >> pin & 1) == (name not in HELD), name


def test_every_combination_of_outputs(setup: Setup) -> None:
    board, chip = setup.board(), setup.chip
    for bits in [*range(32), *reversed(range(32)), 0]:
        state, before, written = board.hold(), chip.out, len(chip.writes)
        assert state and not chip.enabled  # none cuts into the guard's write
        board.write_outputs(bits)
        board.resume(state)
        for name in PIN:
            i = im.OUTPUT_NAMES.index(name)
            assert (chip.out >> PIN[name] & 1) == (bits >> i & 1), (bits, name)
        order = [address for address, value in chip.writes[written:] if value & ~before]
        if order:  # break before make
            assert chip.writes[written][0] == chip_module.OUT_CLR


def test_inv_12_what_holds_its_state_is_driven_once_it_is_permitted(setup: Setup) -> None:
    """INV-12: a reset must not open the islanding switch."""
    board, chip, mask = setup.board(), setup.chip, 1 << PIN["island"]
    board.write_outputs(im.OUT_LOADS)
    assert not chip.driven & mask
    board.write_outputs(im.OUT_ISLAND)
    assert chip.driven & chip.out & mask
    board.write_outputs(0)
    assert chip.driven & mask and not chip.out & mask


def test_each_input_is_read_into_its_bits(setup: Setup) -> None:
    board, chip, image = setup.board(), setup.chip, im.Image()
    for row in DOCUMENT["inputs"]:
        chip.levels = 1 << row["pin"]
        names = [row["name"], *row.get("also", [])]
        bits = sum(1 << im.INPUT_NAMES.index(name) for name in names)
        assert board.read_inputs() == bits
        board.sample_inputs(image)
        assert (image.live[im.INPUTS], image.live[im.INPUTS_AGE_MS]) == (bits, 0)
        pull = {"none": None, "up": 1, "down": 2}[row["pull"]]
        assert chip.pulls[row["pin"]] == pull


@pytest.mark.parametrize("name", ["estop", "rcd"])
def test_a_trip_pin_strikes_and_a_spike_does_not(setup: Setup, name: str) -> None:
    board, chip, struck = setup.board(), setup.chip, []
    pin = next(row["pin"] for row in DOCUMENT["inputs"] if row["name"] == name)
    board.watch_trips(struck.append)
    row = next(row for row in DOCUMENT["inputs"] if row["name"] == name)
    bits = sum(1 << im.INPUT_NAMES.index(each) for each in [name, *row.get("also", [])])
    chip.edge(pin, 1)
    assert struck == [bits]
    chip.edge(pin, 0)
    handler, _ = chip.interrupts[pin]
    handler(pin)  # it is over before anybody looks
    assert struck == [bits]


def test_pins_interrupt_everything_else(setup: Setup) -> None:
    """The priority of IO_IRQ_BANK0 alone: byte 1 of NVIC_IPR3; lower is more urgent."""
    setup.board().watch_trips(print)
    assert setup.chip.registers[IPR3] == 0x80804080


def test_handlers_that_failed_are_counted_since_start(setup: Setup) -> None:
    """SCRATCH1 of the watchdog, which a reset leaves alone."""
    setup.chip.registers[chip_module.SCRATCH1] = 5
    board = setup.board()
    assert board.failed_handlers() == 0
    setup.chip.registers[chip_module.SCRATCH1] = 7
    assert board.failed_handlers() == 7


# --- zero crossings -----------------------------------------------------------------------------


def cross(setup: Setup, us: float) -> None:
    setup.chip.now_us = round(us)
    setup.chip.edge(CROSSING, 1)
    setup.chip.edge(CROSSING, 0)


@pytest.mark.parametrize("start_us", [5, 2**31 - 90_000, 2**32 - 90_000])
@pytest.mark.parametrize("hz", [45, 49.99, 50, 51.234, 59.9, 65])
def test_frequency_and_presence_by_crossings(setup: Setup, hz: float, start_us: int) -> None:
    """Across the wraps of the timer, with an offset that makes half cycles uneven."""
    board, image = setup.board(), im.Image()
    half_us = 500_000 / hz
    for n in range(60):
        assert board.crossing_mhz() == 0 or n > 20
        cross(setup, start_us + n * half_us + (200 if n % 2 else 0))
        board.sample_inputs(image)
        assert image.live[im.CROSSING_AGE_MS] == 0
        if n > 22:
            assert board.crossing_mhz() == pytest.approx(1000 * hz, abs=1)
    setup.chip.now_us += 7_900
    board.sample_inputs(image)
    assert image.live[im.CROSSING_AGE_MS] == 7


def test_a_lost_grid_ages_and_has_no_frequency(setup: Setup) -> None:
    board, image = setup.board(), im.Image()
    assert board.crossings.age_us() > 900_000_000  # none seen yet
    for n in range(30):
        cross(setup, 10_000 * n + 10)
    last = setup.chip.now_us
    for seconds in range(1, 5_000):  # more than an hour: the 32-bit timer comes round
        setup.chip.now_us = last + 1_000_000 * seconds
        age_us = board.crossings.age_us()
        assert age_us == min(1_000_000 * seconds, 1_000_000_000)
    board.sample_inputs(image)
    assert image.live[im.CROSSING_AGE_MS] == 1_000_000
    assert board.crossing_mhz() == 0


def test_noise_is_no_crossing(setup: Setup) -> None:
    board = setup.board()
    for n in range(30):
        cross(setup, 10_000 * n + 10)
        cross(setup, 10_000 * n + 90)  # chatter
        board.crossings.age_us()
    assert board.crossing_mhz() == pytest.approx(50_000, abs=1)
    last = setup.chip.now_us
    for n in range(200):
        cross(setup, last + 3_000 * (n + 1))
        board.crossings.age_us()
    assert board.crossings.age_us() > 590_000
    assert board.crossing_mhz() == 0


# --- dead-man -----------------------------------------------------------------------------------


def test_the_dead_man_tells_once_that_it_had_dropped(setup: Setup) -> None:
    board, chip = setup.board(), setup.chip
    fed = lambda: [value for address, value in chip.writes if address == PIO1_TXF0]  # noqa: E731
    assert chip.machines[4].on and chip.machines[4].freq == 3_000
    assert board.dead_man.feed() == 0  # not up yet
    chip.levels |= 1 << DEAD_MAN
    assert board.dead_man.feed() == 0
    assert fed() == [39, 39]  # and one step to begin with: 40 ms
    chip.levels &= ~(1 << DEAD_MAN)
    assert board.dead_man.feed() == 1
    assert fed() == [39, 39]  # not held up while the guard trips
    assert board.dead_man.feed() == 0
    assert len(fed()) == 3


# --- sampling -----------------------------------------------------------------------------------


class Sampling:
    """The stream with a DMA that is moved by hand."""

    def __init__(self, setup: Setup) -> None:
        self.chip = setup.chip
        self.seen: list[tuple[str, int]] = []
        self.board = setup.board()
        self.board.start_sampling(self.on_half, self.on_block)
        self.data, self.reader = self.chip.channels[-2:]
        self.table = self.board._stream._state[1]
        self.reader_register = DMA + 64 * self.reader.channel
        self.fill(0)

    def on_block(self, codes: Any, first: int) -> None:
        self.seen.append(("block", first // 39))

    def on_half(self, codes: Any, frames: int, ms: int) -> None:
        assert (frames, len(codes)) == (52, 156)
        self.seen.append(("half", ms))

    def fill(self, block: int) -> None:
        """The first channel is filling this block now."""
        self.chip.registers[self.reader_register] = self.table + 4 * ((block + 1) % 8)

    def interrupt(self, block: int, us: int) -> None:
        self.chip.now_us += us
        self.fill(block)
        self.data.handler(self.data)


def test_blocks_come_in_order_and_halves_after_them(setup: Setup) -> None:
    stream = Sampling(setup)
    for block in range(1, 10):
        stream.interrupt(block % 8, 2_496)
    blocks = [n for kind, n in stream.seen if kind == "block"]
    assert blocks == [0, 1, 2, 3, 4, 5, 6, 7, 0]
    assert [i for i, (kind, _) in enumerate(stream.seen) if kind == "half"] == [4, 9]
    assert [ms for kind, ms in stream.seen if kind == "half"] == [9, 10]  # 9.984 ms each


def test_a_late_interrupt_loses_nothing(setup: Setup) -> None:
    stream = Sampling(setup)
    stream.interrupt(6, 6 * 2_496)
    assert [n for kind, n in stream.seen if kind == "block"] == [0, 1, 2, 3, 4, 5]
    stream.interrupt(6, 10)  # nothing new
    assert len(stream.seen) == 7


def test_the_time_of_a_long_silence_is_told(setup: Setup) -> None:
    """A sector erase: whoever counts ages must know how long nobody looked."""
    stream = Sampling(setup)
    for block in range(1, 5):
        stream.interrupt(block, 100_000)
    assert [ms for kind, ms in stream.seen if kind == "half"] == [400]


def test_an_overrun_begins_a_new_order(setup: Setup) -> None:
    stream = Sampling(setup)
    for block in (1, 2, 3):
        stream.interrupt(block, 2_496)
    stream.chip.registers[ADC_FCS] |= 1 << 11
    stream.reader.busy = False
    stream.interrupt(4, 2_496)
    assert ("half", 9) not in stream.seen
    assert stream.board._stream.overruns == 1
    assert stream.reader.busy and stream.board._stream._state[4] == 0


def test_the_converter_goes_round_its_inputs_at_the_declared_rate(setup: Setup) -> None:
    Sampling(setup)
    registers = setup.chip.registers
    assert registers[ADC_CS] == 1 | 1 << 3 | 0b111 << 16  # on, for ever, inputs 0 to 2
    assert registers[ADC_DIV] == (3072 - 1) << 8  # 48 MHz / 3072 = 15625 samples a second
    assert registers[ADC_FCS] & 9 == 9  # FIFO and DMA requests


def test_stopping_leaves_nothing_running(setup: Setup) -> None:
    stream = Sampling(setup)
    board, chip = stream.board, setup.chip
    board.uart(0, 19_200).write(b"abc")
    board.stop()
    assert chip.registers[ADC_CS] == 1 and chip.registers[ADC_FCS] == 0
    assert all(channel.closed for channel in chip.channels)
    assert not any(machine.on for machine in chip.machines.values())
    assert not chip.out & (1 << DEAD_MAN | 1 << DE) and chip.driven & 1 << DEAD_MAN


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (((0, 1, 2), (26, 27, 28), 192_000, 13, 3), "sampling.blocks: 3 is not a power of two"),
        (((1, 0, 2), (27, 26, 28), 192_000, 13, 4), "channels: adc 0 is out of order"),
        (((0, 1, 2), (26, 27, 28), 5_000, 13, 4), "sampling.frame_us: too short for 3 inputs"),
    ],
)
def test_what_the_converter_cannot_do_is_refused(
    setup: Setup, arguments: tuple[Any, ...], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        setup.load("_stream").Stream(*arguments)


# --- the rest -----------------------------------------------------------------------------------


def test_a_seal_survives_a_reset_and_not_a_power_cut(setup: Setup) -> None:
    board, chip = setup.board(), setup.chip
    assert board.sealed() == -1  # after a power cut: SCRATCH0 is nought
    for bits in (0, 1, 0xFFFF, 0):
        board.seal(bits)
        assert setup.board().sealed() == bits
    chip.registers[chip_module.SCRATCH0] = 0x1234_5678  # somebody else's
    assert board.sealed() == -1


@pytest.mark.parametrize(("cause", "said"), [(1, "power"), (3, "reset"), (0, "power")])
def test_why_it_started(setup: Setup, cause: int, said: str) -> None:
    """Only what the chip names as a reset is one; a power cut leaves no permission (INV-8)."""
    setup.chip.cause = cause
    assert setup.board().reset_cause() == said


def test_the_beacon_points_at_the_image(setup: Setup) -> None:
    board, image = setup.board(), im.Image()
    beacon = board._beacon
    assert beacon[0] == 0  # nothing to be found before the first step
    board.record(image, 100)
    board.record(image, 101)
    assert list(beacon[:4]) == [0x69736C65, 0x74627631, 2, 101]
    sections = image.site, image.readings, image.requests, image.commands, image.trips
    expected = [n for s in sections for n in (setup.chip.address_of(s), len(s))]
    assert list(beacon[4:]) == expected


def test_the_pilot(setup: Setup) -> None:
    board = setup.board()
    assert setup.chip.duty == 65_535  # steady +12 V: nothing offered
    for permille in (0, 267, 1000):
        board.pilot(permille)
        assert setup.chip.duty == pytest.approx(65_535 * permille / 1000, abs=1)


def test_a_clock_that_was_never_set_is_unknown(setup: Setup) -> None:
    board = setup.board()
    assert board.wall_minute() == -1  # this chip starts in 2021
    setup.chip.date = (2026, 3, 1, 6, 1, 2, 3, 0)
    days = 366 + 5 * 365 + 1 + 31 + 28
    assert board.wall_minute() == (days * 24 + 1) * 60 + 2


def test_what_this_board_is(setup: Setup) -> None:
    board = setup.board()
    assert board.rights.can_own_contactor and board.rights.can_island and board.fast_blocks
    assert not board.rights.network and not board.rights.tls and board.http_port == 0
    assert [row.cs for _, _, row in board.meters] == [17, 20]
    assert board.analog.block_frames == 13 and isinstance(board.circuit.adc, array)


def test_the_lamp_and_the_modules_own_button(setup: Setup) -> None:
    board, chip = setup.board(), setup.chip
    for level in (1, 0):
        board.lamp(level)
        assert chip.level(strict.MODULES_LED) == level
    for pressed in (True, False):
        chip.bootsel = pressed
        assert bool(board.button()) == pressed
