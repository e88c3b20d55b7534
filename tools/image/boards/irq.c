// islet: an interrupt whose handler has failed once is called again; see common.cmake.
// GPL-3.0-or-later

#include "py/gc.h"
#include "py/runtime.h"
#include "shared/runtime/mpirq.h"

#include "hardware/structs/watchdog.h"

// MicroPython never calls a handler again that has raised, and prints why inside the interrupt, which
// waits for a slow console for up to 500 ms: after one failed check of the stack the trip's pin is
// deaf, or nothing samples. Here it stays, nothing is printed, and SCRATCH1 of the watchdog counts:
// firmware/chips/rp2.py reads it. (SCRATCH0 is the seal, 4 to 7 are the boot ROM's.)
void __wrap_mp_irq_handler(mp_irq_obj_t *self) {
    if (self->handler == mp_const_none) {
        return;
    }
    if (!self->ishard) {
        mp_sched_schedule(self->handler, self->parent);
        return;
    }
    mp_sched_lock();
    gc_lock();
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_call_function_1(self->handler, self->parent);
        nlr_pop();
    } else {
        watchdog_hw->scratch[1]++;
    }
    gc_unlock();
    mp_sched_unlock();
}
