# islet: a chip's view of a session, for the link's tests.
# GPL-3.0-or-later
from __future__ import annotations

from tests_host.twin.stubs import StubDevice, StubHouse
from tools.twin.link import wire
from tools.twin.link.session import Session
from tools.twin.link.signals import CHANNELS, Instruments, Synthesis, frame_after

SYNTHESIS = Synthesis(Instruments(), seed=1)
BLOCK = 48
CLOSE = wire.Pins(4, 4)
OPEN = wire.Pins(4, 0)


class Rig:
    """A chip's view of a session: remembers what it was told and consumes whole blocks."""

    def __init__(self, device: type[StubDevice] = StubDevice) -> None:
        self.house = StubHouse()
        self.device = device(self.house)
        self.session = Session(self.house, SYNTHESIS, {1: self.device})
        self.codes: dict[int, bytes] = {}
        self.received: list[tuple[int, int]] = []
        self.edges: list[wire.Edge] = []
        self.next_frame = 0
        self.now_us = 0
        self.answer = self.say(0, why=wire.START)

    def say(self, now_us, *items, why=wire.BLOCK_END):
        """Live to now_us on the last prediction, then send items there."""
        if why != wire.START:
            self._live(now_us)
        self.answer = self.session.exchange(wire.Ask(now_us, why, self.next_frame, items))
        return self.answer

    def _live(self, now_us):
        for item in self.answer.items:
            if isinstance(item, wire.Samples):
                size = 2 * CHANNELS
                for i in range(len(item.codes) // size):
                    self.codes[item.first + i] = item.codes[i * size : (i + 1) * size]
            elif isinstance(item, wire.UartRx):
                for i, byte in enumerate(item.data):
                    at_us = item.t_us + i * item.char_us
                    if self.now_us < at_us <= now_us:
                        self.received.append((at_us, byte))
            elif isinstance(item, wire.Edge) and self.now_us < item.t_us <= now_us:
                self.edges.append(item)
        self.now_us = now_us
        self.next_frame = max(self.next_frame, frame_after(now_us) // BLOCK * BLOCK)

    def run_to(self, end_us):
        while self.answer.until_us < end_us:
            self.say(self.answer.until_us)
        if self.now_us < end_us:
            self.say(end_us, why=wire.NET)
