# islet: RS-485 on the RP2040: sent by PIO with the driver's enable, received by the UART.
# GPL-3.0-or-later
#
# The UART's own idle interrupt comes five characters early, and a task that looks is late: so a
# state machine sends, and raises DE with the first start bit and drops it after the last stop bit
# by side-set. DMA feeds it, so that no character waits for the interpreter.
#
# A character is one 16-bit word: in its lowest four bits the number of bits before the stop bit
# less one, then start bit, data, parity (or a further stop bit), stop bit, lowest first.
#
# (viper's ptr32(address) is no call of a type)
# pyright: reportCallIssue=false

import io
from array import array

import micropython
import rp2
from machine import Pin

from firmware.base.viper import const
from firmware.chips.common import PARITY
from firmware.chips.rp2_pio import SEND_CYCLES, SET_X_0, send

_LONGEST = const(264)  # characters: a Modbus frame has 256
_TXF = 0x50200010  # PIO 0, TXF0
_POLL, _READABLE, _WRITABLE = const(3), const(1), const(4)


@micropython.viper
def _encode(source, count: int, words, bits: int, parity: int) -> int:
    """Characters into words. bits: before the stop bit, less one; parity: 0 even, 1 odd, 2 none,
    3 a second stop bit."""
    data = ptr8(source)
    out = ptr16(words)
    i = 0
    while i < count:
        byte = data[i]
        word = byte << 5
        stop = 1 << (bits + 5)
        if parity < 2:
            ones = byte ^ (byte >> 4)
            ones = ones ^ (ones >> 2)
            ones = (ones ^ (ones >> 1) ^ parity) & 1
            word |= ones << 13
        elif parity == 3:
            word |= 1 << 13
        out[i] = word | stop | bits
        i += 1
    return i


class Rs485(io.IOBase):
    """write(buf), any(), readinto(buf) and polling, as the UART by which it receives; none of
    them waits. Line 0 has the first state machine of PIO 0, whose DMA request is number 0."""

    def __init__(self, line, uart, tx, de, baud, parity, stop):
        self._uart = uart
        self._de = Pin(de)
        self._fifo = _TXF + 4 * line
        self._machine = rp2.StateMachine(
            line, send, freq=SEND_CYCLES * baud, out_base=Pin(tx), sideset_base=self._de
        )
        self._machine.exec(SET_X_0)
        self._machine.active(1)
        plain = parity == "N"
        self._bits = 8 if plain and stop == 1 else 9
        self._parity = (2 if stop == 1 else 3) if plain else PARITY[parity]
        self._words = array("H", [0] * _LONGEST)
        self._dma = rp2.DMA()
        # to_fifo: 16-bit writes to a peripheral reach both halves of its register
        self._to_fifo = self._dma.pack_ctrl(size=1, inc_write=False, treq_sel=line)

    def busy(self):
        """Something is still to be sent."""
        return self._dma.active() or self._de.value() == 1

    def write(self, source):
        """Begin to send; how many characters were taken, None while the last are on their way."""
        if self.busy():
            return None
        count = min(len(source), _LONGEST)
        if count:
            _encode(source, count, self._words, self._bits, self._parity)
            self._dma.config(
                read=self._words, write=self._fifo, count=count, ctrl=self._to_fifo, trigger=True
            )
        return count

    def any(self):
        return self._uart.any()

    def readinto(self, target, *count):
        return self._uart.readinto(target, *count)

    def ioctl(self, request, flags):
        """For asyncio's poll."""
        if request != _POLL:
            return -1
        ready = _READABLE if self._uart.any() else 0
        if not self.busy():
            ready |= _WRITABLE
        return ready & flags

    def stop(self):
        """The driver off, whatever was being sent."""
        self._machine.active(0)
        self._dma.active(0)
        self._dma.close()
        self._de.init(Pin.OUT, value=0)
