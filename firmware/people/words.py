# islet: the sentences people read for reasons, trips and states; those for faults: alerts.py.
# GPL-3.0-or-later
#
# Core speaks in integers (code, node, leg, value); here they become plain English. Each sentence
# is one row of a table. Pure functions that import the image alone, so the page, MQTT and a live
# view on a PC print the same words.

from firmware import image as im

# One row per REASON_*, in its order: unit of the value, sentence. It follows the device's name.
# {where} is the circuit and its leg, {value} the value with its unit. Where one code has several
# causes there is a sentence for each, by the value: 0 the first one, the last one for all above.
REASONS = (
    ("", "Nothing limits it."),
    ("", "At its own rating."),
    ("", "No car is plugged in."),
    ("", "Plugged in; the car has not asked for power."),
    (
        "mA",
        ("Nobody can tell what the charging cable carries.", "The cable carries at most {value}."),
    ),
    (
        "",
        (
            "The control pilot reads a fault, so the charging point stays off.",
            "The control pilot cannot be read, so the charging point stays off.",
        ),
    ),
    ("", "Waiting for somebody authorised to start charging."),
    ("", "The car asks for ventilation and none is confirmed."),
    ("protections", "The power is cut: {value}."),
    (
        "",
        (
            "The charging contactor has a fault.",
            "The charging contactor is still moving.",
            "The charging contactor waits for the car to stop drawing.",
            "The charging contactor is open.",
        ),
    ),
    ("trips", "Protection has tripped: {value}"),
    (
        "",
        (
            "It reports a fault.",
            "Nothing is connected to it.",
            "Something else commands it too, its maker's app or an energy manager: switch that "
            "off, then acknowledge.",
        ),
    ),
    ("ms", "It has not answered for {value}."),
    (
        "",
        (
            "The grid is outside its normal voltage or frequency.",
            "There is no power from the grid.",
            "The grid is not measured.",
        ),
    ),
    ("ms", "Waiting until the grid has been good for {value} more, as the grid code asks."),
    ("", "The grid is good; power rises slowly, as the grid code asks."),
    (
        "",
        (
            "The house is off the grid, or about to leave it.",
            "The house was supplied when it must not be; inverters stay off until somebody "
            "acknowledges.",
        ),
    ),
    ("mA", "{where} has {value} left."),
    ("mA", "The busbar of {where} has {value} left."),
    ("W", "The house may send at most {value} to the grid."),
    ("ms", "No measurement of {where} for {value}, so the worst is assumed."),
    ("", "The busbar of {where} allows no more power back into it."),
    ("ms", "Paused for {value} after a stop for lack of current."),
    ("", "Rising slowly towards the limit."),
    ("", "The network operator limits it."),
    ("permille", "Kept above your reserve of {value}."),
    ("", "Its charge is not known, so it counts as at its reserve."),
    ("", "As your goal or your own request decides."),
    ("", "Nothing is asked of it."),
    ("", "The car drew more than it may, or went on when told to stop."),
    ("", "A device of this kind may not do it."),
    ("", "Just started; still looking at the state of the house."),
    ("", "It did not do what it was told, so it is held at zero."),
    ("", "Nothing measures what it does, so it stays off."),
    (
        "",
        (
            "It says that its anti-islanding is off.",
            "It has not told yet whether its anti-islanding is on.",
            "It cannot be asked about its anti-islanding, and no certificate is entered.",
        ),
    ),
    ("", "It went on after its enable was taken away."),
    ("", "Held back, since its own power has pushed the grid's voltage out of bounds before."),
    ("ms", "The grid has come and gone several times; waiting {value} more."),
    ("", "What islet does shows wrongly in the measurement of {where}; the worst is assumed."),
    ("", "Waiting until the last change shows in the measurement of {where}."),
    (
        "ms",
        "The charging contactor rests for {value} more, the longer the more often it switches; a "
        "long rest ends sooner when you unplug for a minute or acknowledge.",
    ),
    (
        "",
        (
            "The supply's protective conductor seems lost, so the charging point stays off.",
            "The grid is not measured, so nobody would see its protective conductor lost.",
        ),
    ),
    ("ms", "The measurement of {where} must be good for {value} more."),
    ("", "Your own limit holds it."),
    ("", "A contact at the box limits it."),
    ("", "What is shared out on this site leaves it no more."),
    ("", "The charging network limits it (OCPP)."),
    ("", "A demand programme limits it (OpenADR)."),
    ("", "The utility limits it."),
    ("", "The energy manager limits it."),
    ("W", "It shall deliver {value} so that {where} stays within its limit, as you allowed."),
    ("", "It has not shown yet that it obeys: start its proof."),
    ("W", "It is put to the proof: told {value}."),
    ("", "It does not rest by itself when nobody speaks to it, and nothing else could end that."),
    ("mA", "The neutral of {where} leaves {value}."),
    ("VA", "No leg may carry {value} more of islet's devices than another."),
)

# One row per WHY_* of the policy, in its order, instead of GOAL or NO_GOAL: whether something is
# asked, sentence. {where} is the service's circuit, {after} who is served before, {left} for how
# long it stands.
WISHES = (
    (False, "Without the grid nothing is asked of it."),
    (True, "As your goal asks."),
    (True, "As you told it by hand."),
    (
        False,
        "Nobody knows what is left over: {where}, or one of the devices, is not measured now.",
    ),
    (True, "Too little is left over for it."),
    (True, "Enough is left over; it starts when that lasts for {left} more."),
    (True, "Too little is left over; it goes on at its least for at most {left} more."),
    (True, "After {after}, nothing is left for it."),
    (True, "{reserve}"),  # what the reserve says itself
    (True, "Enough is left over again; it has just stopped for too little, and rests for {left}."),
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
        "One of two: the car asked for ventilation that is not there, or its pilot lost its "
        "diode; so the contactor was opened at once.",
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
        "The inverter's enable does not arrive, for one of these: a service switch that is "
        "pulled, a relay that has opened it, a broken wire.",
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

PILOT = (
    "not read",
    "no car",
    "car plugged in",
    "car asks for power",
    "car asks for power with ventilation",
    "no pilot (E)",
    "charging point not available (F)",
    "not a car (no diode)",
)
PILOT_ELSEWHERE = "read by its device"
CONTACTOR = (
    "open",
    "closing",
    "closed",
    "waiting for the car to stop drawing",
    "opening",
    "fault",
)
GRID = (
    "not measured",
    "no power from the grid",
    "abnormal",
    "waiting until it has been good for as long as the grid code asks",
    "present",
)
ISLAND = (
    "Looking at the state of the house.",
    "The house is connected to the grid.",
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
    "The house cannot run without the grid yet: its inverter has not shown that it obeys.",
)
ANTI_ISLANDING = ("not read yet", "off", "on", "not asked")  # from -1


_TRIPS_TOLD = 2  # in one sentence, which is written in one go


def amount(value, unit):
    """`value` as a person writes it; unit: mA, mV, W, Wh, VA, ms, permille, trips, protections."""
    if unit == "mA":
        return _tenths(value, 1000) + " A"
    if unit == "mV":
        return "{} V".format((value + 500) // 1000)
    if unit in ("W", "Wh", "VA"):
        return (
            _tenths(value, 1000) + " k" + unit if abs(value) >= 1000 else str(value) + " " + unit
        )
    if unit == "ms":
        return _duration(value // 1000)
    if unit == "permille":
        return "{} %".format((value + 5) // 10)
    if unit == "protections":
        names = set_rows(value // im.IN_ESTOP, PROTECTIONS)
        return ", ".join(names) if names else "nobody knows its protective contacts"
    if unit == "trips":
        texts = [row[0] for row in set_rows(value, TRIPS)]
        more = len(texts) - _TRIPS_TOLD  # each stands in the alerts
        return " ".join(texts[:_TRIPS_TOLD]) + (" And {} more.".format(more) if more > 0 else "")
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


def set_rows(mask, rows):
    """Those of `rows`, one per bit, whose bit is set."""
    return [row for bit, row in enumerate(rows) if mask >> bit & 1]


def where_text(node_name, leg):
    """A circuit and its leg (0…2, -1 none)."""
    name = "Circuit " + node_name if node_name else "A circuit"
    return name if leg < 0 else "{} (L{})".format(name, leg + 1)


OWN_SUN = " Its own sun gives {} by itself, whatever its battery is asked."

# Of a claim with two ends place and value are those of the tighter one; of the other one it is its
# own bound that is told.
LOOSE = (
    (im.REASON_BREAKER, "A circuit above it leaves it {}."),
    (im.REASON_BUSBAR, "A busbar above it leaves it {}."),
    (im.REASON_EXPORT, "What the house may send to the grid leaves it {}."),
    (im.REASON_STATIC_BACKFEED, "A busbar above it leaves it {}."),
    (im.REASON_NEUTRAL, "A neutral above it leaves it {}."),
    (im.REASON_METER_STALE, "A measurement above it is missing; the worst is assumed."),
    (im.REASON_INSTRUMENT, "A measurement above it is doubted; the worst is assumed."),
    (im.REASON_UNPROVED, "Waiting until the last change shows in a measurement above it."),
)


# what another device may have taken before
_ROOM = (im.REASON_BREAKER, im.REASON_BUSBAR, im.REASON_EXPORT, im.REASON_STATIC_BACKFEED)


def reason_text(code, node_name=None, leg=-1, value=0, after=None):
    """The sentence for a REASON_* with its node's name, leg (0…2, -1), value, and who was served
    before."""
    if not 0 <= code < len(REASONS):
        return "Reason {} is not known to this version.".format(code)
    unit, text = REASONS[code]
    if isinstance(text, tuple):
        text = text[max(0, min(value, len(text) - 1))]
    where = where_text(node_name, leg)
    if not text.startswith("{where}"):
        where = where[0].lower() + where[1:]
    text = text.format(where=where, value=amount(value, unit))
    return "{}, after {}.".format(text[:-1], after) if after and code in _ROOM else text


def wish_text(why, asked, node_name=None, after="", left_s=0, reserve=""):
    """The policy's sentence for a WHY_* and whether something is asked; None where it has not said
    so, with the service's name, those served before, how long it stands, and the sentence of the
    reserve."""
    if not 0 <= why < len(WISHES) or WISHES[why][0] != asked:
        return None
    where = where_text(node_name, -1)
    return WISHES[why][1].format(
        where=where[0].lower() + where[1:],
        after=after or "others",
        left=_duration(left_s),
        reserve=reserve,
    )


# short names and plain words of what changes its state
STATES = {
    "pilot": (im.PILOT_NAMES, PILOT),
    "contactor": (im.CONTACTOR_NAMES, CONTACTOR),
    "grid": (im.GRID_NAMES, GRID),
    "island": (im.ISLAND_NAMES, ISLAND),
    "note": (im.NOTE_NAMES, NOTES),
}


def state_text(what, value):
    """(short name, plain words) of a state, also of one this version does not know."""
    names, texts = STATES[what]
    if 0 <= value < len(texts):
        return names[value], texts[value]
    return str(value), "state {} is not known to this version".format(value)


def alarm_text(node_name, leg, over_ma):
    """Overload by loads that islet does not control."""
    return "{} is overloaded by {} by loads islet does not control: switch something off.".format(
        where_text(node_name, leg), amount(over_ma, "mA")
    )
