# islet: frozen into the image of a Raspberry Pi Pico.
# GPL-3.0-or-later
include("rp2.py", data="../../../.cache/rp2040/pico/data", moves=True)
