# Settings of the interpreter; build.py gives the paths and MICROPY_FORCE_32BIT.
MICROPY_PY_BTREE = 0
MICROPY_PY_FFI = 0
MICROPY_PY_BLUETOOTH = 0
MICROPY_SSL_AXTLS = 0
MICROPY_SSL_MBEDTLS = 1

# Dates beyond 2038 in a 32-bit build.
CFLAGS += -D_TIME_BITS=64
CFLAGS += -I$(VARIANT_DIR)/../vclock

# Speed: a simulated day is many steps. No position-independent code (dear in 32 bits) and no
# threads, which the firmware does not use and which cost a lookup at every allocation.
COPT = -O2 -DNDEBUG
MICROPY_PY_THREAD = 0
# But what is not MicroPython's own, TLS above all: nothing in a simulated day runs it.
$(BUILD)/lib/%.o: CFLAGS += -O0
CFLAGS += -fno-pie
LDFLAGS += -no-pie
