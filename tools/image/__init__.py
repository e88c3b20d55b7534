"""Images: the firmware frozen into the interpreter of a chip. `python -m tools.image --help`."""
