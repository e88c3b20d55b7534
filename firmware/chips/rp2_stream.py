# islet: continuous sampling on the RP2040: converter, two DMA channels, an interrupt a block.
# GPL-3.0-or-later
#
# The converter goes round its inputs by itself. One DMA channel fills a block; a second one then
# gives it the address of the next, out of a table that it reads in a ring. So the samples keep
# their order however late the interpreter is, and no sample costs it anything. The first channel
# interrupts after each block; half a ring is the 10 ms that sense and guard get.
#
# RP2040 data sheet 2.5 (DMA) and 4.9 (ADC). MicroPython 1.25 stops a channel neither in
# DMA.close() nor at a soft reset, and it would write on into what had become someone else's
# memory: app.main() calls Board.stop() before it lets go.
#
# (viper's ptr32(address) is no call of a type)
# pyright: reportCallIssue=false, reportAttributeAccessIssue=false

from array import array

import micropython
import rp2
from machine import ADC, Pin
from uctypes import addressof

_ADC_MHZ = 48
_LEAST_CYCLES = 96  # of the converter's clock for one conversion
_DREQ_ADC = 36
_FIFO = 0x4004C00C
_DMA = 0x50000000
_WRITE_AND_START = 0x2C  # of a channel: AL2_WRITE_ADDR_TRIG


@micropython.viper
def _start(inputs: int, first: int, divider: int):
    """Convert round the inputs, a DMA request for each result."""
    adc = ptr32(0x4004C000)  # CS, RESULT, FCS, FIFO, DIV
    adc[0] = 1  # on, standing still
    adc[2] = 0x0C01  # FIFO on; over- and underrun cleared
    waste = 0
    while adc[2] & 0xF0000:  # a sample left over would shift the order of all
        waste += adc[3]
    adc[4] = divider
    adc[2] = 0x01000C09
    adc[0] = 9 | (first << 12) | (inputs << 16)


@micropython.viper
def _stop(data: int, reader: int):
    """No sample, and neither channel runs or interrupts."""
    adc = ptr32(0x4004C000)
    adc[0] = 1
    adc[2] = 0
    dma = ptr32(0x50000000)
    ours = (1 << data) | (1 << reader)
    enabled = dma[0x101]  # INTE0
    dma[0x101] = enabled & (ours ^ 0xFFFF)
    dma[data * 16 + 4] = 0  # CTRL: off first, for an aborted channel could start the other
    dma[reader * 16 + 4] = 0
    dma[0x111] = ours  # CHAN_ABORT
    while (dma[data * 16 + 4] | dma[reader * 16 + 4]) & 0x1000000:  # BUSY
        pass
    dma[0x100] = ours  # INTR: an abort may raise it (RP2040-E13)
    dma[0x101] = enabled


@micropython.viper
def _claim(state) -> int:
    """The next block that is full, -1 when there is none. The table's reader has gone on to the
    block after the one that is being filled."""
    memory = ptr32(state)
    dma = ptr32(0x50000000)
    entries = memory[2]
    filling = (((dma[memory[0] * 16] - memory[1]) >> 2) - 1) & (entries - 1)
    block = memory[4]
    if block == filling:
        return -1
    memory[4] = (block + 1) & (entries - 1)
    return block


@micropython.viper
def _elapsed_us(state) -> int:
    """Since the last call, by the timer that a late interpreter does not stop."""
    memory = ptr32(state)
    timer = ptr32(0x40054000)
    now = timer[10]  # TIMERAWL
    gone = now - memory[3]
    memory[3] = now
    return gone & 0x3FFFFFFF


@micropython.viper
def _overrun() -> int:
    """The converter had nowhere to put a sample: from there on the order is wrong."""
    adc = ptr32(0x4004C000)
    return adc[2] & 0xC00


class Stream:
    """`blocks` blocks of `block_frames` frames are what `start` hands over together.

    inputs, pins: the converter's input numbers and their pins, in order of sampling, which is the
    order of the inputs: it goes round upwards."""

    def __init__(self, inputs, pins, frame_ns, block_frames, blocks):
        self.overruns = 0
        self._frames = block_frames * blocks
        self._size = block_frames * len(inputs)
        self._ring = 2 * blocks
        self._blocks = blocks
        if self._ring & (self._ring - 1):
            raise ValueError("sampling.blocks: {} is not a power of two".format(blocks))
        self._first = inputs[0]
        self._inputs = 0
        for i in range(len(inputs)):
            if self._inputs >> inputs[i]:
                raise ValueError("channels: adc {} is out of order".format(inputs[i]))
            self._inputs |= 1 << inputs[i]
            ADC(Pin(pins[i]))  # pad as analogue input, converter on
        cycles256 = frame_ns * _ADC_MHZ * 256 // 1000 // len(inputs)
        if cycles256 < _LEAST_CYCLES * 256:
            raise ValueError("sampling.frame_us: too short for {} inputs".format(len(inputs)))
        self._divider = cycles256 - 256
        self._codes = array("H", [0] * (self._ring * self._size))
        codes = memoryview(self._codes)
        half = self._blocks * self._size
        self._halves = (codes[:half], codes[half:])
        self._table = self._addresses()
        self._dma: tuple = ()
        self._half, self._last = blocks - 1, 2 * blocks - 1
        self._rest_us = 0
        # reader's channel, table's address, entries, time, block that comes next, data channel
        self._state = array("i", [-1] * 6)
        self._on_block = self._on_half = None

    def _addresses(self):
        """Where the blocks begin, in a table aligned to its own length, as a DMA ring wants it."""
        ring = self._ring
        table = array("I", [0] * (2 * ring))
        skip = -addressof(table) // 4 % ring
        table = memoryview(table)[skip : skip + ring]
        for i in range(ring):
            table[i] = addressof(self._codes) + 2 * i * self._size
        return table

    def start(self, on_half, on_block):
        """Call on_block(codes, index of the block's first code) after each block, and after
        `blocks` of them on_half(codes, frames, ms since the last call), in a hard interrupt."""
        self._on_block, self._on_half = on_block, on_half
        self._dma = data, reader = rp2.DMA(), rp2.DMA()
        self._to_ring = data.pack_ctrl(
            size=1,
            inc_read=False,
            treq_sel=_DREQ_ADC,
            chain_to=reader.channel,
            irq_quiet=False,
        )
        bits = 2
        while 1 << bits < 4 * self._ring:
            bits += 1
        self._to_data = reader.pack_ctrl(inc_write=False, ring_sel=False, ring_size=bits)
        self._where = _DMA + 64 * data.channel + _WRITE_AND_START
        state = self._state
        state[0], state[1], state[2] = reader.channel, addressof(self._table), self._ring
        state[5] = data.channel
        data.irq(self._finished, hard=True)
        _elapsed_us(state)
        self._begin()

    def _begin(self):
        data, reader = self._dma
        self._state[4] = 0
        data.config(read=_FIFO, write=self._codes, count=self._size, ctrl=self._to_ring)
        reader.config(read=self._table, write=self._where, count=1, ctrl=self._to_data)
        reader.active(1)  # which starts the first block
        _start(self._inputs, self._first, self._divider)

    def _finished(self, _):
        """The interrupt. Usually one block is there, more when something held interrupts up."""
        block = _claim(self._state)
        while block >= 0:
            self._on_block(self._codes, block * self._size)
            if block == self._half:
                self._hand_over(self._halves[0])
            elif block == self._last:
                self._hand_over(self._halves[1])
            block = _claim(self._state)

    def _hand_over(self, codes):
        if _overrun():
            self.overruns += 1
            _stop(self._state[5], self._state[0])
            self._begin()
            return
        gone_us = self._rest_us + _elapsed_us(self._state)
        ms = gone_us // 1000
        self._rest_us = gone_us - 1000 * ms
        self._on_half(codes, self._frames, ms)

    def stop(self):
        """Nothing is written into the ring any more."""
        state = self._state
        if state[5] >= 0:
            _stop(state[5], state[0])
            state[5] = -1
            for channel in self._dma:
                channel.close()
            self._dma = ()
