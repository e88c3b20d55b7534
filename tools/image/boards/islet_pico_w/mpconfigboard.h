// islet on a Raspberry Pi Pico W. docs/images.md has the layout of the flash.
// GPL-3.0-or-later
#include "../islet.h"
#include "boards/RPI_PICO_W/mpconfigboard.h"

#undef MICROPY_HW_BOARD_NAME
#define MICROPY_HW_BOARD_NAME "islet Pico W"

// 256 kB later than on a Pico: the radio's own firmware and the network stack are code too.
#undef MICROPY_HW_FLASH_STORAGE_BYTES
#define MICROPY_HW_FLASH_STORAGE_BYTES (640 * 1024)
