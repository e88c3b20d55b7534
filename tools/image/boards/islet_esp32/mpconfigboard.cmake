# islet on an ESP32 with 4 MB of flash: MicroPython's ESP32_GENERIC with partitions of our own.
# GPL-3.0-or-later
file(WRITE ${CMAKE_BINARY_DIR}/sdkconfig.islet
    "CONFIG_PARTITION_TABLE_CUSTOM=y\n"
    "CONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"${MICROPY_BOARD_DIR}/partitions.csv\"\n"
)
set(SDKCONFIG_DEFAULTS
    boards/sdkconfig.base
    boards/sdkconfig.ble
    ${CMAKE_BINARY_DIR}/sdkconfig.islet
)
