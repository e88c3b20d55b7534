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
from machine import (
    ADC,
    PWM,
    RTC,
    SOFT_RESET,
    SPI,
    UART,
    WDT,
    WDT_RESET,
    Pin,
    Timer,
    reset_cause,
)

from firmware import image as im
from firmware.base.viper import const
from firmware.chips import esp32_flash
from firmware.chips.circuit import Circuit, Rights
from firmware.chips.wall import wall_minute

_PARITY = {"N": None, "E": 0, "O": 1}
_PULL = (None, Pin.PULL_UP, Pin.PULL_DOWN)

_TIMER = const(1)  # number 0 is the UART's own
_BLOCK_MS = const(10)
_UV_PER_CODE = const(806)  # codes of 3.3 V in 4096, whatever the converter's own curve
_FULL_UV = const(3_000_000)  # the converter reads 3.1 V and more as the same
_RAIL = const(4095)
_SEAL = b"ISLS"  # mark in the RTC's memory, which a reset leaves alone
_KEPT = const(8)


class Board:
    """`console` is where firmware/net/console.py answers.

    meters: (SPI, select pin, row) of each metering chip."""

    fast_blocks = False  # nothing is looked at between two ticks of the guard
    has_crossing = False
    sees_grid = im.SEES_NOTHING

    def __init__(self):
        circuit = Circuit(islet_data.CIRCUITS[islet_data.CIRCUIT])
        if circuit.uart_de >= 0:
            raise ValueError("uart.de: no direction pin on ESP32, the transceiver turns by itself")
        self.circuit = circuit
        self.name = circuit.name
        self.analog = circuit.analog
        self.sample_rate_hz = circuit.rate_hz
        self.rights = Rights(circuit, True)
        self.storage = esp32_flash.find()  # None: refused, a file system erases as it writes
        self.http_port = 80
        self.console = sys.stdin.buffer
        self._inputs = [
            (bits, Pin(pin, Pin.IN, _PULL[pull])) for bits, pin, pull, _ in circuit.inputs
        ]
        # off, as the pull-downs hold them
        self._outputs = [(bit, Pin(pin, Pin.OUT, value=0)) for bit, pin, _ in circuit.outputs]
        self._level = 0
        dead_man = circuit.dead_man_pin
        if circuit.lamp_pin >= 0:
            self.lamp = Pin(circuit.lamp_pin, Pin.OUT, value=0)
        if circuit.button_pin >= 0:
            button = Pin(circuit.button_pin, Pin.IN, _PULL[circuit.button_pull])
            rest = 1 if circuit.button_pull == 1 else 0
            self.button = lambda: button() != rest
        self._dead_man = Pin(dead_man, Pin.OUT, value=0) if dead_man >= 0 else None
        self._alive = 0
        self._duty_permille = 1000  # steady +12 V: nothing offered
        self._pwm = PWM(Pin(circuit.pilot_pin), freq=circuit.pilot_hz, duty_u16=65535)
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
        self.meters = self._metering_chips()
        self._rtc = RTC()
        self._kept = bytearray(_KEPT)
        self._watchdog = None

    def _metering_chips(self):
        circuit = self.circuit
        if circuit.spi is None:
            return []
        number, sck, mosi, miso, baud = circuit.spi
        selects = [Pin(row.cs, Pin.OUT, value=1) for row in circuit.meters]
        spi = SPI(number, baud, polarity=1, phase=1, sck=Pin(sck), mosi=Pin(mosi), miso=Pin(miso))
        return [(spi, cs, row) for cs, row in zip(selects, circuit.meters)]

    # --- power: the guard alone calls this -------------------------------------------------

    def write_outputs(self, bits):
        """Set the output pins (OUT_*); called by the guard alone, allocates nothing."""
        changed = bits ^ self._level
        if not changed:
            return
        self._level = bits
        for output in self._outputs:
            if changed & output[0]:
                output[1](1 if bits & output[0] else 0)

    # --- signals ---------------------------------------------------------------------------

    def read_inputs(self):
        """Contacts and protective inputs now (IN_*)."""
        bits = 0
        for entry in self._inputs:
            if entry[1]():
                bits |= entry[0]
        return bits

    def sample_inputs(self, image):
        """Inputs into the live readings, fresh."""
        live = image.live
        live[im.INPUTS] = self.read_inputs()
        live[im.INPUTS_AGE_MS] = 0

    def crossing_mhz(self):
        return 0

    def watch_trips(self, strike):
        """Trip inputs are looked at in each tick: a pin's interrupt would be no sooner here."""

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

    def pilot(self, duty_permille):
        """Duty of the control pilot: 0 steady -12 V, 1000 steady +12 V."""
        if duty_permille != self._duty_permille:
            self._duty_permille = duty_permille
            self._pwm.duty_u16(duty_permille * 65535 // 1000)

    def uart(self, baud, parity="N", stop=1):
        """The RS-485 line as a stream for asyncio; parity N, E or O."""
        if parity not in _PARITY:
            raise ValueError("parity: {!r} is not one of N, E, O".format(parity))
        circuit = self.circuit
        return UART(
            circuit.uart,
            baudrate=baud,
            bits=8,
            parity=_PARITY[parity],
            stop=stop,
            tx=Pin(circuit.uart_tx),
            rx=Pin(circuit.uart_rx),
            txbuf=512,
            rxbuf=512,
        )

    # --- time ------------------------------------------------------------------------------

    def ticks_ms(self):
        return time.ticks_ms()

    def wall_minute(self):
        """Minutes since 2020-01-01 UTC, -1 while the clock is not set: it starts in 2000."""
        return wall_minute(self._rtc.datetime())

    def start_watchdog(self, timeout_ms):
        self._watchdog = WDT(timeout=timeout_ms)

    def feed_watchdog(self):
        if self._watchdog is not None:
            self._watchdog.feed()

    def reset_cause(self):
        """ "reset" by the watchdog or the program, else "power"."""
        return "reset" if reset_cause() in (WDT_RESET, SOFT_RESET) else "power"

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

    # --- what people and tools see ---------------------------------------------------------

    def read_config(self):
        """The site's configuration as text, "" when there is none."""
        try:
            with open("/site.json") as file:
                return file.read()
        except OSError:
            return ""

    def record(self, image, dt_ms=100):
        """No debugger reads along here."""

    def log(self, text):
        print(text)

    def stop(self):
        """Nothing samples any more."""
        if self._timer is not None:
            self._timer.deinit()
            self._timer = None
