# islet: what becomes of a kernel in C.
# GPL-3.0-or-later
from __future__ import annotations

import importlib.util
from array import array
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from firmware.core.panel import has_kernel, share_kernel
from tools import kernels
from tools.kernels import build, translate
from tools.kernels.translate import Subset, Text

HEAD = "from firmware.base.viper import micropython, ptr8, ptr16, ptr32\n"
TEXT = """
@micropython.viper
def halves(a: int, b: int) -> int:
    return a // b * 1000 + a % b

@micropython.viper
def chosen(a: int, b: int) -> int:
    return (a and b) * 1000 + (a or b) * 10 + (1 if not a else 2)

@micropython.viper
def bump(memory) -> int:
    m = ptr32(memory)
    m[0] += 1
    return m[0]

@micropython.viper
def order(memory) -> int:
    m = ptr32(memory)
    m[m[0]] = bump(memory)
    return m[0] * 100 + bump(memory) * 10 + m[0]

@micropython.viper
def at(memory, i: int) -> int:
    m = ptr32(memory)
    return m[i]

@micropython.viper
def small(memory, i: int):
    b = ptr8(memory)
    h = ptr16(memory)
    b[i] = 300
    h[2] = 70_000

@micropython.viper
def steps(n: int) -> int:
    i = total = 0
    while True:
        i += 1
        if i > n:
            break
        if i & 1:
            continue
        total += i << 1
    return total

@micropython.viper
def there(memory, i: int) -> int:
    return ptr32(memory)[i]

@micropython.viper
def holds(anything, ms: int) -> int:
    if not anything:
        return 0
    return ms
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    place = tmp_path_factory.mktemp("kernels") / f"{build.NAME}.so"
    build.compile_text(build.module([Text("t", HEAD + TEXT)]), place)
    spec = importlib.util.spec_from_file_location(build.NAME, place)
    assert spec is not None and spec.loader is not None
    return importlib.util.module_from_spec(spec)


@pytest.fixture(scope="module")
def plain() -> dict[str, Callable[..., Any]]:
    names: dict[str, Any] = {}
    exec(HEAD + TEXT, names)
    return names


CALLS = [
    *(("halves", (a, b)) for a in (-7, -6, 0, 5, 7) for b in (-3, 2, 3)),
    *(("chosen", (a, b)) for a in (0, 3, -1) for b in (0, 4)),
    *(("steps", (n,)) for n in (0, 1, 9)),
    *(("there", (array("i", [5, 6]), i)) for i in (0, 1)),
    *(("holds", (what, 5)) for what in (None, 0, True, [], "x", 3)),
]


@pytest.mark.parametrize(("name", "given"), CALLS)
def test_it_says_what_the_text_says(
    made: ModuleType, plain: dict[str, Callable[..., Any]], name: str, given: tuple[Any, ...]
) -> None:
    assert getattr(made, f"t.{name}")(*given) == plain[name](*given)


def test_what_is_called_goes_from_left_to_right(
    made: ModuleType, plain: dict[str, Callable[..., Any]]
) -> None:
    one, other = array("i", [1, 0, 0, 0]), array("i", [1, 0, 0, 0])
    assert getattr(made, "t.order")(one) == plain["order"](other)
    assert one == other


def test_bytes_and_halves_are_narrow(made: ModuleType) -> None:
    memory = array("i", [0, -1])
    assert getattr(made, "t.small")(memory, 1) is None
    assert list(memory.tobytes()) == [0, 44, 0, 0, 112, 17, 255, 255]


@pytest.mark.parametrize("index", [-1, 4, 2**30])
def test_nothing_outside_an_array_is_touched(made: ModuleType, index: int) -> None:
    memory = array("i", [1, 2, 3, 4])
    with pytest.raises(IndexError, match=f"at: {index} is outside"):
        getattr(made, "t.at")(memory, index)
    memory.append(5)  # it was given back


@pytest.mark.parametrize("given", [(2**31, 1), (1, -(2**31) - 1)])
def test_32_bits_and_no_more(made: ModuleType, given: tuple[int, int]) -> None:
    with pytest.raises(OverflowError, match="32 bits"):
        getattr(made, "t.halves")(*given)


def test_wrong_calls_are_told(made: ModuleType) -> None:
    with pytest.raises(TypeError, match=r"at\(\) takes 2 arguments, not 1"):
        getattr(made, "t.at")(array("i"))
    with pytest.raises(TypeError):
        getattr(made, "t.at")(None, 0)


@pytest.mark.parametrize(
    "line",
    ["for i in range(3): pass", "x = [1]", "x = a ** 2", "x = unknown", "x = a.b", "x = 1.5"],
)
def test_what_is_not_in_the_subset_is_refused_with_its_place(line: str) -> None:
    text = f"{HEAD}@micropython.viper\ndef k(a: int):\n    {line}\n"
    with pytest.raises(Subset, match=r"t:4: .+ is not in the subset"):
        translate.source([Text("t", text)])


def test_all_of_core_has_them_and_may_have_its_text_back() -> None:
    assert not hasattr(has_kernel.add, "__code__")
    assert share_kernel.add is has_kernel.add
    with kernels.as_text():
        assert hasattr(has_kernel.add, "__code__")
        assert share_kernel.add is has_kernel.add
    assert not hasattr(has_kernel.add, "__code__")


def test_without_a_compiler_the_text_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert build.ready() is None
    monkeypatch.delenv("CC")
    monkeypatch.setattr(build, "INCLUDE", Path("nowhere"))
    assert build.ready() is None
