# islet on a Raspberry Pi Pico W: as MicroPython's own board, without Bluetooth.
# GPL-3.0-or-later
set(PICO_BOARD "pico_w")
set(PICO_PLATFORM "rp2040")
set(MICROPY_PY_LWIP ON)
set(MICROPY_PY_NETWORK_CYW43 ON)

include(${CMAKE_CURRENT_LIST_DIR}/../common.cmake)
