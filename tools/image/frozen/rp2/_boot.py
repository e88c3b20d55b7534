# islet: the first Python that an RP2040 runs; frozen. docs/images.md has the layout of the flash.
# GPL-3.0-or-later

import islet_storage
import rp2

# Behind the file system lie 256 kB of raw records for the ledger, of which it knows nothing.
_size = len(memoryview(rp2.Flash())) - 256 * 1024  # pyright: ignore[reportArgumentType]
_volume = rp2.Flash(start=0, len=_size)  # pyright: ignore[reportCallIssue]
islet_storage.start(_volume, progsize=256)
del islet_storage, rp2, _size, _volume
