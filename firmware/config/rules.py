# islet: what a site's options say together with its circuit board, rule by rule.
# GPL-3.0-or-later
#
# A rule takes (site, config, rights) and yields sentences "option: what is wrong, what helps".
# REFUSED keep the unit from energising anything; WARNED are shown on the page, in the flash report
# and on the console.
#
# `rights` is the circuit board's Rights (chips/circuit.py).

from firmware import image as im
from firmware.config import seal

# Where the neutral stays whole and the installation keeps its own bond at the service: NEC 250.24
# and 250.30 for systems not separately derived, AS/NZS 3000 (MEN); both second-hand.
SERVICE_BONDED = ("as4777a", "default_60hz", "ieee1547_cat2", "ieee1547_cat3", "rule21")


def neutral_switched(config):
    """The answer, or what is usual under the site's grid code."""
    answer = config["island.neutral_switched"]
    return config["grid_code"] not in SERVICE_BONDED if answer is None else answer


def bond_needed(config):
    """Exactly one neutral-earth bond while a source forms (INV-6): the service's own where the
    neutral stays whole, the device's where it makes one in backup, else islet's."""
    return neutral_switched(config) and not config["island.device_bonds"]


# of a device whose anti-islanding cannot be asked
CERTIFICATE = tuple("inverter.certificate." + name for name in ("standard", "number", "profile"))
SLOWEST_RESPONSE_MS = 8_000  # INV-16 has 10 s, the response and 2 s more among them


def certified(config):
    """Whether a certificate of the inverter's anti-islanding is entered."""
    return None not in [config[path] for path in CERTIFICATE]


def fits_static(site):
    """Whether the inverter's whole nameplate fits INV-4's static rule in both directions: it may
    feed all of it by conductors, busbars and export limit, and draw all of it by circuits that
    rely on no measurement."""
    if site[im.DEVICE_NODE + im.INVERTER] < 0:
        return False
    if 0 <= site[im.EXPORT_LIMIT_W] < site[im.DEVICE_DISCHARGE_W + im.INVERTER]:
        return False
    volts = site[im.NOMINAL_MV] // 1000
    draw_ma = (
        site[im.DEVICE_CHARGE_W + im.INVERTER]
        // site[im.DEVICE_LEGS + im.INVERTER]
        * 1000
        // volts
    )
    feed_ma = (
        site[im.DEVICE_DISCHARGE_W + im.INVERTER]
        // site[im.DEVICE_LEGS + im.INVERTER]
        * 1000
        // volts
    )
    node = site[im.DEVICE_NODE + im.INVERTER]
    while node >= 0:
        sources_ma = _sources_ma(node, site)
        rating_ma = site[im.NODE_RATING_MA + node]
        limit_ma = rating_ma // 1000 * site[im.NODE_CONTINUOUS_PERMILLE + node]
        bus_ma = site[im.NODE_BUS_MA + node] // 1000 * site[im.NODE_BUS_PERMILLE + node]
        measured = site[im.NODE_INSTRUMENT + node] in (im.INSTRUMENT_CT, im.INSTRUMENT_METER)
        if measured and node != site[im.DEVICE_NODE + im.INVERTER] and draw_ma:
            return False
        if draw_ma > limit_ma or feed_ma > limit_ma - sources_ma:
            return False
        if bus_ma and feed_ma > (bus_ma - rating_ma) * 4 // 5 - sources_ma:
            return False
        node = site[im.NODE_PARENT + node]
    return True


def _sources_ma(node, site):
    """Nameplates of the other sources at and below a node, per leg."""
    total_ma = site[im.NODE_SOURCE_MA + node]
    for i in range(node + 1, site[im.NODE_COUNT]):  # a parent stands before its children
        if site[im.NODE_PARENT + i] == node:
            total_ma += _sources_ma(i, site)
    return total_ma


def _certificate(site, config, rights):
    """Whole or not at all."""
    missing = [path for path in CERTIFICATE if config[path] is None]
    if len(missing) < len(CERTIFICATE):
        for path in missing:
            yield path + ": is missing"


def _slow(site, config, rights):
    """INV-16: what answers so late cannot lose its enable within 10 s."""
    slow = site[im.DEVICE_RESPONSE_MS + im.INVERTER] > SLOWEST_RESPONSE_MS
    if site[im.DEVICE_NODE + im.INVERTER] >= 0 and slow and not site[im.DEVICE_FITS + im.INVERTER]:
        yield (
            "inverter.response_s: above {} only where its whole nameplate fits the static rule, "
            "measured by nothing".format(SLOWEST_RESPONSE_MS // 1000)
        )


def pen_watched(config):
    """A lost PEN is looked for by its voltage: on earthing pme, and where nobody said, under the
    codes of Great Britain, where that is usual (BS 7671 722.411.4.1, second-hand)."""
    earthing = config["earthing"]
    return earthing == "pme" or (earthing is None and config["grid_code"] == "g99")


def _built_for(site, config, rights):
    """What the circuit board carries is not less than what the site puts through it."""
    evse_a, mains_a = rights.evse_a, rights.mains_a
    if evse_a and site[im.DEVICE_NODE + im.EVSE] >= 0:
        if site[im.DEVICE_MAX_MA + im.EVSE] > evse_a * 1000:
            yield "evse.max_a: this circuit board is built for {} A".format(evse_a)
        if site[im.TOPOLOGY] == 2:
            for path in ("inverter.charge_w", "inverter.discharge_w"):
                watts = config[path] // site[im.DEVICE_LEGS + im.INVERTER]
                if watts * 1000 // (site[im.NOMINAL_MV] // 1000) > evse_a * 1000:
                    yield "{}: this circuit board is built for {} A a leg".format(path, evse_a)
    through = site[im.ISLAND_CAPABLE] or site[im.NODE_INSTRUMENT] == im.INSTRUMENT_CT
    if mains_a and through and site[im.NODE_RATING_MA] > mains_a * 1000:
        yield "nodes[0].rating_a: this circuit board is built for {} A".format(mains_a)


def _measured(site, config, rights):
    """Nothing grows on a service that nobody measures."""
    commands = site[im.DEVICE_NODE + im.EVSE] >= 0 or site[im.DEVICE_NODE + im.INVERTER] >= 0
    if commands and site[im.NODE_INSTRUMENT] == im.INSTRUMENT_NONE:
        yield "nodes[0].instrument: the service must be measured (ct or meter)"


def _bonds(site, config, rights):
    """Exactly one bond in an island, and none is the service's second."""
    if not site[im.ISLAND_CAPABLE]:
        return
    switched = neutral_switched(config)
    code = config["grid_code"]
    if switched and code in SERVICE_BONDED:
        yield "island.neutral_switched: must be false under grid_code " + code
    elif not switched and config["island.device_bonds"]:
        yield "island.device_bonds: the service's own bond stays, this would be a second one"
    stated = config["island.bond"]
    if stated is not None and stated != bond_needed(config):
        yield "island.bond: must be {} by the answers about neutral, device and grid_code".format(
            "true" if bond_needed(config) else "false"
        )
    if switched and config["earthing"] in ("pme", "tt") and config["island.electrode"] is False:
        yield "island.electrode: an island on earthing {} needs one of its own".format(
            config["earthing"]
        )


def _wired_otherwise(site, config, rights):
    """What a site says against its circuit board."""
    circuit = rights.circuit
    if circuit is None or not site[im.ISLAND_CAPABLE]:
        return
    if circuit.stop_cuts_supply and config["island.stop_cuts_supply"] is False:
        yield "island.stop_cuts_supply: this circuit board's emergency stop does, leave it out"
    most_ms = circuit.bond_hold_ms - im.BOND_MARGIN_MS
    if site[im.BOND_NEEDED] and site[im.DEVICE_STOP_MS + im.INVERTER] > most_ms:  # INV-18
        yield (
            "inverter.stop_ms: at most {}: this circuit board's bond holds itself for {} ms after "
            "the enable has fallen; take a device that stops sooner, or a bond that holds "
            "longer".format(most_ms, circuit.bond_hold_ms)
        )


def _weld_unseen(site, config, rights):
    """Welded while islanded shows by current, or by a grid side that comes up locked; a device
    that synchronises by itself is judged by current alone."""
    if (
        site[im.ISLAND_CAPABLE]
        and site[im.DEVICE_SYNCHRONISES + im.INVERTER]
        and site[im.LOADS_BEFORE_SWITCH]
    ):
        yield (
            "island.loads_before_switch: with inverter.synchronises nothing would show a welded "
            "switch; measure at the switch"
        )


def _behind(site, config, rights):
    """A gateway that forms the island hangs behind the point's RCD and heat contact, which must
    stop it (T2)."""
    if site[im.ISLAND_CAPABLE] and site[im.TOPOLOGY] == 2 and rights.circuit is not None:
        for contact, name in ((im.IN_RCD, "RCD"), (im.IN_OVERTEMP, "heat contact")):
            if not site[im.ENABLE_INPUTS] & contact:
                yield (
                    "island.capable: this circuit board's {} does not break the inverter's "
                    "enable".format(name)
                )


_QUESTIONS = (
    ("island.neutral_switched", "does the islanding switch open the neutral too?"),
    ("island.device_bonds", "does the device join neutral and earth by itself in backup?"),
    ("island.electrode", "has the house an earth electrode of its own?"),
)


def _unanswered(config):
    return [row for row in _QUESTIONS if config[row[0]] is None]


def _unasked(site, config, rights):
    """On a real board nobody guesses how a house is earthed."""
    if site[im.ISLAND_CAPABLE] and not rights.bench:
        for path, question in _unanswered(config):
            yield "{}: is missing: {}".format(path, question)


def _guessed(site, config, rights):
    """In a simulated house what is usual under its grid code is taken, and said."""
    if site[im.ISLAND_CAPABLE]:
        for path, question in _unanswered(config):
            yield "{}: {} Not answered: taken as usual under {}".format(
                path, question, config["grid_code"]
            )


def _unsealed(site, config, rights):
    """Nothing weaker than the code without the installer's key."""
    if not rights.bench and not seal.holds(config, rights.key):
        for path, why in config.weaker:
            yield "{}: {}, needs the installer's key (make flash KEY=)".format(path, why)


def _weaker(site, config, rights):
    for path, why in config.weaker:
        yield "{}: {}".format(path, why)


def _body_live(site, config, rights):
    """Opening the contactor does not part the car's body from a lost PEN."""
    circuit = rights.circuit
    if site[im.PEN_WATCH] and site[im.DEVICE_NODE + im.EVSE] >= 0:
        if circuit is None or not circuit.protective_conductor:
            yield (
                "earthing: a lost PEN may leave the car's body live; this circuit board declares "
                "neither a pole in the protective conductor nor a listed device"
            )


REFUSED = (
    _built_for,
    _measured,
    _bonds,
    _wired_otherwise,
    _weld_unseen,
    _behind,
    _certificate,
    _slow,
    _unasked,
    _unsealed,
)
WARNED = (_guessed, _weaker, _body_live)


def judge(site, config, rights):
    """Add what is wrong to config.errors, and what is unusual to config.warnings."""
    for rule in REFUSED:
        config.errors.extend(rule(site, config, rights))
    for rule in WARNED:
        config.warnings.extend(rule(site, config, rights))
