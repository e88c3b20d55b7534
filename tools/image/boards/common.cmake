# islet: what all our rp2 boards share; included by their mpconfigboard.cmake.
# GPL-3.0-or-later

# The Pico SDK brings one C++ file, which maps operator new to malloc. Nothing here calls it; without
# it no header of the C++ library is needed (1.6 GB installed), and gcc instead of g++ links without
# the library itself. (As CMAKE_CXX_FLAGS on the command line the definition would replace the
# toolchain's own flags, -mcpu and -mthumb, and the linker would take libraries of ARM code, which a
# Cortex-M0+ cannot run.)
add_compile_definitions(PICO_CXX_DISABLE_ALLOCATION_OVERRIDES=1)
cmake_language(DEFER CALL set_target_properties firmware PROPERTIES LINKER_LANGUAGE C)
cmake_language(DEFER CALL target_link_libraries firmware m) # which g++ gives by itself

# The same image in whatever folder it is built.
add_compile_options(
    -ffile-prefix-map=${MICROPY_DIR}=micropython
    -ffile-prefix-map=${PICO_SDK_PATH}=pico-sdk
    -ffile-prefix-map=${CMAKE_BINARY_DIR}=build
)

# mpy-tool.py puts frozen machine code (viper) at multiples of 2; but what it compiled reads its
# literals of more than 16 bits relative to a multiple of 4, and half of the functions would read
# something else. A header for that one file asks for 4 instead.
set_source_files_properties(
    ${CMAKE_BINARY_DIR}/frozen_content.c
    PROPERTIES COMPILE_OPTIONS "-include;${CMAKE_CURRENT_LIST_DIR}/frozen_align.h"
)

# The interpreter's inner parts in RAM. MicroPython's linker script means to keep vm.c, gc.c and
# parse.c out of the flash, by the names of their objects; but it writes .obj, and with this SDK they
# end in .o. in_ram.txt has what pays, function by function: a whole file would cost twice as much.
set(islet_boards ${CMAKE_CURRENT_LIST_DIR})
cmake_language(DEFER CALL add_custom_command
    TARGET firmware PRE_LINK
    COMMAND ${CMAKE_COMMAND} -DOBJCOPY=${CMAKE_OBJCOPY} -DLIST=${islet_boards}/in_ram.txt
        "-DOBJECTS=$<JOIN:$<TARGET_OBJECTS:firmware>,|>" -P ${islet_boards}/in_ram.cmake
    VERBATIM
)

# Python's frames on a stack of their own instead of the C stack and, from eleven words on, the heap.
# So what hard interrupts keep, one upon another, leaves room in MicroPython's 8 kB of C stack. What
# else of MicroPython is replaced stands in fast.c, free.c, irq.c, mark.c and sweep.c, and is put in its place by
# the linker. Where only the file itself refers to a function, MicroPython's is made weak (in_ram.cmake).
add_compile_definitions(MICROPY_OPT_MAP_LOOKUP_CACHE=0) # fast.c has its own
function(islet_own)
    target_sources(firmware PRIVATE ${islet_boards}/frames.c ${islet_boards}/fast.c ${islet_boards}/free.c ${islet_boards}/irq.c ${islet_boards}/mark.c ${islet_boards}/look.S ${islet_boards}/sweep.c)
    target_link_options(firmware PRIVATE
        -Wl,--wrap=gc_init,--wrap=gc_info,--wrap=gc_alloc,--wrap=gc_collect_end,--wrap=mp_irq_handler
        -Wl,--wrap=mp_map_lookup,--wrap=mp_load_method,--wrap=mp_store_attr
        -Wl,--wrap=mp_obj_subscr,--wrap=mp_binary_op,--wrap=mp_setup_code_state,--wrap=gc_sweep_all)
endfunction()
cmake_language(DEFER CALL islet_own)
