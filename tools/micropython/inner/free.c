// inner: what is free is counted as on the chip.
#include "../../image/boards/free.c"
