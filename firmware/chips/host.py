# islet: the board in the simulated house: a chip whose pins and converter a twin drives.
# GPL-3.0-or-later
#
# Written against `machine` and `adcstream` as for a chip. Only what a real board has no use for
# (the trace, the log, where the site's files lie on a PC) goes past them.

import os
import time

import adcstream  # pyright: ignore[reportMissingImports]
import hostlink  # pyright: ignore[reportMissingImports]
import islet_data
from machine import PWM, RTC, UART, WDT, WDT_RESET, Pin, mem32, reset_cause

from firmware import image as im
from firmware.chips.circuit import Circuit, Rights
from firmware.chips.wall import wall_minute

_PARITY = {"N": None, "E": 0, "O": 1}
_SCRATCH0 = 0x4005800C  # of the watchdog, as on the RP2040
_PULL = (None, Pin.PULL_UP, Pin.PULL_DOWN)


class Board:
    fast_blocks = late_blocks = True  # the twin's time is dear: parts of a block only when asked
    crossings = dead_man = None

    def __init__(self):
        circuit = Circuit(islet_data.CIRCUITS["host"])
        self._circuit = circuit
        self.name = circuit.name
        self.analog = circuit.analog
        self.sample_rate_hz = circuit.rate_hz
        self.rights = Rights(circuit, True)
        self.storage = os.getenv("ISLET_STORAGE") or "."
        self.http_port = int(os.getenv("ISLET_HTTP_PORT") or 0)
        self._inputs = [
            (bits, Pin(pin, Pin.IN, _PULL[pull])) for bits, pin, pull, _ in circuit.inputs
        ]
        # Off, as the pull-downs hold them. One that holds its state stays undriven until it is
        # first permitted: a reset must not open the islanding switch (INV-12).
        self._outputs = [
            [bit, Pin(pin) if hold else Pin(pin, Pin.OUT, value=0), hold]
            for bit, pin, hold in circuit.outputs
        ]
        self._level = 0
        self._held = 0
        for bit, _, hold in circuit.outputs:
            self._held |= bit if hold else 0
        self._duty_permille = 1000  # steady +12 V: nothing offered
        self._pwm = PWM(Pin(circuit.pilot_pin), freq=circuit.pilot_hz, duty_u16=65535)
        self._rtc = RTC()
        self._watchdog = None

    # --- power: the guard alone calls this -------------------------------------------------

    def write_outputs(self, bits):
        """Set the output pins (OUT_*); called by the guard alone, allocates nothing."""
        changed = bits ^ self._level
        if not changed:
            return
        self._level = bits
        for output in self._outputs:
            bit = output[0]
            if not changed & bit:
                continue
            if self._held & bit:
                self._held &= ~bit
                output[1].init(Pin.OUT, value=1)
            else:
                output[1].value(1 if bits & bit else 0)

    # --- signals ---------------------------------------------------------------------------

    def read_inputs(self):
        """Contacts and protective inputs now (IN_*)."""
        bits = 0
        for entry in self._inputs:
            if entry[1].value():
                bits |= entry[0]
        return bits

    def sample_inputs(self, image):
        """Inputs into the live readings, fresh."""
        live = image.live
        live[im.INPUTS] = self.read_inputs()
        live[im.INPUTS_AGE_MS] = 0

    def start_sampling(self, on_block, on_part):
        """Call on_block(samples, frames) every 10 ms from the sampling interrupt, and before it
        on_part(samples, index of its first code) for each quarter; the next as soon as it is
        there while that returns True."""
        channels = list(range(self.analog.count))
        frames = self._circuit.frames
        adcstream.start(channels, self.sample_rate_hz, frames, on_block, on_part)

    def watch_trips(self, strike):
        """No input trips by a pin interrupt: the tick sees it 10 ms later at most."""

    def pilot(self, duty_permille):
        """Duty of the control pilot: 0 steady -12 V, 1000 steady +12 V."""
        if duty_permille != self._duty_permille:
            self._duty_permille = duty_permille
            self._pwm.duty_u16(duty_permille * 65535 // 1000)

    def uart(self, baud, parity="N", stop=1):
        """The RS-485 line as a stream for asyncio; parity N, E or O."""
        if parity not in _PARITY:
            raise ValueError("parity: {!r} is not one of N, E, O".format(parity))
        circuit = self._circuit
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
        """Minutes since 2020-01-01 UTC, -1 while the clock is not set."""
        return wall_minute(self._rtc.datetime())

    def start_watchdog(self, timeout_ms):
        self._watchdog = WDT(timeout=timeout_ms)

    def feed_watchdog(self):
        if self._watchdog is not None:
            self._watchdog.feed()

    def reset_cause(self):
        """ "reset" by the watchdog or the program, else "power"."""
        return "reset" if reset_cause() == WDT_RESET else "power"

    def seal(self, bits):
        """16 bits that a reset leaves alone and a power cut clears."""
        mem32[_SCRATCH0] = bits | (bits ^ 0xFFFF) << 16

    def sealed(self):
        """What seal() left, -1 when nothing is there."""
        word = mem32[_SCRATCH0]
        return word & 0xFFFF if (word ^ word >> 16) & 0xFFFF == 0xFFFF else -1

    # --- what a PC has besides ---------------------------------------------------------------

    def read_config(self):
        """The site's configuration as text, "" when there is none."""
        path = os.getenv("ISLET_SITE")
        if not path:
            return ""
        with open(path) as file:
            return file.read()

    def record(self, image, dt_ms=100):
        """Hand the image of the step just taken to the recorder; nothing on a real board."""
        hostlink.record(image, dt_ms)

    def log(self, text):
        hostlink.log(text)
