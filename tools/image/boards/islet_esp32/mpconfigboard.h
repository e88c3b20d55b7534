// islet on an ESP32.
// GPL-3.0-or-later
#include "../islet.h"

// More of the names than 128 come again and again; on an RP2040 fast.c remembers where they are.
#define MICROPY_OPT_MAP_LOOKUP_CACHE_SIZE (512)

#define MICROPY_HW_BOARD_NAME "islet ESP32"

#include "boards/ESP32_GENERIC/mpconfigboard.h"
