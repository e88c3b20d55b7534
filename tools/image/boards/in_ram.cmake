# islet: before a link, moves the functions of in_ram.txt out of the flash; see common.cmake.
# GPL-3.0-or-later
#
# cmake -DOBJCOPY=… -DOBJECTS=a|b|… -DLIST=in_ram.txt -P in_ram.cmake
#
# Each function has a section of its own, and the linker script copies those named .time_critical
# into RAM at the start: the sections are named so, again before each link, which changes nothing.
string(REPLACE "|" ";" objects "${OBJECTS}")
file(STRINGS "${LIST}" rows REGEX "^[^#]")
foreach(row IN LISTS rows)
    separate_arguments(names UNIX_COMMAND "${row}")
    list(POP_FRONT names source)
    set(renamed "")
    foreach(name IN LISTS names)
        if(name MATCHES "^-(.*)")
            list(APPEND renamed --weaken-symbol ${CMAKE_MATCH_1})
            continue()
        endif()
        foreach(kind text rodata)
            list(APPEND renamed --rename-section .${kind}.${name}=.time_critical.${name})
        endforeach()
    endforeach()
    string(REPLACE "." "\\." pattern "/${source}.o")
    set(found ${objects})
    list(FILTER found INCLUDE REGEX "${pattern}$")
    list(LENGTH found count)
    if(NOT count EQUAL 1)
        message(FATAL_ERROR "in_ram.txt: ${source} is compiled ${count} times, expected once")
    endif()
    execute_process(COMMAND ${OBJCOPY} ${renamed} ${found} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
