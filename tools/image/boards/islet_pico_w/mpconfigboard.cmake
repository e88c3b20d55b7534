# islet on a Raspberry Pi Pico W: as MicroPython's own board, without Bluetooth.
# GPL-3.0-or-later
set(PICO_BOARD "pico_w")
set(PICO_PLATFORM "rp2040")
set(MICROPY_PY_LWIP ON)
set(MICROPY_PY_NETWORK_CYW43 ON)

include(${CMAKE_CURRENT_LIST_DIR}/../common.cmake)

# Bluetooth's transport brings pico/cyw43_driver.h along; without Bluetooth nothing does.
cmake_language(DEFER CALL target_link_libraries firmware pico_cyw43_driver_headers)
