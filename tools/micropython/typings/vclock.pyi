"""The interpreter's clock: real at start, virtual on request."""

def virtual(start: bool) -> None:
    """True: stand at 0 and move by advance_us() only. False: the real clock again."""

def advance_us(us: int) -> None:
    """Let virtual time pass; ValueError when negative."""

def is_virtual() -> bool: ...
