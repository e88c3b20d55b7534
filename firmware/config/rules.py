# islet: what a site's options say together with its circuit board, rule by rule.
# GPL-3.0-or-later
#
# A rule takes (site, config, rights) and yields sentences "option: what is wrong, what helps".
# REFUSED keep the unit from energising anything; WARNED are shown on the page, in the flash report
# and on the console. They stand here about the site as a whole; about its circuits, devices and
# island in files of their own.
#
# `rights` is the circuit board's Rights (chips/circuit.py).

from firmware import image as im
from firmware.config import rules_devices, rules_island, rules_tree, seal

_HOUSE = (".local", ".lan", ".internal", ".home.arpa", ".localdomain", ".fritz.box")


def pen_watched(config):
    """A lost PEN is looked for by its voltage: on earthing pme, and where nobody said, under the
    codes of Great Britain, where that is usual (BS 7671 722.411.4.1, second-hand)."""
    earthing = config["earthing"]
    return earthing == "pme" or (earthing is None and config["grid_code"] == "g99")


def _frequency(site, config, rights):
    if not site[im.ENTER_LOW_MHZ] <= site[im.NOMINAL_MHZ] <= site[im.ENTER_HIGH_MHZ]:
        yield "grid_code: is not made for nominal_hz"


_OF_A_NAME = "abcdefghijklmnopqrstuvwxyz0123456789-"


def _host_name(site, config, rights):
    """One label as RFC 1123, 2.1 has it."""
    name = config["network.name"].lower()
    if name and not all(each in _OF_A_NAME for each in name):
        yield "network.name: a host name has letters, digits and hyphens only"
    elif name[:1] == "-" or name[-1:] == "-":
        yield "network.name: a host name neither begins nor ends with a hyphen"


def _network(site, config, rights):
    if not rights.network and config["network.address"]:
        yield "network.address: this board has no network, leave it empty"
    if not rights.network and config["mqtt.host"]:
        yield "mqtt.host: this board has no network, leave it empty"
    if not rights.network and config["http.port"]:
        yield "http.port: this board has no network, give 0 or leave it out"


def _wifi(site, config, rights):
    if config["wifi"] and not rights.wifi:
        yield "wifi: this board has no radio, leave it empty"
    country = config["network.country"]
    if country and not (len(country) == 2 and country.isalpha() and country == country.upper()):
        yield "network.country: two capital letters, as DE"
    for i, row in enumerate(config["wifi"]):
        word = row["password"]
        if word and not (len(word) >= 8 and all(" " <= each <= "~" for each in word)):
            yield "wifi[{}].password: has 8 to 63 characters of ASCII, or none".format(i)


def _tls(site, config, rights):
    if config["mqtt.host"] and config["mqtt.tls"] and not rights.tls:
        yield "mqtt.tls: this chip has neither the time nor the heap for it (docs/bridge.md)"


def in_the_house(host):
    """Whether a name or address is of the house's own network: RFC 1918, 3927, 6762, 8375, and
    what routers call theirs."""
    if not host.replace(".", "").isdigit():
        return "." not in host or any(host.endswith(end) for end in _HOUSE)
    first, second = host.split(".")[:2] if "." in host else (host, "0")
    return first in ("10", "127") or (
        first + "." + second in ("169.254", "192.168")
        or (first == "172" and 16 <= int(second or 0) < 32)
    )


def _plain(site, config, rights):
    """Whoever is on the way reads the password, and may speak as the broker."""
    host = config["mqtt.host"]
    if host and not config["mqtt.tls"] and not in_the_house(host):
        yield (
            "mqtt.host: {} is outside the house, and what is said to it is not encrypted: "
            "use a broker in the house that speaks TLS to it (docs/bridge.md)".format(host)
        )


def _unsealed(site, config, rights):
    """Nothing weaker than the code without the installer's key."""
    if not rights.bench and not seal.holds(config, rights.key):
        for path, _, why in config.weaker:
            yield "{}: {}, needs the installer's key (make flash KEY=)".format(path, why)


def _weaker(site, config, rights):
    for path, _, why in config.weaker:
        yield "{}: {}".format(path, why)


def _body_live(site, config, rights):
    """Opening the contactor does not part the car's body from a lost PEN."""
    circuit = rights.circuit
    if site[im.PEN_WATCH] and config["points"]:
        if circuit is None or not circuit.protective_conductor:
            yield (
                "earthing: a lost PEN may leave the car's body live; this circuit board declares "
                "neither a pole in the protective conductor nor a listed device"
            )


REFUSED = (
    (_frequency, _host_name, _network, _wifi, _tls)
    + rules_tree.REFUSED
    + rules_devices.REFUSED
    + rules_island.REFUSED
    + (_unsealed,)
)
WARNED = rules_island.WARNED + rules_devices.WARNED + (_weaker, _body_live, _plain)


def derive(site, config, rights):
    """Fill what follows from the options together."""
    site[im.PEN_WATCH] = 1 if pen_watched(config) else 0
    if config["mqtt.tls"] is None:
        config.settings["mqtt.tls"] = rights.tls
    rules_tree.derive(site, config)
    rules_devices.derive(site, config)
    site[im.ENABLE_WIRED] = 1 if rights.enable else 0
    rules_island.derive(site, config, rights)


def judge(site, config, rights):
    """Add what is wrong to config.errors, and what is unusual to config.warnings."""
    for rule in REFUSED:
        config.errors.extend(rule(site, config, rights))
    for rule in WARNED:
        config.warnings.extend(rule(site, config, rights))
