# islet: what tools/image/boards/fast.c does in MicroPython's place; the chip and CPython print the
# same (test_fast.py).
import gc
from array import array
from collections import OrderedDict

EDGES = (
    0, 1, 2, 7, 31, -1, -2, -7, 16383, 16384, -16384, -16385, 65536, 1 << 29, -(1 << 29),
    (1 << 30) - 1, 1 << 30, -(1 << 30), -(1 << 30) - 1, 1 << 40,
)  # fmt: skip
OPERATIONS = (
    lambda a, b: a < b,
    lambda a, b: a > b,
    lambda a, b: a == b,
    lambda a, b: a <= b,
    lambda a, b: a >= b,
    lambda a, b: a != b,
    lambda a, b: a | b,
    lambda a, b: a ^ b,
    lambda a, b: a & b,
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a // b,
    lambda a, b: a % b,
    lambda a, b: a << (b & 63),
    lambda a, b: a >> (b & 63),
)


def told(function, *arguments, **named):
    """What it gives, or the name of what it raises."""
    try:
        return function(*arguments, **named)
    except NameError:
        return "NameError"
    except Exception as error:  # any
        return type(error).__name__


def in_place(a, b):
    kept, found = a, []
    a += b
    found.append(a)
    a = kept
    a -= b
    found.append(a)
    a = kept
    a *= b
    found.append(a)
    a = kept
    a |= b
    found.append(a)
    a = kept
    a &= b
    found.append(a)
    return found


def numbers():
    for a in EDGES:
        for operation in OPERATIONS:
            yield [told(operation, a, b) for b in EDGES]
        yield [told(in_place, a, b) for b in EDGES]
    yield told(lambda: 1 << -1), told(lambda: 1 >> -1)


def others():
    """What is no small integer goes MicroPython's own way."""
    one, text, none = EDGES[1], "a", None
    yield told(lambda: one + text), text + "b", [one] + [2], one == "1", none is None, none is one
    yield told(lambda: none < one), one < True, True + True, one in [1, 2], 3 not in (one, 2)
    yield {"a": one}[text], told(lambda: {}[text]), text < "b", (one, 2) == (1, 2), none == one


def items():
    words = array("i", range(5))
    for index in (0, 4, 5, -1, -5, -6, 1 << 29, True):
        yield index, told(lambda at=index: words[at])
    for value in (7, -7, (1 << 30) - 1, 1 << 30, (1 << 31) - 1, -(1 << 31), "a", None):

        def put(value=value):
            words[2] = value

        yield value, told(put), words[2]
    yield list(words[1:3]), told(words.append, 1), len(words), words[5]
    for kind in "bBhHIq":
        other = array(kind, [3, 1])
        other[0] = other[1]
        yield kind, list(other), told(lambda of=other: of[2])
    view = memoryview(words)[2:]
    yield view[0], view[1], [1, 2, 3][-1], (1, 2)[0], "abc"[1], b"abc"[1]
    yield told(lambda: [][0]), told(lambda: words["a"]), told(lambda: words[None])


class Base:
    shared = 1

    def who(self):
        return "base"

    def inherited(self):
        return "inherited"

    @staticmethod
    def alone(a=5):
        return a

    @classmethod
    def of(cls):
        return cls.__name__

    @property
    def twice(self):
        return self.shared * 2


class Derived(Base):
    def who(self):
        return "derived"

    def __getattr__(self, name):
        if name == "missing":
            raise AttributeError(name)
        return "made up: " + name


class Other:
    def who(self):
        return "other"


def names():
    """What an object or a class has is found as it is now, however often it was asked before."""
    base, derived, other = Base(), Derived(), Other()

    def ask():
        return [each.who() for each in (base, derived, other)], derived.inherited()

    yield ask(), ask(), ask()
    other.who = lambda: "its own"
    yield ask()
    other.who = lambda: "its own, changed"
    yield ask()
    del other.who
    yield ask(), ask()
    Base.who = lambda self: "base, changed"
    yield ask()
    Derived.inherited = lambda self: "new in the class itself"
    yield ask()
    del Derived.inherited
    yield ask()
    del Derived.who
    yield ask()
    Base.who = 5  # no function any more
    yield told(base.inherited), told(lambda: base.who()), base.who
    Base.who = Other.who
    yield ask()
    yield base.alone(), base.alone(6), base.of(), derived.of(), Derived.of(), base.twice
    yield told(lambda: base.missing), told(lambda: derived.missing), derived.anything
    derived.shared = 3
    yield base.shared, derived.shared, Base.shared, derived.twice
    Base.shared = 7
    yield base.shared, derived.shared
    yield told(setattr, base, "twice", 1), hasattr(base, "nothing"), getattr(base, "a", 2)


METHODS, TURNED, CLASSES = 9, 70, 16


def many():
    """More objects and names than are remembered, while some go and others come in their place."""
    classes, made = [], []
    for number in range(CLASSES):
        lines = ["class C:"]
        for i in range(METHODS):
            name, value = (number + i) % TURNED, number * 100 + i
            lines.append(" def m{}(self): return {}".format(name, value))
        space = {}
        exec("\n".join(lines), space)
        classes.append(space["C"])
    for at in range(2 * CLASSES):
        made.append((at % CLASSES, classes[at % CLASSES]()))
    dice, found = 1, 0
    for turn in range(2000):
        dice = (dice * 8121 + 28411) % 134456
        at = dice % len(made)
        number, each = made[at]
        name = "m{}".format((number + dice // 64 % METHODS) % TURNED)
        if turn % 97 == 0:
            number = dice % CLASSES
            made[at] = each = None
            gc.collect()
            made[at] = number, classes[number]()
        elif turn % 31 == 0:
            setattr(each, name, lambda turn=turn: turn)
        else:
            found = (found * 7 + told(getattr(each, name))) % 1000003
    yield found


NAMES = "abcdefgh"


def short_of(kind, *names):
    return kind([(name, number) for number, name in enumerate(names)])


def maps():
    """Where a name was in a map is not where it is, nor that it is there still."""
    for kind in (dict, OrderedDict):
        for turn in range(40):
            found = short_of(kind, *NAMES)
            asked = [found["h"], found["d"], "d" in found, "i" in found]
            del found["d"]
            asked += ["d" in found, found["h"], found.get("d"), found.pop("a"), "a" in found]
            found["d"] = turn
            asked += [found["d"], found["e"], sorted(found), "a" in found]
            if kind is OrderedDict:
                asked += [list(found), found.popitem(), "d" in found, found.popitem(), list(found)]
            yield kind is dict, turn, asked
        made = [short_of(kind, *NAMES) for _ in range(40)]
        there = 0
        for each in made:
            for name in NAMES:
                there += each[name]
        for each in made:
            each.clear()  # where the names were lies behind the new, shorter one
            each["a"] = 1
            for name in NAMES:
                there += name in each
        yield kind is dict, there


def takes(a, b=2, *rest, c=3, **named):
    return a, b, rest, c, sorted(named.items())


def two(a, b):
    kept = a
    return lambda: (kept, b)


def late(a):
    if a:
        unset = 1
    return unset


def counts(first, last):
    while first < last:
        yield first
        first += 1


def calls():
    yield told(takes), told(takes, 1), told(takes, 1, 5, 6, 7), told(takes, b=1, a=2, d=4)
    yield told(takes, 1, c=5), told(takes, 1, a=2), told(two, 1), told(two, 1, 2, 3)
    yield two(1, 2)(), two(b=1, a=2)(), told(late, 1), told(late, 0), told(late), told(5)
    yield list(counts(1, 5)), told(counts, 1), [x * y for x in range(3) for y in range(2)]
    yield max(1, 5, 3), max([2, 9], key=lambda x: -x), sorted("cab"), sum(counts(0, 10))


def main():
    for part in (numbers, others, items, names, maps, many, calls):
        for line in part():
            print(part.__name__, line)


main()
