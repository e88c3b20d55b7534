// islet on an ESP32.
// GPL-3.0-or-later
#include "../islet.h"
#define MICROPY_HW_BOARD_NAME "islet ESP32"

#include "boards/ESP32_GENERIC/mpconfigboard.h"
