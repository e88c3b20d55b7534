# islet: long arrays on a chip's heap.
# GPL-3.0-or-later

from array import array

from firmware.base.viper import const

_PIECE = const(128)


def noughts(count):
    """array('i') of `count` noughts, without a list as long beside it: the largest free block of a
    heap may have room for one of them."""
    made = array("i", [0] * (count % _PIECE))
    piece = array("i", [0] * _PIECE)
    for _ in range(count // _PIECE):
        made.extend(piece)
    return made
