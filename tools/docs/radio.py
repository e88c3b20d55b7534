# islet: Wi-Fi as tables: states, ways, what holds the loop, what a port says.
# GPL-3.0-or-later
"""Parts of docs/reference.md, from the tables that decide."""

from __future__ import annotations

from collections.abc import Iterator

from firmware.sockets import radio, wifi, words
from tools.tables import markdown

PROBES = (
    # what telephones and computers ask the access point for; all sent on, as any other path is
    ("/generate_204", "Android, Chrome OS"),
    ("/gen_204", "Android"),
    ("/hotspot-detect.html", "iOS, macOS"),
    ("/library/test/success.html", "iOS, macOS"),
    ("/connecttest.txt", "Windows"),
    ("/ncsi.txt", "Windows"),
    ("/redirect", "Windows"),
    ("/fwlink", "Windows"),
    ("/canonical.html", "Firefox"),
    ("/success.txt", "Firefox"),
)
MEANS = {words.WAITS: "goes on", words.ASKS: "no address", words.IN: "joined"}
MEANS[words.FAILED] = "failed"


def machine() -> Iterator[str]:
    rows = (
        (wifi.STATES[state][0], event, wifi.STATES[after][0])
        for state, event, after, _act in wifi.TABLE
    )
    yield from markdown("state | event | next state", rows)
    yield ""
    yield "In every state: a call that fails leads to `broken`, and from there to `off` by pauses."
    yield ""
    rows = ((name, text.format("casa") or "–") for name, text in wifi.STATES)
    yield from markdown("state | reason", rows)
    yield ""
    holds = ((call, rp2 or "–", esp32 or "–", why) for call, rp2, esp32, why in radio.CALLS)
    yield from markdown("call | ms at most, rp2 | esp32 | why", holds)
    yield ""
    said = (
        (port, status, MEANS[kind], text or "–")
        for port, table in (("rp2", words.RP2), ("esp32", words.ESP32))
        for status, kind, text in table
    )
    yield from markdown("port | `WLAN.status()` | means | in words", said)
    yield ""
    yield from markdown("sent on to the page | asked for by", PROBES)
