# islet: the sentences people read for reasons, trips, faults and states.
# GPL-3.0-or-later
#
# Core speaks in integers (code, node, leg, value); here they become plain English. Each sentence
# is one row of a table, a fault's row also states the way out. Pure functions that import the
# image alone, so the page, MQTT and a live view on a PC print the same words.

from firmware import image as im

# One row per REASON_*, in its order: unit of the value, sentence.
# {where} is the circuit and its leg, {value} the value with its unit.
REASONS = (
    ("", "Nothing limits it."),
    ("", "At its own rating."),
    ("", "No car is plugged in."),
    ("", "The car is plugged in and has not asked for power."),
    ("mA", "The charging cable carries at most {value}."),
    ("", "The control pilot reads a fault, so the charging point stays off."),
    ("", "Waiting for somebody authorised to start charging."),
    ("", "The car asks for ventilation and none is confirmed."),
    ("protections", "The power is cut: {value}."),
    ("", "The charging contactor is still moving or has a fault."),
    ("trips", "Protection has tripped: {value}"),
    ("", "The inverter reports a fault, or nothing is connected to it."),
    ("ms", "The inverter has not answered for {value}."),
    ("", "The grid is outside its normal voltage or frequency."),
    ("ms", "The grid is back; waiting {value} more, as the grid code asks."),
    ("", "The grid is back; power returns slowly, as the grid code asks."),
    ("", "The house runs, or is about to run, without the grid."),
    ("mA", "{where} has {value} left."),
    ("mA", "The busbar of {where} has {value} left."),
    ("W", "The house may send at most {value} to the grid."),
    ("ms", "No measurement of {where} for {value}, so the worst is assumed."),
    ("", "The busbar of {where} allows no more power back into it."),
    ("ms", "Paused for {value} after a stop for lack of current."),
    ("", "Rising slowly towards the limit."),
    ("", "The network operator limits it."),
    ("permille", "The battery is at its reserve of {value}."),
    ("", "The battery's charge is not known, so it counts as at its reserve."),
    ("", "As you asked."),
    ("", "Nothing is asked of it."),
    ("", "The car draws more than it was offered."),
    ("", "This kind of site does not allow it."),
    ("", "Just started; still looking at the state of the house."),
    ("", "The inverter did not do what it was told, so it is held at zero."),
    ("", "Nothing measures what the inverter does, so it stays off."),
    (
        "",
        "The inverter says that its anti-islanding is off, or cannot be asked and has no "
        "certificate entered.",
    ),
    ("", "The inverter went on after its enable was taken away."),
    ("", "Held back, since its own power has pushed the grid's voltage out of bounds before."),
    ("ms", "The grid has come and gone several times; waiting {value} more."),
    ("", "What islet does shows wrongly in the measurement of {where}; the worst is assumed."),
    ("", "Waiting until the last change shows in the measurement of {where}."),
    (
        "ms",
        "The charging contactor stays open for {value}, since it has switched often; it closes by "
        "itself then, or sooner when you unplug for a minute or acknowledge.",
    ),
    ("", "The supply's protective conductor seems lost, so the charging point stays off."),
    ("ms", "The measurement of {where} is back; it must stay for {value} more."),
    ("", "Your own limit holds it."),
    ("", "A contact at the box limits it."),
    ("", "What is shared out on this site leaves it no more."),
    ("", "The charging network limits it (OCPP)."),
    ("", "A demand programme limits it (OpenADR)."),
    ("", "The utility limits it."),
    ("", "The energy manager limits it."),
)

_ENDS = "Clears by itself once the island has ended; see the fault that names it."
# One row per trip bit, in TRIP_NAMES' order: what happened, the way out.
TRIPS = (
    (
        "The car drew far more than allowed, so the contactor was opened.",
        "Unplug the car, have it and the cable checked, then acknowledge.",
    ),
    (
        "The car was unplugged or stopped while charging, so the contactor was opened at once.",
        "Clears by itself once the pilot reads well; plug the car in again.",
    ),
    (
        "The grid went dead, so the inverter was cut off.",
        "Clears by itself when the grid is back.",
    ),
    (
        "The emergency stop cut the power, or another contact in its loop.",
        "Find out who pressed it and why, release it, then acknowledge.",
    ),
    (
        "The controller was late, so its permissions were dropped.",
        "Clears by itself; if it comes back, note the event and report it.",
    ),
    (
        "A contact of the islanding switch or of the bond let go while the inverter formed the "
        "island.",
        "Clears by itself once the contacts agree; if it comes back, have them checked.",
    ),
    (
        "The measurements stopped, so everything was switched off.",
        "Clears by itself when measurements are back; if not, restart the unit.",
    ),
    (
        "The residual current device of the charger's circuit has tripped.",
        "Unplug the car, find the cause, set the device again, then acknowledge.",
    ),
    (
        "The charger's circuit is too hot, so it was switched off.",
        "Clears by itself once it has cooled for a minute; if it comes back, have the terminals "
        "checked.",
    ),
    (
        "The car asked for ventilation that is not there, or its pilot lost its diode, so the "
        "contactor was opened at once.",
        "Clears by itself; it closes again only for a car that is in order.",
    ),
    (
        "The neutral-earth bond and the islanding switch read closed together.",
        "Clears by itself once the contacts agree; have an electrician check them.",
    ),
    ("The island's voltage was too high, so the inverter was cut off.", _ENDS),
    ("The island's neutral was lost, so the inverter was cut off.", _ENDS),
    ("The island's voltage broke down, so the inverter was cut off.", _ENDS),
    (
        "The service switch is pulled: somebody may be working on the house.",
        "Ask who pulled it. When nobody works any more, put it back, then acknowledge.",
    ),
    (
        "The inverter's enable does not arrive: the service switch is pulled, or a relay or a "
        "broken wire has opened it.",
        "Ask whether somebody works on the house; else have the enable's wire checked. Then "
        "acknowledge.",
    ),
)

# What cuts the power by itself, in the order of PROTECTION_INPUTS' bits from IN_ESTOP on.
PROTECTIONS = (
    "emergency stop",
    "residual current device",
    "too hot",
)

# One row per fault bit, in FAULT_NAMES' order: what is wrong, the way out.
FAULTS = (
    (
        "The control pilot is shorted or at an impossible level.",
        "Unplug the car and try another cable; then acknowledge.",
    ),
    (
        "The car's pilot diode is missing, so this may not be a car.",
        "It looks again after a minute, three times; else unplug, or acknowledge. Charge only a "
        "car whose inlet is sound.",
    ),
    (
        "The charging contactor stays closed although it was switched off.",
        "Do not touch the plug. Switch off the breaker of the charging point and call an "
        "electrician; the contactor must be replaced.",
    ),
    (
        "The charging contactor did not close.",
        "Check the coil supply and the emergency stop, then acknowledge.",
    ),
    (
        "The charging cable's rating cannot be read.",
        "Unplug and plug in again, or use another cable.",
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
        "The car drew more than it was offered or its cable bears, or twice went on drawing when "
        "told to stop, so it was switched off.",
        "Unplug the car and plug it in again, or acknowledge.",
    ),
    (
        "Something else keeps the house live behind the open switch.",
        "Clears by itself once it is dead: the sun or a second inverter may hold it. Find it and "
        "switch it off if it lasts.",
    ),
    (
        "The inverter stayed outside what it was told, so its enable was taken away.",
        "It is tried again after a pause, and after the third time only when you acknowledge: "
        "check its settings, whether something else commands it, and its meter first.",
    ),
    (
        "The inverter went on although its enable was taken away.",
        "Do not touch its circuit. Switch off its breaker and call an electrician: the enable "
        "wire has no effect. Then acknowledge.",
    ),
    (
        "A measurement contradicts what islet does, or another one below it: turned round, "
        "on another leg, dead or of the wrong ratio.",
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
        "The island's voltage or frequency was beyond its limits, or its neutral was lost.",
        "No new island until the inverter and the neutral have been checked; then acknowledge.",
    ),
    (
        "More was switched on than the island can carry.",
        "Switch something off. It is tried again by itself up to three times, after a longer "
        "pause each time; then acknowledge.",
    ),
    (
        "The island ended by itself, or did not come up.",
        "It is tried again by itself up to three times, after a short circuit once, with a longer "
        "pause each time. Then have inverter, contacts and circuits checked, and acknowledge.",
    ),
    (
        "The loads that were told to go seem to be on still.",
        "Have the relay that switches them checked; it clears with a good grid.",
    ),
)

PILOT = (
    "not read yet",
    "no car",
    "car plugged in",
    "car asks for power",
    "car asks for power with ventilation",
    "no pilot (E)",
    "charging point not available (F)",
    "not a car (no diode)",
)
CONTACTOR = (
    "open",
    "closing",
    "closed",
    "waiting for the car to stop drawing",
    "opening",
    "fault",
)
GRID = ("not measured yet", "no power from the grid", "abnormal", "back, waiting", "present")
ISLAND = (
    "Looking at the state of the house.",
    "The house is on the grid.",
    "About to leave the grid: stopping the inverter first.",
    "Leaving the grid: opening the switch to it.",
    "Preparing to run alone: earthing the neutral.",
    "Preparing to run alone: starting the inverter.",
    "The house runs on the battery, without the grid.",
    "Ending the island: stopping the inverter.",
    "The switch to the grid is open, and nothing of islet's supplies the house.",
    "Ending the island: removing the house's own earthing.",
    "Closing the switch to the grid.",
    "The switch to the grid stays open until somebody acknowledges.",
)
# by NOTE_*
NOTES = (
    "",
    "The islanding switch's mirror contact said for a moment that it is open. Nothing was "
    "moved; if it comes back, have it checked.",
    "The contact of the neutral-earth bond said for a moment that it is closed. Nothing was "
    "moved; if it comes back, have it checked.",
    "The loads that may be switched off stay off: there is no room for them in the island.",
    "The island ended; after a pause it is tried again.",
    "The battery is at its reserve for outages.",
    "Attention: in a moment the inverter supplies the house.",
)
ANTI_ISLANDING = ("not read yet", "off", "on", "not asked")  # from -1
MODE = ("stopped", "following the grid", "forming the island")


def amount(value, unit):
    """`value` as a person writes it; unit: mA, mV, W, Wh, ms, permille, trips, protections."""
    if unit == "mA":
        return _tenths(value, 1000) + " A"
    if unit == "mV":
        return "{} V".format((value + 500) // 1000)
    if unit in ("W", "Wh"):
        return (
            _tenths(value, 1000) + " k" + unit if abs(value) >= 1000 else str(value) + " " + unit
        )
    if unit == "ms":
        return _duration(value // 1000)
    if unit == "permille":
        return "{} %".format((value + 5) // 10)
    if unit == "protections":
        names = _set_bits(value // im.IN_ESTOP, PROTECTIONS)
        return ", ".join(names) if names else "nobody knows its protective contacts"
    if unit == "trips":
        return " ".join(row[0] for row in _set_bits(value, TRIPS))
    return str(value)


def _tenths(value, scale):
    tenths = (abs(value) * 10 + scale // 2) // scale
    return "{}{}.{}".format("-" if value < 0 and tenths else "", tenths // 10, tenths % 10)


def _duration(seconds):
    if seconds < 120:
        return "{} s".format(seconds)
    if seconds < 7200:
        return "{} min".format(seconds // 60)
    if seconds < 172800:
        return "{} h".format(seconds // 3600)
    return "a long time"


def _set_bits(mask, rows):
    return [row for bit, row in enumerate(rows) if mask & (1 << bit)]


def where_text(node_name, leg):
    """A circuit and its leg (0…2, -1 none)."""
    name = "Circuit " + node_name if node_name else "A circuit"
    return name if leg < 0 else "{} (L{})".format(name, leg + 1)


def reason_text(code, node_name=None, leg=-1, value=0):
    """The sentence for a REASON_* with its node's name, leg (0…2, -1) and value."""
    if not 0 <= code < len(REASONS):
        return "Reason {} is not known to this version.".format(code)
    unit, text = REASONS[code]
    where = where_text(node_name, leg)
    if not text.startswith("{where}"):
        where = where[0].lower() + where[1:]
    return text.format(where=where, value=amount(value, unit))


def fault_texts(mask):
    """For each bit of FAULTS: {"fault", "text", "way_out"}."""
    return _alerts("fault", mask, im.FAULT_NAMES, FAULTS)


def trip_texts(mask):
    """For each bit of TRIPPED: {"trip", "text", "way_out"}."""
    return _alerts("trip", mask, im.TRIP_NAMES, TRIPS)


def _alerts(kind, mask, names, rows):
    return [
        {kind: name, "text": row[0], "way_out": row[1]}
        for name, row in zip(_set_bits(mask, names), _set_bits(mask, rows))
    ]


def state_text(names, texts, value):
    """(short name, plain words) of a state, also of one this version does not know."""
    if 0 <= value < len(texts):
        return names[value], texts[value]
    return str(value), "state {} is not known to this version".format(value)


def pilot_text(value):
    return state_text(im.PILOT_NAMES, PILOT, value)


def contactor_text(value):
    return state_text(im.CONTACTOR_NAMES, CONTACTOR, value)


def grid_text(value):
    return state_text(im.GRID_NAMES, GRID, value)


def island_text(value):
    return state_text(im.ISLAND_NAMES, ISLAND, value)


def note_text(value):
    return state_text(im.NOTE_NAMES, NOTES, value)


def alarm_text(node_name, leg, over_ma):
    """Overload by loads that islet does not control."""
    return "{} is overloaded by {} by loads islet does not control: switch something off.".format(
        where_text(node_name, leg), amount(over_ma, "mA")
    )
