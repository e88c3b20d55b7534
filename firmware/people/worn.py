# islet: what people read of a device whose memory wears out by what it is told.
# GPL-3.0-or-later

_YEAR_DAYS = 365
# by WEARS (drivers/plans.py); nothing is said of RAM
_MEMORIES = {
    "eeprom": "An EEPROM bears {}",
    "flash": "A flash memory bears {}",
    "unknown": "Nobody says what memory keeps that; an EEPROM would bear {}",
}


def shown(names, wears):
    """For the state and the console, by the devices' names. wears: by their rows."""
    return {names.device(device): _shown(wear) for device, wear in wears.items()}


def _shown(wear):
    a_day = None if wear.a_day < 0 else wear.a_day
    days = max(0, wear.cycles - wear.count()) // a_day if a_day else None
    return {
        "memory": wear.memory,
        "cycles": wear.cycles,
        "writes": wear.count(),
        "writes_a_day": a_day,
        "budget_a_day": wear.budget,
        "left_today": wear.left() if wear.paced else None,
        "days_left": days,
        "text": _sentence(wear, a_day, days),
    }


def _sentence(wear, a_day, days):
    text = "Its registers were written {} times".format(wear.count())
    if a_day is not None:
        text += ", {} on the last whole day".format(a_day)
    text += ". " + _MEMORIES[wear.memory].format(wear.cycles)
    if wear.count() >= wear.cycles:
        return text + ": it may fail at any time."
    if days is None:
        return text + "; for how long is known after a whole day of writes."
    if days >= 2 * _YEAR_DAYS:
        return text + ": {} more years like that day.".format(days // _YEAR_DAYS)
    return text + ": {} more days like that one.".format(days)
