# islet: kernels in the viper subset, as C.
# GPL-3.0-or-later
"""Viper's words are few: integers of 32 bits, flat arrays, `while`, `if`. Here they become C whose
every access is checked against its array's end, which neither the chip nor Python's negative
index does. What is not in the subset is refused by name."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

POINTERS = {"ptr8": "u8", "ptr16": "u16", "ptr32": "i32"}
PLAIN = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
    ast.LShift: "<<", ast.RShift: ">>",
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
WHOLE, ARRAY, TRUTH = "whole", "array", "truth"  # what an argument is
DIVISION = {ast.FloorDiv: "floor_div", ast.Mod: "floor_mod"}


class Subset(Exception):
    """Not in the subset; the text says what and where."""


class Kernel(NamedTuple):
    module: str
    name: str
    tree: ast.FunctionDef

    @property
    def symbol(self) -> str:
        return f"{self.module.removeprefix('firmware.').replace('.', '_')}__{self.name}"

    @property
    def arguments(self) -> dict[str, str]:
        """Of each argument what it is: an integer, an array, or anything that is true or not."""
        names = {one.arg: _is_int(one.annotation) for one in self.tree.args.args}
        handed = {
            argument.id
            for call in ast.walk(self.tree)
            if isinstance(call, ast.Call)
            for argument in call.args
            if isinstance(argument, ast.Name)
        }
        return {
            name: WHOLE if whole else ARRAY if name in handed else TRUTH
            for name, whole in names.items()
        }

    @property
    def gives(self) -> bool:
        return _is_int(self.tree.returns)


def _is_int(annotation: ast.expr | None) -> bool:
    return isinstance(annotation, ast.Name) and annotation.id == "int"


class Text:
    """A module's folded text: its kernels, and what it takes from other modules."""

    def __init__(self, module: str, text: str) -> None:
        self.module = module
        tree = ast.parse(text, module)
        self.kernels = [
            Kernel(module, one.name, one)
            for one in tree.body
            if isinstance(one, ast.FunctionDef)
            and any(ast.unparse(d) == "micropython.viper" for d in one.decorator_list)
        ]
        self.taken = {
            alias.asname or alias.name: (one.module or "", alias.name)
            for one in tree.body
            if isinstance(one, ast.ImportFrom)
            for alias in one.names
        }


def source(texts: Iterable[Text]) -> tuple[str, list[Kernel]]:
    """The functions of all texts in C, those declared first that are called; and their kernels."""
    texts = list(texts)
    known = {(text.module, one.name): one for text in texts for one in text.kernels}
    heads, bodies = [], []
    for text in texts:
        near = {name: known[place] for name, place in text.taken.items() if place in known}
        near |= {one.name: one for one in text.kernels}
        for kernel in text.kernels:
            function = _Function(kernel, near)
            heads.append(f"{function.head};")
            bodies.append(function.text)
    return "\n".join(heads) + "\n\n" + "\n\n".join(bodies) + "\n", list(known.values())


class _Function:
    def __init__(self, kernel: Kernel, near: dict[str, Kernel]) -> None:
        self.kernel, self.near = kernel, near
        self.args = kernel.arguments
        self.pointers: dict[str, str] = {}  # local name -> type of its elements
        self.locals: dict[str, None] = {}  # integers, in order
        declared = [f"{'array' if k == ARRAY else 'i32'} {a}" for a, k in self.args.items()]
        gives = "i32" if kernel.gives else "void"
        self.head = f"static {gives} {kernel.symbol}({', '.join(declared) or 'void'})"
        body = self.block(kernel.tree.body)
        made = [f"array {name} = {{0, 0}};" for name in self.pointers if name not in self.args]
        made += [f"i32 {name} = 0;" for name in self.locals]
        end = "return 0;" if kernel.gives else ""
        self.text = f"{self.head} {{\n{' '.join(made)}\n{body}\n{end}\n}}"

    def refuse(self, node: ast.AST, what: str = "") -> Subset:
        where = f"{self.kernel.module}:{getattr(node, 'lineno', '?')}"
        return Subset(f"{where}: {what or type(node).__name__} is not in the subset")

    def block(self, body: list[ast.stmt]) -> str:
        return "\n".join(filter(None, map(self.statement, body)))

    def statement(self, node: ast.stmt) -> str:
        match node:
            case ast.Expr(ast.Constant()) | ast.Pass():
                return ""
            case ast.Expr(value):
                return f"{self.value(value)};"
            case ast.Assign([ast.Name(name)], ast.Call(ast.Name(kind), [ast.Name(of)])) if (
                kind in POINTERS
            ):
                self.pointers[name] = POINTERS[kind]
                return f"{name} = {of};"
            case ast.Assign(targets, value):
                return self.assign(targets, value)
            case ast.AugAssign(target, op, value):
                return self.assign([target], ast.BinOp(_loaded(target), op, value))
            case ast.If(test, body, orelse):
                other = f" else {{\n{self.block(orelse)}\n}}" if orelse else ""
                return f"if ({self.value(test)}) {{\n{self.block(body)}\n}}{other}"
            case ast.While(test, body, []):
                return f"while ({self.value(test)}) {{\n{self.block(body)}\n}}"
            case ast.Return(None):
                return "return;"
            case ast.Return(value) if value is not None:
                return f"return {self.value(value)};"
            case ast.Break():
                return "break;"
            case ast.Continue():
                return "continue;"
        raise self.refuse(node)

    def assign(self, targets: list[ast.expr], value: ast.expr) -> str:
        """The value first, as in Python: what it calls may change where it goes."""
        made = self.value(value)
        if len(targets) == 1 and isinstance(targets[0], ast.Name):
            return f"{self.place(targets[0])} = {made};"
        places = " ".join(f"{self.place(target)} = made;" for target in targets)
        return f"{{ i32 made = {made}; {places} }}"

    def place(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            if node.id not in self.args:
                self.locals[node.id] = None
            return node.id
        return self.value(node)

    def value(self, node: ast.expr) -> str:
        match node:
            case ast.Constant(bool() | int() as number):
                return str(int(number))
            case ast.Name(name):
                if name not in self.args and name not in self.locals and name not in self.pointers:
                    raise self.refuse(node, f"`{name}`, neither local nor folded,")
                return name
            case ast.UnaryOp(ast.USub(), operand):
                return f"(-{self.value(operand)})"
            case ast.UnaryOp(ast.Invert(), operand):
                return f"(~{self.value(operand)})"
            case ast.UnaryOp(ast.Not(), operand):
                return f"(!{self.value(operand)})"
            case ast.BinOp(left, op, right) | ast.Compare(left, [op], [right]):
                return self.both(node, left, op, right)
            case ast.BoolOp(op, [first, *rest]):
                more = rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
                a, b = self.value(first), self.value(more)
                return f"({a} ? {b} : 0)" if isinstance(op, ast.And) else f"({a} ?: {b})"
            case ast.IfExp(test, body, orelse):
                return f"({self.value(test)} ? {self.value(body)} : {self.value(orelse)})"
            case ast.Subscript(ast.Name(name), index) if name in self.pointers:
                return f"AT({self.pointers[name]}, {name}, {self.value(index)})"
            case ast.Subscript(ast.Call(ast.Name(kind), [ast.Name(of)]), index) if (
                kind in POINTERS
            ):
                return f"AT({POINTERS[kind]}, {of}, {self.value(index)})"
            case ast.Call(ast.Name("int"), [value]):
                return self.value(value)
            case ast.Call(ast.Name(name), args) if name in self.near:
                if sum(map(self.calls, args)) > 1:
                    raise self.refuse(node, "calls as several arguments of a call")
                return f"{self.near[name].symbol}({', '.join(map(self.argument, args))})"
        raise self.refuse(node)

    def both(self, node: ast.expr, left: ast.expr, op: ast.AST, right: ast.expr) -> str:
        a, b = self.value(left), self.value(right)
        if type(op) in DIVISION:
            return f"{DIVISION[type(op)]}({a}, {b})"
        if type(op) not in PLAIN:
            raise self.refuse(node, type(op).__name__)
        if self.calls(left) or self.calls(right):  # from left to right, which C leaves open
            return f"({{ i32 a = {a}; i32 b = {b}; a {PLAIN[type(op)]} b; }})"
        return f"({a} {PLAIN[type(op)]} {b})"

    def calls(self, node: ast.expr) -> bool:
        return any(
            isinstance(one, ast.Call) and getattr(one.func, "id", "") in self.near
            for one in ast.walk(node)
        )

    def argument(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name) and self.args.get(node.id) == ARRAY:
            return node.id
        return self.value(node)


def _loaded(target: ast.expr) -> ast.expr:
    if isinstance(target, ast.Name):
        return ast.Name(target.id, ast.Load())
    assert isinstance(target, ast.Subscript)
    return ast.Subscript(target.value, target.slice, ast.Load())
