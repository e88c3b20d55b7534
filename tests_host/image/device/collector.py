# What lives is what it was after many collections, and what does not is free again; on MicroPython
# and on CPython alike.

import gc
from array import array

_ROUNDS = 5
_NODES = 120
_WIDE = 700  # more than wait to be looked at
_LONG = 400

seed = 12345


def dice(count):
    global seed
    seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
    return (seed >> 8) % count


def node(number):
    kind = dice(6)
    if kind == 0:
        return [number, "text {}".format(number), None]
    if kind == 1:
        return [number, bytearray(1 + dice(90)), None]
    if kind == 2:
        return [number, array("i", range(1 + dice(40))), None]
    if kind == 3:
        return [number, {"a": number, number: "b" * dice(30)}, None]
    if kind == 4:
        return [number, tuple([i * number for i in range(dice(12))]), None]
    return [number, [[i, [number]] for i in range(dice(8))], None]


def told(of):
    """All of it as one number."""
    total = 0
    for number, what, after in of:
        if isinstance(what, dict):
            what = sorted(str(item) for item in what.items())
        elif isinstance(what, (bytearray, array)):
            what = list(what)
        for letter in str(what):
            total = (total * 31 + ord(letter)) & 0xFFFFFF
        total = (total + number + (0 if after is None else after[0])) & 0xFFFFFF
    return total


def waste():
    """Over all that is free: whatever was freed and should live is something else then."""
    for _ in range(300):
        size = 1 + dice(200)
        bytearray(b"\xa5" * size)


def chain(count):
    first = None
    for i in range(count):
        first = [i, first]
    return first


def length(of):
    count = 0
    while of is not None:
        count += 1
        of = of[1]
    return count


def rounds():
    kept = [node(i) for i in range(_NODES)]
    wide = [[[i], "w{}".format(i)] for i in range(_WIDE)]
    long = chain(_LONG)
    large = bytearray(bytes(range(256)) * 12)
    for turn in range(_ROUNDS):
        for _ in range(_NODES // 3):
            at = dice(_NODES)
            kept[at] = node(at + turn)
            kept[dice(_NODES)][2] = kept[at]
        for each in kept:  # or all that ever was would hang together
            if each[2] is not None:
                each[2][2] = None
        gc.collect()
        waste()
        gc.collect()
        waste()
        print(turn, told(kept), sum(row[0][0] for row in wide), length(long), sum(large))


def free():
    return gc.mem_free() if hasattr(gc, "mem_free") else 0


def left_open():
    file = open("left.txt", "w")
    file.write("closed by the collector")


left_open()
gc.collect()
with open("left.txt") as file:
    print(file.read())
rounds()
gc.collect()
before = free()
rounds()
gc.collect()
lost = before - free()
print(lost if abs(lost) > 64 else "all is free again")
