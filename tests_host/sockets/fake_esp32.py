"""network.WLAN of port esp32: network_wlan.c, network_common.c, modnetwork.h."""

from tests_host.sockets.world import LEASE, Common, four


class Esp32Wlan(Common):
    """network_wlan.c."""

    IF_STA, IF_AP = 0, 1
    SEC_OPEN, SEC_WEP, SEC_WPA, SEC_WPA2, SEC_WPA_WPA2, SEC_WPA2_ENT = range(6)
    SEC_WPA3, SEC_WPA2_WPA3 = 6, 7
    PM_NONE, PM_PERFORMANCE, PM_POWERSAVE = 0, 1, 2

    _AP_ONLY = ("ssid", "essid", "hidden", "security", "authmode", "key", "password")
    _AP_ONLY += ("max_clients",)
    _KNOWN = ("mac", "channel", "hostname", "dhcp_hostname", "reconnects", "txpower")
    _KNOWN += _AP_ONLY
    _KNOWN += ("protocol", "pm")

    def __init__(self, module, itf):
        Common.__init__(self, module, itf)
        self._reason = 0  # of the last disconnection; never cleared but by an address
        self._requested = False
        self._reconnects = 0  # 0: for ever

    def active(self, *value):
        if value:
            up = bool(value[0])
            if up != self._active:
                self._world.hold("active", 150)
                if self._itf == 1 and up:
                    self._world.show(self._module.ap)
                if not up:
                    self._router = self._target = None
                    if self._itf == 1:
                        self._world.on_air = None
            self._active = up
        return self._active

    def config(self, *args, **kwargs):
        if args and kwargs:
            raise TypeError("either pos or kw args are allowed")
        ap = self._module.ap
        if not kwargs:
            if len(args) != 1:
                raise TypeError("can query only one param")
            name = args[0]
            if name in ("ssid", "essid"):
                return ap["ssid"] if self._itf == 1 else ""
            if name in ("security", "authmode", "hidden"):
                self._require(1)
                return ap["security"]
            if name == "channel":
                return ap["channel"]
            if name in ("mac", "ifname", "max_clients", "txpower", "protocol", "pm"):
                return 0
            raise ValueError("unknown config param")
        new = dict(ap)
        for name in kwargs:
            value = kwargs[name]
            if name not in self._KNOWN:
                raise ValueError("unknown config param")
            if name in self._AP_ONLY:
                self._require(1)
            name = {"essid": "ssid", "password": "key", "authmode": "security"}.get(name, name)
            if name == "reconnects":
                self._require(0)
                self._reconnects = 0 if value == -1 else value + 1
            elif name == "channel" and self._itf == 0:
                if not self._active:
                    raise OSError("Wifi Not Started")
            elif name in new:
                new[name] = value
        if self._itf == 1:
            if self._module.refuses_early and not self._active:
                raise OSError("Wifi Invalid Mode")
            if new["security"] and not 8 <= len(new["key"]) <= 63:
                raise OSError("Wifi Invalid Password")
            ap.update(new)
            if self._active:
                self._world.show(ap)

    def _require(self, itf):
        if self._itf != itf:
            raise OSError("AP required" if itf else "STA required")

    def connect(self, *given, bssid=None):
        """By position alone: its names are empty."""
        if len(given) > 2:
            raise TypeError("extra positional arguments given")
        if not self._module.interfaces[0]._active:
            raise OSError("Wifi Not Started")
        if self._target is not None and self._router is None and self._requested:
            raise OSError("Wifi Internal Error")  # it is connecting
        self._world.hold("connect", 1)
        name, *rest = given  # pyright: ignore[reportAssignmentType]
        self._target = (name, rest[0] if rest else "", self._world.now_ms)
        self._router = None
        self._requested = True

    def disconnect(self):
        if not self._active:
            raise OSError("Wifi Not Started")
        if self._router is not None:
            self._reason = 8  # ASSOC_LEAVE
        self._requested = False
        self._router = self._target = None

    def _look(self):
        if self._router is not None:
            if not self._router.up:
                self._reason, self._router, self._target = 200, None, None
                self._again()
        elif self._target is not None:
            outcome = self._outcome()
            if outcome in ("missing", "wrong", "full"):
                self._reason = {"missing": 201, "wrong": 15, "full": 203}[outcome]
                last, self._target = self._target, None
                self._again(last)
            elif outcome != "wait":
                self._router = outcome
                self._module.follow(outcome.channel)
        if self._router is not None and self._has_address():
            self._reason = 0

    def _again(self, last=None):
        """The port's own second try, unless it was told to make none."""
        if self._requested and not self._reconnects and last is not None:
            self._target = (last[0], last[1], self._world.now_ms)

    def status(self, *what):
        if what:
            if what[0] == "rssi":
                self._require(0)
                if self._router is None:
                    raise OSError("Wifi Not Connected")
                return self._router.dbm
            if what[0] == "stations":
                self._require(1)
                return []
            raise ValueError("unknown status param")
        if self._itf == 1:
            return None
        self._look()
        if self._router is not None and self._has_address():
            return 1010
        if self._reason in (201, 210, 211, 212):
            return self._reason
        if self._reason in (202, 205):
            return 202
        if self._reason == 8:
            return 1000
        if self._requested and (not self._reconnects or self._target or self._router):
            return 1001 if self._reason == 0 or not self._reconnects else self._reason
        return self._reason or 1000

    def isconnected(self):
        return self.status() == 1010

    def ifconfig(self, *given):
        if given:
            if given[0] == "dhcp":
                return None
            self._address = four(given[0])
            return None
        if self._itf == 1:
            return ("192.168.4.1", "255.255.255.0", "192.168.4.1", "0.0.0.0")
        if self._address is not None:
            return self._address
        if self.status() == 1010:
            return LEASE
        return ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")

    def scan(self):
        if not self._module.interfaces[0]._active:
            raise OSError("STA must be active")
        self._world.hold("scan", 2_100)
        return self._world.rows(3, False)
