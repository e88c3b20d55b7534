# Random cases of the kernels of panel and witness: houses with as many devices as an image
# has. Runs on the device too.
from array import array

from firmware import image as im
from firmware.core.panel import layout as k
from tests_host.core.device.die import MA, Die, upto
from tests_host.core.device.panel_devices import place_devices
from tests_host.core.plain import witness_parent as witness_parent_plain

AMOUNTS = (0, upto(20), upto(60_000), 500, 501, 3_000, 2_000_000)  # of a current, none negative
DEBTS = (0, upto(-20), upto(-60_000), -500, -501, -3_000, -2_000_000)
COLUMNS = (
    (k.P_METERED, (0, 1, 1, 1)),
    (k.P_LATE, (upto(1_200),)),
    (k.P_EARLY, (0, 200)),
    (k.P_WORST, (2_000, 3_300)),
    (k.P_DOUBT_MS, (0, 0, 4_001, 59_990)),
    (k.P_STATE, (k.FRESH, k.FRESH, k.STALE)),
    (k.P_STILL_MS, (0, 0, 1_900, 2_001, im.AGE_MAX_MS)),
    (k.P_WHY + k.DRAW_BUS, (k.WHY_BUSBAR,)),
)


class Case:
    """A tree, up to as many devices as an image has on any of its nodes, its readings and islet's
    own history; step() is what the panel does with them."""

    def __init__(self, seed):
        self.die = die = Die(seed)
        self.nodes = 1 + die.below(im.NODES) if die.below(4) else 1 + die.below(4)
        self.devices = im.DEVICES
        self.plan = plan = array("i", [0] * (k.P_HEAD + self.nodes * k.P_ROW))
        self.rows = array("i", [0] * (self.devices * k.D_ROW))
        self.slots = array("i", [0] * (k.RING * self.devices * k.H_ROW))
        die.fill(self.slots, 0, len(self.slots), MA)
        self.readings = im.READINGS.new()
        self.commands = im.COMMANDS.new()
        for node in range(1, self.nodes):
            plan[k.node_at(node) + k.P_PARENT] = die.below(node)
        plan[k.P_HEAD + k.P_PARENT] = -1
        for column in (k.P_RATING, k.P_LIMIT, k.P_STATIC, k.P_BUS_LOAD, k.P_NEUTRAL):
            self.fill(column, *AMOUNTS)
        for column in (k.P_SOURCES, k.P_HERE, k.P_BUS):
            self.fill(column, *[0] * 2 * len(AMOUNTS), *AMOUNTS)
        for column, values in COLUMNS:
            self.fill(column, *values)
        for leg in range(3):
            self.fill(k.P_ROOM + 3 * k.DRAW_BUS + leg, k.OPEN_MA)
            self.fill(k.P_ROOM + 3 * k.FEED_BUS + leg, k.OPEN_MA)
        plan[k.P_LEGS], plan[k.P_TOGETHER] = die.pick(3, 3, 2, 1), die.pick(0, 1)
        for way in (0, 1):
            plan[k.P_UNBALANCE + way] = die.pick(0, 0, 20_000)
        self.order = place_devices(die, plan, self.rows, self.nodes)

    def fill(self, column, *values):
        """One of the values into the column of every node."""
        self.die.fill(self.plan, k.P_HEAD + column, self.nodes, *values, step=k.P_ROW)

    def measure(self):
        """New readings, or some that stand still, of any age; new orders and claims."""
        die, readings, commands = self.die, self.readings, self.commands
        die.fill(readings, im.NODE_AGE_MS, self.nodes, 0, upto(3_500), 2_000, 2_001, im.AGE_MAX_MS)
        for node in range(self.nodes):
            if die.below(3):
                for at in range(node * 3, node * 3 + 3):
                    readings[im.NODE_MA + at] = ma = die.ma()
                    readings[im.NODE_W + at] = ma // 1000 * die.pick(230, 210, 180, -225)
        readings[im.GRID_AGE_MS] = die.pick(0, 0, 2_001)
        for leg in range(3):
            readings[im.GRID_MV + leg] = die.pick(230_000, 180_000, 215_000 + die.below(30_000))
        for device in range(self.devices):
            readings[im.DEVICE_AGE_MS + device] = die.pick(0, 100, 400, die.below(2_500), 2_001)
            if die.below(3):
                readings[im.DEVICE_W + device] = die.ma() // 2
                commands[im.SETPOINT + device] = die.ma() // 2
                die.fill(readings, im.DEVICE_MA + device * im.LEGS, im.LEGS, MA)
        slots = im.SOURCES * im.DEVICES
        die.fill(commands, im.CLAIM_LOW, slots, *DEBTS)
        die.fill(commands, im.CLAIM_HIGH, slots, *AMOUNTS)
        for slot in range(im.MARKET * im.DEVICES, (im.MARKET + 1) * im.DEVICES):
            low, high = commands[im.CLAIM_LOW + slot], commands[im.CLAIM_HIGH + slot]
            low, high = die.pick((low, high), (high, high), (low, low), (0, high))
            commands[im.CLAIM_LOW + slot], commands[im.CLAIM_HIGH + slot] = low, high

    def step(self, module):
        die, plan, slots, rows = self.die, self.plan, self.slots, self.rows
        readings, commands, nodes, devices = self.readings, self.commands, self.nodes, self.devices
        dt_ms = die.pick(100, 100, 0, 1, 37, 250, 60_000)
        head = die.below(k.RING)
        pairs, device, share = module.pairing, module.device, module.share
        device.push(plan, rows, devices, slots, head, readings, commands, dt_ms)
        pairs.ages(plan, readings, nodes, dt_ms)
        pairs.pair(plan, slots, readings, nodes, devices, head, dt_ms, die.pick(0, 4_000))
        module.judge(plan, readings, nodes, dt_ms, 2_000, die.below(2))
        module.neutral(plan, readings, nodes, 230_000, 2_000)
        module.survey(plan, readings, nodes)
        module.breakers(plan, nodes)
        for issuer in range(die.below(3)):
            low_ma, high_ma = -die.below(40_000), die.below(40_000)
            module.leased(plan, die.below(nodes), low_ma, high_ma, k.WHY_LEASE + issuer)
        module.busbars(plan, slots, nodes, devices, head)
        module.has.volts(rows, devices, readings, 230_000, 195_000, 2_000)
        module.has.occupy(plan, rows, nodes, devices, readings, commands, dt_ms)
        share.serve(plan, rows, self.order, len(self.order))
        flow_w, last_w = die.ma() // 4, die.ma() // 4
        volts, known = die.pick(120, 265), die.below(2)
        left = [
            pairs.house(plan, rows, slots, devices, head, volts, flow_w, last_w, known),
            device.pace(rows, devices, readings, commands, dt_ms),
            device.moves(rows, devices, commands, dt_ms),
            module.steps.stepped(plan, rows, slots, readings, nodes, devices, head),
        ]
        step_ma, since_ms = die.ma(), die.pick(0, die.below(9_000))
        bit, leg = 1 << die.below(devices), die.below(3)
        left.append(module.steps.appear(plan, readings, nodes, bit, leg, step_ma, since_ms))
        left.append(module.steps.own(slots, devices, head, leg))
        return left


def panel(module, seed):
    """Everything three steps of a case leave, but for the kernel's own scratch."""
    case = Case(seed)
    left = []
    for _ in range(3):
        case.measure()
        left += case.step(module)
        left += list(case.plan[: k.P_SUM]) + list(case.plan[k.P_HEAD :])
        left += list(case.slots) + list(case.rows)
    return left


# room at a node: four ways, and in one of forty cases little or none
ROOMS = (k.OPEN_MA, upto(70_000), 40_000, 25_000) * 10 + (0, -900)


def sharing(module, seed):
    """Places that leave something to devices that want something; what two steps leave."""
    case = Case(seed)
    die, plan, rows, commands = case.die, case.plan, case.rows, case.commands
    left = []
    for _ in range(2):
        case.measure()
        case.fill(k.P_STATE, k.FRESH, k.FRESH, k.FRESH, k.UNMETERED, k.STALE)
        case.fill(k.P_NEUTRAL, 25_000, 40_000, 100_000)
        for leg in range(3):
            case.fill(k.P_LOAD_HIGH + leg, upto(20_000), upto(20_000), upto(-10_000))
            case.fill(k.P_LOAD_LOW + leg, upto(3_000))
            case.fill(k.P_REACTIVE + leg, 0, upto(8_000))
            case.fill(k.P_LESS + leg, 0, 0, upto(1_000), upto(-1_000))
        for column in range(4):
            case.fill(k.P_WHY + column, 0, 1, 2, 3)
            for leg in range(3):
                case.fill(k.P_ROOM + 3 * column + leg, *ROOMS)
        for node in range(case.nodes):
            at = k.node_at(node)
            for leg in range(3):  # so far it was how much lower
                plan[at + k.P_LOAD_LOW + leg] = (
                    plan[at + k.P_LOAD_HIGH + leg] - plan[at + k.P_LOAD_LOW + leg]
                )
        die.fill(commands, im.SETPOINT, im.DEVICES, 0, 0, 6_000, -4_000, upto(9_000))
        slots = im.SOURCES * im.DEVICES
        die.fill(commands, im.CLAIM_LOW, slots, -5_000, 0, -30_000)
        die.fill(commands, im.CLAIM_HIGH, slots, 32_000, 16_000, 7_000)
        for slot in range(im.MARKET * im.DEVICES, (im.MARKET + 1) * im.DEVICES):
            low, high = commands[im.CLAIM_LOW + slot], commands[im.CLAIM_HIGH + slot]
            low, high = die.pick((high, high), (low, low), (0, 32_000))
            commands[im.CLAIM_LOW + slot], commands[im.CLAIM_HIGH + slot] = low, high
        places = im.DEVICES * im.LEGS
        die.fill(case.readings, im.DEVICE_MA, places, 0, 0, 6_000, -3_000, upto(20_000))
        module.has.volts(rows, im.DEVICES, case.readings, 230_000, 195_000, 2_000)
        dt_ms = die.pick(100, 4_000)
        module.has.occupy(plan, rows, case.nodes, im.DEVICES, case.readings, commands, dt_ms)
        module.share.serve(plan, rows, case.order, len(case.order))
        left += list(plan[k.P_HEAD :]) + list(rows)
    return left


def reliefs(module, seed):
    """Overloads that come and go, above devices some of which may relieve them; what 12 steps
    leave."""
    case = Case(seed)
    die, plan, rows, slots = case.die, case.plan, case.rows, case.slots
    may = die.below(1 << im.DEVICES)
    die.fill(slots, 0, len(slots), 0)
    left = []
    for _ in range(12):
        case.fill(k.P_LIMIT, 25_000)
        case.fill(k.P_STATE, k.FRESH, k.FRESH, k.FRESH, k.FRESH, k.STALE)
        for leg in range(3):
            case.fill(k.P_LOAD_LOW + leg, 20_000, upto(9_000), 30_000, MA)
            case.fill(k.P_LOAD_HIGH + leg, 0, upto(3_000))
            die.fill(slots, k.H_HIGH + leg, im.DEVICES, 0, 0, upto(-4_000), 6_000, step=k.H_ROW)
        for at in range(k.P_HEAD + k.P_LOAD_LOW, len(plan), k.P_ROW):
            for low in (at, at + 1, at + 2):
                if 0 < plan[low] < 9_000:
                    plan[low] += 26_000
                plan[low + k.P_LOAD_HIGH - k.P_LOAD_LOW] += plan[low]  # so far how much higher
        slots_of = im.SOURCES * im.DEVICES
        die.fill(case.commands, im.CLAIM_LOW, slots_of, -2_000_000, -5_000, -5_000, 0)
        module.relieve(
            plan, rows, slots, 0, case.order, len(case.order), may, case.commands,
            die.pick(100, 1_000, 900, 60_000),
        )  # fmt: skip
        left += list(rows)
    return left


def exporting(module, seed):
    """Devices that deliver, are told to or want to, and more or less than that may be exported."""
    case = Case(seed)
    die, rows, order = case.die, case.rows, case.order
    has, most = array("i", [0] * im.DEVICES), array("i", [-1] * im.DEVICES)
    left = []
    for _ in range(4):
        for leg in range(3):
            case.readings[im.GRID_MV + leg] = die.pick(0, 190_000, 220_000 + die.below(40_000))
        for device in range(im.DEVICES):
            at = device * k.D_ROW
            rows[at + k.D_FRESH], rows[at + k.D_VOLTS] = die.below(2), 195 + die.below(60)
            rows[at + k.D_TAKES + 1] = die.pick(0, 6_000, 1_000, die.below(40_000))
        for fields, at in ((case.commands, im.SETPOINT), (case.readings, im.DEVICE_W)):
            die.fill(fields, at, im.DEVICES, 0, 3_000, -4_000, upto(-9_000))
        left_w = die.pick(0, 500, 5_000, 20_000, die.below(60_000))
        module.share(
            rows, order, len(order), case.readings, case.commands, has, most, left_w
        )  # fmt: skip
        left.append(module.highest(rows, order, len(order), case.readings, 195_500))
        left += list(has) + list(most)
    return left


def claiming(module, seed):
    """What devices are left, of what cause, and how much of it is proved."""
    case = Case(seed)
    die, rows, order, commands = case.die, case.rows, case.order, case.commands
    reasons = array("i", [die.below(50) for _ in range(k.WHY_LEASE + im.ISSUERS)])
    left = []
    for _ in range(4):
        case.measure()
        most = array("i", [die.pick(0, 2_000, 1_000_000) for _ in range(im.DEVICES)])
        for at in order:
            rows[at + k.D_FRESH], rows[at + k.D_VOLTS] = die.below(2), 195 + die.below(40)
            rows[at + k.D_EXCESS_MS] = die.pick(0, 900)
            for end in (at + k.D_HIGH, at + k.D_LOW):
                node = die.below(case.nodes)
                rows[end] = die.pick(0, die.below(40_000), die.below(6_000), k.WIDEST_MA)
                rows[end + k.END_NODE], rows[end + k.END_LEG] = node, die.below(3)
                rows[end + k.END_WHY] = die.below(len(reasons))
            for end in (at + k.D_PROVED_DRAW, at + k.D_PROVED_FEED):
                rows[end] = die.pick(k.WIDE_MA, -500, die.below(6_000), die.below(40_000))
                rows[end + k.END_NODE], rows[end + k.END_LEG] = die.below(9) - 1, die.below(3)
            for way in range(2):
                rows[at + k.D_AFTER + way] = die.below(5) - 1
        die.fill(commands, im.DEVICE_OVERDUE, im.DEVICES, 0, 1)
        places = im.DEVICES * im.LEGS
        die.fill(case.readings, im.DEVICE_MA, places, 0, 6_000, -3_000, upto(40_000))
        left.append(
            module.claim(
                case.plan, rows, order, len(order), case.readings, commands, reasons, most
            )
        )
        left += list(commands)
        module.narrow(rows, order, len(order), commands, 200 + die.below(50))
        left += list(commands) + list(rows)
    return left


class watching:
    """Three files as one module."""

    def __init__(self, sees, watch, rooms):
        self.sees, self.watch = sees.sees, watch.watch
        self.places, self.rooms = rooms.places, rooms.rooms


def witness(module, seed):
    """A house whose own current steps now and then, seen rightly or not; what 40 cycles leave."""
    die = Die(seed)
    nodes = 1 + die.below(3)
    book = array("i", [0] * (k.B_HEAD + k.C_ROW * nodes * 3))
    plan = array("i", [0] * (k.P_HEAD + nodes * k.P_ROW))
    rows = array("i", [0] * (im.DEVICES * k.D_ROW))
    readings = im.READINGS.new()
    book[k.B_STALE_MS], book[k.B_MA64_PER_W] = 2_000, 278
    gains = [die.pick(1, 1, 1, 0, -1, 2) for _ in range(nodes * 3)]
    for node in range(nodes):
        at = k.node_at(node)
        plan[at + k.P_PARENT] = die.below(node) if node else -1
        plan[at + k.P_METERED] = die.pick(0, 1, 1, 1)
        plan[at + k.P_LIMIT] = die.below(60_000)
        plan[at + k.P_SHOWS_MS] = die.pick(0, 300, 1_000)
        plan[at + k.P_LATE] = die.pick(0, 0, 600, 1_200)
        plan[at + k.P_TAKES] = die.below(3)
        plan[at + k.P_MANY] = die.below(4)
    order = place_devices(die, plan, rows, nodes)
    for at in range(k.B_HEAD, len(book)):
        book[at] = die.pick(0, 0, 0, die.below(3))
    for at in range(k.B_HEAD, len(book), k.C_ROW):
        for column in (k.C_MISSES, k.C_PROVED, k.C_STIR):
            book[at + column] = die.pick(0, 0, 1, -1, -3, 270)
        book[at + k.C_STEADY_MS] = die.pick(0, 9_900, 10_000)
    foreign = [die.ma() % 10_000 for _ in range(nodes * 3)]
    every = (1 << im.DEVICES) - 1
    left = []
    for _ in range(40):
        book[k.B_DT_MS] = die.pick(100, 100, 100, 1_000)
        book[k.B_BEGAN] = die.pick(0, 0, 0, 1)
        book[k.B_TICK] = die.below(4)
        book[k.B_KNOWN] = die.pick(every, every, every, every, every, every, every, 1, 0)
        for device in range(im.DEVICES):
            rows[device * k.D_ROW + k.D_MOVES_MS] = die.pick(0, 0, 0, 0, 0, 0, 0, 300)
            rows[device * k.D_ROW + k.D_ROSE_MS] = die.pick(0, 0, 30_000)
            rows[device * k.D_ROW + k.D_LAST_MA] = die.pick(0, 6_000, 9_000, -4_000)
            if die.below(8) == 0:
                readings[im.DEVICE_W + device] = die.pick(
                    0, 0, -2_300, 900, -300, 5_000, die.ma() // 2
                )
            for leg in range(3):
                if die.below(8) == 0:
                    at = im.DEVICE_MA + device * im.LEGS + leg
                    readings[at] = die.pick(0, 0, 6_000, 9_000, 600)
        module.sees(plan, rows, nodes, im.DEVICES, readings)
        for node in range(nodes):
            for leg in range(3):
                at = node * 3 + leg
                if die.below(40) == 0:
                    foreign[at] = die.ma() % 10_000
                own_w = plan[k.node_at(node) + k.P_SEES + leg] * 230 // 1_000
                readings[im.NODE_W + at] = foreign[at] + gains[at] * own_w + die.below(3)
            readings[im.NODE_AGE_MS + node] = die.pick(0, 0, 0, 0, 0, 0, 0, 200, 2_001)
            plan[k.node_at(node) + k.P_STATE] = die.pick(k.FRESH, k.FRESH, k.STALE)
        module.watch(book, plan, rows, readings, nodes)
        module.places(book, plan, rows, nodes, readings)
        module.rooms(plan, rows, order, len(order))
        left += [book[k.B_NODE], plan[k.P_HEAD + k.P_STATE]]
        for device in range(im.DEVICES):
            at = device * k.D_ROW + k.D_PROVED_DRAW
            left += list(rows[at : at + 6])
    return left + list(book) + list(plan) + list(rows)


def parents(module, seed):
    """A tree of instruments that agree now and then; what 60 latches leave."""
    die = Die(seed)
    t = witness_parent_plain
    count = 2 + die.below(3)
    end = count * t.ROW
    table = array("i", [0] * end)
    book = array("i", [0] * k.B_HEAD)
    plan = array("i", [0] * (k.P_HEAD + (count + 1) * k.P_ROW))
    rows = array("i", [0] * (im.DEVICES * k.D_ROW))
    readings = im.READINGS.new()
    book[k.B_MA64_PER_W] = 278
    every = (1 << im.DEVICES) - 1
    for i in range(count):
        at = i * t.ROW
        table[at + t.T_NODE] = count - i
        table[at + t.T_ABOVE] = die.pick(0, die.below(i)) * t.ROW if i else -1
        table[at + t.T_ERROR] = die.below(100)
        table[at + t.T_ROOM] = 1_500 + die.pick(0, die.below(20_000))
        table[at + t.T_OURS] = die.pick(0, die.below(every + 1))
        table[at + t.T_HELD] = die.pick(0, 0, 9, 10, -1, -20)
    for above in range(0, end, t.ROW):
        children = [at for at in range(0, end, t.ROW) if table[at + t.T_ABOVE] == above]
        table[above + t.T_CHILD] = children[0] if children else -1
        for i, at in enumerate(children):
            table[at + t.T_NEXT] = children[i + 1] if i + 1 < len(children) else -1
    calm = die.pick(1, 4, 40)
    left = []
    for _ in range(60):
        if die.below(calm) == 0:
            for device in range(im.DEVICES):
                at = device * k.D_ROW + k.D_SEES_MA
                for leg in range(3):
                    rows[at + leg] = die.pick(0, -10_000, 20_000, die.ma())
            for at in range(im.NODE_W, im.NODE_W + 3 * count + 3):
                readings[at] = die.ma() // 4
        for node in range(count + 1):
            stale = die.below(50 * calm) == 0
            plan[k.node_at(node) + k.P_STATE] = k.STALE if stale else k.FRESH
        book[k.B_NODE] = die.pick(-1, -1, 7)
        plan[k.P_FRESH_BITS] = every if die.below(50) else die.below(every)
        fed = int(die.below(99) > 0)
        module.compare(table, end, book, plan, rows, readings, fed)
        left += [module.doubt(table, end, book, plan), book[k.B_NODE], book[k.B_LEG]]
        for node in range(count + 1):
            at = k.node_at(node)
            plan[at + k.P_LIMIT] = 25_000
            for leg in range(3):
                plan[at + k.P_LOAD_LOW + leg] = die.ma()
                plan[at + k.P_ROOM + 3 * k.FEED + leg] = die.below(25_000)
        module.narrow(table, end, plan)
        left += list(plan)
    return left + list(table)
