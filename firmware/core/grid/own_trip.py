# islet: what a device's own power did to the grid's voltage is remembered.
# GPL-3.0-or-later
#
# On a weak line feeding in lifts the voltage over a trip level, and charging pulls it below one;
# without a memory the same power is asked for again after every delay. After such a trip the
# voltage with the device standing still says what its power moved it by; from there on its most is
# what leaves the voltage inside its level, judged anew by where the voltage is. It grows back
# slowly while there is room, and is forgotten when it has not mattered for hours: a trip that was
# the grid's own costs minutes.

from firmware.base.timer import grown
from firmware.base.viper import const

OPEN = const(2_000_000)  # no limit, mA or W
_FREE, _LEARNING, _HELD = const(0), const(1), const(2)

_REST_MS = const(2_500)  # everything still for so long: a metering chip's mean has followed
_LEARN_MS = const(30_000)  # longer than any device obeys late (INV-16)
_SURE_MS = const(1_000)  # voltage in the margin for so long takes power back
_SETTLE_MS = const(4_000)  # before the voltage says what the last change did
_GROW_MS = const(10_000)  # between two raises
_FORGET_MS = const(7_200_000)
_OHM = const(4)  # no line that a house is on drops more per ampere: then it was the grid
_PAUSE_MS = const(300_000)  # after a stop for want of room; doubles up to
_PAUSE_MOST_MS = const(3_600_000)


def share(power, mv, of_mv):
    """power * mv / of_mv without leaving 30 bits."""
    permille = mv * 1000 // of_mv
    return power // 1000 * permille + power % 1000 * permille // 1000


class OwnTrip:
    """One direction of one device. `most` is what it may have: W, or mA per leg."""

    def __init__(self):
        self.most = OPEN
        self.active = False  # something is remembered, or being learned
        self._state = _FREE
        self._pressed = False
        self._power = 0  # that moved the voltage
        self._moved_mv = 0  # by so much
        self._worst_mv = 0
        self._most_mv = 0  # it can have moved
        self._ceiling = OPEN
        self._margin_mv = 0
        self._still_ms = 0
        self._time_ms = 0  # in this state; held: since `most` changed
        self._inside_ms = 0  # voltage in the margin
        self._quiet_ms = 0
        self._pause_ms = 0
        self._next_pause_ms = _PAUSE_MS

    def step(self, dt_ms, pressed, power, rating, least, idle, mv, level_mv, nominal_mv, ma):
        """Renew `most`.

        pressed   a trip row in this direction has run out
        power     what the device moves in it now, W or mA per leg; `ma` per leg; of `rating`;
                  below `least` it cannot be
        idle      all of islet's devices stand still
        mv        the worst leg, signed so that more is worse; level_mv what it must stay below
        """
        fresh = pressed and not self._pressed
        self._pressed = pressed
        if fresh and power > rating // 16:
            self._begin(power, mv, ma)
        if self._state == _FREE:
            self.active = pressed
            return
        self.active = True
        self._time_ms = grown(self._time_ms, dt_ms)
        if self._state == _LEARNING:
            self._learn(dt_ms, idle, mv, level_mv, nominal_mv)
        elif self.most < least:
            self._stand_off(dt_ms, least, level_mv - mv - self._margin_mv)
        else:
            self._hold(dt_ms, power, rating, level_mv - mv - self._margin_mv)
        if self.most > rating and self._state == _HELD:
            self.most = rating

    def _begin(self, power, mv, ma):
        most = power - power // 8  # whatever is learned: less than last time
        self._ceiling = most if most < self.most else self.most
        self._state = _LEARNING
        self.most = 0
        self._power = power
        self._worst_mv = mv
        self._most_mv = ma * _OHM
        self._time_ms = self._still_ms = self._quiet_ms = 0

    def _learn(self, dt_ms, idle, mv, level_mv, nominal_mv):
        """With everything still, the voltage says what the power has moved."""
        self._still_ms = self._still_ms + dt_ms if idle else 0
        if self._still_ms < _REST_MS:
            if self._time_ms < _LEARN_MS:
                return
            mv = self._worst_mv - nominal_mv // 10  # it never stood still: guess
        moved_mv = self._worst_mv - mv
        room_mv = level_mv - mv
        if room_mv <= 0 or moved_mv * 1000 < nominal_mv * 3 or moved_mv > self._most_mv:
            self._state = _FREE  # the grid's doing
            self.most = OPEN
            return
        margin_mv = room_mv // 4
        if margin_mv > nominal_mv // 100:
            margin_mv = nominal_mv // 100
        elif margin_mv < nominal_mv // 500:
            margin_mv = nominal_mv // 500
        self._margin_mv = margin_mv
        self._moved_mv = moved_mv
        self._state = _HELD
        self._inside_ms = self._time_ms = 0
        most = share(self._power, room_mv - margin_mv, moved_mv)
        self.most = self._ceiling if most > self._ceiling else most if most > 0 else 0

    def _hold(self, dt_ms, power, rating, room_mv):
        if room_mv < 0:
            self._inside_ms += dt_ms
            if self._inside_ms >= _SURE_MS and self._time_ms >= _SETTLE_MS:
                now = power if power < self.most else self.most
                most = now + share(self._power, room_mv, self._moved_mv)
                self.most = most if most > 0 else 0
                self._inside_ms = self._time_ms = self._quiet_ms = 0
            return
        self._inside_ms = 0
        if self.most >= rating:
            self._quiet_ms += dt_ms
            if self._quiet_ms >= _FORGET_MS:
                self._state = _FREE
                self.most = OPEN
                self._next_pause_ms = _PAUSE_MS
        elif self._time_ms >= _GROW_MS:
            more = power + share(self._power, room_mv, self._moved_mv) - self.most
            if more > 0:
                step = more // 4
                least = self._power // 64
                if step < least:
                    step = least if least < more else more
                self.most += step
                self._time_ms = 0

    def _stand_off(self, dt_ms, least, room_mv):
        """Too little to run on: tried again after a pause that grows."""
        if self._pause_ms <= 0:
            self._pause_ms = self._next_pause_ms
            next_ms = 2 * self._next_pause_ms
            self._next_pause_ms = next_ms if next_ms < _PAUSE_MOST_MS else _PAUSE_MOST_MS
        self._pause_ms -= dt_ms
        if self._pause_ms <= 0:
            most = share(self._power, room_mv, self._moved_mv)
            self.most = most if most > least else least
            self._time_ms = 0
