# islet: the rival: what a plain MicroPython loop makes of the same board and the same tasks.
# GPL-3.0-or-later
#
# read_u16 in a burst, floats, a soft timer every 10 ms, one loop beside it: as most published
# charger projects do it. Same pins, same limits, same garbage, same log. Not a part of islet.

import asyncio
import gc
import time

from machine import ADC, PWM, Pin, Timer

_RATED_A = 16.0
_READS = 25
BALLAST_BYTES = 60_000

dead_man = Pin(3, Pin.OUT, value=1)  # what stands in for one: nobody takes it back
contactor, enable = Pin(4, Pin.OUT, value=0), Pin(7, Pin.OUT, value=0)
pwm = PWM(Pin(9), freq=1000, duty_u16=267 * 65535 // 1000)
rcd = Pin(15, Pin.IN, Pin.PULL_UP)
crossing = Pin(21, Pin.IN)
pilot_adc, proximity_adc, ct_adc = ADC(26), ADC(27), ADC(28)


class Plain:
    def __init__(self):
        self.crossed_ms = time.ticks_ms()
        self.off_ms = [0, 0]
        crossing.irq(self.on_crossing, Pin.IRQ_RISING | Pin.IRQ_FALLING)
        self.timer = Timer(period=10, mode=Timer.PERIODIC, callback=self.tick)

    def on_crossing(self, _pin):
        self.crossed_ms = time.ticks_ms()

    def tick(self, _timer):
        peak_a = 0.0
        pilot_v = -15.0
        for _ in range(_READS):
            current_a = (ct_adc.read_u16() / 65535 - 0.5) * 3.3 / 0.011
            peak_a = max(peak_a, abs(current_a))
            volts = pilot_adc.read_u16() / 65535 * 30.52 - 15.0
            pilot_v = max(pilot_v, volts)
        proximity_adc.read_u16()
        bad = peak_a > 2 * _RATED_A * 1.414 or not 1.0 < pilot_v < 8.0 or rcd.value() == 1
        dead = time.ticks_diff(time.ticks_ms(), self.crossed_ms) > 12
        self.switch(0, contactor, bad)
        self.switch(1, enable, dead or rcd.value() == 1)

    def switch(self, which, pin, bad):
        """Off at once, on again when it has been well for 200 ms."""
        now = time.ticks_ms()
        if bad:
            pin.value(0)
            self.off_ms[which] = now
        elif time.ticks_diff(now, self.off_ms[which]) > 200:
            pin.value(1)


async def collect():
    while True:
        gc.collect()
        await asyncio.sleep_ms(0)


async def chatter():
    while True:
        print("the quick brown fox jumps over the lazy dog")
        await asyncio.sleep_ms(500)


async def main(with_garbage):
    kept = []
    if with_garbage:
        kept = [(i, bytearray(48)) for i in range((gc.mem_free() - BALLAST_BYTES) // 112)]
    plain = Plain()
    print("running")
    await (asyncio.gather(collect(), chatter()) if with_garbage else chatter())
    plain.timer.deinit()
    kept.clear()


def run(with_garbage):
    asyncio.run(main(with_garbage))


def rms():
    """Prints the current's RMS over 20 ms, in floats, the middle taken at the beginning."""
    print("running")
    middle = sum(ct_adc.read_u16() for _ in range(1000)) / 1000
    while True:
        start = time.ticks_us()
        total, count = 0.0, 0
        while time.ticks_diff(time.ticks_us(), start) < 20_000:
            amps = (ct_adc.read_u16() - middle) / 65535 * 3.3 / 0.011
            total += amps * amps
            count += 1
        print("rms", (total / count) ** 0.5)
