# islet: what is left over, shared by rank: lower first, equals in proportion to their rating.
# GPL-3.0-or-later
#
# Two sums go down the ranks. `promised` is less what is offered to a car, so that two cars are
# never offered the same ampere; `spare` is less what it really draws, so that a battery takes what
# a car leaves. A car that is not there takes nothing from either. What nobody who can takes is
# wished of those who cannot now, last of all: the sum of wishes stays what there is.

from firmware import image as im
from firmware.policy.takers import WHY_BEFORE, WHY_GOAL, WHY_RESERVE, WHY_SHORT


def spread(watts, rooms):
    """`watts` over so much room each, in proportion: all of it, or all rooms full."""
    room_w = sum(rooms)
    parts = []
    for room in rooms:
        part = min(watts * room // room_w, room) if room and watts > 0 else 0
        parts.append(part)
        watts -= part
        room_w -= room
    return parts


class Sharing:
    """`offered` and `converters` of a site, by rank."""

    def __init__(self, offered, converters):
        self._offered = offered
        self._converters = converters
        self._ranks = sorted({taker.rank for taker in offered + converters})

    def order(self, watts):
        """The converters share a power, negative to deliver."""
        takers = [taker for taker in self._converters if not taker.by_hand()]
        given = [0] * len(takers)
        left_w = abs(watts)
        for rank in self._ranks:
            left_w = _fill(takers, given, rank, left_w, watts < 0)
        _ask(takers, given, left_w, watts)

    def surplus(self, watts, dt_ms):
        """All share what is left over."""
        takers = [taker for taker in self._converters if not taker.by_hand()]
        given = [0] * len(takers)
        promised_w = spare_w = max(watts, 0)
        for rank in self._ranks:
            for each in self._offered + self._converters:
                if each.rank == rank and each.by_hand():
                    if each in self._offered:
                        each.turn(promised_w, dt_ms)  # so that it goes on by the sun
                    promised_w -= max(each.draw_w, 0)
                    spare_w -= max(each.draw_w, 0)
            offered = [o for o in self._offered if o.rank == rank and not o.by_hand()]
            room_w = sum([c.able_w(False) for c in takers if c.rank == rank])
            promised_w = _offer(offered, promised_w, room_w, dt_ms)
            for each in offered:
                spare_w -= each.draw_w
                if each.why == WHY_SHORT and watts >= each.least_w:
                    each.why = WHY_BEFORE
            left_w = _fill(takers, given, rank, spare_w, False)
            promised_w -= spare_w - left_w
            spare_w = left_w
        _ask(takers, given, spare_w, max(watts, 0))


def _offer(offered, left_w, room_w, dt_ms):
    """The points of one rank, beside converters with so much room: each that can has its least
    first, one that charges before one that does not; the rest in proportion. What is left."""
    able = [each for each in offered if each.able()]
    rest_w = left_w
    for each in sorted(able, key=_turn_of):
        each.turn(rest_w, dt_ms)
        rest_w -= min(each.least_w, rest_w) if each.on or each.enough else 0
    rooms = [each.most_w - each.least_w if each.on and each.enough else 0 for each in able]
    for each, part_w in zip(able, spread(rest_w, rooms + [room_w])):
        left_w -= each.give(each.least_w + part_w, dt_ms)
    for each in offered:
        if each not in able:
            each.turn(left_w, dt_ms)
            each.give(left_w, dt_ms)
    return left_w


def _turn_of(offered):
    charges = offered.on and offered.draw_w > 0
    return offered.device if charges else offered.device + im.DEVICES


def _fill(takers, given, rank, left_w, delivers):
    """The converters of one rank that can; what is left."""
    equals = [i for i, taker in enumerate(takers) if taker.rank == rank]
    parts = spread(left_w, [takers[i].able_w(delivers) for i in equals])
    for i, part in zip(equals, parts):
        given[i] = part
        left_w -= part
    return left_w


def _ask(takers, given, left_w, watts):
    """Wish it of them, and what is left of those who cannot now."""
    delivers = watts < 0
    for i, taker in enumerate(takers):
        more_w = max(min(left_w, taker.most_w(delivers) - given[i]), 0)
        left_w -= more_w
        value = given[i] + more_w
        why = WHY_GOAL if value or not watts else WHY_BEFORE
        if delivers and taker.at_reserve():
            why = WHY_RESERVE
        taker.set(-value if delivers else value, why)
