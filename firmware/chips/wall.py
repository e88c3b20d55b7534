# islet: minutes since 2020 from a chip's calendar.
# GPL-3.0-or-later

_DAYS_BEFORE_MONTH = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


def wall_minute(datetime, first_year=2020):
    """Minutes since 2020-01-01 UTC of what RTC.datetime() gives; -1 before `first_year`, when
    nobody has set the clock yet."""
    year, month, day, _, hour, minute, _, _ = datetime
    if year < first_year:
        return -1
    years = year - 2020
    days = years * 365 + (years + 3) // 4 + _DAYS_BEFORE_MONTH[month - 1] + day - 1
    if month > 2 and year % 4 == 0:
        days += 1
    return (days * 24 + hour) * 60 + minute
