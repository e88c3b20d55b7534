# islet: time for the simulated chip: waiting goes through the link, the date is the twin's.
# GPL-3.0-or-later

import hostlink
import utime
from utime import mktime, ticks_add, ticks_cpu, ticks_diff, ticks_ms, ticks_us

__all__ = (
    "gmtime", "localtime", "mktime", "sleep", "sleep_ms", "sleep_us", "ticks_add", "ticks_cpu",
    "ticks_diff", "ticks_ms", "ticks_us", "time", "time_ns",
)  # fmt: skip


def sleep_us(us):
    while us > 0:
        part = min(us, 100_000_000)
        hostlink.run(hostlink.due_after(part))
        us -= part


def sleep_ms(ms):
    while ms > 0:
        part = min(ms, 100_000)
        sleep_us(part * 1000)
        ms -= part


def sleep(seconds):
    sleep_ms(int(seconds * 1000))


def time():
    return hostlink.calendar.epoch_s(hostlink.now_ms())


def time_ns():
    return time() * 1_000_000_000


def gmtime(seconds=None):
    return utime.gmtime(time() if seconds is None else seconds)


def localtime(seconds=None):
    return gmtime(seconds)
