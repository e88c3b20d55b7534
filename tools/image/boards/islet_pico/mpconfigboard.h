// islet on a Raspberry Pi Pico. docs/images.md has the layout of the flash.
// GPL-3.0-or-later
#include "../islet.h"
#define MICROPY_HW_BOARD_NAME "islet Pico"

// The rest of the 2 MB, 896 kB, is for the code and what is frozen into it.
#define MICROPY_HW_FLASH_STORAGE_BYTES (1152 * 1024)
