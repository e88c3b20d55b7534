// islet: the collector's heap ends where the stack begins; see common.cmake.
// GPL-3.0-or-later

#include <stddef.h>

extern char __StackBottom;

void __real_gc_init(void *start, void *end);

// The linker script lets the heap end with the RAM; a stack of more than the 8 kB behind it begins
// before that.
void __wrap_gc_init(void *start, void *end) {
    __real_gc_init(start, (char *)end < &__StackBottom ? end : &__StackBottom);
}
