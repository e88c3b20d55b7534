// inner: what is in use is found as on the chip, from the stack and the registers on.
#define FAST(name)
#define gc_collect_root __wrap_gc_collect_root
#include "../../image/boards/mark.c"
