"""The interpreter's clock: real at start, virtual on request."""

from collections.abc import Sequence
from typing import Any

def virtual(start: bool) -> None:
    """True: stand at 0 and move by advance_us() only. False: the real clock again."""

def advance_us(us: int) -> None:
    """Let virtual time pass; ValueError when negative."""

def is_virtual() -> bool: ...
def first(alarms: Sequence[Any], now: int) -> Any:
    """The first of these objects whose `due` has come, or None."""

def soonest(alarms: Sequence[Any], until: int) -> int:
    """The least `due` of them, `until` at the latest."""
