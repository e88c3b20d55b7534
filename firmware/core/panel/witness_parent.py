# islet: a circuit cannot draw more than the one that feeds it: one of their instruments is wrong.
# GPL-3.0-or-later
#
# What the measured children draw together, less what their parent shows, is at most what sources
# outside of the children deliver: the declared, and islet's own inverter. Loads that nothing
# measures make the parent's flow larger, never smaller, so the other direction proves nothing.
# Compared are the children's least and the parent's most since the two last agreed: however late
# and however differently instruments see a step or a ramp, within that time they see the same.
# Nobody knows which of them is wrong: the parent and its children are stale while it stands and
# for 10 s more. A generator that is not declared looks the same, and the house is as unsafe.

from array import array

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32
from firmware.core.panel.kernel import (
    FEED,
    FRESH,
    P_LIMIT,
    P_LOAD_LOW,
    P_METERED,
    P_PARENT,
    P_ROOM,
    P_SOURCES,
    P_STATE,
    PLACES,
    STALE,
)

# of the witness's book (witness_kernel.py)
_B_TICK = const(3)
_B_MA64_PER_W = const(4)
_B_MA64_PER_W_INVERTER = const(5)
_B_INVERTER_LEGS = const(6)
_B_NODE = const(8)
_B_LEG = const(9)
_TICK_LATCH = const(1)

# a row for each metered node
_T_NODE = const(0)
_T_ABOVE = const(1)  # where the row of the next metered node above begins, -1 none
_T_ERROR = const(2)  # of its reading, 1/1024
_T_ROOM = const(3)  # mA that the children may exceed it by, without islet's inverter
_T_INVERTER = const(4)  # 1: islet's inverter is below it, and below no metered child
_T_HELD = const(5)  # latches that it has been exceeded for; doubted: -so many more
_T_LEG = const(6)
_T_LOW = const(7)  # [leg] mA, the least it drew since it and its siblings agreed with the parent
_T_HIGH = const(10)  # [leg] mA, the most it drew since its children agreed with it
_ROW = const(13)

_LEAST_MA = const(1_500)
_STANDS = const(11)  # latches: 5 s from the first to the last
_STAYS = const(20)  # 10 s


@micropython.viper
def over(rows, end: int, above: int, book, readings, back_ma: int, afresh: int) -> int:
    """The first leg + 1 on which the children exceed their parent in all that counts, 0 none.
    `back_ma`: what islet's inverter may deliver beside them. `afresh`: what they show now counts
    alone."""
    t = ptr32(rows)
    b = ptr32(book)
    r = ptr32(readings)
    watts = int(im.NODE_W)
    exceeded = 0
    leg = 2
    while leg >= 0:
        ma = r[watts + t[above + _T_NODE] * 3 + leg] * b[_B_MA64_PER_W] >> 6
        if leg < b[_B_INVERTER_LEGS]:
            ma += back_ma
        if afresh or ma > t[above + _T_HIGH + leg]:
            t[above + _T_HIGH + leg] = ma
        ma = t[above + _T_HIGH + leg]
        over_ma = 0 - ma - t[above + _T_ROOM]
        over_ma -= ((ma if ma > 0 else 0 - ma) >> 7) * t[above + _T_ERROR] >> 3
        child = 0
        while child < end:
            if t[child + _T_ABOVE] == above:
                ma = r[watts + t[child + _T_NODE] * 3 + leg] * b[_B_MA64_PER_W] >> 6
                if afresh or ma < t[child + _T_LOW + leg]:
                    t[child + _T_LOW + leg] = ma
                ma = t[child + _T_LOW + leg]
                over_ma += ma
                over_ma -= ((ma if ma > 0 else 0 - ma) >> 7) * t[child + _T_ERROR] >> 3
            child += _ROW
        if over_ma > 0:
            exceeded = leg + 1
        leg -= 1
    return exceeded


@micropython.viper
def compare(rows, end: int, book, plan, readings, fed: int, known: int):
    """At a latch: _T_HELD of every parent. `fed`: through the service; `known`: islet's inverter
    is measured."""
    t = ptr32(rows)
    b = ptr32(book)
    p = ptr32(plan)
    r = ptr32(readings)
    state_at = int(P_STATE)
    delivers_ma = 0 - (r[int(im.DEVICE_W + im.INVERTER)] * b[_B_MA64_PER_W_INVERTER] >> 6)
    if delivers_ma < 0:
        delivers_ma = 0
    delivers_ma += delivers_ma >> 3
    above = 0
    while above < end:
        back_ma = 0
        good = fed
        if t[above + _T_INVERTER]:
            back_ma = delivers_ma
            good = fed & known
        if p[state_at + t[above + _T_NODE]] != int(FRESH):
            good = 0
        children = 0
        child = 0
        while child < end:
            if t[child + _T_ABOVE] == above:
                children += 1
                if p[state_at + t[child + _T_NODE]] != int(FRESH):
                    good = 0
            child += _ROW
        if children:
            held = t[above + _T_HELD]
            leg = int(over(rows, end, above, book, readings, back_ma, 0))
            if good and leg:
                held = held + 1 if held >= 0 else 0 - _STAYS
                if held >= _STANDS:
                    held = 0 - _STAYS
                    t[above + _T_LEG] = leg - 1
            else:
                held = held + 1 if held < 0 else 0
                over(rows, end, above, book, readings, back_ma, 1)
            t[above + _T_HELD] = held
        above += _ROW


@micropython.viper
def doubt(rows, end: int, book, plan) -> int:
    """Keep doubted parents and their children stale, name the first unless another is."""
    t = ptr32(rows)
    b = ptr32(book)
    p = ptr32(plan)
    state_at = int(P_STATE)
    doubted = 0
    at = 0
    while at < end:
        above = t[at + _T_ABOVE]
        if above >= 0:
            if t[above + _T_HELD] < 0:
                p[state_at + t[at + _T_NODE]] = int(STALE)
        if t[at + _T_HELD] < 0:
            doubted += 1
            p[state_at + t[at + _T_NODE]] = int(STALE)
            if b[_B_NODE] < 0:
                b[_B_NODE] = t[at + _T_NODE]
                b[_B_LEG] = t[at + _T_LEG]
        at += _ROW
    return doubted


@micropython.viper
def narrow(rows, end: int, plan):
    """Behind a doubted instrument the static rule holds, and what it shows where that is less: a
    generator that nobody declared is known from it alone."""
    t = ptr32(rows)
    p = ptr32(plan)
    at = 0
    while at < end:
        held = t[at + _T_HELD]
        above = t[at + _T_ABOVE]
        if above >= 0:
            if t[above + _T_HELD] < 0:
                held = 0 - 1
        if held < 0:
            node = t[at + _T_NODE]
            leg = 0
            while leg < 3:
                place = node * 3 + leg
                feed_ma = p[int(P_LIMIT) + node] + p[int(P_LOAD_LOW) + place]
                place += int(P_ROOM) + int(FEED) * int(PLACES)
                if feed_ma < p[place]:
                    p[place] = feed_ma
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
        self.rows = array("i", [0] * _size(site))
        self._plan = None
        self._end = 0  # of the rows, 0 while none feeds another
        self._doubted = 0

    def declare(self, site, plan):
        self._plan = plan
        size = _size(site)
        if len(self.rows) != size:
            self.rows = array("i", [0] * size)
        rows = self.rows
        at = 0
        for node in range(site[im.NODE_COUNT]):
            if plan[P_METERED + node] and size:
                rows[at + _T_NODE] = node
                rows[at + _T_ERROR] = site[im.NODE_ERROR_PERMILLE + node] * 33 // 32 + 1
                rows[at + _T_ROOM] = plan[P_SOURCES + node]
                rows[at + _T_INVERTER] = rows[at + _T_HELD] = 0
                at += _ROW
        self._end = 0
        for at in range(0, size, _ROW):
            node = rows[at + _T_NODE]
            above = rows[at + _T_ABOVE] = self._row(plan[P_PARENT + node])
            if above >= 0:
                rows[above + _T_ROOM] -= plan[P_SOURCES + node]
                self._end = size
        for at in range(0, size, _ROW):
            rows[at + _T_ROOM] = rows[at + _T_ROOM] * 9 // 8 + _LEAST_MA  # at a high voltage
        at = self._row(site[im.DEVICE_NODE + im.INVERTER])
        if at >= 0:
            rows[at + _T_INVERTER] = 1

    def _row(self, node):
        """Of the first metered node from here up."""
        rows = self.rows
        while node >= 0:
            for at in range(0, len(rows), _ROW):
                if rows[at + _T_NODE] == node:
                    return at
            node = self._plan[P_PARENT + node]
        return -1

    def forget(self):
        for at in range(0, self._end, _ROW):
            self.rows[at + _T_HELD] = 0

    def step(self, book, readings, fed, inverter_known):
        """After the witness's own pass."""
        if self._end == 0:
            return
        latch = book[_B_TICK] & _TICK_LATCH
        if latch:
            known = 1 if inverter_known else 0
            fed = 1 if fed else 0
            compare(self.rows, self._end, book, self._plan, readings, fed, known)
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
