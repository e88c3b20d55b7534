// islet on a WIZnet W5500-EVB-Pico. docs/images.md has the layout of the flash.
// GPL-3.0-or-later
#include "../islet.h"
#include "boards/W5500_EVB_PICO/mpconfigboard.h"

#undef MICROPY_HW_BOARD_NAME
#define MICROPY_HW_BOARD_NAME "islet W5500-EVB-Pico"

// As on a Pico, but that there were no images before.
#undef MICROPY_HW_FLASH_STORAGE_BYTES
#define MICROPY_HW_FLASH_STORAGE_BYTES (896 * 1024)
