// islet on a Raspberry Pi Pico. docs/images.md has the layout of the flash.
// GPL-3.0-or-later
#include "../islet.h"
#define MICROPY_HW_BOARD_NAME "islet Pico"

// What rp2.Flash reaches: from where images of before had the file system, 256 kB of it the
// code's now. tools/image/flash.json has the layout, docs/images.md says it.
#define MICROPY_HW_FLASH_STORAGE_BYTES (1152 * 1024)
