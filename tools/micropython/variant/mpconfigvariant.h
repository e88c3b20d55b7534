// Our own unix variant: what the chip offers, plus virtual time. See ../README.md.
#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)

// 32-bit floats as on the RP2040.
#define MICROPY_FLOAT_IMPL (MICROPY_FLOAT_IMPL_FLOAT)

// All clocks and delays through vclock.
#define MICROPY_MPHALPORT_H "vclock.h"

// Python's frames on a stack of their own, as in our images: those of more than eleven words would
// come from the heap, most of all that is allocated.
#define MICROPY_ENABLE_PYSTACK (1)

#include "variants/mpconfigvariant_common.h"
