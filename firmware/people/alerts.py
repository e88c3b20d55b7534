# islet: what is wrong, in words and with the way out; and whose it is, of faults and of trips.
# GPL-3.0-or-later

from firmware import image as im
from firmware.base.viper import const
from firmware.people import words

# One row per fault bit, in FAULT_NAMES' order: what is wrong, the way out.
FAULTS = (
    (
        "The control pilot is shorted or at an impossible level.",
        "Unplug the car and try another cable, or have a fixed one checked; then acknowledge.",
    ),
    (
        "The car's pilot diode is missing, so this may not be a car.",
        "It looks again after a minute, three times; else unplug, or acknowledge. Charge only a "
        "car whose inlet is sound.",
    ),
    (
        "The charging contactor stays closed although it was switched off, or its auxiliary "
        "contact says so wrongly.",
        "Do not touch the plug. Switch off the breaker of the charging point and call an "
        "electrician; the contactor must be replaced.",
    ),
    (
        "The charging contactor did not close.",
        "Check the coil supply and the emergency stop, then acknowledge.",
    ),
    (
        "Nobody can tell what the charging cable carries: the contact that says it is shorted.",
        "Unplug and plug in again, or use another cable; with a fixed cable, have the resistor at "
        "that input checked.",
    ),
    (
        "The islanding switch did not open, or its mirror contact says so wrongly: no backup.",
        "Have an electrician check the switch and its mirror contact, then acknowledge. A good "
        "grid carries the house meanwhile.",
    ),
    (
        "The islanding switch did not close, or a pole of it carries no voltage.",
        "It is tried again by itself, after a longer pause each time. Have an electrician check "
        "the switch, then acknowledge.",
    ),
    (
        "The neutral-earth bond did not follow, or its contact says so wrongly: no backup.",
        "If the service switch is pulled, that is why; else have an electrician check the bond "
        "relay and its contact. Then acknowledge. A good grid carries the house meanwhile.",
    ),
    (
        "The inverter supplied the house when it must not.",
        "It stays off until you check it and acknowledge. A good grid carries the house.",
    ),
    (
        "The car was switched off, for one of these: it drew more than it was offered, it drew "
        "more than its cable bears, or it twice went on drawing when told to stop.",
        "Unplug the car and plug it in again, or acknowledge.",
    ),
    (
        "Something else keeps the house live behind the open switch.",
        "Clears by itself once it is dead: the sun or a second inverter may hold it. Find it and "
        "switch it off if it lasts.",
    ),
    (
        "The inverter stayed outside what it was told, so it is held at zero, by its enable if "
        "need be.",
        "It is tried again after a pause, and after the third time only when you acknowledge: "
        "check its settings, whether something else commands it, and its meter first.",
    ),
    (
        "The inverter went on although its enable was taken away.",
        "Do not touch its circuit. Switch off its breaker and call an electrician: the enable "
        "wire has no effect. Then acknowledge.",
    ),
    (
        "A measurement contradicts what islet does, or another one below it. It is one of these: "
        "turned round, on another leg, dead, or of the wrong ratio.",
        "Until then the worst is assumed. Have that transformer or meter checked, then "
        "acknowledge; three steps that it shows rightly clear it as well.",
    ),
    (
        "The supply's protective and neutral conductor seems lost, so the charging point is off.",
        "Call the network operator. Acknowledge when the voltage is normal again.",
    ),
    (
        "The charging point is off, but the car's body may be live: nothing here parts it from "
        "the supply's protective conductor.",
        "Do not touch car or plug; keep others away and call the network operator. Acknowledge "
        "when the voltage is normal again.",
    ),
    (
        "The charging point stays live: its contactor is welded, and nothing here has switched "
        "off what feeds it.",
        "Do not touch the plug. Switch off the breaker of the charging point and call an "
        "electrician; goes with the weld.",
    ),
    (
        "After the switch to the grid had closed, the house's neutral was missing, so it opened.",
        "Call an electrician or the network operator: a lost neutral destroys appliances. Then "
        "acknowledge.",
    ),
    (
        "The neutral-earth bond reads closed, and nothing proves that it is open, so the switch "
        "to the grid stays open.",
        "Have an electrician check the bond relay and its contact, then acknowledge.",
    ),
    (
        "The island was ended by one of these: too high a voltage, too high a frequency, or a "
        "lost neutral.",
        "No new island until the inverter and the neutral have been checked; then acknowledge.",
    ),
    (
        "More was switched on than the island can carry.",
        "Switch something off. It is tried again by itself up to three times, after a longer "
        "pause each time; then acknowledge.",
    ),
    (
        "The island ended by one of these: its inverter stopped or did not start, a short "
        "circuit, or a contact that let go for a moment.",
        "It is tried again by itself up to three times, after a short circuit once, with a longer "
        "pause each time. Then have inverter, contacts and circuits checked, and acknowledge.",
    ),
    (
        "The loads that were told to go seem to be on still.",
        "Have the relay that switches them checked; it clears with a good grid.",
    ),
)

# Whose they are, where a site has several.
_OF_ISLAND = (
    im.FAULT_FORMING + im.FAULT_ISLAND_VOLTAGE + im.FAULT_ISLAND_LOAD + im.FAULT_ISLAND_STOP
)
_TRIPS_OF_ISLAND = (
    im.TRIP_DEAD_GRID
    + im.TRIP_INTERLOCK
    + im.TRIP_ISLAND
    + im.TRIP_NEUTRAL
    + im.TRIP_SHORT
    + im.TRIP_ENABLE
)


def faults(names, commands):
    """What stands in FAULTS, as dicts: "fault", "of" (point, device or circuit; None: the whole
    site, or nobody knows), "text", "way_out"; one after the other, each takes a millisecond."""
    for bit in words.set_rows(commands[im.FAULTS], range(len(FAULTS))):
        for whose in _whose(names, commands, 1 << bit):
            yield _row("fault", im.FAULT_NAMES[bit], whose, FAULTS[bit])


def trips(names, tripped):
    """What stands in TRIPPED, likewise with "trip", one after the other."""
    for bit, sentences in enumerate(words.TRIPS if tripped else ()):
        trip, whose = 1 << bit, []
        if trip & im.POINT_TRIPS:
            masks = [tripped >> im.TRIP_SHIFT * point for point in range(im.POINTS)]
            whose = _points(names, masks, trip)
        elif tripped & trip:
            whose = [_former(names) if trip & _TRIPS_OF_ISLAND else None]
        for each in whose:
            yield _row("trip", im.TRIP_NAMES[bit], each, sentences)


_SILENT_MS = const(10_000)  # a reading lost now and then is none
_SILENT = (
    "{} has not answered for {}.",
    "Check its power, its wires and its address. Until it answers the worst is assumed.",
)


def silent(names, readings, up_s):
    """What is configured and does not speak, likewise with "silent"."""
    site, found = names.site, []

    def hear(what, name, at):
        age_ms = heard_ms(readings[at], up_s)
        if age_ms > _SILENT_MS:
            text = _SILENT[0].format(what.format(name), words.amount(age_ms, "ms"))
            found.append({"silent": name, "of": None, "text": text, "way_out": _SILENT[1]})

    for node in range(site[im.NODE_COUNT]):
        if site[im.NODE_INSTRUMENT + node] not in (im.INSTRUMENT_NONE, im.INSTRUMENT_DEVICE):
            hear("The measurement of circuit {}", names.node(node), im.NODE_AGE_MS + node)
    for device in names.devices():
        what = "{}"
        if site[im.DEVICE_KIND + device] == im.KIND_POINT:  # its own transformers'
            if site[im.NODE_INSTRUMENT + site[im.DEVICE_NODE + device]] == im.INSTRUMENT_POINT:
                continue
            what = "The charging current of {}"
        hear(what, names.device(device), im.DEVICE_AGE_MS + device)
    return found


def heard_ms(age_ms, up_s):
    """How long nothing has been heard: since the start at most."""
    return age_ms if age_ms < im.AGE_MAX_MS else up_s * 1000


def same(row):
    """What stays as it is while the alert of this row stands, also if it says more of whose it is:
    two points may have the same one at the same time."""
    if "silent" in row:
        return row["silent"], None, None
    if "fault" in row:
        name = row["fault"]
        each = 1 << im.FAULT_NAMES.index(name) & im.FAULTS_OF_POINT
    else:
        name = row["trip"]
        each = 1 << im.TRIP_NAMES.index(name) & im.POINT_TRIPS
    return name, row["of"] if each else None, "fault" in row


def _points(names, masks, bit):
    """A name for each point whose mask has this bit; None where the site has one alone."""
    several = len(names.points()) > 1
    return [names.point(p) if several else None for p, mask in enumerate(masks) if mask & bit]


def _row(kind, name, whose, sentences):
    text, way_out = sentences
    if whose:
        text = "{}: {}".format(whose, text)
    return {kind: name, "of": whose, "text": text, "way_out": way_out}


def _whose(names, commands, fault):
    """A name for each row of the list of faults; None where the site has one such thing alone."""
    site = names.site
    if fault & im.FAULTS_OF_POINT:
        masks = commands[im.POINT_FAULTS : im.POINT_FAULTS + im.POINTS]
        return _points(names, masks, fault) or [None]
    if fault & _OF_ISLAND:
        return [_former(names)]
    if fault == im.FAULT_INSTRUMENT and commands[im.DOUBTED_NODE] >= 0:
        return [words.where_text(names.node(commands[im.DOUBTED_NODE]), commands[im.DOUBTED_LEG])]
    if fault & (im.FAULT_NOT_OBEYED | im.FAULT_ENABLE) and _converters(names) > 1:
        found = [
            names.device(d)
            for d in names.devices()
            if site[im.DEVICE_KIND + d] == im.KIND_CONVERTER
            and (
                commands[im.DEVICE_ENABLE_BAR + d] & im.BAR_ENABLE
                if fault == im.FAULT_ENABLE
                else commands[im.DEVICE_OBEDIENCE + d] >= im.OBEY_ZERO
            )
        ]
        return [", ".join(found) or None]
    return [None]


def _converters(names):
    kinds = [names.site[im.DEVICE_KIND + d] for d in names.devices()]
    return kinds.count(im.KIND_CONVERTER)


def _former(names):
    """Who forms the island."""
    several = _converters(names) > 1
    return names.device(names.site[im.ISLAND_DEVICE]) if several else None
