# islet: a circuit cannot draw more than the one that feeds it: one of their instruments is wrong.
# GPL-3.0-or-later
#
# What the measured children draw together, less what their parent shows, is at most what sources
# outside of the children deliver: the declared, and islet's own devices. Loads that nothing
# measures make the parent's flow larger, never smaller, so the other direction proves nothing.
# Compared are the children's least and the parent's most since the two last agreed: however late
# and however differently instruments see a step or a ramp, within that time they see the same.
# Nobody knows which of them is wrong: the parent and its children are stale while it stands and
# for 10 s more. A generator that is not declared looks the same, and the house is as unsafe.


from firmware import image as im
from firmware.base.noughts import noughts
from firmware.base.viper import const, micropython, ptr32
from firmware.core.panel.layout import (
    B_LEG,
    B_MA64_PER_W,
    B_NODE,
    B_TICK,
    D_NODE,
    D_OFFERS,
    D_ROW,
    D_SEES_MA,
    FEED,
    FRESH,
    P_FRESH_BITS,
    P_HEAD,
    P_LIMIT,
    P_LOAD_LOW,
    P_METERED,
    P_PARENT,
    P_ROOM,
    P_ROW,
    P_SOURCES,
    P_STATE,
    STALE,
    TICK_LATCH,
    node_at,
)

# a row for each metered node
_T_NODE = const(0)
_T_ABOVE = const(1)  # where the row of the next metered node above begins, -1 none
_T_ERROR = const(2)  # of its reading, 1/1024
_T_ROOM = const(3)  # mA that the children may exceed it by, without what islet delivers
_T_OURS = const(4)  # bits of islet's devices below it, and below no metered child
_T_HELD = const(5)  # latches that it has been exceeded for; doubted: -so many more
_T_LEG = const(6)
_T_LOW = const(7)  # [leg] mA, the least it drew since it and its siblings agreed with the parent
_T_HIGH = const(10)  # [leg] mA, the most it drew since its children agreed with it
_T_CHILD = const(13)  # where the row of its first child begins, -1 none: few are looked at
_T_NEXT = const(14)  # where the row of the next child of the same parent begins, -1 none
_ROW = const(15)

_LEAST_MA = const(1_500)
_STANDS = const(11)  # latches: 5 s from the first to the last
_STAYS = const(20)  # 10 s


@micropython.viper
def back(rows, ours: int, leg: int) -> int:
    """What devices of islet's deliver on a leg, at most, by their own measurement."""
    d = ptr32(rows)
    back_ma = 0
    at = 0
    while ours:
        if ours & 1:
            ma = 0 - d[at + D_SEES_MA + leg]
            if ma > 0:
                back_ma += ma + (ma >> 3)
        at += D_ROW
        ours >>= 1
    return back_ma


@micropython.viper
def over(table, above: int, book, rows, readings, afresh: int) -> int:
    """The first leg + 1 on which the children exceed their parent in all that counts, 0 none.
    `afresh`: what they show now counts alone."""
    t = ptr32(table)
    b = ptr32(book)
    r = ptr32(readings)
    exceeded = 0
    leg = 2
    while leg >= 0:
        ma = r[im.NODE_W + t[above + _T_NODE] * 3 + leg] * b[B_MA64_PER_W] >> 6
        if t[above + _T_OURS]:
            ma += int(back(rows, t[above + _T_OURS], leg))
        if afresh or ma > t[above + _T_HIGH + leg]:
            t[above + _T_HIGH + leg] = ma
        ma = t[above + _T_HIGH + leg]
        over_ma = 0 - ma - t[above + _T_ROOM]
        over_ma -= ((ma if ma > 0 else 0 - ma) >> 7) * t[above + _T_ERROR] >> 3
        child = t[above + _T_CHILD]
        while child >= 0:
            ma = r[im.NODE_W + t[child + _T_NODE] * 3 + leg] * b[B_MA64_PER_W] >> 6
            if afresh or ma < t[child + _T_LOW + leg]:
                t[child + _T_LOW + leg] = ma
            ma = t[child + _T_LOW + leg]
            over_ma += ma
            over_ma -= ((ma if ma > 0 else 0 - ma) >> 7) * t[child + _T_ERROR] >> 3
            child = t[child + _T_NEXT]
        if over_ma > 0:
            exceeded = leg + 1
        leg -= 1
    return exceeded


@micropython.viper
def compare(table, end: int, book, plan, rows, readings, fed: int):
    """At a latch: _T_HELD of every parent. `fed`: through the service."""
    t = ptr32(table)
    p = ptr32(plan)
    above = 0
    while above < end:
        child = t[above + _T_CHILD]
        if child >= 0:
            good = fed
            ours = t[above + _T_OURS]
            if ours & p[P_FRESH_BITS] != ours:
                good = 0
            if p[P_HEAD + t[above + _T_NODE] * P_ROW + P_STATE] != FRESH:
                good = 0
            while child >= 0:
                if p[P_HEAD + t[child + _T_NODE] * P_ROW + P_STATE] != FRESH:
                    good = 0
                child = t[child + _T_NEXT]
            held = t[above + _T_HELD]
            leg = int(over(table, above, book, rows, readings, 0))
            if good and leg:
                held = held + 1 if held >= 0 else 0 - _STAYS
                if held >= _STANDS:
                    held = 0 - _STAYS
                    t[above + _T_LEG] = leg - 1
            else:
                held = held + 1 if held < 0 else 0
                over(table, above, book, rows, readings, 1)
            t[above + _T_HELD] = held
        above += _ROW


@micropython.viper
def doubt(table, end: int, book, plan) -> int:
    """Keep doubted parents and their children stale, name the first unless another is."""
    t = ptr32(table)
    b = ptr32(book)
    p = ptr32(plan)
    doubted = 0
    at = 0
    while at < end:
        above = t[at + _T_ABOVE]
        if above >= 0:
            if t[above + _T_HELD] < 0:
                p[P_HEAD + t[at + _T_NODE] * P_ROW + P_STATE] = STALE
        if t[at + _T_HELD] < 0:
            doubted += 1
            p[P_HEAD + t[at + _T_NODE] * P_ROW + P_STATE] = STALE
            if b[B_NODE] < 0:
                b[B_NODE] = t[at + _T_NODE]
                b[B_LEG] = t[at + _T_LEG]
        at += _ROW
    return doubted


@micropython.viper
def narrow(table, end: int, plan):
    """Behind a doubted instrument the static rule holds, and what it shows where that is less: a
    generator that nobody declared is known from it alone."""
    t = ptr32(table)
    p = ptr32(plan)
    at = 0
    while at < end:
        held = t[at + _T_HELD]
        above = t[at + _T_ABOVE]
        if above >= 0:
            if t[above + _T_HELD] < 0:
                held = 0 - 1
        if held < 0:
            row = P_HEAD + t[at + _T_NODE] * P_ROW
            leg = row
            while leg < row + 3:
                feed_ma = p[row + P_LIMIT] + p[leg + P_LOAD_LOW]
                if feed_ma < p[leg + P_ROOM + FEED * 3]:
                    p[leg + P_ROOM + FEED * 3] = feed_ma
                leg += 1
        at += _ROW


def _size(site):
    """Of the rows: none where there is but one instrument."""
    count = 0
    for node in range(site[im.NODE_COUNT]):
        instrument = site[im.NODE_INSTRUMENT + node]
        if instrument == im.INSTRUMENT_CT or instrument == im.INSTRUMENT_METER:
            count += 1
    return _ROW * count if count > 1 else 0


class Parents:
    """Metered nodes that feed one another. Costs nothing where there are none."""

    def __init__(self, site):
        self.rows = noughts(_size(site))
        self._plan = self._devices = None
        self._end = 0  # of the rows, 0 while none feeds another
        self._doubted = 0

    def declare(self, site, plan, devices):
        self._plan = plan
        self._devices = devices
        size = _size(site)
        if len(self.rows) != size:
            self.rows = noughts(size)
        rows = self.rows
        at = 0
        for node in range(site[im.NODE_COUNT]):
            if plan[node_at(node) + P_METERED] and size:
                rows[at + _T_NODE] = node
                rows[at + _T_ERROR] = site[im.NODE_ERROR_PERMILLE + node] * 33 // 32 + 1
                rows[at + _T_ROOM] = plan[node_at(node) + P_SOURCES]
                rows[at + _T_OURS] = rows[at + _T_HELD] = 0
                rows[at + _T_CHILD] = rows[at + _T_NEXT] = -1
                at += _ROW
        self._end = 0
        for at in range(0, size, _ROW):
            node = rows[at + _T_NODE]
            above = rows[at + _T_ABOVE] = self._row(plan[node_at(node) + P_PARENT])
            if above >= 0:
                rows[above + _T_ROOM] -= plan[node_at(node) + P_SOURCES]
                rows[at + _T_NEXT] = rows[above + _T_CHILD]
                rows[above + _T_CHILD] = at
                self._end = size
        for at in range(0, size, _ROW):
            rows[at + _T_ROOM] = rows[at + _T_ROOM] * 9 // 8 + _LEAST_MA  # at a high voltage
        for device in range(devices.many):
            row = device * D_ROW
            if devices.rows[row + D_NODE] >= 0 and not devices.rows[row + D_OFFERS]:
                at = self._row(devices.rows[row + D_NODE])
                if at >= 0:
                    rows[at + _T_OURS] |= 1 << device

    def _row(self, node):
        """Of the first metered node from here up."""
        rows = self.rows
        while node >= 0:
            for at in range(0, len(rows), _ROW):
                if rows[at + _T_NODE] == node:
                    return at
            node = self._plan[node_at(node) + P_PARENT]
        return -1

    def forget(self):
        for at in range(0, self._end, _ROW):
            self.rows[at + _T_HELD] = 0

    def step(self, book, readings, fed):
        """After the witness's own pass."""
        if self._end == 0:
            return
        latch = book[B_TICK] & TICK_LATCH
        if latch:
            compare(
                self.rows, self._end, book, self._plan, self._devices.rows, readings,
                1 if fed else 0,
            )  # fmt: skip
        if latch or self._doubted:
            self._doubted = doubt(self.rows, self._end, book, self._plan)

    def narrow(self):
        """After the panel's breakers."""
        if self._doubted:
            narrow(self.rows, self._end, self._plan)

    def doubts(self, node):
        """Whether the node is a doubted parent or a child of one."""
        rows = self.rows
        for at in range(0, self._end, _ROW):
            if rows[at + _T_NODE] == node:
                above = rows[at + _T_ABOVE]
                return rows[at + _T_HELD] < 0 or (above >= 0 and rows[above + _T_HELD] < 0)
        return False
