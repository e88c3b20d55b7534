# islet: pins and PWM of the simulated chip.
# GPL-3.0-or-later

import struct

import board_wiring
import hostlink
import link_words as words

_LAST_PIN = 29
_SIO = 5
_uses = {}  # pin number -> what the program uses it for


def claim(number, use):
    """A pin has one use, one its wiring allows."""
    net = board_wiring.NETS.get(number)
    allowed = {"in": ("input",), "out": ("output",)}.get(use, (use,))
    if net not in allowed:
        raise ValueError("pin {}: the board has {} there, not {}".format(number, net, use))
    if _uses.setdefault(number, use) != use:
        raise ValueError("pin {} is used as {} already".format(number, _uses[number]))


def number_of(pin):
    """As mp_hal_get_pin_obj(): a Pin or its number."""
    return pin.number if isinstance(pin, Pin) else Pin(pin).number


class Pin:
    IN, OUT, OPEN_DRAIN, ALT = 0, 1, 2, 3
    PULL_UP, PULL_DOWN = 1, 2
    IRQ_FALLING, IRQ_RISING = 4, 8
    ALT_SIO = _SIO

    def __init__(self, id, mode=None, pull=None, *, value=None, alt=_SIO):
        if isinstance(id, Pin):
            id = id.number
        if isinstance(id, str):
            if not id.startswith("GP") or not id[2:].isdigit():
                raise ValueError('unknown named pin "{}"'.format(id))
            id = int(id[2:])
        if not isinstance(id, int) or isinstance(id, bool) or not 0 <= id <= _LAST_PIN:
            raise ValueError("invalid pin")
        if id not in board_wiring.NETS:
            raise ValueError("pin {} is not connected on this board".format(id))
        self.number = id
        self._bit = 1 << id
        self._handler = None
        if mode is not None or pull is not None or value is not None:
            self.init(mode, pull, value=value, alt=alt)

    def init(self, mode=None, pull=None, *, value=None, alt=_SIO):
        if pull not in (None, 0, self.PULL_UP, self.PULL_DOWN):
            raise ValueError("invalid pull")
        if mode == self.IN:
            claim(self.number, "in")
        elif mode == self.OUT:
            claim(self.number, "out")
            high = hostlink.level & self._bit if value is None else value
            hostlink.drive(self.number, True, bool(high))
        elif mode is not None:
            raise ValueError("mode: {} is not IN or OUT".format(mode))

    def value(self, *args):
        if not args:
            levels = hostlink.level if hostlink.driven & self._bit else hostlink.inputs
            return 1 if levels & self._bit else 0
        if len(args) != 1:
            raise TypeError("function expected at most 2 arguments, got 3")
        if _uses.get(self.number) != "out":
            raise ValueError("pin {} is not an output".format(self.number))
        (high,) = args
        hostlink.drive(self.number, True, bool(high))

    def __call__(self, *args):
        return self.value(*args)

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    high, low = on, off

    def toggle(self):
        self.value(not self.value())

    def irq(
        self, handler=None, trigger=IRQ_FALLING | IRQ_RISING, *, priority=1, wake=None, hard=False
    ):
        if _uses.get(self.number) != "in":
            raise ValueError("pin {} is not an input".format(self.number))
        if not trigger or trigger & ~(self.IRQ_FALLING | self.IRQ_RISING):
            raise ValueError("invalid trigger")
        if priority != 1 or wake is not None:
            raise ValueError("invalid argument")
        self._handler, self._trigger = handler, trigger
        if handler is None:
            hostlink.edge_handlers.pop(self.number, None)
        else:
            hostlink.edge_handlers[self.number] = self._edge
        return self

    def _edge(self, high):
        if self._trigger & (self.IRQ_RISING if high else self.IRQ_FALLING):
            try:
                self._handler(self)
            except Exception as error:
                hostlink.fault(error, "pin interrupt")

    def __repr__(self):
        return "Pin(GPIO{}, mode={})".format(self.number, _uses.get(self.number, "none").upper())


class PWM:
    def __init__(self, pin, freq=None, *, duty_u16=None, duty_ns=None, invert=None):
        self._pin = number_of(pin)
        claim(self._pin, "pwm")
        self._freq = 0
        self._duty = None
        self.init(freq, duty_u16=duty_u16, duty_ns=duty_ns, invert=invert)

    def init(self, freq=None, *, duty_u16=None, duty_ns=None, invert=None):
        if invert:
            raise ValueError("invert: the board's driver does not expect it")
        before = self._freq, self._duty
        if freq is not None:
            self._freq = _frequency(freq)
        if duty_u16 is not None:
            self._duty = _duty(duty_u16)
        if duty_ns is not None:
            self._duty = self._from_ns(duty_ns)
        self._tell(before)

    def freq(self, *args):
        if not args:
            return self._freq
        before = self._freq, self._duty
        self._freq = _frequency(*args)
        self._tell(before)

    def duty_u16(self, *args):
        if not args:
            return self._duty or 0
        before = self._freq, self._duty
        self._duty = _duty(*args)
        self._tell(before)

    def duty_ns(self, *args):
        if not args:
            return (self._duty or 0) * 1_000_000_000 // 65535 // self._freq if self._freq else 0
        before = self._freq, self._duty
        self._duty = self._from_ns(*args)
        self._tell(before)

    def deinit(self):
        before = self._freq, self._duty
        self._duty = 0
        self._tell(before)

    def _from_ns(self, duty_ns):
        if not self._freq:
            raise ValueError("duty_ns needs freq")
        return _duty(min(65535, duty_ns * self._freq * 65535 // 1_000_000_000))

    def _tell(self, before):
        """Runs once both are set, as on the chip; only a change is an event."""
        if self._freq and self._duty is not None and (self._freq, self._duty) != before:
            payload = struct.pack("<BIH", self._pin, self._freq, self._duty)
            hostlink.send(words.TO_PWM, payload, words.WHY_OUTPUT)


def _frequency(freq):
    if not isinstance(freq, int):
        raise TypeError("can't convert {} to int".format(type(freq).__name__))
    if freq < 8:
        raise ValueError("freq too small")
    if freq > 62_500_000:
        raise ValueError("freq too large")
    return freq


def _duty(duty):
    if not isinstance(duty, int):
        raise TypeError("can't convert {} to int".format(type(duty).__name__))
    if duty < 0:
        raise ValueError("duty: {} is negative".format(duty))
    return min(duty, 65535)
