// inner: MicroPython's names (qstr) in one table by their hash, and one by their number.
//
// MicroPython looks for every string made at run time among its names, one after another in those
// that came with the firmware: an eighth of all its time. What it finds is the same here.
#include <stdlib.h>
#include <string.h>

#include "py/mpstate.h"
#include "py/qstr.h"
#include "py/runtime.h"

#if MICROPY_QSTR_BYTES_IN_HASH != 2
#error "a hash has 16 bits"
#endif

typedef struct {
    const char *text;
    uint32_t next; // of the same hash, 0 none
    qstr_hash_t hash;
    qstr_len_t length;
} name_t;

static uint32_t first[1 << 16]; // by hash
static name_t *names;           // by number
static size_t known, room;      // names never go

qstr __real_qstr_from_strn(const char *str, size_t len);

// Take in the names from `known` on, pool by pool, the oldest first.
static void take(const qstr_pool_t *pool) {
    if (pool->prev != NULL && pool->total_prev_len > known) {
        take(pool->prev);
    }
    for (size_t at = known - pool->total_prev_len; at < pool->len; at++) {
        name_t *name = &names[known];
        *name = (name_t) {pool->qstrs[at], first[pool->hashes[at]], pool->hashes[at], pool->lengths[at]};
        first[name->hash] = known++;
    }
}

static inline void catch_up(void) {
    size_t total = QSTR_TOTAL();
    if (total == known) {
        return;
    }
    if (total > room) {
        room = 2 * total;
        names = realloc(names, room * sizeof(name_t));
        if (names == NULL) {
            abort();
        }
    }
    take(MP_STATE_VM(last_pool));
}

static inline const name_t *name_of(qstr q) {
    if (q >= known) {
        catch_up();
    }
    return &names[q];
}

qstr __wrap_qstr_find_strn(const char *str, size_t len) {
    catch_up();
    if (len == 0) {
        return MP_QSTR_;
    }
    for (qstr q = first[qstr_compute_hash((const byte *)str, len)]; q != 0; q = names[q].next) {
        if (names[q].length == len && memcmp(names[q].text, str, len) == 0) {
            return q;
        }
    }
    return MP_QSTRnull;
}

qstr __wrap_qstr_from_strn(const char *str, size_t len) {
    qstr q = __wrap_qstr_find_strn(str, len);
    return q != MP_QSTRnull ? q : __real_qstr_from_strn(str, len);
}

mp_uint_t __wrap_qstr_hash(qstr q) {
    return name_of(q)->hash;
}

const byte *__wrap_qstr_data(qstr q, size_t *len) {
    const name_t *name = name_of(q);
    *len = name->length;
    return (const byte *)name->text;
}
