// islet: the collector finds what is still in use, in the place of MicroPython's; see common.cmake.
// GPL-3.0-or-later

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
#define BLOCK_BITS (4)

_Static_assert(BLOCK == 1 << BLOCK_BITS, "a block's number is a pointer's without its low bits");

#define FAST(name) __attribute__((section(".time_critical." #name), optimize("O2"), noinline))

static MICROPY_GC_STACK_ENTRY_TYPE *top;

// A block some pointer is to: whatever begins there is in use, and its words are looked at later.
static void FAST(gc_mark) mark(size_t block) {
    byte *kinds = &MP_STATE_MEM(area).gc_alloc_table_start[block >> 2];
    const unsigned shift = (block & 3) * 2;
    if ((*kinds >> shift & 3) == HEAD) {
        *kinds |= MARK << shift;
        if (top < MP_STATE_MEM(gc_block_stack) + MICROPY_ALLOC_GC_STACK_SIZE) {
            *top++ = block;
        } else {
            MP_STATE_MEM(gc_stack_overflow) = 1;
        }
    }
}

// All words of a stretch. Turned right by four bits a pointer that is not at a block's beginning is a
// number beyond all blocks, so one comparison tells both. Few variables, so that all are in registers.
static void FAST(gc_look) look(void **at, void **end) {
    const uintptr_t pool = (uintptr_t)MP_STATE_MEM(area).gc_pool_start;
    const size_t blocks = ((uintptr_t)MP_STATE_MEM(area).gc_pool_end - pool) >> BLOCK_BITS;
    while (at < end) {
        uintptr_t offset = (uintptr_t)*at++ - pool;
        size_t block = offset >> BLOCK_BITS | offset << (32 - BLOCK_BITS);
        if (block < blocks) {
            mark(block);
        }
    }
}

// MicroPython reads where the heap is again for each word it looks at, and its stack of 64 is too
// small for what islet has (141 with all rooms): each collection then looked through all that was
// marked once more, and held the loop for 30 ms. The stack is MicroPython's still, of the size in
// islet.h; should that be too small, what MicroPython does about it is done.
void FAST(gc_collect_root) gc_collect_root(void **ptrs, size_t count) {
    MICROPY_GC_STACK_ENTRY_TYPE *const bottom = MP_STATE_MEM(gc_block_stack);
    top = bottom;
    look(ptrs, ptrs + count);
    while (top > bottom) {
        const size_t first = *--top;
        const byte *table = MP_STATE_MEM(area).gc_alloc_table_start;
        size_t block = first;
        do {
            block++;
        } while ((table[block >> 2] >> (block & 3) * 2 & 3) == TAIL);
        void **words = (void **)(MP_STATE_MEM(area).gc_pool_start + first * BLOCK);
        look(words, words + (block - first) * (BLOCK / sizeof(void *)));
    }
}
