# islet: JSON read once, byte by byte, before the built-in parser sees it; in viper.
# GPL-3.0-or-later
#
# MicroPython's parser takes `2,500` for 2, lets commas and brackets be missing, keeps the last of
# two equal keys, and makes bytes that are not UTF-8 of "\ud83d\ude00". Here the grammar is that of
# RFC 8259, and the text is rewritten in place so that every character has one spelling: escapes
# become UTF-8, white space goes. What is left the built-in parser reads rightly, and two keys are
# equal when their bytes are. The same text runs on CPython.

from firmware.base.json_text import PLAIN, rest_at
from firmware.base.viper import const, micropython, ptr8, ptr32

DEPTH = const(16)  # objects and lists inside each other
KEYS = const(64)  # fields of all objects open at one time
NUMBER = const(32)  # characters of one: a number as long as the text would hold the loop

# places in the work array: where reading and writing stand, then levels, then keys
READ = const(0)
WRITTEN = const(1)
LEVELS = const(2)  # 2 each: whether it is an object, place of its first name
NAMES = const(34)  # LEVELS + 2 * DEPTH; 2 each: first byte, bytes
WORK = const(162)  # NAMES + 2 * KEYS

# what is wrong (strict_json.ERRORS), and characters
_VALUE = const(1)
_COMMA = const(2)
_NAME = const(3)
_COLON = const(4)
_MORE = const(5)
_SHORT = const(6)
_WORD = const(7)
_NUMBER = const(8)
_TWICE = const(13)
_DEEP = const(14)
_MANY = const(15)
_LONG = const(16)
_QUOTE = const(34)
_OBJECT = const(123)
_OBJECT_END = const(125)
_LIST = const(91)
_LIST_END = const(93)
_COMMA_SIGN = const(44)
_COLON_SIGN = const(58)
_N = const(110)
_F = const(102)
_T = const(116)


@micropython.viper
def number_at(buffer, work_buffer, size: int) -> int:
    """Copy the number at READ; an error or 0."""
    text = ptr8(buffer)
    work = ptr32(work_buffer)
    i = work[READ]
    o = work[WRITTEN]
    c = text[i]
    if c == 45:
        text[o] = c
        o += 1
        i += 1
    part = 0  # whole digits, then behind the point, then of the exponent
    while part < 3:
        first = i
        zero = i < size and text[i] == 48
        while i < size:
            c = text[i]
            if c < 48 or c > 57:
                break
            text[o] = c
            o += 1
            i += 1
        if i - work[READ] > NUMBER:
            return _LONG
        if i == first or (part == 0 and zero and i > first + 1):
            work[READ] = i
            return _NUMBER
        if i >= size:
            break
        if part == 0 and c == 46:
            part = 1
        elif part < 2 and (c == 101 or c == 69):
            part = 2
        else:
            break
        text[o] = c
        o += 1
        i += 1
        if part == 2 and i < size:
            c = text[i]
            if c == 43 or c == 45:
                text[o] = c
                o += 1
                i += 1
    work[READ] = i
    work[WRITTEN] = o
    return 0


@micropython.viper
def word_at(buffer, work_buffer, size: int) -> int:
    """Copy true, false or null at READ; an error or 0."""
    text = ptr8(buffer)
    work = ptr32(work_buffer)
    i = work[READ]
    o = work[WRITTEN]
    c = text[i]
    word = 0x7274  # two letters a word, for a small integer holds no four
    rest = 0x6575
    if c == _N:
        word = 0x756E
        rest = 0x6C6C
    elif c == _F:  # and the other four behind it
        text[o] = c
        o += 1
        i += 1
        word = 0x6C61
        rest = 0x6573
    elif c != _T:
        missing = c == _COMMA_SIGN or c == _COLON_SIGN or c == _LIST_END or c == _OBJECT_END
        return _VALUE if missing else _WORD
    if i + 4 > size:
        return _WORD
    letter = 0
    while letter < 4:
        if text[i] != word & 255:
            return _WORD
        text[o] = text[i]
        o += 1
        i += 1
        letter += 1
        word = rest if letter == 2 else word >> 8
    work[READ] = i
    work[WRITTEN] = o
    return 0


@micropython.viper
def tidy(i: int, c: int, state: int, buffer, work_buffer, size: int) -> int:
    """Check and rewrite a whole document in place: an error or 0, READ where it was noticed and
    WRITTEN the bytes that are left. A byte of 0 follows the `size` ones. The first three
    arguments are 0: viper keeps them in registers."""
    text = ptr8(buffer)
    plain = ptr8(PLAIN)
    work = ptr32(work_buffer)
    work[WRITTEN] = 0
    depth = 0  # of objects and lists that are open
    keys = NAMES  # place of the next name
    # state, what comes next: 0 a value, 1 the same or ], 2 a name, 3 the same or }, 4 a colon,
    # 5 a comma or the end of what is open
    while i < size:
        c = text[i]
        if c == 32 or c == 10 or c == 13 or c == 9:
            i += 1
            continue
        work[READ] = i
        if c == _QUOTE and state < 4:
            begin = o = work[WRITTEN]
            while 1:  # the byte behind the last one is 0, and not plain
                text[o] = c
                o += 1
                i += 1
                c = text[i]
                if plain[c] == 0:
                    break
            work[WRITTEN] = o
            if c == _QUOTE:
                text[o] = c
                work[WRITTEN] = o + 1
                i += 1
            else:
                at = work[READ]
                work[READ] = i
                wrong = int(rest_at(buffer, work_buffer, size))
                if wrong:
                    return wrong
                i = work[READ]
                work[READ] = at
            if state < 2:
                state = 5
                continue
            # its bytes must not be those of an earlier name of the same object
            length = work[WRITTEN] - begin
            key = work[1 + 2 * depth]
            while key < keys:
                if work[key + 1] == length:
                    o = begin
                    other = work[key]
                    while o < work[WRITTEN] and text[o] == text[other]:
                        o += 1
                        other += 1
                    if o == work[WRITTEN]:
                        return _TWICE
                key += 2
            if keys == WORK:
                return _MANY
            work[keys] = begin
            work[keys + 1] = length
            keys += 2
            state = 4
            continue
        if state < 2 and c != _OBJECT and c != _LIST and (c != _LIST_END or state == 0):
            if c == 45 or (c >= 48 and c <= 57):
                wrong = int(number_at(buffer, work_buffer, size))
            else:
                wrong = int(word_at(buffer, work_buffer, size))
            if wrong:
                return wrong
            state = 5
            i = work[READ]
            continue
        if state == 4:
            if c != _COLON_SIGN:
                return _COLON
            state = 0
        elif state == 2 or (state == 3 and c != _OBJECT_END):
            return _NAME
        elif state < 2 and c != _LIST_END:
            if depth == DEPTH:
                return _DEEP
            depth += 1
            work[2 * depth] = 1 if c == _OBJECT else 0
            work[1 + 2 * depth] = keys
            state = 3 if c == _OBJECT else 1
        elif c == _COMMA_SIGN and depth:
            state = 2 if work[2 * depth] else 0
        elif depth == 0:
            return _MORE
        elif c != (_OBJECT_END if work[2 * depth] else _LIST_END):
            return _COMMA
        else:
            keys = work[1 + 2 * depth]
            depth -= 1
            state = 5
        text[work[WRITTEN]] = c
        work[WRITTEN] += 1
        i += 1
    work[READ] = i
    return _SHORT if depth or state != 5 else 0
