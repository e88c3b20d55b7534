"""Names that MicroPython's compiler knows: const everywhere, the others inside viper functions."""

from typing import Any, TypeAlias, TypeVar

_C = TypeVar("_C", int, float, str, bytes, tuple)

def const(expr: _C) -> _C: ...

uint: TypeAlias = int
ptr: TypeAlias = Any
ptr8: TypeAlias = Any
ptr16: TypeAlias = Any
ptr32: TypeAlias = Any
