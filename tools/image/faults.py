# islet: what the compiler of machine code gets wrong without a word, and where we would meet it.
# GPL-3.0-or-later
"""python -m tools.image.faults: nothing when no module of firmware/ meets a known fault.

MicroPython 1.25 compiles some texts of the viper subset to code that does something else, with no
error. Each row of FAULTS is one of them; `tests_host/image/test_faults.py` shows each to be real
in the interpreter as it is pinned, so that a row goes when its fault is gone. What is looked at is
the folded text, since that is what is compiled.

Two faults that upstream mended later are not in 1.25 as far as a kernel can meet them, which the
same tests show on the emulated chip: a store far from its pointer that moved the pointer
(f39434e9fb), and an offset beyond 64 kB cut to 16 bits (6b2792a097; of that only "many names" is
left). And no fault, but nothing that a check of the text could find either: whole numbers of viper
wrap at 32 bits on every machine, as of a square from 46,341 on; in the plain twin they do not.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tools.image import folded

VIPER = "micropython.viper"
MACHINE_CODE = (VIPER, "micropython.native")
CASTS = {"int", "uint", "ptr", "ptr8", "ptr16", "ptr32"}
NAMES_IN_REACH = 287  # 31 halfwords by one instruction, and 255 more in 8 bits
BYTES_IN_REACH = 256  # of an Xtensa's instruction that stores at a distance
CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*")

Found = Iterator[tuple[int, str]]  # line, what stands there


class Fault(NamedTuple):
    """A text that is compiled wrongly; `why` is what it does instead, and what to write."""

    name: str
    chips: str  # whose machine code
    upstream: str  # MicroPython's issue, or the commit that mends it
    why: str
    look: Callable[[ast.Module], Found]


def functions(module: ast.Module, *kinds: str) -> Iterator[ast.FunctionDef]:
    """Those that are compiled to machine code, with one of these decorators."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef) and any(
            ast.unparse(d) in kinds for d in node.decorator_list
        ):
            yield node


def unary(module: ast.Module) -> Found:
    for function in functions(module, VIPER):
        for node in ast.walk(function):
            if not isinstance(node, ast.UnaryOp):
                continue
            held = isinstance(bare(node), (ast.Name, ast.IfExp, ast.BoolOp))
            if held and isinstance(node.op, (ast.USub, ast.Invert)):
                yield node.lineno, ast.unparse(node)


def bare(node: ast.expr) -> ast.expr:
    """What a register holds behind casts, signs and names given on the way: they move nothing."""
    while True:
        if isinstance(node, ast.UnaryOp):
            node = node.operand
        elif isinstance(node, ast.NamedExpr):
            node = node.target
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in CASTS and node.args:
            node = node.args[0]
        else:
            return node


def narrow_stores(module: ast.Module) -> Found:
    for function in functions(module, VIPER):
        kinds = pointers(function)
        for node in ast.walk(function):
            if not isinstance(node, ast.Subscript) or not isinstance(node.ctx, ast.Store):
                continue
            kind = kinds.get(ast.unparse(node.value), "")
            if isinstance(node.value, ast.Call):
                kind = ast.unparse(node.value.func)
            if kind in ("ptr8", "ptr16") and in_reach(node.slice):
                yield node.lineno, f"{ast.unparse(node)} = …"


def pointers(function: ast.FunctionDef) -> dict[str, str]:
    """The pointers of a function by name: ptr8, ptr16 or ptr32."""
    kinds = {a.arg: ast.unparse(a.annotation) for a in function.args.args if a.annotation}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            kinds |= {ast.unparse(target): ast.unparse(node.value.func) for target in node.targets}
    return kinds


def in_reach(index: ast.expr) -> bool:
    """Whether it may be a constant from 1 on that the short instruction takes."""
    parts = list(ast.walk(index))
    if any(isinstance(p, ast.Name) and not CONSTANT.fullmatch(p.id) for p in parts):
        return False
    if any(isinstance(p, (ast.Name, ast.Subscript, ast.Call)) for p in parts):
        return True
    return 0 < eval(ast.unparse(index), {"__builtins__": {}}) < BYTES_IN_REACH


def many_names(module: ast.Module) -> Found:
    machine = [node.lineno for node in functions(module, *MACHINE_CODE)]
    if machine and (count := len(names(module))) > NAMES_IN_REACH:
        yield min(machine), f"machine code beside {count} names"


def names(module: ast.Module) -> set[str]:
    """What a module's table of names holds, and some that it does not."""
    found: set[str] = {"<module>"}
    for node in ast.walk(module):
        for _, value in ast.iter_fields(node):
            for word in value if isinstance(value, list) else [value]:
                if isinstance(word, str):
                    found |= {word, *word.split(".")}
    return found


FAULTS = (
    Fault(
        "unary",
        "all",
        "issue 14397, mended by 2210d28792",
        "changes the variable itself; write 0 - x, or x ^ -1",
        unary,
    ),
    Fault(
        "narrow store",
        "ESP32",
        "mended by 3d19a8bc2d",
        "stores what another register holds; give the index a variable, or a pointer moved there",
        narrow_stores,
    ),
    Fault(
        "many names",
        "RP2040",
        "mended by 6b2792a097",
        f"looks up another word from the {NAMES_IN_REACH + 1}th on; divide the module",
        many_names,
    ),
)


def look(text: str, where: str) -> list[str]:
    """A sentence for each place of a module where a fault is met."""
    module = ast.parse(text)
    return [
        f"{where}:{line}: {what}: {fault.name} ({fault.upstream}): {fault.why}"
        for fault in FAULTS
        for line, what in fault.look(module)
    ]


def firmware() -> dict[str, str]:
    """The folded text of each module of firmware/."""
    top = folded.texts()
    paths: list[Path] = sorted((top / "firmware").rglob("*.py"))
    return {str(path.relative_to(top)): path.read_text(encoding="utf-8") for path in paths}


def main() -> int:
    argparse.ArgumentParser(prog="python -m tools.image.faults", description=__doc__).parse_args()
    found = [line for where, text in firmware().items() for line in look(text, where)]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
