# islet: JSON as the standard says (RFC 8259), for whoever parses what comes from outside.
# GPL-3.0-or-later

import json
from array import array

from firmware.base import json_kernel as kernel

# what is wrong, by the kernel's number
ERRORS = (
    "",
    "a value is missing",
    "a comma or a closing bracket is missing",
    "a name in double quotes is missing",
    "a colon is missing",
    "there is more behind the end",
    "it is cut short",
    "no such value",
    "not a number as JSON writes it",
    "not an escape",
    "half of a surrogate pair",
    "a control character inside a text",
    "not UTF-8",
    "this field is given twice",
    "nested too deep",
    "too many fields",
    "too long a number",
)

_work = array("i", [0] * kernel.WORK)


def loads(text):
    """The value of a JSON document, a str or bytes in UTF-8.

    ValueError says what is wrong with it, with line and column. Beyond the standard, a name given
    twice in one object is refused, and so is more than 16 levels or 64 open fields."""
    given = text.encode() if isinstance(text, str) else bytes(text)
    buffer = bytearray(given + b"\0")
    work = _work
    wrong = kernel.tidy(0, 0, 0, buffer, work, len(given))
    if wrong:
        raise ValueError(_where(given, work[kernel.READ]) + ": " + ERRORS[wrong])
    written = work[kernel.WRITTEN]
    return json.loads(bytes(memoryview(buffer)[:written]))


def _where(given, at):
    """Line and column, both from 1, of a byte of a text; columns count characters."""
    before = given[:at]
    line = before.count(b"\n") + 1
    row = before[before.rfind(b"\n") + 1 :]
    column = sum(1 for byte in row if byte & 0xC0 != 0x80) + 1
    return "line {}, column {}".format(line, column)
