# islet: mounts the file system before anything else runs; frozen, used by the ports' _boot.py.
# GPL-3.0-or-later

import sys

import vfs

_MAGIC = b"littlefs"
_MAGIC_AT = 8
_MOVED = b"moved   littlefs"  # as islet_move.py leaves it where the file system was before

trouble = ""  # what is wrong with the file system, "" when nothing is; no console listens yet


def start(volume, was=None, first=0, **options):
    """Mount `volume` at /; whatever is wrong with it, the start goes on. `was`: where images of
    before have the file system, `volume` lies in it from sector `first` on; what is there is moved
    first."""
    global trouble
    try:
        if was is not None and _head(was, 0) != _MOVED:
            volume = _moved(was, volume, first, options)
        _mount(volume, options)
    except OSError as error:
        trouble = "no file system: {}".format(error)


def _moved(was, volume, first, options):
    global trouble
    try:
        import islet_move
    except ImportError:  # an image larger than that place moves nothing
        return volume
    volume, trouble = islet_move.move(was, volume, first, options)
    del sys.modules["islet_move"]
    return volume


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
    return _MAGIC in (_head(volume, 0)[_MAGIC_AT:], _head(volume, 1)[_MAGIC_AT:])


def _head(volume, block):
    head = bytearray(_MAGIC_AT + len(_MAGIC))
    volume.readblocks(block, head, 0)
    return head
