// islet: mbedTLS as MicroPython has it on an RP2040, and what the variants of this bench change.
// GPL-3.0-or-later
#define MBEDTLS_ECP_NIST_OPTIM // as ports/rp2 has it

#include <time.h>
time_t bench_time(time_t *timer);
#define MBEDTLS_PLATFORM_TIME_MACRO bench_time
#define MBEDTLS_PLATFORM_MS_TIME_ALT bench_ms

#define MICROPY_MBEDTLS_CONFIG_BARE_METAL (1)
#include "extmod/mbedtls/mbedtls_config_common.h"

#if SMALL // records of 4 kB both ways, restartable curves, a pre-shared key
#undef MBEDTLS_SSL_MAX_CONTENT_LEN
#define MBEDTLS_SSL_MAX_CONTENT_LEN (4096)
#define MBEDTLS_SSL_MAX_FRAGMENT_LENGTH // so that the other side keeps to it
#define MBEDTLS_ECP_RESTARTABLE
#define MBEDTLS_KEY_EXCHANGE_PSK_ENABLED
#define MBEDTLS_KEY_EXCHANGE_ECDHE_PSK_ENABLED
#define MBEDTLS_CCM_C
#endif
