"""The circuit board's description, and the host board on the simulated chip."""

from __future__ import annotations

import copy
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firmware import image as im
from firmware.chips.circuit import SIGNALS, Circuit
from tests_host.chip.stub_twin import ROOT, StubTwin
from tools.pack import PackError
from tools.pack import circuits as boards
from tools.pack.__main__ import main as pack_all

HOST: dict[str, Any] = json.loads((ROOT / "firmware/circuits/host.json").read_text())


def test_names_are_those_of_the_image() -> None:
    """The packer knows no firmware; its bit numbers must be the image's."""
    assert boards.OUTPUTS == im.OUTPUT_NAMES
    assert boards.INPUTS == im.INPUT_NAMES
    assert boards.SIGNALS == SIGNALS


def test_what_is_packed_is_read() -> None:
    circuit = Circuit(boards.pack(HOST))
    assert (circuit.name, circuit.rate_hz, circuit.frames, circuit.guard) == ("host", 4800, 48, 1)
    assert (circuit.pilot_pins, circuit.pilot_hz) == ([7, 22], 1000)
    assert circuit.lines == [(1, 8, 9, -1), (0, 0, 1, -1)]
    first = [(1, 2, 0), (2, 3, 1), (4, 4, 0), (8, 5, 0), (16, 6, 0), (32, 20, 0)]
    coil, release = (bit << im.OUT_SHIFT for bit in (im.OUT_CONTACTOR, im.OUT_RELEASE))
    assert circuit.outputs == [*first, (coil, 26, 0), (release, 27, 0)]
    second = (im.IN_CONTACTOR << im.IN_SHIFT, 23, 2, 0)
    assert circuit.inputs == [*((1 << i, 10 + i, 2, 0) for i in range(10)), second]
    analog = circuit.analog
    assert (analog.count, analog.skew_us) == (19, 5)
    assert [analog.find("main_ct", leg) for leg in range(3)] == [5, 6, 7]
    assert (analog.low[0], analog.high[0], analog.high[1]) == (-15_000, 15_000, 1_000)
    assert [analog.high[c] for c in (2, 5, 8, 11)] == [120_000, 400_000, 450_000, 450_000]
    assert analog.find("pilot", 1) == -1
    found = [analog.find(signal, 0, 1) for signal in ("pilot", "proximity", "evse_ct")]
    assert (found, analog.find("evse_ct", 2, 1)) == ([14, 15, 16], 18)


def change(path: str, value: Any = None, *, drop: bool = False) -> Callable[[dict], None]:
    def apply(document: dict) -> None:
        *parts, last = path.split(".")
        for part in parts:
            document = document[int(part)] if part.isdigit() else document[part]
        if drop:
            del document[last]
        else:
            document[last] = value

    return apply


REFUSED = (
    ("outputs.0.emergency_stop", change("outputs.0.emergency_stop", drop=True)),
    ("outputs.0.rcd", change("outputs.0.rcd", "seen_by_firmware")),
    ("outputs.0.over_temperature", change("outputs.0.over_temperature", drop=True)),
    ("outputs.0.firmware_stops", change("outputs.0.firmware_stops", drop=True)),
    ("outputs.0.reset", change("outputs.0.reset", "hold")),
    ("outputs.1.reset", change("outputs.1.reset", "off_by_pull_down")),
    ("outputs.1.reclose_permissive", change("outputs.1.reclose_permissive", drop=True)),
    ("outputs.1.exclusion", change("outputs.1.exclusion", drop=True)),
    ("outputs.2.pick_up", change("outputs.2.pick_up", drop=True)),
    ("outputs.2.held_by", change("outputs.2.held_by", drop=True)),
    ("outputs.2.hold_ms", change("outputs.2.hold_ms", drop=True)),
    ("outputs.3.service_switch", change("outputs.3.service_switch", drop=True)),
    (
        "outputs.3.voltage_relay",
        lambda document: document["channels"].__delitem__(slice(13, None)),
    ),
    ("outputs.3.wiring", change("outputs.3.wiring", "by_modbus")),
    ("outputs.4.reset", change("outputs.4.reset", drop=True)),
    ("outputs.0.name", change("guard", "soft")),
    ("outputs.0.name", change("inputs.0.name", "ventilation")),
    ("outputs.0.name", change("outputs.0.name", "heater")),
    ("outputs.0.colour", change("outputs.0.colour", "red")),
    ("outputs.1.pin", change("outputs.1.pin", 2)),
    ("outputs.0.pin", change("outputs.0.pin", 30)),
    ("inputs.3.pull", change("inputs.3.pull", "sideways")),
    ("sampling.block_frames", change("sampling.block_frames", 50)),
    ("sampling.rate_hz", change("sampling.rate_hz", True)),
    ("channels.2.leg", change("channels.2.leg", 4)),
    ("channels.3.signal", change("channels.3.leg", 1)),
    ("channels.1.channel", change("channels.1.channel", 7)),
    ("channels.5.range_ma", change("channels.5.range_ma", 0)),
    ("channels.0.leg", change("channels.0.leg", 1)),
    ("pilot.freq_hz", change("pilot.freq_hz", 5000)),
    ("lines.0.uart", change("lines.0.uart", 7)),
    ("lines", change("lines", 9)),
    ("channels", change("channels", {})),
    ("name", change("name", "")),
    ("colour", change("colour", "green")),
)


@pytest.mark.parametrize(("field", "damage"), REFUSED, ids=[f for f, _ in REFUSED])
def test_a_bad_description_is_refused_by_field(field: str, damage: Callable[[dict], None]) -> None:
    document = copy.deepcopy(HOST)
    damage(document)
    with pytest.raises(PackError) as refusal:
        boards.validate(document)
    assert refusal.value.field == field, refusal.value


def test_every_undeclared_protection_is_refused() -> None:
    """What hardware must do: no output without each of its declarations."""
    for i, row in enumerate(HOST["outputs"]):
        for field in boards.PROTECTION[row["name"].removesuffix("_2")]:
            document = copy.deepcopy(HOST)
            del document["outputs"][i][field]
            with pytest.raises(PackError, match="needs its protection declared"):
                boards.validate(document)


def test_a_board_with_a_soft_guard_owns_no_power_output() -> None:
    document = copy.deepcopy(HOST)
    document["guard"] = "soft"
    document["outputs"] = [row for row in HOST["outputs"] if row["name"] in ("enable", "loads")]
    circuit = Circuit(boards.pack(document))
    assert circuit.guard == 0
    assert not circuit.has_outputs(1)
    assert circuit.has_outputs(8 + 16)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    assert pack_all(["--target", str(folder / "islet_data.py")]) == 0
    return folder


def run(script: str, data: Path, twin: StubTwin | None = None, **env: str) -> StubTwin:
    twin = twin or StubTwin(quit_us=500_000)
    twin.env.update(env)
    head = f"import sys; sys.path.insert(0, {str(data)!r})\nimport asyncio, time\n"
    head += "from firmware.chips import current\nboard = current()\n"
    twin.run(head + script)
    assert twin.code == 0, twin.stderr
    return twin


def pins(twin: StubTwin) -> list[tuple[int, int, int]]:
    return [(m.t_us, *struct.unpack("<II", p)) for m in twin.messages for p in m.all(1)]


def test_board_answers_what_the_app_asks(data: Path, tmp_path: Path) -> None:
    site = tmp_path / "site.json"
    site.write_text('{"name": "x"}')
    twin = run(
        """
print(board.name, board.rights.can_own_contactor, board.rights.can_island, board.sample_rate_hz)
print(board.storage, board.read_config(), board.wall_minute(), board.ticks_ms())
time.sleep_ms(200)
print(board.ticks_ms())
""",
        data,
        ISLET_SITE=str(site),
        ISLET_STORAGE=str(tmp_path),
    )
    assert twin.stdout.splitlines() == [
        "host True True 4800",
        f'{tmp_path} {{"name": "x"}} 3600000 0',
        "200",
    ]


@pytest.mark.parametrize("minute", [0, 84_960, 85_000, 527_040, 3_400_000, 3_600_123, 5_260_000])
def test_wall_minute_goes_through_the_calendar(data: Path, minute: int) -> None:
    """Minutes since 2020 from the clock's date, leap years included."""
    twin = run("print(board.wall_minute())", data, StubTwin(rtc_min=minute))
    assert twin.stdout == f"{minute}\n"


def test_an_unset_clock_is_unknown(data: Path) -> None:
    assert run("print(board.wall_minute())", data, StubTwin(rtc_min=None)).stdout == "-1\n"


def test_inv_12_construction_energises_nothing_and_leaves_the_island_switch_alone(
    data: Path,
) -> None:
    """INV-12: the pull-downs' levels, and what holds its state is not driven until permitted."""
    twin = run(
        """
time.sleep_ms(10)
board.write_outputs(0)
time.sleep_ms(10)
board.write_outputs(2 + 16)
time.sleep_ms(10)
board.write_outputs(2 + 16)
time.sleep_ms(10)
board.write_outputs(1)
time.sleep_ms(10)
""",
        data,
    )
    release = 1 << 20 | 1 << 26 | 1 << 27  # and what is a second point's
    assert pins(twin) == [
        (0, release | 0b1110100, 0),
        (20_000, release | 0b1111100, 0b1001000),
        (40_000, release | 0b1111100, 0b0000100),
    ]


def test_inputs_are_read_as_bits_and_stamped(data: Path) -> None:
    twin = StubTwin(quit_us=500_000)
    for pin in (11, 14, 18):
        twin.edge(50_000, pin, 1)
    twin.edge(150_000, 14, 0)
    run(
        """
from firmware.image import Image, INPUTS, INPUTS_AGE_MS
image = Image()
for _ in range(3):
    board.sample_inputs(image)
    print(image.live[INPUTS], image.live[INPUTS_AGE_MS])
    time.sleep_ms(100)
""",
        data,
        twin,
    )
    assert twin.stdout == "0 0\n274 0\n258 0\n"


def test_pilot_duty_goes_out_only_when_it_changes(data: Path) -> None:
    twin = run(
        """
for duty in (1000, 266, 266, 0, 1000):
    board.pilot(duty)
    board.pilot(duty // 2 if duty < 1000 else 1000, 1)
    time.sleep_ms(10)
""",
        data,
    )
    duties = [(m.t_us, struct.unpack("<BIH", p)) for m in twin.messages for p in m.all(2)]
    assert duties == [
        (0, (7, 1000, 65535)),
        (0, (22, 1000, 65535)),
        (10_000, (7, 1000, 17432)),
        (10_000, (22, 1000, 8716)),
        (30_000, (7, 1000, 0)),
        (30_000, (22, 1000, 0)),
        (40_000, (7, 1000, 65535)),
        (40_000, (22, 1000, 65535)),
    ]


def test_uart_parity_is_checked(data: Path) -> None:
    twin = run(
        """
uart = board.uart(0, 19200, "E", 1)
print(uart.char_us, uart.id, board.uart(1, 9600).id)
try:
    board.uart(0, 9600, "X")
except ValueError as error:
    print(error)
""",
        data,
    )
    assert twin.stdout == "573 1 0\nparity: 'X' is not one of N, E, O\n"


def test_the_guards_path_allocates_nothing(data: Path) -> None:
    """Inputs, sense and an unchanged output write with the heap locked, inside the interrupt."""
    twin = run(
        """
import micropython
from firmware.image import Image
from firmware.sense import Sense
image = Image()
sense = Sense(image, board.analog)
count = 0
def on_block(samples, frames):
    global count
    if count > 15:
        micropython.heap_lock()
    board.sample_inputs(image)
    sense.on_block(samples, frames)
    board.write_outputs(0)
    if count > 15:
        micropython.heap_unlock()
    count += 1
board.start_sampling(on_block, None)
time.sleep_ms(400)
print(count)
""",
        data,
    )
    assert twin.stdout == "40\n"
    assert not [p for m in twin.messages for p in m.all(8)]


def test_watchdog_through_the_board(data: Path) -> None:
    twin = StubTwin(quit_us=9_000_000)
    twin.run(
        f"import sys; sys.path.insert(0, {str(data)!r})\n"
        "import time\nfrom firmware.chips import current\nboard = current()\n"
        "board.feed_watchdog()\nboard.start_watchdog(300)\n"
        "time.sleep_ms(200); board.feed_watchdog(); time.sleep(5)\n"
    )
    assert (twin.code, twin.messages[-1].t_us) == (75, 500_000)
