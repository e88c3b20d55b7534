"""The house around a strict network.WLAN, and what both ports have in common.

Written from MicroPython 1.25 and cyw43-driver v1.1.0, not from the driver: what the port refuses
is refused here, what it forgets is forgotten, a call that holds the loop is noted with its time,
and fails the test while something is energised.

It runs on MicroPython as well.
"""

EPERM, EINVAL, ETIMEDOUT = 1, 22, 110
LONG_MS = 20  # INV-9
LEASE = ("192.168.1.23", "255.255.255.0", "192.168.1.1", "192.168.1.1")  # of every router


class Router:
    """Of the neighbourhood. `answers`: what it does to who knows the password."""

    def __init__(self, name, key, channel=1, dbm=-50, hidden=False):
        self.name, self.key, self.channel, self.dbm = name, key, channel, dbm
        self.hidden = hidden
        self.up = True
        self.dhcp = True
        self.full = False  # lets nobody in
        self.mute = False  # says nothing at all


class OnAir:
    """The access point as somebody in the street sees it."""

    def __init__(self, name, key, security, channel, at_ms):
        self.name, self.key, self.security = name, key, security
        self.channel, self.at_ms = channel, at_ms

    def open(self):
        return self.security == 0 or not self.key


class World:
    """What is around the box, and its time."""

    def __init__(self, *routers):
        self.routers = list(routers)
        self.now_ms = 0
        self.energised = False
        self.held = []  # (call, ms)
        self.seen = []  # OnAir, whenever the access point came up or changed
        self.on_air = None
        self.broken = False  # the chip does not answer
        self.allowed_ms = 2_000  # the watchdog's patience
        self.country_code, self.host = "XX", "mpy"

    def hold(self, call, ms):
        """A call that takes its time, as the loop feels it."""
        self.held.append((call, ms))
        self.now_ms += ms
        assert ms < self.allowed_ms, "the watchdog bites in " + call
        assert not (self.energised and ms > LONG_MS), call + " while something is energised"

    def show(self, ap):
        """The access point goes on air as it is set now."""
        self.on_air = OnAir(ap["ssid"], ap["key"], ap["security"], ap["channel"], self.now_ms)
        self.seen.append(self.on_air)

    def heard(self, hidden=False):
        return [r for r in self.routers if r.up and (hidden or not r.hidden)]

    def rows(self, security, hidden):
        """What scan() gives, with a port's own numbers at the end."""
        mac = b"\2\0\0\0\0\1"
        return [
            (b"" if r.hidden else r.name.encode(), mac, r.channel, r.dbm, security, hidden)
            for r in self.heard(True)
        ]

    def find(self, name):
        """The strongest of that name; who asks by name is answered by a hidden one too."""
        found = None
        for router in self.heard(True):
            if router.name == name and (found is None or router.dbm > found.dbm):
                found = router
        return found


def four(given):
    assert isinstance(given, (tuple, list)) and len(given) == 4
    for text in given:
        parts = text.split(".")
        if len(parts) != 4 or not all(p.isdigit() and int(p) < 256 for p in parts):
            raise ValueError("invalid IP address: " + text)
    return tuple(given)


def parameters(args, kwargs):
    if len(args) and kwargs:
        raise TypeError("can't specify pos and kw args")
    if not kwargs and len(args) != 1:
        raise TypeError("must query one param")


class Common:
    """Of both ports: the way from connect() to an address."""

    FAIL_MS = 3_000

    def __init__(self, module, itf):
        self._module, self._world, self._itf = module, module.world, itf
        self._active = False
        self._address = None  # fixed
        self._target = None  # (name, key, began at)
        self._router = None

    def _outcome(self):
        """What comes of the running try: "wait", or a word, or the router that let it in."""
        assert self._target is not None
        name, key, began_ms = self._target  # pyright: ignore[reportGeneralTypeIssues]
        gone_ms = self._world.now_ms - began_ms
        if gone_ms < self.FAIL_MS:
            return "wait"
        router = self._world.find(name)
        if router is None:
            return "missing"
        if router.mute:
            return "wait"
        if router.full:
            return "full"
        if router.key != key:
            return "wrong"
        return router

    def _has_address(self):
        return self._address is not None or (self._router is not None and self._router.dhcp)
