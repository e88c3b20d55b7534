# islet: what the link expects of house, devices and brokers.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from tools.twin.link import wire
from tools.twin.link.signals import Stretch

Truth = Mapping[str, Any]
Edges = Sequence[tuple[int, int, int]]  # t_us, pin, level
Copy = tuple[int, bytes, bytes, int, int]  # from when on, request, answer, delay µs, µs per char
NetEvent = wire.NetRx | wire.NetClosed | wire.NetRefused | wire.NetAccept


class LinkError(RuntimeError):
    """Somebody broke the protocol: said or did something impossible."""


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

    @property
    def touched(self) -> bool:
        """Something was changed since the last advance: predictions made before are void.
        Without a change, what happens does not depend on where an advance ends."""
        ...

    def readings(self) -> Sequence[tuple[int, Any]]:
        """What the devices on the bus show, and from when on: at the beginning of the last
        advance, and each change within it."""
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

    def transmit(self, t_us: int, data: bytes, shown: Any) -> None:
        """The chip has sent a frame; the silence of 3.5 characters that ends it ends at t_us.
        `shown`: what the devices show then (House.readings)."""
        ...

    def copies(self, now_us: int, shown: Sequence[tuple[int, Any]]) -> list[Copy]:
        """What the chip may answer itself from now on, as far as it is not told yet: `shown` is
        so now, and will be."""
        ...

    def prepare(self, now_us: int, shown: Sequence[tuple[int, Any]]) -> None:
        """At now_us copies() may be asked of `shown`: what it takes may be done now."""
        ...

    def forget(self) -> None:
        """The chip has lost its mind, and all copies with it."""
        ...

    def only_reads(self, data: bytes) -> bool:
        """Whether the frame changes nothing in the house, whatever it is."""
        ...

    def due(self, until_us: int) -> list[tuple[int, bytes, int]]:
        """Hand over, once, decided answers: (end of the first char, bytes, µs per char)."""
        ...


class Network(Actor, Protocol):
    """What the chip's sockets reach."""

    def open(self, t_us: int, conn: int, port: int) -> None: ...
    def transmit(self, t_us: int, conn: int, data: bytes, shown: Any) -> None: ...
    def changes(self, conn: int, data: bytes) -> bool:
        """Whether it may change something in the house."""
        ...

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
