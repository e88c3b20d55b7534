"""What `python -m tools.pack` makes of the JSON files in the firmware."""

VERSION: str
CIRCUIT: str  # of this image
BOARDS: dict[str, bytes]
DEVICES: dict[str, bytes]
GRIDCODES: dict[str, bytes]
FIELDS: tuple[tuple[str, tuple[tuple[str, int, str], ...]], ...]
