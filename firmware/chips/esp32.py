# islet: the ESP32 as a board, and what it cannot do in MicroPython.
# GPL-3.0-or-later
#
# - No converter by DMA: pilot and proximity are read one by one, in a burst of `frames` frames
#   every 10 ms, which span several periods of the pilot's PWM at ever different phases. At least
#   two of them meet a plateau of 100 us: duties from 10 to 90 %, offers up to 65 A.
# - No hard interrupts: the burst and the guard run in a soft timer, between two bytecodes, behind
#   a garbage collection and behind whatever the chip's own system does. So a contactor is refused
#   without a declared guard in hardware, and islanding altogether.
# - Currents and voltages come from metering chips alone; there is no fast path for them.
# - No direction pin for RS-485: a task lowers it milliseconds late, into the answer. The
#   transceiver has to turn by itself.
# - The pilot's PWM has no full duty: steady +12 V has a gap of 15 ns each millisecond, which the
#   pilot's driver (some us) does not follow. It starts at half duty for one period.

import sys
import time
from array import array

import islet_data
from machine import ADC, SOFT_RESET, WDT_RESET, Pin, Timer

from firmware.base.viper import const
from firmware.chips import esp32_flash
from firmware.chips.plain import Plain

_TIMER = const(1)  # number 0 is the UART's own
_BLOCK_MS = const(10)
_UV_PER_CODE = const(806)  # codes of 3.3 V in 4096, whatever the converter's own curve
_FULL_UV = const(3_000_000)  # the converter reads 3.1 V and more as the same
_RAIL = const(4095)
_SEAL = b"ISLS"  # mark in the RTC's memory, which a reset leaves alone
_KEPT = const(8)


class Board(Plain):
    resets = (WDT_RESET, SOFT_RESET)

    def __init__(self):
        super().__init__(islet_data.CIRCUIT, True)
        circuit = self.circuit
        for i in range(len(circuit.lines)):
            if circuit.lines[i][3] >= 0:
                text = "lines.{}.de: no direction pin on ESP32, the transceiver turns by itself"
                raise ValueError(text.format(i))
        self.storage = esp32_flash.find()  # None: refused, a file system erases as it writes
        self.console = sys.stdin.buffer
        self.wire()
        dead_man = circuit.dead_man_pin
        self._dead_man = Pin(dead_man, Pin.OUT, value=0) if dead_man >= 0 else None
        self._alive = 0
        # (the type stubs are those of the RP2040, which knows neither atten nor read_uv)
        self._converters = [
            ADC(Pin(pin), atten=ADC.ATTN_11DB)  # pyright: ignore
            for pin in circuit.adc_pins
        ]
        self._codes = array("H", [0] * (circuit.frames * self.analog.count))
        self._on_half = None
        self._timer = None
        self.late_ms = 0  # the longest the guard has waited beyond its 10 ms
        self._ticked_ms = 0
        self._kept = bytearray(_KEPT)

    def start_sampling(self, on_half, on_block=None):
        """Call on_half(samples, frames, ms since the last) every 10 ms, from the soft timer."""
        self._on_half = on_half
        self._ticked_ms = time.ticks_ms()
        self._timer = Timer(_TIMER)
        self._timer.init(mode=Timer.PERIODIC, period=_BLOCK_MS, callback=self._tick)

    def _tick(self, _timer):
        now_ms = time.ticks_ms()
        gone_ms = time.ticks_diff(now_ms, self._ticked_ms)
        self._ticked_ms = now_ms
        if gone_ms - _BLOCK_MS > self.late_ms:
            self.late_ms = gone_ms - _BLOCK_MS
        self._burst()
        self._on_half(self._codes, self.analog.frames, gone_ms)
        if self._dead_man is not None:
            # The guard has just ticked: an edge for the monostable, which drops contactor and
            # enable without. An error in there is printed, and no edge comes.
            self._alive ^= 1
            self._dead_man(self._alive)

    def _burst(self):
        """All frames of a block, evenly spaced unless a reading takes longer than a frame."""
        codes, converters = self._codes, self._converters
        frame_us = self.analog.frame_us
        at = 0
        due = time.ticks_us()
        for _ in range(self.analog.frames):
            while time.ticks_diff(due, time.ticks_us()) > 0:
                pass
            due = time.ticks_add(due, frame_us)
            for converter in converters:
                uv = converter.read_uv()  # pyright: ignore
                codes[at] = _RAIL if uv >= _FULL_UV else uv // _UV_PER_CODE
                at += 1

    def seal(self, bits):
        """16 bits that a reset leaves alone and a power cut clears."""
        self._kept[:] = _SEAL + bits.to_bytes(4, "little")
        self._rtc.memory(self._kept)  # pyright: ignore

    def sealed(self):
        """What seal() left, -1 when nothing is there."""
        kept = self._rtc.memory()  # pyright: ignore
        if len(kept) != _KEPT or kept[: len(_SEAL)] != _SEAL:
            return -1
        return int.from_bytes(kept[len(_SEAL) :], "little")

    def stop(self):
        """Nothing samples any more."""
        if self._timer is not None:
            self._timer.deinit()
            self._timer = None
