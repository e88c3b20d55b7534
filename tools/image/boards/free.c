// islet: how much of the collector's heap is free, and where it begins; see common.cmake.
// GPL-3.0-or-later

#include <string.h>

#include "py/gc.h"
#include "py/mpstate.h"

#if MICROPY_GC_SPLIT_HEAP
#error "one area is counted"
#endif

// Of sixteen blocks at once how many are used: two bits each, 00 is free.
static size_t used(uint32_t blocks) {
    blocks = (blocks | blocks >> 1) & 0x55555555;
    blocks = (blocks & 0x33333333) + (blocks >> 2 & 0x33333333);
    blocks = (blocks + (blocks >> 4)) & 0x0f0f0f0f;
    return blocks * 0x01010101 >> 24;
}

// What gc.mem_free() and gc.mem_alloc() ask. MicroPython's takes each block by itself and holds the
// loop for 10 ms; this counts them and nothing else, sixteen in a word. micropython.mem_info() still
// has MicroPython's: what calls it is in the same file.
void __wrap_gc_info(gc_info_t *info) {
    const mp_state_mem_area_t *area = &MP_STATE_MEM(area);
    const byte *at = area->gc_alloc_table_start, *end = at + area->gc_alloc_table_byte_len;
    size_t count = 0;
    for (; at < end && (uintptr_t)at % 4; at++) {
        count += used(*at);
    }
    for (; at + 4 <= end; at += 4) {
        count += used(*(const uint32_t *)at);
    }
    for (; at < end; at++) {
        count += used(*at);
    }
    memset(info, 0, sizeof(*info));
    info->total = area->gc_pool_end - area->gc_pool_start;
    info->used = count * MICROPY_BYTES_PER_GC_BLOCK;
    info->free = info->total - info->used;
}

void fast_forget(void); // fast.c
void gc_finish(void); // sweep.c
void *__real_gc_alloc(size_t n_bytes, unsigned int flags);

#define LARGE_HOLE (8) // bytes of the table, four blocks each

static size_t large; // where in the table more than one block is looked for
static bool collected;

void __wrap_gc_collect_end(void) {
    gc_finish(); // in the place of MicroPython's
    fast_forget(); // whose object is gone, also if an interrupt has asked for it meanwhile
    const mp_state_mem_area_t *area = &MP_STATE_MEM(area);
    size_t free = 0;
    large = 0;
    for (size_t i = 0; i < area->gc_alloc_table_byte_len && free < LARGE_HOLE; i++) {
        free = area->gc_alloc_table_start[i] ? 0 : free + 1;
        large = i + 1 - free;
    }
    collected = true;
}

// MicroPython looks for more than one block from the first hole of one block on: after a collection
// past 140 kB of what lasts, half a millisecond for each, until all those holes are filled. So it
// begins at the first large hole; what finds no room behind it begins before.
void *__attribute__((section(".time_critical.gc_alloc"))) __wrap_gc_alloc(size_t n_bytes, unsigned int flags) {
    mp_state_mem_area_t *area = &MP_STATE_MEM(area);
    size_t one = area->gc_last_free_atb_index;
    if (n_bytes <= MICROPY_BYTES_PER_GC_BLOCK || one >= large) {
        return __real_gc_alloc(n_bytes, flags);
    }
    collected = false;
    area->gc_last_free_atb_index = large;
    void *found = __real_gc_alloc(n_bytes, flags);
    if (!collected) {
        area->gc_last_free_atb_index = one;
    }
    return found ? found : __real_gc_alloc(n_bytes, flags);
}
