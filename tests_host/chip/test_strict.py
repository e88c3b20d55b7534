"""The simulated chip refuses what the chip refuses: one row per wrong call."""

from __future__ import annotations

import json

import pytest

from tests_host.chip.stub_twin import StubTwin

WRONG = (
    ("Pin(40)", "ValueError: invalid pin"),
    ("Pin(-1)", "ValueError: invalid pin"),
    ("Pin('GP2x')", 'ValueError: unknown named pin "GP2x"'),
    ("Pin('LED')", 'ValueError: unknown named pin "LED"'),
    ("Pin(2.0)", "ValueError: invalid pin"),
    ("Pin()", "TypeError"),
    ("Pin(25)", "ValueError: pin 25 is not connected on this board"),
    ("Pin(2, Pin.OUT, None, 1)", "TypeError"),
    ("Pin(2, Pin.OUT, level=1)", "TypeError"),
    ("Pin(2, Pin.IN)", "ValueError: pin 2: the board has output there, not in"),
    ("Pin(10, Pin.OUT)", "ValueError: pin 10: the board has input there, not out"),
    ("Pin(7, Pin.OUT)", "ValueError: pin 7: the board has pwm there, not out"),
    ("Pin(10, Pin.IN, 9)", "ValueError: invalid pull"),
    ("Pin(2, 7)", "ValueError: mode: 7 is not IN or OUT"),
    ("Pin(10, Pin.IN).value(1)", "ValueError: pin 10 is not an output"),
    ("Pin(2).on()", "ValueError: pin 2 is not an output"),
    ("Pin(2, Pin.OUT).value(1, 2)", "TypeError"),
    ("Pin(2, Pin.OUT).set(1)", "AttributeError"),
    ("Pin(2, Pin.OUT).irq(print)", "ValueError: pin 2 is not an input"),
    ("Pin(10, Pin.IN).irq(print, 99)", "ValueError: invalid trigger"),
    ("Pin(10, Pin.IN).irq(print, edge=4)", "TypeError"),
    ("Pin.PULL_HOLD", "AttributeError"),
    ("PWM(Pin(2))", "ValueError: pin 2: the board has output there, not pwm"),
    ("PWM(Pin(7), frequency=1000)", "TypeError"),
    ("PWM(Pin(7), 1000, 500)", "TypeError"),
    ("PWM(Pin(7), freq=1000, duty=500)", "TypeError"),
    ("PWM(Pin(7), freq=1)", "ValueError: freq too small"),
    ("PWM(Pin(7), freq=100_000_000)", "ValueError: freq too large"),
    ("PWM(Pin(7), freq=1e3)", "TypeError"),
    ("PWM(Pin(7), freq=1000, duty_u16=0.5)", "TypeError"),
    ("PWM(Pin(7), freq=1000, duty_u16=-1)", "ValueError: duty"),
    ("PWM(Pin(7)).duty(5)", "AttributeError"),
    ("UART(2)", "ValueError: UART(2) doesn't exist"),
    ("UART()", "TypeError"),
    ("UART(1, baud=9600)", "TypeError"),
    ("UART(1, 9600, tx=Pin(2), rx=Pin(9))", "ValueError: bad TX pin"),
    ("UART(1, 9600, tx=Pin(8), rx=Pin(8))", "ValueError: bad RX pin"),
    ("UART(1, 9600)", "ValueError: pin 4: the board has output there, not uart tx"),
    ("UART(1, 9600, 9, tx=Pin(8), rx=Pin(9))", "ValueError: bits"),
    ("UART(1, 9600, parity='N', tx=Pin(8), rx=Pin(9))", "ValueError: parity"),
    ("UART(1, 9600, parity=2, tx=Pin(8), rx=Pin(9))", "ValueError: parity"),
    ("UART(1, 9600, stop=3, tx=Pin(8), rx=Pin(9))", "ValueError: stop"),
    ("UART(1, '9600', tx=Pin(8), rx=Pin(9))", "TypeError"),
    ("UART(1, 9600, tx=Pin(8), rx=Pin(9), rxbuf=70000)", "ValueError: rxbuf too large"),
    ("UART(1, 9600, tx=Pin(8), rx=Pin(9), rs485=1)", "TypeError"),
    ("UART(1, 9600, tx=Pin(8), rx=Pin(9)).irq(print, 1)", "ValueError: trigger"),
    ("UART(1, 9600, tx=Pin(8), rx=Pin(9)).available()", "AttributeError"),
    ("Timer(0)", "ValueError: Timer doesn't exist"),
    ("Timer(period=10, callback=print, hard=True)", "TypeError"),
    ("Timer(period=0, callback=print)", "ValueError: period"),
    ("Timer(mode=5, period=10)", "ValueError: mode"),
    ("Timer(-1, 10)", "TypeError"),
    ("WDT(timeout=8389)", "ValueError: timeout exceeds 8388"),
    ("WDT(timeout=0)", "ValueError"),
    ("WDT(1)", "ValueError: WDT(1) doesn't exist"),
    ("WDT(timeout_ms=100)", "TypeError"),
    ("WDT(timeout=1.5)", "TypeError"),
    ("RTC(0)", "TypeError"),
    ("RTC().datetime((2026, 1, 1))", "ValueError"),
    ("ADC(26)", "ValueError: the converter is busy streaming"),
    ("machine.freq(200_000_000)", "ValueError"),
    ("machine.mem32[0x4004c000]", "RuntimeError: mem32[0x4004c000]"),
    ("machine.mem32.__setitem__(0, 1)", "RuntimeError"),
    ("machine.deepsleep(1)", "AttributeError"),
    ("machine.lightsleep(1)", "RuntimeError"),
    ("adcstream.start(range(3), 4800, 48, print)", "ValueError: channels"),
    ("adcstream.start(range(19), 5000, 50, print)", "ValueError: this board streams"),
    ("adcstream.start(range(19), 4800, 48, None)", "TypeError"),
    ("select.poll().register(sys.stdin)", "OSError"),
)

RIGHT = (
    ("Pin(2, Pin.OUT, value=1).value()", 1),
    ("Pin('GP2').value()", 1),
    ("Pin(2).number", 2),
    ("Pin(3, Pin.OUT)()", 0),
    ("Pin(10, Pin.IN, Pin.PULL_DOWN).value()", 0),
    ("PWM(Pin(7), freq=1000, duty_u16=70000).duty_u16()", 65535),
    ("PWM(7, 1000, duty_ns=500_000).duty_u16()", 32767),
    ("UART(1, 9600, tx=Pin(8), rx=Pin(9)).any()", 0),
    ("UART(1, 9600, 8, None, 1, tx=8, rx=9, timeout=5, txbuf=64).read()", None),
    ("UART(1, baudrate=19200, parity=0, tx=Pin(8), rx=Pin(9)).char_us", 573),
    ("machine.freq()", 125_000_000),
    ("machine.reset_cause() == machine.PWRON_RESET", True),
    ("machine.mem32[0x4005800C]", 0),
    ("machine.mem32.__setitem__(0x40058018, 0x1_FFFF_FFF0)", None),
    ("machine.mem32[0x40058018]", 0xFFFF_FFF0),
    ("machine.enable_irq(machine.disable_irq())", None),
    ("RTC().datetime()[:3]", [2026, 11, 5]),
    ("RTC().datetime((2027, 2, 3, 0, 4, 5, 6, 0))", None),
    ("RTC().datetime()[:6]", [2027, 2, 3, 2, 4, 5]),
)

SCRIPT = """
import json, sys
import machine, adcstream, select
from machine import *
from machine import ADC, PWM, RTC, UART, WDT, Pin, Timer
for text in json.loads({texts!r}):
    try:
        answer = eval(text)
    except Exception as error:
        answer = "{{}}: {{}}".format(type(error).__name__, error)
    print(json.dumps(answer))
"""


def answers(texts: list[str]) -> list[object]:
    twin = StubTwin().run(SCRIPT.format(texts=json.dumps(texts)))
    assert twin.code == 0, twin.stderr
    return [json.loads(line) for line in twin.stdout.splitlines()]


@pytest.fixture(scope="module")
def refusals() -> dict[str, object]:
    texts = [text for text, _ in WRONG]
    return dict(zip(texts, answers(texts), strict=True))


@pytest.mark.parametrize(("text", "expected"), WRONG, ids=[text for text, _ in WRONG])
def test_wrong_call_fails(refusals: dict[str, object], text: str, expected: str) -> None:
    assert str(refusals[text]).startswith(expected)


def test_right_calls_work() -> None:
    texts = [text for text, _ in RIGHT]
    assert dict(zip(texts, answers(texts), strict=True)) == dict(RIGHT)


def test_pins_and_pwm_tell_the_twin() -> None:
    twin = StubTwin(quit_us=100_000).run("""
from machine import Pin
import time
island = Pin(3)          # a pin that is only looked up is not driven
bond = Pin(4, Pin.OUT, value=1)
time.sleep_ms(10)
bond.toggle()
time.sleep_ms(10)
island.init(Pin.OUT, value=1)
time.sleep_ms(10)
""")
    pins = [(m.t_us, p.hex()) for m in twin.messages for p in m.all(1)]
    assert pins == [
        (0, "1000000010000000"),
        (10_000, "1000000000000000"),
        (20_000, "1800000008000000"),
    ]
