# islet: the dead-man: a pin that is high only while the guard lives.
# GPL-3.0-or-later
#
# The pin feeds the coil drivers of contactor and enable (an AND in hardware). A PIO state machine
# counts down from what the guard last gave it, one step a millisecond, and drops the pin at nought
# whatever the interpreter does meanwhile: hung, interrupts off, stopped by a debugger.
#
# Once dropped it stays so until the next feed, and that reports it: whoever was away for so long
# must trip before the relays may close again.
#
# (viper's ptr32(address) is no call of a type)
# pyright: reportCallIssue=false

from array import array

import micropython
import rp2
from machine import Pin

from firmware.base.viper import const
from firmware.chips.rp2_pio import HOLD_CYCLES, hold

_MACHINE = const(4)  # the first of PIO 1
_STEPS_HZ = const(1000)


@micropython.viper
def _let_go(pin: int):
    """The pin to the processor, low: a state machine merely stopped would leave it high."""
    mask = 1 << pin
    sio = ptr32(0xD0000000)
    sio[6] = mask  # GPIO_OUT_CLR
    sio[9] = mask  # GPIO_OE_SET
    ptr32(0x40014000)[2 * pin + 1] = 5  # IO_BANK0 GPIOn_CTRL: function SIO


class DeadMan:
    def __init__(self, pin, timeout_ms):
        self._pin = pin
        # pin; steps, less the one that begins the count; whether it has been seen high since
        self._state = array("i", (pin, timeout_ms - 1, 0))
        self._machine = rp2.StateMachine(
            _MACHINE, hold, freq=HOLD_CYCLES * _STEPS_HZ, set_base=Pin(pin)
        )
        self._machine.active(1)

    @micropython.viper
    def feed(self) -> int:
        """From the guard's interrupt: hold the pin for another timeout_ms. 1 when it had dropped
        since the last time; it then stays low until the next feed. Allocates nothing."""
        state = ptr32(self._state)
        level = (ptr32(0xD0000000)[1] >> state[0]) & 1  # SIO GPIO_IN
        if state[2] and not level:
            state[2] = 0
            return 1
        state[2] = level
        ptr32(0x50300000)[4] = state[1]  # PIO 1, TXF0
        return 0

    def stop(self):
        """Low for good."""
        self._machine.active(0)
        _let_go(self._pin)
