// inner: what is not in use is freed as on the chip.
#define FAST(name)
#include "../../image/boards/sweep.c"
