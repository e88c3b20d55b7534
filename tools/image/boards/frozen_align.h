// islet: frozen machine code begins at a multiple of 4; see common.cmake.
// GPL-3.0-or-later
#include <stdint.h> // all that frozen_content.c includes: it must not see the definition below

#include "py/mpconfig.h"
#include "py/objint.h"
#include "py/objstr.h"
#include "py/emitglue.h"
#include "py/nativeglue.h"

#define aligned(bytes) aligned(4)
