"""The fake `machine` refuses what the chip refuses: each chip's own table of wrong calls."""

from __future__ import annotations

import pytest

from tests_host.chips import esp32_chip, rp2_chip, strict
from tests_host.chips.kit import read

CHIPS = {"pico": rp2_chip.Chip, "esp32": esp32_chip.Chip}
SPI_PINS = "sck=Pin(18), mosi=Pin(19), miso=Pin(16)"
WRONG = (
    ("esp32", "Pin(40)", "ValueError: invalid pin"),
    ("esp32", "Pin(24)", "ValueError: invalid pin"),
    ("esp32", "Pin(7)", "ValueError: pin 7 belongs to the flash"),
    ("esp32", "Pin('GP2')", "ValueError: invalid pin"),
    ("esp32", "Pin('LED')", "ValueError: invalid pin"),
    ("esp32", "Pin(25, Pin.OUT, None, 1)", "TypeError"),
    ("esp32", "Pin(25, Pin.OUT, alt=1)", "TypeError"),
    ("esp32", "Pin(25, Pin.IN)", "ValueError: pin 25: the board has out there, not in"),
    ("esp32", "Pin(34, Pin.OUT)", "ValueError: pin can only be input"),
    ("esp32", "Pin(34, Pin.IN, Pin.PULL_UP)", "ValueError: pin 34 has no pull resistors"),
    ("esp32", "Pin(34, Pin.IN).value(1)", "ValueError: pin 34 is not an output"),
    ("esp32", "Pin(25).on()", "ValueError: pin 25 is not an output"),
    ("esp32", "Pin(5, Pin.OUT)", "ValueError: pin 5 is not connected"),
    ("esp32", "Pin(34, Pin.IN).irq(print, 1, hard=True)", "TypeError"),
    ("esp32", "PWM(Pin(25), freq=1000)", "ValueError: pin 25: the board has out there, not pwm"),
    ("esp32", "PWM(Pin(32), freq=1000, duty=5, duty_u16=5)", "ValueError: only one"),
    ("esp32", "PWM(Pin(32), freq=1000, duty_u16=65536)", "ValueError: duty_u16 must be"),
    ("esp32", "PWM(Pin(32), freq=1e3)", "TypeError"),
    ("esp32", "PWM(Pin(32), freq=1000, invert=1)", "TypeError"),
    ("esp32", "PWM(Pin(32), 1000, 5)", "TypeError"),
    ("esp32", "ADC(Pin(25))", "ValueError: pin 25: ADC2"),
    ("esp32", "ADC(Pin(36), 3)", "TypeError"),
    ("esp32", "ADC(Pin(18))", "ValueError: invalid pin"),
    ("esp32", "Timer()", "TypeError"),
    ("esp32", "Timer(-1)", "ValueError: invalid Timer number"),
    ("esp32", "Timer(0)", "ValueError: timer 0 is the UART's own"),
    ("esp32", "Timer(1, period=10, callback=print, hard=True)", "TypeError"),
    ("esp32", "UART(3)", "ValueError: UART(3) does not exist"),
    ("esp32", "UART(0, 9600, tx=Pin(17), rx=Pin(16))", "ValueError: UART buffer size is fixed"),
    ("esp32", "UART(2, 9600, tx=Pin(16), rx=Pin(17))", "ValueError: pin 16: the board has rx"),
    ("esp32", "UART(2, 9600, parity='N', tx=Pin(17), rx=Pin(16))", "TypeError"),
    ("esp32", "UART(2, 9600, tx=Pin(17), rx=Pin(16), rs485=1)", "TypeError"),
    ("esp32", "SPI(0, sck=Pin(18))", "ValueError: SPI(0) doesn't exist"),
    ("esp32", "SPI(2, 1000000, 1, 1, sck=Pin(18))", "TypeError"),
    ("esp32", "SPI(2, sck=Pin(19), mosi=Pin(23), miso=Pin(18))", "ValueError: pin 19: the board"),
    ("esp32", "WDT(timeout=0)", "ValueError: WDT timeout too short"),
    ("esp32", "WDT(timeout=1.5)", "TypeError"),
    ("esp32", "RTC().memory(bytes(2049))", "ValueError: buffer too long"),
    ("pico", "Pin(30)", "ValueError: invalid pin"),
    ("pico", "Pin(4, Pin.OUT, drive=1)", "TypeError"),
    ("pico", "Pin(4, Pin.IN)", "ValueError: pin 4: the board has out there, not in"),
    ("pico", "Pin(10, Pin.OUT)", "ValueError: pin 10: the board has in there, not out"),
    ("pico", "Pin(3, Pin.OUT)", "ValueError: pin 3: the board has hold there, not out"),
    ("pico", "Pin(23, Pin.IN)", "ValueError: pin 23 is not connected"),
    ("pico", "Pin(14, Pin.IN).irq(print, Pin.IRQ_RISING)", "ValueError: a soft handler waits"),
    ("pico", "Pin(14, Pin.IN).irq(print, 2, hard=True)", "ValueError: invalid trigger"),
    ("pico", "PWM(Pin(9), freq=5)", "ValueError: frequency must be from 8Hz"),
    ("pico", "PWM(Pin(9), freq=1000, duty=5)", "TypeError"),
    ("pico", "ADC(Pin(26), atten=3)", "TypeError"),
    ("pico", "ADC(Pin(29))", "ValueError: pin 29: the Pico measures its own supply"),
    ("pico", "UART(2, tx=Pin(0), rx=Pin(1))", "ValueError: UART(2) does not exist"),
    ("pico", "UART(1, tx=Pin(0), rx=Pin(1))", "ValueError: bad TX pin"),
    ("pico", "UART(0, tx=Pin(0), rx=Pin(1), bits=9)", "ValueError: invalid data bits"),
    ("pico", f"SPI(1, polarity=1, phase=1, {SPI_PINS})", "ValueError: bad SCK pin"),
    ("pico", f"SPI(0, {SPI_PINS})", "ValueError: the metering chips speak mode 3"),
    ("pico", "WDT(timeout=8389)", "ValueError: WDT timeout"),
    ("pico", "RTC().memory()", "AttributeError"),
    ("pico", "Pin.OPEN_DRAIN", "AttributeError"),
    ("pico", "SOFT_RESET", "NameError"),
)


@pytest.mark.parametrize(("board", "text", "expected"), WRONG, ids=[text for _, text, _ in WRONG])
def test_a_wrong_call_fails_as_on_the_chip(board: str, text: str, expected: str) -> None:
    chip = CHIPS[board](read(board))
    with pytest.raises((ValueError, TypeError, AttributeError, NameError)) as caught:
        eval(text, vars(chip.machine))
    assert f"{type(caught.value).__name__}: {caught.value}".startswith(expected)


def test_two_frequencies_on_one_slice() -> None:
    chip = rp2_chip.Chip(read("pico"))
    chip.nets |= {25: "pwm", 24: "pwm", 8: "pwm"}
    pwm, pin = chip.machine.PWM, chip.machine.Pin
    pwm(pin(9), freq=1000)
    pwm(pin(24), freq=1000)  # the same slice, at the same frequency
    pwm(pin(10 - 2), freq=1000)
    with pytest.raises(ValueError, match="pin 25 shares its slice"):
        pwm(pin(25), freq=2000)


def test_each_wire_of_a_board_has_its_role() -> None:
    chip = rp2_chip.Chip(read("pico"))
    roles = {"tx": 0, "rx": 1, "de": 2, "hold": 3, "out": 4, "held": 5, "pwm": 9, "in": 10}
    roles |= {"miso": 16, "sck": 18, "mosi": 19, "adc": 26}
    assert {role: chip.nets[pin] for role, pin in roles.items()} == {role: role for role in roles}
    assert chip.nets[17] == chip.nets[strict.MODULES_LED] == "out"
