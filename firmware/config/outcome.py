# islet: what a configuration came to, without what read it.
# GPL-3.0-or-later

from firmware import config
from firmware import image as im
from firmware.base import forget
from firmware.base.secret import installers_key


class Configured:
    """What it came to: `settings` by path, names of `nodes`, `devices` and `points` by row of the
    image, `errors`, `warnings` and `wiring`. Nothing in it knows this room, which is needed once
    and is several kB of a chip's heap."""

    settings: dict
    nodes: list
    devices: list
    points: list
    errors: list
    warnings: list
    wiring: dict


def into(outcome, text, image, rights):
    """`outcome`, which gets it; what read it goes, and the rows that declare the process image."""
    rights.key = installers_key()
    loaded = config.load(text, image, rights)
    outcome.settings = settings = loaded.settings
    # of a circuit the image has all but the name of its instrument: 6 kB of the largest site
    settings["instruments"] = [row["instrument"] for row in settings.pop("nodes")]
    names = loaded.names
    outcome.nodes, outcome.devices = names["nodes"], names["devices"]
    outcome.points = names["points"]
    outcome.errors, outcome.warnings = loaded.errors, loaded.warnings
    outcome.wiring = loaded.wiring
    forget("firmware.config", "firmware.base.secret")
    im.forget_rows()
    return outcome
