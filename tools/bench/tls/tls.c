// islet: TLS 1.2 between two ends in one chip, and what the client's calls cost.
// GPL-3.0-or-later
//
// One line a figure on UART 0. A call is what MicroPython's `tls` makes when bytes have come: on with
// the handshake until it needs more. A step is one state of it. What holds the loop is the call.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mbedtls/ctr_drbg.h"
#include "mbedtls/ecp.h"
#include "mbedtls/entropy.h"
#include "mbedtls/ssl.h"
#include "mbedtls/version.h"
#include "pico/stdlib.h"

#include "keys.h"

enum { CLIENT, SERVER, ENDS };

typedef struct {
    unsigned char bytes[12 * 1024];
    size_t size;
} pipe_t;

static pipe_t to[ENDS];
static mbedtls_ssl_context ssl[ENDS];
static mbedtls_ssl_config conf[ENDS];
static mbedtls_x509_crt chain[ENDS]; // the client's is whom it trusts
static mbedtls_pk_context key;
static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context random_bits;
static int owner; // whose call is running
static unsigned char record[4096];

// The heap, as MicroPython's would be: m_tracked_calloc puts 12 bytes before, in blocks of 16.

typedef struct {
    size_t size;
    int owner;
} block_t;

static size_t held[ENDS], most[ENDS], largest[ENDS];

void *m_tracked_calloc(size_t number, size_t each) {
    size_t size = (number * each + 12 + 15) / 16 * 16;
    block_t *block = calloc(1, sizeof(block_t) + number * each);
    if (!block) {
        printf("no memory for %u\n", (unsigned)size);
        return NULL;
    }
    *block = (block_t) { size, owner };
    held[owner] += size;
    if (held[owner] > most[owner]) {
        most[owner] = held[owner];
    }
    if (size > largest[owner]) {
        largest[owner] = size;
    }
    return block + 1;
}

void m_tracked_free(void *pointer) {
    if (pointer) {
        block_t *block = (block_t *)pointer - 1;
        held[block->owner] -= block->size;
        free(block);
    }
}

// What mbedTLS asks of a port.

time_t bench_time(time_t *timer) {
    return NOW_S;
}

mbedtls_ms_time_t bench_ms(void) {
    return time_us_64() / 1000;
}

int mbedtls_hardware_poll(void *data, unsigned char *output, size_t size, size_t *filled) {
    static uint32_t state = 1; // the same each run
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525u + 1013904223u;
        output[i] = state >> 24;
    }
    *filled = size;
    return 0;
}

// The wire: two buffers.

static int put(void *end, const unsigned char *bytes, size_t size) {
    pipe_t *pipe = &to[1 - (int)(intptr_t)end];
    if (size > sizeof pipe->bytes - pipe->size) {
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    }
    memcpy(pipe->bytes + pipe->size, bytes, size);
    pipe->size += size;
    return size;
}

static int take(void *end, unsigned char *bytes, size_t size) {
    pipe_t *pipe = &to[(int)(intptr_t)end];
    if (!pipe->size) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    if (size > pipe->size) {
        size = pipe->size;
    }
    memcpy(bytes, pipe->bytes, size);
    pipe->size -= size;
    memmove(pipe->bytes, pipe->bytes + size, pipe->size);
    return size;
}

static void curves(int end, unsigned ops) {
    owner = end;
    #if SMALL
    mbedtls_ecp_set_max_ops(end == CLIENT ? ops : 0);
    #endif
}

static void must(int result, const char *what) {
    if (result) {
        printf("FAILED %s -0x%04x\n", what, -result);
        for (;;) {
        }
    }
}

static void set_up(int end, int suite, int kind) {
    static int suites[ENDS][2];
    owner = end;
    suites[end][0] = suite;
    mbedtls_ssl_init(&ssl[end]);
    mbedtls_ssl_config_init(&conf[end]);
    mbedtls_x509_crt_init(&chain[end]);
    must(mbedtls_ssl_config_defaults(&conf[end], end, MBEDTLS_SSL_TRANSPORT_STREAM,
        MBEDTLS_SSL_PRESET_DEFAULT), "defaults");
    mbedtls_ssl_conf_rng(&conf[end], mbedtls_ctr_drbg_random, &random_bits);
    mbedtls_ssl_conf_ciphersuites(&conf[end], suites[end]);
    static const uint16_t groups[] = { MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, 0 };
    mbedtls_ssl_conf_groups(&conf[end], groups);
    const unsigned char *ca = kind == 'r' ? rsa_ca : ec_ca;
    size_t ca_size = kind == 'r' ? sizeof rsa_ca : sizeof ec_ca;
    const unsigned char *own = kind == 'r' ? rsa_cert : ec_cert;
    size_t own_size = kind == 'r' ? sizeof rsa_cert : sizeof ec_cert;
    const unsigned char *secret = kind == 'r' ? rsa_key : ec_key;
    size_t secret_size = kind == 'r' ? sizeof rsa_key : sizeof ec_key;
    if (kind == 'p') {
        #if SMALL
        must(mbedtls_ssl_conf_psk(&conf[end], (const unsigned char *)"0123456789abcdef", 16,
            (const unsigned char *)"islet", 5), "psk");
        #endif
    } else if (end == CLIENT) {
        must(mbedtls_x509_crt_parse_der(&chain[end], ca, ca_size), "ca");
        mbedtls_ssl_conf_authmode(&conf[end], MBEDTLS_SSL_VERIFY_REQUIRED);
        mbedtls_ssl_conf_ca_chain(&conf[end], &chain[end], NULL);
    } else {
        mbedtls_pk_init(&key);
        must(mbedtls_x509_crt_parse_der(&chain[end], own, own_size), "certificate");
        must(mbedtls_pk_parse_key(&key, secret, secret_size, NULL, 0, mbedtls_ctr_drbg_random,
            &random_bits), "key");
        must(mbedtls_ssl_conf_own_cert(&conf[end], &chain[end], &key), "own certificate");
    }
    #if SMALL
    mbedtls_ssl_conf_max_frag_len(&conf[end], MBEDTLS_SSL_MAX_FRAG_LEN_4096);
    #endif
    must(mbedtls_ssl_setup(&ssl[end], &conf[end]), "setup");
    must(mbedtls_ssl_set_hostname(&ssl[end], "broker"), "name");
    mbedtls_ssl_set_bio(&ssl[end], (void *)(intptr_t)end, put, take, NULL);
}

static void tear_down(int end) {
    owner = end;
    mbedtls_ssl_free(&ssl[end]);
    mbedtls_ssl_config_free(&conf[end]);
    mbedtls_x509_crt_free(&chain[end]);
    if (end == SERVER) {
        mbedtls_pk_free(&key);
    }
    to[end].size = 0;
}

// One turn of a client that asyncio lets go on when bytes have come; returns what it wants.

static uint32_t step_us[MBEDTLS_SSL_HANDSHAKE_OVER + 2], step_most_us[MBEDTLS_SSL_HANDSHAKE_OVER + 2];

static int turn(int in_steps) {
    if (!in_steps) {
        return mbedtls_ssl_handshake(&ssl[CLIENT]);
    }
    int result = 0;
    while (!result && !mbedtls_ssl_is_handshake_over(&ssl[CLIENT])) {
        int state = ssl[CLIENT].MBEDTLS_PRIVATE(state);
        uint64_t from = time_us_64();
        result = mbedtls_ssl_handshake_step(&ssl[CLIENT]);
        uint32_t us = time_us_64() - from;
        step_us[state] += us;
        if (us > step_most_us[state]) {
            step_most_us[state] = us;
        }
    }
    return result;
}

static void shake(const char *name, const char *suite, int kind, unsigned ops, int in_steps) {
    memset(step_us, 0, sizeof step_us);
    memset(step_most_us, 0, sizeof step_most_us);
    memset(most, 0, sizeof most);
    memset(largest, 0, sizeof largest);
    int id = mbedtls_ssl_get_ciphersuite_id(suite);
    curves(SERVER, 0);
    set_up(SERVER, id, kind);
    curves(CLIENT, ops);
    set_up(CLIENT, id, kind);
    uint32_t most_us = 0, sum_us = 0, calls = 0;
    for (;;) {
        curves(CLIENT, ops);
        uint64_t from = time_us_64();
        int result = turn(in_steps);
        uint32_t us = time_us_64() - from;
        calls++;
        sum_us += us;
        if (us > most_us) {
            most_us = us;
        }
        if (result == MBEDTLS_ERR_SSL_CRYPTO_IN_PROGRESS) {
            continue;
        }
        if (result && result != MBEDTLS_ERR_SSL_WANT_READ) {
            must(result, "client");
        }
        curves(SERVER, 0);
        int other = mbedtls_ssl_handshake(&ssl[SERVER]);
        if (other && other != MBEDTLS_ERR_SSL_WANT_READ) {
            must(other, "server");
        }
        if (!result && !other) {
            break;
        }
    }
    size_t kept = held[CLIENT];
    if (in_steps) {
        for (int state = 0; state <= MBEDTLS_SSL_HANDSHAKE_OVER; state++) {
            if (step_us[state] >= 1000) {
                printf("step %s %d %lu %lu\n", name, state, step_us[state], step_most_us[state]);
            }
        }
    } else {
        uint32_t way_us[2];
        curves(CLIENT, ops);
        uint64_t from = time_us_64();
        int result = mbedtls_ssl_write(&ssl[CLIENT], record, sizeof record);
        way_us[0] = time_us_64() - from;
        must(result - (int)sizeof record, "written");
        curves(SERVER, 0);
        must(mbedtls_ssl_read(&ssl[SERVER], record, sizeof record) - (int)sizeof record, "arrived");
        must(mbedtls_ssl_write(&ssl[SERVER], record, sizeof record) - (int)sizeof record, "answered");
        curves(CLIENT, ops);
        from = time_us_64();
        result = mbedtls_ssl_read(&ssl[CLIENT], record, sizeof record);
        way_us[1] = time_us_64() - from;
        must(result - (int)sizeof record, "read");
        printf("shake %s %u %lu %lu %lu %u %u %u %lu %lu\n", name, ops, most_us, sum_us, calls,
            (unsigned)most[CLIENT], (unsigned)kept, (unsigned)largest[CLIENT], way_us[0], way_us[1]);
    }
    tear_down(CLIENT);
    tear_down(SERVER);
}

int main(void) {
    stdio_init_all();
    printf("mbedtls %s\n", MBEDTLS_VERSION_STRING);
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random_bits);
    must(mbedtls_ctr_drbg_seed(&random_bits, mbedtls_entropy_func, &entropy, NULL, 0), "seed");
    static const char *const ec = "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256";
    static const char *const rsa = "TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256";
    for (int in_steps = 0; in_steps < 2; in_steps++) {
        shake("ec", ec, 'e', 0, in_steps);
        shake("rsa", rsa, 'r', 0, in_steps);
        #if SMALL
        shake("ec_restart", ec, 'e', 200, in_steps);
        shake("psk_gcm", "TLS-PSK-WITH-AES-128-GCM-SHA256", 'p', 0, in_steps);
        shake("psk_ccm", "TLS-PSK-WITH-AES-128-CCM", 'p', 0, in_steps);
        shake("ecdhe_psk", "TLS-ECDHE-PSK-WITH-AES-128-CBC-SHA256", 'p', 0, in_steps);
        #endif
    }
    #if SMALL
    static const unsigned ops[] = { 1, 50, 100, 500 };
    for (int i = 0; i < 4; i++) {
        shake("ec_restart", ec, 'e', ops[i], 0);
    }
    #endif
    printf("done\n");
    for (;;) {
    }
}
