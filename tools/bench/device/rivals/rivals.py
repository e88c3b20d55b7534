# islet: islet beside others, each pair on the same chip in the same run.
# GPL-3.0-or-later

import gc
import json

from asked import LIMIT_MS, PARTS


def measure():
    """Prints what the sides of each part are, as an object."""
    for part in PARTS:
        module = __import__("rival_" + part)
        found = {"part": part}
        for side in ("islet", "rival"):
            found[side] = getattr(module, side)(LIMIT_MS)
            gc.collect()
        print(json.dumps(found))
