// islet on a WIZnet W5500-EVB-Pico. docs/images.md has the layout of the flash.
// GPL-3.0-or-later
#include "../islet.h"
#define MICROPY_HW_BOARD_NAME "islet W5500-EVB-Pico"

// What rp2.Flash reaches: as on a Pico, but that there were no images before.
#define MICROPY_HW_FLASH_STORAGE_BYTES (896 * 1024)
