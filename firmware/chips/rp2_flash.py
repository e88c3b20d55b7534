# islet: the records' part of the RP2040's flash, as the ledger wants it.
# GPL-3.0-or-later
#
# Both operations stop every interrupt, the guard's too, since its code runs from the same flash:
# a page for under 1 ms (W25Q16JV data sheet: 0.4 ms typical, 3 ms at most), a sector for 45 ms
# typical, 400 ms at most. So pages are programmed whenever a record is due, and a sector is erased
# only while `may_erase()` says that nothing is energised (INV-9): asked here again, in the last
# place before the chip, whoever wants it.

import rp2

from firmware.base.viper import const

_SIZE = const(256 * 1024)
_PAGE = const(256)


class RecordFlash:
    """size, sector, read, program and erase, as firmware/ledger/store.py describes them.

    `may_erase` is a function without arguments; until the app gives one nothing is erased."""

    sector = 4096

    def __init__(self, may_erase=None, size=_SIZE, behind=0):
        self.may_erase = may_erase
        self.refused = 0  # erases that somebody wanted at the wrong time
        self.size = size
        storage = len(memoryview(rp2.Flash()))  # type: ignore[arg-type]  # file system and records
        flash = rp2.Flash(start=storage - behind - size, len=size)  # type: ignore[call-arg]
        self._flash = flash
        self._bytes = memoryview(flash)  # type: ignore[arg-type]  # the flash, read where it lies
        self._page = bytearray(_PAGE)
        self._blank = b"\xff" * _PAGE

    def before(self, size):
        """The part in front of this one: of what the layout keeps for what comes."""
        return RecordFlash(self.may_erase, size, self.size)

    def read(self, offset, count):
        """A view of the flash: valid until something is written there."""
        return self._bytes[offset : offset + count]

    def program(self, offset, data):
        """Clear bits in one page: what lies around `data` is programmed with ones, which leaves
        it as it is. ValueError when it would reach into the next page."""
        at = offset % _PAGE
        if at + len(data) > _PAGE:
            raise ValueError("record flash: {} bytes at {} cross a page".format(len(data), offset))
        self._page[:] = self._blank
        self._page[at : at + len(data)] = data
        first = offset - at
        self._flash.writeblocks(first // self.sector, self._page, first % self.sector)

    def erase(self, offset):
        """Set a sector to ones. RuntimeError while something is energised."""
        if self.may_erase is None or not self.may_erase():
            self.refused += 1
            raise RuntimeError("record flash: no erase while the contactor is closed or islanded")
        self._flash.ioctl(6, offset // self.sector)  # MP_BLOCKDEV_IOCTL_BLOCK_ERASE
