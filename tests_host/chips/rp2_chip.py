"""A strict RP2040: what fails on the chip (MicroPython 1.25, ports/rp2) fails here, and registers
that no board code has a reason to touch do not exist.

Viper runs as Python: `ptr32(address)` gives a bank of these registers, `ptr32(buffer)` the buffer.
"""

from __future__ import annotations

import builtins
import ctypes
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

LED = 25  # the module's own lamp
SIO, TIMER, WATCHDOG, NVIC = 0xD0000000, 0x40054000, 0x40058000, 0xE000E400
IO_BANK0, ADC, DMA, PIO1 = 0x40014000, 0x4004C000, 0x50000000, 0x50300000
GPIO_IN, OUT_SET, OUT_CLR, OE_SET = SIO + 4, SIO + 20, SIO + 24, SIO + 36
TIMERAWL, SCRATCH0, IPR3 = TIMER + 40, WATCHDOG + 12, NVIC + 12
ADC_CS, ADC_FCS, ADC_FIFO, ADC_DIV = ADC, ADC + 8, ADC + 12, ADC + 16
PIO1_TXF0 = PIO1 + 16
RAM = 0x20000000


class Int32(int):
    """A register's value in viper: differences wrap."""

    def __sub__(self, other: int) -> Int32:
        return wrap(int(self) - other)


def wrap(value: int) -> Int32:
    return Int32((value + 2**31) % 2**32 - 2**31)


class Bank:
    def __init__(self, chip: Chip, address: int) -> None:
        self.chip, self.address = chip, address

    def __getitem__(self, index: int) -> Int32:
        return wrap(self.chip.read(self.address + 4 * index))

    def __setitem__(self, index: int, value: int) -> None:
        self.chip.write(self.address + 4 * index, value % 2**32)


class Memory:
    """A buffer as viper sees it."""

    def __init__(self, buffer: Any) -> None:
        self.buffer = buffer

    def __getitem__(self, index: int) -> Int32:
        return wrap(self.buffer[index])

    def __setitem__(self, index: int, value: int) -> None:
        signed = getattr(self.buffer, "typecode", "") == "i"
        self.buffer[index] = wrap(value) if signed else value


class Chip:
    """`nets` says what the circuit board connects to each pin."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.nets: dict[int, str] = {row["pin"]: "out" for row in document["outputs"]}
        self.nets |= {row["pin"]: "in" for row in document["inputs"]}
        self.nets |= {26 + row["adc"]: "adc" for row in document["channels"]}
        self.nets |= {row["cs"]: "out" for row in document.get("meters", [])}
        spi = document["spi"]
        for line in document["lines"]:
            self.nets |= {line[name]: name for name in ("tx", "rx", "de") if name in line}
        self.nets |= {spi[name]: name for name in ("sck", "mosi", "miso")}
        self.nets[LED] = "out"
        self.nets[document["pilot"]["pin"]] = "pwm"
        self.nets[document["dead_man"]["pin"]] = "hold"
        self.nets[document["crossing"]["pin"]] = "in"
        self.now_us = 0
        self.cause = 1  # PWRON_RESET
        self.bootsel = False
        self.interrupts = True
        self.levels = 0  # what the outside drives
        self.out = self.driven = 0
        self.writes: list[tuple[int, int]] = []
        self.registers = {SCRATCH0: 0, IPR3: 0x80808080, ADC_CS: 0, ADC_FCS: 0, ADC_DIV: 0}
        self.registers |= {DMA + 0x400: 0, DMA + 0x404: 0, DMA + 0x444: 0}
        self.pulls: dict[int, int | None] = {}
        self.interrupts: dict[int, tuple[Callable[[Any], None], int]] = {}
        self.duty: int | None = None
        self.date: tuple[int, ...] = (2021, 1, 1, 4, 0, 3, 7, 0)
        self.machines: dict[int, Any] = {}
        self.channels: list[Any] = []
        self.uarts: list[dict[str, Any]] = []
        self.received = b""

    # --- registers -------------------------------------------------------------------------

    def read(self, address: int) -> int:
        if address == GPIO_IN:
            return (self.levels & ~self.driven) | (self.out & self.driven)
        if address == TIMERAWL:
            return self.now_us % 2**32
        if address not in self.registers:
            raise IndexError(f"no reason to read {address:#x}")
        return self.registers[address]

    def write(self, address: int, value: int) -> None:
        self.writes.append((address, value))
        if address in (OUT_SET, OUT_CLR, OE_SET):
            stray = [n for n in range(30) if value >> n & 1 and self.nets.get(n) not in
                     ("out", "hold")]  # fmt: skip
            if stray or value >> 30:
                raise ValueError(f"pins {stray} are no outputs of this board")
            if address == OUT_SET:
                self.out |= value
            elif address == OUT_CLR:
                self.out &= ~value
            else:
                self.driven |= value
        elif address == ADC_FCS:  # OVER and UNDER are cleared by writing ones
            kept = self.registers[ADC_FCS] & 0xC00 & ~value
            self.registers[ADC_FCS] = value & ~0xC00 | kept
        elif address in self.registers:
            self.registers[address] = value
        elif address != PIO1_TXF0 and not IO_BANK0 <= address < IO_BANK0 + 240:
            raise IndexError(f"no reason to write {address:#x}")

    def pointer(self, what: object) -> object:
        return Bank(self, what) if isinstance(what, int) else Memory(what)

    def edge(self, pin: int, level: int) -> None:
        """The outside changes a pin."""
        mask = 1 << pin
        was = self.levels & mask != 0
        self.levels = self.levels | mask if level else self.levels & ~mask
        handler, trigger = self.interrupts.get(pin, (None, 0))
        if handler and bool(level) != was and trigger & (8 if level else 4):
            handler(pin)

    # --- what board code imports -------------------------------------------------------------

    def install(self, patch: pytest.MonkeyPatch, modules: dict[str, ModuleType]) -> None:
        made: dict[str, dict[str, Any]] = {
            "micropython": {"viper": lambda function: function},
            "uctypes": {"addressof": self.address_of},
            "machine": _machine(self),
            "rp2": _rp2(self),
        }
        for name, content in made.items():
            modules[name] = ModuleType(name)
            vars(modules[name]).update(content)
        for name in ("ptr8", "ptr16", "ptr32"):
            patch.setattr(builtins, name, self.pointer, raising=False)

    def address_of(self, buffer: Any) -> int:
        """Where it really is, seen as if in the chip's memory: alignment is kept."""
        return RAM + ctypes.addressof(ctypes.c_char.from_buffer(buffer)) % 2**28

    def need(self, pin: int, use: str) -> None:
        net = self.nets.get(pin)
        if net != use:
            raise ValueError(f"pin {pin}: the board has {net} there, not {use}")


def _machine(chip: Chip) -> dict[str, Any]:
    class Pin:
        IN, OUT = 0, 1
        PULL_UP, PULL_DOWN = 1, 2
        IRQ_FALLING, IRQ_RISING = 4, 8

        def __init__(self, id: Any, mode: int = -1, pull: int | None = -1, **named: int) -> None:
            number = id.number if isinstance(id, Pin) else LED if id == "LED" else id
            if number not in chip.nets:
                raise ValueError(f"pin {number} is not connected on this board")
            self.number = number
            if mode != -1 or pull != -1 or named:
                self.init(mode, pull, **named)

        def init(self, mode: int = -1, pull: int | None = -1, *, value: int | None = None) -> None:
            if mode == self.OUT:
                if chip.nets[self.number] not in ("out", "de"):
                    raise ValueError(f"pin {self.number} is no output of this board")
                mask = 1 << self.number
                if value is not None:
                    chip.out = chip.out | mask if value else chip.out & ~mask
                chip.driven |= mask
            elif mode == self.IN:
                chip.pulls[self.number] = pull
            else:
                raise ValueError("mode")

        def value(self) -> int:
            return chip.read(GPIO_IN) >> self.number & 1

        def __call__(self, level: int) -> None:
            chip.need(self.number, "out")
            mask = 1 << self.number
            chip.out = chip.out | mask if level else chip.out & ~mask

        def irq(self, handler: Any, trigger: int = 12, *, hard: bool = False) -> None:
            if not hard:
                raise ValueError("a soft handler waits for a garbage collection")
            chip.need(self.number, "in")
            chip.interrupts[self.number] = handler, trigger

    class PWM:
        def __init__(self, pin: Pin, *, freq: int, duty_u16: int) -> None:
            chip.need(pin.number, "pwm")
            self.duty_u16(duty_u16)

        def duty_u16(self, duty: int) -> None:
            if not 0 <= duty <= 65_535:
                raise ValueError("duty")
            chip.duty = duty

    class UART:
        def __init__(self, number: int, *, tx: Pin, rx: Pin, **settings: Any) -> None:
            chip.need(tx.number, "tx")
            chip.need(rx.number, "rx")
            chip.uarts.append(settings)

        def any(self) -> int:
            return len(chip.received)

        def readinto(self, buffer: Any, *count: int) -> int | None:
            size = min(len(chip.received), *count, len(buffer))
            buffer[:size], chip.received = chip.received[:size], chip.received[size:]
            return size or None

    class SPI:
        def __init__(self, number: int, baud: int, **named: Any) -> None:
            for name in ("sck", "mosi", "miso"):
                chip.need(named[name].number, name)
            if (named["polarity"], named["phase"]) != (1, 1):
                raise ValueError("the metering chips speak mode 3")

    def adc(pin: Pin) -> None:
        chip.need(pin.number, "adc")

    fed: list[int] = []

    class WDT:
        def __init__(self, *, timeout: int) -> None:
            if not 1 <= timeout <= 8388:
                raise ValueError("timeout")

        def feed(self) -> None:
            fed.append(1)

    def enable_irq(state: bool) -> None:
        chip.interrupts = state

    def disable_irq() -> bool:
        before, chip.interrupts = chip.interrupts, False
        return before

    rtc = SimpleNamespace(datetime=lambda: chip.date)
    return {"Pin": Pin, "PWM": PWM, "UART": UART, "SPI": SPI, "ADC": adc, "WDT": WDT,
            "RTC": lambda: rtc, "fed": fed, "WDT_RESET": 3,
            "disable_irq": disable_irq, "enable_irq": enable_irq,
            "reset_cause": lambda: chip.cause}  # fmt: skip


def _rp2(chip: Chip) -> dict[str, Any]:
    class StateMachine:
        def __init__(self, number: int, program: Any, *, freq: int, **pins: Any) -> None:
            for kind, pin in pins.items():
                use = {"set_base": "hold", "out_base": "tx", "sideset_base": "de"}[kind]
                chip.need(pin.number, use)
            self.program, self.freq, self.on, self.done = program, freq, False, []
            chip.machines[number] = self

        def active(self, on: int) -> None:
            self.on = bool(on)

        def exec(self, instruction: str) -> None:
            self.done.append(instruction)

    class Channel:
        def __init__(self) -> None:
            self.channel = len(chip.channels)
            self.settings: dict[str, Any] = {}
            self.busy = self.closed = False
            self.handler: Any = None
            for word in range(5):
                chip.registers[DMA + 64 * self.channel + 4 * word] = 0
            chip.channels.append(self)

        def pack_ctrl(self, **fields: Any) -> dict[str, Any]:
            known = {"size", "inc_read", "inc_write", "treq_sel", "chain_to", "irq_quiet"}
            unknown = set(fields) - known - {"ring_sel", "ring_size"}
            if unknown:
                raise TypeError(f"{unknown}")
            return fields

        def config(self, *, trigger: bool = False, **settings: Any) -> None:
            self.settings |= settings
            self.busy |= trigger
            read = settings["read"]
            where = read if isinstance(read, int) else chip.address_of(read)
            chip.registers[DMA + 64 * self.channel] = where

        def active(self, *on: int) -> bool:
            if on:
                self.busy = bool(on[0])
                chip.registers[DMA + 64 * self.channel] += 4 * on[0]  # it takes the first word
            return self.busy

        def irq(self, handler: Any, hard: bool = False) -> None:
            if not hard:
                raise ValueError("a soft handler waits for a garbage collection")
            self.handler = handler

        def close(self) -> None:
            self.closed = True

    class Flash:
        def __init__(self, *, start: int, len: int) -> None:
            self.size = len

        def __buffer__(self, _flags: int) -> memoryview:
            return memoryview(bytearray(16))

    return {"StateMachine": StateMachine, "DMA": Channel, "Flash": lambda **given: bytearray(16),
            "asm_pio": lambda **given: lambda program: program,
            "bootsel_button": lambda: int(chip.bootsel),
            "PIO": SimpleNamespace(OUT_HIGH=3, OUT_LOW=2, SHIFT_RIGHT=1)}  # fmt: skip
