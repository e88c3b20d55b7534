// islet: where Python's frames are; see common.cmake.
// GPL-3.0-or-later

#include "py/pystack.h"

// Of all that is called at once, interrupts upon interrupts included: 1.3 kB were written to at most
// (tests_host/rp2040/test_trips.py).
#define FRAMES (2560)

void __real_gc_init(void *start, void *end);

// The collector's heap ends before them, they where the C stack ends.
void __wrap_gc_init(void *start, void *end) {
    char *frames = (char *)end - FRAMES;
    __real_gc_init(start, frames);
    mp_pystack_init(frames, end);
}
