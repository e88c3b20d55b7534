"""A strict `machine`: what fails on a chip (MicroPython 1.25) fails here; a table for each chip.

Pins, converter, UARTs and SPIs are the facts of `tools/pack/circuits/chips.py`; `Port` adds what
MicroPython makes of them. Stricter than the chip where that would do harm in silence: a pin the
board does not connect or connects to something else, a pull on a pin without one, a value written
to an input, two frequencies on one PWM slice.

The simulated chip's own `machine` (tools/twin/chip) lives in MicroPython, with time and a house.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

from tools.pack.circuits import chips, pins

ROLES = {pins.PWM: "pwm", pins.ANALOG: "adc", pins.SELECT: "out", pins.LAMP: "out"}
MODULES_LED = 25  # of a Pico
CRYSTAL_HZ = 125_000_000


@dataclass(frozen=True)
class Port:
    """What MicroPython makes of a chip."""

    chip: chips.Chip
    pin: Mapping[str, int]  # constants of Pin
    pin_words: tuple[str, ...]  # what Pin() takes besides, and no board needs
    irq_words: tuple[str, ...]
    pwm_words: tuple[str, ...]
    pwm_hz: tuple[int, int]
    slices: int  # of PWM, two pins each and one frequency; 0: every pin its own
    duty_at_start: int
    adc_words: Mapping[str, int]  # of ADC(), with their defaults
    causes: Mapping[str, int]
    console: tuple[int, ...] = ()  # UARTs that have it
    watchdog_ms: int = 2**31 - 1
    rtc_bytes: int = 0  # that outlive a reset, in RTC.memory()
    date: tuple[int, ...] = (2000, 1, 1, 5, 0, 0, 0, 0)  # of a clock that was never set
    led: int | None = None  # Pin("LED")


RP2040 = Port(
    chips.RP2040,
    {"IN": 0, "OUT": 1, "PULL_UP": 1, "PULL_DOWN": 2, "IRQ_FALLING": 4, "IRQ_RISING": 8},
    ("alt",),
    ("hard",),
    ("duty_u16", "duty_ns", "invert"),
    (8, CRYSTAL_HZ // 2),
    slices=8,
    duty_at_start=0,
    adc_words={},
    causes={"PWRON_RESET": 1, "WDT_RESET": 3},
    watchdog_ms=8388,
    date=(2021, 1, 1, 4, 0, 3, 7, 0),
    led=MODULES_LED,
)
ESP32 = Port(
    chips.ESP32,
    {"IN": 1, "OUT": 3, "OPEN_DRAIN": 7, "PULL_DOWN": 1, "PULL_UP": 2}
    | {"IRQ_RISING": 1, "IRQ_FALLING": 2},
    ("drive", "hold"),
    ("wake",),
    ("duty", "duty_u16", "duty_ns"),
    (1, 40_000_000),
    slices=0,
    duty_at_start=32_768,
    adc_words={"atten": 0},
    causes={"PWRON_RESET": 1, "HARD_RESET": 2, "WDT_RESET": 3, "SOFT_RESET": 5},
    console=(0,),
    rtc_bytes=2048,
)


def role(use: pins.Use, held: set[int], by_pio: bool) -> str:
    """What the circuit board makes of a pin, in one word."""
    section, _, rest = use.field.partition(".")
    if section in ("lines", "spi"):
        return rest.split(".")[-1]
    if section == "dead_man":
        return "hold" if by_pio else "out"
    return ROLES.get(use.kind) or ("held" if use.pin in held else use.kind.removesuffix("put"))


class Chip:
    """A chip on a circuit board: pins, time, and what both show."""

    port: Port

    def __init__(self, document: Mapping[str, Any]) -> None:
        held = {row["pin"] for row in document["outputs"] if row["reset"] == "hold"}
        by_pio = document.get("dead_man", {}).get("by") == "pio"
        self.nets = {use.pin: role(use, held, by_pio) for use in pins.uses(dict(document))}
        if self.port.led is not None:
            self.nets[self.port.led] = "out"
        self.now_us = 0
        self.levels = 0  # what the outside drives, a bit for each pin
        self.out: int = 0  # what the chip drives,
        self.driven: int = 0  # and where
        self.edges: list[tuple[int, int, int]] = []  # us, pin, level that the chip drives
        self.pulls: dict[int, int | None] = {}
        self.interrupts: dict[int, tuple[Callable[[Any], None], int]] = {}
        self.slices: dict[int, int] = {}  # Hz
        self.duty: int | None = None
        self.uarts: list[SimpleNamespace] = []
        self.received = b""
        self.enabled = True  # interrupts
        self.fed = 0
        self.cause = 1  # PWRON_RESET
        self.memory = b""  # of the RTC
        self.date = self.port.date
        self.machine = machine(self)

    def need(self, pin: int, *uses: str) -> None:
        net = self.nets.get(pin)
        if net is None:
            raise ValueError(f"pin {pin} is not connected on this board")
        if net not in uses:
            raise ValueError(f"pin {pin}: the board has {net} there, not {uses[0]}")

    def level(self, pin: int) -> int:
        return ((self.levels & ~self.driven) | (self.out & self.driven)) >> pin & 1

    def drive(self, pin: int, level: object) -> None:
        """The chip drives a pin."""
        mask, high = 1 << pin, 1 if level else 0
        if not self.driven & mask or self.level(pin) != high:
            self.edges.append((self.now_us, pin, high))
        self.driven |= mask
        self.out = self.out | mask if high else self.out & ~mask

    def edge(self, pin: int, level: int) -> None:
        """The outside changes a pin."""
        mask = 1 << pin
        was = self.levels & mask != 0
        self.levels = self.levels | mask if level else self.levels & ~mask
        handler, trigger = self.interrupts.get(pin, (None, 0))
        kind = "IRQ_RISING" if level else "IRQ_FALLING"
        if handler and bool(level) != was and trigger & self.port.pin[kind]:
            handler(pin)

    def adc(self, pin: int, words: Mapping[str, Any]) -> Any:
        """Readings of a converter's input, of a chip whose firmware reads them one by one."""


def given(words: Mapping[str, Any], known: tuple[str, ...] | Mapping[str, Any]) -> None:
    for word in words:
        if word not in known:
            raise TypeError(f"unexpected keyword argument '{word}'")


def whole(value: object) -> None:
    if not isinstance(value, int):
        raise TypeError(f"can't convert {type(value).__name__} to int")


def machine(chip: Chip) -> ModuleType:
    """The module of that name, as board code imports it."""
    port, facts = chip.port, chip.port.chip

    class Pin:
        def __init__(self, id: object, mode=-1, pull=-1, *, value=None, **words: Any) -> None:
            if isinstance(id, Pin):
                id = id.number
            if id == "LED" and port.led is not None:
                id = port.led
            if not isinstance(id, int) or isinstance(id, bool) or id not in facts.pins:
                raise ValueError("invalid pin")
            if "flash" in facts.taken.get(id, ""):
                raise ValueError(f"pin {id} belongs to the flash: the chip would hang")
            self.number = id
            if mode != -1 or pull != -1 or value is not None or words:
                self.init(mode, pull, value=value, **words)

        def init(self, mode=-1, pull=-1, *, value=None, **words: Any) -> None:
            given(words, port.pin_words)
            if words:
                raise ValueError(f"{', '.join(words)}: no board needs it")
            if mode == port.pin["OUT"]:
                if self.number in facts.input_only:
                    raise ValueError("pin can only be input")
                chip.need(self.number, "out", "held", "de")
                if value is not None or not chip.driven >> self.number & 1:
                    chip.drive(self.number, value or 0)
            elif mode == port.pin["IN"]:
                chip.need(self.number, "in", "held", "rx", "miso")
                if value is not None:
                    raise ValueError(f"pin {self.number}: a value for an input")
                chip.driven &= ~(1 << self.number)
                chip.pulls[self.number] = pull
            elif mode != -1:
                raise ValueError(f"mode: {mode} is not IN or OUT")
            if pull not in (-1, None, port.pin["PULL_DOWN"], port.pin["PULL_UP"]):
                raise ValueError("invalid pull")
            if pull not in (-1, None) and self.number in facts.input_only:
                raise ValueError(f"pin {self.number} has no pull resistors")

        def __call__(self, *level: object) -> int | None:
            return self.value(*level)

        def value(self, *level: object) -> int | None:
            if not level:
                return chip.level(self.number)
            if len(level) != 1:
                raise TypeError("function expected at most 2 arguments")
            if not chip.driven >> self.number & 1:
                raise ValueError(f"pin {self.number} is not an output")
            chip.need(self.number, "out", "held", "de")
            chip.drive(self.number, level[0])
            return None

        def on(self) -> None:
            self.value(1)

        def off(self) -> None:
            self.value(0)

        def irq(self, handler: Any = None, trigger: int = 0, **words: Any) -> None:
            given(words, port.irq_words)
            if "hard" in port.irq_words and not words.get("hard"):
                raise ValueError("a soft handler waits for a garbage collection")
            chip.need(self.number, "in")
            if not trigger or trigger & ~(port.pin["IRQ_RISING"] | port.pin["IRQ_FALLING"]):
                raise ValueError("invalid trigger")
            chip.interrupts[self.number] = handler, trigger

    for name, number in port.pin.items():
        setattr(Pin, name, number)

    def number_of(pin: object) -> int:
        return pin.number if isinstance(pin, Pin) else Pin(pin).number

    def routed(unit: str, number: int, **wires: object) -> None:
        """The unit of the chip reaches these pins, and the board has its wires there."""
        for name, pin in wires.items():
            at = number_of(pin)
            if facts.routes is not None and at not in facts.routes[f"{unit}{number}.{name}"]:
                raise ValueError(f"bad {name.upper()} pin")
            chip.need(at, name)

    class PWM:
        def __init__(self, pin: object, freq=-1, **words: Any) -> None:
            given(words, port.pwm_words)
            number = number_of(pin)
            if number in facts.input_only:
                raise ValueError(f"PWM not supported on Pin({number})")
            chip.need(number, "pwm")
            if len(words.keys() & {"duty", "duty_u16", "duty_ns"}) > 1:
                raise ValueError("only one of parameters 'duty', 'duty_u16' or 'duty_ns'")
            whole(freq)
            low, high = port.pwm_hz
            if not low <= freq <= high:
                raise ValueError(f"frequency must be from {low}Hz to {high}Hz")
            shared = number // 2 % port.slices if port.slices else number
            if chip.slices.setdefault(shared, freq) != freq:
                raise ValueError(f"pin {number} shares its slice with another frequency")
            chip.duty = port.duty_at_start
            if "duty_u16" in words:
                self.duty_u16(words["duty_u16"])

        def duty_u16(self, *value: Any) -> int | None:
            if not value:
                return chip.duty
            whole(value[0])
            if not 0 <= value[0] <= 65_535:
                raise ValueError("duty_u16 must be from 0 to 65535")
            chip.duty = value[0]
            return None

    class ADC:
        ATTN_0DB, ATTN_2_5DB, ATTN_6DB, ATTN_11DB = range(4)

        def __init__(self, pin: object, **words: Any) -> None:
            given(words, port.adc_words)
            number = number_of(pin)
            inputs = [i for i, at in facts.adc.items() if at == number]
            if not inputs:
                raise ValueError("invalid pin")
            if why := facts.adc_taken.get(inputs[0]):
                raise ValueError(f"pin {number}: {why}")
            chip.need(number, "adc")
            self._reads = chip.adc(number, {**port.adc_words, **words})

        def __getattr__(self, name: str) -> Any:
            return getattr(self._reads, name)

    class UART:
        def __init__(
            self, id: int, baudrate=0, bits=8, parity=None, stop=1, *, tx=None, rx=None,
            rts=None, cts=None, txbuf=256, rxbuf=256, timeout=0, timeout_char=0,
            invert=0, flow=0,
        ) -> None:  # fmt: skip
            if id in port.console:
                raise ValueError("UART buffer size is fixed: it is the console's")
            if id not in facts.uarts:
                raise ValueError(f"UART({id}) does not exist")
            routed("uart", id, tx=tx, rx=rx)
            if bits not in (5, 6, 7, 8):
                raise ValueError("invalid data bits")
            if stop not in (1, 2):
                raise ValueError("invalid stop bits")
            if parity is not None:
                whole(parity)
            self.line = SimpleNamespace(id=id, baud=baudrate, bits=bits, parity=parity, stop=stop)
            chip.uarts.append(self.line)

        def any(self) -> int:
            return len(chip.received)

        def readinto(self, buffer: Any, *count: int) -> int | None:
            size = min(len(chip.received), *count, len(buffer))
            buffer[:size], chip.received = chip.received[:size], chip.received[size:]
            return size or None

    class SPI:
        def __init__(
            self, id: int, baudrate=1_000_000, *, polarity=0, phase=0, bits=8, firstbit=0,
            sck=None, mosi=None, miso=None,
        ) -> None:  # fmt: skip
            if id not in facts.spis:
                raise ValueError(f"SPI({id}) doesn't exist")
            routed("spi", id, sck=sck, mosi=mosi, miso=miso)
            if (polarity, phase) != (1, 1):
                raise ValueError("the metering chips speak mode 3")
            self.baud = baudrate

        def write_readinto(self, tx: bytes, rx: bytearray) -> None:
            if len(tx) != len(rx):
                raise ValueError("buffers must be the same length")

    class WDT:
        def __init__(self, id: int = 0, timeout: int = 5000) -> None:
            whole(timeout)
            if id != 0 or not 0 < timeout <= port.watchdog_ms:
                raise ValueError("WDT timeout too short" if timeout <= 0 else "WDT timeout")

        def feed(self) -> None:
            chip.fed += 1

    class RTC:
        def datetime(self, *value: object) -> tuple[int, ...]:
            if value:
                raise ValueError("nobody sets the clock here")
            return chip.date

        if port.rtc_bytes:

            def memory(self, *data: bytes) -> bytes | None:
                if not data:
                    return chip.memory
                if len(data[0]) > port.rtc_bytes:
                    raise ValueError("buffer too long")
                chip.memory = bytes(data[0])
                return None

    def disable_irq() -> bool:
        before, chip.enabled = chip.enabled, False
        return before

    def enable_irq(state: bool) -> None:
        chip.enabled = state

    module = ModuleType("machine")
    vars(module).update({kind.__name__: kind for kind in (Pin, PWM, ADC, UART, SPI, WDT, RTC)})
    vars(module).update(port.causes, reset_cause=lambda: chip.cause)
    vars(module).update(disable_irq=disable_irq, enable_irq=enable_irq)
    return module
