# islet: the texts of a JSON document: each character with one spelling; in viper.
# GPL-3.0-or-later
#
# Every function takes the bytes, a work array whose first two places are where reading and
# writing stand, and how many bytes there are. Writing never overtakes reading.

from firmware.base.viper import const, micropython, ptr8, ptr32

READ = const(0)
WRITTEN = const(1)

# what a text holds as it is
PLAIN = bytes(32 <= c < 128 and c not in (34, 92) for c in range(256))
SHORT = b'btn"fr'  # the escapes of 8 to 13; 11 has none

_SHORT = const(6)
_ESCAPE = const(9)
_SURROGATE = const(10)
_CONTROL = const(11)
_UTF8 = const(12)
_QUOTE = const(34)
_BACKSLASH = const(92)
_U = const(117)


@micropython.viper
def unit_at(buffer, work_buffer, size: int) -> int:
    """The four hexadecimal digits at READ, or an error, negative."""
    text = ptr8(buffer)
    work = ptr32(work_buffer)
    i = work[READ]
    end = i + 4
    if end > size:
        return 0 - _SHORT
    unit = 0
    while i < end:
        c = text[i]
        i += 1
        if 48 <= c and c <= 57:
            c -= 48
        elif 65 <= c and c <= 70:
            c -= 55
        elif 97 <= c and c <= 102:
            c -= 87
        else:
            return 0 - _ESCAPE
        unit = unit * 16 + c
    work[READ] = end
    return unit


@micropython.viper
def code_at(buffer, work_buffer, size: int) -> int:
    """The character behind the backslash before READ, or an error, negative."""
    text = ptr8(buffer)
    work = ptr32(work_buffer)
    short = ptr8(SHORT)
    i = work[READ]
    if i >= size:
        return 0 - _SHORT
    c = text[i]
    work[READ] = i + 1
    if c == _QUOTE or c == _BACKSLASH or c == 47:
        return c
    if c != _U:
        i = 0
        while i < 6 and short[i] != c:
            i += 1
        return i + 8 if i < 6 else 0 - _ESCAPE
    code = int(unit_at(buffer, work_buffer, size))
    if code < 0:
        return code
    if code >> 10 == 55:  # 0xDC00 … 0xDFFF: the second half
        return 0 - _SURROGATE
    if code >> 10 == 54:  # 0xD800 … 0xDBFF: the other half must follow
        i = work[READ]
        if i < size and text[i] != _BACKSLASH:
            return 0 - _SURROGATE
        if i + 1 >= size:
            return 0 - _SHORT
        if text[i + 1] != _U:
            return 0 - _SURROGATE
        work[READ] = i + 2
        unit = int(unit_at(buffer, work_buffer, size))
        if unit < 0:
            return unit
        if unit >> 10 != 55:
            return 0 - _SURROGATE
        code = 65536 + ((code & 1023) << 10) + (unit & 1023)
    return code


@micropython.viper
def escape_at(buffer, work_buffer, size: int) -> int:
    """Copy the escape before READ with its one spelling; an error or 0."""
    text = ptr8(buffer)
    work = ptr32(work_buffer)
    short = ptr8(SHORT)
    begin = work[READ] - 1
    code = int(code_at(buffer, work_buffer, size))
    if code < 0:
        work[READ] = begin
        return 0 - code
    o = work[WRITTEN]
    if code < 32:  # these stay escapes, the shorter one where there are two
        text[o] = _BACKSLASH
        if code > 7 and code < 14 and code != 11:
            text[o + 1] = short[code - 8]
            work[WRITTEN] = o + 2
            return 0
        text[o + 1] = _U
        text[o + 2] = text[o + 3] = 48
        text[o + 4] = 48 + (code >> 4)
        c = code & 15
        text[o + 5] = c + 48 if c < 10 else c + 87
        o += 6
    elif code < 128:
        if code == _QUOTE or code == _BACKSLASH:
            text[o] = _BACKSLASH
            o += 1
        text[o] = code
        o += 1
    else:  # UTF-8, RFC 3629 §3
        more = 1
        if code < 2048:
            text[o] = 192 + (code >> 6)
        elif code < 65536:
            text[o] = 224 + (code >> 12)
            more = 2
        else:
            text[o] = 240 + (code >> 18)
            more = 3
        o += 1
        while more:
            more -= 1
            text[o] = 128 + ((code >> (6 * more)) & 63)
            o += 1
    work[WRITTEN] = o
    return 0


@micropython.viper
def utf8_at(buffer, work_buffer, size: int) -> int:
    """Copy the character of several bytes whose first one is before READ; an error or 0."""
    text = ptr8(buffer)
    work = ptr32(work_buffer)
    i = work[READ]
    o = work[WRITTEN]
    c = text[i - 1]
    # how many bytes follow, and what the first of them may be (RFC 3629 §4)
    more = 1
    low = 128
    high = 191
    wrong = 0
    if c < 194 or c > 244:
        wrong = _UTF8
    if c >= 240:
        more = 3
        if c == 240:
            low = 144
        elif c == 244:
            high = 143
    elif c >= 224:
        more = 2
        if c == 224:
            low = 160
        elif c == 237:
            high = 159
    if wrong == 0 and i + more > size:
        wrong = _SHORT
    text[o] = c
    o += 1
    while more and wrong == 0:
        c = text[i]
        if c < low or c > high:
            wrong = _UTF8
        text[o] = c
        i += 1
        o += 1
        low = 128
        high = 191
        more -= 1
    if wrong:
        work[READ] -= 1
        return wrong
    work[READ] = i
    work[WRITTEN] = o
    return 0


@micropython.viper
def rest_at(buffer, work_buffer, size: int) -> int:
    """Copy the rest of a text, from READ, where it stops being plain; an error or 0."""
    text = ptr8(buffer)
    plain = ptr8(PLAIN)
    work = ptr32(work_buffer)
    i = work[READ]
    o = work[WRITTEN]
    while i < size:
        c = text[i]
        i += 1
        if plain[c]:
            text[o] = c
            o += 1
            continue
        work[READ] = i
        work[WRITTEN] = o
        if c == _QUOTE:
            text[o] = c
            work[WRITTEN] = o + 1
            return 0
        if c < 32:
            work[READ] = i - 1
            return _CONTROL
        if c == _BACKSLASH:
            c = int(escape_at(buffer, work_buffer, size))
        else:
            c = int(utf8_at(buffer, work_buffer, size))
        if c:
            return c
        i = work[READ]
        o = work[WRITTEN]
    work[READ] = size
    return _SHORT
