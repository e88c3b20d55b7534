# islet: MicroPython's network.WLAN, and how long each of its calls holds the loop.
# GPL-3.0-or-later
#
# One interface joins a network, the other is the box's own access point. The access point gets its
# name, key and security before it goes up and is asked whether it has them: a Pico W that goes up
# without has PICOxxxx with a password that everybody knows (ports/rp2/main.c), an ESP32 one that
# is open. What a call costs stands in CALLS; whoever calls a long one asks first.

from firmware.base.viper import const
from firmware.sockets import words

# what holds the loop; read in MicroPython 1.25, cyw43-driver v1.1.0 and ESP-IDF, not measured
CALLS = (
    # call, ms at most on rp2 and esp32, 0 where it does not wait; why, where it stands
    ("up", 600, 300, "rp2: the chip's firmware is loaded, fixed pauses of 370 ms (cyw43_ensure_up,"
     " cyw43_ll_wifi_on); esp32: waits until it has started (network_wlan_active)"),
    ("join", 40, 0, "rp2: 16 questions to the chip, one after the other (cyw43_ll_wifi_join);"
     " esp32: a message to another task"),
    ("leave", 5, 0, "rp2: one question to the chip"),
    ("rssi", 5, 0, "rp2: one question to the chip"),
    ("look", 8_000, 8_000, "waits for every channel; MicroPython itself gives up after 10 s on"
     " rp2 and never on esp32 (network_cyw43_scan, network_wlan_scan)"),
    ("open", 100, 300, "rp2: 16 questions to the chip (cyw43_ll_wifi_ap_init); esp32: waits until"
     " it has started"),
    ("move", 150, 50, "rp2: the access point goes down and up (network_cyw43_config)"),
    ("shut", 20, 300, "rp2: questions to the chip; esp32: waits until it has stopped"),
)  # fmt: skip
# A chip that does not answer holds each question for 1 s (CYW43_IOCTL_TIMEOUT_US). Status and
# address are read from memory on both ports.
RP2, ESP32 = const(1), const(2)  # columns
_HEARD = const(24)  # networks that are remembered of a look around


class Radio:
    """network: MicroPython's module; port: RP2 or ESP32."""

    def __init__(self, network, port):
        self.network = network
        self.port = port
        self.words = words.RP2 if port == RP2 else words.ESP32
        self.heard = ()  # (name, channel, dBm) of the last look around, the strongest first
        self.sta = self.ap = None
        self.security = None

    def long(self, call):
        """Whether it may hold the loop for longer than others may wait."""
        for row in CALLS:
            if row[0] == call:
                return row[self.port] != 0
        raise ValueError(call)

    def up(self, country, host, given):
        """Ready to join; given: address, mask, router and name server as texts, or None."""
        network = self.network
        if country:
            network.country(country)
        network.hostname(host)
        wlan = network.WLAN
        self.sta, self.ap = wlan(wlan.IF_STA), wlan(wlan.IF_AP)
        self.security = wlan.SEC_WPA2 if self.port == ESP32 else wlan.SEC_WPA_WPA2
        self.sta.active(True)
        if self.ap.active():
            self.ap.active(False)  # of before a failure
        if self.port == ESP32:
            self.sta.config(reconnects=0)  # it would try for ever, and take the channel along
        if given is not None:
            self.sta.ifconfig(given)

    def join(self, name, key):
        """Begins; by position, for an ESP32 takes nothing else."""
        if key:
            self.sta.connect(name, key)
        else:
            self.sta.connect(name)

    def leave(self):
        self.sta.disconnect()

    def status(self):
        return self.sta.status()

    def rssi(self):
        return self.sta.status("rssi")

    def addresses(self):
        """Address, mask, router, name server."""
        return self.sta.ifconfig()

    def look(self):
        """Who is there, into `heard`."""
        found = []
        for row in self.sta.scan():
            try:
                name = str(row[0], "utf-8")
            except UnicodeError:
                continue
            others = [each for each in found if each[0] == name]
            if not name or (others and others[0][2] >= row[3]):
                continue  # hidden, or the stronger of its stations is there already
            found = [each for each in found if each[0] != name]
            found.append((name, row[2], row[3]))
        found.sort(key=lambda each: -each[2])
        self.heard = tuple(found[:_HEARD])

    def channel_of(self, name):
        """0 of one that was not heard."""
        for row in self.heard:
            if row[0] == name:
                return row[1]
        return 0

    def open(self, name, key, channel):
        """The access point, only as it shall be."""
        ap = self.ap
        ap.config(ssid=name, key=key, security=self.security, channel=channel)
        if ap.config("ssid") != name or ap.config("security") != self.security:
            raise OSError("the access point does not take its name and security")
        try:
            ap.active(True)
            return ap.ifconfig()[0]
        except OSError:
            ap.active(False)
            raise

    def move(self, channel):
        self.ap.config(channel=channel)

    def shut(self):
        self.ap.active(False)
