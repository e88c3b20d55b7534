# Random houses with one to six devices that share what a tree of circuits leaves. Prints for each
# what its devices got of their wishes, and when loads and wishes changed, so that the host can
# hold it against a planner's best. Runs on the device too.
#
# Arguments: seeds FIRST-LAST, the rule (islet or plain), seconds.
import sys
from array import array

from firmware import image as im
from firmware.core.limits import kernel as limits
from firmware.core.limits.growth import Offer, Setpoint
from firmware.core.panel.tree import Panel

STEP_MS = 100
VOLTS = 230
WORST_MS = 1_300  # a meter's period and its reporting delay
SAMPLE_MS = 200  # what a meter's profile adds to an age
TOLERANCE_MA = 400
LEAST_MA = 6_000
LEGS = ((0,), (1,), (2,), (0, 1, 2), (1, 2, 0), (0, 1, 2))


class Die:
    def __init__(self, seed):
        self.state = (seed * 2654435761 + 12345) % 4294967296

    def below(self, count):
        self.state = (self.state * 1664525 + 1013904223) % 4294967296
        return (self.state >> 8) % count

    def pick(self, *values):
        return values[self.below(len(values))]


class Device:
    """What it is told becomes its current after its response; a car rises at its own speed."""

    def __init__(self, row, node, die):
        self.row = row
        self.node = node
        self.offers = die.below(5) < 3
        self.legs = die.pick(*LEGS)
        self.rank = die.below(3)
        self.max_ma = die.pick(16_000, 32_000) if self.offers else die.pick(10_000, 20_000)
        self.response_ms = die.pick(500, 1_000, 2_000)
        self.rise_ma = die.pick(200, 500, 2_000)  # a step
        self.wish_ma = 0
        self.told = 0  # mA, - feeding back
        self.ma = 0
        self.orders = []

    def move(self, now_ms):
        self.orders.append(self.told)
        if len(self.orders) > self.response_ms // STEP_MS:
            goal = self.orders.pop(0)
            if self.ma <= goal <= self.ma + self.rise_ma or goal < self.ma or not self.offers:
                self.ma = goal
            else:
                self.ma += self.rise_ma


class House:
    def __init__(self, seed, rule):
        self.die = die = Die(seed)
        self.rule = rule
        feeders = 1 + die.below(6)
        count = 1 + die.below(6)
        self.parent = [-1] + [die.below(node) for node in range(1, feeders)]
        self.rating = [die.pick(25_000, 40_000, 63_000)]
        self.rating += [die.pick(20_000, 25_000, 32_000) for _ in range(1, feeders)]
        self.feeders = feeders
        self.devices = []
        for row in range(count):
            self.devices.append(Device(row, len(self.parent), die))
            self.parent.append(die.below(feeders))
            self.rating.append(die.pick(20_000, 32_000))
        self.nodes = len(self.parent)
        self.metered = [1] * feeders
        self.period_ms = die.pick(200, 500, 1_000)
        self.load = array("i", [0] * (self.nodes * 3))  # at the node itself
        self.foreign = array("i", [0] * (self.nodes * 3))  # through it, but for islet's
        self.drawn = array("i", [0] * (self.nodes * 3))  # islet's, positive parts alone
        self.back = array("i", [0] * (self.nodes * 3))
        self.flow = array("i", [0] * (self.nodes * 3))
        self.past = []
        self.over_ms = array("i", [0] * (self.nodes * 3))
        self.steady_ms = array("i", [0] * (self.nodes * 3))  # since its foreign current rose
        self.breaches = self.grown = 0
        self.got = [0] * count  # mA steps, towards its wish
        self.events = []
        self.now_ms = 0
        self.paths = [self._path(device.node) for device in self.devices]
        self.image = im.Image()
        self._declare()
        self.panel = Panel(self.image, self)
        self.offers = [Offer(self.image, d.row) for d in self.devices if d.offers]
        self.powers = [Setpoint(self.image, d.row) for d in self.devices if not d.offers]
        self.shown = array("i", [0] * (self.nodes * 3))

    def _path(self, node):
        nodes = []
        while node >= 0:
            nodes.append(node)
            node = self.parent[node]
        return nodes

    def _declare(self):
        image = self.image
        site = image.site
        image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
        site[im.LEG_COUNT], site[im.NODE_COUNT] = 3, self.nodes
        for node in range(self.nodes):
            site[im.NODE_PARENT + node] = self.parent[node]
            site[im.NODE_RATING_MA + node] = self.rating[node]
            site[im.NODE_NEUTRAL_MA + node] = 3 * self.rating[node]  # see test_neutral.py
            if node < self.feeders:
                meter = im.INSTRUMENT_METER if self.metered[node] else im.INSTRUMENT_NONE
                site[im.NODE_INSTRUMENT + node] = meter
        for device in self.devices:
            row = device.row
            site[im.DEVICE_KIND + row] = im.KIND_CHARGER if device.offers else im.KIND_CONVERTER
            site[im.DEVICE_NODE + row] = device.node
            for k, leg in enumerate(device.legs):
                site[im.DEVICE_LEG + row * im.LEGS + k] = leg
            site[im.DEVICE_LEGS + row] = len(device.legs)
            site[im.DEVICE_RANK + row] = device.rank
            site[im.DEVICE_PAUSE_MS + row] = 0
            site[im.DEVICE_RESPONSE_MS + row] = device.response_ms + 500
            site[im.DEVICE_LEAST + row] = LEAST_MA if device.offers else 0
            site[im.DEVICE_MAX_MA + row] = device.max_ma
            watts = device.max_ma * VOLTS // 1_000 * len(device.legs)
            site[im.DEVICE_CHARGE_W + row] = site[im.DEVICE_DISCHARGE_W + row] = watts
            site[im.DEVICE_DEAD_BAND_W + row] = watts // 200 if watts > 2_000 else 10
        live = image.readings
        for i in image.ages:
            live[i] = 0
        for leg in range(3):
            live[im.GRID_MV + leg] = VOLTS * 1_000

    def claim(self, source, device, low, high, reason, node=-1, leg=-1, value=0, low_reason=-1):
        slot = source * im.DEVICES + device
        commands = self.image.commands
        commands[im.CLAIM_LOW + slot], commands[im.CLAIM_HIGH + slot] = low, high
        commands[im.CLAIM_REASON + slot] = reason
        commands[im.CLAIM_NODE + slot], commands[im.CLAIM_LEG + slot] = node, leg

    # --- what happens -------------------------------------------------------------------------

    def run(self, seconds):
        for _ in range(seconds * 1000 // STEP_MS):
            self._chance()
            self.now_ms += STEP_MS
            for device in self.devices:
                device.move(self.now_ms)
            self._flows()
            self._check()
            self._measure()
            if self.rule == "islet":
                self._islet()
            else:
                self._plain()

    def _chance(self):
        """A load comes or goes once in two minutes, each wish changes once in ten."""
        die = self.die
        changed = self.now_ms == 0
        for node in range(self.feeders):
            if changed or die.below(1_200 * self.feeders) == 0:
                leg = die.below(3)
                ma = die.pick(0, 500, 1_000, 2_000, 4_000, 9_000, 6_000)
                self.load[node * 3 + leg] = ma
                self._sum_foreign()
                self.events.append((self.now_ms, 0))
        for device in self.devices:
            if changed or die.below(6_000) == 0:
                device.wish_ma = die.pick(device.max_ma, device.max_ma, 10_000, 0)
                if not device.offers and die.below(2):
                    device.wish_ma = -device.wish_ma
                self.events.append((self.now_ms, 0))
        if self.events and self.events[-1][0] == self.now_ms:
            self.log()

    def log(self):
        """From now on: the rooms in each direction, and the wishes."""
        while self.events and self.events[-1][0] == self.now_ms:
            self.events.pop()
        self.events.append(
            (self.now_ms, list(self.foreign), [device.wish_ma for device in self.devices])
        )

    def _sum_foreign(self):
        before = list(self.foreign)
        for i in range(self.nodes * 3):
            self.foreign[i] = self.load[i]
        for node in range(self.nodes - 1, 0, -1):
            for leg in range(3):
                self.foreign[self.parent[node] * 3 + leg] += self.foreign[node * 3 + leg]
        for i in range(self.nodes * 3):
            if abs(self.foreign[i]) > abs(before[i]):
                self.steady_ms[i] = 0

    def _flows(self):
        drawn, back = self.drawn, self.back
        for i in range(self.nodes * 3):
            drawn[i] = back[i] = 0
        for d, device in enumerate(self.devices):
            ma = device.ma
            if ma:
                column = drawn if ma > 0 else back
                for node in self.paths[d]:
                    for leg in device.legs:
                        column[node * 3 + leg] += ma if ma > 0 else -ma
                wish = device.wish_ma
                if wish > 0 < ma:
                    self.got[d] += ma if ma < wish else wish
                elif wish < 0 > ma:
                    self.got[d] -= ma if ma > wish else wish

    def _check(self):
        """INV-3: over a limit no longer than its time; over it by growth never."""
        for i in range(self.nodes * 3):
            limit = self.rating[i // 3] + TOLERANCE_MA
            foreign = self.foreign[i]
            over = (self.drawn[i] > TOLERANCE_MA and foreign + self.drawn[i] > limit) or (
                self.back[i] > TOLERANCE_MA and self.back[i] - foreign > limit
            )
            self.steady_ms[i] += STEP_MS
            if over:
                self.over_ms[i] += STEP_MS
                if self.over_ms[i] > WORST_MS + 100 + 2_500 + STEP_MS:
                    self.breaches += 1
                if self.over_ms[i] == STEP_MS and self.steady_ms[i] > 6_000:
                    self.grown += 1
            else:
                self.over_ms[i] = 0

    def _measure(self):
        readings = self.image.readings
        if self.now_ms % self.period_ms == 0:
            flow = array("i", self.foreign)
            ripple = self.now_ms // self.period_ms * 7 % 50
            for i in range(self.nodes * 3):
                flow[i] += self.drawn[i] - self.back[i] + ripple
            self.past.append((self.now_ms, flow))
        while len(self.past) > 1 and self.past[1][0] <= self.now_ms - 100:
            self.past.pop(0)
        if not self.past:
            return
        at_ms, flow = self.past[0]
        self.shown = flow
        for node in range(self.feeders):
            readings[im.NODE_AGE_MS + node] = self.now_ms - at_ms + SAMPLE_MS
            for i in range(node * 3, node * 3 + 3):
                readings[im.NODE_MA + i] = flow[i]
                readings[im.NODE_W + i] = flow[i] * VOLTS // 1_000
        for device in self.devices:
            row = device.row
            for k in range(len(device.legs)):
                readings[im.DEVICE_MA + row * im.LEGS + k] = device.ma
            readings[im.DEVICE_W + row] = device.ma * VOLTS // 1_000 * len(device.legs)

    # --- islet --------------------------------------------------------------------------------

    def _islet(self):
        commands = self.image.commands
        for device in self.devices:
            row = device.row
            wish = device.wish_ma
            if not device.offers:
                wish = wish * VOLTS // 1_000 * len(device.legs)
            for source in range(im.SOURCES):
                if source != im.PANEL:
                    low, high = -1_000_000, 1_000_000
                    if source == im.HARDWARE and device.offers:
                        high = device.max_ma
                    if source == im.MARKET:
                        low, high = (0 if device.offers else wish), wish
                    slot = source * im.DEVICES + row
                    commands[im.CLAIM_LOW + slot], commands[im.CLAIM_HIGH + slot] = low, high
                    if source == im.MARKET:
                        commands[im.CLAIM_REASON + slot] = im.REASON_GOAL
        self.panel.step(STEP_MS)
        self.panel.witness.narrow()
        for offer in self.offers:
            offer.claim_pause(STEP_MS, self)
        limits.arbitrate(commands, im.CLAIM_LOW, im.SOURCES, im.GRANT_LOW, im.DEVICES)
        for part in self.offers + self.powers:
            part.step(STEP_MS)
        for device in self.devices:
            told = commands[im.SETPOINT + device.row]
            if not device.offers:
                told = told * 1_000 // (VOLTS * len(device.legs))
            device.told = told

    # --- the plain rule -----------------------------------------------------------------------

    def _plain(self):
        """Reduce by the excess, add a quarter of the room every 2 s, in the order of the ranks."""
        grow = self.now_ms % 2_000 == 0
        order = sorted(self.devices, key=lambda device: (device.rank, device.row))
        if not grow:
            order.reverse()
        cut = [0] * (self.nodes * 3)
        for device in order:
            room = 1_000_000
            sign = 1 if device.wish_ma >= 0 else -1
            for node in self.paths[device.row]:
                if node < self.feeders and self.metered[node]:
                    for leg in device.legs:
                        i = node * 3 + leg
                        room = min(room, self.rating[node] - sign * self.shown[i] + cut[i])
            now = abs(device.told)
            most = abs(device.wish_ma)
            new = min(now, most)
            if room < 0 and self.now_ms % self.period_ms == 0:
                new = max(0, new + room)
            elif room > 0 and grow:
                new = min(most, max(new + room // 4, min(LEAST_MA, room) if device.offers else 0))
            if device.offers and new < LEAST_MA:
                new = 0
            for node in self.paths[device.row]:
                for leg in device.legs:
                    cut[node * 3 + leg] += now - new
            device.told = sign * new


def main(seeds, rule, seconds):
    first, _, last = seeds.partition("-")
    for seed in range(int(first), int(last or first) + 1):
        house = House(seed, rule)
        house.run(seconds)
        print("house", seed, rule, house.breaches, house.grown, *house.got)
        if rule == "islet":
            devices = [
                (d.node, d.legs, d.rank, d.max_ma, d.offers, d.response_ms, d.rise_ma)
                for d in house.devices
            ]
            print("what", [house.parent, house.rating, devices, house.metered])
            print("when", house.events)


if __name__ == "__main__" and len(sys.argv) > 3:
    main(sys.argv[-3], sys.argv[-2], int(sys.argv[-1]))
