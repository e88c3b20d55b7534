"""The emulated chip's flash: image, files and records where the table has them."""

from __future__ import annotations

import littlefs
import pytest

from tools.image.flash import MOVED, MOVER
from tools.twin import flash


def test_the_flash_holds_image_files_and_erased_records():
    image = b"image" + MOVED
    made = flash.whole(image, {"site.json": b'{"legs": 3}', "lib/own.py": b"x" * 9000})
    assert len(made) == 2 << 20
    assert made.startswith(image) and set(made[len(image) : 896 << 10]) == {0xFF}
    assert made[896 << 10 :].startswith(b"moved   littlefs\xff")
    assert set(made[1664 << 10 :]) == {0xFF}
    there = littlefs.LittleFS(block_size=4096, block_count=128, mount=False)
    there.context.buffer = bytearray(made[1152 << 10 : 1664 << 10])
    there.mount()
    assert sorted(there.listdir("/")) == ["lib", "site.json"]
    with there.open("site.json", "rb") as file:
        assert file.read() == b'{"legs": 3}'


def test_an_image_of_before_finds_its_files():
    made = flash.whole(b"image", {"site.json": b"{}"})
    there = littlefs.LittleFS(block_size=4096, block_count=224, mount=False)
    there.context.buffer = bytearray(made[896 << 10 : 1792 << 10])
    there.mount()
    assert there.listdir("/") == ["site.json"]


def test_what_does_not_fit_the_flash_is_refused():
    with pytest.raises(flash.FlashError, match="files of 1000000 bytes, allowed 524288"):
        flash.file_system({"big": b"x" * 1_000_000})
    with pytest.raises(flash.FlashError, match="image of 917505 bytes, allowed 917504"):
        flash.whole((MOVER + bytes(917_505))[:917_505], {})
    with pytest.raises(flash.FlashError, match="image of 1179649 bytes, allowed 1179648"):
        flash.whole(b"x" * 1_179_649, {})


def test_an_image_that_lies_where_files_were_is_left_whole():
    """One that moves none may be larger than where older ones had them."""
    image = MOVED + b"x" * 1_000_000
    assert flash.whole(image, {"site.json": b"{}"}).startswith(image)
