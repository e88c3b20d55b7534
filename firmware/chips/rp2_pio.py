# islet: the two programs of the RP2040's PIO: an RS-485 sender and the dead-man.
# GPL-3.0-or-later
#
# The names in them are the assembler's own (MicroPython, rp2.asm_pio), known only inside it.
# ruff: noqa: F821
# pyright: reportUndefinedVariable=false, reportCallIssue=false, reportArgumentType=false

import rp2

SEND_CYCLES = 8  # of the state machine for a bit
HOLD_CYCLES = 3  # for a step of the count
SET_X_0 = 0xE020  # set(x, 0).side(0), encoded: RP2040 data sheet 3.4.10


@rp2.asm_pio(
    out_init=rp2.PIO.OUT_HIGH, sideset_init=rp2.PIO.OUT_LOW, out_shiftdir=rp2.PIO.SHIFT_RIGHT
)
def send():
    """Characters as rp2_serial.py encodes them; the side-set pin is the driver's enable."""
    wrap_target()
    pull(block).side(0)
    label("character")
    out(y, 4).side(1)[1]
    label("bit")
    out(pins, 1).side(1)[6]
    jmp(y_dec, "bit").side(1)
    out(pins, 1).side(1)[2]  # the stop bit, until the next start bit eight cycles later
    pull(noblock).side(1)  # X is nought: so is OSR when there is no further character
    mov(y, osr).side(1)
    jmp(y_dec, "character").side(1)
    nop().side(1)[2]
    wrap()


@rp2.asm_pio(set_init=rp2.PIO.OUT_LOW)
def hold():
    """The pin is high while a count runs; each word from the guard begins it anew. When it has
    run out the pin drops, and the program waits for a word."""
    wrap_target()
    set(pins, 0)
    pull(block)
    mov(x, osr)
    set(pins, 1)
    label("step")
    pull(noblock)  # nothing there: OSR becomes X again
    mov(x, osr)
    jmp(x_dec, "step")
    wrap()


# The assembler has done its work: 2 kB of the heap.
for _name in ("asm_pio", "asm_pio_encode", "PIOASMEmit", "_pio_funcs"):
    if hasattr(rp2, _name):
        delattr(rp2, _name)
