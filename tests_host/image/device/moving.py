# islet: a flash in memory whose power can be cut, and a box before and after its files were moved;
# run by the host's MicroPython (test_move.py).
import os
import sys

import islet_move
import islet_storage
import vfs

SECTOR, SECTORS, FIRST, COUNT = 4096, 44, 12, 28
OPTIONS = {"progsize": 256}
NOW, HALF, AFTER = 0, 1, 2  # of the operation that is cut: nothing, half, all of it has happened


class Cut(Exception):
    pass


class Nor:
    """Erased to ones, programmed to noughts. `left`: operations until the power goes; then it is
    dead: what littlefs still does while the exception passes has no effect, and allocates nothing,
    for the collector does some of it."""

    def __init__(self, data=None):
        self.data = bytearray(data or b"\xff" * (SECTORS * SECTOR))
        self.left = -1
        self.how = AFTER
        self.done = 0
        self.dead = False

    def readblocks(self, n, buffer, at=0):
        if self.dead:
            return -5
        at += n * SECTOR
        buffer[:] = self.data[at : at + len(buffer)]

    def writeblocks(self, n, buffer, at):
        if self.dead:
            return -5
        at += n * SECTOR
        for i in range(self._share(len(buffer))):
            if buffer[i] & (self.data[at + i] ^ 255):
                raise ValueError("programmed what was not erased")
            self.data[at + i] &= buffer[i]
        self._cut()

    def ioctl(self, op, value):
        if op == 4:
            return SECTORS
        if op == 5:
            return SECTOR
        if op == 6:
            if self.dead:
                return -5
            count = self._share(SECTOR)
            self.data[value * SECTOR : value * SECTOR + count] = b"\xff" * count
            self._cut()
        return 0

    def _share(self, count):
        if self.left == 0:
            return (0, count // 2, count)[self.how]
        return count

    def _cut(self):
        self.done += 1
        if self.left == 0:
            self.dead = True
            raise Cut()
        self.left -= 1


FILES = {
    "/site.json": bytes(i * 7 & 255 for i in range(9000)),
    "/calibration.json": b"{}",
    "/installer.key": b"secret",
    "/mine/notes.txt": bytes(i * 5 & 255 for i in range(1500)),
    "/mine/deep/empty": b"",
}


def put(system, files):
    for path, data in files.items():
        folder = ""
        for part in path.split("/")[1:-1]:
            folder += "/" + part
            try:
                system.mkdir(folder)
            except OSError:
                pass
        with system.open(path, "wb") as file:
            file.write(data)


def before(files=FILES, used=0):
    """A box as the images of before have left it. `used` moves where littlefs begins to look."""
    flash = Nor()
    vfs.VfsLfs2.mkfs(flash, **OPTIONS)
    system = vfs.VfsLfs2(flash, **OPTIONS)
    for i in range(used):
        put(system, {"/worn": bytes([i]) * 4096})
    if used:
        system.remove("/worn")
    put(system, files)
    return flash


def start(flash):
    """As _boot.py does; Cut when the power goes."""
    try:
        vfs.umount("/")
    except OSError:
        pass
    islet_storage.trouble = ""
    sys.modules["islet_move"] = islet_move  # no file can be read while nothing is mounted
    islet_storage.start(islet_move.Part(flash, FIRST, COUNT), flash, FIRST, **OPTIONS)
    return islet_storage.trouble


def tree(folder=""):
    found = {}
    for name, kind, _, _ in os.ilistdir(folder or "/"):
        path = folder + "/" + name
        if kind == 0x4000:
            found.update(tree(path))
        else:
            with open(path, "rb") as file:
                found[path] = file.read()
    return found


def place():
    """Kilobytes that the mounted file system has."""
    return os.statvfs("/")[2] * SECTOR // 1024


def old_image(flash):
    """What an image of before does with this flash: its words, with the flash left or changed."""
    try:
        vfs.umount("/")
    except OSError:
        pass
    kept = bytes(flash.data)
    islet_storage.trouble = ""
    islet_storage.start(flash, **OPTIONS)
    return islet_storage.trouble, kept == bytes(flash.data)
