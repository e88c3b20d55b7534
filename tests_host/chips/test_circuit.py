"""From JSON to the device: the same circuit under CPython and MicroPython."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from firmware import image as im
from firmware.chips import circuit as device
from firmware.chips.circuit import AMPS, CHIPS, VOLTS, Circuit
from tests_host.chips.kit import GONE, NAMES, REAL, damaged, read
from tests_host.conftest import RunDevice
from tools.pack import PackError
from tools.pack.__main__ import main as pack_all
from tools.pack.circuits import pack, tables
from tools.pack.circuits.chips import CHIPS as CHIP_DATA
from tools.pack.circuits.layout import layout

DUMP = Path(__file__).parent / "device" / "dump.py"


def load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_names_are_in_the_devices_order() -> None:
    """The packer knows no firmware; its numbers must be the device's."""
    assert tuple(CHIP_DATA) == CHIPS
    assert (tables.VOLTS, tables.AMPS) == (VOLTS, AMPS)
    guards = (device.GUARD_SOFT, device.GUARD_HARD, device.GUARD_HARDWARE)
    assert [tables.GUARDS[i] for i in guards] == ["soft", "hard_interrupt", "hardware"]
    by = (device.DEAD_MAN_PIO, device.DEAD_MAN_MONOSTABLE)
    assert [tables.DEAD_MAN_BY[i] for i in by] == ["pio", "monostable"]


def test_micropython_reads_what_cpython_reads(
    tmp_path: Path, run_device: RunDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pack_all(["--target", str(tmp_path / "islet_data.py")]) == 0
    monkeypatch.setitem(sys.modules, "islet_data", load(tmp_path / "islet_data.py", "islet_data"))
    dump = load(DUMP, "dump").dump
    here = [line for name in NAMES for line in dump(name)]
    assert run_device(DUMP, tmp_path).splitlines() == here


def test_a_phy_on_the_device() -> None:
    document = damaged("esp32_lan8720", ethernet__power=12, lamp__pin=17)
    document["ethernet"]["clock"] = "gpio16_out"
    document["lines"][0]["rx"] = 3
    document["ethernet"]["address"] = 1
    circuit = Circuit(layout(document))
    assert circuit.phy == (23, 18, 1, 16, 1, 12) and circuit.ethernet is None
    rights = device.Rights(circuit, True)
    assert rights.network and not rights.wifi, "the cable is its network"
    assert Circuit(pack(read("esp32_lan8720"))).phy == (23, 18, 0, 17, 1, -1)
    document["ethernet"]["clock"] = "gpio0_in"
    assert Circuit(layout(document)).phy == (23, 18, 1, 0, 0, 12)
    assert device.Rights(Circuit(pack(read("esp32"))), True).wifi


def test_the_reference_board_on_the_device() -> None:
    circuit = Circuit(pack(read("pico")))
    assert (circuit.chip, circuit.guard) == ("rp2040", device.GUARD_HARD)
    assert circuit.lines == [(0, 0, 1, 2)]
    assert circuit.spi == (0, 18, 19, 16, 1_000_000)
    assert (circuit.crossing_pin, circuit.crossing_leg) == (21, 0)
    assert (circuit.dead_man_pin, circuit.dead_man_ms) == (3, 40)
    assert circuit.dead_man_bits == im.OUT_CONTACTOR | im.OUT_ENABLE
    assert circuit.dead_man_by == device.DEAD_MAN_PIO
    assert (circuit.evse_a, circuit.mains_a) == (32, 63)
    assert list(circuit.adc) == [0, 1, 2] and list(circuit.adc_pins) == [26, 27, 28]
    analog = circuit.analog
    assert (analog.frame_ns, analog.frame_us, analog.rate_hz) == (192_000, 192, 5_208)
    assert (analog.frames, analog.blocks, analog.block_frames) == (52, 4, 13)
    assert circuit.outputs[1] == (im.OUT_ISLAND, 5, 1)
    assert circuit.inputs[4] == (im.IN_ESTOP | im.IN_OVERTEMP, 14, 1, 1)
    assert circuit.inputs[5] == (im.IN_RCD, 15, 1, 1)
    assert circuit.inputs[6] == (im.IN_ISLAND_DEAD, 22, 2, 0)
    assert [(VOLTS[m.volts], AMPS[m.amps], m.cs) for m in circuit.meters] == [
        ("grid", "mains", 17),
        ("house", "evse", 20),
    ]


def test_what_a_board_lacks_is_minus_one() -> None:
    circuit = Circuit(pack(read("host")))
    assert circuit.spi is None and circuit.meters == []
    assert circuit.lines == [(1, 8, 9, -1), (0, 0, 1, -1)]
    assert (circuit.crossing_pin, circuit.dead_man_pin) == (-1, -1)
    assert circuit.dead_man_bits == 0 and set(circuit.adc_pins) == {-1}
    assert (circuit.analog.frame_ns, circuit.analog.frame_us) == (208_333, 208)
    assert (circuit.analog.frames, circuit.analog.blocks) == (48, 4)


def test_a_board_may_have_several_lines_or_none() -> None:
    rows = [{"uart": 0, "tx": 28, "rx": 29}, {"uart": 1, "tx": 24, "rx": 25}]
    for count in range(3):
        circuit = Circuit(pack(damaged("host", lines=rows[:count])))
        assert circuit.lines == [(0, 28, 29, -1), (1, 24, 25, -1)][:count]
        assert device.Rights(circuit, True).lines == count
        assert circuit.outputs[0] == (im.OUT_CONTACTOR, 2, 0)


def test_a_uart_has_one_line() -> None:
    rows = [{"uart": 0, "tx": 28, "rx": 29}, {"uart": 0, "tx": 24, "rx": 25}]
    with pytest.raises(PackError) as refusal:
        pack(damaged("host", lines=rows))
    assert (refusal.value.field, "lines.0.uart" in str(refusal.value)) == ("lines.1.uart", True)


def test_the_form_before_is_told_the_new_one() -> None:
    document = {**damaged("pico", lines=GONE), "uart": {"id": 1, "tx": 4, "rx": 5, "de": 2}}
    with pytest.raises(PackError) as refusal:
        pack(document)
    assert refusal.value.field == "uart"
    assert '"lines": [{"uart": 1, "tx": 4, "rx": 5, "de": 2}]' in str(refusal.value)


def test_the_esp32_never_islands() -> None:
    circuit = Circuit(pack(read("esp32")))
    assert circuit.guard == device.GUARD_HARDWARE
    assert circuit.has_outputs(im.OUT_CONTACTOR) and not circuit.has_outputs(im.OUT_ISLAND)
    assert circuit.dead_man_by == device.DEAD_MAN_MONOSTABLE
    assert list(circuit.adc_pins) == [36, 39]


@pytest.mark.parametrize("name", REAL)
def test_the_reference_boards_use_every_declared_protection(name: str) -> None:
    """A reference shows all there is: a dead-man that holds what a hung chip must not."""
    document = read(name)
    assert document["dead_man"]["timeout_ms"] <= 50
    there = {row["name"] for row in document["outputs"]}
    assert set(document["dead_man"]["holds"]) == {"contactor", "enable"} & there
    assert there >= {"contactor"} and (name == "esp32_lan8720" or "enable" in there)


def test_data_of_another_version_is_refused() -> None:
    packed = bytearray(pack(damaged("pico")))
    packed[0] += 1
    with pytest.raises(ValueError, match="board data has version 11, expected 10"):
        Circuit(bytes(packed))
