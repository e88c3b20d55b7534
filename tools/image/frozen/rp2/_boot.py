# islet: the first Python that an RP2040 runs; frozen. docs/images.md has the layout of the flash.
# GPL-3.0-or-later

import islet_storage
import rp2

# tools/image/flash.json. Flash() has the file system, then raw records that are none of its own.
# On a Pico it begins where images of before have the file system: 256 kB that are the code's now.
_RECORDS = 384 * 1024
_BEFORE = 1152 * 1024, 896 * 1024  # Flash() there, and the file system
_size = len(memoryview(rp2.Flash()))  # pyright: ignore[reportArgumentType]
_code, _was = 0, None
if _size == _BEFORE[0]:
    _code = 256 * 1024
    _was = rp2.Flash(start=0, len=_BEFORE[1])  # pyright: ignore[reportCallIssue]
_volume = rp2.Flash(start=_code, len=_size - _code - _RECORDS)  # pyright: ignore[reportCallIssue]
islet_storage.start(_volume, _was, _code // 4096, progsize=256)
del islet_storage, rp2, _RECORDS, _BEFORE, _size, _code, _was, _volume
