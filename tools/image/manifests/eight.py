# islet: frozen into the image that is measured with eight devices.
# GPL-3.0-or-later
include("rp2.py", data="../../../.cache/rp2040/eight/data", moves=True)
