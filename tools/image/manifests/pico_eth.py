# islet: frozen into the image of a Raspberry Pi Pico with a W5500 module.
# GPL-3.0-or-later
include("rp2.py", data="../../../.cache/rp2040/pico_eth/data", lan=True)
