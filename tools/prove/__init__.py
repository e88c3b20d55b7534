"""The commissioning proof of a converter, at a board that runs islet: `make prove`."""
