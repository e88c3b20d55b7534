"""Known faults of the compiler of machine code: each is real, each is found, none is met.

When one of the tests of a fault itself fails, MicroPython has mended it: its row in
tools/image/faults.py goes, and the test with it."""

from __future__ import annotations

import ast
import json
import subprocess
from pathlib import Path

import pytest

from tests_host.conftest import RunDevice
from tools.image import faults, heap
from tools.image.images import REFERENCE
from tools.micropython import build

VIPER = "@micropython.viper\ndef f(p: ptr8, q: ptr16, w: ptr32, x: int) -> int:\n"

# x afterwards, and what was made of it; then each width and distance at which a pointer goes wrong
UNARY = """
import micropython
@micropython.viper
def minus(x: int):
    y = -x
    return (x, y)
@micropython.viper
def inverted(x: int):
    y = ~int(x)
    return (x, y)
@micropython.viper
def plain(x: int):
    y = 0 - x
    z = x ^ -1
    return (x, y, z)
said = [minus(5), inverted(5), plain(5)]
"""
FAR = """
import json, uctypes
TEXT = '''
@micropython.viper
def far(address: int, value: int) -> int:
    p = ptr%d(address - %d)
    before = int(p)
    p[%d] = value
    after = int(p)
    return int(p[%d]) if after == before else -1
'''
wrong = []
for bits in (8, 16, 32):
    for index in (1, 31, 32, 127, 128, 255, 256, 1000, 1024, 4096, 16384, 32768, 65536, 100001):
        room, names = bytearray(8), {}
        exec(TEXT % (bits, index * bits // 8, index, index), names)
        if names["far"](uctypes.addressof(room), 0x55) != 0x55 or room[0] != 0x55:
            wrong.append((bits, index))
print(json.dumps([said, wrong]))
"""


@pytest.fixture(scope="module")
def on_chip() -> list[list[list[int]]]:
    if why_not := heap.missing():
        pytest.fail(f"{why_not}; `make test` sets it up")
    return json.loads(heap.run(REFERENCE.folder / "firmware.bin", UNARY + FAR))


def test_unary_is_real_on_the_chip(on_chip: list[list[list[int]]]) -> None:
    minus, inverted, plain = on_chip[0]
    assert minus == [-5, -5] and inverted == [-6, -6], "the source should have stayed 5"
    assert plain == [5, -5, -6], "the way around it"


def test_unary_is_real_on_the_host(run_device: RunDevice) -> None:
    assert json.loads(run_device(UNARY + "import json; print(json.dumps(said))")) == [
        [-5, -5],
        [-6, -6],
        [5, -5, -6],
    ]


def test_a_distance_does_no_harm_on_the_chip(on_chip: list[list[list[int]]]) -> None:
    """Upstream's two faults of offsets came after 1.25, or are out of a pointer's reach."""
    assert on_chip[1] == []


def compiled(folder: Path, arch: str, text: str) -> bytes:
    source, output = folder / "m.py", folder / "m.mpy"
    source.write_text(text)
    cross = build.BIN / "mpy-cross"
    subprocess.run([cross, f"-march={arch}", "-o", output, source], check=True)
    return output.read_bytes()


@pytest.mark.parametrize(("bits", "operation"), [(8, 0x4), (16, 0x5)])
def test_narrow_store_is_real(tmp_path: Path, bits: int, operation: int) -> None:
    """S8I and S16I (op0 2, r 4 and 5) with the register of what was computed last, a10, whatever
    register the value is in: a5 here, into which an L32I has brought it from the stack."""
    text = f"@micropython.viper\ndef f(p: ptr{bits}, v: int, w: int):\n    p[77] = v\n"
    code = compiled(tmp_path, "xtensawin", text)
    store = code.index(bytes([operation << 4 | 4, 77])) - 1
    assert code[store - 3 : store - 1] == bytes([0x52, 0x21]), "l32i a5, a1, …"
    assert code[store] == 0xA2, "a10 is stored; 0x52 would be right"


def named(number: int) -> str:
    """A module whose machine code asks for the last of its names."""
    words = "\n".join(f"n{i} = {i}" for i in range(number))
    return f"{words}\n@micropython.native\ndef f():\n    return last\nlast = 7\n"


def test_many_names_is_real(tmp_path: Path) -> None:
    """The table's address is not added: ADDS r0, r0, r0 and LDRH r0, [r0, #62]."""
    wrong = bytes.fromhex("0018 c08f")
    assert wrong not in compiled(tmp_path, "armv6m", named(faults.NAMES_IN_REACH - 10))
    assert wrong in compiled(tmp_path, "armv6m", named(faults.NAMES_IN_REACH + 10))


def test_names_are_counted_at_least_as_many_as_the_compiler_does(tmp_path: Path) -> None:
    counted = 0
    for where, text in faults.firmware().items():
        module = ast.parse(text)
        if next(faults.functions(module, *faults.MACHINE_CODE), None):
            header = compiled(tmp_path, "armv6m", text)[4:6]
            number = header[0] if header[0] < 128 else (header[0] & 127) << 7 | header[1]
            assert number <= len(faults.names(module)), where
            counted += 1
    assert counted > 30


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("    return -x", "unary"),
        ("    return ~x", "unary"),
        ("    return x - (-int(x))", "unary"),
        ("    return -(y := x)", "unary"),
        ("    return - +x", "unary"),
        ("    return -(x if x else 3)", "unary"),
        ("    return 0 - x", ""),
        ("    return x ^ -1", ""),
        ("    return -5 - ~3", ""),
        ("    return -(x + 1) - int(-w[3])", ""),
        ("    p[3] = x", "narrow store"),
        ("    q[2 * 8 + 1] = x", "narrow store"),
        ("    p[PLACE] = x", "narrow store"),
        ("    p[3] += x", "narrow store"),
        ("    r = ptr8(w)\n    r[255] = 1", "narrow store"),
        ("    ptr16(w)[1] = x", "narrow store"),
        ("    p[0] = x", ""),
        ("    p[256] = x", ""),
        ("    p[x] = x", ""),
        ("    p[x + 3] = x", ""),
        ("    w[3] = p[3] + q[3]", ""),
    ],
)
def test_a_planted_fault_is_found(text: str, fault: str) -> None:
    found = faults.look(VIPER + text + "\n", "kernel.py")
    assert [line.partition(" (")[0].rpartition(": ")[2] for line in found] == [fault] * bool(fault)
    assert all(line.startswith("kernel.py:") for line in found)


def test_too_many_names_are_found() -> None:
    assert faults.look(named(200), "m.py") == []
    assert "many names" in faults.look(named(400), "m.py")[0]
    plain = named(400).replace("@micropython.native\n", "")
    assert faults.look(plain, "m.py") == [], "bytecode finds its names"


def test_only_machine_code_is_looked_at() -> None:
    assert faults.look("def f(x):\n    return -x\n", "m.py") == []
    assert faults.look("@micropython.native\ndef f(x):\n    return -x\n", "m.py") == []
