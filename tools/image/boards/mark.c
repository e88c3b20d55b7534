// islet: the collector finds what is still in use, in the place of MicroPython's; see common.cmake.
// GPL-3.0-or-later

#include <string.h>

#include "py/gc.h"
#include "py/mpstate.h"

#if MICROPY_GC_SPLIT_HEAP
#error "one area is marked"
#endif

// Two bits of the table for each block of the heap, as in py/gc.c.
#define HEAD (1)
#define TAIL (2)
#define MARK (3)
#define BLOCK (MICROPY_BYTES_PER_GC_BLOCK)
#define WORDS (BLOCK / sizeof(void *))

#ifndef FAST
#define FAST(name) __attribute__((section(".time_critical." #name), optimize("O2"), noinline))
#endif

#define KIND(table, block) ((table)[(block) >> 2] >> ((block) & 3) * 2 & 3)

// Look at all words of a stretch, a whole number of blocks, and of all that they lead to.
#if __ARM_ARCH_6M__
struct heap {
    uintptr_t minus_start; // turns a pointer into its distance from the heap's beginning
    uintptr_t size;
    byte *table;
    MICROPY_GC_STACK_ENTRY_TYPE *waiting, *waiting_end;
    int *overflow;
};

_Static_assert(BLOCK == 16 && sizeof(MICROPY_GC_STACK_ENTRY_TYPE) == 2, "look.S");

void gc_look(void **at, void **end, const struct heap *heap);

static void look(void **at, void **end) {
    const uintptr_t start = (uintptr_t)MP_STATE_MEM(area).gc_pool_start;
    const struct heap heap = {
        -start, (uintptr_t)MP_STATE_MEM(area).gc_pool_end - start, MP_STATE_MEM(area).gc_alloc_table_start,
        MP_STATE_MEM(gc_block_stack), MP_STATE_MEM(gc_block_stack) + MICROPY_ALLOC_GC_STACK_SIZE,
        &MP_STATE_MEM(gc_stack_overflow)
    };
    gc_look(at, end, &heap);
}
#else
static void look(void **at, void **end) {
    const uintptr_t start = (uintptr_t)MP_STATE_MEM(area).gc_pool_start;
    const uintptr_t size = (uintptr_t)MP_STATE_MEM(area).gc_pool_end - start;
    byte *const table = MP_STATE_MEM(area).gc_alloc_table_start;
    MICROPY_GC_STACK_ENTRY_TYPE *const bottom = MP_STATE_MEM(gc_block_stack), *top = bottom;
    for (;;) {
        for (; at < end; at++) {
            const uintptr_t offset = (uintptr_t)*at - start;
            const size_t block = offset / BLOCK;
            if (offset < size && offset % BLOCK == 0 && KIND(table, block) == HEAD) {
                table[block >> 2] |= MARK << (block & 3) * 2;
                if (top < bottom + MICROPY_ALLOC_GC_STACK_SIZE) {
                    *top++ = block;
                } else {
                    MP_STATE_MEM(gc_stack_overflow) = 1;
                }
            }
        }
        if (top == bottom) {
            return;
        }
        size_t block = *--top;
        at = (void **)(start + block * BLOCK);
        do {
            block++;
        } while (KIND(table, block) == TAIL);
        end = (void **)(start + block * BLOCK);
    }
}
#endif

// MicroPython reads where the heap is again for each word it looks at, and its stack of 64 is too
// small for what islet has (141 with all rooms): each collection then looked through all that was
// marked once more, and held the loop for 30 ms. The stack is MicroPython's still, of the size in
// islet.h.
void FAST(gc_collect_root) gc_collect_root(void **ptrs, size_t count) {
    const size_t rest = count % WORDS;
    void *first[WORDS] = { NULL };
    memcpy(first, ptrs, rest * sizeof(void *));
    look(first, first + WORDS);
    look(ptrs + rest, ptrs + count);
}

// That stack was too small all the same: whatever is marked is looked at again, until it is not.
void gc_mark_again(void) {
    const mp_state_mem_area_t *area = &MP_STATE_MEM(area);
    while (MP_STATE_MEM(gc_stack_overflow)) {
        MP_STATE_MEM(gc_stack_overflow) = 0;
        for (size_t block = 0; block < area->gc_alloc_table_byte_len * 4; block++) {
            if (KIND(area->gc_alloc_table_start, block) == MARK) {
                void **at = (void **)(area->gc_pool_start + block * BLOCK);
                while (KIND(area->gc_alloc_table_start, block + 1) == TAIL) {
                    block++;
                }
                look(at, (void **)(area->gc_pool_start + (block + 1) * BLOCK));
            }
        }
    }
}
