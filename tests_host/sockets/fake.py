"""The module `network` of a port, strict: its WLAN in fake_rp2.py and fake_esp32.py."""

from tests_host.sockets.fake_esp32 import Esp32Wlan
from tests_host.sockets.fake_rp2 import Rp2Wlan


class Network:
    """The module `network` of a port: its interfaces, of which each is one for ever."""

    def __init__(self, world, port):
        self.world, self.port = world, port
        kind = Rp2Wlan if port == "rp2" else Esp32Wlan
        self.loaded = self.refuses_early = False
        self.ap = {"ssid": "PICO1A2B", "key": "picoW123", "security": 0x00400004, "channel": 3}
        if port == "esp32":
            self.ap = {"ssid": "ESP_0A1B2C", "key": "", "security": 0, "channel": 1}
        self.interfaces = [kind(self, 0), kind(self, 1)]
        self.WLAN = _Maker(self, kind)

    def country(self, *code):
        if code:
            if len(code[0]) != 2:
                raise ValueError
            self.world.country_code = code[0]
        return self.world.country_code

    def hostname(self, *name):
        if name:
            if len(name[0]) > 32:
                raise ValueError
            self.world.host = name[0]
        return self.world.host

    def follow(self, channel):
        """One radio, one channel: the access point goes where the router is."""
        if self.world.on_air is not None and self.world.on_air.channel != channel:
            self.ap["channel"] = channel
            self.world.show(self.ap)


class _Maker:
    """network.WLAN: called, and asked for its constants."""

    def __init__(self, module, kind):
        self._module = module
        for name in dir(kind):
            if name[:3] in ("IF_", "SEC", "PM_"):
                setattr(self, name, getattr(kind, name))

    def __call__(self, *itf):
        if len(itf) > 1 or (itf and itf[0] not in (0, 1)):
            raise ValueError("invalid WLAN interface identifier")
        return self._module.interfaces[itf[0] if itf else 0]
