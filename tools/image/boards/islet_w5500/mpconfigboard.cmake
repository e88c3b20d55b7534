# islet on a WIZnet W5500-EVB-Pico: as MicroPython's own board.
# GPL-3.0-or-later
set(PICO_BOARD "wiznet_w5100s_evb_pico")
set(PICO_PLATFORM "rp2040")
set(MICROPY_PY_LWIP ON)
set(MICROPY_PY_NETWORK_WIZNET5K W5500)

include(${CMAKE_CURRENT_LIST_DIR}/../common.cmake)
