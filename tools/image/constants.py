# islet: which names of the firmware stand for whole numbers.
# GPL-3.0-or-later
from __future__ import annotations

import ast
import contextlib
import copy
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from tools.micropython.sources import BuildError

SMALL = 2**30 - 1  # what the chip holds without the heap

# Modules of nothing but data, run to know what they hold, and their functions that answer a word
# with a number: asked now, not at every start.
TABLES = {"firmware.image": (), "firmware.core.grid.island_table": ("bit", "cause")}
_ARITHMETIC = (ast.Constant, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop)

Rows = Mapping[str, int]  # an image's own numbers for constants of image.py, by name
Constants = dict[str, dict[str, int]]  # module -> name -> value


def constants(texts: dict[str, str], plain: bool = True) -> Constants:
    """The whole numbers that modules declare; `plain`: also without const()."""
    trees = {module: ast.parse(text) for module, text in texts.items()}
    froms = {module: froms_of(tree_) for module, tree_ in trees.items()}
    bound = {module: rebound(tree_) for module, tree_ in trees.items()}
    ran = {module: run(texts[module], module) for module in TABLES if module in texts}
    found: Constants = {module: numbers(ran.get(module, {})) for module in trees}
    for _ in trees:  # until those that are made of others' are known as well
        before = sum(map(len, found.values()))
        for module, tree_ in trees.items():
            if module not in ran:
                asked = answers(tree_, ran)
                found[module] |= declared(tree_, froms[module], bound[module], found, asked, plain)
        if sum(map(len, found.values())) == before:
            return found
    return found


def run(text: str, module: str) -> dict[str, Any]:
    """What a module of nothing but data holds once it has run."""
    names: dict[str, Any] = {"__name__": module}
    exec(compile(text, module, "exec"), names)
    return names


def numbers(names: Mapping[str, Any]) -> dict[str, int]:
    return {n: v for n, v in names.items() if n.isupper() and type(v) is int and abs(v) <= SMALL}


def answers(module: ast.Module, ran: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The functions of tables that a module imports, by their names here."""
    return {
        alias.asname or alias.name: ran[node.module][alias.name]
        for node in module.body
        if isinstance(node, ast.ImportFrom) and node.module and node.module in ran
        for alias in node.names
        if alias.name in TABLES[node.module]
    }


def declared(
    module: ast.Module,
    froms: Sequence[ast.ImportFrom],
    bound: Mapping[str, int],
    known: Constants,
    asked: Mapping[str, Any],
    plain: bool,
) -> dict[str, int]:
    """What a module declares, by what it imports and how often it binds each name."""
    values = {n: known[source][original] for n, (source, original) in imports(froms, known)}
    for part in froms:  # as im.NODES
        for alias in part.names:
            there = known.get(f"{part.module}.{alias.name}", {})
            values |= {f"{alias.asname or alias.name}.{n}": v for n, v in there.items()}
    own = {n: v for n, v in values.items() if "." not in n and n not in bound}  # for who asks here
    for node in module.body:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        target, value = node.targets[0], node.value
        pairs: list[tuple[ast.expr, ast.expr]] = [(target, value)]
        if isinstance(target, ast.Tuple):
            pairs = list(zip(target.elts, several(value), strict=False))
        for left, right in pairs:
            if not isinstance(left, ast.Name) or not left.id.isupper():
                continue
            if (
                bound[left.id] > 1
                or left.id in values
                or not (plain or named(right, ("const", *asked)))
            ):
                continue
            number = evaluated(right, {**values, **own}, asked)
            if number is not None and abs(number) <= SMALL:
                own[left.id] = number
    return own


def literals(texts: Mapping[str, str], known: Constants) -> dict[str, dict[str, Any]]:
    """What each module knows by a name in capitals, of itself and by import, that stands for text,
    a whole number or a tuple of such."""
    trees = {module: ast.parse(text) for module, text in texts.items()}
    own: dict[str, dict[str, Any]] = {module: dict(known.get(module, {})) for module in trees}
    while True:
        before = sum(map(len, own.values()))
        seen = {
            module: {**_imported(tree_, own), **own[module]} for module, tree_ in trees.items()
        }
        for module, tree_ in trees.items():
            bound = rebound(tree_)
            for left, right in _pairs(tree_):
                if isinstance(left, ast.Name) and left.id.isupper() and bound[left.id] == 1:
                    with contextlib.suppress(ValueError):
                        own[module].setdefault(left.id, literal(right, seen[module]))
        if sum(map(len, own.values())) == before:
            return seen


def literal(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """The value of text, number, name, tuple or a sum of tuples; ValueError of anything else."""
    match node:
        case ast.Constant(value) if value is None or type(value) in (str, int, bool):
            return value
        case ast.Name(name) if name in names:
            return names[name]
        case ast.Tuple(parts):
            return tuple([literal(part, names) for part in parts])
        case ast.UnaryOp(ast.USub(), part) if type(number := literal(part, names)) is int:
            return -number
        case ast.BinOp(left, ast.Add(), right):
            first, second = literal(left, names), literal(right, names)
            if type(first) is type(second) is tuple:
                return first + second
    raise ValueError


def _imported(tree_: ast.Module, own: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        alias.asname or alias.name: own[node.module][alias.name]
        for node in tree_.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
        if alias.name in own.get(node.module, {})
    }


def _pairs(tree_: ast.Module) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What a module gives to its names, one by one."""
    for node in tree_.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            if isinstance(target, ast.Tuple):
                yield from zip(target.elts, several(node.value), strict=False)
            else:
                yield target, node.value


def named(value: ast.expr, functions: Sequence[str]) -> bool:
    """A call of one of them."""
    return isinstance(value, ast.Call) and getattr(value.func, "id", "") in functions


def several(value: ast.expr) -> Sequence[ast.expr]:
    """What each name of a tuple is given, of a tuple or of range(5)."""
    if isinstance(value, ast.Tuple):
        return value.elts
    match value:
        case ast.Call(func=ast.Name("range"), args=[ast.Constant(int(count))]):
            return [ast.Constant(number) for number in range(count)]
    return ()


def evaluated(node: ast.expr, names: dict[str, int], asked: Mapping[str, Any]) -> int | None:
    """A constant expression of whole numbers, else None; `names` has those of modules as im.X,
    `asked` the functions that answer a word with one."""
    node = _Numbers(names, asked).visit(copy.deepcopy(node))
    if not all(isinstance(part, _ARITHMETIC) for part in walk(node)):
        return None
    value = eval(compile(ast.fix_missing_locations(ast.Expression(node)), "const", "eval"), {}, {})
    return value if type(value) is int else None


class _Numbers(ast.NodeTransformer):
    """Known names, also as im.NAME, become their numbers; so do const(5) and bit("open")."""

    def __init__(self, names: Mapping[str, int], asked: Mapping[str, Any]) -> None:
        self._names = names
        self._asked = asked

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(self._names[node.id]) if node.id in self._names else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        name = ast.unparse(node)
        return ast.Constant(self._names[name]) if name in self._names else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if len(node.args) != 1 or node.keywords:
            return node
        (argument,) = node.args
        if name == "const":
            return cast(ast.expr, self.visit(argument))
        if name in self._asked and isinstance(argument, ast.Constant):
            return ast.Constant(self._asked[name](argument.value))
        return node


def walk(tree_: ast.AST) -> list[ast.AST]:
    """What ast.walk() gives, in its order, in two thirds of its time: most of folding is this."""
    found = [tree_]
    for node in found:
        for name in node._fields:
            value = getattr(node, name, None)
            if type(value) is list:
                found += [part for part in value if isinstance(part, ast.AST)]
            elif isinstance(value, ast.AST):
                found.append(value)
    return found


def froms_of(module: ast.AST) -> list[ast.ImportFrom]:
    """Where it imports from others, in any scope."""
    return [n for n in walk(module) if isinstance(n, ast.ImportFrom) and n.module]


def imports(
    froms: Iterable[ast.ImportFrom], known: Constants
) -> Iterator[tuple[str, tuple[str, str]]]:
    """(name here, (module, name there)) of what is imported and constant."""
    for node in froms:
        if node.module in known:
            for alias in node.names:
                if alias.name in known[node.module]:
                    yield alias.asname or alias.name, (node.module, alias.name)


def rebound(tree_: ast.AST) -> Counter[str]:
    """How often each name is given a value here, in any scope."""
    names: Counter[str] = Counter()
    for node in walk(tree_):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names[node.id] += 1
        elif isinstance(node, ast.arg):
            names[node.arg] += 1
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            names[node.name] += 1
    return names


def with_rows(text: str, rows: Rows) -> str:
    """The text of image.py with an image's numbers of rows."""
    for row, count in rows.items():
        text, found = re.subn(
            rf"^{row} = const\(\d+\)", f"{row} = const({count})", text, flags=re.M
        )
        if not found:
            raise BuildError(f"rows: firmware/image.py declares no {row}")
    return text
