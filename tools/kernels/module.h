/* islet: what the kernels in C are made with: arrays that know their end, and Python's calls.
   GPL-3.0-or-later */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <setjmp.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef int32_t i32;
typedef struct {
    void *at;
    uint32_t bytes;
} array;

static jmp_buf leave;
static long outside_index;

/* Python would take a negative index from the end, and the chip would take what is there. */
static __attribute__((noreturn, cold, noinline)) void outside(i32 index) {
    outside_index = index;
    longjmp(leave, 1);
}

static inline void *element(array of, i32 index, uint32_t size) {
    if ((uint32_t)index >= of.bytes / size) {
        outside(index);
    }
    return (char *)of.at + (size_t)index * size;
}

#define AT(type, of, index) (*(type *)element(of, index, sizeof(type)))

static inline i32 floor_div(i32 a, i32 b) {
    i32 q = a / b;
    return q - (a % b != 0 && (a < 0) != (b < 0));
}

static inline i32 floor_mod(i32 a, i32 b) {
    return a - floor_div(a, b) * b;
}

static int whole(PyObject *from, i32 *into) {
    long value = PyLong_AsLong(from);
    if (value == -1 && PyErr_Occurred()) {
        return 0;
    }
    if (value != (i32)value) {
        PyErr_Format(PyExc_OverflowError, "%ld does not fit the 32 bits of a kernel", value);
        return 0;
    }
    *into = (i32)value;
    return 1;
}

static int truth(PyObject *from, i32 *into) {
    return (*into = PyObject_IsTrue(from)) >= 0;
}

static int buffer(PyObject *from, Py_buffer *view, array *into) {
    if (PyObject_GetBuffer(from, view, PyBUF_SIMPLE) != 0) {
        return 0;
    }
    into->at = view->buf;
    into->bytes = (uint32_t)view->len;
    return 1;
}

static PyObject *miscalled(const char *name, int wanted, Py_ssize_t given) {
    return PyErr_Format(PyExc_TypeError, "%s() takes %d arguments, not %zd", name, wanted, given);
}
