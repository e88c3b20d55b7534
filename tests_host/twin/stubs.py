# islet: a house and a serial device small enough to see through, for the link's tests.
# GPL-3.0-or-later
from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from tools.twin.house.segment import Front
from tools.twin.link.interfaces import Copy

TURN = [cmath.rect(1, -2 * math.pi * leg / 3) for leg in range(3)]


@dataclass
class StubStretch:
    t0_us: int
    t1_us: int
    main_a: tuple[complex, ...]
    evse_a: tuple[complex, ...]
    pilot_high_v: float = 12.0
    pilot_low_v: float = -12.0
    pilot_duty: float = 1.0
    pp_ohm: float = math.inf
    second: Front | None = None
    grid_hz: float = 50.0
    grid_rad: float = 0.0
    house_hz: float = 50.0
    house_rad: float = 0.0
    grid_v: tuple[complex, ...] = tuple(230 * t for t in TURN)
    house_v: tuple[complex, ...] = tuple(230 * t for t in TURN)


@dataclass
class StubHouse:
    """A relay of 20 ms travel on pin 2 with its contact on pin 10, and a clock which any
    restored moment must bring back. `history` is the truth, one entry per advance."""

    t_us: int = 0
    level: int = 0
    duty: float = 1.0
    closes_us: int = -1
    closed: bool = False
    charge_wh: float = 0.0
    setpoint_w: int = 0
    touched: bool = False
    history: list[tuple[int, bool]] = field(default_factory=list)
    _edges: list[tuple[int, int, int]] = field(default_factory=list)
    _shown: list[tuple[int, bool]] = field(default_factory=lambda: [(0, False)])

    def readings(self) -> list[tuple[int, bool]]:
        """Whether the relay is closed, as a device of the house shows it."""
        return self._shown

    def set_pins(self, driven: int, level: int) -> None:
        on = bool(driven & level & 4)
        if on != bool(self.level & 4):
            self.closes_us = self.t_us + 20_000
        self.touched |= self.level != driven & level
        self.level = driven & level

    def set_pwm(self, pin: int, freq_hz: int, duty_u16: int) -> None:
        self.touched |= self.duty != duty_u16 / 65535
        self.duty = duty_u16 / 65535

    def advance(self, until_us: int) -> list[StubStretch]:
        found = []
        self._shown = [(self.t_us, self.closed)]
        self.touched = False
        while self.t_us < until_us:
            end_us = until_us
            if self.t_us < self.closes_us <= until_us:
                end_us = self.closes_us
            amps = 10.0 if self.closed else 0.0
            wave = tuple(amps * t for t in TURN)
            angle = 2 * math.pi * 50 * self.t_us * 1e-6
            found.append(
                StubStretch(
                    self.t_us, end_us, wave, wave, 6.0, -12.0, self.duty, 220.0,
                    grid_rad=angle, house_rad=angle,
                )
            )  # fmt: skip
            self.charge_wh += amps * 690 * (end_us - self.t_us) / 3.6e9
            self.t_us = end_us
            if end_us == self.closes_us:
                self.closed = bool(self.level & 4)
                self._edges.append((end_us, 10, int(self.closed)))
                self._shown.append((end_us, self.closed))
        self.history.append((self.t_us, self.closed))
        return found

    def edges(self, after_us: int, until_us: int) -> list[tuple[int, int, int]]:
        return [e for e in self._edges if after_us < e[0] <= until_us]

    def inputs(self) -> list[tuple[int, int]]:
        return [(10, int(self.closed)), (14, 0)]

    def snapshot(self) -> tuple:
        return (
            self.t_us, self.level, self.duty, self.closes_us, self.closed, self.charge_wh,
            self.setpoint_w, self.touched, len(self.history), len(self._edges),
        )  # fmt: skip

    def restore(self, state: tuple) -> None:
        (
            self.t_us, self.level, self.duty, self.closes_us, self.closed, self.charge_wh,
            self.setpoint_w, self.touched, history, edges,
        ) = state  # fmt: skip
        del self.history[history:], self._edges[edges:]


class StubDevice:
    """Answers each frame with its bytes reversed, 7 ms after its end; counts what it did.

    Adversarial: it has side effects (`seen`, the house's setpoint) and no way to undo them.
    """

    CHAR_US = 573  # 11 bits at 19 200 baud

    def __init__(self, house: StubHouse) -> None:
        self.house = house
        self.seen: list[tuple[int, bytes]] = []
        self.truth: list[int] = []  # time of the house at each act
        self._frame: tuple[int, bytes] | None = None
        self._answers: list[tuple[int, bytes, int]] = []

    def transmit(self, t_us: int, data: bytes, shown: bool) -> None:
        self._frame = (t_us + len(data) * self.CHAR_US, data)

    def only_reads(self, data: bytes) -> bool:
        return False

    def copies(self, now_us: int, shown: Sequence[tuple[int, bool]]) -> list[Copy]:
        return []

    def prepare(self, now_us: int, shown: Sequence[tuple[int, bool]]) -> None:
        """It has nothing to do beforehand."""

    def forget(self) -> None:
        """It has given away nothing."""

    def next_us(self) -> int | None:
        return self._frame[0] if self._frame else None

    def act(self, t_us: int) -> None:
        assert self._frame is not None
        due_us, data = self._frame
        self._frame = None
        self.seen.append((due_us, data))
        self.truth.append(self.house.t_us)
        self.house.setpoint_w = data[0]
        self._answers.append((due_us + 7000, data[::-1], self.CHAR_US))

    def due(self, until_us: int) -> list[tuple[int, bytes, int]]:
        found = [a for a in self._answers if a[0] <= until_us]
        self._answers = [a for a in self._answers if a[0] > until_us]
        return found
