# The kernels of core and of the image, and plain twins, on random cases of every shape. Prints the
# checksums of both for each seed up to the last argument. Runs on CPython too.
import sys
from array import array

from firmware import image as im
from firmware.base import grow as image_kernel
from firmware.core.grid import switch_kernel
from firmware.core.limits import kernel as limits_kernel
from firmware.core.panel import kernel as panel_kernel
from firmware.core.panel import pairing_kernel, witness_kernel, witness_parent, witness_rooms
from tests_host.core.plain import limits_kernel as limits_kernel_plain
from tests_host.core.plain import pairing_kernel as pairing_kernel_plain
from tests_host.core.plain import panel_kernel as panel_kernel_plain
from tests_host.core.plain import witness_kernel as witness_kernel_plain
from tests_host.core.plain import witness_parent as witness_parent_plain

k = panel_kernel


class Die:
    def __init__(self, seed):
        self.state = seed * 2654435761 % 4294967296

    def below(self, count):
        self.state = (self.state * 1664525 + 1013904223) % 4294967296
        return (self.state >> 8) % count

    def pick(self, *values):
        return values[self.below(len(values))]

    def ma(self):
        """A current: nil, small, usual, near a kernel's threshold, or at the end of its range."""
        size = self.pick(0, self.below(20), self.below(60_000), 500, 501, 3_000, 2_000_000)
        return size if self.below(3) else -size


class Case:
    """A tree, its readings and islet's own history; step() is what the panel does with them."""

    def __init__(self, seed):
        self.die = die = Die(seed)
        self.nodes = 1 + die.below(32) if die.below(4) else 1 + die.below(4)
        self.plan = plan = array("i", [0] * k.PLAN_SIZE)
        self.history = array("i", [die.ma() for _ in range(k.RING * k.SLOT_SIZE)])
        self.readings = im.READINGS.new()
        for node in range(self.nodes):
            plan[k.P_PARENT + node] = die.below(node) if node else -1
            for column in (k.P_RATING, k.P_LIMIT, k.P_STATIC, k.P_BUS_LOAD):
                plan[column + node] = abs(die.ma())
            for column in (k.P_SOURCES, k.P_HERE, k.P_BUS):
                plan[column + node] = die.pick(0, 0, abs(die.ma()))
            plan[k.P_BELOW + node] = die.below(4)
            plan[k.P_METERED + node] = die.pick(0, 1, 1, 1)
            plan[k.P_LATE + node] = die.below(1_200)
            plan[k.P_EARLY + node] = die.pick(0, 200)
            plan[k.P_WORST + node] = die.pick(2_000, 3_300)
            plan[k.P_DOUBT_MS + node] = die.pick(0, 0, 4_001, 59_990)
            plan[k.P_STATE + node] = die.pick(k.FRESH, k.FRESH, k.STALE)
            plan[k.P_STILL_MS + node] = die.pick(0, 0, 1_900, 2_001, im.AGE_MAX_MS)
            plan[k.P_WHY + k.DRAW_BUS * k.NODES + node] = k.WHY_BUSBAR
            for at in range(node * 3, node * 3 + 3):
                plan[k.P_ROOM + k.DRAW_BUS * k.PLACES + at] = k.OPEN_MA
                plan[k.P_ROOM + k.FEED_BUS * k.PLACES + at] = k.OPEN_MA

    def measure(self):
        """New readings, or some that stand still, of any age."""
        die, readings = self.die, self.readings
        for node in range(self.nodes):
            readings[im.NODE_AGE_MS + node] = die.pick(
                0, die.below(3_500), 2_000, 2_001, im.AGE_MAX_MS
            )
            if die.below(3):
                for at in range(node * 3, node * 3 + 3):
                    readings[im.NODE_MA + at] = die.ma()
        plan = self.plan
        plan[k.P_NODE] = die.below(self.nodes)
        plan[k.P_LEGS] = 1 + die.below(3)
        plan[k.P_OTHER] = die.pick(k.BELOW_EVSE, k.BELOW_INVERTER)
        for leg in range(3):
            plan[k.P_RESERVED + leg] = abs(die.ma())

    def step(self, module):
        die, plan, history = self.die, self.plan, self.history
        readings, nodes = self.readings, self.nodes
        dt_ms = die.pick(100, 100, 0, 1, 37, 250, 60_000)
        head = die.below(k.RING)
        at = head * k.SLOT_SIZE
        pairs = module.pairing
        pairs.measured(history, at + die.pick(0, 6), readings, im.NODE_MA, die.below(4))
        if die.below(2):
            age_ms, (first, count) = die.below(2_001), die.pick((0, 6), (6, 8))
            pairs.backdate(history, head, age_ms, dt_ms, first, count)
        pairs.ages(plan, readings, nodes, dt_ms)
        pairs.pair(
            plan,
            history,
            readings,
            nodes,
            head,
            dt_ms,
            die.pick(0, 4_000),
            die.below(4) & die.below(4),
        )
        module.judge(plan, readings, nodes, dt_ms, 2_000, die.below(2))
        module.survey(plan, readings, nodes)
        module.breakers(plan, nodes)
        module.busbars(plan, history, nodes, head)
        module.tightest(plan, k.DRAW, k.P_HIGH)
        module.tightest(plan, k.FEED, k.P_LOW)
        flow_w, last_w = die.ma() // 4, die.ma() // 4
        house_w = pairs.house(
            plan, history, head, die.pick(120, 265), flow_w, last_w, die.below(2)
        )
        step_ma = die.pick(0, 0, die.ma())
        since_ms = die.pick(0, die.below(9_000))
        bit, leg = die.pick(k.BELOW_EVSE, k.BELOW_INVERTER), die.below(3)
        waiting = pairs.appear(plan, readings, nodes, bit, leg, step_ma, since_ms)
        return [house_w, waiting]


def panel(module, seed):
    """Everything three steps of a case leave."""
    case = Case(seed)
    left = []
    for _ in range(3):
        case.measure()
        left += case.step(module)
        left += list(case.plan) + list(case.history)
    return left


class tree:
    """The tree's kernels and the pairing's."""

    def __init__(self, module, pairing):
        self.pairing = pairing
        for name in ("judge", "survey", "breakers", "busbars", "tightest"):
            setattr(self, name, getattr(module, name))


# --- the small ones, and their twins ----------------------------------------------------------


class plain:
    """What image_kernel and switch_kernel compute, said plainly."""

    @staticmethod
    def look(found, readings, house, grid, legs, dead_mv, live_mv, beside_mv):
        ours, theirs = readings[house : house + legs], readings[grid : grid + legs]
        apart = [abs(a - b) for a, b in zip(ours, theirs)]

        def bits(holds):
            return sum(1 << leg for leg in range(legs) if holds(leg))

        found[0], found[1], found[2], found[3] = min(ours), max(ours), max(theirs), max(apart)
        found[4] = bits(lambda leg: theirs[leg] < dead_mv)
        found[5] = bits(lambda leg: theirs[leg] >= dead_mv)
        found[6] = bits(lambda leg: theirs[leg] >= live_mv)
        found[7] = bits(lambda leg: theirs[leg] >= dead_mv and apart[leg] <= beside_mv)

    @staticmethod
    def grow(fields, which, step, most):
        for i in range(1, 1 + which[0]):
            fields[which[i]] = min(most, fields[which[i]] + step)


def switch(module, seed):
    die = Die(seed)
    readings = im.READINGS.new()
    found = array("i", [0] * switch_kernel.FOUND)
    left = []
    for _ in range(20):
        for leg in range(3):
            readings[im.GRID_MV + leg] = die.pick(
                0, 11_499, 11_500, 23_000, 230_000, die.below(300_000)
            )
            by_mv = die.pick(0, 23_000, 23_001, die.below(50_000))
            readings[im.HOUSE_MV + leg] = max(
                0, readings[im.GRID_MV + leg] + die.pick(-by_mv, by_mv)
            )
        module.look(
            found, readings, im.HOUSE_MV, im.GRID_MV, 1 + die.below(3), 11_500, 23_000, 23_000
        )
        left += found
    return left


def limits(module, seed):
    die = Die(seed)
    sources, devices = 2 + die.below(6), 1 + die.below(8)
    apart = sources * devices
    commands = array("i", [0] * (7 * apart + 4 * devices))
    for source in range(sources):
        for device in range(devices):
            low, high = die.ma(), die.ma()
            wish = source == sources - 1
            if wish and low > high:
                low, high = high, low
            module.claim(
                commands, source * devices + device, apart, low, high, die.below(32),
                die.below(33) - 1, die.below(4) - 1, die.pick(0, im.AGE_MAX_MS, -5),
                die.below(32) - 1, wish,
            )  # fmt: skip
    module.arbitrate(commands, 0, sources, 7 * apart, devices)
    return list(commands)


def leases(module, seed):
    die = Die(seed)
    issuers, leased, steps = 1 + die.below(8), 1 + die.below(9), 1 + die.below(3)
    rows = issuers * leased
    requests, held = array("i"), array("i", [0] * (2 * rows))
    for sign in (-1, 1):
        requests.extend(array("i", [sign * abs(die.ma()) for _ in range(rows * steps)]))
    ends = [die.pick(0, die.below(20), 7, im.AGE_MAX_MS) for _ in range(rows * steps)]
    requests.extend(array("i", ends))
    for sign in (-1, 1):
        requests.extend(array("i", [sign * die.pick(2000000, die.below(9)) for _ in range(rows)]))
    found = array("i", [0] * 4)
    left = []
    for up_s in (0, 7, 8, 30):
        back = 3 * rows * steps
        left.append(module.hold(requests, held, rows, steps, 0, back, 0, up_s))
        for each in range(leased):
            module.strictest(held, found, each, issuers, leased, rows)
            left += found
    return left + list(held)


def grow(module, seed):
    die = Die(seed)
    fields = array("i", [die.pick(0, die.below(5_000), im.AGE_MAX_MS - 7) for _ in range(50)])
    count = die.below(20)
    which = array("i", [count] + [die.below(50) for _ in range(count)])
    module.grow(fields, which, die.pick(0, 10, 100, im.AGE_MAX_MS), im.AGE_MAX_MS)
    return list(fields)


class watching:
    """Two files as one module."""

    def __init__(self, watch, rooms):
        self.watch, self.rooms = watch.watch, rooms.rooms


def witness(module, seed):
    """A house whose own current steps now and then, seen rightly or not; what 40 cycles leave."""
    die = Die(seed)
    w = witness_kernel
    nodes = 1 + die.below(3)
    places = nodes * 3
    book = array("i", [0] * (w.B_COLUMNS + w.COLUMNS * places))
    plan = array("i", [0] * k.PLAN_SIZE)
    readings = im.READINGS.new()
    book[w.B_STALE_MS], book[w.B_INVERTER_LEGS] = 2_000, 1 + die.below(3)
    book[w.B_MA64_PER_W], book[w.B_MA64_PER_W_INVERTER] = 278, die.pick(92, 139, 278)
    gains = [die.pick(1, 1, 1, 0, -1, 2) for _ in range(places)]
    for node in range(nodes):
        plan[k.P_METERED + node] = die.pick(0, 1, 1, 1)
        plan[k.P_BELOW + node] = die.below(4)
        plan[k.P_LIMIT + node] = die.below(60_000)
        book[w.B_LATE_MS + node] = die.pick(0, 300, 1_000)
        plan[k.P_LATE + node] = die.pick(0, 0, 600, 1_200)
        book[w.B_TAKES + node] = die.below(3)
    for at in range(w.B_COLUMNS, len(book)):
        book[at] = die.pick(0, 0, 0, die.below(3))
    for at in range(places):
        for column in (w.C_MISSES, w.C_PROVED, w.C_STIR):
            book[w.B_COLUMNS + column * places + at] = die.pick(0, 0, 1, -1, -3, 270)
    foreign = [die.ma() % 10_000 for _ in range(places)]
    left = []
    for _ in range(40):
        book[w.B_DT_MS] = die.pick(100, 100, 100, 1_000)
        book[w.B_BEGAN] = die.pick(0, 0, 0, 1)
        book[w.B_TICK] = die.below(4)
        book[w.B_KNOWN] = die.pick(3, 3, 3, 3, 3, 3, 3, 3, 1, 0)
        book[w.B_EVSE_MOVES_MS] = die.pick(0, 0, 0, 0, 300)
        book[w.B_INVERTER_MOVES_MS] = die.pick(0, 0, 0, 0, 200)
        if die.below(8) == 0:
            readings[im.DEVICE_W + im.INVERTER] = die.pick(
                0, 0, -2_300, 900, -300, 5_000, die.ma() // 2
            )
        for leg in range(3):
            if die.below(8) == 0:
                readings[im.DEVICE_MA + im.EVSE * im.LEGS + leg] = die.pick(
                    0, 0, 6_000, 9_000, 600
                )
        for at in range(places):
            if die.below(40) == 0:
                foreign[at] = die.ma() % 10_000
            own_w = readings[im.DEVICE_MA + im.EVSE * im.LEGS + at % 3] * 230 // 1_000
            own_w += readings[im.DEVICE_W + im.INVERTER] * book[w.B_MA64_PER_W_INVERTER] // 278
            readings[im.NODE_W + at] = foreign[at] + gains[at] * own_w + die.below(3)
        for node in range(nodes):
            readings[im.NODE_AGE_MS + node] = die.pick(0, 0, 0, 0, 0, 0, 0, 200, 2_001)
            plan[k.P_STATE + node] = die.pick(k.FRESH, k.FRESH, k.STALE)
        module.watch(book, plan, readings, nodes)
        module.rooms(book, plan, readings, nodes)
        left += [book[w.B_NODE], book[w.B_EVSE_MA], book[w.B_FEED_MA], plan[k.P_STATE]]
    return left + list(book)


def parents(module, seed):
    """A tree of instruments that agree now and then; what 60 latches leave."""
    die = Die(seed)
    w, t = witness_kernel, witness_parent_plain
    count = 2 + die.below(3)
    end = count * t.ROW
    rows = array("i", [0] * end)
    book = array("i", [0] * w.B_COLUMNS)
    plan = array("i", [0] * k.PLAN_SIZE)
    readings = im.READINGS.new()
    book[w.B_INVERTER_LEGS] = 1 + die.below(3)
    book[w.B_MA64_PER_W], book[w.B_MA64_PER_W_INVERTER] = 278, die.pick(92, 139, 278)
    for i in range(count):
        at = i * t.ROW
        rows[at + t.T_NODE] = count - i
        rows[at + t.T_ABOVE] = die.pick(0, die.below(i)) * t.ROW if i else -1
        rows[at + t.T_ERROR] = die.below(100)
        rows[at + t.T_ROOM] = 1_500 + die.pick(0, die.below(20_000))
        rows[at + t.T_INVERTER] = die.below(2)
        rows[at + t.T_HELD] = die.pick(0, 0, 9, 10, -1, -20)
    calm = die.pick(1, 4, 40)
    left = []
    for _ in range(60):
        if die.below(calm) == 0:
            readings[im.DEVICE_W + im.INVERTER] = die.pick(0, -2_300, 5_000, die.ma() // 2)
            for at in range(im.NODE_W, im.NODE_W + 3 * count + 3):
                readings[at] = die.ma() // 4
        for node in range(count + 1):
            plan[k.P_STATE + node] = k.STALE if die.below(50 * calm) == 0 else k.FRESH
        book[w.B_NODE] = die.pick(-1, -1, 7)
        fed, known = int(die.below(99) > 0), int(die.below(50) > 0)
        module.compare(rows, end, book, plan, readings, fed, known)
        left += [module.doubt(rows, end, book, plan), book[w.B_NODE], book[w.B_LEG]]
        left += list(plan[k.P_STATE : k.P_STATE + count + 1])
        room = k.P_ROOM + k.FEED * k.PLACES
        for node in range(count + 1):
            plan[k.P_LIMIT + node] = 25_000
            for at in range(node * 3, node * 3 + 3):
                plan[k.P_LOAD_LOW + at], plan[room + at] = die.ma(), die.below(25_000)
        module.narrow(rows, end, plan)
        left += list(plan[room : room + 3 * count + 3])
    return left + list(rows)


PAIRS = (
    (panel, tree(panel_kernel, pairing_kernel), tree(panel_kernel_plain, pairing_kernel_plain)),
    (limits, limits_kernel, limits_kernel_plain),
    (leases, limits_kernel, limits_kernel_plain),
    (grow, image_kernel, plain),
    (switch, switch_kernel, plain),
    (witness, watching(witness_kernel, witness_rooms), witness_kernel_plain),
    (parents, witness_parent, witness_parent_plain),
)


def checksum(values):
    total = 0
    for value in values:
        total = (total * 31 + value) % 1000003
    return total


def checksums(seed):
    """Of each kernel and its twin in turn."""
    return [checksum(run(module, seed)) for run, *modules in PAIRS for module in modules]


if __name__ == "__main__" and len(sys.argv) > 1:
    for seed in range(int(sys.argv[-1])):
        print(*checksums(seed))
