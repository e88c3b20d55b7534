// islet: what all our boards of port rp2 share; included by their mpconfigboard.h.
// GPL-3.0-or-later

// A module need not know its file: a slot of the heap in each of more than a hundred.
#define MICROPY_PY___FILE__ (0)

// All of islet runs on one core (an interrupt beside the other may not allocate): without threads no
// call asks which core it is on, and no allocation takes a lock.
#define MICROPY_PY_THREAD (0)

// The frame of a function with more than eleven words would come from the heap, 60 µs a call. All
// are on a stack of their own instead (frames.c).
#define MICROPY_ENABLE_PYSTACK (1)

// What the collector has still to look at: 141 at once with all rooms loaded and clients on the page.
// With less room than that it looks through all it has marked once more (mark.c).
#define MICROPY_ALLOC_GC_STACK_SIZE (192)
