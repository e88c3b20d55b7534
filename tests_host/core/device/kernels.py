# The kernels of core and of the image, and plain twins, on random cases of every shape. Prints the
# checksums of what the kernels say for each seed up to the last argument. Runs on CPython too.
import sys
from array import array

from firmware import image as im
from firmware.base import grow as image_kernel
from firmware.core.grid import island_kernel, island_table, switch_kernel
from firmware.core.limits import grants as grants_kernel
from firmware.core.limits import kernel as limits_kernel
from firmware.core.panel import (
    claims_kernel,
    device_kernel,
    export_kernel,
    has_kernel,
    neutral_kernel,
    pairing_kernel,
    relief_kernel,
    share_kernel,
    step_kernel,
    witness_kernel,
    witness_parent,
    witness_rooms,
    witness_sees,
)
from firmware.core.panel import kernel as panel_kernel
from tests_host.core.device.die import Die, total
from tests_host.core.device.panel_cases import (
    claiming,
    exporting,
    panel,
    parents,
    reliefs,
    sharing,
    watching,
    witness,
)
from tests_host.core.plain import claims_kernel as claims_kernel_plain
from tests_host.core.plain import device_kernel as device_kernel_plain
from tests_host.core.plain import export_kernel as export_kernel_plain
from tests_host.core.plain import limits_kernel as limits_kernel_plain
from tests_host.core.plain import neutral_kernel as neutral_kernel_plain
from tests_host.core.plain import pairing_kernel as pairing_kernel_plain
from tests_host.core.plain import panel_kernel as panel_kernel_plain
from tests_host.core.plain import relief_kernel as relief_kernel_plain
from tests_host.core.plain import share_kernel as share_kernel_plain
from tests_host.core.plain import witness_kernel as witness_kernel_plain
from tests_host.core.plain import witness_parent as witness_parent_plain


class tree:
    """The tree's kernels and those beside them."""

    def __init__(self, module, pairing, steps, device, has, share, neutral):
        self.pairing, self.steps, self.device = pairing, steps, device
        self.has, self.share = has, share
        self.neutral = neutral.flows
        for name in ("judge", "survey", "breakers", "leased", "busbars"):
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


def requests(module, seed):
    """Which requests stand: said again, run out, said anew in the moment they run out."""
    die = Die(seed)
    bits, said = die.below(1 << im.DEVICES), im.REQUESTS.new()
    table = array("i", [0] * (3 * im.DEVICES))
    left = []
    for _ in range(30):
        device = die.below(im.DEVICES)
        said[im.MARKET_SEQ + device] += die.below(2)
        said[im.MARKET_TTL_MS + device] = die.pick(0, 100, 1_000, im.AGE_MAX_MS)
        table[3 * die.below(im.DEVICES) + 2] = die.pick(-1, 0, 1)
        dt_ms = die.pick(100, 100, 0, 250, im.AGE_MAX_MS)
        left.append(module.said(table, said, bits, im.MARKET_SEQ, im.MARKET_TTL_MS, dt_ms))
        left += list(table)
    return left


def grants(module, seed):
    die = Die(seed)
    table = array("i", [0] * 68)
    commands = im.COMMANDS.new()
    left = []
    for _ in range(60):
        device = die.below(im.DEVICES)
        if die.below(3) == 0:
            commands[im.GRANT_LOW + device] = die.ma()
            commands[im.GRANT_HIGH + device] = die.ma()
        module.enter(table, commands, device, die.pick(100, 100, 0, 450, 60_000))
        left += list(table)
        module.since(table, die.pick(0, 100, 2_500, 8_500, 15_000, 60_000))
        left += list(table[:4])
    return left


def grow(module, seed):
    die = Die(seed)
    fields = array("i", [die.pick(0, die.below(5_000), im.AGE_MAX_MS - 7) for _ in range(50)])
    count = die.below(20)
    which = array("i", [count] + [die.below(50) for _ in range(count)])
    module.grow(fields, which, die.pick(0, 10, 100, im.AGE_MAX_MS), im.AGE_MAX_MS)
    return list(fields)


TREE = tree(
    panel_kernel, pairing_kernel, step_kernel, device_kernel, has_kernel, share_kernel,
    neutral_kernel,
)  # fmt: skip
TREE_PLAIN = tree(
    panel_kernel_plain, pairing_kernel_plain, pairing_kernel_plain, device_kernel_plain,
    share_kernel_plain, share_kernel_plain, neutral_kernel_plain,
)  # fmt: skip


class packed:
    """The transfer's tables as bytes."""

    rules = island_table.packed_rules(island_table.RULES)
    permits = island_table.packed_permits(island_table.PERMITS)

    def rule(self, state, number, seen, made, state_ms, relay_ms):
        rows, ends = self.rules
        starts = [ends[state]]
        while starts[-1] < ends[state + 1]:
            at = starts[-1]
            starts.append(at + island_kernel.FACTS + 1 + rows[at + island_kernel.FACTS])
        number = min(number, len(starts) - 1)
        at = island_kernel.first(rows, starts[number], starts[-1], seen, made, state_ms, relay_ms)
        found = rows[at : at + 3] if at < starts[-1] else b""
        return starts.index(at), found[1] if found else -1, found[2] if found else -1

    def permitted(self, state, seen, made, permits):
        rows, ends = self.permits
        kept = island_table.bit("kept")
        return island_kernel.permitted(
            rows, ends[state], ends[state + 1], seen, made, kept, permits
        )


class told:
    """The same by the tables' text."""

    @staticmethod
    def holds(text, seen, made):
        known = island_table.bits()
        facts = [(word[0] != "-", known[word.lstrip("-")]) for word in text.split()]
        return all(((seen, made)[group] & bit != 0) == wanted for wanted, (group, bit) in facts)

    def rule(self, state, number, seen, made, state_ms, relay_ms):
        rules = [row[1:] for row in island_table.RULES if row[0] == state]
        for i in range(number, len(rules)):
            after_ms, text, following, why = rules[i]
            if after_ms == island_table.RELAY:
                after_ms = relay_ms
            if state_ms >= after_ms and self.holds(text, seen, made):
                return i, following, island_table.cause(why)
        return len(rules), -1, -1

    def permitted(self, state, seen, made, permits):
        found = 0
        for at, output, text in island_table.PERMITS:
            kept = island_table.bit("kept") if permits & output else 0
            if at == state and self.holds(text, seen, made | kept):
                found |= output
        return found


def transfers(module, seed):
    die = Die(seed)
    known = island_table.bits()
    left = []
    for _ in range(10):
        state = die.below(len(island_table.MODES))
        facts = [die.below(1 << 14) << 13 | die.below(1 << 13) for _ in range(2)]
        table = die.pick(island_table.RULES, island_table.PERMITS)
        texts = [row[2] for row in table if row[0] == state] or [""]
        for word in texts[die.below(len(texts))].split():
            group, bit = known[word.lstrip("-")]
            facts[group] = facts[group] & ~bit if word[0] == "-" else facts[group] | bit
        state_ms = die.pick(0, 100, 1_000, 3_000, 3_100, 20_000)
        left += module.rule(state, die.below(3), facts[0], facts[1], state_ms, die.pick(50, 1_000))
        left.append(module.permitted(state, facts[0], facts[1], die.below(32)))
    return left


PAIRS = (
    (panel, TREE, TREE_PLAIN),
    (sharing, TREE, TREE_PLAIN),
    (reliefs, relief_kernel, relief_kernel_plain),
    (exporting, export_kernel, export_kernel_plain),
    (claiming, claims_kernel, claims_kernel_plain),
    (limits, limits_kernel, limits_kernel_plain),
    (leases, limits_kernel, limits_kernel_plain),
    (requests, limits_kernel, limits_kernel_plain),
    (grants, grants_kernel, limits_kernel_plain),
    (grow, image_kernel, plain),
    (switch, switch_kernel, plain),
    (
        witness,
        watching(witness_sees, witness_kernel, witness_rooms),
        watching(witness_kernel_plain, witness_kernel_plain, witness_kernel_plain),
    ),
    (parents, witness_parent, witness_parent_plain),
    (transfers, packed(), told()),
)


def checksum(values):
    return total(array("i", values), len(values))


def answers(seed):
    """Of each kernel and its twin in turn."""
    return [run(module, seed) for run, *modules in PAIRS for module in modules]


if __name__ == "__main__" and len(sys.argv) > 1:
    for seed in range(int(sys.argv[-1])):
        print(*(checksum(run(kernel, seed)) for run, kernel, _ in PAIRS))
