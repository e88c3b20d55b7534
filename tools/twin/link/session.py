# islet: the twin's side of the link: prediction, rollback, and who acts when.
# GPL-3.0-or-later
"""The chip runs on predicted signals; what it does may end the prediction.

Time is µs since the run's start. The house is truly at T and predicted to U, the chip's next whole
100 ms. The chip was told of what comes up to `until`, and stops at a moment t, there or earlier:

    T ────── now ──────── t ──────── until ──── U
     └ snapshot   └ its last message

1. Is an output changed at t, does an actor act, is a device told something, or is t = U: then t
   becomes the truth (future.py). Otherwise the house goes its predicted way, whatever else the
   chip does, and nothing is redone; a device that is only read shows what it shows at t.
2. Actors that are due at t act: scenario events, and devices that had something to wait for.
3. The message's own doings are applied: pins, PWM, bytes sent.
4. The answer tells what comes up to `until`: U, or the next time an actor acts.

**Only the house is ever predicted and rolled back.** Everything with a memory of its own (device
registers, brokers, scenario, logs, referee) is an *actor*: it acts once, at its exact time, on the
house as it truly is then. That works because the chip is never told of anything beyond the next
actor's time, and tells of a Modbus request when its closing silence is over, which is when a
device may act. The price is a short exchange per request; the gain is that no device ever needs
to be undone. What has been read before is answered on the chip's side, with no exchange, from
copies that come with each answer: what a device shows does not change but with the house (house's
reading.py), so that the prediction has it to the µs. A copy is a frame as its device would send
it; where there may be another (a fault, a restart, more changes than a few) there is none.

Bytes towards the chip are decided by an actor and kept here until the chip has had them. It has
had what lies in (its last message, t]; a frame cut by an early t is continued in the next answer.

When the chip is reset, its clock begins at zero again; `boot_us` is where. A chip with
converters of its own (the emulated one: no synthesis) is told the waves instead of samples, and
of its resets it tells itself, in a time that goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.twin.link import wire
from tools.twin.link.future import Future
from tools.twin.link.interfaces import Actor, House, LinkError, Network, Truth, UartEndpoint
from tools.twin.link.signals import FRAMES_PER_S, Synthesis, frame_after
from tools.twin.link.wave import wave_of

HORIZON_US = 100_000
BOOT_US = 250_000  # from reset to the first line of boot.py
BOOT_GRID_US = 10_000  # a restart begins at a whole sample block: 48 frames, 10 PWM periods
Minutes = Callable[[int], int]
OUTPUTS = (wire.Pins, wire.Pwm, wire.Reset)
RESETS = {1: "watchdog", 2: "reset"}
LOSSES = {"reset": 1, "off": 2}
SCRATCHES = 8


@dataclass(frozen=True)
class Loss:
    """The scenario takes the chip's mind: `cause` reset (as its watchdog would) or off (power
    cut), and when it may boot again."""

    cause: str
    until_us: int


class Session:
    def __init__(
        self,
        house: House,
        synthesis: Synthesis | None,
        uarts: Mapping[int, UartEndpoint] | None = None,
        network: Network | None = None,
        actors: Sequence[Actor] = (),
        minutes: Minutes = lambda t_us: t_us // 60_000_000,
        truth: Callable[[], Truth] = dict,
    ) -> None:
        self.house = house
        self._waves = synthesis is None
        self.future = Future(house, synthesis, truth)
        self.now_us = self.until_us = house.t_us
        self.boot_us = 0
        self.watchdog_ms = 0
        self.on_log: Callable[[int, str], None] = lambda t_us, text: None
        self.on_section: Callable[[int, wire.Section | wire.Step], None] = lambda t_us, item: None
        self.on_reset: Callable[[int, str], None] = lambda t_us, cause: None
        self.end_us: int | None = None  # when the run is over
        self.over = False
        self._uarts = dict(uarts or {})
        self._network = network
        self._actors: list[Actor] = [*actors, *self._uarts.values()]
        if network is not None:
            self._actors.append(network)
        self._minutes = minutes
        self._minute = -1
        self._coming: list[tuple[int, int, int, bytes]] = []  # t_us, uart, char_us, data
        self._arriving: list[wire.NetRx] = []
        self._known: dict[int, int] | None = None  # levels of the input pins, as told
        self._told: list[tuple[int, int, int]] = []  # edges of the last answer: t_us, pin, level
        self.lost: Loss | None = None
        self.scratch = [0] * SCRATCHES  # what a reset leaves alone, a power cut clears
        self._posted: deque[Callable[[], Any]] = deque()

    def post(self, job: Callable[[], Any]) -> None:
        """From any thread: have `job` done at the next agreed moment (real time only)."""
        self._posted.append(job)

    def lose(self, cause: str, t_us: int, for_us: int) -> None:
        """For an actor, at t_us: the chip loses its mind, and its power for so long if off.
        A process is then to be ended without a word; restart() goes on."""
        if cause not in LOSSES:
            raise ValueError(f"controller: {cause!r}, allowed {', '.join(LOSSES)}")
        until_us = t_us + for_us
        if self.lost is not None:  # it was without one already
            until_us = max(until_us, self.lost.until_us)
            cause = "off" if "off" in (cause, self.lost.cause) else cause
        self.lost = Loss(cause, until_us)

    def exchange(self, ask: wire.Ask) -> wire.Answer:
        """The chip's message to the twin's answer; of no use to a chip that is `lost`."""
        t_us = ask.now_us + self.boot_us
        frame = ask.next_frame + self.boot_us * FRAMES_PER_S // 1_000_000
        self._check(t_us, frame)
        self.over = self.end_us is not None and t_us >= self.end_us
        said, items = _said(ask.items, self.boot_us)
        for said_us, item in said:
            self._apply(said_us, item)
        driving = any(isinstance(item, OUTPUTS) for item in items)
        due = bool(self._posted) or any(due <= t_us for due in self._due())
        acting = due or any(self._acts(item) for item in items)
        if driving or acting or self.over or t_us == self.future.until_us:
            self.future.commit(t_us)
        if driving or acting:
            self.future.change()
        self.now_us = t_us
        if due:
            self._act(t_us)
        self._coming = [rest for item in self._coming if (rest := _after(item, t_us))]
        self._arriving = [item for item in self._arriving if item.t_us > t_us]
        for item in items:
            self._apply(t_us, item)
        if self.over or (self.lost is not None and not self._waves):
            return wire.Answer(ask.now_us, (wire.Quit(),))
        return self._answer(frame)

    def look_ahead(self) -> None:
        """Use the time while the chip is busy; of no effect on any result."""
        until_us = self.until_us
        quiet = until_us == self.future.until_us and not self._posted
        if quiet and until_us not in self._due() and until_us != self.end_us:
            self.future.look_ahead(self._horizon(until_us))
            if not self._waves and (coming := self.future.coming):
                for endpoint in self._uarts.values():
                    endpoint.prepare(until_us, coming)

    def restart(self) -> None:
        """The chip lost its mind, of itself or as `lost` says: pins float until it boots again,
        or until the run is over."""
        future = self.future
        future.commit(self.now_us)
        future.change()
        self.house.set_pins(0, 0)
        self._coming.clear()
        self._arriving.clear()
        self.lost = self.lost or Loss("reset", self.now_us)
        while not self.over:
            self._act(self.now_us)
            boot_us = -(-(self.lost.until_us + BOOT_US) // BOOT_GRID_US) * BOOT_GRID_US
            if self.now_us >= boot_us:
                break
            self.now_us = min([boot_us, self.now_us + HORIZON_US, *self._later()])
            future.predict(self.now_us)
            future.commit(self.now_us)
            self.over = self.end_us is not None and self.now_us >= self.end_us
        if self._network is not None:
            self._network.reset(self.now_us)
        if self.lost.cause == "off":
            self.scratch = [0] * SCRATCHES
        self.lost = None
        self.boot_us = self.until_us = self.now_us
        future.forget(self.now_us * FRAMES_PER_S // 1_000_000)
        self._minute = -1
        self._known = None
        self._told.clear()
        for endpoint in self._uarts.values():
            endpoint.forget()

    # --- one exchange, step by step ---------------------------------------------------------

    def _check(self, t_us: int, frame: int) -> None:
        if not self.now_us <= t_us <= self.until_us:
            raise LinkError(f"the chip is at {t_us} µs, allowed {self.now_us}…{self.until_us} µs")
        if self._waves:
            return  # no frame is ever sent
        first, last = self.future.first, frame_after(t_us)
        if not first <= frame <= last:
            raise LinkError(f"the chip's next frame is {frame}, allowed {first}…{last}")

    def _due(self) -> list[int]:
        return [due for actor in self._actors if (due := actor.next_us()) is not None]

    def _later(self) -> list[int]:
        """When the chip has to stop at the latest, besides whole 100 ms."""
        times = self._due()
        if any(due <= self.now_us for due in times):
            late = [a for a in self._actors if (a.next_us() or self.now_us + 1) <= self.now_us]
            raise LinkError(f"{type(late[0]).__name__} wants to act in the past")
        return times if self.end_us is None else [*times, self.end_us]

    def _horizon(self, t_us: int) -> int:
        """The chip's next whole 100 ms."""
        return self.boot_us + ((t_us - self.boot_us) // HORIZON_US + 1) * HORIZON_US

    def _act(self, t_us: int) -> None:
        while self._posted:
            self._posted.popleft()()
        for _ in range(2):  # one may set off another that came before it
            for actor in self._actors:
                due = actor.next_us()
                if due is not None and due <= t_us:
                    actor.act(t_us)

    def _acts(self, item: Any) -> bool:
        """Whether a device is asked that needs the true house, to change it."""
        if isinstance(item, wire.NetTx) and self._network is not None:
            return self._network.changes(item.conn, item.data)
        if not isinstance(item, wire.UartTx) or item.uart not in self._uarts:
            return False
        return not self._uarts[item.uart].only_reads(item.data)

    def _apply(self, t_us: int, item: Any) -> None:
        match item:
            case wire.Pins():
                self.house.set_pins(item.driven, item.level)
            case wire.Pwm():
                self.house.set_pwm(item.pin, item.freq_hz, item.duty_u16)
            case wire.UartTx():
                if item.uart not in self._uarts:
                    raise LinkError(f"nothing hangs on UART {item.uart}")
                self._transmit(t_us, item)
            case wire.NetOpen() | wire.NetTx() | wire.NetClose():
                self._to_network(t_us, item)
            case wire.Section() | wire.Step():
                self.on_section(t_us, item)
            case wire.Log():
                self.on_log(t_us, item.text)
            case wire.Watchdog():
                self.watchdog_ms = item.timeout_ms or self.watchdog_ms
            case wire.Scratch():
                self.scratch[item.index] = item.word
            case wire.Reset():
                self._reset(t_us, RESETS[item.cause])

    def _transmit(self, t_us: int, item: wire.UartTx) -> None:
        """A frame to the devices, at the house as it truly is if one of them is to change it."""
        uart, touched = self._uarts[item.uart], self.house.touched
        uart.transmit(t_us, item.data, self.future.shown(t_us)[0][1])
        if self.house.touched and not touched and uart.only_reads(item.data):
            raise LinkError("a device that only reads has changed the house")

    def _reset(self, t_us: int, cause: str) -> None:
        """The chip starts anew by itself, in the same time; what is on the line goes on."""
        if not self._waves:
            raise LinkError("Reset: this chip ends its process instead")
        self.house.set_pins(0, 0)
        self._arriving.clear()
        if self._network is not None:
            self._network.reset(t_us)
        self._minute = -1
        asked, self.lost = self.lost, None
        self.on_reset(t_us, cause if asked is None else f"scenario: {asked.cause}")

    def _to_network(self, t_us: int, item: wire.NetOpen | wire.NetTx | wire.NetClose) -> None:
        network = self._network
        if network is None:
            raise LinkError("this run has no virtual network")
        match item:
            case wire.NetOpen():
                network.open(t_us, item.conn, item.port)
            case wire.NetTx():
                network.transmit(t_us, item.conn, item.data, self.future.shown(t_us)[0][1])
            case wire.NetClose():
                network.close(t_us, item.conn)

    # --- the answer -------------------------------------------------------------------------

    def _answer(self, frame: int) -> wire.Answer:
        now_us, boot_us = self.now_us, self.boot_us
        items: list[Any] = []
        if self._minutes(now_us) != self._minute:
            self._minute = self._minutes(now_us)
            items.append(wire.Rtc(self._minute))
        if self._waves and self.lost is not None:
            items.append(wire.Lose(self.lost.until_us - boot_us, LOSSES[self.lost.cause]))
        edges = self._levels(now_us)
        self.future.predict(self._horizon(now_us))
        self.until_us = until_us = min([self.future.until_us, *self._later()])
        self._told = edges = edges + list(self.future.edges(now_us, until_us))
        items += [wire.Edge(t_us - boot_us, pin, level) for t_us, pin, level in edges]
        if self._waves:
            items += [wave_of(s, boot_us) for s in self.future.waves(now_us, until_us)]
        codes = self.future.samples(frame, until_us)
        if len(codes):
            first = frame - boot_us * FRAMES_PER_S // 1_000_000
            items.append(wire.Samples(first, codes.tobytes()))
        items += self._serial()
        if not self._waves:
            items += self._copies()
        items += self._sockets()
        return wire.Answer(until_us - boot_us, tuple(items))

    def _levels(self, now_us: int) -> list[tuple[int, int, int]]:
        """Input pins that are not as the chip was told: all at its start; later those that moved
        at this very moment, between two changes of its outputs."""
        known = self._known
        if known is None:
            self._known = dict(self.house.inputs())
            return [(now_us, pin, level) for pin, level in self._known.items()]
        for t_us, pin, level in self._told:
            if t_us <= now_us:
                known[pin] = level
        if not self.future.stands:
            return []
        moved = [(now_us + 1, p, level) for p, level in self.house.inputs() if known[p] != level]
        return moved

    def _serial(self) -> list[wire.UartRx]:
        for uart, endpoint in self._uarts.items():
            for t_us, data, char_us in endpoint.due(self.until_us):
                if t_us <= self.now_us:
                    raise LinkError(f"UART {uart} answers in the past")
                self._coming.append((t_us, uart, char_us, data))
        self._coming.sort(key=lambda item: item[0])
        found = []
        for t_us, uart, char_us, data in self._coming:
            count = (self.until_us - t_us) // char_us + 1  # chars complete by then
            if count > 0:
                found.append(wire.UartRx(uart, t_us - self.boot_us, char_us, data[:count]))
        return found

    def _copies(self) -> list[wire.Copy]:
        """Of devices whose lines are free of what comes later: answers may not meet there."""
        shown, boot_us = self.future.shown(self.now_us), self.boot_us
        late = {uart for t_us, uart, _, _ in self._coming if t_us > self.until_us}
        return [
            wire.Copy(uart, max(0, t_us - boot_us), delay_us, char_us, len(asked), asked + frame)
            for uart, endpoint in self._uarts.items()
            for t_us, asked, frame, delay_us, char_us in endpoint.copies(
                self.now_us, () if uart in late else shown
            )
        ]

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


def _said(items: Sequence[Any], boot_us: int) -> tuple[list[tuple[int, Any]], list[Any]]:
    """What the chip said before it last answered a read itself, and when; and the rest."""
    said: list[tuple[int, Any]] = []
    rest: list[Any] = []
    for item in items:
        if isinstance(item, wire.Moment):
            said += [(item.t_us + boot_us, each) for each in rest]
            rest.clear()
        else:
            rest.append(item)
    return said, rest


def _after(item: tuple[int, int, int, bytes], t_us: int) -> tuple[int, int, int, bytes] | None:
    """The part of some coming bytes that is not complete at t_us."""
    first_us, uart, char_us, data = item
    gone = max(0, (t_us - first_us) // char_us + 1)
    if gone >= len(data):
        return None
    return (first_us + gone * char_us, uart, char_us, data[gone:])
