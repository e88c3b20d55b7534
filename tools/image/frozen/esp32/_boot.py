# islet: the first Python that an ESP32 runs; frozen.
# GPL-3.0-or-later

import islet_storage
from flashbdev import bdev  # pyright: ignore[reportMissingImports]

islet_storage.start(bdev)
del islet_storage, bdev
