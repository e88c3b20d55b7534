"""Our interpreter is what the rest relies on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests_host.conftest import RunDevice
from tools.micropython import build
from tools.workshop import ROOT

DEVICE = Path(__file__).parent / "device"

MODULES = (
    "array asyncio binascii gc hashlib json micropython os select socket struct tls uctypes vclock"
)


def test_word_size_and_floats(run_device: RunDevice) -> None:
    printed = run_device("import sys; print(sys.maxsize, 16777217.0 == 16777216.0)").split()
    size = 2**31 - 1 if build.m32_works() else 2**63 - 1
    assert printed == [str(size), "True"]


@pytest.mark.skipif(not build.m32_works(), reason="64 bits hide it")
def test_integers_allocate_as_on_the_chip(run_device: RunDevice) -> None:
    script = """
import gc
def used(n):
    before = gc.mem_alloc()
    n + 1
    return gc.mem_alloc() - before
print(used(2**30 - 2), used(2**30 - 1) > 0)
"""
    assert run_device(script).split() == ["0", "True"]


@pytest.mark.parametrize("module", MODULES.split())
def test_module_is_there(run_device: RunDevice, module: str) -> None:
    run_device(f"import {module}")


def test_viper_and_native(run_device: RunDevice) -> None:
    script = """
import array, micropython
@micropython.viper
def total(samples: ptr16, count: int) -> int:
    sum = 0
    for i in range(count):
        sum += samples[i]
        samples[i] = i
    return sum
@micropython.native
def half(x):
    return x / 2
data = array.array("H", [1, 2, 65535])
print(total(data, 3), list(data), half(3))
"""
    assert run_device(script) == "65538 [0, 1, 2] 1.5\n"


def test_heap_lock(run_device: RunDevice) -> None:
    script = """
import micropython
micropython.heap_lock()
try:
    [1]
    outcome = "allocated"
except MemoryError:
    outcome = "refused"
micropython.heap_unlock()
print(outcome)
"""
    assert run_device(script) == "refused\n"


@pytest.mark.parametrize("module", ["machine", "select", "time", "socket"])
def test_a_file_shadows_a_module(run_device: RunDevice, tmp_path: Path, module: str) -> None:
    (tmp_path / f"{module}.py").write_text("shadow = True\n")
    script = f"import {module}, u{module}; print({module}.shadow, hasattr(u{module}, 'shadow'))"
    assert run_device(script, tmp_path) == "True False\n"


def test_clock_is_real_at_start(run_device: RunDevice) -> None:
    script = """
import time, vclock
start = time.ticks_us()
time.sleep_ms(30)
print(vclock.is_virtual(), time.ticks_ms() > 0, time.ticks_diff(time.ticks_us(), start))
"""
    virtual, runs, slept = run_device(script).split()
    assert (virtual, runs) == ("False", "True")
    assert int(slept) >= 29_000


def test_clock_is_virtual_on_request(run_device: RunDevice) -> None:
    script = """
import time, vclock
vclock.virtual(True)
print(vclock.is_virtual(), time.ticks_ms(), time.ticks_us(), time.ticks_cpu())
vclock.advance_us(1999)
time.sleep_us(2)
time.sleep_ms(3)
print(time.ticks_ms(), time.ticks_us(), time.ticks_cpu())
try:
    vclock.advance_us(-1)
except ValueError as error:
    print(error, time.ticks_us())
for _ in range(5000):
    vclock.advance_us(1_000_000)
print(time.ticks_ms(), time.ticks_us() == (5_000_000_000 + 5001) % (1 << 30))
vclock.virtual(False)
print(vclock.is_virtual(), time.ticks_ms() == 0)
"""
    lines = run_device(script).splitlines()
    assert lines[0] == "True 0 0 0"
    assert lines[1] == "5 5001 5001"
    assert lines[2] == "time goes forward 5001"
    wraps = "True" if build.m32_works() else "False"
    assert lines[3] == f"5000005 {wraps}"
    assert lines[4] == "False False"


def test_alarms_are_found_as_a_loop_over_them_finds_them(run_device: RunDevice) -> None:
    script = """
import random, vclock
class Alarm:
    due = 7  # of the class, until it has its own
def first(alarms, now):
    for alarm in alarms:
        if alarm.due <= now:
            return alarm
random.seed(1)
for n in range(300):
    alarms = [Alarm() for _ in range(n % 9)]
    for alarm in alarms:
        if random.randrange(5):
            alarm.due = random.randrange(-5, 20)
    now = random.randrange(-5, 20)
    assert vclock.first(alarms, now) is first(alarms, now)
    assert vclock.soonest(alarms, now) == min([alarm.due for alarm in alarms] + [now])
for wrong in [3], [Alarm], ["due"]:
    try:
        vclock.first(wrong, 0)
    except TypeError as error:
        print(error)
"""
    assert run_device(script).splitlines() == ["an alarm is an instance"] * 3


def test_an_hour_of_asyncio_is_exact_and_repeatable(run_device: RunDevice) -> None:
    first, second = (run_device(DEVICE / "sleeper.py") for _ in range(2))
    assert first == second
    assert first.split()[:2] == ["3600000", "0"]


def test_every_input_of_the_build_is_in_its_key() -> None:
    names = {file.name for file in build.input_files()}
    assert {"vclock.c", "vclock.h", "mpconfigvariant.h", "manifest.py", "build.py"} <= names
    assert {"names.c", "places.c", "free.c", "mark.c", "sweep.c"} <= names


def test_names_and_maps_are_as_in_cpython(run_device: RunDevice) -> None:
    """Our own search for a name and for a key's place (tools/micropython/inner)."""
    done = subprocess.run([sys.executable, DEVICE / "maps.py"], capture_output=True, text=True)
    assert done.returncode == 0 and len(done.stdout.splitlines()) > 10, done.stderr
    assert run_device(DEVICE / "maps.py") == done.stdout


def test_what_lives_stays_as_it_was_and_the_rest_is_free_again(tmp_path: Path) -> None:
    """Collected as on the chip (tools/image/boards), with most of the heap in use."""
    script = ROOT / "tests_host" / "image" / "device" / "collector.py"
    interpreter = [ROOT / ".cache/bin/micropython", "-X", "heapsize=250k"]
    ours, python = (
        subprocess.run([*runs, script], cwd=tmp_path, capture_output=True, text=True, check=True)
        for runs in (interpreter, [sys.executable])
    )
    assert len(ours.stdout.splitlines()) == 12 and ours.stdout == python.stdout


def test_what_is_free_is_counted_to_the_block(run_device: RunDevice) -> None:
    """As MicroPython's own count has it, which mem_info() still prints."""
    script = """
import gc, micropython
kept = [bytes(37 * n) for n in range(60)]
kept = kept[1::3]
gc.collect()
micropython.mem_info()
print(gc.mem_free(), gc.mem_alloc())
"""
    lines = run_device(script).splitlines()
    (said,) = (line for line in lines if line.startswith("GC: total:"))
    total, used, free = (int(word.rstrip(",")) for word in said.split()[2::2])
    assert lines[-1] == f"{free} {used}" and total == free + used
