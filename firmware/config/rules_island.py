# islet: rules about the island: who forms it, its bond, what the circuit board does by itself.
# GPL-3.0-or-later

from firmware import image as im
from firmware.config.each import devices

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


def derive(site, config, rights):
    """What the circuit board's hardware does by itself, as facts of the site."""
    site[im.BOND_NEEDED] = 1 if bond_needed(config) else 0
    if config["island.device"] is None:
        for _, at, _ in devices(config, "converter"):  # the only one, else `_named` refuses
            site[im.ISLAND_DEVICE] = at
    circuit = rights.circuit
    if circuit is None:
        return
    # the simulated board's RCD and heat contact hang where its site needs them
    gateways = [device for _, _, device in devices(config, "converter") if device["owns_pilot"]]
    behind = rights.bench and gateways
    breaks = im.IN_ESTOP | (im.IN_ENABLE if circuit.has_outputs(im.OUT_ENABLE) else 0)
    if circuit.rcd_breaks_enable or behind:
        breaks |= im.IN_RCD
    if circuit.heat_breaks_enable or behind:
        breaks |= im.IN_OVERTEMP
    site[im.ENABLE_INPUTS] = breaks
    site[im.BOND_HOLD_MS] = circuit.bond_hold_ms
    site[im.BOND_NORMALLY_OPEN] = 1 if circuit.bond_normally_open else 0
    site[im.PEN_PARTED] = 1 if circuit.protective_conductor else 0
    site[im.WELD_RELEASE] = 1 if circuit.has_outputs(im.OUT_RELEASE) else 0
    if circuit.stop_cuts_supply:
        site[im.STOP_CUTS_SUPPLY] = 1


def _former(site, config):
    """(place of its sentences, row of the image, values) of the device that forms, where a site
    may island."""
    if site[im.ISLAND_CAPABLE]:
        for where, at, device in devices(config, "converter"):
            if at == site[im.ISLAND_DEVICE]:
                yield where, at, device


def _named(site, config, rights):
    """One device forms."""
    names = [device["name"] for _, _, device in devices(config, "converter")]
    named = config["island.device"]
    if named is None and len(names) > 1 and site[im.ISLAND_CAPABLE]:
        yield "island.device: is missing, needs one of " + ", ".join(names)
    elif named is None and not names and site[im.ISLAND_CAPABLE]:
        yield "island.capable: needs a converter"
    elif named is not None and named not in names:
        yield "island.device: {} is no converter".format(named)


def _capable(site, config, rights):
    if not site[im.ISLAND_CAPABLE]:
        return
    if not rights.can_island:
        yield "island.capable: this circuit board lacks the declared interlocks"
    for where, _, device in _former(site, config):
        if len(device["legs"]) < site[im.LEG_COUNT]:
            yield where + "legs: it forms the island, needs all legs of the site"
        if not device["may_discharge"]:  # T3, before ISO 15118-20 or SAE J3072 authorises the car
            yield "island.device: {} may not discharge".format(device["name"])


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
    for where, at, _ in _former(site, config):
        if site[im.BOND_NEEDED] and site[im.DEVICE_STOP_MS + at] > most_ms:  # INV-18
            yield (
                "{}stop_ms: at most {}: this circuit board's bond holds itself for {} ms after "
                "the enable has fallen; take a device that stops sooner, or a bond that holds "
                "longer".format(where, most_ms, circuit.bond_hold_ms)
            )


def _weld_unseen(site, config, rights):
    """Welded while islanded shows by current, or by a grid side that comes up locked; a device
    that synchronises by itself is judged by current alone."""
    for where, _, device in _former(site, config):
        if device["synchronises"] and site[im.LOADS_BEFORE_SWITCH]:
            yield (
                "island.loads_before_switch: with {}synchronises nothing would show a welded "
                "switch; measure at the switch".format(where)
            )


def _stopped(site, config, rights):
    """A gateway that forms the island hangs behind the point's RCD and heat contact, which must
    stop it."""
    for _, _, device in _former(site, config):
        if not device["owns_pilot"] or rights.circuit is None:
            continue
        for contact, name in ((im.IN_RCD, "RCD"), (im.IN_OVERTEMP, "heat contact")):
            if not site[im.ENABLE_INPUTS] & contact:
                yield (
                    "island.capable: this circuit board's {} does not break the enable of "
                    "{}".format(name, device["name"])
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


REFUSED = (
    _named,
    _capable,
    _bonds,
    _wired_otherwise,
    _weld_unseen,
    _stopped,
    _unasked,
)
WARNED = (_guessed,)
