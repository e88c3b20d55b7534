"""What an RP2040 has besides `machine` (strict.py): PIO, DMA, and registers; those that no board
code has a reason to touch do not exist.

Viper runs as Python: `ptr32(address)` gives a bank of these registers, `ptr32(buffer)` the buffer.
"""

from __future__ import annotations

import builtins
import ctypes
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests_host.chips import strict

SIO, TIMER, WATCHDOG, NVIC = 0xD0000000, 0x40054000, 0x40058000, 0xE000E400
IO_BANK0, ADC, DMA, PIO1 = 0x40014000, 0x4004C000, 0x50000000, 0x50300000
GPIO_IN, OUT_SET, OUT_CLR, OE_SET = SIO + 4, SIO + 20, SIO + 24, SIO + 36
TIMERAWL, IPR3 = TIMER + 40, NVIC + 12
SCRATCH0, SCRATCH1 = WATCHDOG + 12, WATCHDOG + 16
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


class Chip(strict.Chip):
    port = strict.RP2040

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__(document)
        self.bootsel = False
        self.writes: list[tuple[int, int]] = []
        self.registers = {
            SCRATCH0: 0,
            SCRATCH1: 0,
            IPR3: 0x80808080,
            ADC_CS: 0,
            ADC_FCS: 0,
            ADC_DIV: 0,
        }
        self.registers |= {DMA + 0x400: 0, DMA + 0x404: 0, DMA + 0x444: 0}
        self.machines: dict[int, Any] = {}
        self.channels: list[Any] = []

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
                     ("out", "held", "hold")]  # fmt: skip
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

    # --- what board code imports -------------------------------------------------------------

    def install(self, patch: pytest.MonkeyPatch, modules: dict[str, ModuleType]) -> None:
        made: dict[str, dict[str, Any]] = {
            "micropython": {"viper": lambda function: function},
            "uctypes": {"addressof": self.address_of},
            "machine": vars(self.machine),
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
