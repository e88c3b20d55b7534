# islet: the twin's side of the link: prediction, rollback, and who acts when.
# GPL-3.0-or-later
"""The chip runs on predicted signals; whatever it does ends the prediction.

Time is µs since the run's start. The session keeps the house at `now`, the last moment both sides
agree on, and a prediction up to `until`. The chip's message names a moment `t` in between:

    now ─────────── t ───────── until          t is the new now
     └ snapshot      └ outputs change here      └ discarded unless t == until

1. t < until: restore the snapshot and advance to t with the old outputs. (t == until: the
   prediction was the truth, the house is there already.)
2. What is due at t acts: scenario events, a Modbus request whose last bit has arrived, a broker.
3. The message's own doings are applied: pins, PWM, bytes sent.
4. Snapshot, predict, answer.

**Only the house is ever predicted and rolled back.** Everything with a memory of its own (device
registers, brokers, scenario, logs, referee) is an *actor*: it acts once, at its exact time, on the
house as it truly is then. That works because no prediction reaches past the next actor's time:
`until` is the smallest of the next whole 100 ms and every `next_us()`. The price is one short
exchange more per Modbus request; the gain is that no device needs to be undone.

Bytes towards the chip are decided by an actor and kept here until the chip has had them. It has
had what lies in (previous now, t]; a frame cut by an early `t` is continued in the next answer.

A frame of samples is synthesised once: those up to t stay valid in a rollback, later ones are made
anew. When a watchdog restarts the chip, its clock begins at zero again; `boot_us` is where.

While the chip lives through a prediction, the other core is idle: look_ahead() then predicts the
stretch after it, for the common case that the chip changes nothing. It is the same work in the
same order, so results do not depend on whether it was of use.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tools.twin import wire
from tools.twin.signals import CHANNELS, FRAMES_PER_S, Stretch, Synthesis, frame_after

HORIZON_US = 100_000
BOOT_GRID_US = 10_000  # a restart begins at a whole sample block: 48 frames, 10 PWM periods
Minutes = Callable[[int], int]
Truth = Mapping[str, Any]
Edges = Sequence[tuple[int, int, int]]  # t_us, pin, level
NetEvent = wire.NetRx | wire.NetClosed | wire.NetRefused | wire.NetAccept


CHANGES = (wire.Pins, wire.Pwm, wire.UartTx, wire.NetOpen, wire.NetTx, wire.NetClose)


class LinkError(RuntimeError):
    """The chip broke the protocol: it said something impossible."""


class House(Protocol):
    """The physical truth, as far as the link sees it."""

    @property
    def t_us(self) -> int: ...
    def set_pins(self, driven: int, level: int) -> None: ...
    def set_pwm(self, pin: int, freq_hz: int, duty_u16: int) -> None: ...
    def advance(self, until_us: int) -> Sequence[Stretch]: ...
    def edges(self, after_us: int, until_us: int) -> Iterable[tuple[int, int, int]]:
        """(t_us, pin, level) of input pins within the last advance, in order of time."""
        ...

    def inputs(self) -> Iterable[tuple[int, int]]:
        """(pin, level) of every input pin now."""
        ...

    def snapshot(self) -> Any: ...
    def restore(self, state: Any) -> None: ...


class Actor(Protocol):
    """Something with side effects: acts at its own times, never in a prediction."""

    def next_us(self) -> int | None:
        """When it wants to act next, None for not at all; later than the last act()."""
        ...

    def act(self, t_us: int) -> None:
        """Do all that is due at or before t_us; the house stands at t_us."""
        ...


class UartEndpoint(Actor, Protocol):
    """What hangs on a serial line."""

    def transmit(self, t_us: int, data: bytes) -> None:
        """The chip sends; the first start bit is at t_us. A complete frame is an act()."""
        ...

    def due(self, until_us: int) -> list[tuple[int, bytes, int]]:
        """Hand over, once, decided answers: (end of the first char, bytes, µs per char)."""
        ...


class Network(Actor, Protocol):
    """What the chip's sockets reach."""

    def open(self, t_us: int, conn: int, port: int) -> None: ...
    def transmit(self, t_us: int, conn: int, data: bytes) -> None: ...
    def close(self, t_us: int, conn: int) -> None: ...
    def reset(self, t_us: int) -> None:
        """The chip restarted: its connections are gone without a goodbye."""
        ...

    def due(self, until_us: int) -> Sequence[NetEvent]:
        """Hand over, once: data with its time; the others hold from the last act() on."""
        ...


class Observer(Protocol):
    """Told of each agreed moment before the chip's outputs change there; `truth()` is that of the
    moment and only good during the call."""

    def __call__(
        self, t_us: int, stretches: Sequence[Stretch], edges: Edges, truth: Callable[[], Truth]
    ) -> None: ...


@dataclass(slots=True)
class Ahead:
    """The house's way from a moment to `until_us`, predicted."""

    state: Any  # of the house at its beginning
    until_us: int
    stretches: Sequence[Stretch]
    edges: Edges


@dataclass(slots=True)
class Further:
    """The prediction after the present one, and the truth in between."""

    ahead: Ahead
    codes: NDArray[np.uint16]
    truth: Truth


class Session:
    def __init__(
        self,
        house: House,
        synthesis: Synthesis,
        uarts: Mapping[int, UartEndpoint] | None = None,
        network: Network | None = None,
        actors: Sequence[Actor] = (),
        minutes: Minutes = lambda t_us: t_us // 60_000_000,
        truth: Callable[[], Truth] = dict,
    ) -> None:
        self.house = house
        self.now_us = house.t_us
        self.boot_us = 0
        self.watchdog_ms = 0
        self.on_committed: Observer = lambda t_us, stretches, edges, truth: None
        self.on_log: Callable[[int, str], None] = lambda t_us, text: None
        self.on_section: Callable[[int, wire.Section | wire.Step], None] = lambda t_us, item: None
        self.end_us: int | None = None  # when the run is over
        self.over = False
        self._synthesis = synthesis
        self._uarts = dict(uarts or {})
        self._network = network
        self._actors: list[Actor] = [*actors, *self._uarts.values()]
        if network is not None:
            self._actors.append(network)
        self._minutes = minutes
        self._minute = -1
        self._truth = truth
        self._ahead = Ahead(house.snapshot(), house.t_us, (), ())
        self._further: Further | None = None
        self._stretches: list[Stretch] = []  # since the first frame the chip has not consumed
        self._codes = np.empty((0, CHANNELS), dtype="<u2")
        self._first = 0  # frame of _codes[0]
        self._coming: list[tuple[int, int, int, bytes]] = []  # t_us, uart, char_us, data
        self._arriving: list[wire.NetRx] = []
        self._fresh = True  # the chip does not know the input pins yet
        self._posted: deque[Callable[[], Any]] = deque()

    def post(self, job: Callable[[], Any]) -> None:
        """From any thread: have `job` done at the next agreed moment (real time only)."""
        self._posted.append(job)

    def exchange(self, ask: wire.Ask) -> wire.Answer:
        """The chip's message to the twin's answer."""
        t_us = ask.now_us + self.boot_us
        self._check(ask, t_us)
        self._commit(t_us)
        self._act(t_us)
        for item in ask.items:
            self._apply(t_us, item)
        if self.end_us is not None and t_us >= self.end_us:
            self.over = True
            return wire.Answer(ask.now_us, (wire.Quit(),))
        return self._predict(ask.next_frame + self.boot_us * FRAMES_PER_S // 1_000_000)

    @property
    def until_us(self) -> int:
        return self._ahead.until_us

    def look_ahead(self) -> None:
        """Use the time while the chip is busy; of no effect on any result."""
        until_us = self.until_us
        times = self._next_times()
        if self._further is not None or self._posted or until_us in (self.now_us, *times):
            return
        truth = dict(self._truth())
        ahead = self._advance(min([self._horizon(until_us), *times]))
        first, end = frame_after(until_us), frame_after(ahead.until_us)
        codes = self._synthesis.codes(ahead.stretches, first, end)
        self._further = Further(ahead, codes, truth)

    def restart(self, t_us: int) -> None:
        """The chip lost its mind: pins float until it boots again, at or soon after t_us."""
        t_us = -(-max(t_us, self.now_us) // BOOT_GRID_US) * BOOT_GRID_US
        self._commit(self.now_us)
        self.house.set_pins(0, 0)
        self._coming.clear()
        self._arriving.clear()
        while self.now_us < t_us:
            self._ahead = self._advance(min([t_us, *self._next_times()]))
            self._commit(self.until_us)
            self._act(self.now_us)
        if self._network is not None:
            self._network.reset(t_us)
        self.boot_us = t_us
        self._codes = self._codes[:0]
        self._first = t_us * FRAMES_PER_S // 1_000_000
        self._stretches.clear()
        self._minute = -1
        self._fresh = True

    # --- one exchange, step by step ---------------------------------------------------------

    def _check(self, ask: wire.Ask, t_us: int) -> None:
        if not self.now_us <= t_us <= self.until_us:
            raise LinkError(f"the chip is at {t_us} µs, allowed {self.now_us}…{self.until_us} µs")
        frame = ask.next_frame + self.boot_us * FRAMES_PER_S // 1_000_000
        if not self._first <= frame <= frame_after(t_us):
            raise LinkError(
                f"the chip's next frame is {frame}, allowed {self._first}…{frame_after(t_us)}"
            )

    def _commit(self, t_us: int) -> None:
        """Make the stretch up to t_us the truth."""
        truth = self._truth
        if t_us < self.until_us:
            self._further = None
            self.house.restore(self._ahead.state)
            self._codes = self._codes[: frame_after(t_us) - self._first]
            if t_us > self.now_us:
                self._ahead = self._advance(t_us)
            else:
                self._ahead = Ahead(self._ahead.state, t_us, (), ())
        elif self._further is not None:
            known = self._further.truth
            truth = lambda: known  # noqa: E731
        ahead = self._ahead
        self.on_committed(t_us, ahead.stretches, ahead.edges, truth)
        self._stretches += ahead.stretches
        self._ahead = Ahead(ahead.state, t_us, (), ())
        self.now_us = t_us

    def _advance(self, until_us: int) -> Ahead:
        """Let the house go on to until_us; the caller decides whether that is the truth."""
        house = self.house
        begin_us, state = house.t_us, house.snapshot()
        stretches = house.advance(until_us)
        return Ahead(state, until_us, stretches, list(house.edges(begin_us, until_us)))

    def _back(self) -> None:
        """Something changes now: what was predicted beyond is void."""
        if self._further is not None:
            self.house.restore(self._further.ahead.state)
            self._further = None

    def _act(self, t_us: int) -> None:
        while self._posted:
            self._back()
            self._posted.popleft()()
        for actor in self._actors:
            due = actor.next_us()
            if due is not None and due <= t_us:
                actor.act(t_us)
        for actor in self._actors:  # one may have set off another, which came before it
            while (due := actor.next_us()) is not None and due <= t_us:
                actor.act(t_us)
        self._coming = [rest for item in self._coming if (rest := _after(item, t_us))]
        self._arriving = [item for item in self._arriving if item.t_us > t_us]

    def _apply(self, t_us: int, item: Any) -> None:
        if isinstance(item, CHANGES):
            self._back()
        match item:
            case wire.Pins():
                self.house.set_pins(item.driven, item.level)
            case wire.Pwm():
                self.house.set_pwm(item.pin, item.freq_hz, item.duty_u16)
            case wire.UartTx():
                if item.uart not in self._uarts:
                    raise LinkError(f"nothing hangs on UART {item.uart}")
                self._uarts[item.uart].transmit(t_us, item.data)
            case wire.NetOpen() | wire.NetTx() | wire.NetClose():
                self._to_network(t_us, item)
            case wire.Section() | wire.Step():
                self.on_section(t_us, item)
            case wire.Log():
                self.on_log(t_us, item.text)
            case wire.Watchdog():
                self.watchdog_ms = item.timeout_ms or self.watchdog_ms

    def _to_network(self, t_us: int, item: wire.NetOpen | wire.NetTx | wire.NetClose) -> None:
        network = self._network
        if network is None:
            raise LinkError("this run has no virtual network")
        match item:
            case wire.NetOpen():
                network.open(t_us, item.conn, item.port)
            case wire.NetTx():
                network.transmit(t_us, item.conn, item.data)
            case wire.NetClose():
                network.close(t_us, item.conn)

    def _next_times(self) -> list[int]:
        times = [due for actor in self._actors if (due := actor.next_us()) is not None]
        if any(due <= self.now_us for due in times):
            late = [a for a in self._actors if (a.next_us() or self.now_us + 1) <= self.now_us]
            raise LinkError(f"{type(late[0]).__name__} wants to act in the past")
        return times if self.end_us is None else [*times, self.end_us]

    def _horizon(self, t_us: int) -> int:
        """The chip's next whole 100 ms."""
        return self.boot_us + ((t_us - self.boot_us) // HORIZON_US + 1) * HORIZON_US

    def _predict(self, frame: int) -> wire.Answer:
        now_us = self.now_us
        items: list[Any] = []
        if self._minutes(now_us) != self._minute:
            self._minute = self._minutes(now_us)
            items.append(wire.Rtc(self._minute))
        if self._fresh:
            self._fresh = False
            chip_us = now_us - self.boot_us
            items += [wire.Edge(chip_us, pin, level) for pin, level in self.house.inputs()]
        further, self._further = self._further, None
        if further is not None:
            self._ahead = further.ahead
            self._codes = np.concatenate([self._codes, further.codes])
        else:
            self._ahead = self._advance(min([self._horizon(now_us), *self._next_times()]))
        items += [
            wire.Edge(t_us - self.boot_us, pin, level) for t_us, pin, level in self._ahead.edges
        ]
        items += self._samples(frame)
        items += self._serial()
        items += self._sockets()
        return wire.Answer(self.until_us - self.boot_us, tuple(items))

    def _samples(self, frame: int) -> list[wire.Samples]:
        """Frames from the first the chip has not consumed to the last of the prediction."""
        self._codes = self._codes[frame - self._first :]
        self._first = frame
        made = frame + len(self._codes)
        end = frame_after(self.until_us)
        stretches = [*self._stretches, *self._ahead.stretches]
        if end > made:
            needed = [s for s in stretches if frame_after(s.t1_us) > made]
            new = self._synthesis.codes(needed, made, end)
            self._codes = np.concatenate([self._codes, new])
        self._stretches = [s for s in self._stretches if frame_after(s.t1_us) > frame]
        if not len(self._codes):
            return []
        boot_frame = self.boot_us * FRAMES_PER_S // 1_000_000
        return [wire.Samples(frame - boot_frame, self._codes.tobytes())]

    def _serial(self) -> list[wire.UartRx]:
        for uart, endpoint in self._uarts.items():
            for t_us, data, char_us in endpoint.due(self.until_us):
                if t_us <= self.now_us:
                    raise LinkError(f"UART {uart} answers in the past")
                self._coming.append((t_us, uart, char_us, data))
        self._coming.sort(key=lambda item: item[0])
        boot_us, found = self.boot_us, []
        for t_us, uart, char_us, data in self._coming:
            count = (self.until_us - t_us) // char_us + 1  # chars complete by then
            if count > 0:
                found.append(wire.UartRx(uart, t_us - boot_us, char_us, data[:count]))
        return found

    def _sockets(self) -> list[Any]:
        if self._network is None:
            return []
        starts, ends = [], []
        for item in self._network.due(self.until_us):
            match item:
                case wire.NetRx():
                    self._arriving.append(item)
                case wire.NetAccept():
                    starts.append(item)
                case _:
                    ends.append(item)
        self._arriving.sort(key=lambda item: item.t_us)
        data = [
            wire.NetRx(item.conn, item.t_us - self.boot_us, item.data)
            for item in self._arriving
            if item.t_us <= self.until_us
        ]
        return [*starts, *data, *ends]


def _after(item: tuple[int, int, int, bytes], t_us: int) -> tuple[int, int, int, bytes] | None:
    """The part of some coming bytes that is not complete at t_us."""
    first_us, uart, char_us, data = item
    gone = max(0, (t_us - first_us) // char_us + 1)
    if gone >= len(data):
        return None
    return (first_us + gone * char_us, uart, char_us, data[gone:])
