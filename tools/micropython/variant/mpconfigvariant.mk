# Settings of the interpreter; build.py gives the paths and MICROPY_FORCE_32BIT.
MICROPY_PY_BTREE = 0
MICROPY_PY_FFI = 0
MICROPY_PY_BLUETOOTH = 0
MICROPY_SSL_AXTLS = 0
MICROPY_SSL_MBEDTLS = 1

# Dates beyond 2038 in a 32-bit build.
CFLAGS += -D_TIME_BITS=64
CFLAGS += -I$(VARIANT_DIR)/../vclock
