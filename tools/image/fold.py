# islet: constants of other modules written into the text that is frozen.
# GPL-3.0-or-later
"""`const` is folded by the compiler inside its own module only; an imported name is a slot of the
module's globals in the heap, and a look-up each time. Here every name that stands for a whole
number is replaced by the number, in the text and in its place, so that lines in a traceback stay
those of the source. Such are the fields of the process image, const(), what a table answers
(TABLES), and in an image each name in capitals that is given a value once; on the host a test may
give it another.

A tuple of a module in WRITTEN that is made of such names, of texts and of other tuples is written
out, for then the compiler puts it into the flash; made at the start, it is on the heap.

A constant whose name nobody asks for any more has none, and a table's sentences about its rows,
which only the documentation prints, are empty.

python -m tools.image.fold SOURCE TARGET: a folded copy of a folder firmware/.
"""

from __future__ import annotations

import argparse
import ast
import functools
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.image import layout
from tools.image.constants import (
    TABLES,
    Constants,
    Rows,
    constants,
    froms_of,
    imports,
    literal,
    literals,
    rebound,
    walk,
    with_rows,
)
from tools.micropython.sources import BuildError
from tools.workshop import ROOT

IN_A_TUPLE = 8191  # a larger one in a frozen tuple becomes a boxed integer (facts of MicroPython)

# What only the compiler and this file needed: as slots of a module they would be so in each.
POINTERS = {"ptr8", "ptr16", "ptr32"}
DONE = {"im", "const", "micropython", *POINTERS, *(name for t in TABLES.values() for name in t)}

# where tuples are written out: whose integers may be boxed, for nobody there minds an allocation
WRITTEN = ("firmware.people.", "firmware.net.")

# where a table's row has its sentence: of a tuple that long, of a call's arguments
SAID_BY_ROW = {"firmware.config.options": 8}
SAID_BY_FIELD = {"firmware.image": 4}

Cut = tuple[int, int, str]  # from, to, what stands there instead


def tree(source: Path, target: Path, keep: bool = False, rows: Rows | None = None) -> None:
    """Fold every module of a folder; files whose text did not change keep their time. `keep`: the
    constants keep their names, whoever may ask for them."""
    kept = set()
    for original, folded in folder(source, keep, tuple(sorted((rows or {}).items()))).items():
        path = target / original.relative_to(source)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != folded:
            path.write_text(folded, encoding="utf-8")
        kept.add(path)
    for path in set(target.rglob("*.py")) - kept:
        path.unlink()


@functools.cache
def folder(
    source: Path, keep: bool = False, rows: tuple[tuple[str, int], ...] = ()
) -> dict[Path, str]:
    """The folded text of every module of a folder firmware/."""
    modules = {name(path, source): path for path in sorted(source.rglob("*.py"))}
    texts = {module: path.read_text(encoding="utf-8") for module, path in modules.items()}
    texts["firmware.image"] = with_rows(texts["firmware.image"], dict(rows))
    known = constants(texts, plain=not keep)
    folded = {module: fold(text, known, module) for module, text in texts.items()}
    if keep:
        return {modules[module]: text for module, text in folded.items()}
    folded = {module: mute(text, module) for module, text in folded.items()}
    names = literals(folded, known)
    folded |= {m: written(t, names[m]) for m, t in folded.items() if m.startswith(WRITTEN)}
    needed = set().union(*(asked(text, known) for text in folded.values()))
    left = {module: bare(text, known, needed, module) for module, text in folded.items()}
    return {modules[m]: spliced(text, list(unused(text, DONE))) for m, text in left.items()}


def script(text: str, rows: Rows | None = None) -> str:
    """A program that is to run beside the frozen firmware, which has no such names any more."""
    return fold(text, shipped(tuple(sorted((rows or {}).items()))))


@functools.cache
def shipped(rows: tuple[tuple[str, int], ...] = ()) -> Constants:
    """The constants of firmware/ as it stands."""
    source = ROOT / "firmware"
    paths = {name(path, source): path for path in source.rglob("*.py")}
    texts = {m: p.read_text(encoding="utf-8") for m, p in paths.items()}
    texts["firmware.image"] = with_rows(texts["firmware.image"], dict(rows))
    return constants(texts)


def name(path: Path, source: Path) -> str:
    parts = [source.name, *path.relative_to(source).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# --- the text ------------------------------------------------------------------------------------


def fold(text: str, known: Constants, module: str = "") -> str:
    """The text with constants as numbers, imported ones and its own; as many lines as before."""
    tree_ = ast.parse(text)
    bound, froms = rebound(tree_), froms_of(tree_)
    values = {n: v for n, v in known.get(module, {}).items() if bound.get(n) == 1}
    values |= {
        here: known[source][there]
        for here, (source, there) in imports(froms, known)
        if here not in bound
    }
    imported = {here for here, _ in imports(froms, known)}
    modules = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in froms
        for alias in node.names
        if f"{node.module}.{alias.name}" in known and (alias.asname or alias.name) not in bound
    }
    starts = offsets(text)
    tuples = [node for node in walk(tree_) if isinstance(node, ast.Tuple)]
    small = {id(part) for node in tuples for part in node.elts}
    cuts: list[Cut] = []
    for node in walk(tree_):
        number = None
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            number = values.get(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            number = known.get(modules.get(node.value.id, ""), {}).get(node.attr)
        if number is None or (abs(number) > IN_A_TUPLE and id(node) in small):
            continue
        assert isinstance(node, ast.expr)
        cuts.append((*span(node, starts), f"({number})" if number < 0 else str(number)))
    result = spliced(text, cuts)
    return spliced(result, list(unused(result, imported)))


def mute(text: str, module: str) -> str:
    """The text with the sentences of its tables empty."""
    row, field = SAID_BY_ROW.get(module), SAID_BY_FIELD.get(module)
    cuts: list[Cut] = []
    starts = offsets(text)
    for node in walk(ast.parse(text)):
        said: ast.expr | None = None
        if row is not None and isinstance(node, ast.Tuple) and len(node.elts) > row:
            said = node.elts[row]
        elif field is not None and isinstance(node, ast.Call) and len(node.args) > field:
            said = node.args[field] if getattr(node.func, "id", "") == "_f" else None
        if isinstance(said, ast.Constant) and isinstance(said.value, str):
            begin, end = span(said, starts)
            cuts.append((begin, end, '""' + "\n" * text.encode()[begin:end].count(b"\n")))
    return spliced(text, cuts)


def written(text: str, names: Mapping[str, Any]) -> str:
    """The text with its tables' tuples of constants as literals; as many lines as before."""
    starts = offsets(text)
    cuts: list[Cut] = []
    parts = [node.value for node in ast.parse(text).body if isinstance(node, ast.Assign)]
    for part in parts:
        if not isinstance(part, ast.Tuple | ast.BinOp):
            continue
        try:
            value = literal(part, names)
        except ValueError:
            parts += part.elts if isinstance(part, ast.Tuple) else [part.left, part.right]
            continue
        if isinstance(value, tuple):
            begin, end = span(part, starts)
            lines = text.encode()[begin:end].count(b"\n")
            if any(isinstance(node, ast.Name) for node in walk(part)):
                cuts.append((begin, end, repr(value) + "\n" * lines))
    return spliced(text, cuts)


# --- what nobody asks for any more ---------------------------------------------------------------


def asked(text: str, known: Constants) -> set[tuple[str, str]]:
    """(module, name) of constants that are still looked up in a folded text."""
    tree_ = ast.parse(text)
    found = {origin for _, origin in imports(froms_of(tree_), known)}
    for node in walk(tree_):
        if isinstance(node, ast.Attribute):  # of a module under whatever name
            found |= {(module, node.attr) for module in known if node.attr in known[module]}
    return found


def bare(text: str, known: Constants, needed: set[tuple[str, str]], module: str) -> str:
    """The text without the names of its constants that neither it nor another module asks for: a
    slot of the heap each. A field of the image is still declared, its row is data."""
    tree_ = ast.parse(text)
    bound, starts = rebound(tree_), offsets(text)
    used = {n.id for n in walk(tree_) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    cuts: list[Cut] = []
    for node in tree_.body:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        target = node.targets[0]
        elements = target.elts if isinstance(target, ast.Tuple) else [target]
        names = [n.id for n in elements if isinstance(n, ast.Name) and n.id in known[module]]
        if len(names) != len(elements) or any(
            bound[n] > 1 or n in used or (module, n) in needed for n in names
        ):
            continue
        begin, end = span(node, starts)
        call = node.value.func if isinstance(node.value, ast.Call) else None
        if isinstance(call, ast.Name) and call.id == "_f":
            cuts.append((begin, span(node.value, starts)[0], ""))
        else:
            cuts.append((begin, end, "pass" + "\n" * text.encode()[begin:end].count(b"\n")))
    return spliced(text, cuts)


def unused(text: str, names: set[str]) -> Iterator[Cut]:
    """Imports of `names` that nobody names any more go, their lines stay. The decorator of a viper
    function and the pointers in it are words of the compiler's."""
    tree_ = ast.parse(text)
    words = {
        id(part)
        for node in walk(tree_)
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        for part in walk(decorator)
    }
    used = {n.id for n in walk(tree_) if isinstance(n, ast.Name) and id(n) not in words}
    used -= POINTERS
    starts = offsets(text)
    for node in walk(tree_):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("firmware"):
            continue
        left = [a for a in node.names if (a.asname or a.name) not in names - used]
        if len(left) == len(node.names):
            continue
        begin, end = span(node, starts)
        words = ", ".join(a.name + (f" as {a.asname}" if a.asname else "") for a in left)
        line = f"from {node.module} import {words}" if left else "pass"
        yield begin, end, line + "\n" * text.encode()[begin:end].count(b"\n")


def offsets(text: str) -> list[int]:
    """Where each line begins, in UTF-8 bytes, which ast counts."""
    starts, at = [0], 0
    for line in text.encode().split(b"\n"):
        at += len(line) + 1
        starts.append(at)
    return starts


def span(node: ast.expr | ast.stmt, starts: list[int]) -> tuple[int, int]:
    assert node.end_lineno is not None and node.end_col_offset is not None
    begin = starts[node.lineno - 1] + node.col_offset
    return begin, starts[node.end_lineno - 1] + node.end_col_offset


def spliced(text: str, cuts: list[Cut]) -> str:
    data = text.encode()
    for begin, end, new in sorted(cuts, reverse=True):
        data = data[:begin] + new.encode() + data[end:]
    return data.decode()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.image.fold", description=__doc__)
    parser.add_argument("source", nargs="?", type=Path, default=ROOT / "firmware")
    parser.add_argument("target", type=Path, help="- folds a script from stdin to stdout")
    parser.add_argument("--image", help="with the numbers of rows of this image")
    options = parser.parse_args()
    rows = None
    if options.image:
        rows = layout.ROWS[options.image]
    if str(options.target) == "-":
        sys.stdout.write(script(sys.stdin.read(), rows))
        return 0
    try:
        tree(options.source, options.target, rows=rows)
    except (OSError, SyntaxError, BuildError) as error:
        print(f"fold: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
