// islet: what the interpreter does most often, by the shortest way; see common.cmake.
// GPL-3.0-or-later
//
// Each of these does what MicroPython's own does, for the cases that make up nearly all calls, and
// leaves the rest to it. All run from RAM; what they replace there runs from the flash.

#include <string.h>

#include "py/bc.h"
#include "py/gc.h"
#include "py/objarray.h"
#include "py/objfun.h"
#include "py/objmodule.h"
#include "py/objtype.h"
#include "py/runtime.h"
#include "py/smallint.h"

#include "hardware/sync.h"

#define FAST(name) __attribute__((section(".time_critical." #name), optimize("O2")))

static inline const mp_obj_type_t *type_of(mp_obj_t object) {
    return ((mp_obj_base_t *)MP_OBJ_TO_PTR(object))->type;
}

// --- names -----------------------------------------------------------------------------------------

// Where a name was last found in a map. MicroPython remembers one place a name, which classes with the
// same name at other places take from each other, and divides to see whether it is one of the map's.
#define PLACES (1024)
static uint8_t places[PLACES];

// A map of up to this many names is looked through, instead of the name's hash and a division.
#define SHORT (24)

// The methods of objects, by name, two in a place: what stands here says that the object has no
// attribute of its own of that name, and where its class or a parent has it. What is added to an object
// is taken out of here; a change of a class or a collection empties it.
#define METHODS (64)
struct method {
    mp_obj_t object;
    mp_map_elem_t *at;
};
static struct methods {
    struct method new, old;
} methods[METHODS];

static inline struct methods *methods_of(const void *object, mp_obj_t name) {
    return &methods[((uintptr_t)object >> 4 ^ (uintptr_t)name >> 3) % METHODS];
}

// How often something was taken out. Who saw another number before he asked may not remember: an
// interrupt came between that gave the object a method of its own or changed the class.
static volatile uint32_t changes;

void fast_forget(void) {
    uint32_t state = save_and_disable_interrupts();
    changes++;
    memset(methods, 0, sizeof(methods));
    restore_interrupts(state);
}

void __real_gc_sweep_all(void);

// A soft reset, which ends without the collection's end of free.c.
void __wrap_gc_sweep_all(void) {
    __real_gc_sweep_all();
    fast_forget();
}

// A name was added to a map: perhaps to an object's own.
static void added(const mp_map_t *map, mp_obj_t name) {
    const void *object = (const byte *)map - offsetof(mp_obj_instance_t, members);
    struct methods *place = methods_of(object, name);
    uint32_t state = save_and_disable_interrupts();
    changes++;
    place->new.object = place->old.object = MP_OBJ_NULL;
    restore_interrupts(state);
}

mp_map_elem_t *__real_mp_map_lookup(mp_map_t *map, mp_obj_t index, mp_map_lookup_kind_t kind);

mp_map_elem_t *FAST(mp_map_lookup) __wrap_mp_map_lookup(mp_map_t *map, mp_obj_t index, mp_map_lookup_kind_t kind) {
    if (kind != MP_MAP_LOOKUP_REMOVE_IF_FOUND) {
        uint8_t *place = &places[((uintptr_t)map >> 4 ^ (uintptr_t)index >> 3) % PLACES];
        size_t at = *place;
        const size_t end = map->is_ordered ? map->used : map->alloc;
        mp_map_elem_t *found = &map->table[at];
        if (at < end && found->key == index) {
            return found;
        }
        if (end <= SHORT && mp_obj_is_qstr(index)) {
            found = map->table;
            for (at = 0; at < end; at++, found++) {
                if (found->key == index) {
                    *place = at;
                    return found;
                }
            }
            if (kind == MP_MAP_LOOKUP && map->all_keys_are_qstrs) {
                return NULL;
            }
        }
        found = __real_mp_map_lookup(map, index, kind);
        if (found != NULL) {
            *place = found - map->table;
            if (found->value == MP_OBJ_NULL) {
                added(map, index);
            }
        }
        return found;
    }
    return __real_mp_map_lookup(map, index, kind);
}

void __real_mp_load_method(mp_obj_t base, qstr attr, mp_obj_t *dest);
void __real_mp_store_attr(mp_obj_t base, qstr attr, mp_obj_t value);

// Remember where a class or its parents have a method.
static void learn(mp_obj_t object, mp_obj_t name, mp_obj_t function, uint32_t before) {
    const mp_obj_type_t *type = type_of(object);
    while (mp_obj_is_instance_type(type) && MP_OBJ_TYPE_HAS_SLOT(type, locals_dict)) {
        mp_map_elem_t *at = mp_map_lookup(&MP_OBJ_TYPE_GET_SLOT(type, locals_dict)->map, name, MP_MAP_LOOKUP);
        if (at != NULL) {
            if (at->value == function) {
                struct methods *place = methods_of(MP_OBJ_TO_PTR(object), name);
                uint32_t state = save_and_disable_interrupts(); // what interrupts asks here too
                if (changes == before) {
                    place->old = place->new;
                    place->new.object = object;
                    place->new.at = at;
                }
                restore_interrupts(state);
            }
            return;
        }
        const void *parent = MP_OBJ_TYPE_GET_SLOT_OR_NULL(type, parent);
        if (parent == NULL || ((const mp_obj_base_t *)parent)->type != &mp_type_type) {
            return;
        }
        type = parent;
    }
}

void FAST(mp_load_method) __wrap_mp_load_method(mp_obj_t base, qstr attr, mp_obj_t *dest) {
    mp_obj_t name = MP_OBJ_NEW_QSTR(attr);
    if (!mp_obj_is_obj(base)) {
        __real_mp_load_method(base, attr, dest);
        return;
    }
    const struct methods *place = methods_of(MP_OBJ_TO_PTR(base), name);
    uint32_t state = save_and_disable_interrupts();
    const mp_map_elem_t *at = place->new.object == base ? place->new.at : NULL;
    if (at == NULL || at->key != name) {
        at = place->old.object == base ? place->old.at : NULL;
    }
    restore_interrupts(state);
    if (at != NULL && at->key == name) {
        mp_obj_t function = at->value; // as the class has it now
        if (mp_obj_is_obj(function) && type_of(function) == &mp_type_fun_bc) {
            dest[0] = function;
            dest[1] = base;
            return;
        }
    }
    const uint32_t before = changes;
    const mp_obj_type_t *type = type_of(base);
    mp_map_t *own = NULL; // what has the name itself
    if (mp_obj_is_instance_type(type)) {
        own = &((mp_obj_instance_t *)MP_OBJ_TO_PTR(base))->members;
    } else if (type == &mp_type_module) {
        own = &((mp_obj_module_t *)MP_OBJ_TO_PTR(base))->globals->map;
    }
    if (own != NULL && attr != MP_QSTR___class__) {
        const mp_map_elem_t *found = __wrap_mp_map_lookup(own, name, MP_MAP_LOOKUP);
        if (found != NULL && found->value != MP_OBJ_NULL) { // there, and not just being added
            dest[0] = found->value;
            dest[1] = MP_OBJ_NULL;
            return;
        }
    }
    __real_mp_load_method(base, attr, dest);
    if (dest[1] == base && mp_obj_is_obj(dest[0]) && type_of(dest[0]) == &mp_type_fun_bc) {
        learn(base, name, dest[0], before);
    }
}

void FAST(mp_store_attr) __wrap_mp_store_attr(mp_obj_t base, qstr attr, mp_obj_t value) {
    if (value != MP_OBJ_NULL && mp_obj_is_obj(base)) {
        const uint16_t flags = type_of(base)->flags;
        if ((flags & (MP_TYPE_FLAG_INSTANCE_TYPE | MP_TYPE_FLAG_HAS_SPECIAL_ACCESSORS)) == MP_TYPE_FLAG_INSTANCE_TYPE) {
            mp_obj_instance_t *self = MP_OBJ_TO_PTR(base);
            mp_map_elem_t *found = __wrap_mp_map_lookup(&self->members, MP_OBJ_NEW_QSTR(attr), MP_MAP_LOOKUP);
            if (found != NULL) {
                found->value = value;
                return;
            }
        }
    }
    const bool of_class = mp_obj_is_type(base, &mp_type_type);
    __real_mp_store_attr(base, attr, value); // raises only before it has changed anything
    if (of_class) {
        fast_forget(); // what an interrupt learnt of the class before, too
    }
}

// --- items of arrays, small integers ---------------------------------------------------------------

mp_obj_t __real_mp_obj_subscr(mp_obj_t base, mp_obj_t index, mp_obj_t value);

// An item of array("i").
mp_obj_t FAST(mp_obj_subscr) __wrap_mp_obj_subscr(mp_obj_t base, mp_obj_t index, mp_obj_t value) {
    if (mp_obj_is_small_int(index) && mp_obj_is_obj(base)) {
        const mp_obj_array_t *array = MP_OBJ_TO_PTR(base);
        size_t at = MP_OBJ_SMALL_INT_VALUE(index); // a negative one is beyond any length
        if (array->base.type == &mp_type_array && array->typecode == 'i' && at < array->len) {
            mp_int_t *item = (mp_int_t *)array->items + at;
            if (value == MP_OBJ_SENTINEL) {
                mp_int_t number = *item;
                if (MP_SMALL_INT_FITS(number)) {
                    return MP_OBJ_NEW_SMALL_INT(number);
                }
            } else if (mp_obj_is_small_int(value)) {
                *item = MP_OBJ_SMALL_INT_VALUE(value);
                return mp_const_none;
            }
        }
    }
    return __real_mp_obj_subscr(base, index, value);
}

mp_obj_t __real_mp_binary_op(mp_binary_op_t op, mp_obj_t lhs, mp_obj_t rhs);

// Two small integers, where the result is one too. As objects both carry the same bit below, so they
// compare as they are.
mp_obj_t FAST(mp_binary_op) __wrap_mp_binary_op(mp_binary_op_t op, mp_obj_t lhs, mp_obj_t rhs) {
    if (op == MP_BINARY_OP_IS) {
        return mp_obj_new_bool(lhs == rhs);
    }
    mp_int_t a = (mp_int_t)lhs, b = (mp_int_t)rhs;
    if (!(a & b & 1)) {
        return __real_mp_binary_op(op, lhs, rhs);
    }
    if (op <= MP_BINARY_OP_NOT_EQUAL) {
        // of each comparison for which of less, equal and more it holds
        const uint32_t holds = 1 << 0 | 4 << 4 | 2 << 8 | 3 << 12 | 6 << 16 | 5 << 20;
        return mp_obj_new_bool(holds >> 4 * op & (a < b ? 1 : a == b ? 2 : 4));
    }
    size_t does = op >= MP_BINARY_OP_OR ? op - (MP_BINARY_OP_OR - MP_BINARY_OP_INPLACE_OR) : op;
    mp_int_t found;
    if (does == MP_BINARY_OP_INPLACE_ADD) {
        if (!__builtin_add_overflow(a, b - 1, &found)) {
            return (mp_obj_t)found;
        }
    } else if (does == MP_BINARY_OP_INPLACE_SUBTRACT) {
        if (!__builtin_sub_overflow(a, b - 1, &found)) {
            return (mp_obj_t)found;
        }
    } else if (does == MP_BINARY_OP_INPLACE_AND) {
        return (mp_obj_t)(a & b);
    } else if (does == MP_BINARY_OP_INPLACE_OR) {
        return (mp_obj_t)(a | b);
    } else {
        a >>= 1;
        b >>= 1;
        if (does == MP_BINARY_OP_INPLACE_MULTIPLY) {
            if (((a + 0x4000) | (b + 0x4000)) >> 15 == 0) { // 15 bits each
                return MP_OBJ_NEW_SMALL_INT(a * b);
            }
        } else if (a >= 0 && b > 0) {
            if (does == MP_BINARY_OP_INPLACE_FLOOR_DIVIDE) {
                return MP_OBJ_NEW_SMALL_INT((mp_uint_t)a / (mp_uint_t)b);
            } else if (does == MP_BINARY_OP_INPLACE_MODULO) {
                return MP_OBJ_NEW_SMALL_INT((mp_uint_t)a % (mp_uint_t)b);
            } else if (does == MP_BINARY_OP_INPLACE_RSHIFT && b < 31) {
                return MP_OBJ_NEW_SMALL_INT(a >> b);
            }
        }
    }
    return __real_mp_binary_op(op, lhs, rhs);
}

// --- calls -----------------------------------------------------------------------------------------

// A kernel's arguments and result, in the place of nativeglue.c's: small integers, and the place of an
// array's items.
mp_uint_t FAST(mp_native_from_obj) mp_native_from_obj(mp_obj_t obj, mp_uint_t type) {
    type &= 0xf;
    if (type == MP_NATIVE_TYPE_OBJ) {
        return (mp_uint_t)obj;
    }
    if (type == MP_NATIVE_TYPE_BOOL) {
        return mp_obj_is_true(obj);
    }
    if (mp_obj_is_small_int(obj)) {
        return MP_OBJ_SMALL_INT_VALUE(obj);
    }
    if (type != MP_NATIVE_TYPE_INT && type != MP_NATIVE_TYPE_UINT) {
        if (mp_obj_is_obj(obj) && type_of(obj) == &mp_type_array) {
            return (mp_uint_t)((mp_obj_array_t *)MP_OBJ_TO_PTR(obj))->items;
        }
        mp_buffer_info_t found;
        if (mp_get_buffer(obj, &found, MP_BUFFER_READ)) {
            return (mp_uint_t)found.buf;
        }
    }
    return mp_obj_get_int_truncated(obj); // for a pointer too: an address
}

mp_obj_t FAST(mp_native_to_obj) mp_native_to_obj(mp_uint_t val, mp_uint_t type) {
    type &= 0xf;
    if (type == MP_NATIVE_TYPE_OBJ) {
        return (mp_obj_t)val;
    }
    if (type == MP_NATIVE_TYPE_INT) {
        return MP_SMALL_INT_FITS(val) ? MP_OBJ_NEW_SMALL_INT(val) : mp_obj_new_int(val);
    }
    if (type == MP_NATIVE_TYPE_BOOL) {
        return mp_obj_new_bool(val);
    }
    if (type == MP_NATIVE_TYPE_QSTR) {
        return MP_OBJ_NEW_QSTR(val);
    }
    return mp_obj_new_int_from_uint(val); // a pointer is given back as its number
}

void __real_mp_setup_code_state(mp_code_state_t *state, size_t n_args, size_t n_kw, const mp_obj_t *args);

// A function that is given just the arguments that it has, by their order.
void FAST(mp_setup_code_state) __wrap_mp_setup_code_state(mp_code_state_t *state, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    const byte *ip = state->fun_bc->bytecode;
    MP_BC_PRELUDE_SIG_DECODE(ip);
    MP_BC_PRELUDE_SIZE_DECODE(ip);
    if (n_kw != 0 || scope_flags != 0 || n_args != n_pos_args || n_kwonly_args != 0 || n_cell != 0) {
        __real_mp_setup_code_state(state, n_args, n_kw, args);
        return;
    }
    state->ip = ip + n_info;
    state->sp = &state->state[0] - 1;
    state->exc_sp_idx = 0;
    mp_obj_t *at = state->state, *end = at + n_state;
    const mp_obj_t *next = args;
    for (mp_obj_t *first = end - n_args; at < first; at++) {
        *at = MP_OBJ_NULL;
    }
    while (end > at) {
        *--end = *next++;
    }
}
