# islet: what every room may use.
# GPL-3.0-or-later
#
#   viper        lets a kernel's text, machine code on the chip, run on CPython as well
#   clock        milliseconds that wrap as on the chip
#   timer        timers that saturate; noughts: long arrays on a small heap
#   grow         ages and timers of an array, all at once
#   strict_json  JSON from outside as RFC 8259 says; json_kernel, json_text: its one pass
