# Chance for the kernels' cases, the same on CPython and on the device: Lehmer's generator, which
# stays within 31 bits. Draws are most of a case's time, so they are a kernel themselves: machine
# code on the device, C on CPython where a test asks for it (tests_host/core/cases.py).
from array import array

from firmware.base.viper import micropython, ptr32

MA = 0x1000_0000  # among values: a current, as Die.ma() gives
UPTO = 0x800_0000  # and more: a number below so many, anew each time


def upto(count):
    """Among values: a number below `count`; above -count, when it is negative."""
    return UPTO + count if count > 0 else count - UPTO


@micropython.viper
def draw(state, count: int) -> int:
    """The next number below `count`."""
    s = ptr32(state)
    now = s[0]
    now = 48_271 * (now % 44_488) - 3_399 * (now // 44_488)
    if now <= 0:
        now = now + 0x3FFF_FFFF + 0x3FFF_FFFF + 1  # 2^31 - 1, which is no small integer
    s[0] = now
    return (now >> 4) % count


@micropython.viper
def current(state) -> int:
    """Nil, small, usual, near a kernel's threshold, or at the end of its range."""
    kind = int(draw(state, 21))
    size = 0
    if kind < 3:
        size = int(draw(state, 20))
    elif kind < 6:
        size = int(draw(state, 60_000))
    elif kind < 9:
        size = 500
    elif kind < 12:
        size = 501
    elif kind < 15:
        size = 3_000
    elif kind < 18:
        size = 2_000_000
    return size if kind % 3 else 0 - size


@micropython.viper
def spread(state, into, at: int, step: int, count: int, values, kinds: int):
    """One of the values into each of `count` fields."""
    f = ptr32(into)
    v = ptr32(values)
    while count > 0:
        value = v[int(draw(state, kinds))]
        if value == 0x1000_0000:
            value = int(current(state))
        elif value > 0x800_0000:
            value = int(draw(state, value - 0x800_0000))
        elif value < 0 - 0x800_0000:
            value = 0 - int(draw(state, 0 - 0x800_0000 - value))
        f[at] = value
        at += step
        count -= 1


class Die:
    def __init__(self, seed):
        self.state = array("i", [(seed * 7_919 + 142_542) % 1_000_003 + 1])
        for _ in range(3):
            draw(self.state, 2)

    def below(self, count):
        return draw(self.state, count)

    def pick(self, *values):
        return values[draw(self.state, len(values))]

    def ma(self):
        return current(self.state)

    def fill(self, into, at, count, *values, step=1):
        """One of the values into each of `count` fields from `at` on, every `step`-th."""
        spread(self.state, into, at, step, count, array("i", values), len(values))


@micropython.viper
def total(values, count: int) -> int:
    """A checksum."""
    v = ptr32(values)
    found = i = 0
    while i < count:
        found = (found * 31 + v[i] % 1_000_003) % 1_000_003
        i += 1
    return found
