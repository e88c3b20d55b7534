# islet: the first Python that an RP2040 runs; frozen. docs/images.md has the layout of the flash.
# GPL-3.0-or-later

import islet_storage
import rp2

# tools/image/flash.json. Flash() begins where images of before have the file system: 256 kB that
# are the code's now, then the file system, then raw records of which it knows nothing.
_CODE = 256 * 1024
_RECORDS = 384 * 1024
_BEFORE = 256 * 1024  # of records, then
_size = len(memoryview(rp2.Flash()))  # pyright: ignore[reportArgumentType]
_volume = rp2.Flash(start=_CODE, len=_size - _CODE - _RECORDS)  # pyright: ignore[reportCallIssue]
_was = rp2.Flash(start=0, len=_size - _BEFORE)  # pyright: ignore[reportCallIssue]
islet_storage.start(_volume, _was, _CODE // 4096, progsize=256)
del islet_storage, rp2, _CODE, _RECORDS, _BEFORE, _size, _volume, _was
