# islet: Ethernet of an ESP32 with a LAN8720: network.LAN.
# GPL-3.0-or-later
#
# The port does it all, DHCP included. Here it is brought up while nothing is energised, for making
# it resets the chip and waits (get_lan in ports/esp32/network_lan.c, MicroPython 1.25: 100 ms for
# a pin that switches its power, and the driver's own time), and what it says is put into words.
# status() and ifconfig() are read from memory.

from firmware.base.clock import sleep_ms
from firmware.base.viper import const
from firmware.net.plain import Sockets, quiet

STATUS = (
    # LAN.status(), in words; ports/esp32/modnetwork.h has the numbers
    "no cable",  # ETH_INITIALIZED
    "no cable",  # ETH_STARTED
    "is stopped",  # ETH_STOPPED
    "nobody gives an address",  # ETH_CONNECTED
    "no cable",  # ETH_DISCONNECTED
    "",  # ETH_GOT_IP
)
_UP = const(5)
_TICK_MS, _AGAIN_MS = const(1_000), const(60_000)
_FAILURES = (OSError, RuntimeError, ValueError)


class Cable(Sockets):
    """network: MicroPython's module; phy: what the circuit says of the chip, as keywords of LAN;
    name: of the host; given: address, mask, router and name server as texts, or None."""

    def __init__(self, network, phy, name, given, image, hold):
        super().__init__(image, hold)
        self._network, self._phy, self._given = network, phy, given
        self.name = name
        self.lan = None
        self.address = self.router = ""
        self.reason = "starting"

    def state(self):
        """For page, broker and console."""
        return {
            "link": "up" if self.address else "down" if self.lan is not None else "absent",
            "name": self.name,
            "address": self.address or "0.0.0.0",
            "router": self.router or "0.0.0.0",
            "reason": self.reason,
        }

    async def run(self):
        while True:
            await sleep_ms(self.step())

    def step(self):
        """What there is to do; ms until the next."""
        try:
            if self.lan is None:
                if not quiet(self._image):
                    self.reason = "waits until nothing is energised"
                    return _TICK_MS
                self.lan = self._hold(self._begin)
            status = self.lan.status()
            self.reason = STATUS[status] if 0 <= status < len(STATUS) else str(status)
            if status != _UP:
                self.address = self.router = ""
            elif not self.address:
                self.address, _, self.router, _ = self.lan.ifconfig()
            return _TICK_MS
        except _FAILURES as error:
            self.address = self.router = ""
            self.lan = None
            self.reason = "the chip says: {}".format(error)
            return _AGAIN_MS

    def _begin(self):
        network = self._network
        network.hostname(self.name)
        lan = network.LAN(phy_type=network.PHY_LAN8720, **self._phy)
        if self._given is not None:
            lan.ifconfig(self._given)
        lan.active(True)
        return lan
