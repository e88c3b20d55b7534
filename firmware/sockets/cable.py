# islet: Ethernet of an ESP32 with a LAN8720: network.LAN.
# GPL-3.0-or-later
#
# The port does it all, DHCP included. Here it is brought up while nothing is energised, for making
# it resets the chip and waits (get_lan in ports/esp32/network_lan.c, MicroPython 1.25: 100 ms for
# a pin that switches its power, and the driver's own time), and what it says is put into words.
# status() and ifconfig() are read from memory.

from firmware.base.clock import sleep_ms
from firmware.base.viper import const
from firmware.local.address import NOTHING, numbers
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


def words_of(phy, pin):
    """What the circuit says of the chip (chips/circuit.py), as keywords of LAN; pin: machine.Pin.
    A clock that comes from outside comes to GPIO 0, another goes out where it says."""
    mdc, mdio, address, clock, out, power = phy
    words = {"phy_addr": address, "mdc": pin(mdc), "mdio": pin(mdio), "ref_clk": pin(clock)}
    words["ref_clk_mode"] = pin.OUT if out else pin.IN
    if power >= 0:
        words["power"] = pin(power)
    return words


class Cable(Sockets):
    """network: MicroPython's module; phy: keywords of LAN; name: of the host; given: address,
    mask, router and name server as texts, or None; random(n): bytes of chance."""

    def __init__(self, network, phy, name, given, image, hold, random):
        super().__init__(image, hold)
        self._network, self._phy, self._given = network, phy, given
        self._random = random
        self.name = name
        self.local = ""  # by which the hosts beside it find it
        self.lan = None
        self.address = self.router = ""
        self.mask = NOTHING  # 4 bytes
        self.turns = 0  # how often the address was given or lost
        self.reason = "starting"

    def reaches(self):
        return bool(self.address)

    def state(self):
        """For page, broker and console."""
        return {
            "link": "up" if self.address else "down" if self.lan is not None else "absent",
            "name": self.name,
            "local": self.local,
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
                self.lan = self.hold(self._begin)
            status = self.lan.status()
            self.reason = STATUS[status] if 0 <= status < len(STATUS) else str(status)
            if status != _UP:
                self._lose()
            elif not self.address:
                self.address, mask, self.router, _ = self.lan.ifconfig()
                self.mask = numbers(mask) or NOTHING
                self.turns += 1
            return _TICK_MS
        except _FAILURES as error:
            self._lose()
            self.lan = None
            self.reason = "the chip says: {}".format(error)
            return _AGAIN_MS

    def _lose(self):
        if self.address:
            self.turns += 1
        self.address = self.router = ""

    def responder(self, port):
        """Who answers for its name, and for its page at `port`, 0 for none."""
        from firmware.local.responder import Responder
        from firmware.sockets.group import Group

        return Responder(Group(self), self.name, port, self._random, self._called)

    def _called(self, label):
        self.local = label and label + ".local"

    def _begin(self):
        network = self._network
        network.hostname(self.name)
        lan = network.LAN(phy_type=network.PHY_LAN8720, **self._phy)
        if self._given is not None:
            lan.ifconfig(self._given)
        lan.active(True)
        return lan
