# islet: mounts the file system before anything else runs; frozen, used by the ports' _boot.py.
# GPL-3.0-or-later

import vfs

_MAGIC = b"littlefs"
_MAGIC_AT = 8

trouble = ""  # what is wrong with the file system, "" when nothing is; no console listens yet


def start(volume, **options):
    """Mount `volume` at /; whatever is wrong with it, the start goes on."""
    global trouble
    try:
        _mount(volume, options)
    except OSError as error:
        trouble = "no file system: {}".format(error)


def _mount(volume, options):
    """A volume that never held a littlefs is formatted, a damaged one is left for somebody to
    rescue: the site's configuration and calibration are on it. Without it the app runs without a
    configuration, which energises nothing."""
    try:
        system = vfs.VfsLfs2(volume, **options)
    except OSError:
        if _formatted(volume):
            raise OSError("it is damaged, and not formatted anew by itself")
        vfs.VfsLfs2.mkfs(volume, **options)
        system = vfs.VfsLfs2(volume, **options)
    vfs.mount(system, "/")


def _formatted(volume):
    """One of the two superblocks, in blocks 0 and 1, says littlefs."""
    head = bytearray(_MAGIC_AT + len(_MAGIC))
    for block in (0, 1):
        volume.readblocks(block, head, 0)
        if head[_MAGIC_AT:] == _MAGIC:
            return True
    return False
