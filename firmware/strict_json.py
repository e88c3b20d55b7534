# islet: JSON that is refused unless it is whole; for whoever parses what comes from outside.
# GPL-3.0-or-later

import json


def loads(text):
    """json.loads that refuses a document cut short, as MicroPython's does not."""
    depth, in_string, escaped = 0, False, False
    for character in text:
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in "{[":
            depth += 1
        elif character in "}]":
            depth -= 1
    if depth or in_string:
        raise ValueError("cut short")
    return json.loads(text)
