// inner: what is free is counted as on the chip.
#include "../../image/boards/free.c"

void fast_forget(void) {
    // an image's methods; here are none
}
