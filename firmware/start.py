# islet: how a start leaves the chip's heap: nothing that is needed once.
# GPL-3.0-or-later

import sys

import firmware
from firmware.image import forget_rows


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
