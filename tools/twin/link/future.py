# islet: the house as it is agreed on, as it is predicted, and its samples.
# GPL-3.0-or-later
"""The house is truly at `now_us` and has been predicted to `until_us` from a snapshot taken at
`now_us`. commit() moves the truth: to `until_us` for nothing, since the house stands there; to an
earlier moment by restoring the snapshot and advancing again.

Samples are synthesised once. Those beyond a commit stay valid when nothing was changed there (a
meter was read), and are made anew when the house was touched. Without a synthesis there are none:
a chip with converters of its own is given the stretches instead.

look_ahead() predicts the stretch after the present one while the chip is busy on another core, for
the case that nothing will change in between. It is the same work in the same order, so no result
depends on whether it was of use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.twin.link.interfaces import Edges, House, Observer, Truth
from tools.twin.link.signals import CHANNELS, Stretch, Synthesis, frame_after


@dataclass(slots=True)
class Ahead:
    """The house's way from a moment to `until_us`, predicted."""

    state: Any  # of the house at its beginning
    until_us: int
    stretches: Sequence[Stretch]
    edges: Edges
    shown: Sequence[tuple[int, Any]]  # what devices on the bus show, and from when on


@dataclass(slots=True)
class Further:
    """The prediction after the present one, and the truth in between."""

    ahead: Ahead
    codes: NDArray[np.uint16]
    truth: Truth


class Future:
    """`truth` reads the house where it stands; `on_committed` is told each new truth."""

    def __init__(
        self, house: House, synthesis: Synthesis | None, truth: Callable[[], Truth]
    ) -> None:
        self.house = house
        self.now_us = house.t_us
        self.on_committed: Observer = lambda t_us, stretches, edges, truth: None
        self._synthesis = synthesis
        self._truth = truth
        self._ahead = Ahead(house.snapshot(), house.t_us, (), (), house.readings()[:1])
        self._further: Further | None = None
        self._past: list[Stretch] = []  # since the first frame the chip has not consumed
        self.first = 0  # that frame
        self._codes = np.empty((0, CHANNELS), dtype="<u2")  # from there on

    @property
    def until_us(self) -> int:
        return self._ahead.until_us

    @property
    def stands(self) -> bool:
        """Nothing is predicted: the house stands at now_us."""
        return self._further is None and self.until_us == self.now_us

    def commit(self, t_us: int) -> None:
        """Make the way up to t_us the truth; the house then stands there, or further ahead."""
        ahead, truth = self._ahead, self._truth
        if t_us < ahead.until_us:
            self._further = None
            self.house.restore(ahead.state)
            ahead = self._advance(t_us)
        elif self._further is not None:
            known = self._further.truth
            truth = lambda: known  # noqa: E731
        self.on_committed(t_us, ahead.stretches, ahead.edges, truth)
        if self._synthesis is not None:
            self._past += ahead.stretches
        self._ahead = Ahead(None, t_us, (), (), ahead.shown[-1:])
        self.now_us = t_us

    def shown(self, t_us: int) -> Sequence[tuple[int, Any]]:
        """What devices on the bus show at t_us, and each change from then on, as predicted."""
        shown = self._ahead.shown
        past = sum(1 for since_us, _ in shown if since_us <= t_us)
        return shown[max(0, past - 1) :]

    @property
    def coming(self) -> Sequence[tuple[int, Any]]:
        """What they will show in the prediction after the present one, if there is one."""
        return self._further.ahead.shown if self._further is not None else ()

    def change(self) -> None:
        """Somebody is about to look at the house or change it: have it stand at now_us."""
        if self._further is not None:
            self.house.restore(self._further.ahead.state)
            self._further = None

    def predict(self, until_us: int) -> None:
        """Have a prediction; one that is still good is kept."""
        if self.until_us > self.now_us:
            return
        further, self._further = self._further, None
        if further is not None:
            self._ahead = further.ahead
            self._codes = np.concatenate([self._codes, further.codes])
            return
        if self.house.touched:
            self._codes = self._codes[: max(0, frame_after(self.now_us) - self.first)]
        self._ahead = self._advance(until_us)

    def look_ahead(self, until_us: int) -> None:
        """Predict what follows the present prediction."""
        if self._further is not None or self.until_us == self.now_us:
            return
        truth = dict(self._truth())
        first = frame_after(self.until_us)
        ahead = self._advance(until_us)
        codes = self._codes[:0]
        if self._synthesis is not None:
            codes = self._synthesis.codes(ahead.stretches, first, frame_after(until_us))
        self._further = Further(ahead, codes, truth)

    def edges(self, after_us: int, until_us: int) -> Edges:
        """Edges of input pins in the prediction."""
        return [edge for edge in self._ahead.edges if after_us < edge[0] <= until_us]

    def waves(self, after_us: int, until_us: int) -> list[Stretch]:
        """The stretches of after_us < t ≤ until_us; the first may have begun before."""
        return [s for s in self._ahead.stretches if s.t1_us > after_us and s.t0_us < until_us]

    def samples(self, frame: int, until_us: int) -> NDArray[np.uint16]:
        """Codes from `frame` on, the first not consumed, to those of until_us."""
        if self._synthesis is None:
            return self._codes
        self._codes = self._codes[frame - self.first :]
        self.first = frame
        made, end = frame + len(self._codes), frame_after(self.until_us)
        if end > made:
            known = [*self._past, *self._ahead.stretches]
            needed = [s for s in known if frame_after(s.t1_us) > made]
            new = self._synthesis.codes(needed, made, end)
            self._codes = np.concatenate([self._codes, new])
        self._past = [s for s in self._past if frame_after(s.t1_us) > frame]
        return self._codes[: frame_after(until_us) - frame]

    def forget(self, frame: int) -> None:
        """Begin anew with a chip that has consumed nothing before `frame`, which is now."""
        self.first = frame
        self._codes = self._codes[:0]
        self._past.clear()

    def _advance(self, until_us: int) -> Ahead:
        """Let the house go on to until_us; the caller decides whether that is the truth."""
        house = self.house
        begin_us, state = house.t_us, house.snapshot()
        stretches = house.advance(until_us)
        edges = list(house.edges(begin_us, until_us))
        return Ahead(state, until_us, stretches, edges, house.readings())
