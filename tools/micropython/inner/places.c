// inner: where a map has a key, remembered by the map and the key.
//
// MicroPython remembers it by the key alone, so that two maps with one key take turns in forgetting;
// and for a key that is not in a map it has nothing, though that is what every call of a method asks
// first. What is found is the same.
#include "py/obj.h"
#include "py/qstr.h"

#define PLACES (1 << 13)

static uint16_t places[PLACES];

mp_map_elem_t *__real_mp_map_lookup(mp_map_t *map, mp_obj_t index, mp_map_lookup_kind_t kind);

static __attribute__((noinline)) mp_map_elem_t *search(mp_map_t *map, mp_obj_t index,
    mp_map_lookup_kind_t kind, uint16_t *place) {
    mp_map_elem_t *table = map->table, *found;
    if (kind == MP_MAP_LOOKUP && map->all_keys_are_qstrs && !map->is_ordered && mp_obj_is_qstr(index)) {
        size_t alloc = map->alloc, at = qstr_hash(MP_OBJ_QSTR_VALUE(index)) % alloc;
        for (size_t left = alloc; table[at].key != index; left--) {
            if (table[at].key == MP_OBJ_NULL || left == 0) {
                return NULL;
            }
            at = at + 1 < alloc ? at + 1 : 0;
        }
        found = &table[at];
    } else {
        found = __real_mp_map_lookup(map, index, kind);
    }
    if (found != NULL && map->table == table) {
        *place = found - table;
    }
    return found;
}

mp_map_elem_t *__wrap_mp_map_lookup(mp_map_t *map, mp_obj_t index, mp_map_lookup_kind_t kind) {
    mp_map_elem_t *table = map->table;
    uint16_t *place = &places[((uintptr_t)index / 8 * 37 + (uintptr_t)table / 8) % PLACES];
    if (map->alloc == 0 || kind == MP_MAP_LOOKUP_REMOVE_IF_FOUND) {
        return __real_mp_map_lookup(map, index, kind);
    }
    mp_map_elem_t *known = &table[*place];
    return *place < map->alloc && known->key == index ? known : search(map, index, kind, place);
}
