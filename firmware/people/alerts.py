# islet: what is wrong, as numbers and in words, with the way out; and whose it is.
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


# What stands is a small number as well, so that it can be kept: of which kind it is, its row, the
# point whose own it is, and whose it is; the last two 0 where that is nobody's, or nobody knows.
FAULT, TRIP, SILENT = const(0), const(1), const(2)
_KIND, _ROW, _POINT = const(19), const(12), const(10)  # shifts


def parts(code):
    """(kind, row, whose or -1) of what stands."""
    return code >> _KIND, code >> _ROW & 0x7F, (code & 0x3FF) - 1


def same(names, code):
    """What stays as it is while this stands, also if it says more of whose it is: two points may
    have the same fault at the same time. What is silent is one, whatever else has its name."""
    kind, row, _ = parts(code)
    return code >> _POINT if kind != SILENT else _silent_one(names, row)[1]


def fault_codes(names, commands):
    """What stands in FAULTS, each as a number."""
    mask = commands[im.FAULTS]
    for bit in range(len(FAULTS) if mask else 0):
        if mask >> bit & 1:
            yield from _codes(FAULT, bit, _whose(names, commands, 1 << bit), im.FAULTS_OF_POINT)


def trip_codes(names, tripped):
    """What stands in TRIPPED, likewise."""
    for bit in range(len(words.TRIPS) if tripped else 0):
        trip, whose = 1 << bit, ()
        if trip & im.POINT_TRIPS:
            masks = [tripped >> im.TRIP_SHIFT * point for point in range(im.POINTS)]
            whose = _points(names, masks, trip)
        elif tripped & trip:
            whose = (_former(names) if trip & _TRIPS_OF_ISLAND else -1,)
        yield from _codes(TRIP, bit, whose, im.POINT_TRIPS)


def _codes(kind, bit, whose, of_point):
    for each in whose:
        point = each + 1 if of_point >> bit & 1 else 0
        yield kind << _KIND | bit << _ROW | point << _POINT | each + 1


def row(names, kind, what, whose, age_ms=0):
    """What stands, or stood, as a dict: "fault", "trip" or "silent" with its name, "of" (point,
    device or circuit; None: the whole site, or nobody knows), "text", "way_out"."""
    if kind == SILENT:
        subject, name = _silent_one(names, what)
        text = _SILENT[0].format(subject.format(name), words.amount(age_ms, "ms"))
        return {"silent": name, "of": None, "text": text, "way_out": _SILENT[1]}
    text, way_out = (words.TRIPS if kind == TRIP else FAULTS)[what]
    of = _named(names, kind, 1 << what, whose) if whose >= 0 else None
    if of:
        text = "{}: {}".format(of, text)
    if kind == TRIP:
        return {"trip": im.TRIP_NAMES[what], "of": of, "text": text, "way_out": way_out}
    return {"fault": im.FAULT_NAMES[what], "of": of, "text": text, "way_out": way_out}


def faults(names, commands):
    """What stands in FAULTS, as dicts, one after the other: each takes a millisecond."""
    for code in fault_codes(names, commands):
        yield row(names, *parts(code))


def trips(names, tripped):
    """What stands in TRIPPED, likewise."""
    for code in trip_codes(names, tripped):
        yield row(names, *parts(code))


_SILENT_MS = const(10_000)  # a reading lost now and then is none
_SILENT = (
    "{} has not answered for {}.",
    "Check its power, its wires and its address. Until it answers the worst is assumed.",
)


def silent_codes(names, readings, up_s):
    """What is configured and does not speak, as numbers: a node's row, or, behind all of them, a
    device's."""
    site = names.site
    for node in range(site[im.NODE_COUNT]):
        if site[im.NODE_INSTRUMENT + node] not in (im.INSTRUMENT_NONE, im.INSTRUMENT_DEVICE):
            if age_of(node, readings, up_s) > _SILENT_MS:
                yield SILENT << _KIND | node << _ROW
    for device in names.devices():
        if site[im.DEVICE_KIND + device] == im.KIND_POINT:  # its own transformers'
            if site[im.NODE_INSTRUMENT + site[im.DEVICE_NODE + device]] == im.INSTRUMENT_POINT:
                continue
        if age_of(im.NODES + device, readings, up_s) > _SILENT_MS:
            yield SILENT << _KIND | im.NODES + device << _ROW


def silent(names, readings, up_s):
    """The same as dicts."""
    return [
        row(names, *parts(code), age_of(parts(code)[1], readings, up_s))
        for code in silent_codes(names, readings, up_s)
    ]


def age_of(row, readings, up_s):
    """How long a row of what may be silent has been so, in ms."""
    at = im.NODE_AGE_MS + row if row < im.NODES else im.DEVICE_AGE_MS + row - im.NODES
    return heard_ms(readings[at], up_s)


def _silent_one(names, row):
    """(how its sentence begins, its name)."""
    device = row - im.NODES
    if device < 0:
        return "The measurement of circuit {}", names.node(row)
    point = names.site[im.DEVICE_KIND + device] == im.KIND_POINT
    return "The charging current of {}" if point else "{}", names.device(device)


def heard_ms(age_ms, up_s):
    """How long nothing has been heard: since the start at most."""
    return age_ms if age_ms < im.AGE_MAX_MS else up_s * 1000


def _points(names, masks, bit):
    """A row for each point whose mask has this bit; -1 where the site has one alone."""
    several = len(names.points()) > 1
    return [p if several else -1 for p, mask in enumerate(masks) if mask & bit]


def _whose(names, commands, fault):
    """A number for each row of the list of faults; -1 where the site has one such thing alone."""
    site = names.site
    if fault & im.FAULTS_OF_POINT:
        masks = commands[im.POINT_FAULTS : im.POINT_FAULTS + im.POINTS]
        return _points(names, masks, fault) or (-1,)
    if fault & _OF_ISLAND:
        return (_former(names),)
    if fault == im.FAULT_INSTRUMENT and commands[im.DOUBTED_NODE] >= 0:
        return (commands[im.DOUBTED_NODE] << 2 | commands[im.DOUBTED_LEG] + 1,)
    mask = 0
    if fault & (im.FAULT_NOT_OBEYED | im.FAULT_ENABLE) and _converters(names) > 1:
        for d in names.devices():
            if site[im.DEVICE_KIND + d] == im.KIND_CONVERTER and (
                commands[im.DEVICE_ENABLE_BAR + d] & im.BAR_ENABLE
                if fault == im.FAULT_ENABLE
                else commands[im.DEVICE_OBEDIENCE + d] >= im.OBEY_ZERO
            ):
                mask |= 1 << d
    return (mask or -1,)


def _named(names, kind, bit, whose):
    """What `_whose`, `_points` and `_former` mean, in words."""
    if bit & (im.POINT_TRIPS if kind == TRIP else im.FAULTS_OF_POINT):
        return names.point(whose)
    if kind == TRIP or bit & _OF_ISLAND:
        return names.device(whose)
    if bit == im.FAULT_INSTRUMENT:
        return words.where_text(names.node(whose >> 2), (whose & 3) - 1)
    return ", ".join([names.device(d) for d in range(im.DEVICES) if whose >> d & 1])


def _converters(names):
    kinds = [names.site[im.DEVICE_KIND + d] for d in names.devices()]
    return kinds.count(im.KIND_CONVERTER)


def _former(names):
    """Who forms the island; -1 where that can be one alone."""
    return names.site[im.ISLAND_DEVICE] if _converters(names) > 1 else -1
