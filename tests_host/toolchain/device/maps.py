# islet: names made at run time, and maps of all kinds: the same lines under both interpreters.
# GPL-3.0-or-later


class Thing:
    common = 1

    def act(self):
        return self.common


class Other(Thing):
    def more(self):
        return self.act() + 1


def name(i):
    return "n" + str(i * 7919 % 10007)


# names come to be, and are found again by text and by number
things = [Thing() for _ in range(40)] + [Other() for _ in range(40)]
for i in range(3000):
    setattr(things[i % 80], name(i), i)
print(sum(getattr(things[i % 80], name(i)) for i in range(3000)))
print(sum(hasattr(things[(i + 1) % 80], name(i)) for i in range(3000)))
for i in range(0, 3000, 3):
    delattr(things[i % 80], name(i))
print(sum(hasattr(things[i % 80], name(i)) for i in range(3000)))
print(sum(thing.act() for thing in things), sum(thing.more() for thing in things[40:]))
things[0].act = lambda: 100  # an instance's own, before its class's
things[1].common = 50
print(things[0].act(), things[1].act(), things[2].act())
del things[0].act
Thing.common = 3
print(things[0].act(), things[1].act(), things[79].more())

# the same keys in many maps, each at places of its own, which move as it grows and shrinks
maps = [{} for _ in range(7)]
for i in range(2000):
    maps[i % 7][name(i)] = i
    maps[i % 5][i] = -i
    maps[i % 3][(i, name(i))] = i * i
print([len(one) for one in maps])
print(sum(maps[m].get(name(i), 0) * (m + 1) for i in range(0, 2000, 7) for m in range(7)))
print(sum(maps[m].get(i, 0) * (m + 1) for i in range(0, 2000, 11) for m in range(7)))
print(sum((i, name(i)) in maps[m] for i in range(0, 2000, 13) for m in range(7)))
for i in range(0, 2000, 2):
    maps[i % 7].pop(name(i), None)
    maps[i % 5].pop(i, None)
print([len(one) for one in maps], sum(name(i) in maps[i % 7] for i in range(2000)))
for i in range(2000, 2600):
    maps[i % 7][name(i)] = i
    maps[i % 7]["c"] = maps[i % 7].setdefault("c", 0) + 1
print([one["c"] for one in maps], sum(maps[i % 7][name(i)] for i in range(2000, 2600)))
print(sorted(maps[6][key] for key in maps[6] if isinstance(key, str))[:5])
for one in maps:
    one.clear()
    one["b"] = 1
print([(one.get("b"), one.get("c"), one.get(name(1))) for one in maps])

# strings of all lengths, and such as differ in their last letter alone
words = {"x" * n + tail: n for n in range(300) for tail in "ab"}
print(len(words), sum(words["x" * n + tail] for n in range(300) for tail in "ab"), words["a"])
print("".join(["ac", "t"]) == "act", getattr(things[5], "".join(["ac", "t"]))(), "" in {"": 1})
