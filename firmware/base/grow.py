# islet: the image's inner loop, in viper; the same text runs on CPython. In a file of its own: in
# a module as large as image.py it does not compile for Xtensa (mpy-cross 1.25: asm overflow).
# GPL-3.0-or-later

from firmware.base.viper import micropython, ptr32


@micropython.viper
def grow(fields, which, step: int, most: int):
    """Some fields grow by `step`, at most to `most`: `which` is their number, then their indices.
    A field and the step are at most 10**9 each, so that their sum fits 31 bits."""
    field = ptr32(fields)
    index = ptr32(which)
    i = index[0]
    while i > 0:
        grown = field[index[i]] + step
        if grown > most:
            grown = most
        field[index[i]] = grown
        i -= 1
