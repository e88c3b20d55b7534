# islet: the records' part of an ESP32's flash, as the ledger wants it.
# GPL-3.0-or-later
#
# A partition "records" of our own images. A write without erase clears bits; an erase stops both
# cores for 45 ms and more, so it happens only while `may_erase()` says that nothing is energised.

from esp32 import Partition  # pyright: ignore

LABEL = "records"
_ERASE = 6  # MP_BLOCKDEV_IOCTL_BLOCK_ERASE
_INFO_SIZE = 3


def find():
    """The partition, None where the image has none (a stock image)."""
    found = Partition.find(Partition.TYPE_DATA, label=LABEL)
    return RecordPartition(found[0]) if found else None


class RecordPartition:
    """size, sector, read, program and erase, as firmware/ledger/store.py describes them.

    `may_erase` is a function without arguments; until the app gives one nothing is erased."""

    sector = 4096

    def __init__(self, partition, may_erase=None):
        self.may_erase = may_erase
        self.refused = 0  # erases that somebody wanted at the wrong time
        self.size = partition.info()[_INFO_SIZE]
        self._partition = partition

    def read(self, offset, count):
        data = bytearray(count)
        self._partition.readblocks(offset // self.sector, data, offset % self.sector)
        return data

    def program(self, offset, data):
        """Clear bits; with an offset the partition does not erase before."""
        self._partition.writeblocks(offset // self.sector, data, offset % self.sector)

    def erase(self, offset):
        """Set a sector to ones. RuntimeError while something is energised."""
        if self.may_erase is None or not self.may_erase():
            self.refused += 1
            raise RuntimeError("records: no erase while the contactor is closed or islanded")
        self._partition.ioctl(_ERASE, offset // self.sector)
