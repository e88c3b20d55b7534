# islet: what every room may use.
# GPL-3.0-or-later
#
#   viper        lets a kernel's text, machine code on the chip, run on CPython as well
#   clock        milliseconds that wrap as on the chip
#   timer        timers that saturate; noughts: long arrays on a small heap
#   grow         ages and timers of an array, all at once
#   secret       what secrets are compared and sealed with
#   strict_json  JSON from outside as RFC 8259 says; json_kernel, json_text: its one pass

import sys


def forget(*rooms):
    """Of modules that begin so and are not needed any more: on a chip they are heap. What lasts
    must not be theirs, or it keeps them."""
    if sys.implementation.name != "micropython":
        return
    for name in list(sys.modules):
        if any(name.startswith(room) for room in rooms):
            sys.modules.pop(name)
            above, last = name.rsplit(".", 1)
            if above in sys.modules and hasattr(sys.modules[above], last):
                delattr(sys.modules[above], last)
