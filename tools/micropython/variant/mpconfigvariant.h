// Our own unix variant: what the chip offers, plus virtual time. See ../README.md.
#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)

// 32-bit floats as on the RP2040.
#define MICROPY_FLOAT_IMPL (MICROPY_FLOAT_IMPL_FLOAT)

// All clocks and delays through vclock.
#define MICROPY_MPHALPORT_H "vclock.h"

#include "variants/mpconfigvariant_common.h"
