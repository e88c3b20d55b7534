"""What fast.c does in MicroPython's place, on the emulated chip: the same as Python."""

from __future__ import annotations

import ast
import contextlib
import io
from pathlib import Path

import pytest

from tools.image import heap
from tools.image.images import REFERENCE
from tools.workshop import ROOT

SCRIPT = Path(__file__).parent / "device" / "fast.py"
# A kernel's arguments: how each kind of them comes to it, and its result back.
KERNELS = """
import micropython
from array import array

@micropython.viper
def first(of) -> int:
    return ptr32(of)[0]

@micropython.viper
def byte(of) -> int:
    return ptr8(of)[1]

@micropython.viper
def whole(a: int, b: uint) -> int:
    return a + int(b)

@micropython.viper
def true(a: bool) -> bool:
    return a

@micropython.viper
def back(a: int) -> uint:
    return uint(a)

@micropython.viper
def itself(a) -> object:
    return a

words = array("i", [-5, 6, 1 << 30])
print(first(words), first(memoryview(words)[2:]), first(bytearray(b"\\x07\\0\\0\\0")))
print(byte(b"abc"), byte("abc"), byte(memoryview(b"abcd")[1:]))
print(first(0x20000000) == first(0x20000000))
print(whole(3, 4), whole(-3, 4), whole(1 << 31, 0), whole(True, 0), whole(-(1 << 30) - 1, 0))
print(true(0), true([1]), true(None), true(words), back(-1), back(5), itself(words) is words)
for wrong in (None, "a", 1.5):
    try:
        print(whole(wrong, 1))
    except Exception as error:
        print(type(error).__name__)
try:
    print(first(None))
except Exception as error:
    print(type(error).__name__)
try:
    print(whole(1))
except TypeError as error:
    print(error)
"""
KERNELS_SAY = """\
-5 1073741824 7
98 98 99
True
7 1 -2147483648 1 -1073741825
False True False True 4294967295 5 True
TypeError
TypeError
TypeError
TypeError
function takes 2 positional arguments but 1 were given
"""


def on_chip(script: str) -> str:
    if why_not := heap.missing():
        pytest.fail(f"{why_not}; `make test` sets it up")
    return heap.run(REFERENCE.folder / "firmware.bin", script)


def test_the_chip_computes_looks_up_and_calls_as_python_does() -> None:
    text = SCRIPT.read_text()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(text, SCRIPT, "exec"), {"__name__": "fast"})
    assert on_chip(text).splitlines() == said.getvalue().splitlines()


def test_a_kernel_takes_and_gives_what_micropython_s_own_took() -> None:
    assert on_chip(KERNELS) == KERNELS_SAY


# A hard interrupt asks, and gives, in the middle of what the rest does with methods.
INTERRUPTED = """
import gc
from machine import PWM, Pin

class Base:
    def f(self):
        return 1

class Derived(Base):
    pass

def new(self):
    return 2

class Own(Base):
    pass

of_class, holder = Derived(), [None]
calls = wrong = 0

def tick(pin):
    global calls
    calls += 1
    of_class.f()
    one = holder[0]
    if one is not None:
        one.f()
        one.f = three

def three():
    return 3

pin = Pin(2)
wave = PWM(pin, freq=4000, duty_u16=0x8000)
pin.irq(tick, Pin.IRQ_RISING, hard=True)
for turn in range(5000):
    if turn % 250 == 0:
        wave.freq(3000 + 137 * (turn // 250))  # not in step with the loop
    Derived.f = new
    wrong += of_class.f() != 2
    del Derived.f
    wrong += of_class.f() != 1
for turn in range(300):
    one = Own()
    one.x = one.y = 1
    del one.y
    holder[0] = one
    seen = 1
    while seen == 1 or calls < 3:
        now = one.f()
        wrong += now < seen
        seen = now
    holder[0] = None
    wrong += one.f() != 3
    if turn % 50 == 0:
        gc.collect()
pin.irq(None)
wave.deinit()
print(wrong, calls > 1000)
"""


def test_what_an_interrupt_asks_or_changes_meanwhile_is_not_mistaken() -> None:
    assert on_chip(INTERRUPTED) == "0 True\n"


# A hard interrupt asks for a method of an object's own that is just being added: MicroPython knows
# its name by then, and not yet what it is.
BEING_ADDED = """
from machine import PWM, Pin

class Base:
    def f(self):
        return 1

def three():
    return 3

one = Base()
calls = early = wrong = 0

def tick(pin):
    global calls, early, wrong
    calls += 1
    try:
        wrong += one.f() not in (1, 3)
    except AttributeError:
        early += 1
    except Exception:
        wrong += 1

pin = Pin(2)
wave = PWM(pin, freq=4000, duty_u16=0x8000)
pin.irq(tick, Pin.IRQ_RISING, hard=True)
for turn in range(20000):
    if turn % 1000 == 0:
        wave.freq(3000 + 137 * (turn // 1000))
    one.f = three
    if turn % 7 == 0:
        wrong += one.f() != 3
    del one.f
pin.irq(None)
wave.deinit()
print(wrong, early > 10, calls > 1000)
"""


def test_a_method_that_is_just_being_added_is_not_called() -> None:
    assert on_chip(BEING_ADDED) == "0 True True\n"


# Objects of one class, and others in their place: what was remembered of those that are gone.
AGAIN = """
import gc

class A:
    def f(self):
        return 1

class B:
    def f(self):
        return 2

def ask(kind, count=300):
    total, places = 0, set()
    made = [kind() for _ in range(count)]
    for one in made:
        total += one.f()
        places.add(id(one))
    return total, places
"""
IN_THEIR_PLACE = """
before, places = ask(A)
gc.collect()
after, others = ask(B)
print(before, after, len(places & others) > 50)
"""


def test_a_collection_forgets_whose_method_was_asked() -> None:
    assert on_chip(AGAIN + IN_THEIR_PLACE) == "300 600 True\n"


def test_a_soft_start_forgets_whose_method_was_asked() -> None:
    """The heap begins anew, and the same lies where it lay before, but for the objects' class."""
    image = REFERENCE.folder / "firmware.bin"
    of_a, of_b = (AGAIN + f"found = ask({kind}, 100)\nprint(found)\n" for kind in "AB")
    first, second = heap.run(image, of_a, of_b).splitlines()
    (before, places), (after, others) = ast.literal_eval(first), ast.literal_eval(second)
    assert len(places & others) > 50, "it shows nothing"
    assert (before, after) == (100, 200)


def test_no_class_is_changed_past_what_remembers_its_methods() -> None:
    """fast.c hears of a class's change where an attribute of it is set."""
    for path in sorted((ROOT / "firmware").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "locals", path
                assert node.func.id != "type" or len(node.args) == 1, path
