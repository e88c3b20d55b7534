# islet: how a start leaves the chip's heap: nothing that is needed once, and in large blocks.
# GPL-3.0-or-later

import gc
import sys

import firmware
from firmware.image import forget_rows


def collect_after(count):
    """Collect after so many bytes; -1: when the heap is used up. What is made at a start lasts: it
    shall lie together, not between what goes again, or no large block is left."""
    if hasattr(gc, "threshold"):
        gc.threshold(count)


class Configured:
    """What a configuration came to: `settings` by path, `nodes` by name, `errors` and `warnings`.

    The rooms that read it are needed once, and are several kB of a chip's heap: they go again, and
    so do the rows that declare the process image, once there is one."""

    def __init__(self, text, image, rights):
        from firmware import config, seal

        rights.key = seal.key()
        loaded = config.load(text, image, rights)
        self.settings, self.nodes = loaded.settings, loaded.nodes
        self.errors, self.warnings = loaded.errors, loaded.warnings
        if sys.implementation.name == "micropython":
            for name in ("config", "options", "rules", "seal"):
                sys.modules.pop("firmware." + name, None)
                if hasattr(firmware, name):
                    delattr(firmware, name)
            forget_rows()
