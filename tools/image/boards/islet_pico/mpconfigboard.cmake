# islet on a Raspberry Pi Pico; built outside MicroPython's tree by tools/image/build.py.
# GPL-3.0-or-later
set(PICO_BOARD "pico")
set(PICO_PLATFORM "rp2040")

include(${CMAKE_CURRENT_LIST_DIR}/../common.cmake)
