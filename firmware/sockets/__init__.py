# islet: networks that MicroPython drives by itself, and that have its sockets.
# GPL-3.0-or-later
