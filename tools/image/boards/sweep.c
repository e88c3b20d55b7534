// islet: the collector frees what nobody has found, sixteen blocks at once; see common.cmake.
// GPL-3.0-or-later

#include <string.h>

#include "py/gc.h"
#include "py/mpstate.h"
#include "py/runtime.h"

#if MICROPY_GC_SPLIT_HEAP || !MICROPY_ENABLE_FINALISER
#error "one area is swept, and what has __del__ is known"
#endif

#ifndef FAST
#define FAST(name) __attribute__((section(".time_critical." #name), optimize("O2"), noinline))
#endif

// Two bits a block, as in py/gc.c: 00 is free, 01 the head of what is not in use, 11 of what is, 10 a
// part of what began before it.
#define LOW (0x55555555)

// What the table has for sixteen blocks afterwards. `going`: what is freed goes on behind them, and as
// it is given, that before them did, to the block of bit `first`.
static inline uint32_t swept(uint32_t kinds, unsigned first, uint32_t *going) {
    const uint32_t high = kinds >> 1;
    const uint32_t gone = kinds & ~high & LOW;
    const uint32_t kept = kinds & high & LOW;
    const uint32_t parts = ~kinds & high & LOW;
    #if MICROPY_PY_GC_COLLECT_RETVAL
    MP_STATE_MEM(gc_collected) += __builtin_popcount(gone);
    #endif
    // A one added to the first of a row of parts clears that row, by its carry.
    const uint32_t rows = parts | parts << 1;
    const uint32_t left = rows + ((gone << 2 | *going << first) & parts);
    *going = gone >> 30 | (left < rows);
    return kept | (parts << 1 & left);
}

// The table from its beginning to the last block in use; where in it the last is that stays.
static size_t FAST(gc_sweep) sweep(byte *table, size_t size) {
    byte *at = table, *const end = table + size, *last = table;
    uint32_t going = 0;
    while (at < end) {
        if ((uintptr_t)at % 4 || end - at < 4) {
            *at = swept((uint32_t)*at << 24, 24, &going) >> 24;
            last = *at ? at : last;
            at++;
        } else {
            uint32_t *word = (uint32_t *)at;
            if (*word || going) {
                *word = swept(*word, 0, &going);
                last = *word ? at : last;
            }
            at += 4;
        }
    }
    for (size_t i = 3; i > 0; i--) { // of that word
        if (last + i < end && last[i]) {
            return last + i - table;
        }
    }
    return last - table;
}

// Whatever goes and has __del__, an open file: it is called before anything is freed.
static void FAST(gc_finalise) finalise(const mp_state_mem_area_t *area) {
    byte *const table = area->gc_finaliser_table_start;
    const size_t end = area->gc_last_used_block / 8;
    for (size_t i = 0; i <= end; i++) {
        for (size_t bits = table[i], block = i * 8; bits; bits >>= 1, block++) {
            if (!(bits & 1) || (area->gc_alloc_table_start[block / 4] >> block % 4 * 2 & 3) != 1) {
                continue;
            }
            mp_obj_base_t *object = (void *)(area->gc_pool_start + block * MICROPY_BYTES_PER_GC_BLOCK);
            if (object->type != NULL) { // it was made to the end
                mp_obj_t call[2];
                mp_load_method_maybe(MP_OBJ_FROM_PTR(object), MP_QSTR___del__, call);
                if (call[0] != MP_OBJ_NULL) {
                    #if MICROPY_ENABLE_SCHEDULER
                    mp_sched_lock();
                    #endif
                    mp_call_function_1_protected(call[0], call[1]);
                    #if MICROPY_ENABLE_SCHEDULER
                    mp_sched_unlock();
                    #endif
                }
            }
            table[i] &= ~(1 << block % 8);
        }
    }
}

void gc_mark_again(void); // mark.c

// MicroPython's looks at each block by itself, which held the loop for 3.5 ms.
void gc_finish(void) {
    mp_state_mem_area_t *area = &MP_STATE_MEM(area);
    gc_mark_again();
    #if MICROPY_PY_GC_COLLECT_RETVAL
    MP_STATE_MEM(gc_collected) = 0;
    #endif
    finalise(area);
    size_t last = 4 * sweep(area->gc_alloc_table_start, area->gc_last_used_block / 4 + 1);
    const size_t kinds = area->gc_alloc_table_start[last / 4];
    area->gc_last_used_block = last + (kinds >> 6 ? 3 : kinds >> 4 ? 2 : kinds >> 2 ? 1 : 0);
    area->gc_last_free_atb_index = 0;
    MP_STATE_THREAD(gc_lock_depth) &= ~GC_COLLECT_FLAG;
    #if MICROPY_PY_THREAD && !MICROPY_PY_THREAD_GIL
    mp_thread_recursive_mutex_unlock(&MP_STATE_MEM(gc_mutex));
    #endif
}
