"""The sampling driver of the simulated chip."""

from collections.abc import Callable, Iterable
from typing import Any

def start(
    channels: Iterable[int], rate_hz: int, frames: int, callback: Callable[[Any, int], object]
) -> None: ...
def stop() -> None: ...
