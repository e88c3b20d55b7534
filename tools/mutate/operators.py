# islet: which mistakes a text could hold, by operator.
# GPL-3.0-or-later
"""Each operator is a function over one node of a text's tree; it yields (start, end, new text)."""

from __future__ import annotations

import ast
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Span = tuple[int, int, str]

_BOUNDARY = {ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">")}
_SIGN = {ast.Add: ("+", "-"), ast.Sub: ("-", "+")}
_UNITS: dict[object, int] = {
    10: 100,
    60: 1,
    100: 1_000,
    1_000: 100,
    3_600: 60,
    60_000: 1_000,
    1_000_000: 1_000,
}
_UNIT_NAME = re.compile(r"_(MS|US|S|MA|MV|W|WH|MHZ|VA|PERCENT)$")
_AGE = re.compile(r"(^|_)age(_|$)", re.I)
_CLEARED = (0, -1, False, None, "")


@dataclass(frozen=True)
class Mistake:
    """One change of one file. `name` stays the same while its function does."""

    name: str  # file, function, operator, which of these there
    file: str  # below the repository
    room: str  # guard, core/limits …
    operator: str
    line: int
    start: int
    end: int
    new: str
    old: str

    def planted(self, text: str) -> str:
        assert text[self.start : self.end] == self.old
        return text[: self.start] + self.new + text[self.end :]

    @property
    def change(self) -> str:
        return f"{_short(self.old)} → {_short(self.new)}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:57] + "…"


class Text:
    """A module's text and tree, with places in characters."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self._lines = [0]
        for line in text.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self._texts = text.splitlines()

    def at(self, line: int, column: int) -> int:
        before = self._texts[line - 1].encode()[:column].decode()
        return self._lines[line - 1] + len(before)

    def span(self, node: ast.AST) -> tuple[int, int]:
        node_at: ast.expr = node  # type: ignore[assignment]
        assert node_at.end_lineno is not None and node_at.end_col_offset is not None
        return (
            self.at(node_at.lineno, node_at.col_offset),
            self.at(node_at.end_lineno, node_at.end_col_offset),
        )

    def between(self, left: ast.AST, right: ast.AST, old: str, new: str) -> Iterator[Span]:
        """The operator's own text between two operands."""
        start, end = self.span(left)[1], self.span(right)[0]
        found = list(re.finditer(rf"(?<![<>=]){re.escape(old)}(?![<>=])", self.text[start:end]))
        if len(found) == 1:
            yield start + found[0].start(), start + found[0].end(), new


def boundary(text: Text, node: ast.AST) -> Iterator[Span]:
    """`<` for `<=` and the like."""
    if isinstance(node, ast.Compare):
        left = node.left
        for kind, right in zip(node.ops, node.comparators, strict=True):
            if type(kind) in _BOUNDARY:
                yield from text.between(left, right, *_BOUNDARY[type(kind)])
            left = right


def sign(text: Text, node: ast.AST) -> Iterator[Span]:
    """`+` for `-`, `+=` for `-=`, a minus that is left out."""
    if isinstance(node, ast.BinOp) and type(node.op) in _SIGN and not _wordy(node):
        yield from text.between(node.left, node.right, *_SIGN[type(node.op)])
    elif isinstance(node, ast.AugAssign) and type(node.op) in _SIGN and not _wordy(node.value):
        start, end = text.span(node.target)[1], text.span(node.value)[0]
        old, new = _SIGN[type(node.op)]
        at = text.text.index(old + "=", start, end)
        yield at, at + 1, new
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        start = text.span(node)[0]
        if not isinstance(node.operand, ast.Constant):
            yield start, start + 1, ""


def _wordy(node: ast.AST) -> bool:
    """Of texts or tables: there `-` is no mistake that runs."""
    kinds = (ast.JoinedStr, ast.Tuple, ast.List, ast.Dict)
    return any(
        isinstance(n, kinds) or (isinstance(n, ast.Constant) and isinstance(n.value, (str, bytes)))
        for n in ast.walk(node)
    )


def unit(text: Text, node: ast.AST) -> Iterator[Span]:
    """A factor between units, or a constant with a unit in its name, in another one."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.FloorDiv, ast.Div)):
        for side in (node.left, node.right):
            if isinstance(side, ast.Constant) and side.value in _UNITS:
                yield (*text.span(side), str(_UNITS[side.value]))
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        value = node.value
        if isinstance(value, ast.Call) and value.args:
            value = value.args[0]
        number = value.value if isinstance(value, ast.Constant) else None
        if _UNIT_NAME.search(node.targets[0].id) and isinstance(number, int) and number:
            yield (*text.span(value), str(number * 10))


def dropped_row(text: Text, node: ast.AST) -> Iterator[Span]:
    """A table without one of its rows."""
    if isinstance(node, (ast.Tuple, ast.List)):
        rows = [text.span(row) for row in node.elts]
        if not all(isinstance(row, (ast.Tuple, ast.Call, ast.List)) for row in node.elts):
            return
    elif isinstance(node, ast.Dict) and all(node.keys):
        pairs = zip(node.keys, node.values, strict=True)
        rows = [(text.span(k)[0], text.span(v)[1]) for k, v in pairs if k is not None]
    else:
        return
    if len(rows) >= 3:
        for row, after in itertools.pairwise(rows):
            yield row[0], after[0], ""
        yield rows[-2][1], rows[-1][1], ""


def swapped_age(text: Text, node: ast.AST) -> Iterator[Span]:
    """Another age than the one that is meant; in a function, another time of it."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return
    used: dict[str, list[tuple[int, int]]] = {}
    for child in ast.walk(node):
        if isinstance(child, (ast.Name, ast.Attribute)) and isinstance(child.ctx, ast.Load):
            start, end = text.span(child)
            word = text.text[start:end]
            last = word.rpartition(".")[2]
            if word.startswith("im.") and (other := _AGES.get(last)):
                yield start, end, f"im.{other}"
            elif not word.startswith("im.") and re.search(r"(_ms|age)$", last):
                used.setdefault(word, []).append((start, end))
    words = sorted(used)
    for i, word in enumerate(words):
        if _AGE.search(word.rpartition(".")[2]) and len(words) > 1:
            for start, end in sorted(used[word]):
                yield start, end, words[(i + 1) % len(words)]


# fields of one section, of the same kind: each for the next
_AGES = {
    "POINT_PILOT_AGE_MS": "POINT_MA_AGE_MS",
    "POINT_MA_AGE_MS": "POINT_PILOT_AGE_MS",
    "POINT_PROXIMITY_AGE_MS": "POINT_PILOT_AGE_MS",
    "INPUTS_AGE_MS": "FAST_AGE_MS",
    "FAST_AGE_MS": "CROSSING_AGE_MS",
    "CROSSING_AGE_MS": "FAST_AGE_MS",
    "GRID_AGE_MS": "HOUSE_AGE_MS",
    "HOUSE_AGE_MS": "GRID_AGE_MS",
    "DEVICE_AGE_MS": "DEVICE_SOC_AGE_MS",
    "DEVICE_SOC_AGE_MS": "DEVICE_AGE_MS",
    "BEAT_AGE_MS": "FAST_AGE_MS",
}


def missing_clear(text: Text, node: ast.AST) -> Iterator[Span]:
    """What is set back to nothing is left as it was."""
    if not isinstance(node, ast.FunctionDef) or node.name == "__init__":
        return
    seen: set[str] = set()
    statements = [n for n in ast.walk(node) if isinstance(n, (ast.Assign, ast.AugAssign))]
    for child in sorted(statements, key=lambda n: n.lineno):
        target = child.targets[0] if isinstance(child, ast.Assign) else child.target
        name = ast.unparse(target)
        there = name in seen or not isinstance(target, ast.Name)
        if there and isinstance(child, ast.Assign) and _cleared(child.value):
            yield (*text.span(child), "pass")
        seen.add(name)


def _cleared(node: ast.AST) -> bool:
    try:
        value = ast.literal_eval(node)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return False
    return value in _CLEARED


OPERATORS: dict[str, Callable[[Text, ast.AST], Iterator[Span]]] = {
    "boundary": boundary,
    "sign": sign,
    "unit": unit,
    "dropped row": dropped_row,
    "swapped age": swapped_age,
    "missing clear": missing_clear,
}


_LOOKED_AT = (
    ast.Compare, ast.BinOp, ast.AugAssign, ast.UnaryOp, ast.Assign, ast.Tuple, ast.List, ast.Dict,
    ast.FunctionDef, ast.AsyncFunctionDef,
)  # fmt: skip


def _places(tree: ast.AST, place: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Each node with the function or class it stands in."""
    for node in ast.iter_child_nodes(tree):
        named = isinstance(node, (ast.FunctionDef, ast.ClassDef))
        inner = f"{place}.{node.name}".lstrip(".") if named else place
        if isinstance(node, _LOOKED_AT):
            yield inner or "module", node
        yield from _places(node, inner)


def mistakes(file: str, room: str, source: str) -> list[Mistake]:
    """All there are in one file, each once."""
    text = Text(source)
    found: list[Mistake] = []
    taken: set[Span] = set()
    counts: Counter[tuple[str, str]] = Counter()
    for place, node in _places(text.tree):
        for operator, look in OPERATORS.items():
            for start, end, new in look(text, node):
                if (start, end, new) in taken:
                    continue
                taken.add((start, end, new))
                counts[place, operator] += 1
                line = source.count("\n", 0, start) + 1
                short = file.removeprefix("firmware/")
                name = f"{short} {place} {operator} {counts[place, operator]}"
                old = source[start:end]
                found.append(Mistake(name, file, room, operator, line, start, end, new, old))
    return found
