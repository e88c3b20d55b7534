# islet: how the board is stopped for maintenance, and what of it is not as it was built.
# GPL-3.0-or-later
#
# Stopping is a reset with a mark in the file system: then whatever ran no longer does, the
# watchdog is off and each output is as its hardware holds it, which no exit in place could
# promise.

import os
import time

import machine

MARK = "maintenance"  # a file: the next start leaves the board at its prompt, once


def held():
    """Whether this start is for maintenance; the mark is good for one start."""
    try:
        os.remove(MARK)
    except OSError:
        return False
    return True


def stop():
    """Start again, at the prompt."""
    with open(MARK, "w") as file:
        file.write("tools/flash\n")
    time.sleep_ms(50)  # the answer leaves before the connection does
    machine.reset()


def overlaid():
    """Modules that do not come from the image (make overlay), by name."""
    try:
        import islet_overlay  # pyright: ignore[reportMissingImports]
    except ImportError:
        return []
    return islet_overlay.MODULES


def trouble():
    """What is wrong with the file system, "" when nothing is."""
    try:
        import islet_storage  # pyright: ignore[reportMissingImports]
    except ImportError:  # a stock image, or the host
        return ""
    return islet_storage.trouble
