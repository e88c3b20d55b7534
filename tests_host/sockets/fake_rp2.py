"""network.WLAN of port rp2: extmod/network_cyw43.c, ports/rp2/main.c; cyw43_ctrl.c, cyw43_lwip.c,
cyw43_ll.c of its driver."""

from tests_host.sockets.world import EINVAL, EPERM, ETIMEDOUT, LEASE, Common, four, parameters


class Rp2Wlan(Common):
    """network_cyw43.c."""

    IF_STA, IF_AP = 0, 1
    SEC_OPEN, SEC_WPA_WPA2 = 0, 0x00400006
    SEC_WPA3, SEC_WPA2_WPA3 = 0x01000004, 0x01400004
    PM_NONE, PM_PERFORMANCE, PM_POWERSAVE = 0x10, 0xA11142, 0x11

    _KNOWN = ("antenna", "channel", "ssid", "essid", "monitor", "security", "key", "password")
    _KNOWN += ("pm", "trace", "txpower", "hostname")

    def __init__(self, module, itf):
        Common.__init__(self, module, itf)
        self._join = 0

    def _ask(self, call, questions):
        """Each question to the chip takes a ms, or a second where it does not answer."""
        if self._world.broken:
            self._world.hold(call, 1_000)
            return ETIMEDOUT
        self._world.hold(call, questions)
        return 0

    def _ensure_up(self):
        if not self._module.loaded:
            self._module.loaded = True
            self._world.hold("cyw43_ensure_up", 370)

    def active(self, *value):
        if not value:
            return self._active
        up = bool(value[0])
        self._ensure_up()
        ap = self._module.ap
        if self._itf == 1:
            self._ask("active", 16)
            if up and not self._active:
                if len(ap["key"]) <= 64:  # else cyw43_ll_wifi_ap_init gives up, and says nothing
                    self._world.show(ap)
            elif not up:
                self._world.on_air = None
        elif not up:
            self._router = self._target = None
            self._join = 0
        self._active = up
        return None

    def config(self, *args, **kwargs):
        parameters(args, kwargs)
        ap = self._module.ap
        if args:
            if args[0] not in self._KNOWN or args[0] in ("key", "password", "monitor", "trace"):
                raise ValueError("unknown config param")
            if args[0] in ("ssid", "essid"):
                return ap["ssid"] if self._itf == 1 else (self._target or ("",))[0]
            if args[0] == "security":
                return ap["security"]
            if args[0] == "channel":
                self._ask("config", 1)
                return ap["channel"]
            return 0
        cycle = False
        for name in kwargs:
            if name not in self._KNOWN:
                raise ValueError("unknown config param")
            value = kwargs[name]
            name = {"essid": "ssid", "password": "key"}.get(name, name)
            if name in ("ssid", "key", "security", "channel"):
                ap[name] = value
                cycle = True
        if cycle and self._active:
            self._ask("config", 60)
            if self._itf == 1:
                self._world.show(ap)

    def connect(self, ssid, key=None, *, auth=-1, security=-1, bssid=None, channel=0xFFFFFFFF):
        if self._itf != 0 or not self._active:
            raise OSError(EPERM)
        if key is not None and len(key) > 64:
            raise OSError(EINVAL)
        error = self._ask("connect", 30)
        if error:
            raise OSError(error)
        self._target = (ssid, key or "", self._world.now_ms)
        self._router = None
        self._join = 1

    def disconnect(self):
        self._ask("disconnect", 1)
        self._router = self._target = None
        self._join = 0

    def _look(self):
        """cyw43_cb_process_async_event."""
        if self._router is not None:
            if not self._router.up:
                self._router = None  # link down; the join state stays ACTIVE for ever
        elif self._target is not None and self._join == 1:
            outcome = self._outcome()
            if outcome == "missing":
                self._join = -2
            elif outcome == "full":
                self._join = -1
            elif outcome == "wrong":
                self._join = -3
            elif outcome != "wait":
                self._router = outcome
                self._module.follow(outcome.channel)
            if self._join < 0:
                self._target = None

    def status(self, *what):
        if what:
            if what[0] == "rssi":
                if self._itf != 0:
                    raise ValueError("STA required")
                self._ask("status", 1)
                return self._router.dbm if self._router else 0
            if what[0] == "stations":
                if self._itf != 1:
                    raise ValueError("AP required")
                return []
            raise ValueError("unknown status param")
        if self._itf == 1:
            return 3 if self._active else 0
        self._look()
        if self._router is not None:
            return 3 if self._has_address() else 2
        return self._join

    def isconnected(self):
        return self.status() == 3

    def ifconfig(self, *given):
        if given:
            self._address = four(given[0])
            return None
        if self._itf == 1:
            return ("192.168.4.1", "255.255.255.0", "192.168.4.1", "8.8.8.8")
        if self._address is not None:
            return self._address
        if self.status() == 3:
            return LEASE
        return ("0.0.0.0", "255.255.255.0", "192.168.0.1", "8.8.8.8")

    def scan(self, *, passive=False, ssid=None, essid=None, bssid=None):
        if not self._module.interfaces[0]._active and not self._module.interfaces[1]._active:
            raise OSError(EPERM)
        self._world.hold("scan", 2_400)
        return self._world.rows(5, 1)
