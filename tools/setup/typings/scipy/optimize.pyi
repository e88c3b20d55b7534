from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

class Bounds:
    def __init__(self, lb: ArrayLike = ..., ub: ArrayLike = ...) -> None: ...

class LinearConstraint:
    def __init__(self, A: ArrayLike, lb: ArrayLike = ..., ub: ArrayLike = ...) -> None: ...

class OptimizeResult:
    success: bool
    message: str
    x: np.ndarray

def milp(
    c: ArrayLike,
    *,
    integrality: ArrayLike | None = ...,
    bounds: Bounds | None = ...,
    constraints: LinearConstraint | Sequence[LinearConstraint] | None = ...,
) -> OptimizeResult: ...
