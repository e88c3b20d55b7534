# islet: what Wi-Fi says of itself on each of MicroPython's ports, in words.
# GPL-3.0-or-later
#
# The numbers of WLAN.status() differ by port, and so do their names in `network`, of which neither
# has all. Sources: cyw43-driver v1.1.0 src/cyw43.h (CYW43_LINK_*) and cyw43_tcpip_link_status in
# src/cyw43_lwip.c; MicroPython 1.25 ports/esp32/modnetwork.h, network_wlan_status in
# network_wlan.c, and ESP-IDF's wifi_err_reason_t, which it passes through.

from firmware.base.viper import const

WAITS, ASKS, IN, FAILED = const(0), const(1), const(2), const(3)

_WRONG = "its password is wrong"
MISSING = "is not found"
_KIND = "its security is of a kind that the radio does not know"

RP2 = (
    # WLAN.status(), what it means here, in words
    (0, WAITS, ""),  # LINK_DOWN
    (1, WAITS, ""),  # LINK_JOIN: also for ever after the router has gone
    (2, ASKS, "gives no address"),  # LINK_NOIP
    (3, IN, ""),  # LINK_UP
    (-1, FAILED, "does not let it in"),  # LINK_FAIL
    (-2, FAILED, MISSING),  # LINK_NONET
    (-3, FAILED, _WRONG),  # LINK_BADAUTH
)
ESP32 = (
    (1000, WAITS, ""),  # STAT_IDLE
    (1001, WAITS, ""),  # STAT_CONNECTING: joined without an address as well
    (1010, IN, ""),  # STAT_GOT_IP
    (2, FAILED, "does not answer in time"),  # AUTH_EXPIRE
    (15, FAILED, _WRONG),  # 4WAY_HANDSHAKE_TIMEOUT
    (200, FAILED, "is no longer heard"),  # BEACON_TIMEOUT
    (201, FAILED, MISSING),  # NO_AP_FOUND
    (202, FAILED, _WRONG),  # AUTH_FAIL, and CONNECTION_FAIL
    (203, FAILED, "does not let it in"),  # ASSOC_FAIL
    (204, FAILED, _WRONG),  # HANDSHAKE_TIMEOUT
    (210, FAILED, _KIND),  # NO_AP_FOUND_W_COMPATIBLE_SECURITY
    (211, FAILED, _KIND),  # NO_AP_FOUND_IN_AUTHMODE_THRESHOLD
    (212, FAILED, "is too faint"),  # NO_AP_FOUND_IN_RSSI_THRESHOLD
)
LATE = "does not let it in in time"


def meaning(table, status):
    """(what it means, words) of a status; one that nobody knows has failed."""
    for row in table:
        if row[0] == status:
            return row[1], row[2]
    return FAILED, "cannot be joined, reason {}".format(status)
