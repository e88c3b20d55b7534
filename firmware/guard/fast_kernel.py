# islet: one block of samples: is the pilot lost, is the current too high? In viper, on integers.
# GPL-3.0-or-later
#
# The same text runs on CPython; fast_kernel_plain.py says the same in few words, and both are
# tested for equality.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr16, ptr32
from firmware.guard.kernel import BLANK_MS, LOST, ON_MS

# `memory`: what to look for
FRAMES = const(0)  # in a block
STRIDE = const(1)  # channels
PILOT = const(2)  # channel, -1 none or not ours
HIGH = const(3)  # code from which the pilot is in B or A
LOW = const(4)  # code below which it is no longer in D
CURRENT = const(5)  # channel, -1 none
PEAK_LIMIT = const(6)  # codes from the middle
PEAK_MOST = const(7)  # above it the contacts could not break it
CONFIRM = const(8)  # blocks
CYCLE = const(9)  # blocks in 20 ms, at most RING_SIZE
SQUARES_LIMIT = const(10)  # of a cycle
HALF = const(11)  # blocks that a half cycle touches
# and what was seen
GONE = const(12)  # frames since the pilot was last proved to be in C or D
PROOF = const(13)  # 1: its last sample above E was in C or D, the next such one proves it
HIGHEST = const(14)  # its highest code in the block
PEAK = const(15)  # of the current in the block
QUIET = const(16)  # blocks since a peak above the limit
SINCE = const(17)  # blocks since the first of the peaks that now follow one another
HELD = const(18)  # blocks for which a peak that nobody may break still counts
SQUARES = const(19)  # sum over the ring
AT = const(20)  # place of the next block in the ring
RING = const(21)  # squares, block by block
RING_SIZE = const(16)
GONE_MOST = const(37)  # frames; beyond, it is lost
CLEAR = const(38)  # frames since its last sample in B or A
COIL = const(39)  # OUT_CONTACTOR of the point
NUMBER = const(40)  # of the point
SIZE = const(41)

CLEAR_LEAST = const(17)  # frames of 192 us: see look()


LOST_PILOT = const(1)
OVERCURRENT = const(2)

LONG = const(1_000_000)  # blocks or frames: counters stop here


@micropython.viper
def look(i: int, code: int, end: int, samples, middles, memory_buffer, buffers) -> int:
    """LOST_PILOT, OVERCURRENT or both, of a point in the block that begins at code i. buffers:
    commands, trips and the guard's own measures. The first three arguments are what viper keeps in
    registers; `code` and `end` are only variables.

    Two samples in C or D, one after the other among those above E, and none in B or A for 17
    frames, prove the pilot: in A a sample may catch an edge, and at duties of 11.2 and 15.2 % the
    next one catches one again, 11 or 6 frames later; the one before them, five frames earlier, is
    in A. It is lost when the proof is too long ago, so a shorter glitch opens nothing. At a duty
    of 10 % it is high for 2 or 3 of 26 samples."""
    codes = ptr16(samples)
    memory = ptr32(memory_buffer)
    stride = memory[STRIDE]
    size = memory[FRAMES] * stride
    first = i
    closed = ptr32(buffers[0])[int(im.PERMITS)] & memory[COIL]
    found = 0

    c = memory[PILOT]
    if c >= 0:
        high = memory[HIGH]
        low = memory[LOW]
        gone = memory[GONE]
        proof = memory[PROOF]
        clear = memory[CLEAR]
        highest = 0
        i = first + c
        end = first + size
        while i < end:
            code = codes[i]
            gone += 1
            clear += 1
            if code >= low:
                if code >= high:
                    proof = 0
                    clear = 0
                elif proof:
                    if clear >= CLEAR_LEAST:
                        gone = 0
                else:
                    proof = 1
                if code > highest:
                    highest = code
            i += stride
        lost = 0
        if gone > memory[GONE_MOST]:
            lost = 1
            if closed:
                found = LOST_PILOT
            if gone > LONG:
                gone = LONG
        if clear > LONG:
            clear = LONG
        memory[CLEAR] = clear
        memory[GONE] = gone
        memory[PROOF] = proof
        memory[HIGHEST] = highest
        ptr32(buffers[2])[int(LOST) + memory[NUMBER]] = lost

    c = memory[CURRENT]
    if c >= 0:
        middle = ptr32(middles)[c]
        peak = 0
        squares = 0
        i = first + c
        end = first + size
        while i < end:
            code = codes[i] - middle
            squares += code * code
            if code < 0:
                code = 0 - code
            if code > peak:
                peak = code
            i += stride
        at = memory[AT]
        total = memory[SQUARES] + squares - memory[RING + at]
        memory[SQUARES] = total
        memory[RING + at] = squares
        at += 1
        if at >= memory[CYCLE]:
            at = 0
        memory[AT] = at
        memory[PEAK] = peak

        quiet = memory[QUIET]
        since = memory[SINCE]
        if quiet < LONG:
            quiet += 1
        if since < LONG:
            since += 1
        held = memory[HELD]
        if peak > memory[PEAK_MOST]:
            held = memory[HALF]
        elif held > 0:
            held -= 1
        watch = 0
        if closed and ptr32(buffers[1])[int(im.OUTPUTS)] & memory[COIL]:
            own = ptr32(buffers[2])
            if own[int(ON_MS) + memory[NUMBER]] >= own[int(BLANK_MS)]:
                watch = 1
        if not watch:
            quiet = LONG
        elif peak > memory[PEAK_LIMIT] and held == 0:
            if quiet > memory[HALF]:
                since = 0
            quiet = 0
            if since >= memory[CONFIRM]:
                if memory[CONFIRM] == 0 or total > memory[SQUARES_LIMIT]:
                    found |= OVERCURRENT
        memory[QUIET] = quiet
        memory[SINCE] = since
        memory[HELD] = held
    return found
