// islet on an ESP32.
// GPL-3.0-or-later
//
// Not ../islet.h: this port has threads of its own, and nobody makes a stack for Python's frames here
// (mp_pystack_init; on an RP2040 frames.c does).

#define MICROPY_PY___FILE__ (0)
#define MICROPY_ALLOC_GC_STACK_SIZE (192)

// More of the names than 128 come again and again; on an RP2040 fast.c remembers where they are.
#define MICROPY_OPT_MAP_LOOKUP_CACHE_SIZE (512)

#define MICROPY_HW_BOARD_NAME "islet ESP32"

#include "boards/ESP32_GENERIC/mpconfigboard.h"
