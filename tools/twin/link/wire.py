# islet: the bytes between the chip's process and the twin.
# GPL-3.0-or-later
"""Codec of the link: dataclasses <-> bytes, strict in both directions.

A message is a u32 length and a body, little endian. A body is a header and items (tag, u16
length, payload). messages.json lists every item and is the documentation of the protocol.
Times are µs since the chip's start here, and u32 ms + u16 µs (0…999) on the wire.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tools.twin.link.wave import Wave

MAX_BODY = 1 << 20
LONGEST = 60_000  # bytes of data in one item; longer data is sent in several

MESSAGES: dict[str, Any] = json.loads(Path(__file__).with_name("messages.json").read_text())
START, BLOCK_END, OUTPUT_EDGE, UART, NET, RECORD, BYE = MESSAGES["why"].values()
WHY_NAMES = {value: name for name, value in MESSAGES["why"].items()}


class WireError(ValueError):
    """A message which is not of this protocol; names the item and the field."""


# --- chip to twin --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pins:
    """State of all output pins: a pin not driven is left to the board's pull or holding driver."""

    driven: int
    level: int


@dataclass(frozen=True, slots=True)
class Pwm:
    pin: int
    freq_hz: int
    duty_u16: int


@dataclass(frozen=True, slots=True)
class UartTx:
    """A frame whose closing silence of 3.5 characters ends at the message's time."""

    uart: int
    data: bytes


@dataclass(frozen=True, slots=True)
class NetOpen:
    conn: int
    port: int


@dataclass(frozen=True, slots=True)
class NetTx:
    conn: int
    data: bytes


@dataclass(frozen=True, slots=True)
class NetClose:
    conn: int


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the process image (0 site … 4 trips) as raw array('i')."""

    section: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Log:
    text: str


@dataclass(frozen=True, slots=True)
class Watchdog:
    """The watchdog was started with this time-out, or fed (0)."""

    timeout_ms: int


@dataclass(frozen=True, slots=True)
class Step:
    """The control step these sections belong to lasted dt_ms."""

    dt_ms: int


@dataclass(frozen=True, slots=True)
class Scratch:
    """The program wrote one of the watchdog's scratch registers, which a reset leaves alone."""

    index: int
    word: int


@dataclass(frozen=True, slots=True)
class Reset:
    """The chip was reset at this moment and goes on by itself, its time with it; its pins float.
    `cause`: 1 watchdog, 2 the program."""

    cause: int


@dataclass(frozen=True, slots=True)
class Moment:
    """What lies before it in the message was said at t_us, when the chip answered a read itself,
    and not at the message's time."""

    t_us: int


# --- twin to chip --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Samples:
    """Interleaved u16 codes, little endian, from frame `first` on."""

    first: int
    codes: bytes


@dataclass(frozen=True, slots=True)
class Edge:
    """An input pin takes a level."""

    t_us: int
    pin: int
    level: int


@dataclass(frozen=True, slots=True)
class UartRx:
    """Bytes arriving: the first is complete at t_us, each next one char_us later."""

    uart: int
    t_us: int
    char_us: int
    data: bytes


@dataclass(frozen=True, slots=True)
class NetRx:
    conn: int
    t_us: int
    data: bytes


@dataclass(frozen=True, slots=True)
class NetClosed:
    conn: int


@dataclass(frozen=True, slots=True)
class Rtc:
    minutes: int


@dataclass(frozen=True, slots=True)
class Quit:
    pass


@dataclass(frozen=True, slots=True)
class NetRefused:
    conn: int


@dataclass(frozen=True, slots=True)
class NetAccept:
    """Somebody connects to a port the chip listens on; `conn` is from the twin's own range."""

    conn: int
    port: int


@dataclass(frozen=True, slots=True)
class Lose:
    """To a chip that goes on by itself: it loses its mind now, until `until_us`.
    `cause`: 1 as by its watchdog, 2 without power, so that scratch registers go as well."""

    until_us: int
    cause: int


@dataclass(frozen=True, slots=True)
class Copy:
    """From t_us on the chip answers a request itself: after delay_us with a frame. `data` is the
    request, `size` long, and the frame; none: it has to ask. A later message takes back what is
    still to come, and leaves the rest."""

    uart: int
    t_us: int
    delay_us: int
    char_us: int
    size: int
    data: bytes


class _Item:
    """How one class lies on the wire: a struct of its leading fields, then free-length data.

    `declared` has a field each as messages.json says: name, letter, what is allowed."""

    def __init__(self, tag: int, cls: type, declared: list[str]) -> None:
        self.tag, self.cls = tag, cls
        self.name = cls.__name__
        self.fields = [field.name for field in fields(cls)]
        words = [text.split(" ") for text in declared]
        assert [word[0] for word in words] == self.fields, self.name
        layout = "".join(word[1] for word in words)
        self.bounds = [
            (i, *map(int, word[2].split(".."))) for i, word in enumerate(words) if word[2:]
        ]
        self.tail = layout[-1:] if layout[-1:] in ("b", "s") else ""
        self.wide = [(i, letter) for i, letter in enumerate(layout) if letter in "TC"]
        head = layout[: len(layout) - len(self.tail)]
        self.head = struct.Struct("<" + head.replace("T", "IH").replace("C", "48s"))

    def pack(self, item: Any) -> bytes:
        values = [getattr(item, name) for name in self.fields]
        self._check(values)
        tail = b""
        if self.tail:
            last = values.pop()
            tail = last.encode() if self.tail == "s" else bytes(last)
        for i, letter in reversed(self.wide):
            if letter == "T":
                values[i : i + 1] = divmod(values[i], 1000)
            elif len(values[i]) != 3:
                raise WireError(f"{self.name}.{self.fields[i]}: {len(values[i])} legs, allowed 3")
            else:
                values[i] = np.array(values[i], "<c16").tobytes()
        try:
            payload = self.head.pack(*values) + tail
            return struct.pack("<BH", self.tag, len(payload)) + payload
        except struct.error as error:
            raise WireError(f"{self.name}: {error}") from None

    def unpack(self, payload: memoryview) -> Any:
        size = self.head.size
        if len(payload) < size or (not self.tail and len(payload) > size):
            raise WireError(f"{self.name}: {len(payload)} bytes, expected {size}")
        values: list[Any] = list(self.head.unpack_from(payload))
        for i, letter in self.wide:
            if letter == "T":
                values[i : i + 2] = [time_us(values[i], values[i + 1], self.name)]
            else:
                values[i] = tuple(np.frombuffer(values[i], "<c16").tolist())
        if self.tail == "b":
            values.append(bytes(payload[size:]))
        elif self.tail == "s":
            try:
                values.append(str(payload[size:], "utf-8"))
            except UnicodeDecodeError:
                raise WireError(f"{self.name}: text is not UTF-8") from None
        self._check(values)
        return self.cls(*values)

    def _check(self, values: list[Any]) -> None:
        for i, low, high in self.bounds:
            if not low <= values[i] <= high:
                raise WireError(f"{self.name}.{self.fields[i]}: {values[i]}, allowed {low}…{high}")


def _side(name: str, classes: tuple[type, ...]) -> tuple[_Item, ...]:
    """The items of one direction; the table and the classes below name the same."""
    rows, known = MESSAGES[name], {cls.__name__: cls for cls in classes}
    assert rows.keys() == known.keys(), set(rows) ^ set(known)
    return tuple(_Item(row["tag"], known[kind], row["fields"]) for kind, row in rows.items())


CHIP_ITEMS = _side(
    "chip",
    (
        Pins, Pwm, UartTx, NetOpen, NetTx, NetClose, Section, Log, Watchdog, Step, Reset, Scratch,
        Moment,
    ),
)  # fmt: skip
TWIN_ITEMS = _side(
    "twin",
    (Samples, Edge, UartRx, NetRx, NetClosed, Rtc, Quit, NetRefused, NetAccept, Wave, Lose, Copy),
)
_BY_TAG = {CHIP_ITEMS: {i.tag: i for i in CHIP_ITEMS}, TWIN_ITEMS: {i.tag: i for i in TWIN_ITEMS}}
_BY_CLASS = {i.cls: i for i in CHIP_ITEMS + TWIN_ITEMS}


@dataclass(frozen=True, slots=True)
class Ask:
    """Chip to twin: the chip's time, why it stopped there, and what it did."""

    now_us: int
    why: int
    next_frame: int
    items: tuple[Any, ...] = ()

    _HEAD = struct.Struct("<IHBI")

    def encode(self) -> bytes:
        _only(self.items, CHIP_ITEMS)
        _why(self.why)
        head = _pack("Ask", Ask._HEAD, *divmod(self.now_us, 1000), self.why, self.next_frame)
        return head + b"".join(_BY_CLASS[type(i)].pack(i) for i in self.items)

    @staticmethod
    def decode(body: bytes) -> Ask:
        ms, us, why, frame = _unpack("Ask", Ask._HEAD, body)
        _why(why)
        items = _items(memoryview(body)[Ask._HEAD.size :], CHIP_ITEMS)
        return Ask(time_us(ms, us, "Ask"), why, frame, items)


@dataclass(frozen=True, slots=True)
class Answer:
    """Twin to chip: what is going to happen until `until_us`, if no output changes."""

    until_us: int
    items: tuple[Any, ...] = ()

    _HEAD = struct.Struct("<IH")

    def encode(self) -> bytes:
        _only(self.items, TWIN_ITEMS)
        head = _pack("Answer", Answer._HEAD, *divmod(self.until_us, 1000))
        return head + b"".join(_BY_CLASS[type(i)].pack(i) for i in self.items)

    @staticmethod
    def decode(body: bytes) -> Answer:
        ms, us = _unpack("Answer", Answer._HEAD, body)
        items = _items(memoryview(body)[Answer._HEAD.size :], TWIN_ITEMS)
        return Answer(time_us(ms, us, "Answer"), items)


def time_us(ms: int, us: int, name: str) -> int:
    if us > 999:
        raise WireError(f"{name}: {us} µs within a millisecond, allowed 0…999")
    return ms * 1000 + us


def _why(why: int) -> None:
    if why not in WHY_NAMES:
        raise WireError(f"Ask.why: {why}, allowed {sorted(WHY_NAMES)}")


def _pack(name: str, layout: struct.Struct, *values: int) -> bytes:
    try:
        return layout.pack(*values)
    except struct.error as error:
        raise WireError(f"{name}: {error}") from None


def _unpack(name: str, layout: struct.Struct, body: bytes) -> tuple[Any, ...]:
    if len(body) < layout.size:
        raise WireError(f"{name}: {len(body)} bytes, expected at least {layout.size}")
    return layout.unpack_from(body)


def _only(items: tuple[Any, ...], allowed: tuple[_Item, ...]) -> None:
    for item in items:
        known = _BY_CLASS.get(type(item))
        if known is None or known not in allowed:
            raise WireError(f"{type(item).__name__} does not travel in this direction")


def _items(view: memoryview, allowed: tuple[_Item, ...]) -> tuple[Any, ...]:
    table = _BY_TAG[allowed]
    found = []
    at = 0
    while at < len(view):
        if len(view) - at < 3:
            raise WireError("item cut short")
        tag = view[at]
        length = view[at + 1] | view[at + 2] << 8
        at += 3
        if tag not in table:
            raise WireError(f"tag {tag}, allowed {sorted(table)}")
        if len(view) - at < length:
            raise WireError(f"{table[tag].name}: cut short")
        found.append(table[tag].unpack(view[at : at + length]))
        at += length
    return tuple(found)


def write_message(pipe: BinaryIO, body: bytes) -> None:
    pipe.write(struct.pack("<I", len(body)) + body)
    pipe.flush()


def read_message(read: Callable[[int], bytes]) -> bytes | None:
    """Body of the next message, None at a clean end; `read(n)` blocks for exactly n bytes."""
    head = read(4)
    if not head:
        return None
    length = struct.unpack("<I", head)[0] if len(head) == 4 else -1
    if not 0 <= length <= MAX_BODY:
        raise WireError(f"message of {length} bytes, allowed up to {MAX_BODY}")
    body = read(length)
    if len(body) < length:
        raise WireError("message cut short")
    return body
