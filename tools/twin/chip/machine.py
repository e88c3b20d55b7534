# islet: a strict machine module: what fails on the RP2040 (MicroPython 1.25) fails here.
# GPL-3.0-or-later
#
# Stricter than the chip where the chip would do harm in silence: a pin the board does not connect,
# a pin used for two things, an output that fights another driver.

import os
import socket  # noqa: F401  takes the place of usocket before anybody imports it
import struct
import sys

import hostlink
import link_words as words
import utime
from chip_calendar import EPOCH_2020_MIN
from chip_pin import PWM, Pin
from chip_uart import UART

__all__ = (
    "ADC",
    "PWM",
    "PWRON_RESET",
    "RTC",
    "UART",
    "WDT",
    "WDT_RESET",
    "Pin",
    "Timer",
    "disable_irq",
    "enable_irq",
    "freq",
    "idle",
    "lightsleep",
    "reset",
    "reset_cause",
    "soft_reset",
    "unique_id",
)  # fmt: skip

PWRON_RESET = 1
WDT_RESET = 3  # also after reset(), as on the chip

_CPU_HZ = 125_000_000
_WDT_MAX_MS = 8388  # 0xffffff us / 2
_SCRATCH0 = 0x4005800C  # of the watchdog, as on the RP2040
_masked = False


class ADC:
    """One-shot conversions would disturb the stream that measures (AINSEL is rewritten)."""

    def __init__(self, pin):
        raise ValueError("the converter is busy streaming: use adcstream")


class Timer(hostlink.Alarm):
    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id=-1, *args, **options):
        super().__init__(hostlink.RANK_TIMER)
        if args:
            raise TypeError("extra positional arguments given")
        if id != -1:
            raise ValueError("Timer doesn't exist")
        self._callback = None
        if options:
            self.init(**options)

    def init(self, *, mode=1, callback=None, period=-1, tick_hz=1000, freq=None):
        if mode not in (self.ONE_SHOT, self.PERIODIC):
            raise ValueError("mode: {} is not ONE_SHOT or PERIODIC".format(mode))
        if freq is not None:
            self._us = int(1_000_000 / freq)
        else:
            self._us = period * 1_000_000 // tick_hz
        if self._us < 1:
            raise ValueError("period: {} is not positive".format(period))
        self._mode = mode
        self._callback = callback
        self._left_us = self._us
        self._arm()

    def deinit(self):
        self.due = hostlink.NEVER

    def _arm(self):
        part = min(self._left_us, 400_000_000)
        self._left_us -= part
        self.due = (hostlink.now_us if self.due == hostlink.NEVER else self.due) + part

    def fire(self):
        if self._left_us:
            self._arm()
            return
        if self._mode == self.PERIODIC:
            self._left_us = self._us
            self._arm()
        else:
            self.due = hostlink.NEVER
        if self._callback is not None:
            try:
                self._callback(self)
            except Exception as error:  # the scheduler prints it and goes on
                hostlink.fault(error, "timer callback")


class _Watchdog(hostlink.Alarm):
    timeout_ms = 0

    def fire(self):
        hostlink.log("watchdog: not fed for {} ms".format(self.timeout_ms))
        hostlink.exchange()
        hostlink.end(words.EXIT_WATCHDOG)


class WDT:
    _dog = None

    def __init__(self, id=0, timeout=5000):
        if id != 0:
            raise ValueError("WDT({}) doesn't exist".format(id))
        if not isinstance(timeout, int):
            raise TypeError("can't convert {} to int".format(type(timeout).__name__))
        if not 0 < timeout <= _WDT_MAX_MS:
            raise ValueError("timeout exceeds 8388")
        if WDT._dog is None:
            WDT._dog = _Watchdog(hostlink.RANK_WATCHDOG)
        WDT._dog.timeout_ms = timeout
        hostlink.send(words.TO_WDT, timeout.to_bytes(4, "little"))
        WDT._dog.due = hostlink.due_after(timeout * 1000)

    def feed(self):
        dog = WDT._dog
        hostlink.send(words.TO_WDT, b"\0\0\0\0")
        dog.due = hostlink.due_after(dog.timeout_ms * 1000)


class RTC:
    def __init__(self):
        pass

    def datetime(self, *args):
        """(year, month, day, weekday, hour, minute, second, 0); given one, sets the clock."""
        if not args:
            t = utime.gmtime(hostlink.calendar.epoch_s(hostlink.now_ms()))
            return (t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0)
        if len(args) != 1:
            raise TypeError("function expected at most 2 arguments")
        if len(args[0]) != 8:
            raise ValueError("requested length 8 but object has length {}".format(len(args[0])))
        year, month, day, _, hour, minute, second, _ = args[0]
        seconds = utime.mktime((year, month, day, hour, minute, second, 0, 0))
        hostlink.calendar.set(seconds // 60 - EPOCH_2020_MIN, hostlink.now_ms())


def freq(*args):
    if not args:
        return _CPU_HZ
    raise ValueError("cannot change frequency")


def unique_id():
    return b"islet\x01"  # six bytes, as an ESP32's


def reset():
    hostlink.log("machine.reset()")
    hostlink.exchange()
    hostlink.end(words.EXIT_RESET)


def soft_reset():
    sys.exit(0)


def reset_cause():
    """As on the chip, where reset() is the watchdog's as well."""
    return PWRON_RESET if os.getenv("ISLET_RESET_CAUSE", "power") == "power" else WDT_RESET


def disable_irq():
    """Interrupts only come while time passes, so there is nothing to hold off; checked to pair."""
    global _masked
    before, _masked = _masked, True
    return before


def enable_irq(state=True):
    global _masked
    _masked = not state if isinstance(state, bool) else bool(state)


def idle():
    hostlink.run(hostlink.due_after(1000))


def lightsleep(*args):
    raise RuntimeError("a unit that guards does not sleep")


class _NoMemory:
    def __getitem__(self, address):
        raise RuntimeError("mem32[0x{:08x}]: the simulated chip has no registers".format(address))

    def __setitem__(self, address, value):
        self[address]


class _Scratch(_NoMemory):
    """The watchdog's SCRATCH0 to 7: a watchdog's or the program's reset leaves them alone, a power
    cut clears them. The twin keeps them; 4 to 7 are the boot ROM's."""

    def __init__(self):
        self._words = [int(word) for word in (os.getenv("ISLET_SCRATCH") or "").split()] or [0] * 8

    def _index(self, address):
        index = (address - _SCRATCH0) // 4
        return index if address % 4 == 0 and 0 <= index < 8 else -1

    def __getitem__(self, address):
        index = self._index(address)
        return self._words[index] if index >= 0 else super().__getitem__(address)

    def __setitem__(self, address, value):
        index = self._index(address)
        if not 0 <= index < 4:
            raise RuntimeError("mem32[0x{:08x}]: nothing of the program's".format(address))
        value &= 0xFFFFFFFF
        if value != self._words[index]:
            self._words[index] = value
            hostlink.send(words.TO_SCRATCH, struct.pack("<BI", index, value))


mem8 = mem16 = _NoMemory()
mem32 = _Scratch()
