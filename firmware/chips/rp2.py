# islet: the RP2040 as a board.
# GPL-3.0-or-later
#
# Sampling, RS-485 and the dead-man have files of their own (rp2_*.py). Here are the pins, the zero
# crossings and the seal over a reset. What the guard's interrupt calls allocates nothing: the
# registers are reached from viper, where their addresses are no boxed integers.
#
# Interrupts: everything of MicroPython and the SDK has one priority; the pins' is raised above it,
# so that an emergency stop or a crossing cuts into the sampling's interrupt instead of waiting for
# its end. What a pin's handler does is safe at any instruction of the guard (Guard.strike).
#
# (viper's ptr32(address) is no call of a type)
# pyright: reportCallIssue=false

import sys
from array import array

import islet_data
import micropython
import rp2
from machine import Pin, disable_irq, enable_irq
from uctypes import addressof

from firmware import image as im
from firmware.base.viper import const
from firmware.chips.circuit import MODULES_OWN
from firmware.chips.common import PULL, Common
from firmware.chips.rp2_crossing import Crossings
from firmware.chips.rp2_deadman import DeadMan
from firmware.chips.rp2_flash import RecordFlash
from firmware.chips.rp2_serial import Rs485
from firmware.chips.rp2_stream import Stream

try:
    import socket  # a Pico without radio or Ethernet has none

    NETWORK = socket is not None
except ImportError:
    NETWORK = False

_SECTIONS = const(4)  # where the beacon's addresses begin


@micropython.viper
def _write(masks, bits: int):
    """masks: for each combination of outputs the pins that are on; then all, then the held."""
    m = ptr32(masks)
    on = m[bits & 31]
    sio = ptr32(0xD0000000)
    sio[6] = m[32] & (on ^ -1)  # GPIO_OUT_CLR: break before make
    sio[5] = on  # GPIO_OUT_SET
    sio[9] = m[33] & on  # GPIO_OE_SET: one that holds its state is driven once it is permitted


@micropython.viper
def _read(table) -> int:
    """table: how many, then of each a pin's mask and the IN_* that it means."""
    t = ptr32(table)
    level = ptr32(0xD0000000)[1]  # GPIO_IN
    end = t[0] * 2
    bits = 0
    i = 1
    while i < end:
        if level & t[i]:
            bits |= t[i + 1]
        i += 2
    return bits


@micropython.viper
def _pins_first():
    """IO_IRQ_BANK0 above all other interrupts: byte 1 of NVIC_IPR3."""
    priority = ptr32(0xE000E400)
    priority[3] = (priority[3] & (0xFF00 ^ -1)) | 0x4000


@micropython.viper
def _scratch(value: int) -> int:
    """Watchdog SCRATCH0 (4 to 7 are the boot ROM's): write it, unless negative; what it says, -1
    when that is nothing: after a power cut. The upper half is the complement of the lower."""
    register = ptr32(0x40058000)
    if value >= 0:
        register[3] = value | ((value ^ 0xFFFF) << 16)
    word = register[3]
    if ((word ^ (word >> 16)) & 0xFFFF) != 0xFFFF:
        return -1
    return word & 0xFFFF


@micropython.viper
def _failed(count: int) -> int:
    """Watchdog SCRATCH1, where tools/image/boards/irq.c counts: write it, unless negative."""
    register = ptr32(0x40058000)
    if count >= 0:
        register[4] = count
    return register[4] & 0x3FFFFFFF


class Board(Common):
    fast_blocks = True
    clock_set = 2024  # the RTC starts in 2021

    def __init__(self):
        super().__init__(islet_data.CIRCUIT, NETWORK)
        circuit, analog = self.circuit, self.analog
        self.storage = RecordFlash()
        self.console = sys.stdin.buffer
        # long-lived buffers first, while the heap is whole
        self._stream = Stream(
            circuit.adc, circuit.adc_pins, analog.frame_ns, circuit.block_frames, circuit.blocks
        )
        self._beacon = array("I", [0] * (_SECTIONS + 10))
        self._outputs = self._output_masks(circuit.outputs)
        self._inputs = self._input_table(circuit.inputs)
        if circuit.dead_man_pin >= 0:
            self.dead_man = DeadMan(circuit.dead_man_pin, circuit.dead_man_ms)
        if circuit.crossing_pin >= 0:
            self.crossings = Crossings(circuit.crossing_pin)
            self.sees_grid = im.SEES_CROSSINGS
        self.hold, self.resume = disable_irq, enable_irq
        self.wire()
        if circuit.button_pin == MODULES_OWN:
            # Some 10 us without interrupts and flash: read only while nothing is energised.
            self.button = rp2.bootsel_button
        self._serials = []
        self._strike = None
        _failed(0)  # a reset leaves it alone

    def _output_masks(self, rows):
        """Off, as the pull-downs hold them. One that holds its state stays undriven until it is
        first permitted: a reset must not open the islanding switch (INV-12)."""
        masks = array("I", [0] * 34)
        for bit, number, hold in rows:
            if hold:
                Pin(number, Pin.IN)
                masks[33] |= 1 << number
            else:
                Pin(number, Pin.OUT, value=0)
            masks[32] |= 1 << number
            for bits in range(32):
                if bits & bit:
                    masks[bits] |= 1 << number
        return masks

    def _input_table(self, rows):
        table = array("I", [0] * (2 * len(rows) + 1))
        table[0] = len(rows)
        for i in range(len(rows)):
            bits, number, pull, _ = rows[i]
            Pin(number, Pin.IN, PULL[pull])
            table[2 * i + 1], table[2 * i + 2] = 1 << number, bits
        return table

    # --- power: the guard alone calls this -------------------------------------------------

    def write_outputs(self, bits):
        """Set the output pins (OUT_*); called by the guard alone, allocates nothing."""
        _write(self._outputs, bits)

    # --- signals ---------------------------------------------------------------------------

    def read_inputs(self):
        """Contacts and protective inputs now (IN_*)."""
        return _read(self._inputs)

    def sample_inputs(self, image):
        """Inputs and crossings into the live readings, fresh."""
        super().sample_inputs(image)
        if self.crossings is not None:
            image.live[im.CROSSING_AGE_MS] = self.crossings.age_us() // 1000

    def start_sampling(self, on_half, on_block):
        """Call on_half(samples, frames, ms since the last) every 10 ms, and before it, after
        every block, on_block(codes, index of its first), from the sampling interrupt."""
        self._stream.start(on_half, on_block)

    def watch_trips(self, strike):
        """Call strike(IN_*) as soon as an input trips that is latched in hardware."""
        self._strike = strike
        _pins_first()
        for _, number, _, trips in self.circuit.inputs:
            if trips:
                Pin(number).irq(self._tripped, Pin.IRQ_RISING, hard=True)

    def _tripped(self, _pin):
        """In the pin's interrupt. A spike is over by the time it is asked for its level."""
        inputs = _read(self._inputs) & im.PROTECTION_INPUTS
        if inputs:
            self._strike(inputs)

    def failed_handlers(self):
        """Interrupts since start whose handler failed. Each is called again: see irq.c."""
        return _failed(-1)

    def uart(self, line, baud, parity="N", stop=1):
        """As of any chip; where the driver has an enable, it is switched by PIO."""
        _, tx, rx, de = self.circuit.lines[line]
        Pin(rx, Pin.IN, Pin.PULL_UP)  # rests while the transceiver does not listen
        # the UART first, for it takes the tx pin as well
        uart = super().uart(line, baud, parity, stop)
        if de >= 0:
            uart = Rs485(line, uart, tx, de, baud, parity, stop)
            self._serials.append(uart)
        return uart

    # --- what a reset leaves -------------------------------------------------------

    def seal(self, bits):
        """16 bits that a reset leaves alone and a power cut clears. Allocates nothing."""
        _scratch(bits)

    def sealed(self):
        """What seal() left, -1 when nothing is there."""
        return _scratch(-1)

    # --- what people and tools see -----------------------------------------------------------

    def record(self, image, dt_ms=100):
        """For a debugger or the emulator, which read the image where it lies: marks, steps, ms,
        then address and length of each section."""
        beacon = self._beacon
        if not beacon[_SECTIONS]:
            sections = image.site, image.readings, image.requests, image.commands, image.trips
            for i in range(len(sections)):
                beacon[_SECTIONS + 2 * i] = addressof(sections[i])
                beacon[_SECTIONS + 2 * i + 1] = len(sections[i])
            beacon[1] = 0x74627631
            beacon[0] = 0x69736C65
        beacon[3] = dt_ms
        beacon[2] = (beacon[2] + 1) & 0xFFFFFF

    def stop(self):
        """Nothing samples, sends or holds any more: what a soft reset would leave running."""
        self._stream.stop()
        for serial in self._serials:
            serial.stop()
        if self.dead_man is not None:
            self.dead_man.stop()
