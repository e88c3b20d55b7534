"""A strict ESP32: what fails on the chip (MicroPython 1.25, ports/esp32) fails here.

Stricter than the chip where the chip would do harm in silence: a pin the board does not connect or
connects to something else, a pull on a pin without one, a value written to an input.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

INPUT_ONLY = range(34, 40)
MISSING = (20, 24, 28, 29, 30, 31, 37, 38)  # no such pad on a WROOM-32
FLASH = range(6, 12)
ADC1 = {36, 37, 38, 39, 32, 33, 34, 35}
ADC2 = {4, 0, 2, 15, 13, 12, 14, 27, 25, 26}
READ_US = 45  # of one conversion with its calibration
FULL_UV = 3_140_000
LEAST_UV = 142_000


class Chip:
    """Pins, time and what the board connects; `nets` as the circuit board's JSON says them."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.nets: dict[int, str] = {}
        for row in document["outputs"]:
            self.nets[row["pin"]] = "out"
        for row in document["inputs"]:
            self.nets[row["pin"]] = "in"
        if "dead_man" in document:
            self.nets[document["dead_man"]["pin"]] = "out"
        self.nets[document["lamp"]["pin"]] = "out"
        self.nets[document["button"]["pin"]] = "in"
        self.nets[document["pilot"]["pin"]] = "pwm"
        for line in document["lines"]:
            self.nets |= {line["tx"]: "uart tx", line["rx"]: "uart rx"}
        for name in ("sck", "mosi", "miso"):
            self.nets[document["spi"][name]] = name
        for row in document["meters"]:
            self.nets[row["cs"]] = "out"
        for row in document["channels"]:
            self.nets[{0: 36, 3: 39}[row["adc"]]] = "adc"
        self.now_us = 0
        self.levels: dict[int, int] = {}
        self.modes: dict[int, str] = {}
        self.edges: list[tuple[int, int, int]] = []  # us, pin, level
        self.duty: int | None = None
        self.volts: Callable[[int, int], float] = lambda _pin, _us: 0.0
        self.timer: Any = None
        self.fed = 0
        self.cause = 1  # PWRON_RESET
        self.memory = b""  # of the RTC
        self.date: tuple[int, ...] = (2000, 1, 1, 5, 0, 0, 0, 0)
        self.machine = self._machine()

    def connected(self, number: int, use: str) -> None:
        net = self.nets.get(number)
        if net is None:
            raise ValueError(f"pin {number} is not connected on this board")
        if net != use:
            raise ValueError(f"pin {number}: the board has {net} there, not {use}")

    def tick(self) -> None:
        """Let the soft timer's period pass."""
        self.now_us += self.timer.period_ms * 1000
        self.timer.callback(self.timer)

    def modules(self) -> dict[str, ModuleType]:
        """What board code imports."""
        time = ModuleType("time")
        vars(time).update(
            ticks_ms=lambda: self.now_us // 1000 % 2**30,
            ticks_us=self._ticks_us,
            ticks_diff=lambda a, b: (a - b + 2**29) % 2**30 - 2**29,
            ticks_add=lambda a, b: (a + b) % 2**30,
        )
        esp32 = ModuleType("esp32")
        vars(esp32)["Partition"] = Partition
        return {"machine": self.machine, "time": time, "esp32": esp32}

    def _ticks_us(self) -> int:
        self.now_us += 1  # so that a busy wait ends
        return self.now_us % 2**30

    def _machine(self) -> ModuleType:
        chip = self

        class Pin:
            IN, OUT, OPEN_DRAIN = 1, 3, 7
            PULL_DOWN, PULL_UP = 1, 2
            IRQ_RISING, IRQ_FALLING = 1, 2

            def __init__(self, id: object, *given: Any, **named: Any) -> None:
                if isinstance(id, Pin):
                    id = id.number
                if not isinstance(id, int) or isinstance(id, bool) or not 0 <= id < 40:
                    raise ValueError("invalid pin")
                if id in MISSING:
                    raise ValueError("invalid pin")
                if id in FLASH:
                    raise ValueError(f"pin {id} belongs to the flash: the chip would hang")
                self.number = id
                if given or named:
                    self.init(*given, **named)

            def init(self, mode=None, pull=-1, *, value=None, drive=None, hold=None) -> None:
                if mode == self.OUT:
                    if self.number in INPUT_ONLY:
                        raise ValueError("pin can only be input")
                    chip.connected(self.number, "out")
                    chip.modes[self.number] = "out"
                    self._drive(value or 0)
                elif mode == self.IN:
                    chip.connected(self.number, "in")
                    chip.modes[self.number] = "in"
                    if value is not None:
                        raise ValueError(f"pin {self.number}: a value for an input")
                elif mode is not None:
                    raise ValueError(f"mode: {mode} is not IN or OUT")
                if pull not in (-1, None, self.PULL_DOWN, self.PULL_UP):
                    raise ValueError("invalid pull")
                if pull not in (-1, None) and self.number in INPUT_ONLY:
                    raise ValueError(f"pin {self.number} has no pull resistors")
                if drive is not None or hold is not None:
                    raise ValueError("drive and hold are not used here")

            def __call__(self, *value: object) -> int | None:
                return self.value(*value)

            def value(self, *value: object) -> int | None:
                if not value:
                    return chip.levels.get(self.number, 0)
                if len(value) != 1:
                    raise TypeError("function expected at most 2 arguments")
                if chip.modes.get(self.number) != "out":
                    raise ValueError(f"pin {self.number} is not an output")
                return self._drive(value[0])

            def _drive(self, value: object) -> None:
                level = 1 if value else 0
                if chip.levels.get(self.number) != level:
                    chip.edges.append((chip.now_us, self.number, level))
                chip.levels[self.number] = level

            def on(self) -> None:
                self.value(1)

            def off(self) -> None:
                self.value(0)

            def irq(self, handler=None, trigger=3, wake=None) -> None:  # no `hard` here
                chip.connected(self.number, "in")

        def pin_of(pin: object) -> int:
            return pin.number if isinstance(pin, Pin) else Pin(pin).number

        class PWM:
            def __init__(self, pin: object, freq=-1, *, duty=-1, duty_u16=-1, duty_ns=-1) -> None:
                number = pin_of(pin)
                if number in INPUT_ONLY:
                    raise ValueError(f"PWM not supported on Pin({number})")
                chip.connected(number, "pwm")
                if [duty, duty_u16, duty_ns].count(-1) < 2:
                    raise ValueError("only one of parameters 'duty', 'duty_u16' or 'duty_ns'")
                if not isinstance(freq, int):
                    raise TypeError("can't convert float to int")
                if not 0 < freq <= 40_000_000:
                    raise ValueError("frequency must be from 1Hz to 40MHz")
                chip.duty = 32_768  # until told otherwise
                if duty_u16 != -1:
                    self.duty_u16(duty_u16)

            def duty_u16(self, *value: object) -> int | None:
                if not value:
                    return chip.duty
                if not isinstance(value[0], int):
                    raise TypeError("can't convert float to int")
                if not 0 <= value[0] <= 65_535:
                    raise ValueError("duty_u16 must be from 0 to 65535")
                chip.duty = value[0]
                return None

        class ADC:
            ATTN_0DB, ATTN_2_5DB, ATTN_6DB, ATTN_11DB = 0, 1, 2, 3

            def __init__(self, pin: object, *, atten: int = 0) -> None:
                self.number = pin_of(pin)
                if self.number in ADC2:
                    raise ValueError(f"pin {self.number}: ADC2 is the radio's")
                if self.number not in ADC1:
                    raise ValueError("invalid pin")
                chip.connected(self.number, "adc")
                if atten not in range(4):
                    raise ValueError("invalid atten")
                self._most_uv = (950_000, 1_250_000, 1_750_000, FULL_UV)[atten]

            def read_uv(self) -> int:
                uv = round(1_000_000 * chip.volts(self.number, chip.now_us))
                chip.now_us += READ_US
                return max(LEAST_UV, min(self._most_uv, uv)) // 1000 * 1000

            def read_u16(self) -> int:
                return min(65_535, self.read_uv() * 65_535 // self._most_uv)

        class Timer:
            ONE_SHOT, PERIODIC = 0, 1

            def __init__(self, id: int, *given: object, **named: Any) -> None:
                if given:
                    raise TypeError("extra positional arguments given")
                if not 0 <= id < 4:  # there is no Timer(-1) on this chip
                    raise ValueError("invalid Timer number")
                if id == 0:
                    raise ValueError("timer 0 is the UART's own")
                if named:
                    self.init(**named)

            def init(self, *, mode=1, callback=None, period=-1, tick_hz=1000, freq=None) -> None:
                if freq is not None or tick_hz != 1000 or period < 1:
                    raise ValueError("period: ms, please")
                if mode != self.PERIODIC:
                    raise ValueError("mode: periodic, please")
                self.period_ms, self.callback = period, callback
                chip.timer = self

            def deinit(self) -> None:
                chip.timer = None

        class UART:
            def __init__(
                self, id: int, baudrate=0, bits=0, parity=None, stop=0, *, tx=None, rx=None,
                rts=None, cts=None, txbuf=-1, rxbuf=-1, timeout=-1, timeout_char=-1,
                invert=-1, flow=-1,
            ) -> None:  # fmt: skip
                if not 0 <= id <= 2:
                    raise ValueError(f"UART({id}) does not exist")
                if id == 0:
                    raise ValueError("UART buffer size is fixed: it is the console's")
                chip.connected(pin_of(tx), "uart tx")
                chip.connected(pin_of(rx), "uart rx")
                if bits not in (0, 5, 6, 7, 8):
                    raise ValueError("invalid data bits")
                if stop not in (0, 1, 2):
                    raise ValueError("invalid stop bits")
                if parity is not None and not isinstance(parity, int):
                    raise TypeError("can't convert str to int")
                self.line = SimpleNamespace(id=id, baud=baudrate, parity=parity, stop=stop)

        class SPI:
            def __init__(
                self, id: int, baudrate=-1, *, polarity=-1, phase=-1, bits=-1, firstbit=-1,
                sck=None, mosi=None, miso=None,
            ) -> None:  # fmt: skip
                if id not in (1, 2):
                    raise ValueError(f"SPI({id}) doesn't exist")
                for name, pin in (("sck", sck), ("mosi", mosi), ("miso", miso)):
                    chip.connected(pin_of(pin), name)
                self.mode = polarity, phase
                self.baud = baudrate
                self.frames: list[bytes] = []

            def write_readinto(self, tx: bytes, rx: bytearray) -> None:
                if len(tx) != len(rx):
                    raise ValueError("buffers must be the same length")
                self.frames.append(bytes(tx))

        class WDT:
            def __init__(self, id: int = 0, timeout: int = 5000) -> None:
                if id != 0:
                    raise ValueError
                if not isinstance(timeout, int):
                    raise TypeError("can't convert float to int")
                if timeout <= 0:
                    raise ValueError("WDT timeout too short")

            def feed(self) -> None:
                chip.fed += 1

        class RTC:
            def datetime(self, *value: object) -> tuple[int, ...]:
                if value:
                    raise ValueError("nobody sets the clock here")
                return chip.date

            def memory(self, *data: bytes) -> bytes | None:
                if not data:
                    return chip.memory
                if len(data[0]) > 2048:
                    raise ValueError("buffer too long")
                chip.memory = bytes(data[0])
                return None

        module = ModuleType("machine")
        classes = (Pin, PWM, ADC, Timer, UART, SPI, WDT, RTC)
        vars(module).update({kind.__name__: kind for kind in classes})
        causes = {"PWRON_RESET": 1, "HARD_RESET": 2, "WDT_RESET": 3, "SOFT_RESET": 5}
        vars(module).update(causes, reset_cause=lambda: chip.cause)
        return module


class Partition:
    """Flash: writing clears bits, erasing sets a sector's, as esp32.Partition in three-argument
    form."""

    TYPE_APP, TYPE_DATA = 0, 1
    there: ClassVar[dict[str, Partition]] = {}

    def __init__(self, label: str, size: int) -> None:
        self.label, self.bytes = label, bytearray(b"\xff" * size)
        self.erased = 0

    @classmethod
    def find(cls, type: int = 1, subtype: int = 255, label: str | None = None) -> list[Partition]:
        return [p for p in cls.there.values() if label in (None, p.label)]

    def info(self) -> tuple[int, int, int, int, str, bool]:
        return (1, 64, 0x3D0000, len(self.bytes), self.label, False)

    def readblocks(self, block: int, data: bytearray, offset: int = 0) -> None:
        at = block * 4096 + offset
        data[:] = self.bytes[at : at + len(data)]

    def writeblocks(self, block: int, data: bytes, *offset: int) -> None:
        if len(offset) != 1:
            raise ValueError("two arguments erase first")
        at = block * 4096 + offset[0]
        for i, byte in enumerate(data):
            self.bytes[at + i] &= byte

    def ioctl(self, what: int, block: int) -> int:
        if what != 6:
            raise ValueError(what)
        self.erased += 1
        self.bytes[block * 4096 : (block + 1) * 4096] = b"\xff" * 4096
        return 0
