"""What `python -m tools.pack` makes of the JSON files in the firmware."""

VERSION: str
CIRCUIT: str  # of this image
CIRCUITS: dict[str, bytes]
PROFILES: dict[str, bytes]
GRIDCODES: dict[str, bytes]
FIELDS: tuple[tuple[str, tuple[tuple[str, int, str], ...]], ...]
