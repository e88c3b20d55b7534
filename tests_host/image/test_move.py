"""islet_move: the files of a box of before, brought to where the image has them now; littlefs
itself, on a flash in memory whose power is cut."""

from __future__ import annotations

from tests_host.conftest import ROOT, RunDevice

FROZEN = ROOT / "tools" / "image" / "frozen"
DEVICE = ROOT / "tests_host" / "image" / "device"
KIT = "from moving import *\n"
REFUSED = "no file system: it is damaged, and not formatted anew by itself"


def run(run_device: RunDevice, script: str) -> list[str]:
    """What a collector says of files that a cut has left open is no news."""
    lines = run_device(KIT + script, FROZEN, DEVICE, heap="8m").splitlines()
    return [line for line in lines if line != "OSError: [Errno 5] EIO"]


def test_files_are_moved_once_and_an_image_of_before_does_not_format(
    run_device: RunDevice,
) -> None:
    script = """
flash = before()
for _ in range(2):
    print(repr(start(flash)), tree() == FILES, place(), islet_move.MARK[1:] in os.listdir("/"))
print("islet_move" in sys.modules)  # the second time nobody asked for it
done = flash.done
start(flash)
print(flash.done - done)
print(old_image(flash))
"""
    said = run(run_device, script)
    assert said[:2] == ["'' True 112 False"] * 2
    assert said[2:] == ["True", "0", f"('{REFUSED}', True)"]


def test_the_module_is_let_go(run_device: RunDevice) -> None:
    """It costs a box no heap once its files are where they belong."""
    script = "start(before())\nprint('islet_move' in sys.modules)\n"
    assert run(run_device, script) == ["False"]


def test_a_new_box_is_formatted_and_signed(run_device: RunDevice) -> None:
    """What is no blank place may be code or somebody's: it is left."""
    script = """
flash = Nor()
print(repr(start(flash)), tree(), place())
print(old_image(flash))
flash = Nor(b"\\x5a" * (SECTORS * SECTOR))
print(repr(start(flash)), tree(), place())
print(set(flash.data[: FIRST * SECTOR]))
"""
    new = "'' {} 112"
    assert run(run_device, script) == [new, f"('{REFUSED}', True)", new, "{90}"]


CUTS = """
import random
random.seed(7)

def whole(flash, why):
    said = start(flash)
    if said or tree() != FILES or place() != 112:
        print(why, said, sorted(tree()), place())
    if set(flash.data[(FIRST + COUNT) * SECTOR :]) != {255}:
        print(why, "the place of records to come is not erased")
    if not old_image(flash)[1]:
        print(why, "an image of before formats it")

def cut(data, left, how):
    flash = Nor(data)
    flash.left, flash.how = left, how
    try:
        start(flash)
    except Cut:
        pass
    return flash.data

def every(used, step):
    box = bytes(before(used=used).data)
    flash = Nor(box)
    start(flash)
    for left in range(0, flash.done, step):
        for how in (NOW, HALF, AFTER):
            data = cut(box, left, how)
            if left % 3 == how:  # again while it is being put right
                data = cut(data, random.randrange(60), random.randrange(3))
            whole(Nor(data), (used, left, how))
    return flash.done
"""


def test_power_lost_at_every_operation(run_device: RunDevice) -> None:
    """Not begun, half done, or done and nothing after it; and a second time on the way back."""
    said = run(run_device, CUTS + "every(0, 1)\nprint('all')\n")
    assert said == ["all"]


IN_THE_WAY = """
def in_the_way(used):
    part = islet_move.Part(before(used=used), 0, SECTORS)
    old = vfs.VfsLfs2(part, **OPTIONS)
    for path, folder in islet_move._tree(old, ""):
        folder or islet_move._same(old, old, path)
    return part.read[FIRST] or part.read[FIRST + 1]

found = [used for used in range(40) if in_the_way(used)]
"""


def test_what_lies_where_the_new_file_system_begins(run_device: RunDevice) -> None:
    """Its first two sectors cannot be elsewhere, so the old one clears them first."""
    script = """
print(len(found) > 5)
for used in found[::3]:
    whole(before(used=used), used)
every(found[0], 37)
print("all")
"""
    assert run(run_device, CUTS + IN_THE_WAY + script) == ["True", "all"]


def test_what_does_not_fit_stays_where_it_was(run_device: RunDevice) -> None:
    script = """
files = dict(FILES)
for i in range(20):
    files["/mine/{}".format(i)] = bytes(4096)
flash = before(files)
for _ in range(2):
    done = flash.done
    print(start(flash), "|", tree() == files, place(), flash.done - done)
for i in range(20):
    os.remove("/mine/{}".format(i))
print(repr(start(flash)), tree() == FILES, place())
"""
    said = run(run_device, script)
    stay = "files stay where they were, they cannot be moved: too many, "
    assert said[0] == said[1] and said[0].startswith(stay)
    assert said[0].endswith("| True 176 0")
    assert said[2] == "'' True 112"


def test_a_damaged_file_system_of_before_is_left(run_device: RunDevice) -> None:
    script = """
flash = before()
for block in (0, 1):
    flash.data[block * SECTOR + 32 : block * SECTOR + 64] = bytes(32)
kept = bytes(flash.data)
print(start(flash), kept == bytes(flash.data))
"""
    assert run(run_device, script) == [f"{REFUSED} True"]


def test_an_image_of_before_that_was_made_to_format_is_believed(run_device: RunDevice) -> None:
    """Somebody went back, formatted by hand and began anew: what is there now counts."""
    script = """
flash = before()
start(flash)
again = before({"/site.json": b"{}"})
flash.data[: 2 * SECTOR] = again.data[: 2 * SECTOR]
print(repr(start(flash)), tree(), place())
"""
    assert run(run_device, script) == ["'' {'/site.json': b'{}'} 112"]
