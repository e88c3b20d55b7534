# islet on a WIZnet W5500-EVB-Pico: its chip is driven by firmware/lan, not by MicroPython.
# GPL-3.0-or-later
set(PICO_BOARD "wiznet_w5100s_evb_pico") # the SDK's name for both
set(PICO_PLATFORM "rp2040")

include(${CMAKE_CURRENT_LIST_DIR}/../common.cmake)
