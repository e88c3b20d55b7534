# islet: brings the files of a box to where this image has its file system; frozen, imported by
# islet_storage only while there is something to move.
# GPL-3.0-or-later
#
# The new place lies inside the old. The new file system is built in sectors of which the old one
# uses none: littlefs is told that these are bad, and takes others. So until all is copied and
# compared nothing of the old has changed, and a cut of power begins anew. A file in the new one
# then says that it is whole, what lies behind it is erased, and the old superblocks are written
# over with what no image takes for a file system, nor for an empty place to format.

# The stubs know of VfsLfs2 neither its options nor a block device that is no subclass of theirs:
# pyright: reportArgumentType=false, reportCallIssue=false

import vfs

MOVED = b"moved   littlefs"  # a superblock's magic at its place, and nothing that could be mounted
MARK = "/islet.moved"
_BAD = -84  # LFS_ERR_CORRUPT
_SECTOR = 4096
_PAGE = 256
_TRIES = 8
_ROUNDS = 24  # a folder's two sectors are each written anew within these
_TEMP = ".moving"


class Part:
    """`count` sectors of a flash from `first` on, as littlefs wants it. What is `barred` counts as
    bad; `read` notes what was."""

    def __init__(self, flash, first, count, barred=()):
        self.flash = flash
        self.first = first
        self.count = count
        self.barred = barred
        self.read = bytearray(self.count)

    def readblocks(self, block, buffer, at=0):
        self.read[block] = 1
        return self.flash.readblocks(self.first + block, buffer, at)

    def writeblocks(self, block, buffer, at=0):
        if self.first + block in self.barred:
            return _BAD
        return self.flash.writeblocks(self.first + block, buffer, at)

    def ioctl(self, op, value):
        if op == 4:
            return self.count
        if op == 5:
            return _SECTOR
        if op == 6:
            if self.first + value in self.barred:
                return _BAD
            return self.flash.ioctl(6, self.first + value)
        return 0


def move(was, volume, first, options):
    """The volume to mount, and what there is to say: the old one where its files have to stay."""
    place = first, volume.ioctl(4, 0)
    fresh = _mounted(Part(was, *place), options)
    if fresh and _is_there(fresh, MARK):
        _end(was, place, fresh)
        return volume, ""
    if not _mounted(was, options):
        if fresh or not _magic(was):
            _claim(was)
            return volume, ""
        return was, ""  # damaged, and left so
    try:
        _build(was, place, _used(was, place, options), options)
    except OSError as error:
        return was, "files stay where they were, they cannot be moved: {}".format(error)
    _end(was, place, _mounted(Part(was, *place), options))
    return volume, ""


def _mounted(part, options):
    try:
        return vfs.VfsLfs2(part, **options)
    except OSError:
        return None


# --- copying --------------------------------------------------------------------------------


def _used(was, place, options):
    """The sectors of the old file system that something is read from. The first two of the new
    one must not be among them: what lies there is written anew elsewhere, by littlefs' own way."""
    first, count = place
    sectors = was.ioctl(4, 0)
    for _ in range(_TRIES):
        part = Part(was, 0, sectors)
        old = vfs.VfsLfs2(part, **options)
        for path, folder in _tree(old, ""):
            if not folder:
                _same(old, old, path)
        used = {block for block in range(sectors) if part.read[block]}
        if len(used) > sum([first + i not in used for i in range(count)]):
            raise OSError("too many, {} kB".format(len(used) * 4))
        if first not in used and first + 1 not in used:
            return used
        _anew(vfs.VfsLfs2(Part(was, 0, sectors, (first, first + 1)), **options))
    raise OSError("their place is not to be had")


def _anew(old):
    """Every file and folder to another place."""
    for path, folder in list(_tree(old, "")) + [("", True)]:
        temp = path + "/" + _TEMP if folder else path + _TEMP
        if not folder:
            _copy(old, path, old, temp)
            old.rename(temp, path)
        else:
            for _ in range(_ROUNDS):
                with old.open(temp, "wb") as file:
                    file.write(b"~")
                old.remove(temp)


def _build(was, place, used, options):
    part = Part(was, *place, used)
    old = vfs.VfsLfs2(was, **options)
    vfs.VfsLfs2.mkfs(part, **options)
    fresh = vfs.VfsLfs2(part, **options)
    for path, folder in _tree(old, ""):
        if folder:
            fresh.mkdir(path)
        else:
            _copy(old, path, fresh, path)
    fresh = vfs.VfsLfs2(part, **options)  # what the flash says, and not its cache
    for path, folder in _tree(old, ""):
        if not folder and not _same(old, fresh, path):
            raise OSError("{} does not read back".format(path))
    fresh.open(MARK, "wb").close()


def _tree(system, folder):
    """Path of each file and folder, and whether it is a folder; a folder before what is in it.
    What a cut of power has left of _anew is nobody's."""
    for name, kind, _, _ in system.ilistdir(folder or "/"):
        if name.endswith(_TEMP):
            continue
        path = folder + "/" + name
        yield path, kind == 0x4000
        if kind == 0x4000:
            yield from _tree(system, path)


def _copy(here, path, there, target):
    page = bytearray(_PAGE)
    with here.open(path, "rb") as source:
        with there.open(target, "wb") as file:
            count = source.readinto(page)
            while count:
                file.write(memoryview(page)[:count])
                count = source.readinto(page)


def _same(here, there, path):
    with here.open(path, "rb") as one:
        with there.open(path, "rb") as other:
            data = one.read(_PAGE)
            while data and other.read(_PAGE) == data:
                data = one.read(_PAGE)
            return not data and not other.read(1)


def _is_there(system, path):
    try:
        return bool(system.stat(path))
    except OSError:
        return False


# --- the old place ----------------------------------------------------------------------------


def _end(was, place, fresh):
    """The second superblock, then the first, which islet_storage asks. Without its mark the new
    file system is as any other. The records to come find their place erased."""
    if _head(was, 1) != MOVED:
        was.ioctl(6, 1)
        _sign(was, 1)
    for block in range(sum(place), was.ioctl(4, 0)):
        if not _blank(was, block):
            was.ioctl(6, block)
    was.ioctl(6, 0)
    fresh.remove(MARK)
    _sign(was, 0)


def _claim(was):
    """A box that has nothing at the old place gets the sign too, so that an image of before does
    not format there. Only on what is erased: it might be somebody's."""
    if _head(was, 1) != MOVED:
        if not (_blank(was, 0) and _blank(was, 1)):
            return
        _sign(was, 1)
    elif not _blank(was, 0):
        was.ioctl(6, 0)  # ours, and cut
    _sign(was, 0)


def _sign(was, block):
    was.writeblocks(block, MOVED + b"\xff" * (_PAGE - len(MOVED)), 0)


def _head(was, block):
    head = bytearray(len(MOVED))
    was.readblocks(block, head, 0)
    return head


def _magic(was):
    return MOVED[8:] in (_head(was, 0)[8:], _head(was, 1)[8:])


def _blank(was, block):
    page = bytearray(_PAGE)
    for at in range(0, _SECTOR, _PAGE):
        was.readblocks(block, page, at)
        if page != b"\xff" * _PAGE:
            return False
    return True
