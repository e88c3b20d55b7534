# islet: where the ledger's bytes live: flash semantics, here over a file.
# GPL-3.0-or-later
#
# Like NOR flash: `erase` sets a sector to ones and takes long, `program` clears bits and is quick.
# A board with raw flash or FRAM offers an object with the same five names.

import os


class FileStore:
    """A file of `size` bytes, made of erased sectors when it is not there yet."""

    sector = 4096

    def __init__(self, path, size):
        self.may_erase: object = (
            None  # a function without arguments; until it is given anything goes
        )
        self.size = size
        try:
            there = os.stat(path)[6]
        except OSError:
            there = self._make(path)
        if there != size:
            raise ValueError("ledger: {} has {} bytes, needs {}".format(path, there, size))
        self._file = open(path, "r+b")

    def _make(self, path):
        """Write it beside and rename it, so that a power loss leaves none or a whole one."""
        blank = b"\xff" * self.sector
        with open(path + ".new", "wb") as file:
            for _ in range(self.size // self.sector):
                file.write(blank)
        os.rename(path + ".new", path)
        return self.size

    def read(self, offset, count):
        self._file.seek(offset)
        return self._file.read(count)

    def program(self, offset, data):
        self._file.seek(offset)
        self._file.write(data)
        self._file.flush()

    def erase(self, offset):
        """RuntimeError while something is energised."""
        if callable(self.may_erase) and not self.may_erase():
            raise RuntimeError("records: no erase while the contactor is closed or islanded")
        self.program(offset, b"\xff" * self.sector)

    def close(self):
        self._file.close()
