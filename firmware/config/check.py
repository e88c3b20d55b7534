# islet: one option against its row of options.py.
# GPL-3.0-or-later

import json

from firmware.config.options import LEGS, REQUIRED


def allowed(row, names):
    """What may be written for an option, in words; `names` by what is named."""
    kind, unit, low, high = row[1:5]
    if kind in ("number", "whole"):
        what = "number" if kind == "number" else "whole number"
        return "a {} from {} to {} {}".format(what, low, high, unit).rstrip()
    if kind == "text":
        return "a text of {} to {} characters".format(low, high)
    if kind == "bool":
        return "true or false"
    if kind == "legs":
        return 'a list of different legs, as in ["L2"]'
    if kind == "texts":
        return "a list of one text a leg, each of {} to {} characters".format(low, high)
    if isinstance(kind, tuple):
        return "one of " + ", ".join(choice for choice in kind if choice)
    known = [name for name in names[kind] if name]
    return "one of {}: {}".format(kind, ", ".join(known) or "there are none")


def _fits(row, value, names):
    kind, _, low, high = row[1:5]
    if kind == "number":
        return type(value) in (int, float) and low <= value <= high
    if kind == "whole":
        return type(value) is int and low <= value <= high
    if kind == "text":
        return isinstance(value, str) and low <= len(value) <= high
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "legs":
        return (
            isinstance(value, list)
            and bool(value)
            and all(leg in LEGS and value.count(leg) == 1 for leg in value)
        )
    if kind == "texts":
        return (
            isinstance(value, list)
            and 1 <= len(value) <= len(LEGS)
            and all(isinstance(each, str) and low <= len(each) <= high for each in value)
        )
    names = kind if isinstance(kind, tuple) else names[kind]
    return isinstance(value, str) and value != "" and value in names


def checked(where, row, value, names, errors):
    """The option's value if it fits its row, else say why not and return None."""
    if _fits(row, value, names):
        return value
    try:
        shown = json.dumps(value)[:40]
    except RuntimeError:  # nested deeper than the runtime can print
        shown = "this"
    errors.append("{}: {} is not {}".format(where, shown, allowed(row, names)))
    return None


def fill(row, value, site, at, names):
    """Write a value into its field of image.site, `at` rows further where it is a block."""
    kind, field, factor = row[1], row[6], row[7]
    if kind == "legs":
        for k, leg in enumerate(value):
            site[field + len(LEGS) * at + k] = LEGS.index(leg)
    elif kind in ("number", "whole"):
        site[field + at] = whole(value, factor)
    elif kind == "bool":
        site[field + at] = 1 if value else 0
    else:
        site[field + at] = (kind if isinstance(kind, tuple) else names[kind]).index(value)


def whole(value, factor):
    """A number in the image's unit."""
    return int(value * factor + (0.5 if value >= 0 else -0.5))


def rows(options, document, where, names, errors, site, at=0):
    """Check a document against its options and fill their fields; the values by path."""
    values = {}
    for row in options:
        path, default, field = row[0], row[5], row[6]
        value = _find(document, path, default)
        if value is REQUIRED:
            errors.append("{}{}: is missing, needs {}".format(where, path, allowed(row, names)))
            value = None
        elif value is not default:
            value = checked(where + path, row, value, names, errors)
        values[path] = value
        if field is not None and value is not None:
            fill(row, value, site, at, names)
    return values


def _find(document, path, default):
    """The value at a dotted path, or its default; null only says so where that is none."""
    for part in path.split("."):
        if not isinstance(document, dict) or part not in document:
            return default
        document = document[part]
    return document


def unknown(document, known, where, errors, hints=(), inner=""):
    """Report keys that no row knows: a misspelt limit must not be silently ignored."""
    if not isinstance(document, dict):
        errors.append("{}: is not an object".format((where + inner)[:-1] or "configuration"))
        return
    for key in document:
        path = inner + key
        if path in known:
            continue
        if any(name.startswith(path + ".") for name in known):
            unknown(document[key], known, where, errors, hints, path + ".")
            continue
        why = "unknown option"
        for name, hint in hints:
            if name == path:
                why = hint
        errors.append("{}{}: {}".format(where, path, why))
