"""What `python -m tools.pack` makes of the JSON files in the firmware."""

VERSION: str
CIRCUIT: str  # of this image
CIRCUITS: dict[str, bytes]
PROFILES: tuple[tuple[str, ...], tuple[bytes, ...]]  # names, packed
GRIDCODES: tuple[tuple[str, ...], tuple[bytes, ...]]  # names, packed
FIELDS: tuple[tuple[str, tuple[tuple[str, int, str], ...]], ...]
