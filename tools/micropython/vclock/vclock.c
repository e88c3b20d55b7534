// vclock: one clock for the whole interpreter, real at start, virtual on request.
#include <time.h>
#include <unistd.h>

#include "py/mphal.h"
#include "py/objtype.h"
#include "py/runtime.h"

static bool is_virtual;
static uint64_t virtual_us;

static uint64_t now_us(void) {
    if (is_virtual) {
        return virtual_us;
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

mp_uint_t vclock_ticks_ms(void) {
    return (mp_uint_t)(now_us() / 1000);
}

mp_uint_t vclock_ticks_us(void) {
    return (mp_uint_t)now_us();
}

// A blocking delay on virtual time passes that time at once; waiting would last for ever.
void vclock_delay_us(mp_uint_t us) {
    if (is_virtual) {
        virtual_us += us;
    } else {
        usleep(us);
    }
}

void vclock_delay_ms(mp_uint_t ms) {
    if (is_virtual) {
        virtual_us += (uint64_t)ms * 1000;
        return;
    }
    mp_uint_t start = vclock_ticks_ms();
    while (vclock_ticks_ms() - start < ms) {
        mp_event_wait_ms(1);
    }
}

// virtual(True): the clock stands at 0 and moves by advance_us() only. virtual(False): real again.
static mp_obj_t vclock_virtual(mp_obj_t start) {
    is_virtual = mp_obj_is_true(start);
    virtual_us = 0;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(vclock_virtual_obj, vclock_virtual);

static mp_obj_t vclock_advance_us(mp_obj_t us) {
    mp_int_t n = mp_obj_get_int(us);
    if (n < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("time goes forward"));
    }
    virtual_us += (uint64_t)n;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(vclock_advance_us_obj, vclock_advance_us);

static mp_obj_t vclock_is_virtual(void) {
    return mp_obj_new_bool(is_virtual);
}
static MP_DEFINE_CONST_FUN_OBJ_0(vclock_is_virtual_obj, vclock_is_virtual);

static mp_int_t due_of(mp_obj_t alarm) {
    if (!mp_obj_is_instance_type(mp_obj_get_type(alarm))) {
        mp_raise_TypeError(MP_ERROR_TEXT("an alarm is an instance"));
    }
    mp_obj_instance_t *self = MP_OBJ_TO_PTR(alarm);
    mp_map_elem_t *due = mp_map_lookup(&self->members, MP_OBJ_NEW_QSTR(MP_QSTR_due), MP_MAP_LOOKUP);
    return mp_obj_get_int(due == NULL ? mp_load_attr(alarm, MP_QSTR_due) : due->value);
}

// Alarms are objects with a time `due`. first(alarms, now): the first one whose time has come, or None.
static mp_obj_t vclock_first(mp_obj_t alarms, mp_obj_t now) {
    size_t count;
    mp_obj_t *alarm;
    mp_obj_get_array(alarms, &count, &alarm);
    mp_int_t now_us = mp_obj_get_int(now);
    for (size_t i = 0; i < count; i++) {
        if (due_of(alarm[i]) <= now_us) {
            return alarm[i];
        }
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(vclock_first_obj, vclock_first);

// soonest(alarms, until): the least of their times, `until` at the latest.
static mp_obj_t vclock_soonest(mp_obj_t alarms, mp_obj_t until) {
    size_t count;
    mp_obj_t *alarm;
    mp_obj_get_array(alarms, &count, &alarm);
    mp_int_t least = mp_obj_get_int(until);
    for (size_t i = 0; i < count; i++) {
        mp_int_t due = due_of(alarm[i]);
        least = due < least ? due : least;
    }
    return mp_obj_new_int(least);
}
static MP_DEFINE_CONST_FUN_OBJ_2(vclock_soonest_obj, vclock_soonest);

static const mp_rom_map_elem_t vclock_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_vclock) },
    { MP_ROM_QSTR(MP_QSTR_virtual), MP_ROM_PTR(&vclock_virtual_obj) },
    { MP_ROM_QSTR(MP_QSTR_advance_us), MP_ROM_PTR(&vclock_advance_us_obj) },
    { MP_ROM_QSTR(MP_QSTR_is_virtual), MP_ROM_PTR(&vclock_is_virtual_obj) },
    { MP_ROM_QSTR(MP_QSTR_first), MP_ROM_PTR(&vclock_first_obj) },
    { MP_ROM_QSTR(MP_QSTR_soonest), MP_ROM_PTR(&vclock_soonest_obj) },
};
static MP_DEFINE_CONST_DICT(vclock_globals, vclock_globals_table);

const mp_obj_module_t vclock_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&vclock_globals,
};

MP_REGISTER_MODULE(MP_QSTR_vclock, vclock_module);
