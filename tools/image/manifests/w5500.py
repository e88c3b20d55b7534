# islet: frozen into the image of a WIZnet W5500-EVB-Pico.
# GPL-3.0-or-later
include("rp2.py", data="../../../.cache/rp2040/w5500/data", lan=True)
