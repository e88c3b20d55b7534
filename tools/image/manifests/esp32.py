# islet: frozen into the image of an ESP32.
# GPL-3.0-or-later
module("flashbdev.py", base_path="$(PORT_DIR)/modules", opt=0)  # finds the partition
module("_boot.py", base_path="../frozen/esp32", opt=0)
include("islet.py", chip="esp32", data="../../../.cache/esp32/esp32/data", sockets=True)
