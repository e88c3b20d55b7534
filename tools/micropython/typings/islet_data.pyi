"""What `python -m tools.pack` makes of the JSON files in the firmware."""

BOARDS: dict[str, bytes]
DEVICES: dict[str, bytes]
GRIDCODES: dict[str, bytes]
