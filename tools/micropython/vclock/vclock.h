// The variant's HAL header: every clock and every delay of the interpreter goes through vclock,
// so that C code (asyncio's task queue, poll timeouts, time.ticks_*) sees virtual time too.
#ifndef VCLOCK_H
#define VCLOCK_H

#include "mphalport.h"

mp_uint_t vclock_ticks_ms(void);
mp_uint_t vclock_ticks_us(void);
void vclock_delay_ms(mp_uint_t ms);
void vclock_delay_us(mp_uint_t us);

#undef mp_hal_ticks_cpu
#define mp_hal_ticks_ms vclock_ticks_ms
#define mp_hal_ticks_us vclock_ticks_us
#define mp_hal_ticks_cpu vclock_ticks_us // as on the RP2040, where it counts microseconds
#define mp_hal_delay_ms vclock_delay_ms
#define mp_hal_delay_us vclock_delay_us

// Waiting for an event must not pass virtual time: only advance_us() and a delay do.
#undef MICROPY_INTERNAL_WFE
#define MICROPY_INTERNAL_WFE(timeout_ms) usleep(500)

#endif
